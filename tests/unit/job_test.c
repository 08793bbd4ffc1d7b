/* SPDX-License-Identifier: MIT */
/* job_test.c - who a job is for, what it says, and why it is refused. */
#include "packed.h"

#include <stdio.h>

#include "wire/config.h"
#include "wire/job.h"

static struct config config;

static int make_config(void **state)
{
    (void)state;
    config_init(&config);
    return 0;
}

static int drop_config(void **state)
{
    (void)state;
    config_done(&config);
    return 0;
}

static enum job_reject_reason reason_of(const void *data, size_t len,
                                        size_t max_bytes)
{
    const struct job_decode_opts opts = {.max_bytes = max_bytes};
    enum job_reject_reason reason = JOB_REJECT_NONE;
    struct job_identity who;
    struct err e = {.msg = ""};
    int rc = job_identify(data, len, &opts, &who, &reason, &e);

    assert_int_equal(rc, reason == JOB_REJECT_NONE ? 0 : -1);
    assert_int_equal(e.msg[0] == '\0', rc == 0);
    return reason;
}

static enum job_reject_reason reason_of_json(const char *json)
{
    struct packed p;
    enum job_reject_reason reason;

    packed_json(&p, json);
    reason = reason_of(p.bytes.data, p.bytes.len, 0);
    packed_done(&p);
    return reason;
}

static void test_what_is_no_job_is_a_dead_letter(void **state)
{
    static char deep[10001];

    (void)state;
    memset(deep, 0x91, sizeof(deep));
    assert_int_equal(reason_of(NULL, 0, 0), JOB_REJECT_UNDECODABLE);
    assert_int_equal(reason_of("", 0, 0), JOB_REJECT_UNDECODABLE);
    assert_int_equal(reason_of("hello", 5, 0), JOB_REJECT_UNDECODABLE);
    assert_int_equal(reason_of("\x82\xa1v\x01", 4, 0), JOB_REJECT_UNDECODABLE);
    assert_int_equal(reason_of(deep, sizeof(deep), 0), JOB_REJECT_UNDECODABLE);
    assert_int_equal(reason_of("\xdf\x80\0\0\0", 5, 0), JOB_REJECT_UNDECODABLE);
    assert_int_equal(reason_of("\x80", 1, 0), JOB_REJECT_NO_ID);
    assert_int_equal(reason_of("\xa5hello", 6, 5), JOB_REJECT_OVERSIZED);
    assert_int_equal(reason_of_json("[]"), JOB_REJECT_UNDECODABLE);
}

static void test_versions_and_ids_decide_before_the_rest(void **state)
{
    static const struct {
        const char *json;
        enum job_reject_reason reason;
    } rows[] = {
        {"{'job_id': 'a'}", JOB_REJECT_NONE},
        {"{'v': 1, 'job_id': 'a'}", JOB_REJECT_NONE},
        {"{'v': 1.0, 'job_id': 'a'}", JOB_REJECT_NONE},
        {"{'v': null, 'job_id': 'a'}", JOB_REJECT_NONE},
        {"{'v': 2, 'job_id': 'a'}", JOB_REJECT_UNKNOWN_VERSION},
        {"{'v': 0, 'job_id': 'a'}", JOB_REJECT_UNKNOWN_VERSION},
        {"{'v': -1, 'job_id': 'a'}", JOB_REJECT_UNKNOWN_VERSION},
        {"{'v': '1', 'job_id': 'a'}", JOB_REJECT_UNKNOWN_VERSION},
        {"{'v': 1.5, 'job_id': 'a'}", JOB_REJECT_UNKNOWN_VERSION},
        {"{'v': 2}", JOB_REJECT_UNKNOWN_VERSION},
        {"{'language': 'python'}", JOB_REJECT_NO_ID},
        {"{'job_id': ''}", JOB_REJECT_NO_ID},
        {"{'job_id': 7}", JOB_REJECT_NO_ID},
        {"{'job_id': null}", JOB_REJECT_NO_ID},
        {"{'job_id': 'a b'}", JOB_REJECT_NO_ID},
        {"{'job_id': 'a/../b'}", JOB_REJECT_NO_ID},
        {"{'job_id': 'a\\u0000'}", JOB_REJECT_NO_ID},
        {"{'job_id': 'ü'}", JOB_REJECT_NO_ID},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        if (reason_of_json(rows[i].json) != rows[i].reason) {
            fail_msg("%s: is not %s", rows[i].json,
                     job_reject_name(rows[i].reason));
        }
    }
}

