/* SPDX-License-Identifier: MIT */
/* collect.c - see collect.h.
 *
 * The walk holds one folder open at a time, whatever the depth: before it goes
 * down it notes where it was, and on the way back it opens the folder again by
 * its path. Nothing changes meanwhile. So neither the descriptors nor the stack
 * that the job's limits leave us bound what can be collected.
 *
 * Contents go from the box's tmpfs into the pipe with sendfile, by reference:
 * a box at its memory limit has no page to spare for a copy. */
#include "sys/collect.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/openat2.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/sendfile.h>
#include <sys/stat.h>
#include <sys/syscall.h>

#include "base/fd.h"
#include "wire/collection.h"

#define ENTRIES_BYTES 8192

/* As the kernel writes it: libc's struct has another size for the name. */
struct entry {
    uint64_t inode;
    int64_t next; /* where the folder goes on after this one */
    uint16_t len;
    uint8_t type;
    char name[];
};

struct level {
    int64_t next;
    size_t path_len;
};

struct collect {
    int workspace_fd;
    int out_fd;
    bool is_broken; /* nobody reads, or a file is not what it was */
    struct bundle_wanted wanted;
    uint64_t room_bytes;  /* left, for names and contents of both kinds */
    uint64_t found_bytes; /* left, for contents of what is found */
    uint64_t found_count; /* left */
    uint64_t seen;
    struct collection_left left;
    int dir_fd; /* the folder that is being read */
    size_t depth;
    struct level levels[COLLECT_DEPTH_MAX];
    size_t path_len;
    char path[PATH_MAX]; /* of the folder, then of the entry */
    size_t entries_len;
    size_t entries_at;
    char entries[ENTRIES_BYTES] __attribute__((aligned(8)));
};

/* ---- opening and sending ------------------------------------------------- */

static int open_below(const struct collect *c, const char *path, uint64_t flags)
{
    struct open_how how = {
        .flags = flags | O_NOFOLLOW | O_CLOEXEC,
        .resolve = RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS |
                   RESOLVE_NO_MAGICLINKS | RESOLVE_NO_XDEV,
    };

    return (int)syscall(SYS_openat2, c->workspace_fd, path, &how, sizeof(how));
}

static void send_bytes(struct collect *c, const void *data, size_t len)
{
    if (!c->is_broken && fd_write_all(c->out_fd, data, len, NULL) < 0) {
        c->is_broken = true;
    }
}

static void send_content(struct collect *c, int fd, uint64_t len)
{
    while (!c->is_broken && len > 0) {
        ssize_t n = sendfile(c->out_fd, fd, NULL, len);

        if (n > 0) {
            len -= (uint64_t)n;
        } else if (n == 0 || errno != EINTR) {
            c->is_broken = true; /* its head has promised more */
        }
    }
}

static void send_entry(struct collect *c, struct collection_head *head,
                       const char *path, int fd)
{
    head->path_len = (uint32_t)strlen(path);
    send_bytes(c, head, sizeof(*head));
    send_bytes(c, path, head->path_len);
    send_content(c, fd, head->content_len);
}

static enum collection_state state_of_errno(int number)
{
    switch (number) {
    case ENOENT:
    case ENOTDIR:
    case ENAMETOOLONG:
        return COLLECTION_MISSING;
    case ELOOP: /* a link on the way */
    case EXDEV: /* it would have led out */
        return COLLECTION_NO_FILE;
    default:
        return COLLECTION_UNREADABLE;
    }
}

/* Looks first, without opening: devices and fifos are never opened. */
static int look_at_file(const struct collect *c, const char *path,
                        struct stat *st)
{
    AUTO_FD int fd = open_below(c, path, O_PATH);

    return fd < 0 ? -1 : fstat(fd, st);
}

/* Opens a regular file and says so in the head; anything else, too. */
static int open_file(const struct collect *c, const char *path,
                     struct collection_head *head)
{
    struct stat st = {.st_mode = 0};
    int fd = -1;

