/* SPDX-License-Identifier: MIT */
/* bench_peer_place.c - what other sandboxes are given to work with. Runs in
 * `forkyard bench`.
 *
 * Removes by name what it made and nothing else: a peer may have left a mount
 * of the host's /usr in it. */
#include <errno.h>
#include <fcntl.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/fd.h"
#include "bin/bench_peers.h"
#include "sys/seccomp.h"
#include "sys/seccomp_rules.h"

#define MEMORY_BYTES  (256 << 20)
#define MAX_PROCESSES 64
#define PERIOD_US     100000
#define PARENT_MAX    200

/* As they are on a system with one /usr. */
static const struct {
    const char *name;
    const char *to;
} links[] = {{"bin", "usr/bin"}, {"lib", "usr/lib"}, {"lib64", "usr/lib64"}};

static const char *const dirs[] = {"usr", "proc", "dev", "tmp", "etc"};

/* ---- the root ---------------------------------------------------------- */

static int make_root(const struct bench_peer_place *place, struct err *e)
{
    AUTO_FD int fd = open(place->rootfs, O_PATH | O_DIRECTORY | O_CLOEXEC);

    for (size_t i = 0; fd >= 0 && i < ARRAY_LEN(dirs); i++) {
        if (mkdirat(fd, dirs[i], 0755) < 0) {
            return err_sys(e, "making %s/%s", place->rootfs, dirs[i]);
        }
    }
    for (size_t i = 0; fd >= 0 && i < ARRAY_LEN(links); i++) {
        if (symlinkat(links[i].to, fd, links[i].name) < 0) {
            return err_sys(e, "making %s/%s", place->rootfs, links[i].name);
        }
    }
    return fd < 0 ? err_sys(e, "opening %s", place->rootfs) : 0;
}

static void remove_root(const struct bench_peer_place *place)
{
    AUTO_FD int fd = open(place->rootfs, O_PATH | O_DIRECTORY | O_CLOEXEC);

    for (size_t i = 0; fd >= 0 && i < ARRAY_LEN(dirs); i++) {
        (void)unlinkat(fd, dirs[i], AT_REMOVEDIR);
    }
    for (size_t i = 0; fd >= 0 && i < ARRAY_LEN(links); i++) {
        (void)unlinkat(fd, links[i].name, 0);
    }
    (void)rmdir(place->rootfs);
}

/* ---- the bundle -------------------------------------------------------- */

static json_t *mount_of(const char *to, const char *type, const char *from,
                        json_t *options)
{
    return json_pack("{s:s, s:s, s:s, s:o}", "destination", to, "type", type,
                     "source", from, "options", options);
}

static json_t *mounts(void)
{
    return json_pack(
        "[o, o, o, o]",
        mount_of("/proc", "proc", "proc",
                 json_pack("[s, s, s]", "nosuid", "noexec", "nodev")),
        mount_of("/dev", "tmpfs", "tmpfs",
                 json_pack("[s, s, s]", "nosuid", "mode=755", "size=65536k")),
        mount_of("/tmp", "tmpfs", "tmpfs",
                 json_pack("[s, s, s]", "nosuid", "nodev", "size=16m")),
        mount_of("/usr", "bind", "/usr",
                 json_pack("[s, s, s, s]", "rbind", "ro", "nosuid", "nodev")));
}

static json_t *namespaces(void)
{
    static const char *const types[] = {"pid", "network", "ipc", "uts",
                                        "mount"};
    json_t *list = json_array();

    for (size_t i = 0; i < ARRAY_LEN(types); i++) {
        (void)json_array_append_new(list, json_pack("{s:s}", "type", types[i]));
    }
    return list;
}

/* Those that take no look at arguments: the rest would need rules of the
 * runtime's own making. */
static json_t *call_list(void)
{
    json_t *names = json_array();

    for (size_t i = 0; i < seccomp_allowed_count; i++) {
        const char *const *name = seccomp_allowed[i].names;

        for (; *name; name++) {
            (void)json_array_append_new(names, json_string(*name));
        }
    }
    for (size_t i = 0; i < seccomp_conditional_count; i++) {
        (void)json_array_append_new(names,
                                    json_string(seccomp_conditional[i].name));
    }
    return json_pack("{s:s, s:[{s:o, s:s}]}", "defaultAction", "SCMP_ACT_ERRNO",
                     "syscalls", "names", names, "action", "SCMP_ACT_ALLOW");
}

static json_t *rlimits(void)
{
    static const struct {
        const char *name;
        int value;
    } rows[] = {{"RLIMIT_CPU", 10},
                {"RLIMIT_FSIZE", 16 << 20},
                {"RLIMIT_NOFILE", 64},
                {"RLIMIT_NPROC", MAX_PROCESSES}};
    json_t *list = json_array();

    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        (void)json_array_append_new(
            list, json_pack("{s:s, s:i, s:i}", "type", rows[i].name, "hard",
                            rows[i].value, "soft", rows[i].value));
    }
    return list;
}

