#!/bin/sh
# `make install` and `make uninstall` in a folder, with what is built already: command, manual pages, completions, and a
# module that modprobe finds. modprobe only says what it would do; nothing is loaded.
# Needs build/bin/wasmkc and the headers of the kernel that the VM boots.
set -eu
cd "$(dirname "$0")/.."
kernel=$(awk '$1 == "x86_64" && $2 == "6.12" && $3 == "headers" { sub("linux-headers-", "", $4); print $4 }' vm/kernels.lock)
root=$(mktemp -d)
trap 'rm -rf "$root"' EXIT
make -s install DESTDIR="$root" PREFIX=/usr KERNEL="$kernel" >"$root.log" 2>&1 || { cat "$root.log" && exit 1; }
rm "$root.log"

[ "$("$root/usr/bin/wasmkc" --version)" = "$(build/bin/wasmkc --version)" ]
grep -q '^\.TH wasmkc' "$root/usr/share/man/man1/wasmkc.1"
[ "$(find "$root/usr/share/man/man1" -name 'wasmkc-*.1' | wc -l)" -gt 15 ]
bash -n "$root/usr/share/bash-completion/completions/wasmkc"
grep -q '^#compdef wasmkc' "$root/usr/share/zsh/site-functions/_wasmkc"
grep -q '^complete -c wasmkc' "$root/usr/share/fish/vendor_completions.d/wasmkc.fish"
[ "$(stat -c %a "$root/usr/bin/wasmkc" "$root/lib/modules/$kernel/updates/wasmkc.ko" | tr '\n' ' ')" = "755 644 " ]
[ ! -e "$root/lib/modules/$kernel/modules.dep" ] || { echo "depmod ran in a folder" >&2 && exit 1; }

for list in order builtin builtin.modinfo; do : >"$root/lib/modules/$kernel/modules.$list"; done
/sbin/depmod -b "$root" "$kernel"
/sbin/modprobe -d "$root" -S "$kernel" --show-depends wasmkc | grep -q "insmod .*/updates/wasmkc.ko"
rm "$root/lib/modules/$kernel"/modules.*

make -s uninstall DESTDIR="$root" PREFIX=/usr KERNEL="$kernel"
left=$(find "$root" ! -type d)
[ -z "$left" ] || { echo "uninstall left: $left" >&2 && exit 1; }
