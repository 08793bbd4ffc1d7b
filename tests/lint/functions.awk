# SPDX-License-Identifier: MIT
# functions.awk - the length of each function, from the line of its opening
# brace in the first column to its closing one. Over 100 lines is an error;
# over 60 is printed, to be thought about. Files over 800 lines are errors.
# Tables (a brace after `=`) do not open in the first column and do not count.
FNR == 1 {
    if (last_file != "" && last_line > 800) {
        print last_file ": " last_line " lines; split it (800 at most)"
        bad = 1
    }
    start = 0
}
{
    last_file = FILENAME
    last_line = FNR
}
/^[a-z].*\(/ {
    name = $0
    sub(/\(.*/, "", name)
    sub(/.*[ *]/, "", name)
}
/^\{/ {
    start = FNR
}
/^\}/ && start {
    lines = FNR - start + 1
    if (lines > 100) {
        print FILENAME ":" start ": " name "() has " lines \
            " lines; 100 at most"
        bad = 1
    } else if (lines > 60) {
        print FILENAME ":" start ": " name "() has " lines \
            " lines; think about it (not an error)"
    }
    start = 0
}
END {
    if (last_line > 800) {
        print last_file ": " last_line " lines; split it (800 at most)"
        bad = 1
    }
    exit bad
}
