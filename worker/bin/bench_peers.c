/* SPDX-License-Identifier: MIT */
/* bench_peers.c - see bench_peers.h. Runs in `forkyard bench`, which must be
 * the reaper of its descendants' orphans (PR_SET_CHILD_SUBREAPER): some peers
 * end before what they started. */
#include "bin/bench_peers.h"

#include <errno.h>
#include <fcntl.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/fd.h"
#include "base/str.h"

#define WORDS_MAX 96
#define TEXT_SIZE 2048

bool bench_peers_find(const struct bench_peer *peer, char *dst, size_t size)
{
    const char *at = getenv("PATH");

    while (at && *at) {
        size_t len = strcspn(at, ":");

        (void)snprintf(dst, size, "%.*s/%s", (int)len, at, peer->program);
        if (access(dst, X_OK) == 0) {
            return true;
        }
        at += len + (at[len] == ':' ? 1 : 0);
    }
    return false;
}

/* ---- words ------------------------------------------------------------- */

struct words {
    char text[TEXT_SIZE];
    char id[32];
    char *argv[WORDS_MAX];
};

static const char *meaning(const struct words *w,
                           const struct bench_peer_place *place,
                           const char *word)
{
    const struct {
        const char *word;
        const char *meaning;
    } rows[] = {
        {"@program", place->program},
        {"@rootfs", place->rootfs},
        {"@bundle", place->bundle},
        {"@state", place->state},
        {"@id", w->id},
    };

    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        if (!strcmp(word, rows[i].word)) {
            return rows[i].meaning;
        }
    }
    return word;
}

/* Takes one command off the text; the rest of it, or NULL at the end. */
static char *split(struct words *w, const struct bench_peer_place *place,
                   char *text)
{
    union {
        const char *in;
        char *out;
    } unconst; /* posix_spawn writes nothing */
    size_t count = 0;
    char *rest = NULL;
    char *word = strtok_r(text, " ", &rest);

    for (; word && strcmp(word, ";") != 0 && count + 1 < WORDS_MAX;
         word = strtok_r(NULL, " ", &rest)) {
        unconst.in = meaning(w, place, word);
        w->argv[count++] = unconst.out;
    }
    w->argv[count] = NULL;
    return word ? rest : NULL;
}

/* ---- a run ------------------------------------------------------------- */

static int spawn(const char *path, char *const *argv,
                 const struct bench_peer_place *place, pid_t *out_pid)
{
    posix_spawn_file_actions_t actions;

    (void)posix_spawn_file_actions_init(&actions);
    (void)posix_spawn_file_actions_addopen(&actions, STDIN_FILENO, "/dev/null",
                                           O_RDONLY, 0);
    (void)posix_spawn_file_actions_addopen(&actions, STDOUT_FILENO, "/dev/null",
                                           O_WRONLY, 0);
    (void)posix_spawn_file_actions_adddup2(&actions, place->words_fd,
                                           STDERR_FILENO);
    (void)posix_spawn_file_actions_adddup2(&actions, place->filter_fd,
                                           BENCH_PEERS_FILTER[0] - '0');
    int rc = posix_spawn(out_pid, path, &actions, NULL, argv, environ);
    (void)posix_spawn_file_actions_destroy(&actions);
    return rc;
}

static int say_why(const struct bench_peer *peer,
                   const struct bench_peer_place *place, int status,
                   struct err *e)
{
    char text[160];
    ssize_t n = pread(place->words_fd, text, sizeof(text) - 1, 0);

    text[n > 0 ? n : 0] = 0;
    text[strcspn(text, "\n")] = 0;
    return err_set(e, ERR_SYSTEM, "%s ended with %d: %s", peer->program, status,
                   text[0] ? text : "without a word");
}

static int run_command(const struct bench_peer *peer, const char *path,
                       const struct bench_peer_place *place, char *const *argv,
                       struct err *e)
{
    int status = 0;
    pid_t pid = 0;

    /* Read and written by whoever came before, through the same offset. */
    (void)lseek(place->filter_fd, 0, SEEK_SET);
    (void)lseek(place->words_fd, 0, SEEK_SET);
    int rc = spawn(path, argv, place, &pid);
    if (rc != 0) {
        errno = rc;
        return err_sys(e, "starting %s", path);
    }
    while (waitpid(pid, &status, 0) < 0 && errno == EINTR) {
    }
    return status == 0 ? 0 : say_why(peer, place, status, e);
}

int bench_peers_run(const struct bench_peer *peer, const char *path,
                    const struct bench_peer_place *place, double *out_us,
                    struct err *e)
{
    struct words w;
    char *rest = w.text;
    uint64_t from_us = clock_mono_us();

    (void)snprintf(w.text, sizeof(w.text), "%s", peer->command);
    (void)snprintf(w.id, sizeof(w.id), "forkyard-bench-%d", (int)getpid());
    (void)!ftruncate(place->words_fd, 0);
    while (rest) {
        rest = split(&w, place, rest);
        if (run_command(peer, path, place, w.argv, e) < 0) {
            return -1;
        }
    }
    *out_us = (double)(clock_mono_us() - from_us);
    return 0;
}
