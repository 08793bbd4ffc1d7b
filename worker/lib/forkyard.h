/* SPDX-License-Identifier: MIT */
/* forkyard.h - libforkyard: send jobs to a Forkyard fleet, and await their
 * results.
 *
 *     cc program.c $(pkg-config --cflags --libs forkyard)
 *
 * Happy path: fy_options_new(), fy_options_set(); fy_client_open() with
 * FY_READ_RESULTS; fy_job_new() and fy_job_set_text(), or fy_job_from_json();
 * fy_client_run() for one job, or fy_client_send() for many and
 * fy_client_await() for each result; fy_result_free(), fy_job_free(),
 * fy_client_close(), fy_options_free().
 *
 * What a job and a result may hold, and what each field means, is in
 * schemas/job.json and schemas/result.json. Names of fields here are the names
 * there, with dots: "limits.wall_time_ms". Which settings there are is in
 * forkyard.yaml; they have the same names here: "topics.prefix",
 * "limits.max.memory", "kafka.bootstrap.servers", "kafka.sasl.password".
 *
 * Errors. A function that can fail returns -1 and fills *error, which may be
 * NULL; on success and on failure alike nothing else is touched but what the
 * function says. error->code tells what to do, error->text is one line for
 * people that names the field, setting or topic. Nothing here prints, exits,
 * changes signals or reads the environment (but fy_options_load_env() what it
 * is given). When the process has no memory left, abort() is called, as the
 * Kafka client below does, after one line on stderr.
 *
 * Ownership. _new, _open, _from, _await and _next give what the caller must
 * free with the function of the same type; all of those accept NULL. Arguments
 * are borrowed until the function returns, unless it says "takes". Pointers
 * that a getter returns belong to the object and live as long as it, unless it
 * says less.
 *
 * Threads. There is no state outside of the objects. One object may be used by
 * one thread at a time, whichever; different objects by different threads at
 * the same time. Callbacks are called inside of functions of the client, on
 * the thread that called them, and may call fy_client_send() but nothing that
 * waits. A client does not survive fork(): open it in the child.
 *
 * Units. Times to wait are int milliseconds; -1 is without end, 0 looks and
 * does not wait. Sizes are bytes. Texts are UTF-8 and end with NUL.
 *
 * Promises (of README.md): a job is durable once its delivery is acknowledged
 * by Kafka (acks=all). It runs at least once and has one visible result: the
 * first record of its job_id on the results topic counts, later ones are
 * ignored here. Effects outside of its box may happen twice; job_id is the key
 * to tell.
 *
 * Binary compatibility. As long as the library is libforkyard.so.1: functions
 * are never removed or changed; new ones come with a new version node
 * (FORKYARD_1, FORKYARD_1_1, ...); enum values keep their numbers and new ones
 * may come; struct fy_error never changes; struct fy_output, which only the
 * library makes, may grow at its end. All other structs are opaque. */
#pragma once

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

#if defined(__GNUC__)
#define FY_API      __attribute__((visibility("default")))
#define FY_MUST_USE __attribute__((warn_unused_result))
#else
#define FY_API
#define FY_MUST_USE
#endif

struct fy_options;
struct fy_client;
struct fy_job;
struct fy_result;
struct fy_reader;

/* --- errors -------------------------------------------------------------- */

enum fy_code {
    FY_OK = 0,
    FY_ERROR_INPUT = 1,  /* a field or a setting is wrong: mend it */
    FY_ERROR_RETRY = 2,  /* may work later: no broker, no topic, a full queue */
    FY_ERROR_LIMIT = 3,  /* larger than a named maximum */
    FY_ERROR_SYSTEM = 4, /* this client cannot go on: close it, open another */
    FY_ERROR_BUG = 5     /* ours */
};

struct fy_error {
    int code; /* enum fy_code */
    int sys;  /* errno, 0 when there is none */
    char text[500];
};

/* "0.1.0" */
FY_API const char *fy_version(void);
/* For texts that a function says are to be freed by this. */
FY_API void fy_free(void *p);

