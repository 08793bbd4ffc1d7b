/* SPDX-License-Identifier: MIT */
/* kafka_trouble.c - see kafka_trouble.h. Runs where the client's callbacks do,
 * in the engine or a command line tool. */
#include "svc/kafka_trouble.h"

#include <inttypes.h>
#include <stdio.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/str.h"

#define SAY_EVERY_MS 60000

static const struct {
    const char *name;
    const char *remedy;
} kinds[KAFKA_TROUBLE_KINDS] = {
    [KAFKA_TROUBLE_AUTHENTICATION] =
        {"authentication",
         "see kafka.sasl.mechanisms, sasl.username and sasl.password, or "
         "sasl.oauthbearer.token.file"},
    [KAFKA_TROUBLE_TLS] =
        {"tls", "see kafka.ssl.ca.location and security.protocol, and whether "
                "the broker's certificate has expired or has another name"},
    [KAFKA_TROUBLE_UNREACHABLE] =
        {"unreachable", "see kafka.bootstrap.servers and security.protocol, "
                        "and whether the broker runs"},
    [KAFKA_TROUBLE_TOO_OLD] =
        {"too_old", "kafka.group.protocol: consumer needs Kafka 4.0; classic "
                    "works with older ones"},
    [KAFKA_TROUBLE_GROUP_RIGHT] =
        {"group_right", "forkyard acls apply --principal worker=User:NAME "
                        "grants it"},
    [KAFKA_TROUBLE_TOPIC_RIGHT] =
        {"topic_right", "forkyard acls apply --principal ROLE=User:NAME grants "
                        "it, or see topics.prefix"},
    [KAFKA_TROUBLE_CLUSTER_RIGHT] =
        {"cluster_right", "forkyard acls apply --principal ROLE=User:NAME "
                          "grants it: who may write a topic may do this too"},
    [KAFKA_TROUBLE_TOPIC_UNKNOWN] =
        {"topic_unknown",
         "forkyard topics apply makes it, or see topics.prefix and "
         "topics.queues"},
    [KAFKA_TROUBLE_TOO_LARGE] =
        {"too_large", "raise max.message.bytes of the topic to that of "
                      "broker-config/topics.yaml, or lower result.max_bytes"},
    [KAFKA_TROUBLE_METADATA] =
        {"offset_metadata",
         "set offset.metadata.max.bytes of the brokers to 4096, its default: "
         "with less, more jobs run again after a restart"},
    [KAFKA_TROUBLE_OTHER] = {"other", "see the brokers' log"},
};

static const struct {
    rd_kafka_resp_err_t code;
    enum kafka_trouble_kind kind;
} codes[] = {
    {RD_KAFKA_RESP_ERR__AUTHENTICATION, KAFKA_TROUBLE_AUTHENTICATION},
    {RD_KAFKA_RESP_ERR_SASL_AUTHENTICATION_FAILED,
     KAFKA_TROUBLE_AUTHENTICATION},
    {RD_KAFKA_RESP_ERR_UNSUPPORTED_SASL_MECHANISM,
     KAFKA_TROUBLE_AUTHENTICATION},
    {RD_KAFKA_RESP_ERR__SSL, KAFKA_TROUBLE_TLS},
    {RD_KAFKA_RESP_ERR__TRANSPORT, KAFKA_TROUBLE_UNREACHABLE},
    {RD_KAFKA_RESP_ERR__RESOLVE, KAFKA_TROUBLE_UNREACHABLE},
    {RD_KAFKA_RESP_ERR__ALL_BROKERS_DOWN, KAFKA_TROUBLE_UNREACHABLE},
    {RD_KAFKA_RESP_ERR__TIMED_OUT, KAFKA_TROUBLE_UNREACHABLE},
    {RD_KAFKA_RESP_ERR__TIMED_OUT_QUEUE, KAFKA_TROUBLE_UNREACHABLE},
    {RD_KAFKA_RESP_ERR__MSG_TIMED_OUT, KAFKA_TROUBLE_UNREACHABLE},
    {RD_KAFKA_RESP_ERR_UNSUPPORTED_VERSION, KAFKA_TROUBLE_TOO_OLD},
    {RD_KAFKA_RESP_ERR__UNSUPPORTED_FEATURE, KAFKA_TROUBLE_TOO_OLD},
    {RD_KAFKA_RESP_ERR_UNSUPPORTED_ASSIGNOR, KAFKA_TROUBLE_TOO_OLD},
    {RD_KAFKA_RESP_ERR_GROUP_AUTHORIZATION_FAILED, KAFKA_TROUBLE_GROUP_RIGHT},
    {RD_KAFKA_RESP_ERR_TOPIC_AUTHORIZATION_FAILED, KAFKA_TROUBLE_TOPIC_RIGHT},
    {RD_KAFKA_RESP_ERR_CLUSTER_AUTHORIZATION_FAILED,
     KAFKA_TROUBLE_CLUSTER_RIGHT},
    {RD_KAFKA_RESP_ERR_UNKNOWN_TOPIC_OR_PART, KAFKA_TROUBLE_TOPIC_UNKNOWN},
    {RD_KAFKA_RESP_ERR__UNKNOWN_TOPIC, KAFKA_TROUBLE_TOPIC_UNKNOWN},
    {RD_KAFKA_RESP_ERR__UNKNOWN_PARTITION, KAFKA_TROUBLE_TOPIC_UNKNOWN},
    {RD_KAFKA_RESP_ERR_MSG_SIZE_TOO_LARGE, KAFKA_TROUBLE_TOO_LARGE},
    {RD_KAFKA_RESP_ERR_RECORD_LIST_TOO_LARGE, KAFKA_TROUBLE_TOO_LARGE},
    {RD_KAFKA_RESP_ERR_OFFSET_METADATA_TOO_LARGE, KAFKA_TROUBLE_METADATA},
};