    if (look_at_file(c, path, &st) == 0 && !S_ISREG(st.st_mode)) {
        head->state = COLLECTION_NO_FILE;
        return -1;
    }
    if (st.st_mode != 0) {
        /* Non-blocking all the same: nothing may hold us here. */
        fd = open_below(c, path, O_RDONLY | O_NONBLOCK | O_NOCTTY);
    }
    if (fd < 0) {
        head->state = (uint32_t)state_of_errno(errno);
        head->sys = (uint32_t)errno;
        return -1;
    }
    head->state = COLLECTION_WHOLE;
    head->mode = st.st_mode & 0777;
    head->size_bytes = (uint64_t)st.st_size;
    head->content_len = head->size_bytes;
    return fd;
}

static void leave_out_content(struct collection_head *head)
{
    head->state = COLLECTION_NO_ROOM;
    head->content_len = 0;
}

/* ---- what was named ------------------------------------------------------ */

static void send_fetch(struct collect *c, uint64_t index,
                       const struct bundle_fetch *fetch)
{
    struct collection_head head;

    collection_head_init(&head, COLLECTION_FETCH);
    head.index = index;
    AUTO_FD int fd = open_file(c, fetch->path, &head);
    if (fd >= 0 && head.content_len > fetch->max_bytes) {
        head.state = COLLECTION_CUT;
        head.content_len = fetch->max_bytes;
    }
    if (head.content_len > c->room_bytes) {
        leave_out_content(&head);
    }
    c->room_bytes -= head.content_len;
    send_entry(c, &head, "", fd);
}

/* ---- what is found ------------------------------------------------------- */

static void leave(struct collect *c, enum collection_left_kind kind)
{
    c->left.counts[kind]++;
}

/* The name that the other end sees is relative to the folder. */
static const char *path_from_folder(const struct collect *c)
{
    return c->path + c->levels[0].path_len + 1;
}

static void send_found(struct collect *c)
{
    const char *name = path_from_folder(c);
    uint64_t named_bytes = sizeof(struct collection_head) + strlen(name);
    struct collection_head head;

    if (c->found_count == 0 || named_bytes > c->room_bytes) {
        leave(c, COLLECTION_LEFT_MANY);
        return;
    }
    collection_head_init(&head, COLLECTION_FOUND);
    AUTO_FD int fd = open_file(c, c->path, &head);
    if (fd < 0) {
        leave(c, head.state == COLLECTION_NO_FILE ? COLLECTION_LEFT_SPECIAL
                                                  : COLLECTION_LEFT_UNREADABLE);
        return;
    }
    c->found_count--;
    c->room_bytes -= named_bytes;
    if (head.content_len > c->found_bytes || head.content_len > c->room_bytes) {
        leave_out_content(&head);
    }
    c->found_bytes -= head.content_len;
    c->room_bytes -= head.content_len;
    send_entry(c, &head, name, fd);
}

static void close_dir(struct collect *c)
{
    if (c->dir_fd >= 0) {
        close(take_fd(&c->dir_fd));
    }
    c->entries_len = c->entries_at = 0;
}

/* The folder at path, from where it was left. */
static int open_dir(struct collect *c, int64_t from)
{
    close_dir(c);
    c->dir_fd = open_below(c, c->path, O_RDONLY | O_DIRECTORY);
    if (c->dir_fd >= 0 && from > 0 && lseek(c->dir_fd, from, SEEK_SET) < 0) {
        close_dir(c);
    }
    return c->dir_fd;
}

static void go_up(struct collect *c)
{
    while (c->depth > 0) {
        c->depth--;
        c->path_len = c->levels[c->depth].path_len;
        c->path[c->path_len] = 0;
        if (open_dir(c, c->levels[c->depth].next) >= 0) {
            return;
        }
        leave(c, COLLECTION_LEFT_UNREADABLE);
    }
    close_dir(c);
}

static void go_down(struct collect *c, size_t path_len, int64_t next)
{
    if (c->depth + 1 >= COLLECT_DEPTH_MAX) {
        leave(c, COLLECTION_LEFT_DEEP);
        return;
    }
    c->levels[c->depth].next = next;
    c->depth++;
    c->levels[c->depth].path_len = c->path_len = path_len;
    if (open_dir(c, 0) < 0) {
        leave(c, COLLECTION_LEFT_UNREADABLE);
        go_up(c);
    }
}