/* --- options ------------------------------------------------------------- */

/* Every setting at its default: Kafka at 127.0.0.1:9092, topics
 * "forkyard.*". */
FY_API struct fy_options *fy_options_new(void) FY_MUST_USE;
FY_API void fy_options_free(struct fy_options *options);
/* One setting; any librdkafka property has "kafka." in front, and librdkafka
 * judges it in fy_client_open(). FY_ERROR_INPUT names the setting and what is
 * allowed. */
FY_API int fy_options_set(struct fy_options *options, const char *name,
                          const char *value, struct fy_error *error);
/* A settings file, as the program `forkyard` reads it. */
FY_API int fy_options_load_file(struct fy_options *options, const char *path,
                                struct fy_error *error);
/* Every FORKYARD_... variable of an environment such as `environ`. */
FY_API int fy_options_load_env(struct fy_options *options, char **envp,
                               struct fy_error *error);

/* --- jobs ---------------------------------------------------------------- */

#define FY_ID_SIZE 37 /* a UUID and its end */

/* A UUIDv7, which sorts by time of birth. -1 when the kernel has no random
 * bytes to give. */
FY_API int fy_id_new(char out[FY_ID_SIZE]);

/* Empty but for a new job_id. */
FY_API struct fy_job *fy_job_new(void) FY_MUST_USE;
/* One JSON object. Bytes that are no text are {"base64": "..."}. Without
 * job_id it gets one. Unknown fields are kept and sent. Types are judged by
 * fy_job_check(). */
FY_API int fy_job_from_json(const char *text, size_t len, struct fy_job **out,
                            struct fy_error *error);
/* One msgpack map, sent as it is; without job_id it gets one. */
FY_API int fy_job_from_msgpack(const void *data, size_t len,
                               struct fy_job **out, struct fy_error *error);
FY_API void fy_job_free(struct fy_job *job);

/* Sets one field; what it was before is replaced. FY_ERROR_INPUT when a job has
 * no such field, or one of another type. Copies. */
FY_API int fy_job_set_text(struct fy_job *job, const char *field,
                           const char *text, struct fy_error *error);
/* code, stdin, expected_output: any bytes. */
FY_API int fy_job_set_bytes(struct fy_job *job, const char *field,
                            const void *data, size_t len,
                            struct fy_error *error);
/* Whole numbers up to INT64_MAX. */
FY_API int fy_job_set_uint(struct fy_job *job, const char *field,
                           uint64_t value, struct fy_error *error);
FY_API int fy_job_set_bool(struct fy_job *job, const char *field, int value,
                           struct fy_error *error);
/* Any field, from JSON: "parameters", "fetch_files", "network". */
FY_API int fy_job_set_json(struct fy_job *job, const char *field,
                           const char *json, struct fy_error *error);
/* One more text of a list: "args", "compile.argv". */
FY_API int fy_job_add_text(struct fy_job *job, const char *field,
                           const char *text, struct fy_error *error);
/* One key of a map of texts: "env", "labels". A map whose only key is "base64"
 * cannot be told from bytes, and is refused by fy_job_check(). */
FY_API int fy_job_put_text(struct fy_job *job, const char *field,
                           const char *key, const char *value,
                           struct fy_error *error);
/* One of "files": a path inside of the job's directory, its bytes, its
 * permission bits (0644, or 0755 for a program). */
FY_API int fy_job_add_file(struct fy_job *job, const char *path,
                           const void *data, size_t len, unsigned mode,
                           struct fy_error *error);

/* All that a worker judges without looking at its host: types, fields that are
 * missing or do not go together, and the maxima of these options ("job.*",
 * "limits.max.*"; NULL: the defaults; a worker has its own). */
FY_API int fy_job_check(struct fy_job *job, const struct fy_options *options,
                        struct fy_error *error);
/* "" when it has none that is a text. Until the job is changed. */
FY_API const char *fy_job_id(const struct fy_job *job);
/* As it will be sent. Until the job is changed. */
FY_API int fy_job_msgpack(struct fy_job *job, const void **out, size_t *out_len,
                          struct fy_error *error);
