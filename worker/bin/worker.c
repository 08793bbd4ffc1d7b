/* SPDX-License-Identifier: MIT */
/* worker.c - `forkyard worker`: the engine. Boot order, signals, shutdown.
 *
 * Boot: settings -> launcher forked (no thread, no Kafka handle yet) ->
 * launcher ready -> privilege dropped and the drop verified -> producers ->
 * pipeline -> consumer -> loop. What fails on the way ends the process with
 * the reason.
 *
 * Shutdown: SIGTERM or SIGINT drains (no new jobs, running ones finish and are
 * published) for at most worker.drain_timeout; a second signal, or the end of
 * that time, kills what runs and leaves it for redelivery. Then: telemetry
 * says goodbye, producers flush, finished offsets are committed, boxes and
 * launcher go. */
#include <errno.h>
#include <inttypes.h>
#include <malloc.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <uv.h>

#include "base/clock.h"
#include "base/fd.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/version.h"
#include "bin/cli.h"
#include "bin/main.h"
#include "run/boxes.h"
#include "run/health.h"
#include "run/monitor.h"
#include "run/pipeline.h"
#include "run/runtimes.h"
#include "run/waiting.h"
#include "svc/audit_log.h"
#include "svc/kafka_in.h"
#include "svc/kafka_out.h"
#include "svc/telemetry.h"
#include "sys/privdrop.h"

#define FLUSH_MS 5000

struct options {
    uint64_t ready_fd; /* 0: none */
};

static const struct cli_option options[] = {
    {"ready-fd", 0, CLI_UINT, offsetof(struct options, ready_fd), "N",
     "write one JSON line to descriptor N when partitions are assigned"},
    {NULL, 0, CLI_FLAG, 0, NULL, NULL},
};

static const struct cli_spec spec = {
    .name = "worker",
    .summary = "the daemon: take jobs, run them, publish",
    .usage = "worker [--config FILE] [--set NAME=VALUE]...",
    .about = "SIGTERM drains: no new jobs, running ones finish. A second one "
             "kills what runs and\nleaves it for another worker.",
    .example = "worker --brokers kafka1:9092,kafka2:9092 "
               "--set worker.slots=16",
    .options = options,
    .shows_settings = true,
};

struct engine {
    struct config *config;
    uv_loop_t loop;
    uv_signal_t signals[2];
    uv_timer_t heartbeat;
    uv_timer_t drain_timer;
    uv_timer_t health_timer;
    pid_t launcher;
    struct launch_ready host;
    struct report_worker self;
    char id[160];
    unsigned slots;
    int ready_fd;
    struct boxes *boxes;
    struct kafka_out *out;
    struct telemetry *telemetry;
    struct audit_log *audit;
    struct health *health;
    struct monitor *monitor;
    struct pipeline *pipeline;
    struct kafka_in *in;
    struct waiting *waiting; /* NULL: others bring jobs back */
    bool is_draining;
    bool has_said_ready;
    int exit_code;
};

/* ---- telemetry of the worker itself ------------------------------------ */

static void tell(struct engine *g, const char *type)
{
    struct pipeline_counts n;
    struct rusage self;
    struct event event;

    memset(&n, 0, sizeof(n));
    if (g->pipeline) {
        pipeline_counts(g->pipeline, &n);
    }
    (void)getrusage(RUSAGE_SELF, &self);
    const struct snapshot_host *host = health_host(g->health);
    const struct event_attribute attributes[] = {
        EVENT_ATTR_TEXT("service.name", view_of("forkyard")),
        EVENT_ATTR_TEXT("service.version", view_of(FORKYARD_VERSION)),
        EVENT_ATTR_TEXT("host.name", view_of(g->self.host)),
        EVENT_ATTR_UINT("process.pid", g->self.pid),
        EVENT_ATTR_UINT("forkyard.worker.slots", g->slots),
        EVENT_ATTR_UINT("forkyard.worker.running", n.running),
        EVENT_ATTR_UINT("forkyard.worker.unpublished", n.unpublished),
        EVENT_ATTR_UINT("forkyard.worker.received", n.received),
        EVENT_ATTR_UINT("forkyard.worker.finished", n.finished),
        EVENT_ATTR_UINT("forkyard.worker.dead", n.dead),
        EVENT_ATTR_UINT("forkyard.worker.partitions",
                        g->in ? kafka_in_assigned(g->in) : 0),
        EVENT_ATTR_UINT("process.max_rss_bytes",
                        (uint64_t)self.ru_maxrss * 1024),
        EVENT_ATTR_UINT("forkyard.worker.telemetry_lost",
                        telemetry_lost(g->telemetry)),
        EVENT_ATTR_UINT("forkyard.worker.audit_lost", audit_log_lost(g->audit)),
        EVENT_ATTR_BOOL("forkyard.worker.draining", g->is_draining),
        EVENT_ATTR_UINT("forkyard.guard.tripped",
                        health_guard(g->health)->tripped),
        EVENT_ATTR_DOUBLE("system.cpu.utilization", host->cpu_percent / 100),
        EVENT_ATTR_DOUBLE("system.cpu.load_average.1m", host->load_1m),
        EVENT_ATTR_DOUBLE("system.memory.utilization",
                          guard_value(GUARD_MEMORY, host) / 100),
    };
    event_init(&event);
    event.type = view_of(type);
    telemetry_emit(g->telemetry, &event, attributes, ARRAY_LEN(attributes));
}

