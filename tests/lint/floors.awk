# SPDX-License-Identifier: MIT
# floors.awk - a file includes its own floor and lower ones, nothing above.
# Run by tests/lint/run.sh over every file of worker/; prints what is wrong.
BEGIN {
    split("base wire sys svc lib run bin", names, " ")
    for (i in names) {
        level[names[i]] = i
    }
    # A program of its own, of the lower floors.
    level["inside"] = level["sys"]
}
FNR == 1 {
    split(FILENAME, parts, "/")
    floor = parts[2]
}
/^[ \t]*#[ \t]*include[ \t]*"/ {
    split($0, quoted, "\"")
    path = quoted[2]
    split(path, target, "/")
    if (!(target[1] in level)) {
        print FILENAME ":" FNR ": include \"" path "\" names no floor"
        bad = 1
    } else if (level[target[1]] + 0 > level[floor] + 0) {
        print FILENAME ":" FNR ": floor '" floor "' includes \"" path \
            "\" from a higher one"
        bad = 1
    }
}
END { exit bad }
