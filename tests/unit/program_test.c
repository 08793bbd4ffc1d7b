/* SPDX-License-Identifier: MIT */
/* program_test.c - is every language started and compiled by the right words?
 */
#include "run/program.h"

#include <string.h>

#include "lib/unit.h"
#include "wire/bundle.h"

#define MIB (UINT64_C(1) << 20)

static struct job job;
static struct job_limits limits;
static struct job_file files[8];
static struct view compile_argv[4];
static struct buf b;

static int setup(void **state)
{
    (void)state;
    job_init(&job);
    job.files = files;
    job.compile.argv = compile_argv;
    limits = job.limits;
    limits.memory_bytes = 512 * MIB;
    buf_init(&b, 1 << 20);
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    buf_done(&b);
    return 0;
}

static void bring(const char *path)
{
    files[job.files_count++] =
        (struct job_file){true, view_of(path), view_of("x"), RECORD_NO_UINT};
}

/* All rows are found, also where the compiler is not installed. */
static void put(const char *language, bool is_compiler)
{
    struct runtimes_found found = {.compiler = "/usr/bin/compiler"};
    struct err e = {.msg = ""};
    struct job any = job;

    any.language = view_of(language);
    any.compile.present = true;
    if (runtimes_find(&any, &found, &e) < 0) {
        /* java without a java: its row all the same */
        assert_int_equal(e.kind, ERR_SYSTEM);
        skip();
    }
    found.compiler = "/usr/bin/compiler"; /* which one is here is no matter */
    const struct program p = {.job = &job,
                              .found = &found,
                              .limits = &limits,
                              .is_compiler = is_compiler};
    buf_clear(&b);
    if (program_put(&p, 0, &b, &e) < 0) {
        fail_msg("%s: %s", language, e.msg);
    }
}

/* Arguments, one after the other. */
static void expect_words(const char *const *want)
{
    struct bundle_reader r;
    uint32_t count = 0;

    assert_int_equal(bundle_open(&r, b.data, b.len), 0);
    for (; want[count]; count++) {
        const char *word = bundle_next_string(&r);

        assert_non_null(word);
        assert_string_equal(word, want[count]);
    }
    assert_int_equal(r.head.argc, count);
}

/* The environment has it, or has it not. */
static bool has_variable(const char *pair)
{
    struct bundle_reader r;
    bool found = false;

    assert_int_equal(bundle_open(&r, b.data, b.len), 0);
    for (uint32_t i = 0; i < r.head.argc; i++) {
        (void)bundle_next_string(&r);
    }
    for (uint32_t i = 0; i < r.head.envc; i++) {
        const char *got = bundle_next_string(&r);

        found = found || strcmp(got, pair) == 0;
    }
    assert_non_null(bundle_next_string(&r)); /* the directory */
    return found;
}

#define WORDS(...) ((const char *const[]){__VA_ARGS__, NULL})

static void code_is_compiled(void **state)
{
    (void)state;
    put("c", true);
    expect_words(WORDS("/usr/bin/compiler", "-O2", "-I.", "-o", "main",
                       "main.c", "-lm"));
    assert_true(has_variable("HOME=/workspace"));
    put("cpp", true);
    expect_words(WORDS("/usr/bin/compiler", "-O2", "-I.", "-o", "main",
                       "main.cpp", "-lm"));
    put("go", true);
    expect_words(WORDS("/usr/bin/compiler", "build", "-o", "main", "main.go"));
    assert_true(has_variable("GOCACHE=/tmp/go-build"));
    put("rust", true);
    expect_words(WORDS("/usr/bin/compiler", "-O", "-C", "strip=symbols",
                       "--edition", "2021", "-o", "main", "main.rs"));
}

static void what_was_compiled_is_run(void **state)
{
    struct view args[] = {view_of("a b"), view_of("")};

    (void)state;
    job.args = args;
    job.args_count = 2;
    put("c", false);
    expect_words(WORDS("/workspace/main", "a b", ""));
    put("go", false);
    expect_words(WORDS("/workspace/main", "a b", ""));
    assert_false(has_variable("GOCACHE=/tmp/go-build")); /* the compiler's */
    job.entrypoint = view_of("src/first.c");
    put("c", false);
    expect_words(WORDS("/workspace/main", "a b", ""));
}