static void on_health(uv_timer_t *timer)
{
    struct engine *g = timer->data;

    (void)health_measure(g->health);
    pipeline_pump(g->pipeline); /* what kept it from jobs may be over */
    monitor_look(g->monitor);
}

static void end(struct engine *g, int exit_code)
{
    g->exit_code = g->exit_code ? g->exit_code : exit_code;
    uv_stop(&g->loop);
}

static void on_heartbeat(uv_timer_t *timer)
{
    struct engine *g = timer->data;

    tell(g, "worker.heartbeat");
}

/* ---- what the parts report --------------------------------------------- */

static void say_ready(struct engine *g)
{
    const char *http = monitor_name(g->monitor);
    char line[512];

    if (g->ready_fd < 0 || g->has_said_ready) {
        return;
    }
    g->has_said_ready = true;
    int n = snprintf(line, sizeof(line),
                     "{\"ready\":true,\"id\":\"%s\",\"pid\":%d%s%s%s}\n", g->id,
                     (int)getpid(), http ? ",\"http\":\"" : "",
                     http ? http : "", http ? "\"" : "");
    (void)!fd_write_all(g->ready_fd, line, (size_t)n, NULL);
    close(take_fd(&g->ready_fd));
}

static void on_ready(void *arg)
{
    struct engine *g = arg;

    pipeline_pump(g->pipeline);
}

static void on_assigned(size_t partitions, void *arg)
{
    struct engine *g = arg;

    log_info("partitions assigned", "count=%zu", partitions);
    if (partitions > 0) {
        say_ready(g);
    }
}

static void on_leaving(void *arg)
{
    struct engine *g = arg;

    pipeline_leaving(g->pipeline);
}

static void on_left(void *arg)
{
    struct engine *g = arg;

    pipeline_left(g->pipeline);
}

static void on_fatal(const struct err *why, void *arg)
{
    log_error("kafka", "error=%s", why->msg);
    end(arg, 1);
}

static void on_box_ended(const struct launch_ended *ended, void *arg)
{
    struct engine *g = arg;

    pipeline_on_ended(g->pipeline, ended);
}

static void on_launcher_lost(void *arg)
{
    struct engine *g = arg;

    log_error("the launcher is gone", "pid=%d", (int)g->launcher);
    pipeline_lost(g->pipeline);
    end(g, 1);
}

static void on_idle(void *arg)
{
    log_info("drained", NULL);
    end(arg, 0);
}

/* ---- signals ----------------------------------------------------------- */

static void give_up_drain(struct engine *g, const char *why)
{
    struct pipeline_counts n;

    pipeline_counts(g->pipeline, &n);
    log_warn("killing what runs", "why=%s running=%u", why, n.running);
    if (n.running == 0) {
        end(g, 0); /* only acknowledgements are missing: flush waits */
        return;
    }
    pipeline_abandon(g->pipeline);
}

static void on_drain_timeout(uv_timer_t *timer)
{
    struct engine *g = timer->data;

    give_up_drain(g, "worker.drain_timeout");
    /* Once killed they end within milliseconds; if not, we end all the same. */
    if (g->exit_code == 0) {
        (void)uv_timer_start(timer, on_drain_timeout, 2000, 0);
        g->exit_code = 1;
        return;
    }
    end(g, 1);
}

static void on_signal(uv_signal_t *handle, int number)
{
    struct engine *g = handle->data;

    if (g->is_draining) {
        give_up_drain(g, "second signal");
        return;
    }
    log_info("draining", "signal=%d timeout_ms=%" PRIu64, number,
             g->config->worker_drain_ms);
    g->is_draining = true;
    (void)uv_timer_start(&g->drain_timer, on_drain_timeout,
                         g->config->worker_drain_ms, 0);
    waiting_stop(g->waiting);
    pipeline_drain(g->pipeline);
}

