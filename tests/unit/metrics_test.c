/* SPDX-License-Identifier: MIT */
/* metrics_test.c - is what is counted what Prometheus reads? The same text is
 * read by Debian's prometheus_client in schema/metrics_test.py. */
#include "lib/unit.h"

#include <math.h>
#include <string.h>

#include "base/base.h"
#include "svc/metrics.h"

static struct metrics *m;
static struct buf text;

static int setup(void **state)
{
    (void)state;
    m = metrics_new();
    buf_init(&text, 1 << 20);
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    metrics_free(m);
    buf_done(&text);
    return 0;
}

static const char *print(enum metrics_format format)
{
    struct err e = {0};

    buf_clear(&text);
    assert_int_equal(metrics_print(m, format, &text, &e), 0);
    assert_int_equal(buf_append(&text, "", 1, &e), 0);
    return (const char *)text.data;
}

static void has(const char *line)
{
    if (!strstr(print(METRICS_TEXT), line)) {
        fail_msg("no line '%s' in:\n%s", line, (const char *)text.data);
    }
}

static void lacks(const char *line)
{
    assert_null(strstr(print(METRICS_TEXT), line));
}

static void names_follow_opentelemetry(void **state)
{
    static const struct {
        enum metrics_id id;
        const char *name;
    } rows[] = {
        {METRICS_RECEIVED, "messaging_client_consumed_messages_total"},
        {METRICS_PROCESS_TIME, "messaging_process_duration_seconds"},
        {METRICS_CPU, "process_cpu_time_seconds_total"},
        {METRICS_MEMORY, "process_memory_usage_bytes"},
        {METRICS_UNFINISHED, "forkyard_jobs_unfinished"},
    };
    char name[METRICS_NAME_MAX];

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        metrics_name(&metrics_rows[rows[i].id], name);
        assert_string_equal(name, rows[i].name);
    }
}

static void names_are_unique_and_well_formed(void **state)
{
    char names[METRICS_COUNT][METRICS_NAME_MAX];

    (void)state;
    for (size_t i = 0; i < METRICS_COUNT; i++) {
        metrics_name(&metrics_rows[i], names[i]);
        assert_int_equal(strspn(names[i], "abcdefghijklmnopqrstuvwxyz_"),
                         strlen(names[i]));
        assert_true(strlen(metrics_rows[i].doc) > 0);
        for (size_t k = 0; k < i; k++) {
            assert_string_not_equal(names[i], names[k]);
        }
    }
}

static void a_figure_without_labels_is_one_line(void **state)
{
    (void)state;
    metrics_set(m, METRICS_RUNNING, 0, 3);
    has("# TYPE forkyard_jobs_running gauge\nforkyard_jobs_running 3\n");
}

static void counters_begin_at_zero_and_add_up(void **state)
{
    (void)state;
    (void)metrics_label(m, METRICS_BY_STATUS, "success", NULL);
    size_t bad = metrics_label(m, METRICS_BY_STATUS, "rejected", NULL);
    (void)metrics_label(m, METRICS_BY_QUEUE, "high", NULL);
    metrics_add(m, METRICS_FINISHED, 0, bad, 1);
    /* a queue told later finds the others' figures as they were */
    size_t low = metrics_label(m, METRICS_BY_QUEUE, "low", NULL);
    metrics_add(m, METRICS_FINISHED, low, bad, 2);
    metrics_add(m, METRICS_FINISHED, low, bad, 2);
    has("# TYPE forkyard_jobs_finished_total counter\n"
        "forkyard_jobs_finished_total{queue=\"high\",status=\"success\"} 0\n"
        "forkyard_jobs_finished_total{queue=\"high\",status=\"rejected\"} 1\n"
        "forkyard_jobs_finished_total{queue=\"low\",status=\"success\"} 0\n"
        "forkyard_jobs_finished_total{queue=\"low\",status=\"rejected\"} 4\n");
}

static void what_was_never_told_is_not_counted(void **state)
{
    (void)state;
    metrics_add(m, METRICS_COMMITS, 0, 0, 1);
    metrics_set(m, METRICS_SPAN, 7, 1);
    metrics_observe(m, METRICS_RUN_TIME, 1, 1);
    lacks("forkyard_consumer_commits_total{");
    lacks("forkyard_partition_span{");
    lacks("forkyard_job_run_time_seconds_sum");
}

