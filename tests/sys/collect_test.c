/* SPDX-License-Identifier: MIT */
/* collect_test.c - what a job may leave behind, and what is brought back of
 * it: on a folder of our own, as an ordinary user. Boxes are in
 * executor_test.c. */
#include "sys/collect.h"

#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/un.h>
#include <sys/wait.h>

#include "base/base.h"
#include "base/fd.h"
#include "lib/unit.h"
#include "sys/proc.h"
#include "wire/collection.h"

#define ORDINARY_UID 12345
#define ROOM         (UINT64_C(1) << 20)
#define WIDE         700 /* more entries than one call of the kernel's gives */

static char base[256]; /* of the whole test */
static int base_fd = -1;
static int ws_fd = -1; /* the workspace of one case */
static bool has_device;
static struct buf bundle;
static struct buf sent;
static struct collection_reader r;
static struct collection_entry entry;
static struct collection_left left; /* of the last collection */

/* ---- set-up -------------------------------------------------------------- */

static int setup(void **state)
{
    static unsigned number;
    char name[32];

    (void)state;
    (void)snprintf(name, sizeof(name), "ws%u", ++number);
    assert_int_equal(mkdirat(base_fd, name, 0755), 0);
    ws_fd = openat(base_fd, name, O_PATH | O_DIRECTORY | O_CLOEXEC);
    assert_true(ws_fd >= 0);
    buf_init(&bundle, 1 << 20);
    buf_init(&sent, 64 << 20);
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    close(take_fd(&ws_fd));
    buf_done(&bundle);
    buf_done(&sent);
    return 0;
}

static void put_text(const char *path, const char *text)
{
    int fd = openat(ws_fd, path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0640);

    assert_true(fd >= 0);
    assert_int_equal(fd_write_all(fd, text, strlen(text), NULL), 0);
    close(fd);
}

static void put_size(const char *path, off_t size)
{
    int fd = openat(ws_fd, path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0640);

    assert_true(fd >= 0);
    assert_int_equal(ftruncate(fd, size), 0);
    close(fd);
}

static void put_dir(const char *path)
{
    assert_int_equal(mkdirat(ws_fd, path, 0755), 0);
}

static void put_link(const char *target, const char *path)
{
    assert_int_equal(symlinkat(target, ws_fd, path), 0);
}

static void put_socket(const char *path)
{
    struct sockaddr_un where = {.sun_family = AF_UNIX};
    AUTO_FD int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

    (void)snprintf(where.sun_path, sizeof(where.sun_path),
                   "/proc/self/fd/%d/%s", ws_fd, path);
    assert_true(fd >= 0);
    assert_int_equal(bind(fd, (struct sockaddr *)&where, sizeof(where)), 0);
}

/* ---- one collection ------------------------------------------------------ */

static void want(uint64_t room, uint64_t found_bytes, uint64_t max_found,
                 uint64_t fetches)
{
    const struct bundle_wanted wanted = {room, found_bytes, max_found,
                                         "artifacts", fetches};

    buf_clear(&bundle);
    assert_int_equal(bundle_wanted(&bundle, &wanted, NULL), 0);
}

static void want_file(const char *path, uint64_t max_bytes)
{
    assert_int_equal(bundle_fetch(&bundle, view_of(path), max_bytes, NULL), 0);
}

static struct bundle_reader wanted_reader(void)
{
    return (struct bundle_reader){.at = bundle.data,
                                  .end = bundle.data + bundle.len};
}

static pid_t collect_in_child(int pipe_fds[2])
{
    const struct bundle_reader wanted = wanted_reader();
    pid_t pid;

    assert_int_equal(fd_pipe(pipe_fds, NULL), 0);
    pid = proc_clone(0, -1, NULL);
    if (pid == 0) {
        const struct sigaction ignored = {.sa_handler = SIG_IGN};

        (void)sigaction(SIGPIPE, &ignored, NULL); /* as it is for a pid 1 */
        close(pipe_fds[0]);
        collect_run(ws_fd, &wanted, pipe_fds[1]);
        _exit(0);
    }
    close(pipe_fds[1]);
    return pid;
}

