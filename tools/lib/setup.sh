# SPDX-License-Identifier: GPL-2.0-only
# Set-up shared by tools/demo and tools/test: checks the machine, installs what is missing, builds.
# To be sourced by bash. It changes nothing but packages (by apt), build/, and temporary files.

ROOT=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd -P)
BUILD="$ROOT/build"
STARTED=$SECONDS

# System programs first: another Python or Meson on PATH must not be picked up.
export PATH="/usr/sbin:/usr/bin:/sbin:/bin:$PATH"
export PYTHONDONTWRITEBYTECODE=1 PYTHONNOUSERSITE=1 LC_ALL=C.UTF-8
unset PYTHONPATH PYTHONHOME
PYTHON=/usr/bin/python3

PACKAGES=(
	build-essential clang llvm bpftool meson ninja-build pkg-config
	libbpf-dev libxdp-dev libelf-dev libnl-3-dev libyaml-dev libevent-dev
	libjansson-dev libsystemd-dev libcriterion-dev linux-libc-dev
	libngtcp2-dev libngtcp2-crypto-gnutls-dev libgnutls28-dev
	iproute2 iputils-ping ethtool nftables netsniff-ng procps util-linux mount curl nginx-light
	iperf3 tcpdump openssl python3 python3-pytest python3-scapy python3-yaml
	clang-format mandoc
)

KERNEL_MIN=6.1

say()  { printf '%4ds  %s\n' $((SECONDS - STARTED)) "$*"; }
fail() { printf '%s: %s\n' "$(basename "$0")" "$*" >&2; exit 2; }

version_at_least() { # have want
	[ "$(printf '%s\n%s\n' "$2" "$1" | sort -V | head -n1)" = "$2" ]
}

