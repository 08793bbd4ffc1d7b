/* SPDX-License-Identifier: MIT */
/* hoststat.c - see hoststat.h. Runs in the engine and in `forkyard check`, as
 * an ordinary user. Changes nothing. */
#include "sys/hoststat.h"

#include <dirent.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/fd.h"
#include "sys/procstat.h"

/* One process takes 5 us to read: a quarter of a millisecond each second at
 * most, whatever the host runs; one of 300 processes is through in six. */
#define PROCESSES_PER_READ 50

/* ---- texts ------------------------------------------------------------- */

/* "cpu  user nice system idle iowait irq softirq steal guest guest_nice";
 * guests are in user and nice already. Kernels before 2.6.11 have fewer. */
bool hoststat_parse_cpu(const char *text, struct hoststat_cpu *out)
{
    unsigned long long t[8] = {0};

    /* "cpu0 ..." would do for scanf: a space matches nothing as well. */
    if (strncmp(text, "cpu ", 4) != 0 ||
        sscanf(text, "cpu %llu %llu %llu %llu %llu %llu %llu %llu", &t[0],
               &t[1], &t[2], &t[3], &t[4], &t[5], &t[6], &t[7]) != 8) {
        return false;
    }
    out->busy_ticks = t[0] + t[1] + t[2] + t[5] + t[6] + t[7];
    out->all_ticks = out->busy_ticks + t[3] + t[4];
    return true;
}

/* "MemTotal:       24684544 kB" */
static bool find_kib(const char *text, const char *key, uint64_t *out_bytes)
{
    const char *at = strstr(text, key);
    unsigned long long kib = 0;

    if (!at || sscanf(at + strlen(key), " %llu kB", &kib) != 1) {
        return false;
    }
    *out_bytes = kib * 1024;
    return true;
}

bool hoststat_parse_memory(const char *text, struct snapshot_host *out)
{
    uint64_t total = 0;
    uint64_t available = 0;
    uint64_t swap = 0;
    uint64_t swap_free = 0;

    if (!find_kib(text, "MemTotal:", &total) || total == 0 ||
        !find_kib(text, "MemAvailable:", &available)) {
        return false;
    }
    out->memory_total_bytes = total;
    out->memory_used_bytes = available < total ? total - available : 0;
    if (find_kib(text, "SwapTotal:", &swap) &&
        find_kib(text, "SwapFree:", &swap_free) && swap_free <= swap) {
        out->swap_used_bytes = swap - swap_free;
    }
    return true;
}

bool hoststat_parse_load(const char *text, struct snapshot_host *out)
{
    double load[3];

    if (sscanf(text, "%lf %lf %lf", &load[0], &load[1], &load[2]) != 3) {
        return false;
    }
    out->load_1m = load[0];
    out->load_5m = load[1];
    out->load_15m = load[2];
    return true;
}

bool hoststat_parse_pressure(const char *text, double *out_percent)
{
    double percent;

    if (sscanf(text, "some avg10=%lf", &percent) != 1) {
        return false;
    }
    *out_percent = percent;
    return true;
}

/* ---- the host ---------------------------------------------------------- */

static bool read_text(const struct hoststat *h, const char *name, char *text,
                      size_t size)
{
    return h->proc_fd >= 0 && fd_read_small(h->proc_fd, name, text, size) > 0;
}

static double percent_of(double part, double whole)
{
    double percent = whole > 0 ? 100 * part / whole : 0;

    /* Two clocks that are not read at one moment may be a tick apart. */
    percent = percent < 0 ? 0 : percent > 100 ? 100 : percent;
    return (double)(int)(percent * 100 + 0.5) / 100; /* as PSI has it */
}

static void add_others(struct hoststat *h, double busy_ticks, double all_ticks,
                       struct snapshot_host *host)
{
    uint64_t own_us = 0;
    bool is_known = owncpu_read(&h->own, &own_us);

    if (is_known && h->has_own_before && all_ticks > 0) {
        double own_ticks =
            own_us > h->own_before_us
                ? (double)(own_us - h->own_before_us) / (double)h->tick_us
                : 0;
        host->cpu_others_percent =
            percent_of(busy_ticks - own_ticks, all_ticks);
    }
    h->has_own_before = is_known;
    h->own_before_us = own_us;
}

static void add_cpu(struct hoststat *h, struct snapshot_host *host)
{
    char text[512]; /* the first line is enough */
    struct hoststat_cpu now;
    double busy = 0;
    double all = 0;

    if (!read_text(h, "stat", text, sizeof(text)) ||
        !hoststat_parse_cpu(text, &now)) {
        return;
    }
    if (h->has_before && now.all_ticks > h->before.all_ticks) {
        all = (double)(now.all_ticks - h->before.all_ticks);
        busy = (double)now.busy_ticks - (double)h->before.busy_ticks;
        host->cpu_percent = percent_of(busy, all);
    }
    add_others(h, busy, all, host);
    h->has_before = true;
    h->before = now;
}