/* As one line; free it with fy_free(). */
FY_API int fy_job_json(struct fy_job *job, char **out, struct fy_error *error);

/* --- the client ---------------------------------------------------------- */

/* What a client reads besides sending; or them together. */
enum fy_reads {
    FY_READ_NOTHING = 0,
    FY_READ_RESULTS = 1,
    /* what jobs with `stream` write while they run; needs FY_READ_RESULTS */
    FY_READ_OUTPUT = 2
};

/* One producer (idempotent, acks=all) and one reader without a group, so that
 * it needs no right but to write jobs and read results. Copies the options.
 * Returns when the place where reading starts is fixed, at the end of the
 * topics: no result of a job sent afterwards is missed. Waits up to 10 s for
 * Kafka, but with FY_READ_NOTHING not at all. Output is extra: when its topic
 * cannot be read the client opens without, see fy_client_has_output(). */
FY_API int fy_client_open(const struct fy_options *options, unsigned reads,
                          struct fy_client **out, struct fy_error *error);
/* Waits up to timeout_ms until what was sent is acknowledged; callbacks of what
 * was not get FY_ERROR_RETRY. The number that were not. */
FY_API size_t fy_client_close(struct fy_client *client, int timeout_ms);
FY_API int fy_client_has_output(const struct fy_client *client);

/* failure NULL: Kafka has the job, for good. Else the job may be there all the
 * same (an answer that was lost), so send it again under its own job_id. */
typedef void (*fy_sent_fn)(const char *job_id, const struct fy_error *failure,
                           void *arg);

/* Checks the job, as fy_job_check() with the client's options, and puts it in
 * the queue of what is to be sent; never waits. queue NULL is "default";
 * on_sent may be NULL. FY_ERROR_RETRY: the local queue is full, nothing was
 * taken; fy_client_poll() and send again. A client that reads results awaits
 * the job from here on. The job can be freed at once. */
FY_API int fy_client_send(struct fy_client *client, struct fy_job *job,
                          const char *queue, fy_sent_fn on_sent, void *arg,
                          struct fy_error *error);
/* Calls what is to be called, and reads for at most timeout_ms, or until
 * something of this client's jobs has come: then 1; 0 at the timeout; -1 when
 * reading cannot go on. A client must be polled, or waited with, for its
 * callbacks and so that its buffers do not fill. */
FY_API int fy_client_poll(struct fy_client *client, int timeout_ms,
                          struct fy_error *error);
/* Waits until every job sent is acknowledged. -1 with the number of those that
 * were not since the last flush, and the last reason. */
FY_API int fy_client_flush(struct fy_client *client, int timeout_ms,
                           struct fy_error *error);
/* How many are sent and not yet acknowledged. */
FY_API size_t fy_client_unsent(const struct fy_client *client);

/* The result of a job that is awaited; job_id NULL: of whichever ends first. 1
 * with the result, whose job is awaited no longer; 0 at the timeout; -1 when
 * the job could not be sent, is not awaited, or reading cannot go on. */
FY_API int fy_client_await(struct fy_client *client, const char *job_id,
                           int timeout_ms, struct fy_result **out,
                           struct fy_error *error) FY_MUST_USE;
/* fy_client_send(), fy_client_flush(), fy_client_await() in one. At the timeout
 * (of all three together) the job is no longer awaited, and goes on. */
FY_API int fy_client_run(struct fy_client *client, struct fy_job *job,
                         const char *queue, int timeout_ms,
                         struct fy_result **out,
                         struct fy_error *error) FY_MUST_USE;
/* Awaits a job that somebody else sends after this call. */
FY_API int fy_client_watch(struct fy_client *client, const char *job_id,
                           struct fy_error *error);
/* Awaits it no longer. What the client keeps of an awaited job is its id and,
 * until it is taken, its result. With FY_READ_OUTPUT its id is kept also behind
 * the result, because output may come later: forget it then. */
