/* SPDX-License-Identifier: MIT */
/* run_learn.c - see run_learn.h.
 *
 * A worker of one job: launcher, box, executor, and no Kafka. The box has all
 * its layers; only the answers of the system call filter are others. It is for
 * whoever starts it with programs he knows: a call that a profile refuses for
 * good reason is made. */
#include "bin/run_learn.h"

#include <errno.h>
#include <inttypes.h>
#include <jansson.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <uv.h>

#include "base/fd.h"
#include "bin/cli.h"
#include "bin/ending.h"
#include "run/boxes.h"
#include "run/compile.h"
#include "run/executor.h"
#include "run/runtimes.h"
#include "sys/seccomp_learn.h"

#define OURS ENDING_EXIT_OURS

/* One box: of the compiler, of the program. */
struct stage {
    const char *name;
    struct plan plan;
    struct verdict verdict;
    json_t *calls; /* NULL: it was not run */
};

struct learner {
    const struct config *config;
    const struct job *job;
    uv_loop_t loop;
    struct launch_ready host;
    pid_t launcher;
    struct boxes *boxes;
    struct executor *executor;
    struct seccomp_seen *seen;
    struct stage compile;
    struct stage run;
    struct compile compiled;
    struct stage *current;
    bool has_ended;
};

/* ---- the run ------------------------------------------------------------- */

static void on_end(const struct executor_end *end, void *arg)
{
    struct learner *l = arg;
    const struct verdict_facts facts = {
        .ended = end->ended,
        .plan = &l->run.plan,
        .stop = end->stop,
        .stdout_total = end->out->total,
        .stderr_total = end->err->total,
    };

    if (l->current == &l->compile) {
        compile_take(l->job, l->config, end, &l->compile.plan, &l->run.plan,
                     &l->compiled);
        l->compile.verdict = l->compiled.verdict;
    } else {
        verdict_make(&facts, &l->run.verdict);
    }
    l->has_ended = true;
}

static void on_output(unsigned which, const void *data, size_t len, void *arg)
{
    (void)which;
    (void)arg;
    (void)!fd_write_all(STDERR_FILENO, data, len, NULL);
}

static void on_ended(const struct launch_ended *ended, void *arg)
{
    struct learner *l = arg;

    executor_on_ended(l->executor, ended);
}

static void on_lost(void *arg)
{
    (void)arg;
    cli_die(OURS, "the process that makes boxes is gone");
}

static void open_boxes(struct learner *l)
{
    const struct boxes_callbacks boxes = {on_ended, on_lost, l};
    const struct executor_callbacks executor = {on_end, on_output};
    struct config own = *l->config; /* borrows the strings, sets a number */
    struct err e = {0};
    int sock = -1;

    own.worker_slots = 1;
    runtimes_probe();
    if (seccomp_learn_open(&l->seen, &e) < 0 ||
        boxes_fork_learner(&own, l->seen, &sock, &l->launcher, &e) < 0 ||
        boxes_wait_ready(sock, &l->host, &e) < 0) {
        cli_die(OURS, "%s", e.msg);
    }
    if (uv_loop_init(&l->loop) != 0) {
        cli_die(OURS, "no event loop");
    }
    if (boxes_open(&l->loop, sock, &boxes, &l->boxes, &e) < 0 ||
        executor_open(&l->loop, l->boxes, 1, &executor, &l->executor, &e) < 0) {
        cli_die(OURS, "%s", e.msg);
    }
}

static void close_boxes(struct learner *l)
{
    executor_close(l->executor);
    boxes_close(l->boxes);
    (void)uv_run(&l->loop, UV_RUN_DEFAULT); /* until the handles are closed */
    (void)uv_loop_close(&l->loop);
    while (waitpid(l->launcher, NULL, 0) < 0 && errno == EINTR) {
    }
    seccomp_learn_close(l->seen);
}

/* ---- what was seen --------------------------------------------------------
 */

static const char *answer_name(uint32_t profile, int32_t number)
{
    static const char *const names[] = {
        [SECCOMP_ANSWER_UNKNOWN] = "ENOSYS",
        [SECCOMP_ANSWER_ALLOWED] = "allowed",
        [SECCOMP_ANSWER_FORBIDDEN] = "EPERM",
        [SECCOMP_ANSWER_ENDS] = "ends the job",
        [SECCOMP_ANSWER_ARGUMENTS] = "EPERM for its arguments",
    };
    enum seccomp_answer answer = SECCOMP_ANSWER_UNKNOWN;
    struct err e = {0};

    if (seccomp_answer(profile, number, &answer, &e) < 0) {
        cli_die(OURS, "%s", e.msg);
    }
    return names[answer];
}

static json_t *call_json(const struct learner *l, int32_t number)
{
    const uint64_t *args = l->seen->args[number];
    char name[64];

    seccomp_number_name(number, name, sizeof(name));
    return json_pack("{s:s, s:i, s:s, s:[I, I, I]}", "name", name, "count",
                     (int)l->seen->counts[number], "answer",
                     answer_name(l->current->plan.profile, number),
                     "first_arguments", (json_int_t)args[0],
                     (json_int_t)args[1], (json_int_t)args[2]);
}

