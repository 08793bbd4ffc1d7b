/* SPDX-License-Identifier: MIT */
/* letter.c - see letter.h. */
#include "wire/letter.h"

#include <stddef.h>
#include <string.h>

#include "base/base.h"
#include "base/str.h"

#define DIGITS_MAX 19 /* of an int64_t */

struct row {
    const char *name;
    size_t offset;
    bool is_number;
};

static const struct row rows[] = {
    {LETTER_TOPIC, offsetof(struct letter, topic), false},
    {LETTER_PREFIX "partition", offsetof(struct letter, partition), true},
    {LETTER_PREFIX "offset", offsetof(struct letter, offset), true},
    {LETTER_PREFIX "stage", offsetof(struct letter, stage), false},
    {LETTER_PREFIX "exception.class.name", offsetof(struct letter, reason),
     false},
    {LETTER_PREFIX "exception.message", offsetof(struct letter, words), false},
    {LETTER_PREFIX "worker.id", offsetof(struct letter, worker_id), false},
    {"attempt", offsetof(struct letter, attempt), true},
    {LETTER_REDRIVEN, offsetof(struct letter, redriven), false},
};

/* Headers that begin so are of one life of the job. */
static const char *const of_one_life[] = {
    LETTER_PREFIX,
    "forkyard.later.",
    LETTER_REDRIVEN,
};

void letter_init(struct letter *letter)
{
    *letter = (struct letter){.partition = -1, .offset = -1, .attempt = -1};
}

static int64_t number_of(struct view value)
{
    char text[DIGITS_MAX + 1] = "";
    uint64_t number = 0;

    if (value.len == 0 || value.len > DIGITS_MAX) {
        return -1;
    }
    memcpy(text, value.data, value.len);
    if (str_parse_u64(text, &number, NULL) < 0 || number > INT64_MAX) {
        return -1;
    }
    return (int64_t)number;
}

void letter_take(struct letter *letter, const char *name, struct view value)
{
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        char *field = (char *)letter + rows[i].offset;

        if (strcmp(name, rows[i].name) != 0) {
            continue;
        }
        if (rows[i].is_number) {
            const int64_t number = number_of(value);

            memcpy(field, &number, sizeof(number));
        } else {
            memcpy(field, &value, sizeof(value));
        }
    }
}

/* Kafka's own rule for the names of topics. */
static bool is_topic_char(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
           (c >= '0' && c <= '9') || c == '.' || c == '_' || c == '-';
}

bool letter_is_of_jobs(const struct letter *letter, const char *stem)
{
    struct view topic = letter->topic;
    size_t len = strlen(stem);

    if (!topic.data || topic.len <= len || memcmp(topic.data, stem, len) != 0) {
        return false;
    }
    for (size_t i = len; i < topic.len; i++) {
        if (!is_topic_char(topic.data[i])) {
            return false;
        }
    }
    return true;
}

bool letter_keeps(const char *name)
{
    for (size_t i = 0; i < ARRAY_LEN(of_one_life); i++) {
        if (!strncmp(name, of_one_life[i], strlen(of_one_life[i]))) {
            return false;
        }
    }
    return strcmp(name, "attempt") != 0;
}
