# shellcheck shell=sh disable=SC2034,SC2154
# Where things are for the machine and the kernel in the VM, and how objects for it are made. Sourced by prepare.sh and
# plant.sh, which set sign_file and wasmkc.

# on MACHINE KERNEL: sets machine, out, kmod, wxwalk, programs (those that run in the VM) and cross (its tools' prefix).
on() {
	machine=$1
	suffix=
	[ "$1/$2" = x86_64/6.12 ] || suffix=-$1-$2
	out=build/scenarios$suffix kmod=build/kmod$suffix wxwalk=build/wxwalk$suffix
	programs=build/bin cross=
	[ "$1" = "$(uname -m)" ] || programs=build/bin-$1 cross=$1-linux-gnu-
	[ "$1" != armhf ] || cross=arm-linux-gnueabihf-
}

# unsigned WASM OBJECT --name NAME [--fuel N] [--target TARGET]: an object, for all machines unless told otherwise, so
# that the very same bytes run in every VM.
unsigned() {
	wasm=$1 object=$2
	shift 2
	$wasmkc build "$wasm" -o "$object" "$@" >/dev/null
}

# signed KEY WASM OBJECT --name NAME [--fuel N]: the same, signed with KEY.key and KEY.crt.
signed() {
	key=$out/$1.key cert=$out/$1.crt
	shift
	unsigned "$@" --sign "$key" --cert "$cert"
}
