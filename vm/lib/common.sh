# shellcheck shell=bash disable=SC2034
# What every script of vm/ shares: where things are, the exit codes, and how to complain.
# Sourced, never run; who sources it sets VM_DIR, and not each uses all of it (SC2034).

# What fails inside $( ) fails the script.
shopt -s inherit_errexit

ROOT=$(cd "$VM_DIR/.." && pwd)
VM_BUILD="$ROOT/build/vm"
LOCK="$VM_DIR/kernels.lock"
DEFAULT_ARCH=x86_64
DEFAULT_KERNEL=6.12

# Exit codes of vm/run that are not COMMAND's own. README.md explains them.
EXIT_USAGE=2
EXIT_SETUP=94
EXIT_MODULE=95
EXIT_LEAK=96
EXIT_KERNEL=97
EXIT_TIMEOUT=98
EXIT_LOST=99
readonly ROOT VM_BUILD LOCK DEFAULT_ARCH DEFAULT_KERNEL
readonly EXIT_USAGE EXIT_SETUP EXIT_MODULE EXIT_LEAK EXIT_KERNEL EXIT_TIMEOUT EXIT_LOST

say() { printf '%s: %s\n' "${0##*/}" "$*" >&2; }

# die CODE MESSAGE...
die() {
	local code=$1
	shift
	say "$@"
	exit "$code"
}

# need_tool TOOL PACKAGE: names the Debian package of a tool that is not there.
need_tool() {
	command -v "$1" >/dev/null 2>&1 || die "$EXIT_SETUP" "$1 is missing; it is in Debian's package $2 (scripts/setup installs all that is needed)"
}

# lock_row ARCH LINE KIND: prints "PACKAGE VERSION SHA256", or dies naming what the lock does hold.
lock_row() {
	local row
	row=$(awk -v a="$1" -v l="$2" -v k="$3" '$1 == a && $2 == l && $3 == k { print $4, $5, $6 }' "$LOCK")
	[ -n "$row" ] || die "$EXIT_USAGE" "no kernel '$2' for arch '$1' in vm/kernels.lock; it has: $(
		awk '/^[^#]/ && $3 == "image" { printf "%s%s/%s", sep, $1, $2; sep = ", " }' "$LOCK")"
	printf '%s\n' "$row"
}

# build_path KIND ARCH [LINE]: the folder below the project where the Makefile puts what is made for a machine and a
# kernel; the defaults have the short name.
build_path() {
	local name=build/$1
	[ "$2" = "$DEFAULT_ARCH" ] && [ "${3:-$DEFAULT_KERNEL}" = "$DEFAULT_KERNEL" ] || name+="-$2${3:+-$3}"
	printf '%s\n' "$name"
}

# kernel_release PACKAGE: what uname -r says in that package's kernel.
kernel_release() { printf '%s\n' "${1#linux-image-}"; }
