/* SPDX-License-Identifier: MIT */
/* returns_test.c - does a job get back what it asked for, and is it told of
 * all that it does not get? */
#include "run/returns.h"

#include <errno.h>
#include <string.h>

#include "lib/unit.h"
#include "wire/collection.h"

static struct config config;
static struct job job;
static struct job_limits limits;
static struct bundle_wanted wanted;
static struct buf sent; /* by the box */
static struct returns r;
static struct job_fetch fetches[4];
static struct job_file files[6];

static int setup(void **state)
{
    (void)state;
    config_init(&config);
    job_init(&job);
    job.fetch_files = fetches;
    job.files = files;
    limits = job.limits;
    job_default_limits(&limits, &config);
    limits.max_artifacts = 3;
    limits.artifact_bytes = 100;
    buf_init(&sent, 1 << 20);
    memset(&r, 0, sizeof(r));
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    returns_done(&r);
    buf_done(&sent);
    config_done(&config);
    return 0;
}

static void ask(const char *path, bool optional)
{
    fetches[job.fetch_files_count++] =
        (struct job_fetch){true, view_of(path), optional, RECORD_NO_UINT};
}

static void bring(const char *path, const char *content)
{
    files[job.files_count++] = (struct job_file){
        true, view_of(path), view_of(content), RECORD_NO_UINT};
}

/* ---- what the box sends -------------------------------------------------- */

static void put(struct collection_head *head, struct view path,
                struct view content)
{
    head->path_len = (uint32_t)path.len;
    head->content_len = content.len;
    assert_int_equal(buf_append(&sent, head, sizeof(*head), NULL), 0);
    assert_int_equal(buf_append(&sent, path.data, path.len, NULL), 0);
    assert_int_equal(buf_append(&sent, content.data, content.len, NULL), 0);
}

static void answer(uint64_t index, enum collection_state state,
                   const char *content, uint64_t size)
{
    struct collection_head head;

    collection_head_init(&head, COLLECTION_FETCH);
    head.index = index;
    head.state = state;
    head.sys = EACCES;
    head.mode = 0750;
    head.size_bytes = size;
    put(&head, view_of(""), view_of(content));
}

static void found(struct view path, const char *content, uint64_t size)
{
    struct collection_head head;

    collection_head_init(&head, COLLECTION_FOUND);
    head.state =
        strlen(content) == size ? COLLECTION_WHOLE : COLLECTION_NO_ROOM;
    head.size_bytes = size;
    put(&head, path, view_of(content));
}

static void end_with(const struct collection_left *left)
{
    struct collection_head head;

    collection_head_init(&head, COLLECTION_END);
    put(&head, view_of(""), (struct view){(const char *)left, sizeof(*left)});
}

static void end(void)
{
    end_with(&(struct collection_left){.counts = {0}});
}

static void make_from(bool has_run, bool is_over)
{
    returns_want(&job, &limits, &config, &wanted);
    const struct returns_facts facts = {
        .job = &job,
        .limits = &limits,
        .wanted = &wanted,
        .collection = buf_view(&sent),
        .is_over = is_over,
        .has_run = has_run,
    };
    returns_done(&r);
    returns_make(&facts, &r);
}

static void make(void)
{
    make_from(true, false);
}

static void expect_warning(size_t i, const char *text)
{
    assert_true(i < r.warnings_count);
    if (!view_is(r.warnings[i], text)) {
        fail_msg("\"%.*s\", wanted \"%s\"", VIEW_ARG(r.warnings[i]), text);
    }
}

/* ---- before -------------------------------------------------------------- */

static void asks_for_what_the_job_asks(void **state)
{
    (void)state;
    returns_want(&job, &limits, &config, &wanted);
    assert_int_equal(wanted.room_bytes, config.result_max_bytes);
    assert_int_equal(wanted.found_bytes, 100);
    assert_int_equal(wanted.max_found, 3);
    assert_string_equal(wanted.folder, "artifacts");
    assert_true(returns_are_wanted(&wanted));
    assert_true(returns_max_bytes(&wanted) > wanted.room_bytes);
    limits.max_artifacts = 0;
    bring("artifacts/x", "12345");
    returns_want(&job, &limits, &config, &wanted);
    assert_false(returns_are_wanted(&wanted));
    assert_int_equal(returns_max_bytes(&wanted), 0);
    ask("x", false);
    returns_want(&job, &limits, &config, &wanted);
    assert_true(returns_are_wanted(&wanted));
    assert_int_equal(wanted.max_found, 0);
    assert_int_equal(wanted.fetch_count, 1);
}

