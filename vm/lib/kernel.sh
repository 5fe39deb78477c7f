# shellcheck shell=bash
# Gets a locked kernel, its headers and its BTF: fetched, checked against the lock, unpacked, once.
# Sourced by vm/run and vm/fetch-kernel, after packages.sh.

# locked_deb ARCH LINE KIND: prints the path of a verified package. What runs while a module is built is this machine's.
locked_deb() {
	local row package version sha arch
	row=$(lock_row "$1" "$2" "$3") || exit
	read -r package version sha <<<"$row"
	arch=$(deb_arch "$1")
	case $3 in kbuild) arch=$(dpkg --print-architecture) ;; common) arch=all ;; esac
	fetch_deb "$arch" "$package" "$version" "$sha"
}

unpack_kernel() {
	local deb
	deb=$(locked_deb "$1" "$2" image) || exit
	need_tool depmod kmod
	say "unpacking kernel $3"
	dpkg-deb -x "$deb" "$4" || return 1
	# Debian 12 keeps modules in /lib, later ones in /usr/lib.
	[ -d "$4/lib/modules" ] || { mkdir -p "$4/lib" && ln -s ../usr/lib/modules "$4/lib/modules"; }
	depmod -b "$4" "$3" || return 1
	ln -s "boot/vmlinuz-$3" "$4/vmlinuz"
	printf '%s\n' "$3" >"$4/release"
}

# kernel_dir ARCH LINE: prints the folder of the unpacked kernel: vmlinuz, release, modules below lib/modules.
kernel_dir() {
	local row package sha
	row=$(lock_row "$1" "$2" image) || exit
	read -r package _ sha <<<"$row"
	unpacked "kernel/$sha" unpack_kernel "$1" "$2" "$(kernel_release "$package")"
}

unpack_headers() {
	local kind deb
	for kind in headers common kbuild; do
		deb=$(locked_deb "$1" "$2" "$kind") || exit
		dpkg-deb -x "$deb" "$3" || return 1
	done
	# They expect each other in /usr/src.
	# shellcheck disable=SC2016 # the dollars are make's
	sed -i 's|^include /usr/src/|include $(dir $(realpath $(lastword $(MAKEFILE_LIST))))../|' "$3"/usr/src/linux-headers-*/Makefile
}

# headers_dir ARCH LINE: prints the folder that a module for this kernel is built with: installed, or unpacked.
headers_dir() {
	local row package version sha
	row=$(lock_row "$1" "$2" headers) || exit
	read -r package version sha <<<"$row"
	if [ "$(dpkg-query -W -f '${db:Status-Status} ${Version}' "$package" 2>/dev/null)" = "installed $version" ]; then
		printf '/usr/src/%s\n' "$package"
	else
		unpacked "headers/$sha" unpack_headers "$1" "$2" >/dev/null || exit
		printf '%s/headers/%s/usr/src/%s\n' "$VM_BUILD" "$sha" "$package"
	fi
}

read_btf() {
	say "asking kernel $1/$2 for its BTF"
	"$VM_DIR/run" --arch "$1" --kernel "$2" --no-module -- cat /sys/kernel/btf/vmlinux >"$3/vmlinux"
}

# kernel_btf ARCH LINE: prints the file with the kernel's BTF, which not all headers have: then the kernel is asked.
kernel_btf() {
	local headers row sha dir
	headers=$(headers_dir "$1" "$2") || exit
	if [ -f "$headers/vmlinux" ]; then
		printf '%s/vmlinux\n' "$headers"
		return
	fi
	row=$(lock_row "$1" "$2" image) || exit
	sha=${row##* }
	dir=$(unpacked "btf/$sha" read_btf "$1" "$2") || exit
	printf '%s/vmlinux\n' "$dir"
}