static json_t *calls_json(const struct learner *l)
{
    json_t *list = json_array();

    for (int32_t n = 0; n < SECCOMP_BPF_CALLS; n++) {
        if (l->seen->counts[n] > 0) {
            (void)json_array_append_new(list, call_json(l, n));
        }
    }
    return list;
}

/* ---- the stages ------------------------------------------------------------
 */

static void go_through(struct learner *l, struct stage *stage,
                       struct view input)
{
    struct err e = {0};

    l->current = stage;
    l->has_ended = false;
    memset(l->seen->counts, 0, sizeof(l->seen->counts));
    if (executor_start(l->executor, &stage->plan, input, l, &e) < 0) {
        cli_die(OURS, "%s", e.msg);
    }
    while (!l->has_ended) {
        (void)uv_run(&l->loop, UV_RUN_ONCE);
    }
    stage->calls = calls_json(l);
}

/* The last stage that was run. */
static const struct stage *run(struct learner *l)
{
    enum status status = STATUS_SETUP_ERROR;
    struct err e = {0};

    if (plan_make(l->job, l->config, &l->host, &l->run.plan, &status, &e) < 0 ||
        (l->run.plan.has_compile_stage &&
         compile_plan(l->job, l->config, &l->run.plan, &l->compile.plan, &e) <
             0)) {
        cli_die(OURS, "%s: %s", status_name(status), e.msg);
    }
    if (l->run.plan.has_compile_stage) {
        go_through(l, &l->compile, view_of(""));
        if (!l->compiled.success) {
            return &l->compile;
        }
    }
    go_through(l, &l->run, l->job->stdin_);
    return &l->run;
}

/* ---- the list ---------------------------------------------------------------
 */

static json_t *stage_json(const struct stage *stage)
{
    return json_pack("{s:s, s:s, s:s, s:s, s:O}", "stage", stage->name,
                     "profile", seccomp_profile_name(stage->plan.profile),
                     "status", status_name(stage->verdict.status), "reason",
                     stage->verdict.reason, "calls", stage->calls);
}

static void print_json(const struct stage *const *stages, size_t count)
{
    json_t *list = json_array();

    for (size_t i = 0; i < count; i++) {
        if (stages[i]->calls) {
            (void)json_array_append_new(list, stage_json(stages[i]));
        }
    }
    (void)json_dumpf(list, stdout, JSON_INDENT(2));
    (void)fputc('\n', stdout);
    json_decref(list);
}

static void print_call(json_t *call)
{
    json_t *args = json_object_get(call, "first_arguments");
    json_int_t count = json_integer_value(json_object_get(call, "count"));

    (void)printf("    - %-18s # %s, %" JSON_INTEGER_FORMAT " time%s; first: "
                 "%#" PRIx64 " %#" PRIx64 " %#" PRIx64 "\n",
                 json_string_value(json_object_get(call, "name")),
                 json_string_value(json_object_get(call, "answer")), count,
                 count == 1 ? "" : "s",
                 (uint64_t)json_integer_value(json_array_get(args, 0)),
                 (uint64_t)json_integer_value(json_array_get(args, 1)),
                 (uint64_t)json_integer_value(json_array_get(args, 2)));
}

static void print_stage(const struct stage *stage)
{
    size_t count = json_array_size(stage->calls);

    (void)printf("# %s: %zu call%s that profile %s refuses; it ended as %s\n"
                 "seccomp:\n"
                 "  allow:%s\n",
                 stage->name, count, count == 1 ? "" : "s",
                 seccomp_profile_name(stage->plan.profile),
                 status_name(stage->verdict.status), count ? "" : " []");
    for (size_t i = 0; i < count; i++) {
        print_call(json_array_get(stage->calls, i));
    }
}

static void print_yaml(const struct stage *const *stages, size_t count)
{
    const char *between = "";

    for (size_t i = 0; i < count; i++) {
        if (stages[i]->calls) {
            (void)printf("%s", between);
            print_stage(stages[i]);
            between = "---\n";
        }
    }
}

static int exit_code(const struct verdict *v)
{
    struct result result;

    result_init(&result);
    result.status = (int)v->status;
    result.exit_code = v->has_exit_code ? v->exit_code : result.exit_code;
    result.signal.present = v->signal_number > 0;
    result.signal.number = (uint64_t)v->signal_number;
    return ending_exit_code(&result);
}

static void forget(struct stage *stage)
{
    json_decref(stage->calls);
    plan_done(&stage->plan);
}

int run_learn(const struct config *config, const struct job *job, bool json)
{
    struct learner l = {.config = config,
                        .job = job,
                        .launcher = -1,
                        .compile.name = "compile",
                        .run.name = "run"};
    const struct stage *const stages[] = {&l.compile, &l.run};

    open_boxes(&l);
    const struct stage *last = run(&l);
    if (json) {
        print_json(stages, ARRAY_LEN(stages));
    } else {
        print_yaml(stages, ARRAY_LEN(stages));
    }
    if (last->verdict.status != STATUS_SUCCESS) {
        cli_say("%s: %s", status_name(last->verdict.status),
                last->verdict.reason);
    }
    int code = exit_code(&last->verdict);
    close_boxes(&l);
    compile_done(&l.compiled);
    forget(&l.compile);
    forget(&l.run);
    return code;
}