/* They are found too, and take no place of others. */
static void makes_room_for_what_the_job_brings(void **state)
{
    (void)state;
    bring("artifacts/x", "12345");
    bring("./artifacts/./y/z", "678");
    bring("other/artifacts", "9");
    bring("artifacts", "a file of that name");
    returns_want(&job, &limits, &config, &wanted);
    assert_int_equal(wanted.max_found, 5);
    assert_int_equal(wanted.found_bytes, 108);
    assert_true(wanted.room_bytes > config.result_max_bytes + 8);
}

static void says_in_the_bundle_what_is_wanted(void **state)
{
    struct bundle_reader reader;
    struct bundle_wanted got;
    struct bundle_fetch fetch;

    (void)state;
    ask("a", false);
    fetches[0].max_bytes = 7;
    ask("b", true);
    returns_want(&job, &limits, &config, &wanted);
    assert_int_equal(returns_put(&sent, &job, &wanted, NULL), 0);
    reader =
        (struct bundle_reader){.at = sent.data, .end = sent.data + sent.len};
    assert_int_equal(bundle_next_wanted(&reader, &got), 0);
    assert_int_equal(got.fetch_count, 2);
    assert_int_equal(got.max_found, 3);
    assert_int_equal(bundle_next_fetch(&reader, &fetch), 0);
    assert_string_equal(fetch.path, "a");
    assert_int_equal(fetch.max_bytes, 7);
    assert_int_equal(bundle_next_fetch(&reader, &fetch), 0);
    assert_int_equal(fetch.max_bytes, UINT64_MAX);
    assert_ptr_equal(reader.at, reader.end);
}

/* ---- fetch_files --------------------------------------------------------- */

static void gives_each_file_that_was_asked_for(void **state)
{
    (void)state;
    ask("whole", false);
    ask("cut", false);
    ask("absent", true);
    answer(0, COLLECTION_WHOLE, "abc", 3);
    answer(1, COLLECTION_CUT, "ab", 9);
    answer(2, COLLECTION_MISSING, "", 0);
    end();
    make();
    assert_null(r.problem);
    assert_int_equal(r.warnings_count, 0);
    assert_int_equal(r.files_count, 3);
    assert_true(view_is(r.files[0].path, "whole"));
    assert_true(view_is(r.files[0].content, "abc"));
    assert_int_equal(r.files[0].mode, 0750);
    assert_int_equal(r.files[0].size_bytes, 3);
    /* FIPS 180-2, the one-block message */
    assert_true(view_is(
        r.files[0].sha256,
        "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"));
    assert_false(r.files[0].truncated);
    assert_true(r.files[1].truncated);
    assert_true(view_is(r.files[1].content, "ab"));
    assert_int_equal(r.files[1].size_bytes, 9);
    assert_null(r.files[1].sha256.data); /* not of the whole file */
    assert_true(r.files[2].missing);
    assert_null(r.files[2].content.data);
    assert_int_equal(r.files[2].size_bytes, RECORD_NO_UINT);
}

static void a_required_file_has_to_be_there(void **state)
{
    static const struct {
        enum collection_state state;
        const char *text;
    } rows[] = {
        {COLLECTION_MISSING, "fetch_files: out/x: no such file"},
        {COLLECTION_NO_FILE, "fetch_files: out/x: not a regular file (links "
                             "are not followed)"},
        {COLLECTION_UNREADABLE, "fetch_files: out/x: Permission denied"},
    };

    (void)state;
    ask("out/x", false);
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        buf_clear(&sent);
        answer(0, rows[i].state, "", 0);
        end();
        make();
        assert_string_equal(r.problem, rows[i].text);
        expect_warning(0, rows[i].text);
        assert_true(r.files[0].missing);
    }
}

