#!/bin/busybox sh
# shellcheck shell=dash
# SPDX-License-Identifier: MIT
# init.sh - process 1 of the virtual machine of tests/vm/run.sh, while it has
# no file system but its initramfs: the host's root, read-only, with a layer
# of memory on top, becomes the root.
b=/bin/busybox
give_up() {
    $b echo "vm: cannot $1"
    $b poweroff -f
}

$b mkdir -p /proc /dev /host /layer /new
$b mount -t proc proc /proc
$b mount -t devtmpfs dev /dev
while read -r module; do
    $b insmod "/modules/$module" || give_up "load $module"
done </modules.list
$b mount -t 9p -o trans=virtio,version=9p2000.L,msize=512000,cache=loose,ro \
    host /host || give_up "mount the host's files"
$b mount -t tmpfs -o mode=755 layer /layer
$b mkdir -p /layer/upper /layer/work
$b mount -t overlay -o lowerdir=/host,upperdir=/layer/upper,workdir=/layer/work \
    root /new || give_up "mount a layer over them"
command=$($b cat /command)
$b umount /proc
$b umount /dev
eval "exec $b switch_root /new /bin/bash $command"
