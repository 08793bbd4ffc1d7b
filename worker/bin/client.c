/* SPDX-License-Identifier: MIT */
/* client.c - the library's client for the command line tools: see client.h.
 *
 * Runs in `forkyard run` and `submit`. What sending and awaiting is, is in
 * lib/fy_client.c. */
#include "bin/client.h"

#include <stdio.h>

#include "lib/fy_error.h"
#include "lib/fy_options.h"

#define FULL_WAIT_MS     100
#define CLOSE_TIMEOUT_MS 2000

/* For a person who waits. The embedded broker has no long poll, so that a fetch
 * sleeps its whole wait; and an idempotent producer takes half a second to get
 * its first id. A send repeated after a lost answer may then run twice, which
 * the promise (at least once) allows. */
static int make_quick(struct config *config, struct err *e)
{
    static const char *const rows[][2] = {
        {"fetch.wait.max.ms", "5"},
        {"enable.idempotence", "false"},
    };
    char dotted[64];

    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        (void)snprintf(dotted, sizeof(dotted), "kafka.%s", rows[i][0]);
        if (!config_kafka_get(config, rows[i][0]) &&
            config_set(config, dotted, rows[i][1], e) < 0) {
            return -1;
        }
    }
    return 0;
}

int client_open(struct config *config, unsigned reads, bool is_quick,
                struct fy_client **out, struct err *e)
{
    const char *address = config_kafka_get(config, "bootstrap.servers");
    struct fy_options *options = NULL;
    struct fy_error error;
    int rc;

    if (is_quick && make_quick(config, e) < 0) {
        return -1;
    }
    options = fy_options_from(config);
    rc = fy_client_open(options, reads, out, &error);
    fy_options_free(options);
    if (rc < 0) {
        (void)fy_error_get(&error, e);
        return err_wrap(e,
                        "Kafka at %s (start one with `forkyard dev`, or name "
                        "yours with --brokers)",
                        address ? address : "?");
    }
    return 0;
}

int client_send(struct fy_client *client, struct fy_job *job, const char *queue,
                struct err *e)
{
    struct fy_error error;

    while (fy_client_send(client, job, queue, NULL, NULL, &error) < 0) {
        if (error.code != FY_ERROR_RETRY) {
            return fy_error_get(&error, e);
        }
        if (fy_client_poll(client, FULL_WAIT_MS, &error) < 0) {
            return fy_error_get(&error, e);
        }
    }
    return 0;
}

int client_flush(struct fy_client *client, int timeout_ms, struct err *e)
{
    struct fy_error error;

    return fy_client_flush(client, timeout_ms, &error) < 0
               ? fy_error_get(&error, e)
               : 0;
}

void client_close(struct fy_client *client)
{
    (void)fy_client_close(client, CLOSE_TIMEOUT_MS);
}