static void test_ids_have_a_length(void **state)
{
    char id[JOB_ID_MAX_BYTES + 2];

    (void)state;
    memset(id, 'x', sizeof(id));
    assert_true(job_is_id((struct view){id, JOB_ID_MAX_BYTES}));
    assert_false(job_is_id((struct view){id, JOB_ID_MAX_BYTES + 1}));
    assert_false(job_is_id((struct view){id, 0}));
    assert_false(job_is_id((struct view){NULL, 0}));
    assert_true(job_is_id(view_of("A-z_0:9.")));
}

/* A bad field must not cost the answer its address. */
static void test_identity_survives_a_bad_rest(void **state)
{
    struct packed p;
    struct job_identity who;
    struct job job;
    enum job_reject_reason reason;

    (void)state;
    packed_json(&p, "{'job_id': 'j', 'tenant_id': 'acme', 'session_id': 5,"
                    " 'correlation_id': 'c/1', 'reply_to': 'r',"
                    " 'kind': 'tool', 'args': 'no list'}");
    assert_int_equal(
        job_identify(p.bytes.data, p.bytes.len, NULL, &who, &reason, &p.e), 0);
    assert_view(who.job_id, "j");
    assert_view(who.tenant_id, "acme");
    assert_null(who.session_id.data);
    assert_view(who.correlation_id, "c/1");
    assert_view(who.reply_to, "r");
    assert_int_equal(who.kind, JOB_KIND_TOOL);
    assert_int_equal(
        job_decode(p.bytes.data, p.bytes.len, NULL, &p.arena, &job, &p.e), -1);
    packed_done(&p);
    packed_json(&p, "{'job_id': 'j', 'tenant_id': 'no id'}");
    assert_int_equal(
        job_identify(p.bytes.data, p.bytes.len, NULL, &who, &reason, &p.e), 0);
    assert_view(who.tenant_id, "default");
    packed_done(&p);
}

static int judge(struct packed *p, const char *json, struct job *job)
{
    packed_json(p, json);
    if (job_decode(p->bytes.data, p->bytes.len, NULL, &p->arena, job, &p->e) <
        0) {
        return -1;
    }
    return job_validate(job, &config, &p->e);
}

static void test_defaults(void **state)
{
    struct packed p;
    struct job job;

    (void)state;
    assert_int_equal(
        judge(&p, "{'job_id': 'j', 'language': 'python', 'code': ''}", &job),
        0);
    assert_int_equal(job.v, 1);
    assert_view(job.tenant_id, "default");
    assert_int_equal(job.kind, JOB_KIND_CODE);
    assert_int_equal(job.max_attempts, 3);
    assert_int_equal(job.security_level, JOB_SECURITY_SANDBOXED);
    assert_int_equal(job.validation, JOB_VALIDATION_STANDARD);
    assert_int_equal(job.network.mode, JOB_NETWORK_NONE);
    assert_non_null(job.code.data);
    assert_true(job.limits.memory_bytes == RECORD_NO_UINT);
    job_default_limits(&job.limits, &config);
    assert_int_equal(job.limits.memory_bytes, config.default_memory_bytes);
    assert_int_equal(job.limits.max_artifacts, config.default_max_artifacts);
    assert_int_equal(job.limits.artifact_bytes, config.default_artifact_bytes);
    assert_true(job.limits.max_network_requests == RECORD_NO_UINT);
    packed_done(&p);
    assert_int_equal(judge(&p, "{'job_id': 'j', 'manifest': 'm@1'}", &job), 0);
    assert_int_equal(job.kind, RECORD_NO_ENUM);
    packed_done(&p);
}

static void test_given_limits_stay(void **state)
{
    struct packed p;
    struct job job;

    (void)state;
    assert_int_equal(judge(&p,
                           "{'job_id': 'j', 'language': 'python', 'code': '',"
                           " 'limits': {'stdout_bytes': 0}}",
                           &job),
                     0);
    job_default_limits(&job.limits, &config);
    assert_int_equal(job.limits.stdout_bytes, 0);
    packed_done(&p);
}

#define CODE  "'job_id': 'j', 'language': 'python', 'code': 'x', "
#define FILES "'job_id': 'j', 'language': 'python', 'entrypoint': 'a', "