/* ---- boot -------------------------------------------------------------- */

static void name_self(struct engine *g)
{
    if (gethostname(g->self.host, sizeof(g->self.host) - 1) < 0) {
        (void)snprintf(g->self.host, sizeof(g->self.host), "unknown");
    }
    g->self.pid = (uint64_t)getpid();
    if (g->config->worker_id && g->config->worker_id[0]) {
        (void)snprintf(g->id, sizeof(g->id), "%.128s", g->config->worker_id);
    } else {
        (void)snprintf(g->id, sizeof(g->id), "%.110s-%d", g->self.host,
                       (int)getpid());
    }
    g->self.id = g->id;
    g->self.boxes = &g->host;
    g->self.result_max_bytes = g->config->result_max_bytes;
    log_set_name(g->id);
}

/* Each running job takes some descriptors, each partition's leader one. */
static void raise_open_files(void)
{
    struct rlimit limit;

    if (getrlimit(RLIMIT_NOFILE, &limit) == 0) {
        limit.rlim_cur = limit.rlim_max;
        (void)setrlimit(RLIMIT_NOFILE, &limit);
    }
}

/* While we are one small process without threads. */
static int boot_boxes(struct engine *g, int *out_sock, struct err *e)
{
    runtimes_probe();
    raise_open_files();
    g->slots = boxes_slots(g->config);
    if (boxes_fork_launcher(g->config, out_sock, &g->launcher, e) < 0 ||
        boxes_wait_ready(*out_sock, &g->host, e) < 0) {
        return -1;
    }
    return privdrop_to_user(g->config->worker_user, e);
}

/* A broker or the launcher that goes away is an error code, not a signal. */
static void ignore_sigpipe(void)
{
    struct sigaction ignore = {.sa_handler = SIG_IGN};

    (void)sigaction(SIGPIPE, &ignore, NULL);
}

static int boot_loop(struct engine *g, struct err *e)
{
    static const int numbers[] = {SIGTERM, SIGINT};

    if (uv_loop_init(&g->loop) != 0) {
        return err_set(e, ERR_SYSTEM, "no event loop");
    }
    ignore_sigpipe();
    for (size_t i = 0; i < ARRAY_LEN(numbers); i++) {
        (void)uv_signal_init(&g->loop, &g->signals[i]);
        g->signals[i].data = g;
        (void)uv_signal_start(&g->signals[i], on_signal, numbers[i]);
    }
    (void)uv_timer_init(&g->loop, &g->heartbeat);
    (void)uv_timer_init(&g->loop, &g->drain_timer);
    (void)uv_timer_init(&g->loop, &g->health_timer);
    g->heartbeat.data = g->drain_timer.data = g->health_timer.data = g;
    return 0;
}

static int boot_waiting(struct engine *g, struct err *e)
{
    const struct waiting_spec waiting = {
        .config = g->config,
        .loop = &g->loop,
        .out = g->out,
        .meter = monitor_meter(g->monitor),
        .worker_id = g->id,
        .on_fatal = on_fatal,
        .arg = g,
    };

    return waiting_open(&waiting, &g->waiting, e);
}

static int boot_services(struct engine *g, int sock, struct err *e)
{
    const struct boxes_callbacks boxes = {on_box_ended, on_launcher_lost, g};
    const struct kafka_in_callbacks in = {.on_ready = on_ready,
                                          .on_assigned = on_assigned,
                                          .on_fatal = on_fatal,
                                          .on_leaving = on_leaving,
                                          .on_left = on_left,
                                          .arg = g};

    /* First: a port that is taken is told before the group hears of us. */
    if (monitor_open(g->config, &g->loop, &g->monitor, e) < 0 ||
        boxes_open(&g->loop, sock, &boxes, &g->boxes, e) < 0 ||
        kafka_out_open(g->config, KAFKA_OUT_RELIABLE, &g->loop, &g->out, e) <
            0 ||
        audit_log_open(g->config, &g->loop, g->id, &g->audit, e) < 0 ||
        telemetry_open(g->config, &g->loop, g->id, &g->telemetry, e) < 0) {
        return -1;
    }
    const struct health_spec health = {.config = g->config,
                                       .host = &g->host,
                                       .launcher = g->launcher,
                                       .telemetry = g->telemetry};
    g->health = health_new(&health);
    const struct pipeline_spec pipeline = {
        .config = g->config,
        .loop = &g->loop,
        .boxes = g->boxes,
        .slots = g->slots,
        .out = g->out,
        .audit = g->audit,
        .telemetry = g->telemetry,
        .health = g->health,
        .meter = monitor_meter(g->monitor),
        .worker = &g->self,
        .on_idle = on_idle,
        .arg = g,
    };
    if (pipeline_open(&pipeline, &g->pipeline, e) < 0 ||
        kafka_in_open_jobs(g->config, &g->loop, &in, &g->in, e) < 0) {
        return -1;
    }
    pipeline_attach(g->pipeline, g->in);
    if (g->config->retry_forward && boot_waiting(g, e) < 0) {
        return -1;
    }
    const struct monitor_parts parts = {
        .slots = g->slots,
        .boxes = g->boxes,
        .in = g->in,
        .out = g->out,
        .audit = g->audit,
        .telemetry = g->telemetry,
        .health = g->health,
        .pipeline = g->pipeline,
        .waiting = g->waiting,
        .is_draining = &g->is_draining,
    };
    monitor_attach(g->monitor, &parts);
    return 0;
}