static void expect_good_end(pid_t pid)
{
    int status = -1;

    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_int_equal(status, 0);
}

static void collect(void)
{
    int pipe_fds[2];
    pid_t pid = collect_in_child(pipe_fds);
    uint8_t chunk[65536];
    ssize_t n;

    buf_clear(&sent);
    while ((n = read(pipe_fds[0], chunk, sizeof(chunk))) > 0) {
        assert_int_equal(buf_append(&sent, chunk, (size_t)n, NULL), 0);
    }
    close(pipe_fds[0]);
    expect_good_end(pid);
}

/* Collects all files below artifacts, which must be those of the list, in any
 * order; what is left out is in `left`. */
static void expect_found(uint64_t max_found, const char *const *names)
{
    size_t count = 0;
    size_t seen = 0;
    int status;

    while (names[count]) {
        count++;
    }
    collect();
    collection_open(&r, buf_view(&sent), 0, max_found);
    while ((status = collection_next(&r, &entry)) == 1) {
        size_t i = 0;

        while (names[i] && !view_is(entry.path, names[i])) {
            i++;
        }
        if (!names[i]) {
            fail_msg("found \"%.*s\"", VIEW_ARG(entry.path));
        }
        seen++;
    }
    assert_int_equal(status, 0);
    assert_int_equal(seen, count);
    left = r.left;
}

static const struct collection_entry *next(void)
{
    assert_int_equal(collection_next(&r, &entry), 1);
    return &entry;
}

/* One fetch, of this path. */
static const struct collection_entry *fetch(const char *path, uint64_t max)
{
    want(ROOM, 0, 0, 1);
    want_file(path, max);
    collect();
    collection_open(&r, buf_view(&sent), 1, 0);
    return next();
}

static void expect_fetch(const char *path, enum collection_state state)
{
    const struct collection_entry *got = fetch(path, ROOM);

    if (got->head.state != (uint32_t)state) {
        fail_msg("%s: state %u, errno %u", path, got->head.state,
                 got->head.sys);
    }
    assert_int_equal(got->content.len, 0);
    assert_int_equal(collection_next(&r, &entry), 0);
}

/* ---- what was named ------------------------------------------------------ */

static void a_file_comes_whole(void **state)
{
    const struct collection_entry *got;

    (void)state;
    put_dir("out");
    put_text("out/x", "content\n");
    got = fetch("out/x", ROOM);
    assert_int_equal(got->head.state, COLLECTION_WHOLE);
    assert_int_equal(got->head.mode, 0640);
    assert_int_equal(got->head.size_bytes, 8);
    assert_true(view_is(got->content, "content\n"));
    assert_int_equal(collection_next(&r, &entry), 0);
}

static void only_files_come(void **state)
{
    (void)state;
    put_dir("folder");
    put_text("folder/x", "x");
    put_link("folder/x", "link");
    put_link("folder", "way");
    put_link("/etc/passwd", "passwd");
    put_link("loop-b", "loop-a");
    put_link("loop-a", "loop-b");
    put_link("/proc/self/exe", "magic");
    put_socket("socket");
    assert_int_equal(mkfifoat(ws_fd, "fifo", 0600), 0);
    expect_fetch("absent", COLLECTION_MISSING);
    expect_fetch("folder/x/below", COLLECTION_MISSING);
    expect_fetch("folder", COLLECTION_NO_FILE);
    expect_fetch("link", COLLECTION_NO_FILE);
    expect_fetch("way/x", COLLECTION_NO_FILE);
    expect_fetch("passwd", COLLECTION_NO_FILE);
    expect_fetch("loop-a", COLLECTION_NO_FILE);
    expect_fetch("magic", COLLECTION_NO_FILE);
    /* Opening it would have been another error. */
    expect_fetch("socket", COLLECTION_NO_FILE);
    expect_fetch("fifo", COLLECTION_NO_FILE); /* and does not hang */
    /* No job can ask for this: the validation is not the only wall. */
    expect_fetch("../device", COLLECTION_NO_FILE);
    expect_fetch("/etc/passwd", COLLECTION_NO_FILE);
}