has_capability() { # bit, as in linux/capability.h
	local mask
	mask=$(sed -n 's/^CapEff:[[:space:]]*//p' /proc/self/status)
	(( (16#$mask >> $1) & 1 ))
}

check_root() {
	[ "$(id -u)" = 0 ] || fail "needs root, for network namespaces and BPF: sudo $0 ${ARGS_TEXT:-}"
}

check_machine() {
	local release arch
	release=$(uname -r)
	arch=$(uname -m)
	[ "$(uname -s)" = Linux ] || fail "needs Linux; this is $(uname -s)"
	version_at_least "${release%%-*}" "$KERNEL_MIN" ||
		fail "needs Linux $KERNEL_MIN or newer; this kernel is $release:" \
			"boot a newer one (Debian 12 has 6.1)"
	case "$arch" in
	x86_64 | aarch64) ;;
	*) fail "runs on x86-64 and arm64; this machine is $arch" ;;
	esac
	has_capability 12 ||
		fail "root lacks CAP_NET_ADMIN here (a container?):" \
			"run on the host, or grant it (docker: --privileged)"
	has_capability 21 ||
		fail "root lacks CAP_SYS_ADMIN here (a container?):" \
			"it is needed for namespaces and mounts (docker: --privileged)"
	unshare --net true 2>/dev/null ||
		fail "the kernel refuses new network namespaces:" \
			"needs CONFIG_NET_NS, and user.max_net_namespaces above 0"
	unshare --mount --propagation slave true 2>/dev/null ||
		fail "mounts cannot be kept apart ('ip netns' needs it): in a chroot / is no mount" \
			"point; use a container, a VM or pivot_root"
	[ -r /sys/kernel/btf/vmlinux ] ||
		fail "/sys/kernel/btf/vmlinux is missing: the kernel needs CONFIG_DEBUG_INFO_BTF" \
			"(Debian's kernels have it), and /sys must be mounted"
	local jit=/proc/sys/net/core/bpf_jit_enable
	if [ -r "$jit" ] && [ "$(cat "$jit")" = 0 ]; then
		fail "the BPF JIT is off: sysctl net.core.bpf_jit_enable=1"
	fi
}

missing_packages() {
	local have p
	have=$(dpkg-query -W -f='${db:Status-Status} ${binary:Package}\n' 2>/dev/null |
		sed -n 's/^installed \([^:]*\).*/\1/p')
	for p in "${PACKAGES[@]}"; do
		grep -qxF "$p" <<<"$have" || printf '%s\n' "$p"
	done
}

POLICY_RC=/usr/sbin/policy-rc.d

remove_policy_rc() {
	if [ -n "${POLICY_RC_OURS:-}" ]; then
		rm -f "$POLICY_RC"
		POLICY_RC_OURS=
	fi
}

install_packages() {
	local missing log
	command -v dpkg-query >/dev/null && command -v apt-get >/dev/null ||
		fail "installs packages by apt, which is not here;" \
			"on another system install the like of: ${PACKAGES[*]}"
	mapfile -t missing < <(missing_packages)
	[ "${#missing[@]}" -gt 0 ] || return 0
	say "installing by apt: ${missing[*]}"
	log=$(mktemp /tmp/sluice-apt.XXXXXX)
	# A package's service (nginx) must not start on this machine: invoke-rc.d(8).
	if [ ! -e "$POLICY_RC" ]; then
		printf '#!/bin/sh\nexit 101\n' >"$POLICY_RC"
		chmod 755 "$POLICY_RC"
		POLICY_RC_OURS=1
	fi
	# Another apt may be at work (unattended-upgrades); wait for it.
	if ! { apt-get update -q && DEBIAN_FRONTEND=noninteractive apt-get install -qy \
		-o DPkg::Lock::Timeout=300 --no-install-recommends "${missing[@]}"; } \
		>"$log" 2>&1 </dev/null; then
		remove_policy_rc
		tail -n 15 "$log" >&2
		rm -f "$log"
		fail "apt could not install: ${missing[*]} (its last words are above)"
	fi
	rm -f "$log"
	remove_policy_rc
	mapfile -t missing < <(missing_packages)
	[ "${#missing[@]}" = 0 ] || fail "still missing after apt-get install: ${missing[*]}"
}

# What only a program can tell: bpf(2) allowed, bpffs mountable, XDP on veth.
check_bpf() {
	local why
	why=$("$PYTHON" "$ROOT/tools/lib/check_bpf.py" 2>&1) || fail "$why"
}

# build_in DIR LABEL [meson options]: configures where needed, then builds. Only errors are shown.
build_in() {
	local dir=$1 label=$2 log
	shift 2
	mkdir -p "$dir"
	log="$dir/build.log"
	if [ -f "$dir/build.ninja" ]; then
		# One that was configured elsewhere (the tree was moved), or otherwise, is made anew;
		# one that somebody configured by hand is taken as it is.
		if [ -f "$dir/sluice-configured" ] &&
			! grep -qxF "$ROOT $*" "$dir/sluice-configured"; then
			meson setup --wipe "$dir" "$ROOT" "$@" >"$log" 2>&1 </dev/null ||
				build_failed "$label: meson setup" "$log"
		fi
	else
		meson setup "$dir" "$ROOT" "$@" >"$log" 2>&1 </dev/null ||
			build_failed "$label: meson setup" "$log"
	fi
	printf '%s\n' "$ROOT $*" >"$dir/sluice-configured"
	ninja -C "$dir" >>"$log" 2>&1 </dev/null || build_failed "$label: ninja" "$log"
}

build_failed() { # what log
	grep -nE 'error|ERROR|FAILED|warning:' "$2" | head -n 30 >&2
	fail "$1 failed; the full log: $2"
}

# What root built in a user's checkout is given to that user, who may want to build there too.
give_build_to_user() {
	if [ -n "${SUDO_UID:-}" ] && [ -d "$BUILD" ] && [ "$(stat -c %u "$ROOT")" = "$SUDO_UID" ]; then
		chown -R "$SUDO_UID:${SUDO_GID:-$SUDO_UID}" "$BUILD"
	fi
}

setup_machine() {
	check_root
	check_machine
	install_packages
	check_bpf
	say "machine: Linux $(uname -r), $(uname -m), $(nproc) CPUs; packages are there"
}

setup_build() {
	build_in "$BUILD" build
	say "built: $BUILD"
}
