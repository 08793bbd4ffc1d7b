/* SPDX-License-Identifier: MIT */
/* kill_storm_test.c - Does anything survive? Payloads, inits, launchers and
 * engines are killed at random moments, the boot among them, while boxes come
 * and go; after each end of a worker all that could be left is counted.
 *
 * Brief here; STORM_KILLS=3000 for longer (tests/fault/kill_storm.sh).
 * STORM_SEED repeats the choices of a run, though not its moments. */
#include "lib/unit.h"

#include <fcntl.h>
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <time.h>

#include "base/base.h"
#include "base/clock.h"
#include "base/fd.h"
#include "base/str.h"
#include "lib/churn.h"
#include "lib/world.h"

#define BRIEF_KILLS 300
/* So many times more, when some phase was not met. */
#define LUCK       5
#define PLAIN_USER 12345
/* For what takes milliseconds, on a machine with other things to do. */
#define PATIENCE_MS 20000
/* Moments are spread evenly over the magnitudes between these two. */
#define PAUSE_MIN_US     16u
#define PAUSE_MAGNITUDES 11u /* 2^11 * 16 us = 33 ms */
/* A worker that lives through so many kills is looked at from outside. */
#define LONG_LIFE 12u
/* Between two looks at what should have come to rest. */
#define LOOK_MS    2
#define CALM_LOOKS 25

enum kind { PAYLOAD, INIT, LAUNCHER, ENGINE, BOTH, KIND_COUNT };

static const struct {
    const char *name;
    bool ends_worker;
} kinds[KIND_COUNT] = {
    [PAYLOAD] = {"payload", false},  [INIT] = {"init", false},
    [LAUNCHER] = {"launcher", true}, [ENGINE] = {"engine", true},
    [BOTH] = {"both at once", true},
};

/* What a live launcher holds: boxes that wait for a job, too, when it keeps
 * such. */
struct holdings {
    unsigned children;
    unsigned open_files;
    unsigned cgroup_tasks;
    unsigned processes;
    unsigned namespaces;
};

static struct {
    struct churn_tally *tally;
    char cgroup_parent[40];
    uint64_t first_seed;
    uint64_t seed; /* moves on with every choice */
    uid_t uid;
    unsigned kills[KIND_COUNT];
    unsigned total;
    unsigned started;
    unsigned answered;
    unsigned run;
    unsigned brought;
    unsigned cut_collections;
    unsigned cut_compilers;
    unsigned ends_in_collection; /* of workers */
    pid_t engine;
    unsigned cgroups_before; /* dead workers' directories */
    struct world_count nothing;
} storm;

/* ---- choices ---------------------------------------------------------------
 */

static unsigned below(unsigned bound)
{
    return (unsigned)(churn_random(&storm.seed) % bound);
}

static void pause_a_moment(void)
{
    uint64_t us = (PAUSE_MIN_US + below(PAUSE_MIN_US))
                  << below(PAUSE_MAGNITUDES);
    const struct timespec moment = {0, (long)us * 1000};

    (void)nanosleep(&moment, NULL);
}

static pid_t any_child(pid_t of)
{
    pid_t found[64];
    unsigned count = of > 0 ? world_children(of, found, ARRAY_LEN(found)) : 0;

    return count > 0 ? found[below(count)] : 0;
}

/* Most children have none: boxes that wait, and what makes them. */
static pid_t any_grandchild(pid_t of)
{
    pid_t found[64];
    pid_t grand[64];
    unsigned count = of > 0 ? world_children(of, found, ARRAY_LEN(found)) : 0;
    unsigned sum = 0;

    for (unsigned i = 0; i < count && sum < ARRAY_LEN(grand); i++) {
        sum += world_children(found[i], grand + sum,
                              (unsigned)ARRAY_LEN(grand) - sum);
    }
    return sum > 0 ? grand[below(sum)] : 0;
}

static pid_t victim(enum kind kind)
{
    switch (kind) {
    case PAYLOAD:
        return any_grandchild(storm.tally->launcher);
    case INIT:
        return any_child(storm.tally->launcher);
    case LAUNCHER:
    case BOTH:
        return storm.tally->launcher;
    case ENGINE:
        return storm.engine;
    case KIND_COUNT:
        break;
    }
    return 0;
}

