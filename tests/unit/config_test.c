/* SPDX-License-Identifier: MIT */
/* config_test.c - does each setting come from where it should, and is each
 * mistake named with its place? */
#include <jansson.h>
#include <stdlib.h>
#include <string.h>

#include "lib/unit.h"

#include "base/mem.h"
#include "base/str.h"
#include "wire/config_row.h"

/* Writes a file into the test's own TMPDIR; free the path. */
static char *file_with(const char *text)
{
    const char *dir = getenv("TMPDIR");
    char *path = NULL;
    FILE *f;

    if (asprintf(&path, "%s/forkyard.yaml", dir != NULL ? dir : "/tmp") < 0) {
        abort();
    }
    f = fopen(path, "w");
    assert_non_null(f);
    assert_true(fputs(text, f) >= 0);
    assert_int_equal(fclose(f), 0);
    return path;
}

static int load_text(struct config *c, const char *text, struct err *e)
{
    AUTO_FREE char *path = file_with(text);

    return config_load_file(c, path, e);
}

/* The error of loading this text, behind the ".yaml:" of the path. */
static const char *complaint(const char *text, struct err *e)
{
    struct config c;
    const char *behind;

    config_init(&c);
    e->msg[0] = '\0';
    if (load_text(&c, text, e) == 0) {
        fail_msg("accepted: %s", text);
    }
    config_done(&c);
    behind = strstr(e->msg, ".yaml:");
    return behind != NULL ? behind + strlen(".yaml:") : e->msg;
}

static char *printed(const struct config *c, bool json)
{
    char *text = NULL;
    size_t len = 0;
    FILE *f = open_memstream(&text, &len);

    assert_non_null(f);
    config_print(c, json, f);
    (void)fclose(f);
    return text;
}

static void defaults_are_within_their_bounds(void **state)
{
    (void)state;
    for (size_t i = 0; i < config_row_count; i++) {
        const struct config_row *row = &config_rows[i];
        char env[CONFIG_NAME_MAX];

        assert_true(row->min <= row->def && row->def <= row->max);
        assert_true(strlen(row->dotted) < CONFIG_NAME_MAX / 2);
        assert_true(strlen(row->doc) > 0 && strlen(row->doc) < 400);
        assert_ptr_equal(config_row_find(row->dotted), row);
        config_row_env(row, env);
        assert_null(strchr(env, '.'));
        if (row->def_text != NULL) {
            assert_true(strlen(row->def_text) < CONFIG_VALUE_MAX);
        }
    }
}

static void every_default_can_be_written_and_read(void **state)
{
    struct config c;
    struct err e;

    (void)state;
    config_init(&c);
    for (size_t i = 0; i < config_row_count; i++) {
        const struct config_row *row = &config_rows[i];
        char value[CONFIG_VALUE_MAX];

        if (row->type == CONFIG_TYPE_TEXT) {
            (void)str_copy(value, sizeof(value), row->def_text);
        } else {
            config_row_format(row, row->def, value);
        }
        if (config_set(&c, row->dotted, value, &e) < 0) {
            fail_msg("%s", e.msg);
        }
        if (row->type != CONFIG_TYPE_TEXT && row->type != CONFIG_TYPE_BOOL) {
            uint64_t got;

            memcpy(&got, (char *)&c + row->offset, sizeof(got));
            assert_true(got == row->def);
        }
    }
    config_done(&c);
}

static void bounds_are_enforced_and_named(void **state)
{
    struct config c;
    struct err e;

    (void)state;
    config_init(&c);
    for (size_t i = 0; i < config_row_count; i++) {
        const struct config_row *row = &config_rows[i];
        char value[CONFIG_VALUE_MAX];

        if (row->type == CONFIG_TYPE_TEXT || row->type == CONFIG_TYPE_BOOL) {
            continue;
        }
        (void)snprintf(value, sizeof(value), "%llu",
                       (unsigned long long)row->max + 1);
        assert_int_equal(config_set(&c, row->dotted, value, &e), -1);
        assert_int_equal(e.kind, ERR_INPUT);
        assert_true(str_starts(e.msg, row->dotted));
        assert_non_null(strstr(e.msg, "over the maximum of"));
        if (row->min > 0) {
            assert_int_equal(config_set(&c, row->dotted, "0", &e), -1);
            assert_non_null(strstr(e.msg, "under the minimum of"));
        }
    }
    config_done(&c);
}

