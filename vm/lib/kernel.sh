# shellcheck shell=bash
# Gets the locked kernel: downloaded by apt-get, checked against the lock, unpacked, once.
# Sourced by vm/run and vm/fetch-kernel. Never installs anything on this machine.

# apt_download PACKAGE VERSION DIR: leaves the .deb in DIR. Refreshes the lists once when the version is unknown.
apt_download() {
	local spec="$1=$2" log
	need_tool apt-get apt
	log=$(cd "$3" && apt-get -q -o APT::Sandbox::User=root download "$spec" 2>&1) && return 0
	if [ "$(id -u)" = 0 ]; then
		apt-get -q update >&2 || say "apt-get update failed"
		log=$(cd "$3" && apt-get -q -o APT::Sandbox::User=root download "$spec" 2>&1) && return 0
	fi
	printf '%s\n' "$log" >&2
	die "$EXIT_SETUP" "the archive does not give $spec; if it has dropped that version, run vm/update-kernels and commit vm/kernels.lock"
}

# fetch_deb PACKAGE VERSION SHA256: prints the path of the verified .deb.
fetch_deb() {
	local cache="$VM_BUILD/deb" deb="$VM_BUILD/deb/$3.deb" tmp file
	if [ ! -f "$deb" ]; then
		mkdir -p "$cache"
		tmp=$(mktemp -d "$cache/tmp.XXXXXX")
		say "downloading $1 $2"
		apt_download "$1" "$2" "$tmp"
		file=$(echo "$tmp"/*.deb)
		if ! echo "$3  $file" | sha256sum --check --status; then
			rm -rf "$tmp"
			die "$EXIT_SETUP" "$1 $2: the download's SHA-256 is not the one in vm/kernels.lock; nothing was unpacked"
		fi
		mv "$file" "$deb"
		rm -rf "$tmp"
	fi
	printf '%s\n' "$deb"
}

# kernel_dir ARCH LINE: prints the folder of the unpacked kernel: vmlinuz, release, modules below lib/modules.
kernel_dir() {
	local row package version sha release deb dir tmp
	row=$(lock_row "$1" "$2" image) || exit
	read -r package version sha <<<"$row"
	release=$(kernel_release "$package")
	dir="$VM_BUILD/kernel/$sha"
	if [ ! -f "$dir/release" ]; then
		deb=$(fetch_deb "$package" "$version" "$sha") || exit
		need_tool dpkg-deb dpkg
		need_tool depmod kmod
		mkdir -p "$VM_BUILD/kernel"
		tmp=$(mktemp -d "$VM_BUILD/kernel/tmp.XXXXXX")
		say "unpacking $package $version"
		dpkg-deb -x "$deb" "$tmp"
		# Debian 12 keeps modules in /lib, later ones in /usr/lib.
		[ -d "$tmp/lib/modules" ] || { mkdir -p "$tmp/lib" && ln -s ../usr/lib/modules "$tmp/lib/modules"; }
		depmod -b "$tmp" "$release"
		ln -s "boot/vmlinuz-$release" "$tmp/vmlinuz"
		printf '%s\n' "$release" >"$tmp/release"
		# Another run may have been quicker: its folder is as good as ours.
		mv -T "$tmp" "$dir" 2>/dev/null || rm -rf "$tmp"
		[ -f "$dir/release" ] || die "$EXIT_SETUP" "could not unpack $package into $dir"
	fi
	printf '%s\n' "$dir"
}