/* False when there was nobody of that kind at that moment. */
static bool strike(enum kind kind)
{
    const bool is_collecting = storm.tally->collecting > 0;
    pid_t pid = victim(kind);

    if (pid <= 0 || kill(pid, SIGKILL) < 0) {
        return false;
    }
    if (kind == BOTH) {
        (void)kill(storm.engine, SIGKILL);
    }
    storm.kills[kind]++;
    storm.total++;
    storm.ends_in_collection += is_collecting && kinds[kind].ends_worker;
    return true;
}

/* ---- a worker of the storm
 * --------------------------------------------------- */

static void explain(const char *what)
{
    print_error("%s (seed %" PRIu64 ", after %u kills)\n", what,
                storm.first_seed, storm.total);
}

static void worker_start(void)
{
    const struct churn_spec spec = {.tally = storm.tally,
                                    .cgroup_parent = storm.cgroup_parent,
                                    .uid = storm.uid,
                                    .seed = churn_random(&storm.seed)};

    memset(storm.tally, 0, sizeof(*storm.tally));
    storm.cgroups_before = world_foreign_cgroups(storm.cgroup_parent, 0);
    storm.engine = churn_start(&spec);
    assert_true(storm.engine > 0);
}

static void expect_no_error(void)
{
    if (storm.tally->error[0]) {
        explain("the engine saw");
        fail_msg("%s", storm.tally->error);
    }
}

static void wait_for(_Atomic int *flag, const char *what)
{
    uint64_t until_ms = clock_mono_ms() + PATIENCE_MS;

    while (!*flag) {
        expect_no_error();
        if (clock_mono_ms() > until_ms) {
            explain(what);
            fail();
        }
        world_wait_child(LOOK_MS);
    }
}

static void hold(struct holdings *out)
{
    pid_t found[64];
    pid_t launcher = storm.tally->launcher;
    struct world_count count;

    world_count(&count);
    *out = (struct holdings){
        .children = world_children(launcher, found, ARRAY_LEN(found)),
        .open_files = world_open_files(launcher),
        .cgroup_tasks = world_cgroup_tasks(storm.cgroup_parent),
        .processes = count.processes,
        .namespaces = count.namespaces,
    };
}

static void rest(void)
{
    storm.tally->should_pause = 1;
    storm.tally->is_idle = 0;
    wait_for(&storm.tally->is_idle, "boxes do not end");
}

/* The slot's process and the box it has ready. */
#define CHILDREN_PER_SLOT 2

#define JOBS_AFTER_LOOKS 50
#define JOBS_MS          50

/* What a launcher without jobs holds once it holds no more. */
static void learn(struct holdings *out)
{
    uint64_t until_ms = clock_mono_ms() + PATIENCE_MS;
    struct holdings now;
    unsigned calm = 0;

    rest();
    hold(out);
    for (unsigned looks = 1; calm < CALM_LOOKS; looks++) {
        if (clock_mono_ms() > until_ms) {
            explain("a launcher without jobs does not come to rest");
            fail_msg("children %u files %u tasks %u processes %u "
                     "namespaces %u",
                     out->children, out->open_files, out->cgroup_tasks,
                     out->processes, out->namespaces);
        }
        /* A slot of which three boxes in a row were killed makes the next one
         * for a job: let some come. */
        if (looks % JOBS_AFTER_LOOKS == 0) {
            storm.tally->should_pause = 0;
            world_wait_child(JOBS_MS);
            rest();
        }
        world_wait_child(LOOK_MS);
        hold(&now);
        calm = memcmp(&now, out, sizeof(now)) == 0 &&
                       now.children == CHURN_SLOTS * CHILDREN_PER_SLOT
                   ? calm + 1
                   : 0;
        *out = now;
    }
    storm.tally->should_pause = 0;
}

static bool is_within(const struct holdings *now, const struct holdings *usual)
{
    return now->children <= usual->children &&
           now->open_files <= usual->open_files &&
           now->cgroup_tasks <= usual->cgroup_tasks &&
           now->processes <= usual->processes &&
           now->namespaces <= usual->namespaces;
}

static void expect_no_more_than(const struct holdings *usual)
{
    uint64_t until_ms = clock_mono_ms() + PATIENCE_MS;
    struct holdings now;

    rest();
    for (hold(&now); !is_within(&now, usual); hold(&now)) {
        if (clock_mono_ms() > until_ms) {
            explain("a launcher without jobs holds more than before");
            fail_msg("children %u/%u files %u/%u tasks %u/%u processes %u/%u "
                     "namespaces %u/%u",
                     now.children, usual->children, now.open_files,
                     usual->open_files, now.cgroup_tasks, usual->cgroup_tasks,
                     now.processes, usual->processes, now.namespaces,
                     usual->namespaces);
        }
        world_wait_child(LOOK_MS);
    }
    assert_int_equal(storm.tally->answered, storm.tally->started);
    storm.tally->should_pause = 0;
}

