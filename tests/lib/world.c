/* SPDX-License-Identifier: MIT */
/* world.c - see world.h. */
#include "lib/world.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <glob.h>
#include <sched.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "base/base.h"
#include "base/clock.h"
#include "base/fd.h"
#include "sys/proc.h"

/* ---- making one ---------------------------------------------------------- */

/* An ordinary user needs a user namespace to make the others, and keeps its
 * own number in it. */
static int map_own_user(uid_t uid, gid_t gid)
{
    char line[64];

    (void)snprintf(line, sizeof(line), "%u %u 1\n", uid, uid);
    if (fd_write_small(AT_FDCWD, "/proc/self/uid_map", line) < 0 ||
        fd_write_small(AT_FDCWD, "/proc/self/setgroups", "deny") < 0) {
        return -1;
    }
    (void)snprintf(line, sizeof(line), "%u %u 1\n", gid, gid);
    return fd_write_small(AT_FDCWD, "/proc/self/gid_map", line);
}

static int mount_own(void)
{
    const char *tmpdir = getenv("TMPDIR");

    if (mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) < 0 ||
        mount("proc", "/proc", "proc", 0, NULL) < 0 ||
        mount("tmp", "/tmp", "tmpfs", 0, "mode=1777") < 0 ||
        mount("shm", "/dev/shm", "tmpfs", 0, "mode=1777") < 0) {
        return -1;
    }
    if (tmpdir && strncmp(tmpdir, "/tmp/", 5) == 0) {
        return setenv("TMPDIR", "/tmp", 1);
    }
    return 0;
}

static NORETURN void live(uid_t uid, gid_t gid, int (*body)(void))
{
    sigset_t child;

    (void)prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0);
    sigemptyset(&child);
    sigaddset(&child, SIGCHLD);
    if ((uid != 0 && map_own_user(uid, gid) < 0) || mount_own() < 0 ||
        sigprocmask(SIG_BLOCK, &child, NULL) < 0) {
        perror("a world of its own");
        _exit(255);
    }
    int status = body();
    (void)fflush(stdout);
    _exit(status);
}

int world_run(int (*body)(void))
{
    const uid_t uid = geteuid();
    const gid_t gid = getegid();
    const uint64_t user = uid == 0 ? 0 : CLONE_NEWUSER;
    int status = 0;

    (void)fflush(stdout);
    pid_t pid = proc_clone(CLONE_NEWPID | CLONE_NEWNS | user, -1, NULL);
    if (pid == 0) {
        live(uid, gid, body);
    }
    if (pid < 0) {
        perror("a pid and a mount namespace");
        return -1;
    }
    while (waitpid(pid, &status, 0) < 0 && errno == EINTR) {
    }
    return WIFEXITED(status) && WEXITSTATUS(status) != 255 ? WEXITSTATUS(status)
                                                           : -1;
}

/* ---- processes and what they hold ---------------------------------------- */

void world_wait_child(unsigned timeout_ms)
{
    const struct timespec left = {timeout_ms / 1000,
                                  (long)(timeout_ms % 1000) * 1000000};
    sigset_t child;

    sigemptyset(&child);
    sigaddset(&child, SIGCHLD);
    (void)sigtimedwait(&child, NULL, &left);
}

bool world_is_empty_within(unsigned timeout_ms)
{
    const uint64_t until_ms = clock_mono_ms() + timeout_ms;

    for (;;) {
        pid_t pid = waitpid(-1, NULL, WNOHANG);

        if (pid < 0 && errno == ECHILD) {
            return true;
        }
        uint64_t now_ms = clock_mono_ms();
        if (pid == 0 && now_ms >= until_ms) {
            return false;
        }
        if (pid == 0) {
            world_wait_child((unsigned)(until_ms - now_ms));
        }
    }
}

unsigned world_children(pid_t pid, pid_t *out, unsigned max)
{
    char path[64];
    char text[8192];
    unsigned count = 0;

    (void)snprintf(path, sizeof(path), "/proc/%d/task/%d/children", (int)pid,
                   (int)pid);
    if (fd_read_small(AT_FDCWD, path, text, sizeof(text)) <= 0) {
        return 0;
    }
    for (char *at = text; count < max;) {
        char *end = at;
        long child = strtol(at, &end, 10);

        if (end == at) {
            break;
        }
        out[count++] = (pid_t)child;
        at = end;
    }
    return count;
}

static unsigned count_entries(const char *path)
{
    unsigned count = 0;
    struct dirent *entry;
    DIR *dir = opendir(path);

    while (dir && (entry = readdir(dir))) {
        count +=
            strcmp(entry->d_name, ".") != 0 && strcmp(entry->d_name, "..") != 0;
    }
    if (dir) {
        closedir(dir);
    }
    return count;
}

unsigned world_open_files(pid_t pid)
{
    char path[64];

    (void)snprintf(path, sizeof(path), "/proc/%d/fd", (int)pid);
    return count_entries(path);
}