const char *kafka_trouble_name(enum kafka_trouble_kind kind)
{
    return kinds[kind].name;
}

const char *kafka_trouble_remedy(enum kafka_trouble_kind kind)
{
    return kinds[kind].remedy;
}

enum kafka_trouble_kind kafka_trouble_kind_of(rd_kafka_resp_err_t code)
{
    for (size_t i = 0; i < ARRAY_LEN(codes); i++) {
        if (codes[i].code == code) {
            return codes[i].kind;
        }
    }
    return KAFKA_TROUBLE_OTHER;
}

static void say(const struct kafka_trouble *trouble,
                enum kafka_trouble_kind kind, struct kafka_trouble_row *row,
                uint64_t now_ms)
{
    log_warn("kafka trouble",
             "client=%s kind=%s times=%" PRIu64 " error=%s remedy=%s",
             trouble->client, kinds[kind].name, row->count - row->said,
             row->text, kinds[kind].remedy);
    row->said = row->count;
    row->said_ms = now_ms;
}

/* Nobody can be reached where nobody lets us in: the reason is known. */
static bool is_explained(const struct kafka_trouble *trouble,
                         enum kafka_trouble_kind kind)
{
    return kind == KAFKA_TROUBLE_UNREACHABLE &&
           (trouble->rows[KAFKA_TROUBLE_AUTHENTICATION].is_on ||
            trouble->rows[KAFKA_TROUBLE_TLS].is_on);
}

void kafka_trouble_note(struct kafka_trouble *trouble, rd_kafka_resp_err_t code,
                        const char *text)
{
    enum kafka_trouble_kind kind = kafka_trouble_kind_of(code);
    struct kafka_trouble_row *row = &trouble->rows[kind];
    uint64_t now_ms = clock_mono_ms();

    row->count++;
    if (is_explained(trouble, kind)) {
        return;
    }
    (void)str_copy(row->text, sizeof(row->text), text);
    if (!row->is_on) {
        row->is_on = true;
        row->since_ms = now_ms;
    }
    if (row->said_ms == 0 || now_ms - row->said_ms >= SAY_EVERY_MS) {
        say(trouble, kind, row, now_ms);
    }
}

void kafka_trouble_over(struct kafka_trouble *trouble,
                        enum kafka_trouble_kind kind)
{
    struct kafka_trouble_row *row = &trouble->rows[kind];

    if (!row->is_on) {
        return;
    }
    row->is_on = false;
    if (row->said_ms >= row->since_ms) { /* whoever saw it begin */
        log_warn("kafka trouble is over",
                 "client=%s kind=%s lasted_ms=%" PRIu64, trouble->client,
                 kinds[kind].name, clock_mono_ms() - row->since_ms);
    }
}

void kafka_trouble_all_over(struct kafka_trouble *trouble)
{
    for (int i = 0; i < KAFKA_TROUBLE_KINDS; i++) {
        kafka_trouble_over(trouble, (enum kafka_trouble_kind)i);
    }
}

bool kafka_trouble_words(const struct kafka_trouble *trouble,
                         enum kafka_trouble_kind first,
                         enum kafka_trouble_kind last, char *out, size_t size)
{
    for (int i = (int)first; i <= (int)last; i++) {
        if (trouble->rows[i].is_on) {
            (void)snprintf(out, size, "%s (%s)", trouble->rows[i].text,
                           kinds[i].remedy);
            return true;
        }
    }
    return false;
}