static void a_device_is_not_opened(void **state)
{
    (void)state;
    if (!has_device) {
        print_message("only root can make a device to look at\n");
        return;
    }
    assert_int_equal(linkat(base_fd, "device", ws_fd, "device", 0), 0);
    expect_fetch("device", COLLECTION_NO_FILE);
}

static void an_unreadable_file_is_told(void **state)
{
    const struct collection_entry *got;

    (void)state;
    put_text("x", "x");
    assert_int_equal(fchmodat(ws_fd, "x", 0, 0), 0);
    got = fetch("x", ROOM);
    assert_int_equal(got->head.state, COLLECTION_UNREADABLE);
    assert_int_equal(got->head.sys, EACCES);
}

static void a_file_is_cut_where_it_was_asked_for(void **state)
{
    const struct collection_entry *got;

    (void)state;
    put_text("x", "0123456789");
    got = fetch("x", 4);
    assert_int_equal(got->head.state, COLLECTION_CUT);
    assert_int_equal(got->head.size_bytes, 10);
    assert_true(view_is(got->content, "0123"));
    assert_int_equal(fetch("x", 10)->head.state, COLLECTION_WHOLE);
    assert_int_equal(fetch("x", 0)->content.len, 0);
}

/* Its size is what it says, whatever it takes on the disk. */
static void holes_count(void **state)
{
    const struct collection_entry *got;

    (void)state;
    put_size("sparse", (off_t)1 << 40);
    got = fetch("sparse", 3);
    assert_int_equal(got->head.size_bytes, UINT64_C(1) << 40);
    assert_int_equal(got->content.len, 3);
    assert_memory_equal(got->content.data, "\0\0\0", 3);
    got = fetch("sparse", UINT64_MAX);
    assert_int_equal(got->head.state, COLLECTION_NO_ROOM);
    assert_int_equal(got->content.len, 0);
}

static void files_share_the_room(void **state)
{
    (void)state;
    put_text("a", "0123456789");
    put_text("b", "0123456789");
    put_text("c", "0");
    want(15, 0, 0, 3);
    want_file("a", ROOM);
    want_file("b", ROOM);
    want_file("c", ROOM);
    collect();
    collection_open(&r, buf_view(&sent), 3, 0);
    assert_int_equal(next()->head.state, COLLECTION_WHOLE);
    assert_int_equal(next()->head.state, COLLECTION_NO_ROOM);
    assert_int_equal(entry.head.size_bytes, 10);
    assert_int_equal(next()->head.state, COLLECTION_WHOLE);
    assert_int_equal(collection_next(&r, &entry), 0);
}

/* More than a pipe holds, and many of them. */
static void large_files_come(void **state)
{
    enum { COUNT = 5, BYTES = 1000003 };
    AUTO_FREE char *text = malloc(BYTES + 1);
    char name[16];

    (void)state;
    memset(text, 'x', BYTES);
    text[BYTES] = 0;
    want(COUNT * BYTES, 0, 0, COUNT);
    for (int i = 0; i < COUNT; i++) {
        text[i * 1000] = (char)('0' + i);
        (void)snprintf(name, sizeof(name), "f%d", i);
        put_text(name, text);
        want_file(name, BYTES);
    }
    collect();
    collection_open(&r, buf_view(&sent), COUNT, 0);
    for (int i = 0; i < COUNT; i++) {
        assert_int_equal(next()->content.len, BYTES);
        assert_int_equal(entry.content.data[i * 1000], '0' + i);
        assert_int_equal(entry.content.data[BYTES - 1], 'x');
    }
    assert_int_equal(collection_next(&r, &entry), 0);
}

