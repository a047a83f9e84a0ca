#!/bin/busybox sh
# SPDX-License-Identifier: GPL-2.0-only
# The inside of tools/qemu-run: process 1 of its guest, twice. First from the initramfs, where it
# mounts the host's root under an overlay; then from there, where it runs the command.

die() {
	echo "qemu-run: $*" >/dev/console
	/bin/busybox poweroff -f
}

first_stage() {
	/bin/busybox --install -s /bin
	mount -t proc proc /proc
	mount -t sysfs sysfs /sys
	mount -t devtmpfs dev /dev
	for module in /modules/*; do
		insmod "$module" || die "insmod $module failed"
	done
	options=trans=virtio,version=9p2000.L,msize=512000
	mount -t 9p -o "$options,ro,cache=loose" root /lower || die "no 9p root"
	mount -t tmpfs -o size=80% ram /ram
	mkdir /ram/upper /ram/work
	mount -t overlay -o lowerdir=/lower,upperdir=/ram/upper,workdir=/ram/work root /root ||
		die "no overlay"
	mkdir -p /root/run
	mount -t tmpfs run /root/run
	mkdir /root/run/qemu
	mount -t 9p -o "$options,cache=none" share /root/run/qemu || die "no 9p share"
	cp /init /root/run/qemu-guest
	cp /bin/busybox /root/run/busybox
	umount /proc /sys
	mount -o move /dev /root/dev
	export QEMU_GUEST=second
	exec switch_root /root /bin/sh /run/qemu-guest
}

second_stage() {
	export PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin
	export HOME=/root USER=root LC_ALL=C.UTF-8 TERM=dumb QEMU_RESULTS=/run/qemu/results
	unset QEMU_GUEST
	mount -t proc proc /proc
	mount -t sysfs sysfs /sys
	mount -t bpf bpf /sys/fs/bpf
	mount -t cgroup2 cgroup2 /sys/fs/cgroup
	mount -t tracefs tracefs /sys/kernel/tracing
	mkdir -p /dev/pts /dev/shm
	mount -t devpts devpts /dev/pts
	mount -t tmpfs shm /dev/shm
	. /run/qemu/modules
	mkdir -p /lib/modules
	mount --bind "$QEMU_MODULES" /lib/modules
	ip link set lo up
	echo sluice-qemu >/proc/sys/kernel/hostname
	cut -d' ' -f1 /proc/uptime >/run/qemu/uptime
	# The second serial port as it is: no new-line translation, and no echo.
	stty -F /dev/ttyS1 raw -echo
	setsid bash /run/qemu/command >/dev/ttyS1 2>&1 </dev/null
	status=$?
	# What the port still holds goes out before the machine does.
	stty -F /dev/ttyS1 cooked
	echo "$status" >/run/qemu/status
	sync
	/run/busybox poweroff -f
}

if [ "$QEMU_GUEST" = second ]; then
	second_stage
else
	first_stage
fi
