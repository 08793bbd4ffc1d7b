/* SPDX-License-Identifier: MIT */
/* fy_awaited.c - the jobs whose results a client waits for: see fy_awaited.h.
 * Pure. */
#include "lib/fy_awaited.h"

#include <string.h>
#include <uthash.h>
#include <utlist.h>

#include "base/mem.h"

enum state { WAITING, ARRIVED, FAILED, TAKEN };

struct fy_awaited_job {
    UT_hash_handle hh;
    struct fy_awaited_job *prev; /* of those that are ready */
    struct fy_awaited_job *next;
    enum state state;
    struct fy_result *result; /* ARRIVED */
    struct err why;           /* FAILED */
    size_t id_len;
    char id[];
};

static bool is_ready(const struct fy_awaited_job *job)
{
    return job->state == ARRIVED || job->state == FAILED;
}

static struct fy_awaited_job *find(struct fy_awaited *awaited, struct view id)
{
    struct fy_awaited_job *job = NULL;

    if (id.data) {
        HASH_FIND(hh, awaited->by_id, id.data, id.len, job);
    }
    return job;
}

static void drop(struct fy_awaited *awaited, struct fy_awaited_job *job)
{
    if (is_ready(job)) {
        DL_DELETE(awaited->ready, job);
    }
    awaited->count -= job->state != TAKEN;
    HASH_DEL(awaited->by_id, job);
    fy_result_free(job->result);
    free(job);
}

void fy_awaited_done(struct fy_awaited *awaited)
{
    while (awaited->by_id) {
        drop(awaited, awaited->by_id);
    }
}

void fy_awaited_add(struct fy_awaited *awaited, struct view id)
{
    struct fy_awaited_job *job = find(awaited, id);

    if (!job) {
        job = xcalloc(1, sizeof(*job) + id.len + 1);
        memcpy(job->id, id.data, id.len);
        job->id_len = id.len;
        job->state = TAKEN;
        HASH_ADD_KEYPTR(hh, awaited->by_id, job->id, id.len, job);
    }
    if (job->state == TAKEN) {
        job->state = WAITING;
        awaited->count++;
    }
}

void fy_awaited_forget(struct fy_awaited *awaited, struct view id)
{
    struct fy_awaited_job *job = find(awaited, id);

    if (job) {
        drop(awaited, job);
    }
}

bool fy_awaited_has(struct fy_awaited *awaited, struct view id)
{
    return find(awaited, id) != NULL;
}

bool fy_awaited_wants(struct fy_awaited *awaited, struct view id)
{
    const struct fy_awaited_job *job = find(awaited, id);

    return job && (job->state == WAITING || job->state == FAILED);
}

void fy_awaited_arrive(struct fy_awaited *awaited, struct view id,
                       struct fy_result *result)
{
    struct fy_awaited_job *job = find(awaited, id);

    if (job->state == WAITING) {
        DL_APPEND(awaited->ready, job);
    }
    job->state = ARRIVED;
    job->result = result;
}

void fy_awaited_fail(struct fy_awaited *awaited, struct view id,
                     const struct err *why)
{
    struct fy_awaited_job *job = find(awaited, id);

    if (job && job->state == WAITING) {
        DL_APPEND(awaited->ready, job);
        job->state = FAILED;
        job->why = *why;
    }
}

/* The job is no longer awaited; its id may be kept. */
static void settle(struct fy_awaited *awaited, struct fy_awaited_job *job)
{
    job->result = NULL;
    if (!awaited->keeps) {
        drop(awaited, job);
        return;
    }
    DL_DELETE(awaited->ready, job);
    job->state = TAKEN;
    awaited->count--;
}

int fy_awaited_take(struct fy_awaited *awaited, struct view id,
                    struct fy_result **out, struct err *e)
{
    struct fy_awaited_job *job = id.data ? find(awaited, id) : awaited->ready;

    if (id.data && (!job || job->state == TAKEN)) {
        return err_set(e, ERR_INPUT, "job_id %.*s: is not awaited",
                       VIEW_ARG(id));
    }
    if (!job || !is_ready(job)) {
        return 0;
    }
    if (job->state == FAILED) {
        (void)err_set(e, job->why.kind, "job %.*s: %s", (int)job->id_len,
                      job->id, job->why.msg);
        settle(awaited, job);
        return -1;
    }
    *out = job->result;
    settle(awaited, job);
    return 1;
}