/* ---- namespaces -----------------------------------------------------------
 */

#define NAMESPACES_MAX 4096

struct seen {
    char names[NAMESPACES_MAX][24]; /* "pid:[4026531836]" */
    unsigned count;
};

static void see(struct seen *seen, const char *name)
{
    for (unsigned i = 0; i < seen->count; i++) {
        if (strcmp(seen->names[i], name) == 0) {
            return;
        }
    }
    if (seen->count < NAMESPACES_MAX) {
        (void)snprintf(seen->names[seen->count++], sizeof(seen->names[0]), "%s",
                       name);
    }
}

static bool is_namespace(const char *link)
{
    static const char *const types[] = {"cgroup:[", "ipc:[", "mnt:[",
                                        "net:[",    "pid:[", "user:[",
                                        "uts:[",    "time:["};

    for (size_t i = 0; i < ARRAY_LEN(types); i++) {
        if (strncmp(link, types[i], strlen(types[i])) == 0) {
            return true;
        }
    }
    return false;
}

static void see_links(struct seen *seen, const char *pattern)
{
    glob_t found;

    if (glob(pattern, GLOB_NOSORT, NULL, &found) != 0) {
        return;
    }
    for (size_t i = 0; i < found.gl_pathc; i++) {
        char link[24];
        ssize_t n = readlink(found.gl_pathv[i], link, sizeof(link) - 1);

        if (n > 0) {
            link[n] = 0;
            if (is_namespace(link)) {
                see(seen, link);
            }
        }
    }
    globfree(&found);
}

static unsigned count_namespaces(void)
{
    static struct seen seen;

    seen.count = 0;
    see_links(&seen, "/proc/[0-9]*/ns/*");
    see_links(&seen, "/proc/[0-9]*/fd/*");
    return seen.count;
}

/* ---- the rest --------------------------------------------------------------
 */

static unsigned count_lines(const char *path)
{
    unsigned count = 0;
    int c;
    FILE *file = fopen(path, "re");

    while (file && (c = fgetc(file)) != EOF) {
        count += c == '\n';
    }
    if (file) {
        (void)fclose(file);
    }
    return count;
}

static unsigned count_paths(const char *pattern)
{
    glob_t found;
    unsigned count = 0;

    if (glob(pattern, GLOB_NOSORT, NULL, &found) == 0) {
        count = (unsigned)found.gl_pathc;
        globfree(&found);
    }
    return count;
}

void world_count(struct world_count *out)
{
    *out = (struct world_count){
        .processes = count_paths("/proc/[0-9]*"),
        .namespaces = count_namespaces(),
        .mounts = count_lines("/proc/self/mountinfo"),
        .files = count_entries("/tmp") + count_entries("/dev/shm"),
    };
}

/* ---- cgroups ----------------------------------------------------------------
 */

/* v1 has a hierarchy per controller below the mount, v2 is the mount. */
static const char *const roots[] = {"/sys/fs/cgroup/*", "/sys/fs/cgroup"};

static void for_each_path(const char *parent, const char *rest,
                          void (*visit)(const char *path, void *arg), void *arg)
{
    for (size_t i = 0; i < ARRAY_LEN(roots); i++) {
        char pattern[256];
        glob_t found;

        (void)snprintf(pattern, sizeof(pattern), "%s/%s%s", roots[i], parent,
                       rest);
        if (glob(pattern, GLOB_NOSORT, NULL, &found) != 0) {
            continue;
        }
        for (size_t k = 0; k < found.gl_pathc; k++) {
            visit(found.gl_pathv[k], arg);
        }
        globfree(&found);
    }
}

struct search {
    char own[32]; /* in the path of what is not meant */
    unsigned count;
};

static void count_foreign(const char *path, void *arg)
{
    struct search *search = arg;

    search->count += strstr(path, search->own) == NULL;
}

unsigned world_foreign_cgroups(const char *parent, pid_t launcher)
{
    struct search search = {.count = 0};

    (void)snprintf(search.own, sizeof(search.own), "/w%d-", (int)launcher);
    for_each_path(parent, "/w[0-9]*", count_foreign, &search);
    return search.count;
}

static void count_tasks(const char *path, void *arg)
{
    struct search *search = arg;

    search->count += count_lines(path);
}

unsigned world_cgroup_tasks(const char *parent)
{
    struct search search = {.count = 0};

    for_each_path(parent, "/w[0-9]*/slot*/cgroup.procs", count_tasks, &search);
    return search.count;
}

static void remove_directory(const char *path, void *arg)
{
    (void)arg;
    (void)rmdir(path);
}

void world_remove_cgroups(const char *parent)
{
    for_each_path(parent, "/w[0-9]*/slot*", remove_directory, NULL);
    for_each_path(parent, "/w[0-9]*", remove_directory, NULL);
    for_each_path(parent, "", remove_directory, NULL);
}