/* The entry first, then the others of the language. */
static void all_sources_are_given(void **state)
{
    (void)state;
    bring("util/list.c");
    bring("main.h");
    bring("first.c");
    bring("-o.c");
    bring("notes.txt");
    job.entrypoint = view_of("first.c");
    put("c", true);
    expect_words(WORDS("/usr/bin/compiler", "-O2", "-I.", "-o", "main",
                       "first.c", "util/list.c", "./-o.c", "-lm"));
    put("rust", true);
    expect_words(WORDS("/usr/bin/compiler", "-O", "-C", "strip=symbols",
                       "--edition", "2021", "-o", "main", "first.c"));
}

static void a_go_package_is_a_folder(void **state)
{
    (void)state;
    bring("cmd/x/main.go");
    bring("cmd/x/more.go");
    bring("other/lib.go");
    job.entrypoint = view_of("cmd/x/main.go");
    put("go", true);
    expect_words(WORDS("/usr/bin/compiler", "build", "-o", "main",
                       "cmd/x/main.go", "cmd/x/more.go"));
    bring("go.mod");
    put("go", true);
    expect_words(WORDS("/usr/bin/compiler", "build", "-o", "main", "./cmd/x/"));
}

static void a_java_class_has_its_package(void **state)
{
    (void)state;
    put("java", false);
    assert_true(b.len > 0);
    bring("com/x/App.java");
    bring("com/x/Part.java");
    job.entrypoint = view_of("com/x/App.java");
    put("java", true);
    expect_words(WORDS("/usr/bin/compiler", "-J-Xmx262144k",
                       "-J-XX:+UseSerialGC", "-J-XX:-UsePerfData", "-encoding",
                       "UTF-8", "-d", "classes", "com/x/App.java",
                       "com/x/Part.java"));
    put("java", false);
    expect_words(WORDS("/usr/bin/java", "-Xmx262144k", "-XX:+UseSerialGC",
                       "-XX:-UsePerfData", "-cp", "classes", "com.x.App"));
}

/* The host's memory is none of the box's. */
static void a_heap_fits_into_its_box(void **state)
{
    (void)state;
    limits.memory_bytes = 100 * MIB;
    put("java", false);
    expect_words(WORDS("/usr/bin/java", "-Xmx51200k", "-XX:+UseSerialGC",
                       "-XX:-UsePerfData", "-cp", "classes", "Main"));
    limits.memory_bytes = 4096 * MIB;
    put("java", false);
    expect_words(WORDS("/usr/bin/java", "-Xmx3932160k", "-XX:+UseSerialGC",
                       "-XX:-UsePerfData", "-cp", "classes", "Main"));
}

static void a_job_may_bring_its_own_command(void **state)
{
    (void)state;
    job.compile.present = true;
    job.compile.argv_count = 2;
    compile_argv[0] = view_of("make");
    compile_argv[1] = view_of("all");
    put("shell", true);
    expect_words(WORDS("/usr/bin/env", "make", "all"));
    put("c", true);
    expect_words(WORDS("/usr/bin/env", "make", "all"));
    compile_argv[0] = view_of("./build.sh");
    put("shell", true);
    expect_words(WORDS("./build.sh", "all"));
    put("c", false);
    expect_words(WORDS("/workspace/main"));
}

/* ---- limits -------------------------------------------------------------- */

static void a_compiler_has_more_than_a_run(void **state)
{
    struct config config;
    struct runtimes_found found;
    struct job_limits l = job.limits;

    (void)state;
    config_init(&config);
    job.language = view_of("shell");
    assert_int_equal(runtimes_find(&job, &found, NULL), 0);
    l.max_processes = 7;
    runtimes_compile_limits(found.row, &config, &l);
    assert_int_equal(l.max_processes, 7);
    assert_int_equal(l.memory_bytes, 512 * MIB);
    assert_int_equal(l.wall_time_ms, 60000);
    assert_int_equal(l.cpu_time_ms, 120000);
    assert_int_equal(l.disk_bytes, 256 * MIB);
    assert_int_equal(l.stdout_bytes, config.default_stdout_bytes);
    /* Never more than the worker gives anybody. */
    config.max_memory_bytes = 100 * MIB;
    config.max_wall_time_ms = 5000;
    l = job.limits;
    runtimes_compile_limits(found.row, &config, &l);
    assert_int_equal(l.memory_bytes, 100 * MIB);
    assert_int_equal(l.wall_time_ms, 5000);
    config_done(&config);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(code_is_compiled),
        TEST(what_was_compiled_is_run),
        TEST(all_sources_are_given),
        TEST(a_go_package_is_a_folder),
        TEST(a_java_class_has_its_package),
        TEST(a_heap_fits_into_its_box),
        TEST(a_job_may_bring_its_own_command),
        TEST(a_compiler_has_more_than_a_run),
    };

    return cmocka_run_group_tests_name("program", tests, NULL, NULL);
}