static void test_good_jobs(void **state)
{
    static const char *const rows[] = {
        "{" CODE "'cwd': '/workspace'}",
        "{" CODE "'cwd': '/tmp/a'}",
        "{" CODE "'cwd': 'a/./b'}",
        "{" CODE "'files': [{'path': 'd/e', 'content': '', 'mode': 511}]}",
        "{" CODE "'env': {'A': 'b=c'}}",
        "{" CODE "'limits': {'memory_bytes': 4294967296}}",
        "{" CODE "'network': {'mode': 'allowlist', 'allow': ['x']}}",
        "{" CODE "'network': {'mode': 'open', 'deny': ['x']}}",
        "{" CODE "'max_attempts': 1, 'retry_on': ['setup_error']}",
        "{" CODE "'unheard_of': {'a': 1}}",
        "{" FILES "'files': [{'path': 'a', 'content': ''}]}",
        "{" FILES "'files': [{'path': './a', 'content': ''}]}",
        "{" FILES "'session_id': 's'}",
        "{" FILES "'compile': {'argv': ['make']}}",
        "{'job_id': 'j', 'kind': 'tool', 'manifest': 'word-count@1.2.0'}",
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct packed p;
        struct job job;

        if (judge(&p, rows[i], &job) < 0) {
            fail_msg("%s: %s", rows[i], p.e.msg);
        }
        packed_done(&p);
    }
}

static const struct {
    const char *json;
    const char *says;
} bad_jobs[] = {
    {"{'job_id': 'j'}", "this one has none"},
    {"{'job_id': 'j', 'code': ''}", "language: is missing"},
    {"{" CODE "'manifest': 'm'}", "this one has several"},
    {"{" CODE "'entrypoint': 'a'}", "this one has several"},
    {"{'job_id': 'j', 'language': 'python',"
     " 'files': [{'path': 'a', 'content': ''}]}",
     "entrypoint: is missing"},
    {"{" FILES "'files': [{'path': 'b', 'content': ''}]}",
     "entrypoint: \"a\" is not one of files"},
    {"{" CODE "'kind': 'agent'}", "kind: agent needs a manifest"},
    {"{" CODE "'kind': 'robot'}", "kind: \"robot\" is not one of code, tool"},
    {"{'job_id': 'j', 'manifest': '../m'}", "manifest: \"../m\" must be"},
    {"{'job_id': 'j', 'manifest': 'm@'}", "manifest: \"m@\" must be"},
    {"{'job_id': 'j', 'manifest': ''}", "manifest: \"\" must be"},
    {"{" CODE "'tenant_id': 'a b'}", "tenant_id: \"a b\" must be"},
    {"{" CODE "'session_id': ''}", "session_id: \"\" must be"},
    {"{" CODE "'parent_job_id': '/'}", "parent_job_id: \"/\" must be"},
    {"{" CODE "'files': [{'path': '../x', 'content': ''}]}",
     "files[0].path: \"../x\" must be a relative path"},
    {"{" CODE "'files': [{'path': 'a/../x', 'content': ''}]}",
     "files[0].path: \"a/../x\" must be"},
    {"{" CODE "'files': [{'path': '/etc/passwd', 'content': ''}]}",
     "files[0].path: \"/etc/passwd\" must be"},
    {"{" CODE "'files': [{'path': 'a//b', 'content': ''}]}", "must be"},
    {"{" CODE "'files': [{'path': 'a/', 'content': ''}]}", "must be"},
    {"{" CODE "'files': [{'path': 'a/.', 'content': ''}]}",
     "names a directory"},
    {"{" CODE "'files': [{'path': '', 'content': ''}]}", "must be"},
    {"{" CODE "'files': [{'path': 'a\\u0000b', 'content': ''}]}",
     "files[0].path: must not hold a NUL byte"},
    {"{" CODE "'files': [{'path': 'a'}]}", "files[0].content: is missing"},
    {"{" CODE "'files': [{'path': 'a', 'content': '', 'mode': 2541}]}",
     "files[0].mode: 2541 is over 511"},
    {"{" CODE "'files': [{'path': 'a', 'content': ''},"
     " {'path': 'b', 'content': ''}, {'path': 'a', 'content': ''}]}",
     "files: \"a\" is there twice"},
    {"{" FILES "'entrypoint': 5}", "entrypoint: "},
    {"{'job_id': 'j', 'language': 'x', 'entrypoint': '/bin/sh',"
     " 'files': []}",
     "entrypoint: \"/bin/sh\" must be"},
    {"{" CODE "'cwd': '/etc'}", "cwd: \"/etc\" must be"},
    {"{" CODE "'cwd': '/workspacex'}", "cwd: "},
    {"{" CODE "'cwd': '/workspace/../etc'}", "cwd: "},
    {"{" CODE "'cwd': '/tmp/'}", "cwd: "},
    {"{" CODE "'cwd': ''}", "cwd: "},
    {"{" CODE "'cwd': '..'}", "cwd: "},
    {"{" CODE "'args': ['a', 'b\\u0000']}",
     "args[1]: must not hold a NUL byte"},
    {"{" CODE "'args': [1]}", "args[0]: must be text, not a number"},
    {"{" CODE "'env': {'A=B': 'c'}}", "env: key \"A=B\" must not hold '='"},
    {"{" CODE "'env': {'': 'c'}}", "env: a key is empty"},
    {"{" CODE "'env': {'A': 'b\\u0000'}}", "env.A: must not hold a NUL byte"},
    {"{" CODE "'limits': {'memory_bytes': 9000000000000}}",
     "limits.memory_bytes: 9000000000000 is over this worker's maximum of "
     "4294967296"},
    {"{" CODE "'limits': {'memory_bytes': -1}}",
     "limits.memory_bytes: -1 is negative"},
    {"{" CODE "'limits': {'wall_time_ms': 0}}",
     "limits.wall_time_ms: 0 is under the minimum of 1"},
    {"{" CODE "'limits': {'wall_time_ms': 0.5}}",
     "limits.wall_time_ms: 0.5 is not a whole number"},
    {"{" CODE "'limits': {'idle_time_ms': 99999999999}}",
     "limits.idle_time_ms: 99999999999 is over"},
    {"{" CODE "'limits': {'artifact_bytes': 16777217}}",
     "limits.artifact_bytes: 16777217 is over this worker's maximum of "
     "16777216"},
    {"{" CODE "'limits': {'max_artifacts': 10001}}",
     "limits.max_artifacts: 10001 is over this worker's maximum of 10000"},
    {"{" CODE "'limits': 5}", "limits: must be a map, not a number"},
    {"{" CODE "'compile': {'argv': ['x'], 'limits': {'max_processes': 0}}}",
     "compile.limits.max_processes: 0 is under"},
    {"{" CODE "'compile': {'argv': []}}", "compile.argv: is empty"},
    {"{" CODE "'compile': {}}", "compile.argv: is missing"},
    {"{" CODE "'fetch_files': [{'path': '/etc/shadow'}]}",
     "fetch_files[0].path: \"/etc/shadow\" must be"},
    {"{" CODE "'max_attempts': 0}", "max_attempts: 0 is not between"},
    {"{" CODE "'max_attempts': 101}", "max_attempts: 101 is not between"},
    {"{" CODE "'retry_on': ['never']}", "retry_on[0]: \"never\" is no status"},
    {"{" CODE "'reply_to': 'a topic'}", "reply_to: \"a topic\" is not"},
    {"{" CODE "'reply_to': '..'}", "reply_to: "},
    {"{" CODE "'not_before_unix_nano': 5, 'expires_unix_nano': 5}",
     "expires_unix_nano: is not after"},
    {"{" CODE "'security_level': 'trusted'}",
     "security_level: trusted is granted by the worker's configuration"},
    {"{" CODE "'security_level': 'none'}", "security_level: \"none\""},
    {"{" CODE "'validation': 'lax'}", "validation: \"lax\""},
    {"{" CODE "'network': {'mode': 'all'}}", "network.mode: \"all\""},
    {"{" CODE "'network': {'allow': ['x']}}", "network.allow: needs"},
    {"{" CODE "'secrets': ['../key']}", "secrets[0]: \"../key\" must be"},
    {"{" CODE "'parameters': [1]}", "parameters: must be a map"},
};