/* ---- after its end
 * ------------------------------------------------------------ */

static void expect_cgroups_gone(enum kind killed)
{
    unsigned left = world_foreign_cgroups(storm.cgroup_parent, 0);

    /* A killed launcher's are the next one's to remove; one that lost its
     * engine removes its own and those of the dead. */
    if (killed == ENGINE && storm.tally->launcher != 0 && left > 0) {
        explain("cgroups stay");
        fail_msg("%u", left);
    }
    if (killed == ENGINE && left > storm.cgroups_before) {
        explain("cgroups stay");
        fail_msg("%u, %u before", left, storm.cgroups_before);
    }
}

static void expect_nothing(enum kind killed)
{
    struct world_count left;

    if (!world_is_empty_within(PATIENCE_MS)) {
        explain("a process lives on");
        (void)fflush(stdout);
        fail_msg("killed: %s", kinds[killed].name);
    }
    expect_no_error();
    world_count(&left);
    if (memcmp(&left, &storm.nothing, sizeof(left)) != 0) {
        explain("something is left");
        fail_msg("killed: %s; processes %u/%u namespaces %u/%u mounts %u/%u "
                 "files %u/%u",
                 kinds[killed].name, left.processes, storm.nothing.processes,
                 left.namespaces, storm.nothing.namespaces, left.mounts,
                 storm.nothing.mounts, left.files, storm.nothing.files);
    }
    expect_cgroups_gone(killed);
    storm.started += storm.tally->started;
    storm.answered += storm.tally->answered;
    storm.run += storm.tally->run;
    storm.brought += storm.tally->brought;
    storm.cut_collections += storm.tally->cut_collections;
    storm.cut_compilers += storm.tally->cut_compilers;
}

/* ---- lives
 * --------------------------------------------------------------------- */

/* For half of the kills: until some box brings its files back. Where none does,
 * as in a worker that boots, not for long. */
#define FILES_LOOKS 50

static void wait_for_files(void)
{
    for (unsigned i = below(2) * FILES_LOOKS; i > 0; i--) {
        if (storm.tally->collecting > 0) {
            return;
        }
        world_wait_child(LOOK_MS);
    }
}

/* Payloads and inits, as many as asked for. */
static void harass(unsigned count)
{
    for (unsigned tries = count * 2000; count > 0 && tries > 0; tries--) {
        pause_a_moment();
        wait_for_files();
        count -= strike(below(2) ? PAYLOAD : INIT);
    }
    assert_int_equal(count, 0);
}

static void end_worker(void)
{
    enum kind kind = LAUNCHER + below(3);
    uint64_t until_ms = clock_mono_ms() + PATIENCE_MS;

    /* It may not have forked its launcher yet. */
    do {
        pause_a_moment();
        expect_no_error();
        if (clock_mono_ms() > until_ms) {
            explain("nobody is there to kill");
            fail_msg("to kill: %s, launcher %d, is ready %d", kinds[kind].name,
                     (int)storm.tally->launcher, storm.tally->is_ready);
        }
    } while (!strike(kind));
    expect_nothing(kind);
}

/* At any moment from its birth on. */
static void short_life(void)
{
    worker_start();
    end_worker();
}

static void busy_life(void)
{
    worker_start();
    wait_for(&storm.tally->is_ready, "no READY");
    if (world_foreign_cgroups(storm.cgroup_parent, storm.tally->launcher)) {
        explain("cgroups of the dead stay");
        fail();
    }
    harass(1 + below(3));
    wait_for_files();
    end_worker();
}

static void long_life(void)
{
    struct holdings usual;

    worker_start();
    wait_for(&storm.tally->is_ready, "no READY");
    harass(1); /* boxes have been there */
    learn(&usual);
    harass(LONG_LIFE);
    expect_no_more_than(&usual);
    wait_for_files();
    end_worker();
}

/* Nothing is killed: the last word, for what the dead have left as well. */
static void orderly_life(void)
{
    worker_start();
    wait_for(&storm.tally->is_ready, "no READY");
    harass(1);
    assert_int_equal(kill(storm.engine, SIGTERM), 0);
    expect_nothing(ENGINE);
}

/* ---- the tests
 * ------------------------------------------------------------------- */

