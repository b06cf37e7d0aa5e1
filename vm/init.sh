#!/bin/busybox sh
# The guest's first program (PID 1), twice: as /init of the initramfs it lays out the root, then it starts itself again
# in there, mounts the shares, runs the command and switches the machine off when that has ended.
#
# Busybox runs its own applets by name, whatever PATH says. That is wanted here (nothing is mounted yet) and is the
# reason why everything that is not a step of ours is run by its absolute path: busybox has an `ip` of its own.

# Through the kernel's log, because that reaches the console at once; what is written to /dev/console may still be
# on its way when the machine is switched off. <3> passes `quiet`.
say() { echo "<3>netsoak-guest: $*" >"$log"; }

# A shell that ends as PID 1 is a kernel panic; this names the step instead. The outside reads "boot failed".
die() { say "boot failed: $*"; poweroff -f; sleep 60; }

must() { "$@" || die "$*"; }

# A program costs 5 ms under TCG, a test of the shell's nothing.
folder() { [ -d "$1" ] || must mkdir -p "$1"; }

# One folder of the outside, at the same path: read-only from there, with a layer in memory over it, so that the
# guest may write and the outside never sees it.
share() {
	lower=/.netsoak/lower/$1 layer=/.netsoak/layer/$1
	folder "$2"
	# cache=loose never asks again what it has read: safe because nobody in the guest can write, and many times
	# faster. msize: the most that virtio carries in one request; the default of 128 KiB takes four times as many.
	must mount -t 9p -o ro,trans=virtio,version=9p2000.L,msize=512000,cache=loose "$1" "$lower"
	must mount -t overlay -o "lowerdir=$lower,upperdir=$layer/upper,workdir=$layer/work" overlay "$2"
}

# Of a store of many programs' folders only those that were named, each at the same path. Nobody writes to a store:
# no layer. Once they are bound, the store as a whole is taken away again.
store() {
	whole=/.netsoak/store into=$2
	must mkdir -p "$whole" "$into"
	must mount -t 9p -o ro,trans=virtio,version=9p2000.L,msize=512000,cache=loose "$1" "$whole"
	shift 2
	for name; do
		if [ -L "$whole/$name" ]; then
			must cp -a "$whole/$name" "$into/$name"
			continue
		fi
		if [ -d "$whole/$name" ]; then must mkdir "$into/$name"; else must touch "$into/$name"; fi
		must mount --bind "$whole/$name" "$into/$name"
	done
	must umount "$whole"
}

# The modules are never written to: no layer.
modules() {
	folder "$2"
	must mount -t 9p -o ro,trans=virtio,version=9p2000.L,msize=512000,cache=loose "$1" "$2"
}

# Programs that say /bin/sh mean the outside's, which is not ours to know; bash is the one that tests are written for.
shell() {
	folder /bin
	must ln -sfn "$1" /bin/sh
}

load() { while read -r module; do must insmod "$1/$module"; done <"$1/order"; }

later_modules() { load /.netsoak/modules; }

# A program that starts fetches its file over 9p a few pages at a time and waits for each; read from end to end by
# another CPU meanwhile, when nobody else wants that, it is there half a second sooner. A program that can't be read
# tells so itself.
read_ahead() { nice -n 10 cat "$1" >/dev/null 2>&1 & }

# What systemd gives: the soft limit that old programs expect, the hard one that greedy ones raise themselves to.
# A session of its own, so that what the command does to its process group does not hit PID 1.
start() {
	ulimit -Hn 524288
	ulimit -Sn 1024
	say "starting the command"
	setsid /.netsoak/busybox sh /.netsoak/command </dev/null >/dev/console 2>&1 &
	command=$!
}

# A port has its name only when the host's message about it has been handled, some time after the module is loaded.
# All appear at once, and last of all: a command that was started early knows by them that the guest is complete.
ports() {
	must mkdir /dev/.virtio-ports
	for wanted; do
		tries=0
		until port=$(grep -lsxF "$wanted" /sys/class/virtio-ports/*/name); do
			tries=$((tries + 1))
			[ $tries = 200 ] && say "still waiting for port $wanted"
			usleep 10000
		done
		port=${port%/name}
		must ln -s "../${port##*/}" "/dev/.virtio-ports/$wanted"
	done
	must mv /dev/.virtio-ports /dev/virtio-ports
}

# A kernel that schedules nobody any more stops feeding the dog, which QEMU then reports to the outside.
watch() { must watchdog -t "$1" -T "$2" /dev/watchdog; }

# QEMU's user network: address and gateway are fixed, 10.0.2.2 is the outside's loopback.
network() {
	must modprobe virtio_net
	must ip link set eth0 up
	must ip addr add 10.0.2.15/24 dev eth0
	must ip route add default via 10.0.2.2
}

build_root() {
	log=/new/dev/kmsg
	# A tmpfs and not the initramfs itself: pivot_root, and so every container, refuses a root that is a rootfs.
	# By its full name until /proc is there: busybox starts its applets through /proc/self/exe.
	must /bin/busybox mount -t tmpfs -o mode=755 root /new
	must /bin/busybox mkdir /new/proc /new/sys /new/dev /new/run /new/tmp
	must /bin/busybox mount -t proc -o nosuid,nodev,noexec proc /new/proc
	must mount -t devtmpfs -o nosuid,mode=755 devtmpfs /new/dev
	say "kernel is up"
	must mount -t sysfs -o nosuid,nodev,noexec sysfs /new/sys
	must mount -t tmpfs -o nosuid,nodev,mode=755 run /new/run
	must mount -t tmpfs -o nosuid,nodev,mode=1777 tmp /new/tmp

	cp -a /skeleton/. /new/ &
	copy=$!
	load /modules
	wait $copy || die "cp -a /skeleton/. /new/"
	# switch_root frees the initramfs and makes ours the real root; in a mere chroot no user namespace could be made.
	exec /bin/busybox switch_root /new /.netsoak/busybox sh /.netsoak/init run
}

# What every distribution mounts and sets, besides.
furnish() {
	must mkdir -p /dev/pts /dev/shm
	must mount -t devpts -o nosuid,noexec,mode=620,ptmxmode=666,gid=5 devpts /dev/pts
	must mount -t tmpfs -o nosuid,nodev,mode=1777 shm /dev/shm
	must mount -t cgroup2 -o nosuid,nodev,noexec,nsdelegate cgroup2 /sys/fs/cgroup
	must mount -t bpf -o nosuid,nodev,noexec,mode=700 bpf /sys/fs/bpf
	# As every distribution has it: mounts (of namespaces, say) reach other mount namespaces unless these ask not to.
	must mount --make-rshared /
	ln -s /proc/self/fd /dev/fd
	ln -s fd/0 /dev/stdin
	ln -s fd/1 /dev/stdout
	ln -s fd/2 /dev/stderr
	ifconfig lo up
	hostname netsoak-guest
	# For `ip link add type dummy` and the like the kernel asks this program. The machine's own modprobe needs binary
	# indexes that we do not make.
	echo /.netsoak/modprobe >/proc/sys/kernel/modprobe
}

run_command() {
	log=/dev/kmsg
	. /.netsoak/plan
	plan_mounts
	say "shares are mounted"
	plan_run
	# While it waits, the shell also reaps whatever lost its parent.
	wait "$command"
	say "the command ended with status $?"
	# -f: there is no init to be asked, we are it.
	poweroff -f
}

case $1 in
run) run_command ;;
*) build_root ;;
esac