/* ---- what is found ------------------------------------------------------- */

static void a_folder_is_walked(void **state)
{
    static const char *const names[] = {"a",       "empty",  "d/b",
                                        "d/e/f/g", "z/same", NULL};

    (void)state;
    put_dir("artifacts");
    put_text("artifacts/a", "1");
    put_text("artifacts/empty", "");
    put_dir("artifacts/d");
    put_dir("artifacts/d/e");
    put_dir("artifacts/d/e/f");
    put_dir("artifacts/d/nothing");
    put_text("artifacts/d/b", "2");
    put_text("artifacts/d/e/f/g", "3");
    put_dir("artifacts/z");
    assert_int_equal(linkat(ws_fd, "artifacts/a", ws_fd, "artifacts/z/same", 0),
                     0);
    put_text("outside", "no");
    want(ROOM, ROOM, 10, 0);
    expect_found(10, names);
    for (size_t i = 0; i < COLLECTION_LEFT_COUNT; i++) {
        assert_int_equal(left.counts[i], 0);
    }
}

/* Left in the middle and come back to, over and over. */
static void a_wide_folder_is_walked(void **state)
{
    static char texts[2 * WIDE][32];
    static const char *names[2 * WIDE + 1];
    char path[64];

    (void)state;
    put_dir("artifacts");
    for (int i = 0; i < WIDE; i++) {
        (void)snprintf(texts[2 * i], sizeof(texts[0]), "folder-%d/f", i);
        (void)snprintf(texts[2 * i + 1], sizeof(texts[0]), "file-%d", i);
        names[2 * i] = texts[2 * i];
        names[2 * i + 1] = texts[2 * i + 1];
        (void)snprintf(path, sizeof(path), "artifacts/folder-%d", i);
        put_dir(path);
        (void)snprintf(path, sizeof(path), "artifacts/%.30s", texts[2 * i]);
        put_text(path, "x");
        (void)snprintf(path, sizeof(path), "artifacts/%.30s", texts[2 * i + 1]);
        put_text(path, "x");
    }
    want(ROOM, ROOM, 2 * WIDE, 0);
    expect_found(2 * WIDE, names);
    assert_int_equal(left.counts[COLLECTION_LEFT_MANY], 0);
}

static void odd_things_are_counted(void **state)
{
    static const char *const names[] = {"file", NULL};

    (void)state;
    put_dir("artifacts");
    put_text("artifacts/file", "x");
    put_link("file", "artifacts/link");
    put_link("/etc", "artifacts/etc");
    put_link(".", "artifacts/loop");
    assert_int_equal(mkfifoat(ws_fd, "artifacts/fifo", 0600), 0);
    put_socket("artifacts/socket");
    put_text("artifacts/closed", "x");
    assert_int_equal(fchmodat(ws_fd, "artifacts/closed", 0, 0), 0);
    put_dir("artifacts/dark");
    put_text("artifacts/dark/x", "x");
    assert_int_equal(fchmodat(ws_fd, "artifacts/dark", 0, 0), 0);
    want(ROOM, ROOM, 10, 0);
    expect_found(10, names);
    assert_int_equal(left.counts[COLLECTION_LEFT_LINK], 3);
    assert_int_equal(left.counts[COLLECTION_LEFT_SPECIAL], 2);
    assert_int_equal(left.counts[COLLECTION_LEFT_UNREADABLE], 2);
    assert_int_equal(fchmodat(ws_fd, "artifacts/dark", 0700, 0), 0);
}

static void names_may_be_anything(void **state)
{
    static const char *const names[] = {"new\nline", "\xff\xfe not utf-8",
                                        "-rf *", "tab\there", NULL};
    char path[64];

    (void)state;
    put_dir("artifacts");
    for (size_t i = 0; names[i]; i++) {
        (void)snprintf(path, sizeof(path), "artifacts/%.40s", names[i]);
        put_text(path, "x");
    }
    want(ROOM, ROOM, 10, 0);
    expect_found(10, names);
}

