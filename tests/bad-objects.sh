#!/bin/sh
# Writes objects that a trusted key has signed and that are wrong all the same: NAME.kwo and, in the file `list`,
# "NAME TEXT" a line, where TEXT is what the loader must say. Then flip-N.kwo, each with one bit of its tables changed.
# usage: bad-objects.sh OUT UNSIGNED.kwo LARGER-UNSIGNED.kwo SIGN-FILE KEY CERT
# UNSIGNED.kwo must import a helper; both are for the loader's machine alone. bad-targets.sh does several targets.
set -eu
out=$1 good=$2 larger=$3 sign_file=$4 key=$5 cert=$6
mkdir -p "$out"
rm -f "$out"/*

# sections FILE: NAME OFFSET SIZE of each, in decimal.
sections() {
	readelf -SW "$1" | sed -n 's/^ *\[ *[0-9]*\] //p' | while read -r name type _ offset size _; do
		[ "$type" = NULL ] || echo "$name $((0x$offset)) $((0x$size))"
	done
}

# spoil NAME SECTION OFFSET BYTES TEXT: BYTES (as for printf) at OFFSET of SECTION, or of the `file`.
spoil() {
	start=0
	[ "$2" = file ] || start=$(sections "$good" | awk -v name="$2" '$1 == name { print $2 }')
	[ -n "$start" ] || { echo "no section $2 in $good" >&2; exit 1; }
	cp "$good" "$out/$1.kwo"
	# shellcheck disable=SC2059 # the format is the bytes
	printf "$4" | dd of="$out/$1.kwo" bs=1 seek=$((start + $3)) conv=notrunc status=none
	! cmp -s "$good" "$out/$1.kwo" || { echo "$1 is as good as before" >&2; exit 1; }
	"$sign_file" sha256 "$key" "$cert" "$out/$1.kwo"
	echo "$1 $5" >>"$out/list"
}

# Offsets: Meta and ImportRow of abi/SPEC.md; e_machine and e_shoff of the ELF header.
spoil other-abi-major .wkc.meta 8 '\002' 'built for another ABI version'
spoil newer-abi-minor .wkc.meta 10 '\001' 'built for another ABI version'
spoil for-another-machine file 18 '\026' 'the object has no code for this machine, and no portable code'
spoil metadata-for-another-machine .wkc.meta 12 '\026' 'the metadata names another machine than the ELF header'
spoil other-effects .wkc.imports 4 '\177' 'log: the helper has other effects'
spoil cheaper-helper .wkc.imports 16 '\001\0\0\0' 'charges less fuel for the helper'
spoil unknown-helper .wkc.imports 0 '\115' 'this loader has no helper of that number'
spoil no-hook .wkc.meta 20 '\0' 'an unknown hook, or no hook at all'
spoil no-xdp-entry .wkc.meta 24 '\377\377\377\377' 'entry_xdp: an entry is not the start of a function'
spoil entry-in-a-function .wkc.meta 24 '\001' 'entry_xdp: an entry is not the start of a function'
spoil wrong-magic .wkc.meta 0 'W' 'the magic number is wrong'
spoil no-fuel .wkc.meta 40 '\0\0\0\0\0\0\0\0' 'the fuel ceiling is zero'
spoil too-much-fuel .wkc.meta 47 '\001' 'the fuel ceiling is zero or above'
spoil no-elf file 1 'e' 'not an ELF64 little-endian relocatable file'
spoil sections-elsewhere file 40 '\377\377\377\377\377\377\377\177' 'a range passes the end of the file'

# The control, and what the flips begin with.
cp "$good" "$out/good.kwo"
"$sign_file" sha256 "$key" "$cert" "$out/good.kwo"

# One bit of each file, spread evenly over the headers and all that a loader reads but the code and its constants.
sections "$larger" | awk -v headers="$(readelf -hW "$larger" | awk '/Start of section headers/ { print $5 } /Number of section headers/ { print $5 }' | tr '\n' ' ')" '
	BEGIN { split(headers, h, " "); from[0] = 0; size[0] = 64; from[1] = h[1]; size[1] = h[2] * 64; n = 2; all = 64 + size[1] }
	/^(\.wkc\.|\.rela\.text |\.symtab |\.strtab |\.shstrtab )/ && $3 > 0 { from[n] = $2; size[n++] = $3; all += $3 }
	END {
		flips = 64
		for (i = 0; i < flips; i++) {
			at = int(all * (i + 0.5) / flips)
			for (s = 0; at >= size[s]; s++) at -= size[s]
			print i, from[s] + at, (i * 5) % 8
		}
	}' | while read -r i at bit; do
	byte=$(od -An -tu1 -j "$at" -N 1 "$larger")
	cp "$larger" "$out/flip-$i.kwo"
	# shellcheck disable=SC2059
	printf "$(printf '\\%03o' $((byte ^ (1 << bit))))" | dd of="$out/flip-$i.kwo" bs=1 seek="$at" conv=notrunc status=none
	"$sign_file" sha256 "$key" "$cert" "$out/flip-$i.kwo"
done