static void bad_values_are_named(void **state)
{
    struct config c;
    struct err e;

    (void)state;
    config_init(&c);
    assert_int_equal(config_set(&c, "worker.slots", "many", &e), -1);
    assert_string_equal(e.msg,
                        "worker.slots: 'many' is not a whole number from 0");
    assert_int_equal(config_set(&c, "worker.slots", "4097", &e), -1);
    assert_string_equal(e.msg,
                        "worker.slots: 4097 is over the maximum of 4096");
    assert_int_equal(config_set(&c, "log.level", "loud", &e), -1);
    assert_string_equal(e.msg,
                        "log.level: 'loud' is none of: debug info warn error");
    assert_int_equal(config_set(&c, "log.level", "debug info", &e), -1);
    assert_int_equal(config_set(&c, "log.level", "", &e), -1);
    assert_int_equal(config_set(&c, "events.audit", "perhaps", &e), -1);
    assert_int_equal(config_set(&c, "kafka.", "x", &e), -1);
    assert_int_equal(config_set(&c, "worker.slost", "1", &e), -1);
    assert_string_equal(
        e.msg, "unknown setting 'worker.slost'; did you mean 'worker.slots'?");
    assert_int_equal(config_set(&c, "zzzzzzzzzzzzz", "1", &e), -1);
    assert_null(strstr(e.msg, "did you mean"));
    assert_string_equal(c.log_level, "info");
    config_done(&c);
}

static void later_sources_win(void **state)
{
    char slots[] = "FORKYARD_WORKER_SLOTS=5";
    char servers[] = "FORKYARD_KAFKA_BOOTSTRAP_SERVERS=env:9092";
    char config_var[] = "FORKYARD_CONFIG=/x";
    char other[] = "HOME=/root";
    char *envp[] = {slots, servers, config_var, other, NULL};
    struct config c;
    struct err e;

    (void)state;
    config_init(&c);
    assert_int_equal(c.worker_slots, 0);
    assert_string_equal(c.worker_user, "nobody");
    assert_int_equal(load_text(&c,
                               "worker:\n"
                               "  slots: 3\n"
                               "  user: 'fy'\n"
                               "  drain_timeout: 5s\n"
                               "job: {max_bytes: 1MiB}\n"
                               "log.format: json\n"
                               "kafka:\n"
                               "  bootstrap.servers: file:9092\n"
                               "  security: {protocol: SSL}\n",
                               &e),
                     0);
    assert_int_equal(c.worker_slots, 3);
    assert_int_equal(c.worker_drain_ms, 5000);
    assert_int_equal(c.job_max_bytes, 1048576);
    assert_string_equal(c.log_format, "json");
    assert_string_equal(config_kafka_get(&c, "security.protocol"), "SSL");
    assert_int_equal(config_load_env(&c, envp, &e), 0);
    assert_int_equal(c.worker_slots, 5);
    assert_string_equal(c.worker_user, "fy");
    assert_string_equal(config_kafka_get(&c, "bootstrap.servers"), "env:9092");
    assert_int_equal(config_set(&c, "worker.slots", "7", &e), 0);
    assert_int_equal(config_set(&c, "kafka.bootstrap.servers", "f:1", &e), 0);
    assert_int_equal(c.worker_slots, 7);
    assert_string_equal(config_kafka_get(&c, "bootstrap.servers"), "f:1");
    assert_int_equal(c.kafka_count, 2);
    assert_null(config_kafka_get(&c, "client.id"));
    config_done(&c);
}

