#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# run.sh [KIND...] - the tests of boxes under Debian's kernel with cgroup v2,
# in a virtual machine. T=WORD picks tests by name, as for make test.
#
# The machine has this one's file system, read-only, under a layer that is
# forgotten; so what was built here runs there. It is emulated (no KVM), some
# ten times slower, and needs 3 GB. Its kernel is fetched as a package and
# unpacked in the cache outside the tree; nothing is installed.
#
# Runs on a developer's machine, as anybody who may read the tree. Never
# writes outside the cache and build/vm.
set -euo pipefail
cd "$(dirname "$0")/../.."
cache=${FORKYARD_CACHE:-${XDG_CACHE_HOME:-${HOME:-/root}/.cache}/forkyard}
out=build/vm
time_limit_s=${VM_SECONDS:-2400}

# The kernel's package that Debian's newest stands for; its folder.
kernel() {
    local package folder
    package=$(apt-cache depends linux-image-amd64 |
        sed -n 's/.*Depends: \(linux-image-[^ ]*\).*/\1/p' | head -1)
    folder=$cache/kernel-${package:?no linux-image-amd64 in this release}
    if [ ! -d "$folder" ]; then
        echo "vm: fetching $package" >&2
        rm -rf "$out/package"
        mkdir -p "$cache" "$out/package"
        (cd "$out/package" && apt-get download -q "$package" >&2)
        dpkg-deb -x "$out/package/$package"*.deb "$out/package/files"
        mv "$out/package/files" "$folder"
        rm -rf "$out/package"
    fi
    echo "$folder"
}

# Modules with what they stand on, in the order they are loaded.
declare -A is_listed
modules() {
    local kernel=$1 name file needed
    shift
    for name in "$@"; do
        if [ -n "${is_listed[$name]:-}" ]; then
            continue
        fi
        is_listed[$name]=1
        file=$(find "$kernel/lib/modules" -name "${name//[-_]/[-_]}.ko" |
            head -1)
        if [ -z "$file" ]; then
            continue # built into the kernel
        fi
        needed=$(grep -aoP '\x00depends=\K[^\x00]*' "$file" | tr ',' ' ')
        # shellcheck disable=SC2086 # names
        modules "$kernel" $needed
        echo "$file"
    done
}

# What the kernel starts with: loads the modules, mounts, goes on in inside.sh.
initramfs() {
    local kernel=$1 tree=$out/initramfs
    shift
    rm -rf "$tree"
    mkdir -p "$tree/bin" "$tree/modules"
    cp "$(command -v busybox)" "$tree/bin/busybox"
    modules "$kernel" virtio_pci virtio_net 9pnet_virtio 9p overlay \
        >"$out/modules"
    while read -r file; do
        cp "$file" "$tree/modules/"
        basename "$file"
    done <"$out/modules" >"$tree/modules.list"
    install -m 755 tests/vm/init.sh "$tree/init"
    printf '%q ' "$PWD/tests/vm/inside.sh" "${T:-}" "$@" >"$tree/command"
    (cd "$tree" && find . | cpio --quiet -o -H newc) | gzip -1 >"$out/initrd"
}

boot() {
    local kernel=$1
    timeout "$time_limit_s" qemu-system-x86_64 \
        -accel tcg,thread=multi -cpu max -smp 2 -m 3072 \
        -netdev user,id=net,restrict=on -device virtio-net-pci,netdev=net,romfile= \
        -display none -monitor none -serial stdio -no-reboot \
        -kernel "$(echo "$kernel"/boot/vmlinuz-*)" -initrd "$out/initrd" \
        -append "console=ttyS0 quiet loglevel=2 panic=-1" \
        -virtfs "local,path=/,mount_tag=host,security_model=none,readonly=on,multidevs=remap" \
        </dev/null 2>&1 | stdbuf -oL tr -d '\r' | tee "$out/console" |
        sed -u -n '/^vm: /,$p' || true
}

mkdir -p "$out"
folder=$(kernel)
initramfs "$folder" "${@:-sys}"
boot "$folder"
# The machine says so as the last thing; silence is a failure.
grep -q '^vm: all passed$' "$out/console"
