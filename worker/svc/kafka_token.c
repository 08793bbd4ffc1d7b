/* SPDX-License-Identifier: MIT */
/* kafka_token.c - see kafka_token.h. Runs in librdkafka's background thread of
 * each client, whatever the client's own thread waits for. It never shows a
 * token. */
#include "svc/kafka_token.h"

#include <jansson.h>
#include <string.h>

#include "base/base64.h"
#include "base/buf.h"
#include "base/clock.h"
#include "base/fd.h"
#include "base/mem.h"
#include "base/str.h"

#define TOKEN_MAX_BYTES 65536
#define WHERE           "kafka." KAFKA_TOKEN_FILE

/* --- what a token says ---------------------------------------------------- */

/* A part of a JWT: base64url without padding. To be freed, or NULL. */
static char *decode_part(const char *text, size_t len, size_t *out_len)
{
    size_t padded = (len + 3) / 4 * 4;
    AUTO_FREE char *plain = xmalloc(padded + 1);
    char *decoded = xmalloc(padded / 4 * 3 + 1);

    memset(plain, '=', padded);
    for (size_t i = 0; i < len; i++) {
        plain[i] = text[i];
        if (text[i] == '-') {
            plain[i] = '+';
        } else if (text[i] == '_') {
            plain[i] = '/';
        }
    }
    if (base64_decode(plain, padded, (uint8_t *)decoded, out_len) < 0) {
        free(decoded);
        return NULL;
    }
    return decoded;
}

/* The middle one of three parts, as JSON; NULL when it is no JWT. */
static json_t *claims_of(const char *token)
{
    const char *first = strchr(token, '.');
    const char *second = first ? strchr(first + 1, '.') : NULL;
    AUTO_FREE char *text = NULL;
    size_t len = 0;

    if (!second || strchr(second + 1, '.')) {
        return NULL;
    }
    text = decode_part(first + 1, (size_t)(second - first - 1), &len);
    return text ? json_loadb(text, len, 0, NULL) : NULL;
}

int kafka_token_read(const char *token, int64_t *out_expires_ms,
                     char out_subject[KAFKA_TOKEN_SUBJECT_MAX], struct err *e)
{
    json_t *claims = claims_of(token);
    const json_t *expires = json_object_get(claims, "exp");
    const char *subject = json_string_value(json_object_get(claims, "sub"));
    int rc = 0;

    if (!claims) {
        rc = err_set(e, ERR_INPUT, "no JWT (three parts with dots)");
    } else if (!json_is_number(expires)) {
        rc = err_set(e, ERR_INPUT, "the token does not say when it expires");
    } else {
        *out_expires_ms = (int64_t)(json_number_value(expires) * 1000);
        /* The broker finds out by itself; librdkafka wants a name. */
        (void)str_copy(out_subject, KAFKA_TOKEN_SUBJECT_MAX,
                       subject && subject[0] ? subject : "unknown");
    }
    json_decref(claims);
    return rc;
}

/* --- giving it to a client ------------------------------------------------ */

static int read_file(const char *path, struct buf *out, struct err *e)
{
    if (fd_read_file(path, out, e) < 0) {
        return -1;
    }
    while (out->len > 0 && strchr(" \t\r\n", (char)out->data[out->len - 1])) {
        out->len--;
    }
    if (out->len == 0) {
        return err_set(e, ERR_INPUT, "%s: empty", path);
    }
    return buf_append(out, "", 1, e);
}

static int give(rd_kafka_t *rk, const char *path, struct err *e)
{
    char subject[KAFKA_TOKEN_SUBJECT_MAX];
    int64_t now_ms = (int64_t)(clock_unix_ns() / 1000000);
    int64_t expires_ms = 0;
    struct buf AUTO_BUF token;
    char why[256];

    buf_init(&token, TOKEN_MAX_BYTES);
    if (read_file(path, &token, e) < 0) {
        return -1;
    }
    if (kafka_token_read((const char *)token.data, &expires_ms, subject, e) <
        0) {
        return err_wrap(e, "%s", path);
    }
    if (expires_ms <= now_ms) {
        return err_set(e, ERR_RETRY, "%s: expired %lld s ago", path,
                       (long long)((now_ms - expires_ms) / 1000));
    }
    if (rd_kafka_oauthbearer_set_token(rk, (const char *)token.data, expires_ms,
                                       subject, NULL, 0, why, sizeof(why))) {
        return err_set(e, ERR_INPUT, "%s: %s", path, why);
    }
    return 0;
}

/* config: sasl.oauthbearer.config, where the path is kept. */
static void on_refresh(rd_kafka_t *rk, const char *config, void *opaque)
{
    struct err e = {0};

    (void)opaque;
    if (give(rk, config, &e) < 0) {
        (void)err_wrap(&e, WHERE);
        (void)rd_kafka_oauthbearer_set_token_failure(rk, e.msg);
    }
}

int kafka_token_configure(rd_kafka_conf_t *conf, const char *path,
                          struct err *e)
{
    char why[256];

    if (rd_kafka_conf_set(conf, "sasl.oauthbearer.config", path, why,
                          sizeof(why)) != RD_KAFKA_CONF_OK) {
        return err_set(e, ERR_INPUT, WHERE ": %s", why);
    }
    rd_kafka_conf_set_oauthbearer_token_refresh_cb(conf, on_refresh);
    /* By librdkafka's thread: ours may be waiting for the connection that
     * waits for the token. */
    rd_kafka_conf_enable_sasl_queue(conf, 1);
    return 0;
}

void kafka_token_start(rd_kafka_t *rk)
{
    rd_kafka_queue_t *queue = rd_kafka_queue_get_sasl(rk);

    if (queue) {
        rd_kafka_queue_destroy(queue);
        rd_kafka_error_destroy(rd_kafka_sasl_background_callbacks_enable(rk));
    }
}