static void environment_mistakes_are_named(void **state)
{
    static char bad_name[] = "FORKYARD_WORKER_SLOT=5";
    static char bad_value[] = "FORKYARD_WORKER_SLOTS=x";
    char *names[] = {bad_name, NULL};
    char *values[] = {bad_value, NULL};
    struct config c;
    struct err e;

    (void)state;
    config_init(&c);
    assert_int_equal(config_load_env(&c, names, &e), -1);
    assert_string_equal(e.msg,
                        "environment: unknown variable FORKYARD_WORKER_SLOT; "
                        "did you mean FORKYARD_WORKER_SLOTS?");
    assert_int_equal(config_load_env(&c, values, &e), -1);
    assert_string_equal(e.msg, "environment: FORKYARD_WORKER_SLOTS: 'x' is not "
                               "a whole number from 0");
    config_done(&c);
}

static void file_mistakes_have_a_line(void **state)
{
    struct err e;

    (void)state;
    assert_string_equal(
        complaint("worker:\n  id: a\n  slot: 1\n", &e),
        "3: unknown setting 'worker.slot'; did you mean 'worker.slots'?");
    assert_string_equal(complaint("worker:\n  slots: -1\n", &e),
                        "2: worker.slots: '-1' is not a whole number from 0");
    assert_string_equal(complaint("worker:\n  slots: [1]\n", &e),
                        "2: worker.slots: must be one value, not a list or "
                        "alias");
    assert_string_equal(complaint("worker:\n  id: a\n  id: b\n", &e),
                        "3: 'worker.id' is set twice");
    assert_string_equal(complaint("- 1\n", &e),
                        "1: expected one document of `section:` lines");
    assert_string_equal(
        complaint("log.level: info\n---\nlog.level: warn\n", &e),
        "2: expected one document of `section:` lines");
    assert_non_null(strstr(complaint("worker: {\n", &e), ": "));
    assert_non_null(strstr(complaint("worker: \"a\n", &e), ": "));
    assert_non_null(
        strstr(complaint("? [a]\n: b\n", &e), "a name is expected"));
    assert_non_null(strstr(complaint("worker:\n  id: *x\n", &e), ": "));
    assert_non_null(
        strstr(complaint("log: {level: \"in\\0fo\"}\n", &e), "NUL"));
}

static void nesting_is_bounded(void **state)
{
    char text[8192] = "kafka:";
    size_t len = strlen(text);
    struct err e;

    (void)state;
    for (int i = 0; i < 1000; i++) {
        text[len++] = ' ';
        text[len++] = '{';
        text[len++] = 'a';
        text[len++] = ':';
    }
    text[len] = '\0';
    assert_non_null(strstr(complaint(text, &e), "nested too deep"));
    assert_int_equal(e.kind, ERR_LIMIT);
}

static void empty_files_are_fine(void **state)
{
    static const char *const texts[] = {
        "", "# nothing\n", "---\n", "worker:\n", "kafka:\nworker: {}\n",
    };
    struct config c;
    struct err e;

    (void)state;
    config_init(&c);
    for (size_t i = 0; i < ARRAY_LEN(texts); i++) {
        if (load_text(&c, texts[i], &e) < 0) {
            fail_msg("%s", e.msg);
        }
    }
    assert_int_equal(config_load_file(&c, "/nowhere.yaml", &e), -1);
    assert_string_equal(e.msg, "open /nowhere.yaml: No such file or directory");
    config_done(&c);
}

/* "  #name: value" becomes a setting; "# words" stays a comment. */
static void uncomment(char *text)
{
    for (char *p = text; (p = strchr(p, '#')) != NULL; p++) {
        if (p[1] != ' ') {
            *p = ' ';
        }
    }
}

