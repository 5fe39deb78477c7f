# shellcheck shell=bash
# Makes the VM's root file system: a base that is cached by the hash of its contents' sources, and a small
# layer a run (module, CLI, COMMAND, DIR). Both are plain cpio archives; the kernel unpacks them one over the other.
# Sourced by vm/run.

# Programs that go into the base: path, package. They are this machine's own, or the packages' for another machine. Busybox gives the rest. The shell and all that
# runs another program are the real ones: busybox's prefer its own ip and ping to those in PATH.
BASE_PROGRAMS="
/usr/bin/busybox busybox-static
/usr/bin/dash dash
/usr/bin/env coreutils
/usr/bin/timeout coreutils
/usr/bin/nohup coreutils
/usr/bin/nice coreutils
/usr/bin/xargs findutils
/usr/bin/setsid util-linux
/usr/bin/setpriv util-linux
/usr/bin/taskset util-linux
/usr/bin/unshare util-linux
/usr/bin/nsenter util-linux
/usr/bin/kmod kmod
/usr/bin/ip iproute2
/usr/sbin/tc iproute2
/usr/bin/ping iputils-ping
/usr/sbin/bpftool bpftool
/usr/sbin/ethtool ethtool
/usr/bin/socat socat
"

# programs_root ARCH: prints the folder of unpacked packages with this machine's programs; nothing if it is this one.
programs_root() {
	local -a packages
	[ "$1" != "$(uname -m)" ] || return 0
	mapfile -t packages < <(awk '{ print $2 }' <<<"$BASE_PROGRAMS")
	packages_root "$1" "${packages[@]}"
}

# find_program PATH PACKAGE ROOT: where it really is, as Debian's merged /usr moves things about.
find_program() {
	local at
	if [ -n "$3" ]; then
		for at in "$3"{/usr,}/{,s}bin/"${1##*/}"; do
			if [ -f "$at" ]; then readlink -f "$at"; return; fi
		done
		die "$EXIT_SETUP" "package $2 has no ${1##*/}"
	fi
	at=$(PATH=$PATH:/usr/sbin:/sbin command -v "${1##*/}") || need_tool "${1##*/}" "$2"
	readlink -f "$at"
}

