# SPDX-License-Identifier: MIT
# style.awk - what a formatter does not see, line by line over C files: the
# licence line, #pragma once, functions that are banned, words that promise
# work for later, lines over 80 columns, typedefs of structs.
function wrong(text) {
    print FILENAME ":" FNR ": " text
    bad = 1
}
function end_of_file() {
    if (last_file ~ /\.h$/ && !has_pragma) {
        print last_file ": no #pragma once"
        bad = 1
    }
}
BEGIN {
    banned = "strcpy|strcat|sprintf|vsprintf|strtok|atoi|atol|system|popen|" \
        "signal|usleep|gets|tmpnam|mktemp|alloca"
    later = "TO" "DO|FIX" "ME|XX" "X"
}
FNR == 1 {
    end_of_file()
    last_file = FILENAME
    has_pragma = 0
    in_comment = 0
    if ($0 != "/* SPDX-License-Identifier: MIT */") {
        wrong("the first line is not the SPDX line")
    }
}
FNR == 2 && !/^\/\* [a-z_0-9]+\.[ch] - / {
    wrong("no head comment `/* name - what it is` on the second line")
}
/^#pragma once$/ { has_pragma = 1 }
/clang-format off/ { is_free = 1 }
/clang-format on/ { is_free = 0 }
{
    if (length($0) > 80 && !is_free) {
        wrong("over 80 columns")
    }
    if (match($0, "(^|[^A-Za-z_])(" later ")([^A-Za-z_]|$)")) {
        wrong("a promise instead of an issue")
    }
    # Strings and comments may speak of anything.
    code = $0
    gsub(/\\"/, "", code)
    gsub(/"[^"]*"/, "\"\"", code)
    gsub(/\/\*.*\*\//, "", code)
    if (in_comment) {
        if (!match(code, /\*\//)) {
            next
        }
        code = substr(code, RSTART + 2)
        in_comment = 0
    }
    if (match(code, /\/\*/)) {
        code = substr(code, 1, RSTART - 1)
        in_comment = 1
    }
    if (match(code, "(^|[^A-Za-z0-9_.>])(" banned ")[ ]*\\(")) {
        wrong("a banned function: " substr(code, RSTART, RLENGTH) ")")
    }
    if (FILENAME != "worker/sys/proc.c" && FILENAME ~ /^worker\// &&
        match(code, /(^|[^A-Za-z0-9_.>])(v?fork|clone|clone3|_Fork)[ ]*\(/)) {
        wrong("processes are made in worker/sys/proc.c only")
    }
    if (code ~ /^[ \t]*typedef (struct|union|enum)/) {
        wrong("no typedef for structs")
    }
}
END {
    end_of_file()
    exit bad
}
