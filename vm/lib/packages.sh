# shellcheck shell=bash
# Debian packages of any architecture, fetched and unpacked below build/vm, never installed on this machine.
# Sourced by vm/run, vm/fetch-kernel and vm/update-kernels.

# deb_arch ARCH: Debian's name of a machine.
deb_arch() {
	case $1 in
	x86_64) echo amd64 ;;
	aarch64) echo arm64 ;;
	armhf | s390x) echo "$1" ;;
	*) die "$EXIT_USAGE" "unknown machine '$1'; known: x86_64, aarch64, armhf, s390x" ;;
	esac
}

# tools_of ARCH: the name of that machine's tools and of its folders of libraries; a dash and the tool's name follow.
tools_of() {
	case $1 in
	armhf) echo arm-linux-gnueabihf ;;
	*) echo "$1-linux-gnu" ;;
	esac
}

# Beside this machine's own sources: where Debian 12 has kernels 6.12 of machines that its security suite leaves out.
BACKPORTS="deb [signed-by=/usr/share/keyrings/debian-archive-keyring.gpg] http://deb.debian.org/debian bookworm-backports main"

# with_apt DEB_ARCH COMMAND...: an apt command that sees packages of DEB_ARCH, in lists and caches of its own; the
# machine's package state stays as it is, and nobody needs to be root.
with_apt() {
	local arch=$1 state="$VM_BUILD/apt/$1"
	shift
	need_tool apt-get apt
	[ "$arch" != all ] || { arch=$(dpkg --print-architecture) state="$VM_BUILD/apt/$arch"; }
	mkdir -p "$state/lists/partial" "$state/archives/partial"
	printf '%s\n' "$BACKPORTS" >"$state/sources.list"
	cat >"$state/apt.conf" <<-END
		APT::Architecture "$arch";
		APT::Architectures { "$arch"; };
		APT::Install-Recommends "false";
		Dir::State "$state";
		Dir::State::status "$state/status";
		Dir::Cache "$state";
		Dir::Etc::sourcelist "$state/sources.list";
		APT::Sandbox::User "root";
	END
	if [ ! -f "$state/status" ]; then
		: >"$state/status"
		refresh_lists "$arch"
	fi
	APT_CONFIG="$state/apt.conf" "$@"
}

# refresh_lists DEB_ARCH: what a suite cannot give just now is missed when a package is not found.
refresh_lists() {
	with_apt "$1" apt-get -q update >&2 || say "not every package list of $1 came; going on with those that did"
}

# apt_download DEB_ARCH PACKAGE VERSION DIR: leaves the .deb in DIR. Refreshes the lists once when the version is unknown.
apt_download() {
	local spec="$2=$3" log
	log=$(cd "$4" && with_apt "$1" apt-get -q -o APT::Sandbox::User=root download "$spec" 2>&1) && return 0
	refresh_lists "$1"
	log=$(cd "$4" && with_apt "$1" apt-get -q -o APT::Sandbox::User=root download "$spec" 2>&1) && return 0
	printf '%s\n' "$log" >&2
	die "$EXIT_SETUP" "the archive does not give $spec; if it has dropped that version, run vm/update-kernels and commit vm/kernels.lock"
}

# fetch_deb DEB_ARCH PACKAGE VERSION SHA256: prints the path of the verified .deb.
fetch_deb() {
	local cache="$VM_BUILD/deb" deb="$VM_BUILD/deb/$4.deb" tmp file
	if [ ! -f "$deb" ]; then
		mkdir -p "$cache"
		tmp=$(mktemp -d "$cache/tmp.XXXXXX")
		say "downloading $2 $3"
		apt_download "$1" "$2" "$3" "$tmp"
		file=$(echo "$tmp"/*.deb)
		if ! echo "$4  $file" | sha256sum --check --status; then
			rm -rf "$tmp"
			die "$EXIT_SETUP" "$2 $3: the download's SHA-256 is not the one in vm/kernels.lock; nothing was unpacked"
		fi
		mv "$file" "$deb"
		rm -rf "$tmp"
	fi
	printf '%s\n' "$deb"
}

# unpacked NAME FUNCTION ARGUMENTS...: prints build/vm/NAME, which FUNCTION fills if it is not there yet: it is called
# with the arguments and a folder of its own that becomes NAME when it is complete. FUNCTION says of each step that it
# failed: `set -e` does not hold where somebody looks at the status.
unpacked() {
	local dir="$VM_BUILD/$1" tmp
	shift
	if [ ! -d "$dir" ]; then
		need_tool dpkg-deb dpkg
		mkdir -p "$(dirname "$dir")"
		tmp=$(mktemp -d "$dir.tmp.XXXXXX")
		chmod 755 "$tmp"
		"$@" "$tmp" || { rm -rf "$tmp"; die "$EXIT_SETUP" "could not fill $dir"; }
		# Another run may have been quicker: its folder is as good as ours.
		mv -T "$tmp" "$dir" 2>/dev/null || rm -rf "$tmp"
		[ -d "$dir" ] || die "$EXIT_SETUP" "could not fill $dir"
	fi
	printf '%s\n' "$dir"
}

# package_closure DEB_ARCH PACKAGES DIR: unpacks the packages, in one word, and all that they depend on.
package_closure() {
	local archives="$3/archives" deb
	local -a download
	say "fetching for $1: $2"
	mkdir -p "$archives/partial"
	# shellcheck disable=SC2206 # one word a package
	download=(apt-get -q -y -o "Dir::Cache::archives=$archives" --download-only install $2)
	with_apt "$1" "${download[@]}" >"$archives/log" 2>&1 || {
		refresh_lists "$1"
		with_apt "$1" "${download[@]}" >"$archives/log" 2>&1 || { cat "$archives/log" >&2; return 1; }
	}
	for deb in "$archives"/*.deb; do dpkg-deb -x "$deb" "$3" || return 1; done
	rm -rf "$archives"
}

# packages_root ARCH PACKAGE...: prints the folder where these packages of another machine are unpacked, with all that
# they depend on.
packages_root() {
	local arch=$1 packages
	shift
	packages=$(printf '%s\n' "$@" | LC_ALL=C sort -u | xargs)
	unpacked "programs/$arch-$(sha256sum <<<"$packages" | cut -c1-16)" package_closure "$(deb_arch "$arch")" "$packages"
}