static json_t *process(const char *program)
{
    return json_pack("{s:b, s:{s:i, s:i}, s:[s], s:[s], s:s, s:{s:[], s:[], "
                     "s:[], s:[]}, s:o, s:b}",
                     "terminal", 0, "user", "uid", 65534, "gid", 65534, "args",
                     program, "env", "PATH=/usr/bin:/bin", "cwd", "/tmp",
                     "capabilities", "bounding", "effective", "permitted",
                     "inheritable", "rlimits", rlimits(), "noNewPrivileges", 1);
}

static json_t *resources(void)
{
    return json_pack("{s:{s:i}, s:{s:i}, s:{s:i, s:i}}", "memory", "limit",
                     MEMORY_BYTES, "pids", "limit", MAX_PROCESSES, "cpu",
                     "quota", PERIOD_US, "period", PERIOD_US);
}

static int write_config(const struct bench_peer_place *place, struct err *e)
{
    char path[320];
    json_t *config =
        json_pack("{s:s, s:o, s:{s:s, s:b}, s:s, s:o, s:{s:o, s:o, s:o}}",
                  "ociVersion", "1.0.2", "process", process(place->program),
                  "root", "path", "rootfs", "readonly", 1, "hostname", "box",
                  "mounts", mounts(), "linux", "namespaces", namespaces(),
                  "resources", resources(), "seccomp", call_list());

    (void)snprintf(path, sizeof(path), "%s/config.json", place->bundle);
    int rc = config ? json_dump_file(config, path, JSON_INDENT(1)) : -1;
    json_decref(config);
    return rc < 0 ? err_set(e, ERR_SYSTEM, "writing %s", path) : 0;
}

/* ---- the place --------------------------------------------------------- */

static int compile_filter(int *out_fd, struct err *e)
{
    struct seccomp_set set;
    int rc = seccomp_compile(NULL, &set, e);

    if (rc == 0) {
        const struct seccomp_program *program = &set.programs[SECCOMP_PROGRAM];

        rc =
            fd_memfd_sealed("filter", program->code,
                            program->count * sizeof(*program->code), out_fd, e);
    }
    seccomp_set_done(&set);
    return rc;
}

static int make_dirs(struct bench_peer_place *place, struct err *e)
{
    const char *parent = getenv("TMPDIR");

    /* In memory where there is such a place: the disk is nobody's merit. */
    if (!parent || !parent[0] || strlen(parent) > PARENT_MAX) {
        parent = access("/dev/shm", W_OK) == 0 ? "/dev/shm" : "/tmp";
    }

    (void)snprintf(place->dir, sizeof(place->dir), "%s/forkyard-bench.XXXXXX",
                   parent);
    if (!mkdtemp(place->dir)) {
        place->dir[0] = 0;
        return err_sys(e, "making a directory in %s", parent);
    }
    (void)snprintf(place->bundle, sizeof(place->bundle), "%s/bundle",
                   place->dir);
    (void)snprintf(place->state, sizeof(place->state), "%s/state", place->dir);
    (void)snprintf(place->rootfs, sizeof(place->rootfs), "%s/bundle/rootfs",
                   place->dir);
    /* Other users enter it: those that peers become. */
    if (chmod(place->dir, 0755) < 0 || mkdir(place->bundle, 0755) < 0 ||
        mkdir(place->state, 0700) < 0 || mkdir(place->rootfs, 0755) < 0) {
        return err_sys(e, "making directories in %s", place->dir);
    }
    return 0;
}

int bench_peer_place_make(struct bench_peer_place *place, const char *program,
                          struct err *e)
{
    memset(place, 0, sizeof(*place));
    place->filter_fd = place->words_fd = -1;
    place->program = program;
    place->words_fd = memfd_create("words", MFD_CLOEXEC);
    if (place->words_fd < 0) {
        return err_sys(e, "a file for what peers say");
    }
    if (make_dirs(place, e) < 0 || make_root(place, e) < 0 ||
        write_config(place, e) < 0 ||
        compile_filter(&place->filter_fd, e) < 0) {
        bench_peer_place_remove(place);
        return -1;
    }
    return 0;
}

void bench_peer_place_remove(struct bench_peer_place *place)
{
    char path[320];

    if (place->filter_fd >= 0) {
        close(take_fd(&place->filter_fd));
    }
    if (place->words_fd >= 0) {
        close(take_fd(&place->words_fd));
    }
    if (!place->dir[0]) {
        return;
    }
    remove_root(place);
    (void)snprintf(path, sizeof(path), "%s/config.json", place->bundle);
    (void)unlink(path);
    (void)rmdir(place->bundle);
    (void)rmdir(place->state);
    (void)rmdir(place->dir);
    place->dir[0] = 0;
}
