/* SPDX-License-Identifier: MIT */
/* broker.c - the embedded broker of `forkyard dev`: see broker.h.
 *
 * Runs as a child of dev, unprivileged work only: one client handle of
 * librdkafka hosts its mock cluster, with the topics of broker-config/. It
 * keeps nothing on disk and listens on the loopback only. */
#include "bin/broker.h"

#include <errno.h>
#include <inttypes.h>
#include <librdkafka/rdkafka.h>
#include <librdkafka/rdkafka_mock.h>
#include <netinet/in.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/signalfd.h>
#include <sys/socket.h>

#include "base/log.h"
#include "base/str.h"
#include "bin/cli.h"
#include "svc/topics.h"

#define BROKER_ID 1
#define PORT_MAX  65535
/* The mock's own 5 makes a burst of clients wait a second for a SYN retry. */
#define LISTEN_BACKLOG 512
/* A worker that was killed is noticed after this; members ask ten times as
 * often, so that a slow one is not thrown out. */
#define GROUP_SESSION_MS   2000
#define GROUP_HEARTBEAT_MS 200
/* With the classic protocol: the first members do not wait for others. */
#define GROUP_FIRST_REBALANCE_MS 0

#define SETTLE_TIMEOUT_MS 1000

struct broker_options {
    uint64_t port;
};

static const struct cli_option options_table[] = {
    {"port", 0, CLI_UINT, offsetof(struct broker_options, port), "N",
     "port on the loopback; 0, the default: any"},
    {NULL, 0, CLI_FLAG, 0, NULL, NULL},
};

static const struct cli_spec spec = {
    .name = "broker",
    .summary = "the embedded Kafka broker of forkyard dev",
    .usage = "broker [--port N]",
    .about = "Memory only, loopback only; for trying and testing. Ends when "
             "its standard input does.",
    .example = "broker --port 9092 < /dev/tty",
    .options = options_table,
};

/* --- the port ------------------------------------------------------------ */

/* The mock cluster binds 127.0.0.1:0 and has no setting for it: the linker
 * leads its bind() and listen() here (-Wl,--wrap=bind,--wrap=listen). Zero
 * outside this process, and after the one bind it is meant for. */
static in_port_t wanted_port;
static bool is_broker;

int __real_bind(int fd, const struct sockaddr *address, socklen_t size);
int __wrap_bind(int fd, const struct sockaddr *address, socklen_t size);
int __real_listen(int fd, int backlog);
int __wrap_listen(int fd, int backlog);

int __wrap_bind(int fd, const struct sockaddr *address, socklen_t size)
{
    struct sockaddr_in in = {0};

    if (!wanted_port || size != sizeof(in) || address->sa_family != AF_INET) {
        return __real_bind(fd, address, size);
    }
    memcpy(&in, address, sizeof(in));
    if (in.sin_port == 0 && in.sin_addr.s_addr == htonl(INADDR_LOOPBACK)) {
        in.sin_port = wanted_port;
        wanted_port = 0;
    }
    return __real_bind(fd, (const struct sockaddr *)&in, sizeof(in));
}

int __wrap_listen(int fd, int backlog)
{
    return __real_listen(fd, is_broker ? LISTEN_BACKLOG : backlog);
}

/* --- the cluster --------------------------------------------------------- */

static void on_log(const rd_kafka_t *rk, int level, const char *facility,
                   const char *text)
{
    (void)rk;
    log_line(level <= 4 ? LOG_WARN : LOG_DEBUG, "embedded broker",
             "facility=%s text=%s", facility, text);
}

static rd_kafka_t *make_handle(void)
{
    rd_kafka_conf_t *conf = rd_kafka_conf_new();
    rd_kafka_t *rk = NULL;
    char why[256];

    rd_kafka_conf_set_log_cb(conf, on_log);
    rk = rd_kafka_new(RD_KAFKA_PRODUCER, conf, why, sizeof(why));
    if (!rk) {
        cli_die(CLI_EXIT_FAILED, "embedded broker: %s", why);
    }
    return rk;
}

/* Asked beforehand, because the mock aborts when its bind() fails. */
static void check_port(uint64_t port)
{
    AUTO_FD int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    struct sockaddr_in in = {.sin_family = AF_INET,
                             .sin_port = htons((uint16_t)port),
                             .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    const int one = 1; /* as the mock does */

    (void)setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one));
    if (__real_bind(fd, (const struct sockaddr *)&in, sizeof(in)) < 0) {
        cli_die(CLI_EXIT_FAILED,
                "embedded broker: 127.0.0.1:%" PRIu64
                ": %s; --port 0 takes any port",
                port, strerror(errno));
    }
}