static void there_are_no_more_than_wanted(void **state)
{
    int count = 0;

    (void)state;
    put_dir("artifacts");
    put_text("artifacts/a", "x");
    put_text("artifacts/b", "x");
    put_text("artifacts/c", "x");
    want(ROOM, ROOM, 2, 0);
    collect();
    collection_open(&r, buf_view(&sent), 0, 2);
    while (collection_next(&r, &entry) == 1) {
        count++;
    }
    assert_int_equal(count, 2);
    assert_int_equal(r.left.counts[COLLECTION_LEFT_MANY], 1);
}

/* Named, each of them; with content, as many as there is room for. */
static void contents_have_a_sum(void **state)
{
    uint64_t bytes = 0;
    int count = 0;

    (void)state;
    put_dir("artifacts");
    put_text("artifacts/a", "0123456789");
    put_text("artifacts/b", "0123456789");
    put_size("artifacts/huge", (off_t)1 << 40);
    want(ROOM, 15, 10, 0);
    collect();
    collection_open(&r, buf_view(&sent), 0, 10);
    while (collection_next(&r, &entry) == 1) {
        count++;
        bytes += entry.content.len;
    }
    assert_int_equal(count, 3);
    assert_int_equal(bytes, 10);
    /* Names and contents together have one, too. */
    want(sizeof(struct collection_head) + 6, ROOM, 10, 0);
    collect();
    collection_open(&r, buf_view(&sent), 0, 10);
    for (count = 0; collection_next(&r, &entry) == 1; count++) {
        assert_int_equal(entry.content.len, 0);
    }
    assert_int_equal(count, 1);
    assert_int_equal(r.left.counts[COLLECTION_LEFT_MANY], 2);
}

static void deep_folders_end_somewhere(void **state)
{
    static const char *const names[] = {NULL};
    char path[4 * (COLLECT_DEPTH_MAX + 10)] = "artifacts";
    size_t len = strlen(path);

    (void)state;
    put_dir(path);
    for (int i = 1; i < COLLECT_DEPTH_MAX + 5; i++) {
        memcpy(path + len, "/d", 3);
        len += 2;
        put_dir(path);
    }
    memcpy(path + len, "/x", 3);
    put_text(path, "x");
    want(ROOM, ROOM, 10, 0);
    expect_found(10, names);
    assert_int_equal(left.counts[COLLECTION_LEFT_DEEP], 1);
}

/* Made where no single path could reach. */
static void long_paths_are_left(void **state)
{
    static const char *const names[] = {"x", NULL};
    char name[256] = "";
    int fd;

    (void)state;
    put_dir("artifacts");
    put_text("artifacts/x", "x");
    memset(name, 'n', sizeof(name) - 1);
    fd = openat(ws_fd, "artifacts", O_PATH | O_DIRECTORY | O_CLOEXEC);
    for (int i = 0; i < 20; i++) {
        int below;

        assert_int_equal(mkdirat(fd, name, 0755), 0);
        below = openat(fd, name, O_PATH | O_DIRECTORY | O_CLOEXEC);
        assert_true(below >= 0);
        close(fd);
        fd = below;
    }
    close(fd);
    want(ROOM, ROOM, 10, 0);
    expect_found(10, names);
    assert_int_equal(left.counts[COLLECTION_LEFT_LONG], 1);
}

