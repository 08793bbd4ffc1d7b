/* SPDX-License-Identifier: MIT */
/* mime.c - see mime.h. Types as registered with IANA. */
#include "wire/mime.h"

#include <string.h>
#include <strings.h>

/* Bytes that are looked at to tell text from the rest. */
#define SAMPLE_BYTES 4096

static const struct {
    const char *extension;
    const char *type;
} rows[] = {
    {"bmp", "image/bmp"},
    {"c", "text/x-c"},
    {"css", "text/css"},
    {"csv", "text/csv"},
    {"gif", "image/gif"},
    {"gz", "application/gzip"},
    {"htm", "text/html"},
    {"html", "text/html"},
    {"jpeg", "image/jpeg"},
    {"jpg", "image/jpeg"},
    {"js", "text/javascript"},
    {"json", "application/json"},
    {"md", "text/markdown"},
    {"mjs", "text/javascript"},
    {"mp3", "audio/mpeg"},
    {"mp4", "video/mp4"},
    {"ogg", "audio/ogg"},
    {"parquet", "application/vnd.apache.parquet"},
    {"pdf", "application/pdf"},
    {"png", "image/png"},
    {"py", "text/x-python"},
    {"sh", "application/x-sh"},
    {"svg", "image/svg+xml"},
    {"tar", "application/x-tar"},
    {"tsv", "text/tab-separated-values"},
    {"txt", "text/plain"},
    {"wasm", "application/wasm"},
    {"wav", "audio/wav"},
    {"webm", "video/webm"},
    {"webp", "image/webp"},
    {"xlsx",
     "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"},
    {"xml", "application/xml"},
    {"yaml", "application/yaml"},
    {"yml", "application/yaml"},
    {"zip", "application/zip"},
    {"zst", "application/zstd"},
};

static struct view extension_of(struct view path)
{
    for (size_t i = path.len; i > 1; i--) {
        if (path.data[i - 1] == '/') {
            break;
        }
        /* A leading dot hides a file and begins no extension. */
        if (path.data[i - 1] == '.' && path.data[i - 2] != '/') {
            return (struct view){path.data + i, path.len - i};
        }
    }
    return (struct view){NULL, 0};
}

/* The end of the sample may cut a character of up to four bytes in two. */
static int is_text(struct view content)
{
    struct view sample = content;
    size_t cut = 0;

    if (sample.len > SAMPLE_BYTES) {
        sample.len = SAMPLE_BYTES;
        cut = 3;
    }
    for (size_t i = 0; i <= cut; i++) {
        if (view_is_text((struct view){sample.data, sample.len - i})) {
            return 1;
        }
    }
    return 0;
}

const char *mime_type(struct view path, struct view content)
{
    struct view extension = extension_of(path);

    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        if (extension.len == strlen(rows[i].extension) &&
            strncasecmp(extension.data, rows[i].extension, extension.len) ==
                0) {
            return rows[i].type;
        }
    }
    return content.data && is_text(content) ? "text/plain"
                                            : "application/octet-stream";
}