static rd_kafka_mock_cluster_t *make_cluster(rd_kafka_t *rk, uint64_t port)
{
    rd_kafka_mock_cluster_t *cluster = NULL;

    check_port(port);
    wanted_port = htons((uint16_t)port);
    is_broker = true;
    cluster = rd_kafka_mock_cluster_new(rk, 1);
    if (!cluster) {
        cli_die(CLI_EXIT_FAILED, "embedded broker: no cluster");
    }
    /* Without a controller, admin requests hang instead of being refused. */
    rd_kafka_mock_set_controller_id(cluster, BROKER_ID);
    rd_kafka_mock_group_initial_rebalance_delay_ms(cluster,
                                                   GROUP_FIRST_REBALANCE_MS);
    rd_kafka_mock_set_group_consumer_session_timeout_ms(cluster,
                                                        GROUP_SESSION_MS);
    rd_kafka_mock_set_group_consumer_heartbeat_interval_ms(cluster,
                                                           GROUP_HEARTBEAT_MS);
    return cluster;
}

/* A client of our own cluster. */
static rd_kafka_t *make_pinger(const rd_kafka_mock_cluster_t *cluster)
{
    rd_kafka_t *pinger = make_handle();

    (void)rd_kafka_brokers_add(pinger,
                               rd_kafka_mock_cluster_bootstraps(cluster));
    return pinger;
}

/* The mock's thread serves a command, then throws away the wake-up bytes it
 * has; if the next command has come meanwhile, its byte too, and it waits for
 * the end of poll(), a second later. A request over the network is answered
 * only after that, so that the next command is safe. */
static void settle(rd_kafka_t *pinger)
{
    const rd_kafka_metadata_t *metadata = NULL;

    if (!rd_kafka_metadata(pinger, 0, NULL, &metadata, SETTLE_TIMEOUT_MS)) {
        rd_kafka_metadata_destroy(metadata);
    }
}

static void make_topic(rd_kafka_mock_cluster_t *cluster,
                       const struct topics_spec *topic)
{
    rd_kafka_resp_err_t error = rd_kafka_mock_topic_create(
        cluster, topic->name, (int)topic->embedded, 1);

    /* A producer that waited on the port: its first question makes the topic,
     * and may have put records there. They stay. */
    if (error == RD_KAFKA_RESP_ERR_TOPIC_ALREADY_EXISTS) {
        cli_say("embedded broker: a waiting client was first with topic %s: "
                "it has 4 partitions instead of %u",
                topic->name, topic->embedded);
        return;
    }
    if (error) {
        cli_die(CLI_EXIT_FAILED, "embedded broker: topic %s: %s", topic->name,
                rd_kafka_err2str(error));
    }
}

static void make_topics(rd_kafka_mock_cluster_t *cluster,
                        const struct config *config)
{
    rd_kafka_t *pinger = make_pinger(cluster);
    struct topics topics = {0};
    struct err e = {0};

    if (topics_load(config, NULL, &topics, &e) < 0) {
        cli_die(CLI_EXIT_FAILED, "embedded broker: %s", e.msg);
    }
    for (size_t i = 0; i < topics.count; i++) {
        settle(pinger);
        make_topic(cluster, &topics.items[i]);
    }
    topics_free(&topics);
    rd_kafka_destroy(pinger);
}

/* --- the process --------------------------------------------------------- */

/* Blocked before librdkafka makes its threads, so that none of them gets
 * what is ours. */
static int take_signals(void)
{
    sigset_t signals;
    int fd = -1;

    (void)sigemptyset(&signals);
    (void)sigaddset(&signals, SIGTERM);
    (void)sigaddset(&signals, SIGINT);
    (void)sigprocmask(SIG_BLOCK, &signals, NULL);
    fd = signalfd(-1, &signals, SFD_CLOEXEC);
    if (fd < 0) {
        cli_die(CLI_EXIT_FAILED, "signalfd: %s", strerror(errno));
    }
    return fd;
}

/* Returns when standard input ends, or on a signal. */
static void wait_for_end(int signal_fd)
{
    struct pollfd fds[] = {
        {.fd = STDIN_FILENO, .events = POLLIN},
        {.fd = signal_fd, .events = POLLIN},
    };
    char ignored[256];

    for (;;) {
        if (poll(fds, ARRAY_LEN(fds), -1) < 0 && errno != EINTR) {
            return;
        }
        if (fds[1].revents) {
            return;
        }
        if (fds[0].revents &&
            read(STDIN_FILENO, ignored, sizeof(ignored)) <= 0) {
            return;
        }
    }
}

int broker_main(int argc, char **argv)
{
    struct broker_options options = {0};
    struct cli cli;
    AUTO_FD int signal_fd = -1;
    rd_kafka_t *rk = NULL;
    rd_kafka_mock_cluster_t *cluster = NULL;

    cli_parse(&cli, &spec, argc, argv, &options);
    if (options.port > PORT_MAX) {
        cli_usage_error(&spec, "--port: at most %d", PORT_MAX);
    }
    (void)prctl(PR_SET_PDEATHSIG, SIGTERM);
    signal_fd = take_signals();
    rk = make_handle();
    cluster = make_cluster(rk, options.port);
    make_topics(cluster, &cli.config);
    (void)printf("{\"kafka\": \"%s\"}\n",
                 rd_kafka_mock_cluster_bootstraps(cluster));
    (void)fflush(stdout);
    wait_for_end(signal_fd);
    rd_kafka_mock_cluster_destroy(cluster);
    rd_kafka_destroy(rk);
    cli_done(&cli);
    return 0;
}