FY_API void fy_client_forget(struct fy_client *client, const char *job_id);
/* How many jobs have a result, or a failure, still to be taken. */
FY_API size_t fy_client_awaited(const struct fy_client *client);

/* A piece of what a job wrote. Every byte comes at its offset in its stream; a
 * job that is started a second time sends its output again, from offset 0. */
struct fy_output {
    const char *job_id;
    uint64_t attempt;
    uint64_t seq; /* from 0, without gaps, over both streams */
    uint64_t offset;
    const char *stream; /* "stdout", "stderr", ... as in chunk.json */
    const void *data;
    size_t len;
    int is_last; /* of this attempt */
    /* the whole message, for what is not above */
    const void *record;
    size_t record_len;
};
/* *output is valid during the call. */
typedef void (*fy_output_fn)(const struct fy_output *output, void *arg);
/* For awaited jobs with `stream`; NULL: nobody. */
FY_API void fy_client_on_output(struct fy_client *client, fy_output_fn fn,
                                void *arg);

enum fy_cancel_mode { FY_CANCEL_GRACEFUL = 0, FY_CANCEL_KILL = 1 };

/* Sends a cancel message (schemas/cancel.json) for one job to the topic
 * `control`; like a job it is on its way then, and fy_client_flush() waits for
 * it. reason may be NULL. Workers of this version do not read that topic yet;
 * the job goes on. */
FY_API int fy_client_cancel(struct fy_client *client, const char *job_id,
                            enum fy_cancel_mode mode, const char *reason,
                            struct fy_error *error);
/* What connections to Kafka last complained about, "" when about nothing: the
 * reason behind a timeout. Until the next call. */
FY_API const char *fy_client_trouble(const struct fy_client *client);

/* --- results ------------------------------------------------------------- */

FY_API void fy_result_free(struct fy_result *result);
FY_API const char *fy_result_job_id(const struct fy_result *result);
/* "success", "nonzero_exit", ... as in result.json. */
FY_API const char *fy_result_status(const struct fy_result *result);
FY_API int fy_result_is_success(const struct fy_result *result);
/* Why, for people; "" on success. */
FY_API const char *fy_result_reason(const struct fy_result *result);
/* 1 when the program ended by itself, and with which code; else 0. */
FY_API int fy_result_exit_code(const struct fy_result *result, int *out);
/* What was kept; NULL only when there is none. Not ended with NUL. */
FY_API const void *fy_result_stdout(const struct fy_result *result,
                                    size_t *out_len);
FY_API const void *fy_result_stderr(const struct fy_result *result,
                                    size_t *out_len);
/* Any field by its path, "termination.limit", "files.0.path"; NULL, or 0, when
 * there is none or it is of another type. */
FY_API const char *fy_result_text(struct fy_result *result, const char *path);
FY_API const void *fy_result_bytes(struct fy_result *result, const char *path,
                                   size_t *out_len);
FY_API int fy_result_uint(struct fy_result *result, const char *path,
                          uint64_t *out);
/* All of it, as one line of JSON in ASCII; NULL when it cannot be. */
FY_API const char *fy_result_json(struct fy_result *result);
/* As it came. */
FY_API const void *fy_result_msgpack(const struct fy_result *result,
                                     size_t *out_len);

/* Results of all jobs, also those that ended before. */
enum fy_from { FY_FROM_BEGINNING = 0, FY_FROM_END = 1 };

FY_API int fy_reader_open(const struct fy_options *options, enum fy_from from,
                          struct fy_reader **out, struct fy_error *error);
/* 1 with the first result of a job; later ones of the same are left out, and
 * for that every id is kept. 0 at the timeout; *out_at_end, which may be NULL,
 * then tells whether all was read that was there. -1 with FY_ERROR_INPUT for a
 * record that is no result: reading can go on. */
FY_API int fy_reader_next(struct fy_reader *reader, int timeout_ms,
                          struct fy_result **out, int *out_at_end,
                          struct fy_error *error) FY_MUST_USE;
FY_API void fy_reader_close(struct fy_reader *reader);

#ifdef __cplusplus
}
#endif
