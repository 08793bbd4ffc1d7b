/* SPDX-License-Identifier: MIT */
/* bench_peer_list.c - the sandboxes that `forkyard bench` knows, as data.
 *
 * All are given the same root (/usr read-only), new namespaces, no
 * capability, no network, and our system call list where they take one. What
 * one cannot do is left out and said. */
#include "bin/bench_peers.h"

static const char bwrap[] =
    "bwrap --unshare-all --unshare-user --uid 65534 --gid 65534 "
    "--hostname box --die-with-parent --new-session --clearenv "
    "--cap-drop ALL --ro-bind /usr /usr --symlink usr/bin /bin "
    "--symlink usr/lib /lib --symlink usr/lib64 /lib64 "
    "--proc /proc --dev /dev --tmpfs /tmp --remount-ro / "
    "--chdir /tmp --seccomp " BENCH_PEERS_FILTER " -- @program";

static const char minijail[] =
    "minijail0 -T static -n -c 0 --ambient -u nobody -g nogroup -l -e "
    "-I -N --uts=box -v -P @rootfs -b /usr,/usr -t16M -r "
    "-k tmpfs,/dev,tmpfs,0xe -k proc,/proc,proc,0xf "
    "-R 1,16777216,16777216 -R 7,64,64 "
    "--seccomp-bpf-binary=/proc/self/fd/" BENCH_PEERS_FILTER " -- @program";

static const char nsjail[] =
    "nsjail -Mo -Q --chroot @rootfs --hostname box --cwd /tmp -R /usr "
    "-T /tmp -m none:/dev:tmpfs:size=65536,mode=755 -R /dev/null "
    "-R /dev/zero -R /dev/urandom -t 10 --rlimit_as 1024 "
    "--rlimit_cpu 10 --rlimit_fsize 16 --rlimit_nofile 64 "
    "--rlimit_nproc 64 --iface_no_lo --user 65534:60000:1 "
    "--group 65534:60000:1 -- @program";

/* A fresh box for each run, as we make one. */
static const char isolate[] =
    "isolate -b 0 --init ; "
    "isolate -b 0 --run -s --processes=64 --time=10 --wall-time=20 "
    "--mem=1048576 --open-files=64 --fsize=16384 -- @program ; "
    "isolate -b 0 --cleanup";

static const char firejail[] =
    "firejail --quiet --noprofile --net=none --private --private-dev "
    "--private-tmp --private-etc=passwd,group,ld.so.cache "
    "--read-only=/ --seccomp --caps.drop=all --nonewprivs --noroot "
    "--nogroups --ipc-namespace --hostname=box --disable-mnt "
    "--machine-id --rlimit-nofile=64 --rlimit-fsize=16777216 "
    "--rlimit-cpu=10 --rlimit-nproc=64 -- @program";

static const char crun[] =
    "crun --root @state --cgroup-manager=cgroupfs run -b @bundle @id";

static const char runc[] = "runc --root @state run -b @bundle @id";

static const char runsc[] =
    "runsc --root @state --platform=ptrace --network=none "
    "--ignore-cgroups run -bundle @bundle @id";

const struct bench_peer bench_peers[] = {
    {"bwrap", "peer_bwrap_us", "peer_bwrap_cpu_us",
     "namespaces, our system call list; no limits, no cgroup", bwrap},
    {"minijail0", "peer_minijail_us", "peer_minijail_cpu_us",
     "namespaces but the user's, our system call list, limits; no cgroup",
     minijail},
    {"nsjail", "peer_nsjail_us", "peer_nsjail_cpu_us",
     "namespaces, limits; no system call list, no cgroup", nsjail},
    {"isolate", "peer_isolate_us", "peer_isolate_cpu_us",
     "namespaces but user's and uts, limits; init, run and cleanup", isolate},
    {"crun", "peer_crun_us", "peer_crun_cpu_us",
     "namespaces but the user's, our system call list, limits, cgroup", crun},
    {"runc", "peer_runc_us", "peer_runc_cpu_us",
     "namespaces but the user's, our system call list, limits, cgroup", runc},
    {"runsc", "peer_runsc_us", "peer_runsc_cpu_us",
     "a kernel of its own (ptrace); no cgroup", runsc},
    {"firejail", "peer_firejail_us", "peer_firejail_cpu_us",
     "namespaces but the user's, its own deny list, limits; no cgroup",
     firejail},
};
const size_t bench_peers_count = ARRAY_LEN(bench_peers);