# foreign_libraries FILE FROM ROOT: add_libraries for a program that ldd cannot ask, with libraries below FROM.
foreign_libraries() {
	local lib file
	{ readelf -ld "$1" | sed -nE 's/.*(interpreter: |Shared library: \[)([^]]*)\].*/\2/p'; } | while read -r lib; do
		file=$(find "$2/lib" "$2/usr/lib" -name "${lib##*/}" | head -n 1)
		[ -n "$file" ] || die "$EXIT_SETUP" "no library $lib for $1"
		[ "$lib" != "${lib##*/}" ] || lib=${file#"$2"}
		[ -e "$3$lib" ] && continue
		install -D -m 755 "$(readlink -f "$file")" "$3$lib"
		foreign_libraries "$3$lib" "$2" "$3"
	done
}

# add_libraries FILE ROOT: copies every shared library that FILE needs. For a static program ldd fails: it needs none.
add_libraries() {
	local lib
	if [ -n "$programs" ]; then
		foreign_libraries "$1" "$programs" "$2"
		return
	fi
	{ ldd "$1" 2>/dev/null || true; } | { grep -o '/[^ ]*' || true; } | sort -u | while read -r lib; do
		[ -e "$2$lib" ] || install -D -m 755 "$(readlink -f "$lib")" "$2$lib"
	done
}

# add_program FILE DEST ROOT
add_program() {
	install -D -m 755 "$1" "$3$2"
	add_libraries "$1" "$3"
}

# pack ROOT FILE: cpio with fixed owners and times.
pack() {
	(cd "$1" && find . -mindepth 1 -print0 | LC_ALL=C sort -z | cpio --null --create --format=newc --reproducible --owner=0:0 --quiet) >"$2"
}

# add_modules KERNEL_DIR RELEASE ROOT
add_modules() {
	local names file
	names=$(grep -v '^#' "$VM_DIR/modules.list")
	# shellcheck disable=SC2086 # one word a module
	modprobe -d "$1" -S "$2" --show-depends -a $names | awk '$1 == "insmod" { print $2 }' | sort -u | while read -r file; do
		install -D -m 644 "$file" "$3${file#"$1"}"
	done
	cp "$1/lib/modules/$2"/modules.{builtin,builtin.modinfo,order} "$3/lib/modules/$2/"
	find "$3/lib/modules" -name '*.ko.xz' -exec xz -d {} +
	depmod -b "$3" "$2"
}

# base_initramfs KERNEL_DIR: with `programs` as programs_root gives it, prints the path of the cached base archive, made if it is not there.
base_initramfs() {
	local release key root path package file archive
	local -a found=()
	release=$(cat "$1/release")
	need_tool cpio cpio
	need_tool xz xz-utils
	while read -r path package; do
		[ -z "$path" ] && continue
		file=$(find_program "$path" "$package" "$programs") || exit
		found+=("$path=$file")
	done <<<"$BASE_PROGRAMS"
	# Libraries are in the key through ldd's list with their sizes and times.
	key=$({
		echo "$1"
		sha256sum "$VM_DIR/modules.list" "$VM_DIR"/init/* "$VM_DIR/lib/initramfs.sh" "${found[@]#*=}"
		# ldd fails for a static program among them.
		[ -n "$programs" ] || { ldd "${found[@]#*=}" 2>/dev/null || true; } | grep -o '/[^ ]*\.so[^ ]*' | sort -u | xargs stat -L -c '%n %s %Y'
	} | sha256sum | cut -c1-32)
	archive="$VM_BUILD/base/$key.cpio"
	if [ ! -f "$archive" ]; then
		mkdir -p "$VM_BUILD/base"
		root=$(mktemp -d "$VM_BUILD/base/tmp.XXXXXX")
		mkdir -p "$root"/{bin,sbin,dev,proc,sys,tmp,run,root,out,host,etc,lib/vm,usr/bin,usr/sbin,var/run}
		chmod 1777 "$root/tmp"
		for file in "${found[@]}"; do add_program "${file#*=}" "${file%%=*}" "$root"; done
		ln -s /usr/bin/dash "$root/bin/sh"
		for file in modprobe insmod rmmod lsmod modinfo depmod; do ln -s /usr/bin/kmod "$root/sbin/$file"; done
		add_modules "$1" "$release" "$root"
		install -m 755 "$VM_DIR/init/init" "$root/init"
		install -m 755 "$VM_DIR/init/leak" "$root/lib/vm/leak"
		printf 'root:x:0:0:root:/root:/bin/sh\nnobody:x:65534:65534:nobody:/tmp:/bin/sh\n' >"$root/etc/passwd"
		printf 'root:x:0:\nnogroup:x:65534:\n' >"$root/etc/group"
		pack "$root" "$root.cpio"
		mv "$root.cpio" "$archive"
		rm -rf "$root"
	fi
	printf '%s\n' "$archive"
}

# quote WORD...: words as sh reads them back unchanged.
quote() {
	local word
	for word in "$@"; do printf " '%s'" "${word//\'/\'\\\'\'}"; done
	echo
}

# run_layer ROOT FILE: the layer of this run from the options of vm/run (global variables) and COMMAND.
run_layer() {
	local root=$1 archive=$2 file
	shift 2
	mkdir -p "$root/lib/vm"
	{
		echo "WITH_MODULE=$with_module"
		echo "LEAK_CHECK=$leak_check"
		echo "set --$(quote "$@")"
	} >"$root/lib/vm/run"
	[ -z "$with_module" ] || install -D -m 644 "$module" "$root/lib/vm/wasmkc.ko"
	if [ -f "$cli" ]; then
		add_program "$cli" /usr/bin/wasmkc "$root"
		"${programs:+$(tools_of "$arch")-}strip" -g "$root/usr/bin/wasmkc" 2>/dev/null || true
	fi
	if [ -n "$dir" ]; then
		mkdir -p "$root/host"
		cp -a "$dir/." "$root/host/"
		find "$dir" -maxdepth 1 -type f -perm -u+x | while read -r file; do
			if [ "$(head -c 4 "$file" | tail -c 3)" = ELF ]; then add_libraries "$file" "$root"; fi
		done
	fi
	pack "$root" "$archive"
}
