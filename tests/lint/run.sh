#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# run.sh - everything that can be said about the code without running it; one
# line per check, then what is wrong. `make lint` calls it, after it installed
# the tools. Changes nothing.
#
#   tests/lint/run.sh [CHECK...]     only these checks
# shellcheck disable=SC2317 # the checks are called by name
set -uo pipefail
cd "$(dirname "$0")/../.." || exit 2

log=$(mktemp)
trap 'rm -f "$log"' EXIT
failed=0

# What is in the index or new and not ignored, and still on the disk.
files() {
    local path
    git ls-files --cached --others --exclude-standard -- "$@" |
        while IFS= read -r path; do
            if [ -f "$path" ]; then
                printf '%s\n' "$path"
            fi
        done | sort -u
}

mapfile -t c_files < <(files '*.c' '*.h')
mapfile -t worker_files < <(files 'worker/*.c' 'worker/*.h')
mapfile -t worker_headers < <(files 'worker/*.h')
mapfile -t worker_sources < <(files 'worker/*.c')
mapfile -t shell_files < <({
    files '*.sh' '.ci/run'
    files '*' | xargs -d '\n' grep -lE '^#!.*\b(ba|da)?sh$' --
} | sort -u)

check_format() {
    clang-format --dry-run --Werror -- "${c_files[@]}"
}

check_style() {
    awk -f tests/lint/style.awk -- "${c_files[@]}"
}

check_floors() {
    awk -f tests/lint/floors.awk -- "${worker_files[@]}"
}

check_functions() {
    awk -f tests/lint/functions.awk -- "${c_files[@]}"
}

# Each header alone: it includes all it needs.
check_headers() {
    local header flags status=0
    flags=$(sed -n 's/^PKG_CFLAGS := //p' build/lint/flags.mk)
    for header in "${worker_headers[@]}"; do
        # shellcheck disable=SC2086 # flags are words
        printf '#include "%s"\n' "${header#worker/}" |
            gcc -std=gnu11 -D_GNU_SOURCE -Iworker $flags -Wall -Wextra \
                -Werror -fsyntax-only -x c - || status=1
    done
    return "$status"
}

# Exported names begin with the name of their file, so that a reader knows
# where to look. Taken from the objects, not guessed from the text.
check_names() {
    local source object status=0 stem name
    for source in "${worker_sources[@]}"; do
        object=build/lint/obj/${source%.c}.o
        stem=$(basename "$source" .c)
        if [ ! -f "$object" ]; then
            continue # did not compile; the check before this one said so
        fi
        while read -r name; do
            # config_file.c may export config_...: the family's first word.
            case $name in
            "${stem%%_*}"*) ;;
            main | __wrap_*) ;;
            *)
                case $source:$name in
                worker/base/base.c:auto_* | worker/base/mem.c:x* | \
                    worker/base/mem.c:arena_* | worker/base/buf.c:view_*) ;;
                *)
                    echo "$source: exports $name"
                    status=1
                    ;;
                esac
                ;;
            esac
        done < <(nm -g --defined-only "$object" | awk '{ print $3 }')
    done
    return "$status"
}

check_warnings() {
    # In a folder of its own: objects that were compiled with warnings count
    # as made elsewhere.
    make --keep-going VARIANT=lint objects >"$log.make" 2>&1
    local status=$?
    grep -vE '^  (CC|LD|AR) |^make.*Nothing to be done' "$log.make"
    rm -f "$log.make"
    return "$status"
}

check_cppcheck() {
    mkdir -p build/cppcheck
    cppcheck --quiet --std=c11 --language=c --error-exitcode=1 \
        --enable=warning,performance,portability --inline-suppr \
        --suppress=missingIncludeSystem --suppress=unknownMacro \
        --suppress=normalCheckLevelMaxBranches --suppress=checkersReport \
        --cppcheck-build-dir=build/cppcheck -j "$(nproc)" \
        -D_GNU_SOURCE -Iworker worker
}

check_shellcheck() {
    shellcheck -- "${shell_files[@]}"
}

check_sample() {
    make VARIANT=lint sampler >/dev/null || return 1
    build/lint/tests/lint/sample | diff - deploy/forkyard.yaml || {
        echo "deploy/forkyard.yaml is not current; remedy: make sample"
        return 1
    }
}

check_settings() {
    python3 tests/lint/kafka_settings.py
}

# Whitespace at line ends, CRLF, a missing last newline.
check_text() {
    local path status=0
    while IFS= read -r path; do
        case $path in
        *.msgpack | *.png | tests/fuzz/corpus/*) continue ;;
        esac
        if grep -nE '[[:space:]]$' -- "$path" | sed "s|^|$path:|" | grep .; then
            status=1
        fi
        if [ -s "$path" ] && [ -n "$(tail -c 1 -- "$path")" ]; then
            echo "$path: no newline at the end"
            status=1
        fi
    done < <(files '*')
    return "$status"
}

run() {
    local name=$1 began=$SECONDS verdict
    if "check_$name" >"$log" 2>&1; then
        verdict=ok
    else
        verdict=FAIL
        failed=1
    fi
    printf '%-4s %-12s %4d s\n' "$verdict" "$name" "$((SECONDS - began))"
    sed 's/^/     /' "$log"
}

if [ $# -gt 0 ]; then
    checks=("$@")
else
    # warnings builds the objects that names and sample look at.
    checks=(format style floors functions text warnings headers names sample
        settings shellcheck cppcheck)
fi
for check in "${checks[@]}"; do
    run "$check"
done
exit "$failed"