static void the_folder_may_be_something_else(void **state)
{
    static const char *const none[] = {NULL};

    (void)state;
    want(ROOM, ROOM, 10, 0);
    expect_found(10, none);
    assert_int_equal(left.counts[COLLECTION_LEFT_NO_FOLDER], 0);
    put_link("/etc", "artifacts");
    expect_found(10, none);
    assert_int_equal(left.counts[COLLECTION_LEFT_NO_FOLDER], 1);
    assert_int_equal(unlinkat(ws_fd, "artifacts", 0), 0);
    put_text("artifacts", "a file");
    expect_found(10, none);
    assert_int_equal(left.counts[COLLECTION_LEFT_NO_FOLDER], 1);
}

/* ---- whether there is anything to do ------------------------------------- */

static bool is_due(void)
{
    const struct bundle_reader wanted = wanted_reader();

    return collect_is_due(ws_fd, &wanted);
}

static void nothing_is_due_without_a_folder(void **state)
{
    (void)state;
    buf_clear(&bundle);
    assert_false(is_due()); /* a bundle without the section */
    want(ROOM, ROOM, 10, 0);
    assert_false(is_due());
    want(ROOM, ROOM, 0, 1);
    want_file("x", 1);
    assert_true(is_due());
    put_link("/etc", "artifacts");
    want(ROOM, ROOM, 10, 0);
    assert_true(is_due()); /* to be told of */
    assert_int_equal(unlinkat(ws_fd, "artifacts", 0), 0);
    put_dir("artifacts");
    assert_true(is_due());
    want(ROOM, ROOM, 0, 0);
    assert_false(is_due());
}

static void stops_when_nobody_reads(void **state)
{
    int pipe_fds[2];
    pid_t pid;

    (void)state;
    put_size("large", 10 << 20);
    want(UINT64_C(1) << 30, 0, 0, 1);
    want_file("large", UINT64_MAX);
    pid = collect_in_child(pipe_fds);
    close(pipe_fds[0]);
    expect_good_end(pid);
}

/* ---- all of it ----------------------------------------------------------- */

/* Root can read everything: somebody else runs the cases. */
static int become_ordinary(void)
{
    if (geteuid() != 0) {
        return 0;
    }
    has_device = mknodat(base_fd, "device", S_IFCHR | 0666, makedev(1, 5)) == 0;
    if (chown(base, ORDINARY_UID, ORDINARY_UID) < 0 ||
        fchownat(base_fd, has_device ? "device" : ".", ORDINARY_UID,
                 ORDINARY_UID, 0) < 0) {
        return -1;
    }
    return setgroups(0, NULL) < 0 ||
                   setresgid(ORDINARY_UID, ORDINARY_UID, ORDINARY_UID) < 0 ||
                   setresuid(ORDINARY_UID, ORDINARY_UID, ORDINARY_UID) < 0
               ? -1
               : 0;
}

static int open_base(void **state)
{
    const char *tmp = getenv("TMPDIR");

    (void)state;
    (void)snprintf(base, sizeof(base), "%s/collect-XXXXXX", tmp ? tmp : "/tmp");
    if (!mkdtemp(base)) {
        return -1;
    }
    base_fd = open(base, O_PATH | O_DIRECTORY | O_CLOEXEC);
    return base_fd < 0 || become_ordinary() < 0 ? -1 : 0;
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(a_file_comes_whole),
        TEST(only_files_come),
        TEST(a_device_is_not_opened),
        TEST(an_unreadable_file_is_told),
        TEST(a_file_is_cut_where_it_was_asked_for),
        TEST(holes_count),
        TEST(files_share_the_room),
        TEST(large_files_come),
        TEST(a_folder_is_walked),
        TEST(a_wide_folder_is_walked),
        TEST(odd_things_are_counted),
        TEST(names_may_be_anything),
        TEST(there_are_no_more_than_wanted),
        TEST(contents_have_a_sum),
        TEST(deep_folders_end_somewhere),
        TEST(long_paths_are_left),
        TEST(the_folder_may_be_something_else),
        TEST(nothing_is_due_without_a_folder),
        TEST(stops_when_nobody_reads),
    };

    return cmocka_run_group_tests_name("collect", tests, open_base, NULL);
}