static void test_bad_jobs(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(bad_jobs); i++) {
        struct packed p;
        struct job job;

        if (judge(&p, bad_jobs[i].json, &job) == 0) {
            fail_msg("accepted: %s", bad_jobs[i].json);
        }
        assert_int_equal(p.e.kind, ERR_INPUT);
        assert_says(&p.e, bad_jobs[i].says);
        packed_done(&p);
    }
}

/* {job_id, language, code: size bytes, args: count times "a"}. */
static int judge_large(size_t code_bytes, size_t args, size_t arg_bytes,
                       struct packed *p)
{
    AUTO_FREE char *fill = xmalloc(code_bytes + arg_bytes + 1);
    struct job job;
    int rc = 0;

    memset(fill, 'a', code_bytes + arg_bytes + 1);
    packed_init(p);
    rc |= mpk_put_map(&p->bytes, 4, &p->e);
    rc |= mpk_put_cstr(&p->bytes, "job_id", &p->e);
    rc |= mpk_put_cstr(&p->bytes, "j", &p->e);
    rc |= mpk_put_cstr(&p->bytes, "language", &p->e);
    rc |= mpk_put_cstr(&p->bytes, "python", &p->e);
    rc |= mpk_put_cstr(&p->bytes, "code", &p->e);
    rc |= mpk_put_bin(&p->bytes, (struct view){fill, code_bytes}, &p->e);
    rc |= mpk_put_cstr(&p->bytes, "args", &p->e);
    rc |= mpk_put_array(&p->bytes, args, &p->e);
    for (size_t i = 0; i < args; i++) {
        rc |= mpk_put_str(&p->bytes, (struct view){fill, arg_bytes}, &p->e);
    }
    assert_int_equal(rc, 0);
    if (job_decode(p->bytes.data, p->bytes.len, NULL, &p->arena, &job, &p->e) <
        0) {
        return -1;
    }
    return job_validate(&job, &config, &p->e);
}

