/* SPDX-License-Identifier: MIT */
/* dev_dir.c - a directory that is removed, if need be by the next: see
 * dev_dir.h.
 *
 * Runs in `forkyard dev`. Touches nothing that belongs to another user. */
#include "bin/dev_dir.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

/* The dot: directories of versions that took no lock had none. */
#define PREFIX    "forkyard-dev."
#define NFTW_FDS  16
#define TRIES_MAX 10

static const char *parent_dir(void)
{
    const char *tmp = getenv("TMPDIR");

    return tmp && tmp[0] ? tmp : "/tmp";
}

static int remove_entry(const char *path, const struct stat *info, int type,
                        struct FTW *walk)
{
    (void)info;
    (void)type;
    (void)walk;
    return remove(path);
}

static void remove_tree(const char *path)
{
    (void)nftw(path, remove_entry, NFTW_FDS, FTW_DEPTH | FTW_PHYS);
}

/* Ours, and its dev is dead: the lock is then ours too, in *out_fd, so that
 * nobody else takes what we are about to remove. */
static bool is_left(const char *path, int *out_fd)
{
    struct stat info;
    int fd = open(path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);

    if (fd < 0) {
        return false;
    }
    if (fstat(fd, &info) < 0 || info.st_uid != geteuid() ||
        flock(fd, LOCK_EX | LOCK_NB) < 0) {
        (void)close(fd);
        return false;
    }
    *out_fd = fd;
    return true;
}

static void remove_left(void)
{
    DIR *dir = opendir(parent_dir());
    struct dirent *entry;

    while (dir && (entry = readdir(dir))) {
        char path[sizeof(((struct dev_dir *)NULL)->path)];
        int len =
            snprintf(path, sizeof(path), "%s/%s", parent_dir(), entry->d_name);
        AUTO_FD int fd = -1;

        if (strncmp(entry->d_name, PREFIX, strlen(PREFIX)) == 0 &&
            (size_t)len < sizeof(path) && is_left(path, &fd)) {
            remove_tree(path);
        }
    }
    if (dir) {
        (void)closedir(dir);
    }
}

/* 1: made and locked; 0: another dev, starting now, took it for one that was
 * left, between our two steps. */
static int try_make(struct dev_dir *dir, struct err *e)
{
    struct stat info;

    (void)snprintf(dir->path, sizeof(dir->path), "%s/%sXXXXXX", parent_dir(),
                   PREFIX);
    if (!mkdtemp(dir->path)) {
        (void)err_sys(e, "private directory %s", dir->path);
        dir->path[0] = '\0';
        return -1;
    }
    dir->lock_fd = open(dir->path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (dir->lock_fd < 0) {
        return errno == ENOENT ? 0 : err_sys(e, "%s", dir->path);
    }
    if (flock(dir->lock_fd, LOCK_EX) < 0) {
        return err_sys(e, "lock of %s", dir->path);
    }
    if (fstat(dir->lock_fd, &info) == 0 && info.st_nlink > 0) {
        return 1;
    }
    (void)close(dir->lock_fd);
    dir->lock_fd = -1;
    return 0;
}

int dev_dir_make(struct dev_dir *dir, struct err *e)
{
    *dir = (struct dev_dir){.lock_fd = -1};
    remove_left();
    for (int i = 0; i < TRIES_MAX; i++) {
        int made = try_make(dir, e);

        if (made != 0) {
            return made < 0 ? -1 : 0;
        }
    }
    dir->path[0] = '\0';
    return err_set(e, ERR_RETRY, "private directory: others keep removing it");
}

void dev_dir_remove(struct dev_dir *dir)
{
    if (dir->path[0]) {
        remove_tree(dir->path);
        dir->path[0] = '\0';
    }
    if (dir->lock_fd >= 0) {
        (void)close(dir->lock_fd);
        dir->lock_fd = -1;
    }
}