static void buckets_are_cumulative_and_their_bounds_included(void **state)
{
    (void)state;
    (void)metrics_label(m, METRICS_BY_QUEUE, "q", NULL);
    metrics_observe(m, METRICS_RUN_TIME, 0, 0.005);
    metrics_observe(m, METRICS_RUN_TIME, 0, 0.0051);
    metrics_observe(m, METRICS_RUN_TIME, 0, 5000);
    has("_run_time_seconds_bucket{queue=\"q\",le=\"0.001\"} 0\n");
    has("_run_time_seconds_bucket{queue=\"q\",le=\"0.005\"} 1\n");
    has("_run_time_seconds_bucket{queue=\"q\",le=\"0.025\"} 2\n");
    has("_run_time_seconds_bucket{queue=\"q\",le=\"3600.0\"} 2\n");
    has("_run_time_seconds_bucket{queue=\"q\",le=\"+Inf\"} 3\n"
        "forkyard_job_run_time_seconds_count{queue=\"q\"} 3\n"
        "forkyard_job_run_time_seconds_sum{queue=\"q\"} 5000.0101\n");
}

static void labels_are_escaped(void **state)
{
    (void)state;
    (void)metrics_label(m, METRICS_BY_PARTITION, "a\"b\\c\nd", "12");
    metrics_set(m, METRICS_SPAN, 0, 5);
    has("forkyard_partition_span{topic=\"a\\\"b\\\\c\\nd\",partition=\"12\"} "
        "5\n");
}

static void a_partition_given_away_is_gone(void **state)
{
    (void)state;
    (void)metrics_label(m, METRICS_BY_PARTITION, "t", "0");
    (void)metrics_label(m, METRICS_BY_PARTITION, "t", "1");
    metrics_set(m, METRICS_SPAN, 1, 5);
    metrics_unlabel(m, METRICS_BY_PARTITION);
    lacks("forkyard_partition_span{");
    (void)metrics_label(m, METRICS_BY_PARTITION, "t", "2");
    has("forkyard_partition_span{topic=\"t\",partition=\"2\"} 0\n");
    lacks("partition=\"1\"");
}

static void what_is_no_number_is_left_out(void **state)
{
    (void)state;
    (void)metrics_label(m, METRICS_BY_FIGURE, "cpu", NULL);
    metrics_set(m, METRICS_GUARD_VALUE, 0, (double)NAN);
    lacks("forkyard_guard_value{");
    metrics_set(m, METRICS_GUARD_VALUE, 0, 1.0 / 3);
    has("forkyard_guard_value{figure=\"cpu\"} 0.33333333333333331\n");
    metrics_set(m, METRICS_GUARD_VALUE, 0, 0.1);
    has("forkyard_guard_value{figure=\"cpu\"} 0.1\n");
    metrics_set(m, METRICS_GUARD_VALUE, 0, 9007199254740991.0);
    has("forkyard_guard_value{figure=\"cpu\"} 9007199254740991\n");
}

static void openmetrics_names_the_family_and_ends(void **state)
{
    const char *all;

    (void)state;
    all = print(METRICS_OPEN);
    assert_non_null(strstr(all, "# TYPE forkyard_boxes_failed counter\n"
                                "forkyard_boxes_failed_total 0\n"));
    assert_string_equal(all + strlen(all) - 6, "# EOF\n");
    lacks("# EOF");
}

static void the_format_is_the_one_asked_for(void **state)
{
    static const struct {
        const char *accept;
        enum metrics_format format;
    } rows[] = {
        {NULL, METRICS_TEXT},
        {"", METRICS_TEXT},
        {"*/*", METRICS_TEXT},
        {"text/plain;version=0.0.4", METRICS_TEXT},
        {"application/openmetrics-text;version=1.0.0;q=0.5,*/*;q=0.1",
         METRICS_OPEN},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        assert_int_equal(metrics_format_of(rows[i].accept), rows[i].format);
    }
    assert_non_null(strstr(metrics_media_type(METRICS_TEXT), "version=0.0.4"));
    assert_non_null(strstr(metrics_media_type(METRICS_OPEN), "version=1.0.0"));
}

static void no_room_is_an_error(void **state)
{
    struct err e = {0};
    AUTO_BUF struct buf small;

    (void)state;
    buf_init(&small, 100);
    assert_int_equal(metrics_print(m, METRICS_TEXT, &small, &e), -1);
    assert_int_equal(e.kind, ERR_LIMIT);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(names_follow_opentelemetry),
        TEST(names_are_unique_and_well_formed),
        TEST(a_figure_without_labels_is_one_line),
        TEST(counters_begin_at_zero_and_add_up),
        TEST(what_was_never_told_is_not_counted),
        TEST(buckets_are_cumulative_and_their_bounds_included),
        TEST(labels_are_escaped),
        TEST(a_partition_given_away_is_gone),
        TEST(what_is_no_number_is_left_out),
        TEST(openmetrics_names_the_family_and_ends),
        TEST(the_format_is_the_one_asked_for),
        TEST(no_room_is_an_error),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