/* glibc gives every thread a heap of its own, up to eight per core; they grow
 * in steps for hours, each to the same size. librdkafka has a dozen threads
 * that allocate little. */
#define HEAPS 2

static int boot(struct engine *g, struct err *e)
{
    int sock = -1;

    (void)mallopt(M_ARENA_MAX, HEAPS);

    if (boot_boxes(g, &sock, e) < 0 || boot_loop(g, e) < 0 ||
        boot_services(g, sock, e) < 0) {
        return -1;
    }
    log_info("worker started",
             "slots=%u cgroup=%s root=%u brokers=%s queues=%s group=%s http=%s",
             g->slots,
             cgroup_version_name((enum cgroup_version)g->host.cgroup_version),
             g->host.is_root, config_kafka_get(g->config, "bootstrap.servers"),
             g->config->topics_queues, g->config->topics_group,
             monitor_name(g->monitor) ? monitor_name(g->monitor) : "off");
    (void)health_measure(g->health); /* before the first job is taken */
    tell(g, "worker.started");
    (void)uv_timer_start(&g->health_timer, on_health,
                         g->config->guard_interval_ms,
                         g->config->guard_interval_ms);
    (void)uv_timer_start(&g->heartbeat, on_heartbeat,
                         g->config->worker_heartbeat_ms,
                         g->config->worker_heartbeat_ms);
    return 0;
}

/* ---- shutdown ---------------------------------------------------------- */

/* Order: results out, then what they finished committed, then the boxes. */
static void shut_down(struct engine *g)
{
    monitor_hush(g->monitor);
    pipeline_abandon(g->pipeline);
    waiting_stop(g->waiting);
    tell(g, "worker.stopped");
    pipeline_flush(g->pipeline, FLUSH_MS);
    size_t unsent = kafka_out_close(g->out, FLUSH_MS);
    pipeline_lost(g->pipeline); /* what a kill has not ended yet */
    pipeline_close(g->pipeline);
    waiting_close(g->waiting);
    kafka_in_close(g->in);
    audit_log_close(g->audit, FLUSH_MS);
    telemetry_close(g->telemetry, FLUSH_MS / 5);
    health_free(g->health);
    monitor_close(g->monitor);
    boxes_close(g->boxes);
    if (unsent > 0) {
        log_warn("records not acknowledged", "count=%zu", unsent);
    }
    (void)waitpid(g->launcher, NULL, 0);
    log_info("worker stopped", NULL);
}

int worker_main(int argc, char **argv)
{
    struct options opts = {0};
    struct engine g = {.ready_fd = -1};
    struct cli cli;
    struct err e;
    enum log_level level = LOG_INFO;

    cli_parse(&cli, &spec, argc, argv, &opts);
    g.config = &cli.config;
    g.ready_fd = opts.ready_fd ? (int)opts.ready_fd : -1;
    if (log_level_parse(cli.config.log_level, &level, &e) < 0) {
        cli_die(CLI_EXIT_USAGE, "log.level: %s", e.msg);
    }
    log_set_level(cli.verbose ? LOG_DEBUG : level);
    log_set_json(strcmp(cli.config.log_format, "json") == 0);
    name_self(&g);
    if (boot(&g, &e) < 0) {
        cli_die(CLI_EXIT_FAILED, "%s", e.msg);
    }
    (void)uv_run(&g.loop, UV_RUN_DEFAULT);
    shut_down(&g);
    cli_done(&cli);
    return g.exit_code;
}