static uint64_t number_from(const char *name, uint64_t otherwise)
{
    const char *text = getenv(name);
    uint64_t value = 0;

    return text && str_parse_u64(text, &value, NULL) == 0 ? value : otherwise;
}

static uint64_t shmem_bytes(void)
{
    char text[4096];
    const char *at = NULL;

    if (fd_read_small(AT_FDCWD, "/proc/meminfo", text, sizeof(text)) > 0) {
        at = strstr(text, "Shmem:");
    }
    return at ? strtoull(at + strlen("Shmem:"), NULL, 10) * 1024 : 0;
}

/* Of the whole machine, with others on it: a quarter may be theirs. */
static void expect_no_memory_kept(uint64_t before)
{
    uint64_t brought = storm.started * CHURN_BYTES_PER_BOX;
    uint64_t now = shmem_bytes();

    if (now > before + brought / 4 + (64u << 20)) {
        explain("memory of tmpfs or memfds stays");
        fail_msg("%" PRIu64 " bytes before, %" PRIu64 " now, boxes brought "
                 "%" PRIu64,
                 before, now, brought);
    }
}

static bool clean_up(void)
{
    (void)kill(-1, SIGKILL); /* all but us, its first process */
    bool is_empty = world_is_empty_within(PATIENCE_MS);
    world_remove_cgroups(storm.cgroup_parent);
    return is_empty;
}

static void tell(void)
{
    print_message("# user %u: %u kills (", (unsigned)storm.uid, storm.total);
    for (size_t i = 0; i < KIND_COUNT; i++) {
        print_message("%s%u %s", i ? ", " : "", storm.kills[i], kinds[i].name);
    }
    print_message("), %u boxes started, %u answered, %u with a report, %u with "
                  "files\n# inits killed: %u while files came back, %u of "
                  "compilers; %u workers while files came back\n",
                  storm.started, storm.answered, storm.run, storm.brought,
                  storm.cut_collections, storm.cut_compilers,
                  storm.ends_in_collection);
}

/* Every phase has met a kill, or it was a storm in a teacup. */
static bool has_met_all(void)
{
    return storm.run > 0 && storm.brought > 0 && storm.cut_collections > 0 &&
           storm.cut_compilers > 0 && storm.ends_in_collection > 0;
}

static void lives(unsigned kills)
{
    static void (*const life[])(void) = {short_life, short_life, busy_life,
                                         busy_life, long_life};
    const uint64_t shmem = shmem_bytes();

    memset(storm.kills, 0, sizeof(storm.kills));
    storm.total = storm.started = storm.answered = storm.run = 0;
    storm.brought = storm.cut_collections = storm.cut_compilers = 0;
    storm.ends_in_collection = 0;
    storm.first_seed = number_from("STORM_SEED", clock_unix_ns());
    storm.seed = storm.first_seed;
    print_message("# seed %" PRIu64 "\n", storm.seed);
    assert_true(clean_up()); /* what a test that failed has left */
    world_count(&storm.nothing);
    for (unsigned i = 0;
         storm.total < kills || (storm.total < LUCK * kills && !has_met_all());
         i++) {
        life[i % ARRAY_LEN(life)]();
    }
    orderly_life();
    expect_no_memory_kept(shmem);
    tell();
    assert_true(has_met_all());
}

static void nothing_survives_as_root(void **state)
{
    (void)state;
    if (geteuid() != 0) {
        skip();
    }
    storm.uid = 0;
    lives((unsigned)number_from("STORM_KILLS", BRIEF_KILLS) * 2 / 3);
}

static void nothing_survives_as_ordinary_user(void **state)
{
    (void)state;
    storm.uid = geteuid() == 0 ? PLAIN_USER : 0;
    lives((unsigned)number_from("STORM_KILLS", BRIEF_KILLS) / 3);
}

static int in_the_world(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(nothing_survives_as_root),
        cmocka_unit_test(nothing_survives_as_ordinary_user),
    };

    storm.tally = mmap(NULL, sizeof(*storm.tally), PROT_READ | PROT_WRITE,
                       MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    if (storm.tally == MAP_FAILED) {
        return 1;
    }
    int failed = cmocka_run_group_tests(tests, NULL, NULL);
    (void)clean_up();
    return failed;
}

int main(void)
{
    (void)snprintf(storm.cgroup_parent, sizeof(storm.cgroup_parent),
                   "forkyard-storm-%d", (int)getpid());
    int failed = world_run(in_the_world);

    if (failed < 0) {
        print_message("1..0 # SKIP no world of its own on this host\n");
        return 0;
    }
    return failed;
}
