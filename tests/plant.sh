#!/bin/sh
# Plants instructions that raise exceptions into compiled filters and signs them with the kernel's sign-file ($1),
# which does not audit as `wasmkc sign` does: what a loader faces when audit or signer have failed.
# Fills fault-*.kwo. Needs build/bin/{wasmkc,wkc-wat} and the keys that prepare.sh makes.
# usage: tests/plant.sh SIGN_FILE [MACHINE KERNEL]
set -eu
cd "$(dirname "$0")/.."
. tests/on.sh
sign_file=$1
on "${2-x86_64}" "${3-6.12}"
# On aarch64 an exception in generated code is the end (loader-kmod/glue/arch/arm64/die.c): no scenario plants one.
[ "$machine" = x86_64 ] || exit 0
temporary=$(mktemp -d)
trap 'rm -rf "$temporary"' EXIT

# plant FILTER NAME BYTES: five bytes, in octal, in the place of `xor eax, 0x12345678` in FILTER.
plant() {
	build/bin/wkc-wat "tests/filters/faults/$1.wat" "$temporary/filter.wasm"
	build/bin/wasmkc build "$temporary/filter.wasm" -o "$out/$2.kwo" --name "$2" --target "$machine" >/dev/null
	at=$(LC_ALL=C grep -obUaP '\x35\x78\x56\x34\x12' "$out/$2.kwo" | head -n 1 | cut -d: -f1)
	[ -n "$at" ] || { echo "plant: no place for $2 in the code of $1" >&2 && exit 1; }
	# shellcheck disable=SC2059 # the format is the bytes
	printf "$3" | dd of="$out/$2.kwo" bs=1 seek="$at" conv=notrunc status=none
	! build/bin/wasmkc audit "$out/$2.kwo" >/dev/null 2>&1 || { echo "plant: the audit passes $2" >&2 && exit 1; }
	"$sign_file" sha256 "$out/test.key" "$out/test.crt" "$out/$2.kwo"
}

plant in-callee fault-ud2 '\017\013\220\220\220'
plant in-callee fault-int3 '\314\220\220\220\220'
plant in-callee fault-division '\061\322\367\362\220'
plant in-callee fault-lldt '\017\000\320\220\220'
plant deep fault-deep '\017\013\220\220\220'
plant in-init fault-in-init '\017\013\220\220\220'
