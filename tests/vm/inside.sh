#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# inside.sh WORD KIND... - process 1 of the virtual machine from where there
# are programs: makes what an init makes, cgroups as systemd would lay them
# out, runs the tests, says how they ended, and turns the machine off.
set -u
cd "$(dirname "$0")/../.." || exit
export PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin
export HOME=/root LANG=C.UTF-8 T=$1
shift
# An emulated processor.
slower=10

file_systems() {
    mount -t proc proc /proc
    mount -t sysfs sys /sys
    mount -t devtmpfs dev /dev
    mkdir -p /dev/pts /dev/shm /dev/mqueue
    mount -t devpts pts /dev/pts
    mount -t tmpfs shm /dev/shm
    mount -t mqueue mqueue /dev/mqueue
    mount -t tmpfs tmp /tmp
    mount -t tmpfs run /run
}

cgroups() {
    local controller root=/sys/fs/cgroup
    mount -t cgroup2 -o nsdelegate cgroup $root
    mkdir $root/init.scope
    echo $$ >$root/init.scope/cgroup.procs
    for controller in memory pids cpu io; do
        echo +$controller >$root/cgroup.subtree_control
    done
}

# An interface outside of the boxes, which they must not see; it leads nowhere.
network() {
    busybox ip link set lo up
    busybox ip link set eth0 up
    busybox ip addr add 10.0.2.15/24 dev eth0
    busybox ip route add default via 10.0.2.2
}

tests() {
    echo "vm: Linux $(uname -r), cgroup v2 with" \
        "$(cat /sys/fs/cgroup/cgroup.subtree_control)"
    build/forkyard check | sed -n '/^Host/,/^$/p'
    /usr/bin/python3 tests/run.py --slower "$slower" "$@"
}

file_systems
cgroups
network
if tests "$@"; then
    echo "vm: all passed"
else
    echo "vm: some failed"
fi
echo o >/proc/sysrq-trigger
sleep 60