static void look_at(struct collect *c, const struct entry *entry)
{
    size_t name_len = strlen(entry->name);
    size_t len = c->path_len + 1 + name_len;

    c->seen++;
    if (len > COLLECTION_PATH_MAX) {
        leave(c, COLLECTION_LEFT_LONG);
        return;
    }
    c->path[c->path_len] = '/';
    memcpy(c->path + c->path_len + 1, entry->name, name_len + 1);
    switch (entry->type) {
    case DT_REG:
        send_found(c);
        break;
    case DT_DIR:
        go_down(c, len, entry->next);
        break;
    case DT_LNK:
        leave(c, COLLECTION_LEFT_LINK);
        break;
    default:
        leave(c, COLLECTION_LEFT_SPECIAL);
        break;
    }
}

static bool is_dots(const char *name)
{
    return strcmp(name, ".") == 0 || strcmp(name, "..") == 0;
}

/* NULL at the end of the folder. */
static const struct entry *next_entry(struct collect *c)
{
    if (c->entries_at >= c->entries_len) {
        long n =
            syscall(SYS_getdents64, c->dir_fd, c->entries, sizeof(c->entries));

        c->entries_at = 0;
        c->entries_len = n > 0 ? (size_t)n : 0;
        if (n < 0) {
            leave(c, COLLECTION_LEFT_UNREADABLE);
        }
        if (n <= 0) {
            return NULL;
        }
    }
    const struct entry *entry = (const void *)(c->entries + c->entries_at);
    c->entries_at += entry->len;
    return entry;
}

static void leave_folder(struct collect *c, int number)
{
    if (number == ELOOP || number == ENOTDIR) {
        leave(c, COLLECTION_LEFT_NO_FOLDER);
    } else if (number != ENOENT) {
        leave(c, COLLECTION_LEFT_UNREADABLE);
    }
}

static void walk(struct collect *c)
{
    size_t len = strlen(c->wanted.folder);

    if (len > COLLECTION_PATH_MAX) {
        return;
    }
    memcpy(c->path, c->wanted.folder, len + 1);
    c->path_len = c->levels[0].path_len = len;
    if (open_dir(c, 0) < 0) {
        leave_folder(c, errno);
    }
    while (c->dir_fd >= 0 && !c->is_broken) {
        const struct entry *entry = next_entry(c);

        if (!entry) {
            go_up(c);
        } else if (c->seen >= COLLECT_SEEN_MAX) {
            leave(c, COLLECTION_LEFT_UNSEEN);
            break;
        } else if (!is_dots(entry->name)) {
            look_at(c, entry);
        }
    }
    close_dir(c);
}

/* ---- both ---------------------------------------------------------------- */

bool collect_is_due(int workspace_fd, const struct bundle_reader *wanted)
{
    const struct collect at = {.workspace_fd = workspace_fd};
    struct bundle_reader reader = *wanted;
    struct bundle_wanted want;

    if (bundle_next_wanted(&reader, &want) < 0) {
        return false;
    }
    if (want.fetch_count > 0) {
        return true;
    }
    if (want.max_found == 0) {
        return false;
    }
    AUTO_FD int fd = open_below(&at, want.folder, O_PATH | O_DIRECTORY);
    return fd >= 0 || errno != ENOENT;
}

static void send_end(struct collect *c)
{
    struct collection_head head;

    collection_head_init(&head, COLLECTION_END);
    head.content_len = sizeof(c->left);
    send_bytes(c, &head, sizeof(head));
    send_bytes(c, &c->left, sizeof(c->left));
}

void collect_run(int workspace_fd, const struct bundle_reader *wanted,
                 int out_fd)
{
    struct bundle_reader reader = *wanted;
    struct bundle_fetch fetch;
    struct collect *c = mmap(NULL, sizeof(*c), PROT_READ | PROT_WRITE,
                             MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

    if (c == MAP_FAILED || bundle_next_wanted(&reader, &c->wanted) < 0) {
        return;
    }
    c->workspace_fd = workspace_fd;
    c->out_fd = out_fd;
    c->dir_fd = -1;
    c->room_bytes = c->wanted.room_bytes;
    c->found_bytes = c->wanted.found_bytes;
    c->found_count = c->wanted.max_found;
    for (uint64_t i = 0; i < c->wanted.fetch_count; i++) {
        if (bundle_next_fetch(&reader, &fetch) < 0) {
            c->is_broken = true;
            break;
        }
        send_fetch(c, i, &fetch);
    }
    if (c->wanted.max_found > 0) {
        walk(c);
    }
    send_end(c);
    (void)munmap(c, sizeof(*c));
}