static void add_memory(const struct hoststat *h, struct snapshot_host *host)
{
    char text[4096];

    if (read_text(h, "meminfo", text, sizeof(text))) {
        (void)hoststat_parse_memory(text, host);
    }
}

static void add_load(const struct hoststat *h, struct snapshot_host *host)
{
    char text[128];

    if (read_text(h, "loadavg", text, sizeof(text))) {
        (void)hoststat_parse_load(text, host);
    }
}

static void add_pressure(const struct hoststat *h, struct snapshot_host *host)
{
    const struct {
        const char *name;
        double *percent;
    } rows[] = {
        {"pressure/cpu", &host->pressure_cpu_percent},
        {"pressure/memory", &host->pressure_memory_percent},
        {"pressure/io", &host->pressure_io_percent},
    };

    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        char text[256];

        if (read_text(h, rows[i].name, text, sizeof(text))) {
            (void)hoststat_parse_pressure(text, rows[i].percent);
        }
    }
}

/* As df counts: blocks that only root may have are no part of it. */
static void add_disk(const struct hoststat *h, struct snapshot_host *host)
{
    struct statvfs fs;

    if (!h->spec.disk_path[0] || statvfs(h->spec.disk_path, &fs) < 0 ||
        fs.f_blocks == 0) {
        return;
    }
    host->disk_used_bytes = (fs.f_blocks - fs.f_bfree) * fs.f_frsize;
    host->disk_total_bytes =
        host->disk_used_bytes + fs.f_bavail * (uint64_t)fs.f_frsize;
}

static void add_processes(struct hoststat *h, struct snapshot_host *host)
{
    /* The first answer is needed before the first job. */
    zombies_step(&h->zombies,
                 h->zombies.is_known ? PROCESSES_PER_READ : UINT_MAX);
    if (h->zombies.is_known) {
        host->processes = h->zombies.processes;
        host->zombies = h->zombies.zombies;
    }
}

/* ---- the worker's own -------------------------------------------------- */

/* Since Linux 6.2 the size of the directory is the answer. */
static uint64_t count_open_files(int proc_fd, pid_t pid)
{
    char path[32];
    struct stat st;
    uint64_t count = 0;

    (void)snprintf(path, sizeof(path), "%d/fd", (int)pid);
    if (fstatat(proc_fd, path, &st, 0) == 0 && st.st_size > 0) {
        return (uint64_t)st.st_size;
    }
    int fd = openat(proc_fd, path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    DIR *dir = fd >= 0 ? fdopendir(fd) : NULL;
    if (!dir) {
        return RECORD_NO_UINT; /* another user's */
    }
    for (const struct dirent *entry = readdir(dir); entry;
         entry = readdir(dir)) {
        count += entry->d_name[0] != '.';
    }
    (void)closedir(dir);
    return count;
}

static void add_daemon(const struct hoststat *h, pid_t pid,
                       struct snapshot_daemon *out)
{
    struct procstat stat;

    if (pid == 0 || !procstat_read(h->proc_fd, pid, &stat)) {
        return;
    }
    out->present = true;
    out->pid = (uint64_t)pid;
    out->cpu_us = stat.cpu_us;
    out->memory_rss_bytes = stat.rss_bytes;
    out->threads = stat.threads;
    out->open_files = count_open_files(h->proc_fd, pid);
}

/* ---- life -------------------------------------------------------------- */

void hoststat_open(struct hoststat *h, const struct hoststat_spec *spec)
{
    memset(h, 0, sizeof(*h));
    h->spec = *spec;
    h->tick_us = 1000000u / (uint64_t)sysconf(_SC_CLK_TCK);
    h->proc_fd = open(spec->proc_path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    owncpu_open(&h->own, h->proc_fd, spec->cgroup_version, spec->cgroup_path,
                spec->cgroup_parent);
    h->own.engine = spec->engine;
    h->own.launcher = spec->launcher;
    (void)!zombies_open(&h->zombies, spec->proc_path, NULL); /* absent, then */
}

void hoststat_read(struct hoststat *h, struct snapshot_host *host,
                   struct snapshot_process *process)
{
    long cpus = sysconf(_SC_NPROCESSORS_ONLN);

    snapshot_host_init(host);
    snapshot_process_init(process);
    host->sampled_unix_nano = process->sampled_unix_nano = clock_unix_ns();
    if (cpus > 0) {
        host->cpu_count = (uint64_t)cpus;
    }
    add_cpu(h, host);
    add_load(h, host);
    add_memory(h, host);
    add_disk(h, host);
    add_pressure(h, host);
    add_processes(h, host);
    add_daemon(h, h->spec.engine, &process->engine);
    add_daemon(h, h->spec.launcher, &process->launcher);
}

void hoststat_close(struct hoststat *h)
{
    zombies_close(&h->zombies);
    owncpu_close(&h->own);
    if (h->proc_fd >= 0) {
        close(take_fd(&h->proc_fd));
    }
}