/* Its absence is no error; that it is something else is worth a word. */
static void an_optional_file_may_be_absent(void **state)
{
    (void)state;
    ask("x", true);
    ask("y", true);
    answer(0, COLLECTION_MISSING, "", 0);
    answer(1, COLLECTION_NO_FILE, "", 0);
    end();
    make();
    assert_null(r.problem);
    assert_int_equal(r.warnings_count, 1);
    expect_warning(
        0, "fetch_files: y: not a regular file (links are not followed)");
}

static void a_file_without_room_is_told(void **state)
{
    (void)state;
    config.result_max_bytes = 4194304;
    ask("big", false);
    answer(0, COLLECTION_NO_ROOM, "", 5000000);
    end();
    make();
    assert_null(r.problem);
    assert_true(r.files[0].truncated);
    assert_null(r.files[0].content.data);
    assert_int_equal(r.files[0].size_bytes, 5000000);
    expect_warning(0, "fetch_files: big: its 5000000 bytes are not here: all "
                      "that comes back has to fit into result.max_bytes, "
                      "4194304");
}

/* ---- artifacts ----------------------------------------------------------- */

static void gives_artifacts_by_their_path(void **state)
{
    (void)state;
    found(view_of("z.txt"), "z", 1);
    found(view_of("plots/a.png"), "abc", 3);
    end();
    make();
    assert_int_equal(r.warnings_count, 0);
    assert_int_equal(r.artifacts_count, 2);
    assert_true(view_is(r.artifacts[0].name, "plots/a.png"));
    assert_true(
        view_is(r.artifacts[0].path, "/workspace/artifacts/plots/a.png"));
    assert_true(view_is(r.artifacts[0].type, "image/png"));
    assert_true(view_is(r.artifacts[0].content, "abc"));
    assert_int_equal(r.artifacts[0].size_bytes, 3);
    assert_true(view_is(
        r.artifacts[0].sha256,
        "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"));
    assert_true(view_is(r.artifacts[1].name, "z.txt"));
}

static void what_the_job_brought_is_no_artifact(void **state)
{
    (void)state;
    limits.max_artifacts = 4;
    bring("artifacts/same", "same");
    bring("./artifacts/./d/./same", "also");
    bring("artifacts/changed", "before");
    bring("artifacts/longer", "abc");
    bring("artifacts/shorter", "abc");
    found(view_of("same"), "same", 4);
    found(view_of("d/same"), "also", 4);
    found(view_of("changed"), "after!", 6);
    found(view_of("longer"), "abcd", 4);
    found(view_of("shorter"), "ab", 2);
    found(view_of("new"), "same", 4);
    end();
    make();
    assert_int_equal(r.artifacts_count, 4);
    assert_true(view_is(r.artifacts[0].name, "changed"));
    assert_true(view_is(r.artifacts[1].name, "longer"));
    assert_true(view_is(r.artifacts[2].name, "new"));
    assert_true(view_is(r.artifacts[3].name, "shorter"));
    assert_int_equal(r.warnings_count, 0);
}

/* Room was made for what the job brought; changed, it counts like any. */
static void limits_are_those_of_the_job(void **state)
{
    (void)state;
    bring("artifacts/a", "");
    bring("artifacts/b", "");
    found(view_of("a"), "1", 1);
    found(view_of("b"), "1", 1);
    found(view_of("c"), "1", 1);
    found(view_of("d"), "1", 1);
    end();
    make();
    assert_int_equal(r.artifacts_count, 3);
    expect_warning(0, "artifacts: 1 files more than limits.max_artifacts, 3, "
                      "or than there is room to name");
    buf_clear(&sent);
    limits.artifact_bytes = 5;
    found(view_of("a"), "1234", 4);
    found(view_of("b"), "12", 2);
    found(view_of("c"), "1", 1);
    end();
    make();
    assert_int_equal(r.artifacts_count, 3);
    assert_int_equal(r.artifacts[0].content.len, 4);
    assert_null(r.artifacts[1].content.data);
    assert_null(r.artifacts[1].sha256.data);
    assert_int_equal(r.artifacts[1].size_bytes, 2);
    assert_int_equal(r.artifacts[2].content.len, 1);
    expect_warning(0, "artifacts: 1 files are named without their content: "
                      "over limits.artifact_bytes, 5, or than there is room "
                      "for");
}

