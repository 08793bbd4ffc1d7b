/* SPDX-License-Identifier: MIT */
/* bench_fleet.c - see bench_fleet.h. Runs in `forkyard bench`; never changes
 * a setting that `dev` would not have, but for the guard: a busy host makes for
 * bad figures, and a worker that waits for it for none. It measures all the
 * same. */
#include "bin/bench_fleet.h"

#include <fcntl.h>
#include <jansson.h>
#include <stdio.h>
#include <string.h>

#include "base/fd.h"

#define START_TIMEOUT_MS 40000
#define LINE_SIZE        4096

static int read_object(struct bench_child *child, const char *what,
                       json_t **out, struct err *e)
{
    char line[LINE_SIZE];

    if (bench_child_line(child, START_TIMEOUT_MS, line, sizeof(line), e) < 0) {
        return err_wrap(e, "%s", what);
    }
    *out = json_loads(line, 0, NULL);
    return *out ? 0 : err_set(e, ERR_SYSTEM, "%s said: %.200s", what, line);
}

static int take_address(struct bench_fleet *fleet, const json_t *object,
                        struct err *e)
{
    const char *kafka = json_string_value(json_object_get(object, "kafka"));

    if (!kafka) {
        return err_set(e, ERR_SYSTEM, "no address of a broker");
    }
    (void)snprintf(fleet->kafka, sizeof(fleet->kafka), "%s", kafka);
    return 0;
}

static void take_workers(struct bench_fleet *fleet, const json_t *object)
{
    const json_t *list = json_object_get(object, "workers");

    for (size_t i = 0; i < json_array_size(list) && i < BENCH_FLEET_WORKERS_MAX;
         i++) {
        const json_t *pid = json_object_get(json_array_get(list, i), "pid");

        fleet->engines[fleet->engine_count++] = (pid_t)json_integer_value(pid);
    }
}

int bench_fleet_start(struct bench_fleet *fleet, unsigned workers,
                      const char *setting, struct err *e)
{
    char count[24];
    /* Not dev's usual port: somebody's clients may be looking there. */
    const char *const args[] = {"dev",
                                "--json",
                                "--port",
                                "0",
                                "--workers",
                                count,
                                "--set",
                                "guard.enabled=false",
                                "--redis",
                                "none",
                                setting ? "--set" : NULL,
                                setting,
                                NULL};
    json_t *object = NULL;
    int rc = -1;

    memset(fleet, 0, sizeof(*fleet));
    (void)snprintf(count, sizeof(count), "%u", workers);
    if (bench_child_start(&fleet->main, args, e) == 0 &&
        read_object(&fleet->main, "dev", &object, e) == 0 &&
        take_address(fleet, object, e) == 0) {
        take_workers(fleet, object);
        rc = 0;
    }
    json_decref(object);
    if (rc < 0) {
        bench_fleet_stop(fleet);
    }
    return rc;
}

static int start_echo(struct bench_fleet *fleet, struct err *e)
{
    char brokers[sizeof(fleet->kafka) + 32];
    char line[LINE_SIZE];
    /* as dev sets them for its workers */
    const char *const args[] = {"bench-echo",
                                "--set",
                                "kafka.fetch.wait.max.ms=2",
                                "--set",
                                "kafka.group.protocol=consumer",
                                "--set",
                                brokers,
                                NULL};

    (void)snprintf(brokers, sizeof(brokers), "kafka.bootstrap.servers=%s",
                   fleet->kafka);
    if (bench_child_start(&fleet->main, args, e) < 0 ||
        bench_child_line(&fleet->main, START_TIMEOUT_MS, line, sizeof(line),
                         e) < 0) {
        return err_wrap(e, "echo");
    }
    fleet->engines[fleet->engine_count++] = fleet->main.pid;
    return 0;
}

int bench_fleet_start_echo(struct bench_fleet *fleet, struct err *e)
{
    const char *const args[] = {"broker", NULL};
    json_t *object = NULL;
    int rc = -1;

    memset(fleet, 0, sizeof(*fleet));
    if (bench_child_start(&fleet->broker, args, e) == 0 &&
        read_object(&fleet->broker, "broker", &object, e) == 0 &&
        take_address(fleet, object, e) == 0) {
        rc = start_echo(fleet, e);
    }
    json_decref(object);
    if (rc < 0) {
        bench_fleet_stop(fleet);
    }
    return rc;
}

void bench_fleet_stop(struct bench_fleet *fleet)
{
    bench_child_stop(&fleet->main);
    bench_child_stop(&fleet->broker);
    fleet->engine_count = 0;
}

/* --- /proc --------------------------------------------------------------- */

static bool read_proc(pid_t pid, const char *file, char *dst, size_t size)
{
    char path[96];

    (void)snprintf(path, sizeof(path), "/proc/%d/%s", (int)pid, file);
    return fd_read_small(AT_FDCWD, path, dst, size) > 0;
}

pid_t bench_fleet_launcher(pid_t engine)
{
    char text[256];
    char file[64];

    (void)snprintf(file, sizeof(file), "task/%d/children", (int)engine);
    return read_proc(engine, file, text, sizeof(text))
               ? (pid_t)strtol(text, NULL, 10)
               : 0;
}

static double read_status_kb(pid_t pid, const char *key)
{
    char text[8192];
    const char *at = NULL;

    if (pid > 0 && read_proc(pid, "status", text, sizeof(text))) {
        at = strstr(text, key);
    }
    return at ? strtod(at + strlen(key), NULL) : 0;
}

double bench_fleet_rss_kb(pid_t pid)
{
    return read_status_kb(pid, "VmRSS:");
}

double bench_fleet_anonymous_kb(pid_t pid)
{
    return read_status_kb(pid, "RssAnon:");
}

double bench_fleet_cpu_ms(pid_t pid, bool also_children)
{
    char text[1024];
    unsigned long own[2] = {0, 0};
    unsigned long children[2] = {0, 0};
    const char *at = NULL;

    if (read_proc(pid, "stat", text, sizeof(text))) {
        at = strrchr(text, ')'); /* the name may hold anything */
    }
    if (!at || sscanf(at,
                      ") %*c %*d %*d %*d %*d %*d %*u %*u %*u %*u %*u "
                      "%lu %lu %lu %lu",
                      &own[0], &own[1], &children[0], &children[1]) != 4) {
        return 0;
    }
    unsigned long ticks = own[0] + own[1];
    if (also_children) {
        ticks += children[0] + children[1];
    }
    return (double)ticks * 1000.0 / (double)sysconf(_SC_CLK_TCK);
}
