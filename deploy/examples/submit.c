/* SPDX-License-Identifier: MIT */
/* submit.c - jobs from C, with libforkyard:
 *
 *     cc -o submit submit.c $(pkg-config --cflags --libs forkyard)
 *     ./submit [BROKERS [SETTING=VALUE...]]
 *
 * Sends three jobs at once and prints how each ended, in the order in which
 * they end. Settings are those of forkyard.yaml, for example
 * kafka.security.protocol=ssl or topics.prefix=mine. */
#include <forkyard.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define RESULT_TIMEOUT_MS 60000
#define CLOSE_TIMEOUT_MS  5000

static const char *const from_json[] = {
    "{\"language\": \"shell\", \"code\": \"exit 3\"}",
    "{\"language\": \"node\","
    " \"code\": \"console.log([1, 2, 3].join('+'))\"}",
};

/* Cuts SETTING=VALUE in two. */
static int set_option(struct fy_options *options, char *text,
                      struct fy_error *error)
{
    char *equals = strchr(text, '=');

    if (equals) {
        *equals++ = '\0';
    }
    return fy_options_set(options, text, equals ? equals : "", error);
}

static int open_client(int argc, char **argv, struct fy_client **client,
                       struct fy_error *error)
{
    struct fy_options *options = fy_options_new();
    int rc = 0;

    if (argc > 1) {
        rc = fy_options_set(options, "kafka.bootstrap.servers", argv[1], error);
    }
    for (int i = 2; rc == 0 && i < argc; i++) {
        rc = set_option(options, argv[i], error);
    }
    if (rc == 0) {
        rc = fy_client_open(options, FY_READ_RESULTS, client, error);
    }
    fy_options_free(options); /* the client has its own */
    return rc;
}

/* Field by field. */
static int send_fields(struct fy_client *client, struct fy_error *error)
{
    struct fy_job *job = fy_job_new(); /* it has a job_id */
    int rc = -1;

    if (fy_job_set_text(job, "language", "python", error) == 0 &&
        fy_job_set_text(job, "code", "import sys; print('hello', sys.argv[1])",
                        error) == 0 &&
        fy_job_add_text(job, "args", "world", error) == 0 &&
        fy_job_set_uint(job, "limits.wall_time_ms", 5000, error) == 0 &&
        fy_job_put_text(job, "labels", "example", "c", error) == 0) {
        rc = fy_client_send(client, job, NULL, NULL, NULL, error);
    }
    fy_job_free(job);
    return rc;
}

static int send_json(struct fy_client *client, const char *json,
                     struct fy_error *error)
{
    struct fy_job *job = NULL;
    int rc = fy_job_from_json(json, strlen(json), &job, error);

    if (rc == 0) {
        rc = fy_client_send(client, job, NULL, NULL, NULL, error);
    }
    fy_job_free(job);
    return rc;
}

static int send_all(struct fy_client *client, struct fy_error *error)
{
    int rc = send_fields(client, error);

    for (size_t i = 0; rc == 0 && i < sizeof(from_json) / sizeof(*from_json);
         i++) {
        rc = send_json(client, from_json[i], error);
    }
    return rc;
}

static void show(const struct fy_result *result)
{
    size_t len = 0;
    const char *out = fy_result_stdout(result, &len);

    (void)printf("%s: %.*s", fy_result_status(result), (int)len,
                 out ? out : "");
    if (!fy_result_is_success(result)) {
        (void)printf("(%s)\n", fy_result_reason(result));
    }
}

/* A job that Kafka did not take is an error here, too. */
static int show_results(struct fy_client *client, struct fy_error *error)
{
    while (fy_client_awaited(client) > 0) {
        struct fy_result *result = NULL;
        int got =
            fy_client_await(client, NULL, RESULT_TIMEOUT_MS, &result, error);

        if (got == 0) {
            (void)snprintf(error->text, sizeof(error->text),
                           "no result; is a worker there? %s",
                           fy_client_trouble(client));
        }
        if (got <= 0) {
            return -1;
        }
        show(result);
        fy_result_free(result);
    }
    return 0;
}

int main(int argc, char **argv)
{
    struct fy_client *client = NULL;
    struct fy_error error;
    int rc = open_client(argc, argv, &client, &error);

    if (rc == 0) {
        rc = send_all(client, &error);
    }
    if (rc == 0) {
        rc = show_results(client, &error);
    }
    if (rc < 0) {
        (void)fprintf(stderr, "submit: %s\n", error.text);
    }
    (void)fy_client_close(client, CLOSE_TIMEOUT_MS);
    return rc == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