static void sample_holds_every_default(void **state)
{
    char *text = NULL;
    size_t len = 0;
    FILE *f = open_memstream(&text, &len);
    AUTO_FREE char *before = NULL;
    AUTO_FREE char *after = NULL;
    struct config c;
    struct err e;

    (void)state;
    assert_non_null(f);
    config_print_sample(f);
    (void)fclose(f);
    config_init(&c);
    before = printed(&c, false);
    if (load_text(&c, text, &e) < 0) {
        fail_msg("as it is: %s", e.msg);
    }
    uncomment(text);
    if (load_text(&c, text, &e) < 0) {
        fail_msg("uncommented: %s", e.msg);
    }
    assert_string_equal(config_kafka_get(&c, "bootstrap.servers"),
                        "localhost:9092");
    after = printed(&c, false);
    assert_memory_equal(after, before, strlen(before));
    for (size_t i = 0; i < config_row_count; i++) {
        const char *last = strrchr(config_rows[i].dotted, '.');
        char name[CONFIG_NAME_MAX];

        (void)snprintf(name, sizeof(name), " %s: ",
                       last != NULL ? last + 1 : config_rows[i].dotted);
        assert_non_null(strstr(text, name));
    }
    free(text);
    config_done(&c);
}

static void secrets_are_never_printed(void **state)
{
    static const char *const names[] = {
        "kafka.sasl.password",         "kafka.sasl.username",
        "kafka.ssl.key.password",      "kafka.ssl.key.pem",
        "kafka.ssl.keystore.location", "kafka.sasl.oauthbearer.client.secret",
    };
    struct config c;

    (void)state;
    config_init(&c);
    for (size_t i = 0; i < ARRAY_LEN(names); i++) {
        assert_int_equal(config_set(&c, names[i], "hunter2", NULL), 0);
    }
    assert_int_equal(config_set(&c, "worker.id", "r://u:hunter2@h/0", NULL), 0);
    assert_int_equal(config_set(&c, "kafka.sasl.mechanisms", "PLAIN", NULL), 0);
    for (int json = 0; json < 2; json++) {
        AUTO_FREE char *text = printed(&c, json != 0);

        assert_null(strstr(text, "hunter2"));
        assert_non_null(strstr(text, "***"));
        assert_non_null(strstr(text, "r://***@h/0"));
        assert_non_null(strstr(text, "PLAIN"));
        assert_non_null(strstr(text, "kafka.sasl.password"));
    }
    config_done(&c);
}

static void json_has_every_setting(void **state)
{
    AUTO_FREE char *text = NULL;
    struct config c;
    json_t *object;

    (void)state;
    config_init(&c);
    assert_int_equal(config_set(&c, "worker.id", "\xff", NULL), 0);
    text = printed(&c, true);
    object = json_loads(text, 0, NULL);
    assert_non_null(object);
    assert_int_equal(json_object_size(object), config_row_count);
    assert_int_equal(
        json_integer_value(json_object_get(object, "job.max_bytes")), 8388608);
    assert_true(json_is_true(json_object_get(object, "events.audit")));
    json_decref(object);
    config_done(&c);
}

static void numbers_show_their_unit(void **state)
{
    const struct config_row *size = config_row_find("job.max_bytes");
    const struct config_row *time = config_row_find("worker.drain_timeout");
    char text[CONFIG_VALUE_MAX];

    (void)state;
    config_row_format(size, 1536, text);
    assert_string_equal(text, "1536");
    config_row_format(size, 3 * 1024 * 1024, text);
    assert_string_equal(text, "3MiB");
    config_row_format(time, 90000, text);
    assert_string_equal(text, "90s");
    config_row_format(time, 7200000, text);
    assert_string_equal(text, "2h");
    config_row_format(time, 250, text);
    assert_string_equal(text, "250ms");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(defaults_are_within_their_bounds),
        cmocka_unit_test(every_default_can_be_written_and_read),
        cmocka_unit_test(bounds_are_enforced_and_named),
        cmocka_unit_test(bad_values_are_named),
        cmocka_unit_test(later_sources_win),
        cmocka_unit_test(environment_mistakes_are_named),
        cmocka_unit_test(file_mistakes_have_a_line),
        cmocka_unit_test(nesting_is_bounded),
        cmocka_unit_test(empty_files_are_fine),
        cmocka_unit_test(sample_holds_every_default),
        cmocka_unit_test(secrets_are_never_printed),
        cmocka_unit_test(json_has_every_setting),
        cmocka_unit_test(numbers_show_their_unit),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
