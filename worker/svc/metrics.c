/* SPDX-License-Identifier: MIT */
/* metrics.c - see metrics.h. */
#include "svc/metrics.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"

#define ROW_COUNTER(name, otel, unit, first, second, doc)                      \
    {otel,                                                                     \
     unit,                                                                     \
     doc,                                                                      \
     METRICS_COUNTER,                                                          \
     {METRICS_BY_##first, METRICS_BY_##second}},
#define ROW_GAUGE(name, otel, unit, first, second, doc)                        \
    {otel, unit, doc, METRICS_GAUGE, {METRICS_BY_##first, METRICS_BY_##second}},
#define ROW_TIMES(name, otel, unit, first, second, doc)                        \
    {otel, unit, doc, METRICS_TIMES, {METRICS_BY_##first, METRICS_BY_##second}},
const struct metrics_row metrics_rows[METRICS_COUNT] = {
    METRICS_ROWS(ROW_COUNTER, ROW_GAUGE, ROW_TIMES)};

static const char *const keys[METRICS_KINDS][2] = {
    [METRICS_BY_BUILD] = {"version", "librdkafka"},
    [METRICS_BY_PART_OF_WORKER] = {"part", NULL},
    [METRICS_BY_QUEUE] = {"queue", NULL},
    [METRICS_BY_STATUS] = {"status", NULL},
    [METRICS_BY_REASON] = {"reason", NULL},
    [METRICS_BY_BY] = {"by", NULL},
    [METRICS_BY_LIMIT] = {"limit", NULL},
    [METRICS_BY_CHANGE] = {"change", NULL},
    [METRICS_BY_OUTCOME] = {"outcome", NULL},
    [METRICS_BY_PARTITION] = {"topic", "partition"},
    [METRICS_BY_PRODUCER] = {"producer", NULL},
    [METRICS_BY_ERROR] = {"error", NULL},
    [METRICS_BY_FIGURE] = {"figure", NULL},
    [METRICS_BY_PROCESS] = {"process", NULL},
};

/* From a job of a millisecond to one of an hour, a step of 4 to 10 each. */
static const double bounds[] = {0.001, 0.005, 0.025, 0.1, 0.5,
                                2.5,   10,    60,    600, 3600};
/* A histogram's cell: observations within each bound, those beyond all, and
 * the sum of all. */
#define TIMES_BEYOND ARRAY_LEN(bounds)
#define TIMES_SUM    (TIMES_BEYOND + 1)
#define TIMES_WIDTH  (TIMES_SUM + 1)

struct labels {
    char **texts; /* key="value", or two of them */
    size_t count;
};

struct metrics {
    struct labels labels[METRICS_KINDS];
    double *cells[METRICS_COUNT];
};

/* ---- names -------------------------------------------------------------- */

static const char *suffix_of(const struct metrics_row *row)
{
    static const struct {
        const char *unit;
        const char *suffix;
    } suffixes[] = {{"s", "_seconds"}, {"By", "_bytes"}};

    for (size_t i = 0; i < ARRAY_LEN(suffixes); i++) {
        if (!strcmp(row->unit, suffixes[i].unit)) {
            return suffixes[i].suffix;
        }
    }
    return "";
}

static void family_name(const struct metrics_row *row,
                        char out[METRICS_NAME_MAX])
{
    (void)snprintf(out, METRICS_NAME_MAX, "%s%s", row->otel, suffix_of(row));
    for (char *c = out; *c; c++) {
        *c = *c == '.' ? '_' : *c;
    }
}

void metrics_name(const struct metrics_row *row, char out[METRICS_NAME_MAX])
{
    family_name(row, out);
    if (row->type == METRICS_COUNTER) {
        (void)strncat(out, "_total", METRICS_NAME_MAX - strlen(out) - 1);
    }
}

size_t metrics_keys(const struct metrics_row *row, const char *out[4])
{
    size_t count = 0;

    for (size_t i = 0; i < ARRAY_LEN(row->kinds); i++) {
        for (size_t k = 0; k < 2 && keys[row->kinds[i]][k]; k++) {
            out[count++] = keys[row->kinds[i]][k];
        }
    }
    return count;
}

const char *metrics_type_name(enum metrics_type type)
{
    static const char *const names[] = {[METRICS_COUNTER] = "counter",
                                        [METRICS_GAUGE] = "gauge",
                                        [METRICS_TIMES] = "histogram"};

    return names[type];
}

/* ---- labels ------------------------------------------------------------- */

static size_t width_of(enum metrics_id id)
{
    return metrics_rows[id].type == METRICS_TIMES ? TIMES_WIDTH : 1;
}

/* A row without labels has one cell. */
static size_t values_of(const struct metrics *m, enum metrics_kind kind)
{
    return kind == METRICS_BY_NONE ? 1 : m->labels[kind].count;
}

static size_t size_of(const struct metrics *m, enum metrics_id id)
{
    return values_of(m, metrics_rows[id].kinds[0]) *
           values_of(m, metrics_rows[id].kinds[1]) * width_of(id);
}

static bool is_by(enum metrics_id id, enum metrics_kind kind)
{
    return metrics_rows[id].kinds[0] == kind ||
           metrics_rows[id].kinds[1] == kind;
}

/* Cells go on where they are when the first kind grows: it is the outer one. */
static void resize(struct metrics *m, enum metrics_id id, size_t old)
{
    size_t size = size_of(m, id);

    m->cells[id] = xrealloc(m->cells[id], (size + 1) * sizeof(double));
    for (size_t i = old; i < size; i++) {
        m->cells[id][i] = 0;
    }
}

#define LABEL_MAX_BYTES 2048

static int put(struct buf *b, const char *text, struct err *e)
{
    return buf_append(b, text, strlen(text), e);
}

static int put_pair(struct buf *b, const char *key, const char *value,
                    struct err *e)
{
    if (put(b, key, e) < 0 || put(b, "=\"", e) < 0) {
        return -1;
    }
    for (const char *c = value; *c; c++) {
        const char plain[] = {*c, '\0'};
        const char *escaped = *c == '"'    ? "\\\""
                              : *c == '\\' ? "\\\\"
                              : *c == '\n' ? "\\n"
                                           : plain;

        if (put(b, escaped, e) < 0) {
            return -1;
        }
    }
    return put(b, "\"", e);
}

size_t metrics_label(struct metrics *m, enum metrics_kind kind,
                     const char *value, const char *second)
{
    struct labels *labels = &m->labels[kind];
    size_t old[METRICS_COUNT];
    AUTO_BUF struct buf text;

    for (size_t id = 0; id < METRICS_COUNT; id++) {
        old[id] = size_of(m, id);
    }
    buf_init(&text, LABEL_MAX_BYTES);
    /* What is too long is cut: a topic has 249 characters at most. */
    (void)!put_pair(&text, keys[kind][0], value, NULL);
    if (second) {
        (void)!put(&text, ",", NULL);
        (void)!put_pair(&text, keys[kind][1], second, NULL);
    }
    labels->texts =
        xrealloc(labels->texts, (labels->count + 1) * sizeof(*labels->texts));
    labels->texts[labels->count++] =
        xstrndup((const char *)text.data, text.len);
    for (size_t id = 0; id < METRICS_COUNT; id++) {
        if (is_by(id, kind)) {
            resize(m, id, old[id]);
        }
    }
    return labels->count - 1;
}

void metrics_unlabel(struct metrics *m, enum metrics_kind kind)
{
    struct labels *labels = &m->labels[kind];

    for (size_t i = 0; i < labels->count; i++) {
        free(labels->texts[i]);
    }
    labels->count = 0;
}

/* ---- counting ----------------------------------------------------------- */

/* NULL for a label that was never told. */
static double *cell_at(const struct metrics *m, enum metrics_id id,
                       size_t first, size_t second)
{
    size_t columns = values_of(m, metrics_rows[id].kinds[1]);
    size_t rows = values_of(m, metrics_rows[id].kinds[0]);

    if (first >= rows || second >= columns) {
        return NULL;
    }
    return &m->cells[id][(first * columns + second) * width_of(id)];
}

void metrics_add(struct metrics *m, enum metrics_id id, size_t first,
                 size_t second, double value)
{
    double *cell = cell_at(m, id, first, second);

    if (cell) {
        *cell += value;
    }
}

void metrics_set(struct metrics *m, enum metrics_id id, size_t first,
                 double value)
{
    double *cell = cell_at(m, id, first, 0);

    if (cell) {
        *cell = value;
    }
}

void metrics_observe(struct metrics *m, enum metrics_id id, size_t first,
                     double seconds)
{
    double *cell = cell_at(m, id, first, 0);
    size_t i = 0;

    if (!cell) {
        return;
    }
    while (i < TIMES_BEYOND && seconds > bounds[i]) {
        i++;
    }
    cell[i] += 1;
    cell[TIMES_SUM] += seconds;
}

/* ---- as text ------------------------------------------------------------ */

enum metrics_format metrics_format_of(const char *accept)
{
    return accept && strstr(accept, "application/openmetrics-text")
               ? METRICS_OPEN
               : METRICS_TEXT;
}

const char *metrics_media_type(enum metrics_format format)
{
    return format == METRICS_OPEN
               ? "application/openmetrics-text; version=1.0.0; charset=utf-8"
               : "text/plain; version=0.0.4; charset=utf-8";
}

/* The same number when read again, and as few digits as that takes. */
static int put_number(struct buf *b, double value, struct err *e)
{
    char text[32];

    (void)snprintf(text, sizeof(text), "%.15g", value);
    if (strtod(text, NULL) < value || strtod(text, NULL) > value) {
        (void)snprintf(text, sizeof(text), "%.17g", value);
    }
    return put(b, text, e);
}

/* One line. le: of a bucket; NULL: none. */
struct sample {
    const char *name;
    const char *suffix;
    const char *labels[2]; /* "": none */
    const char *le;
    double value;
};

static int put_sample(struct buf *b, const struct sample *s, struct err *e)
{
    const char *comma = s->labels[0][0] && s->labels[1][0] ? "," : "";
    bool has_labels = s->labels[0][0] || s->labels[1][0];

    if (isnan(s->value)) {
        return 0;
    }
    if (buf_printf(b, e, "%s%s", s->name, s->suffix) < 0) {
        return -1;
    }
    if (s->le) {
        if (buf_printf(b, e, "{%s%sle=\"%s\"}", s->labels[0],
                       s->labels[0][0] ? "," : "", s->le) < 0) {
            return -1;
        }
    } else if (has_labels && buf_printf(b, e, "{%s%s%s}", s->labels[0], comma,
                                        s->labels[1]) < 0) {
        return -1;
    }
    if (put(b, " ", e) < 0 || put_number(b, s->value, e) < 0) {
        return -1;
    }
    return put(b, "\n", e);
}

static int put_times(struct buf *b, struct sample s, const double *cell,
                     struct err *e)
{
    char le[32];

    s.suffix = "_bucket";
    s.le = le;
    s.value = 0;
    for (size_t i = 0; i <= TIMES_BEYOND; i++) {
        s.value += cell[i];
        if (i < TIMES_BEYOND) {
            /* OpenMetrics wants a float; others read it as well. */
            (void)snprintf(le, sizeof(le), bounds[i] < 1 ? "%g" : "%.1f",
                           bounds[i]);
        } else {
            (void)snprintf(le, sizeof(le), "+Inf");
        }
        if (put_sample(b, &s, e) < 0) {
            return -1;
        }
    }
    s.le = NULL;
    s.suffix = "_count";
    if (put_sample(b, &s, e) < 0) {
        return -1;
    }
    s.suffix = "_sum";
    s.value = cell[TIMES_SUM];
    return put_sample(b, &s, e);
}

static const char *label_text(const struct metrics *m, enum metrics_kind kind,
                              size_t index)
{
    return kind == METRICS_BY_NONE ? "" : m->labels[kind].texts[index];
}

static int put_row(const struct metrics *m, enum metrics_id id,
                   enum metrics_format format, struct buf *b, struct err *e)
{
    const struct metrics_row *row = &metrics_rows[id];
    char family[METRICS_NAME_MAX];
    char name[METRICS_NAME_MAX];

    family_name(row, family);
    metrics_name(row, name);
    const char *of = format == METRICS_OPEN ? family : name;
    if (buf_printf(b, e, "# HELP %s %s\n# TYPE %s %s\n", of, row->doc, of,
                   metrics_type_name(row->type)) < 0) {
        return -1;
    }
    for (size_t i = 0; i < values_of(m, row->kinds[0]); i++) {
        for (size_t k = 0; k < values_of(m, row->kinds[1]); k++) {
            const double *cell = cell_at(m, id, i, k);
            const struct sample s = {
                .name = name,
                .suffix = "",
                .labels[0] = label_text(m, row->kinds[0], i),
                .labels[1] = label_text(m, row->kinds[1], k),
                .value = *cell,
            };

            if ((row->type == METRICS_TIMES ? put_times(b, s, cell, e)
                                            : put_sample(b, &s, e)) < 0) {
                return -1;
            }
        }
    }
    return 0;
}

int metrics_print(const struct metrics *m, enum metrics_format format,
                  struct buf *out, struct err *e)
{
    for (size_t id = 0; id < METRICS_COUNT; id++) {
        if (put_row(m, id, format, out, e) < 0) {
            return -1;
        }
    }
    return format == METRICS_OPEN ? put(out, "# EOF\n", e) : 0;
}

/* ---- life --------------------------------------------------------------- */

struct metrics *metrics_new(void)
{
    struct metrics *m = xcalloc(1, sizeof(*m));

    for (size_t id = 0; id < METRICS_COUNT; id++) {
        resize(m, id, 0);
    }
    return m;
}

void metrics_free(struct metrics *m)
{
    if (!m) {
        return;
    }
    for (size_t kind = 0; kind < METRICS_KINDS; kind++) {
        metrics_unlabel(m, kind);
        free(m->labels[kind].texts);
    }
    for (size_t id = 0; id < METRICS_COUNT; id++) {
        free(m->cells[id]);
    }
    free(m);
}
