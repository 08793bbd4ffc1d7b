/* SPDX-License-Identifier: MIT */
/* profile_test.c - Do compilers work with the calls that their profile has, and
 * is that what they get? Those that this machine has; a box sees /usr only. */
#include "lib/unit.h"

#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/base.h"
#include "lib/boxrun.h"

#define MIB (UINT64_C(1) << 20)

static struct boxrun run;
static struct boxrun_result r;

static const struct {
    const char *tool;
    const char *script;
} compilers[] = {
    {"/usr/bin/gcc", "echo 'int main(void){return 0;}' >a.c; gcc -O2 a.c && "
                     "./a.out && echo made"},
    {"/usr/bin/g++", "printf '#include <iostream>\n"
                     "int main(){std::cout<<\"made\\\\n\";}' >a.cpp; "
                     "g++ -O2 a.cpp && ./a.out"},
    {"/usr/bin/clang", "echo 'int main(void){return 0;}' >a.c; clang a.c && "
                       "./a.out && echo made"},
    {"/usr/bin/make", "printf 'a: b\\n\\techo made\\nb:\\n\\ttouch b\\n' "
                      ">Makefile; make -s -j2 a"},
    {"/usr/local/go/bin/go",
     "printf 'package main\\nfunc main(){println(\"made\")}' >a.go; "
     "export GOCACHE=/tmp/c GO111MODULE=off HOME=/tmp; "
     "/usr/local/go/bin/go build -o a a.go && ./a 2>&1"},
    {"/usr/bin/javac", "echo 'class A{public static void main(String[] a)"
                       "{System.out.println(\"made\");}}' >A.java; "
                       "javac A.java && java A"},
};

static int open_run(void **state)
{
    (void)state;
    boxrun_open(&run, "auto");
    return 0;
}

static int close_run(void **state)
{
    (void)state;
    boxrun_close(&run);
    return 0;
}

static void run_as_compiler(const char *script)
{
    const char *argv[] = {"/bin/sh", "-c", script, NULL};
    struct boxrun_job job = {
        .argv = argv, .limits = boxrun_limits, .profile = SECCOMP_COMPILER};

    job.limits.memory_bytes = 1024 * MIB;
    job.limits.workspace_bytes = 64 * MIB;
    job.limits.tmp_bytes = 512 * MIB;
    job.limits.file_size_bytes = 128 * MIB;
    job.limits.max_inodes = 50000;
    job.limits.cpu_time_ms = 90000;
    job.limits.max_processes = 200;
    job.limits.max_open_files = 1000;
    boxrun_run(&run, &job, &r);
}

static void compilers_work(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(compilers); i++) {
        if (access(compilers[i].tool, X_OK) != 0) {
            print_message("# no %s here\n", compilers[i].tool);
            continue;
        }
        run_as_compiler(compilers[i].script);
        if (strcmp(r.out, "made\n") != 0 || r.ended.report.wait_status != 0) {
            fail_msg("%s: status %x, '%s'", compilers[i].tool,
                     r.ended.report.wait_status, r.out);
        }
    }
}

/* EPERM where another family is allowed, ENOSYS where nothing is; and the same
 * box serves a program next. */
static void compilers_have_no_network(void **state)
{
    static const char script[] =
        "exec /usr/bin/python3 -c 'import errno, socket\n"
        "def tried(f):\n"
        " try: f(); return \"done\"\n"
        " except OSError as e: return errno.errorcode[e.errno]\n"
        "a, b = socket.socketpair()\n"
        "u = socket.socket(socket.AF_UNIX)\n"
        "print(tried(socket.socket), tried(lambda: u.bind(\"x\")))'";
    const char *argv[] = {"/bin/sh", "-c", script, NULL};
    const struct boxrun_job program = {.argv = argv, .limits = boxrun_limits};
    struct boxrun_job compiler = program; /* the same limits: a box made ahead
                                           * differs by nothing else */

    (void)state;
    compiler.profile = SECCOMP_COMPILER;
    for (int i = 0; i < 2; i++) {
        boxrun_settle(&run); /* it is there, made for the job before */
        boxrun_run(&run, &compiler, &r);
        assert_string_equal(r.out, "EPERM ENOSYS\n");
        boxrun_settle(&run);
        boxrun_run(&run, &program, &r);
        assert_string_equal(r.out, "done done\n");
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(compilers_work),
        cmocka_unit_test(compilers_have_no_network),
    };

    return cmocka_run_group_tests_name("profile", tests, open_run, close_run);
}
