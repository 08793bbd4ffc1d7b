/* SPDX-License-Identifier: MIT */
/* bundle.c - see bundle.h. Engine writes, box init reads. */
#include "wire/bundle.h"

#include <string.h>

int bundle_begin(struct buf *b, uint32_t argc, uint32_t envc,
                 uint32_t file_count, struct err *e)
{
    struct bundle_head head = {BUNDLE_MAGIC, argc, envc, file_count};

    if (argc == 0 || argc > BUNDLE_ARGS_MAX || envc > BUNDLE_ARGS_MAX) {
        return err_set(e, ERR_LIMIT,
                       "args: %u arguments and %u variables "
                       "are over the maximum of %u",
                       argc, envc, BUNDLE_ARGS_MAX);
    }
    return buf_append(b, &head, sizeof(head), e);
}

int bundle_string(struct buf *b, struct view s, struct err *e)
{
    uint32_t len = (uint32_t)s.len;

    if (s.len > UINT32_MAX - 1) {
        return err_set(e, ERR_LIMIT, "a string of %zu bytes", s.len);
    }
    if (buf_append(b, &len, sizeof(len), e) < 0 ||
        buf_append(b, s.data ? s.data : "", s.len, e) < 0) {
        return -1;
    }
    return buf_append(b, "", 1, e);
}

int bundle_file(struct buf *b, const struct bundle_file *file, struct err *e)
{
    uint32_t path_len = (uint32_t)strlen(file->path);
    uint32_t head[2] = {file->mode, path_len};
    uint64_t content_len = file->content.len;

    if (path_len == 0 || path_len > BUNDLE_PATH_MAX) {
        return err_set(e, ERR_INPUT, "files: a path of %u bytes", path_len);
    }
    if (buf_append(b, head, sizeof(head), e) < 0 ||
        buf_append(b, &content_len, sizeof(content_len), e) < 0 ||
        buf_append(b, file->path, path_len + 1, e) < 0) {
        return -1;
    }
    if (file->content.len == 0) {
        return 0;
    }
    return buf_append(b, file->content.data, file->content.len, e);
}

int bundle_wanted(struct buf *b, const struct bundle_wanted *wanted,
                  struct err *e)
{
    const uint64_t head[] = {wanted->room_bytes, wanted->found_bytes,
                             wanted->max_found};

    if (buf_append(b, head, sizeof(head), e) < 0 ||
        bundle_string(b, view_of(wanted->folder), e) < 0) {
        return -1;
    }
    return buf_append(b, &wanted->fetch_count, sizeof(wanted->fetch_count), e);
}

int bundle_fetch(struct buf *b, struct view path, uint64_t max_bytes,
                 struct err *e)
{
    if (path.len == 0 || path.len > BUNDLE_PATH_MAX) {
        return err_set(e, ERR_INPUT, "fetch_files: a path of %zu bytes",
                       path.len);
    }
    if (buf_append(b, &max_bytes, sizeof(max_bytes), e) < 0) {
        return -1;
    }
    return bundle_string(b, path, e);
}

/* Lengths are copied out: the bytes behind the head are not aligned. */
static int take(struct bundle_reader *r, void *dst, size_t len)
{
    if ((size_t)(r->end - r->at) < len) {
        return -1;
    }
    memcpy(dst, r->at, len);
    r->at += len;
    return 0;
}

int bundle_open(struct bundle_reader *r, const void *data, size_t len)
{
    r->at = data;
    r->end = r->at + len;
    if (take(r, &r->head, sizeof(r->head)) < 0) {
        return -1;
    }
    if (r->head.magic != BUNDLE_MAGIC || r->head.argc == 0 ||
        r->head.argc > BUNDLE_ARGS_MAX || r->head.envc > BUNDLE_ARGS_MAX) {
        return -1;
    }
    return 0;
}

/* len bytes followed by a NUL that is the only one. */
static const char *take_terminated(struct bundle_reader *r, size_t len)
{
    const char *s = (const char *)r->at;

    if ((size_t)(r->end - r->at) <= len || memchr(s, 0, len + 1) != s + len) {
        return NULL;
    }
    r->at += len + 1;
    return s;
}

const char *bundle_next_string(struct bundle_reader *r)
{
    uint32_t len = 0;

    if (take(r, &len, sizeof(len)) < 0) {
        return NULL;
    }
    return take_terminated(r, len);
}

int bundle_next_file(struct bundle_reader *r, struct bundle_file *out)
{
    uint32_t head[2] = {0, 0};
    uint64_t content_len = 0;

    if (take(r, head, sizeof(head)) < 0 ||
        take(r, &content_len, sizeof(content_len)) < 0 || head[1] == 0 ||
        head[1] > BUNDLE_PATH_MAX) {
        return -1;
    }
    out->mode = head[0] & 0777;
    out->path = take_terminated(r, head[1]);
    if (!out->path || content_len > (uint64_t)(r->end - r->at)) {
        return -1;
    }
    out->content.data = (const char *)r->at;
    out->content.len = (size_t)content_len;
    r->at += content_len;
    return 0;
}

static const char *next_path(struct bundle_reader *r)
{
    const char *path = bundle_next_string(r);

    return path && path[0] && strlen(path) <= BUNDLE_PATH_MAX ? path : NULL;
}

int bundle_next_wanted(struct bundle_reader *r, struct bundle_wanted *out)
{
    uint64_t head[3] = {0, 0, 0};

    memset(out, 0, sizeof(*out));
    if (r->at == r->end) {
        return 0;
    }
    if (take(r, head, sizeof(head)) < 0) {
        return -1;
    }
    out->room_bytes = head[0];
    out->found_bytes = head[1];
    out->max_found = head[2];
    out->folder = next_path(r);
    if (!out->folder) {
        return -1;
    }
    return take(r, &out->fetch_count, sizeof(out->fetch_count));
}

int bundle_next_fetch(struct bundle_reader *r, struct bundle_fetch *out)
{
    if (take(r, &out->max_bytes, sizeof(out->max_bytes)) < 0) {
        return -1;
    }
    out->path = next_path(r);
    return out->path ? 0 : -1;
}