static void what_is_left_out_is_told(void **state)
{
    const struct collection_left left = {
        .counts = {[COLLECTION_LEFT_LINK] = 2,
                   [COLLECTION_LEFT_SPECIAL] = 3,
                   [COLLECTION_LEFT_UNREADABLE] = 4,
                   [COLLECTION_LEFT_DEEP] = 5,
                   [COLLECTION_LEFT_LONG] = 6,
                   [COLLECTION_LEFT_MANY] = 7,
                   [COLLECTION_LEFT_NO_FOLDER] = 1,
                   [COLLECTION_LEFT_UNSEEN] = 1}};
    static const char *const words[] = {
        "artifacts: 2 links were not followed",
        "artifacts: 3 entries are neither files nor folders",
        "artifacts: 4 files or folders cannot be read",
        "artifacts: 5 folders are too deep to be looked into",
        "artifacts: 6 paths are too long to be named",
        "artifacts: is not a folder",
        "artifacts: more entries than a worker looks at; the rest was not "
        "looked at",
        "artifacts: 7 files more than limits.max_artifacts, 3, or than there "
        "is room to name",
        "artifacts: 1 files are named without their content: over "
        "limits.artifact_bytes, 100, or than there is room for",
        "artifacts: 1 names are not UTF-8; '?' stands for what is not",
    };

    (void)state;
    found(view_of("\xff"), "", 1000);
    end_with(&left);
    make();
    assert_int_equal(r.warnings_count, ARRAY_LEN(words));
    for (size_t i = 0; i < ARRAY_LEN(words); i++) {
        expect_warning(i, words[i]);
    }
}

/* ---- no collection, or no good one --------------------------------------- */

static void nothing_comes_of_nothing(void **state)
{
    (void)state;
    make();
    assert_int_equal(r.warnings_count, 0);
    assert_int_equal(r.artifacts_count, 0);
    assert_null(r.problem);
}

static void a_box_that_was_ended_brings_nothing(void **state)
{
    (void)state;
    ask("x", false);
    make_from(false, false);
    assert_null(r.problem);
    assert_int_equal(r.files_count, 0); /* nobody has looked */
    expect_warning(0, "fetch_files: not brought back, because the box was "
                      "ended before");
}

static void what_breaks_off_is_told(void **state)
{
    static const char words[] =
        "not all files could be brought back out of the box";

    (void)state;
    ask("a", false);
    ask("b", true);
    ask("c", false);
    answer(0, COLLECTION_WHOLE, "abc", 3);
    make();
    assert_int_equal(r.files_count, 1);
    assert_string_equal(r.problem, "fetch_files: c: was not brought back");
    expect_warning(0, words);
    buf_clear(&sent); /* not even the first */
    make();
    assert_int_equal(r.files_count, 0);
    assert_string_equal(r.problem, "fetch_files: a: was not brought back");
    expect_warning(0, words);
    job.fetch_files_count = 0;
    found(view_of("x"), "1", 1);
    make_from(true, true);
    assert_int_equal(r.artifacts_count, 1);
    assert_null(r.problem);
    expect_warning(0, words);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(asks_for_what_the_job_asks),
        TEST(makes_room_for_what_the_job_brings),
        TEST(says_in_the_bundle_what_is_wanted),
        TEST(gives_each_file_that_was_asked_for),
        TEST(a_required_file_has_to_be_there),
        TEST(an_optional_file_may_be_absent),
        TEST(a_file_without_room_is_told),
        TEST(gives_artifacts_by_their_path),
        TEST(what_the_job_brought_is_no_artifact),
        TEST(limits_are_those_of_the_job),
        TEST(what_is_left_out_is_told),
        TEST(nothing_comes_of_nothing),
        TEST(a_box_that_was_ended_brings_nothing),
        TEST(what_breaks_off_is_told),
    };

    return cmocka_run_group_tests_name("returns", tests, NULL, NULL);
}