static void test_large_jobs(void **state)
{
    static const struct {
        size_t code_bytes;
        size_t args;
        size_t arg_bytes;
        const char *says; /* NULL: accepted */
    } rows[] = {
        {1 << 20, 1, 1, NULL},
        {2 << 20, 1, 1,
         "code: 2097152 bytes are over this worker's maximum of 1048576"},
        {1, 65536, 1, NULL},
        {1, 100000, 1, "args: 100000 entries are over the maximum of 65536"},
        {1, 17, 65536,
         "args: 1114112 bytes are over this worker's maximum of 1048576"},
        {1, 1, 131071, NULL},
        {1, 1, 131072, "args[0]: 131072 bytes are over the kernel's 131071"},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct packed p;
        int rc = judge_large(rows[i].code_bytes, rows[i].args,
                             rows[i].arg_bytes, &p);

        assert_int_equal(rc, rows[i].says == NULL ? 0 : -1);
        assert_says(&p.e, rows[i].says == NULL ? "" : rows[i].says);
        packed_done(&p);
    }
}

static void test_more_values_than_a_message_may_hold(void **state)
{
    struct packed p;

    (void)state;
    assert_int_equal(judge_large(1, 300000, 0, &p), -1);
    assert_says(&p.e, "more than 262144 values");
    packed_done(&p);
}

static void test_paths(void **state)
{
    char longest[JOB_PATH_MAX_BYTES + 2];

    (void)state;
    memset(longest, 'x', sizeof(longest));
    for (size_t i = 200; i < sizeof(longest) - 1; i += 200) {
        longest[i] = '/';
    }
    assert_true(job_is_inside_path((struct view){longest, JOB_PATH_MAX_BYTES}));
    assert_false(
        job_is_inside_path((struct view){longest, JOB_PATH_MAX_BYTES + 1}));
    memset(longest, 'x', 256);
    assert_true(job_is_inside_path((struct view){longest, 255}));
    assert_false(job_is_inside_path((struct view){longest, 256}));
    assert_true(job_is_inside_path(view_of("...")));
    assert_true(job_is_inside_path(view_of("..a/b..")));
    assert_false(job_is_inside_path(view_of("a/..")));
    assert_false(job_is_inside_path(view_of("")));
    assert_false(job_is_inside_path((struct view){NULL, 0}));
    assert_false(job_is_inside_path((struct view){"a\0b", 3}));
}

static void test_what_we_write_we_accept(void **state)
{
    struct packed p;
    struct job in;
    struct job out;
    struct view args[] = {view_of("one"), view_of("")};

    (void)state;
    packed_init(&p);
    job_init(&in);
    in.job_id = view_of("j");
    in.language = view_of("python");
    in.code = (struct view){"\xff\x00", 2};
    in.args = args;
    in.args_count = 2;
    in.limits.present = true;
    in.limits.wall_time_ms = 1500;
    assert_int_equal(job_encode(&in, &p.bytes, &p.e), 0);
    assert_int_equal(
        job_decode(p.bytes.data, p.bytes.len, NULL, &p.arena, &out, &p.e), 0);
    assert_int_equal(job_validate(&out, &config, &p.e), 0);
    assert_int_equal(out.code.len, 2);
    assert_int_equal(out.args_count, 2);
    assert_int_equal(out.limits.wall_time_ms, 1500);
    packed_done(&p);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_what_is_no_job_is_a_dead_letter),
        cmocka_unit_test(test_versions_and_ids_decide_before_the_rest),
        cmocka_unit_test(test_ids_have_a_length),
        cmocka_unit_test(test_identity_survives_a_bad_rest),
        cmocka_unit_test(test_defaults),
        cmocka_unit_test(test_given_limits_stay),
        cmocka_unit_test(test_good_jobs),
        cmocka_unit_test(test_bad_jobs),
        cmocka_unit_test(test_large_jobs),
        cmocka_unit_test(test_more_values_than_a_message_may_hold),
        cmocka_unit_test(test_paths),
        cmocka_unit_test(test_what_we_write_we_accept),
    };

    return cmocka_run_group_tests(tests, make_config, drop_config);
}
