#!/bin/sh
# Writes objects for several targets that a trusted key has signed and that are put together wrongly: NAME.kwo and, in
# the file `list`, "NAME TEXT" a line, where TEXT is what the loader must say; in `forced` those that are refused where
# portable code is asked for; in `audited` those that load here, as they are wrong elsewhere only, with what the audit
# says. `changed.kwo` is changed after it was signed, `whole.kwo` is good.
# usage: bad-targets.sh OUT TARGET UNSIGNED.kwo OTHER-TARGET UNSIGNED.kwo SIGN-FILE KEY CERT
# Needs build/bin/{wasmkc,wkc-join}. Each UNSIGNED.kwo is for its target alone; the first is the loader's own.
set -eu
out=$1 target=$2 ours=$3 other=$4 theirs=$5 sign_file=$6 key=$7 cert=$8
mkdir -p "$out"
rm -f "$out"/*
temporary=$(mktemp -d)
trap 'rm -rf "$temporary"' EXIT
portable=.wkc.target.portable
inner=.wkc.target.$other

# at FILE SECTION: where it begins. In a file that readelf takes for one of no machine, too.
at() { readelf -SW "$1" 2>/dev/null | sed -n "s/^ *\\[ *[0-9]*\\] $2  *[A-Z]* *[0-9a-f]* \\([0-9a-f]*\\) .*/0x\\1/p"; }
# put FILE OFFSET BYTES: BYTES (as for printf) there.
put() {
	# shellcheck disable=SC2059 # the format is the bytes
	printf "$3" | dd of="$1" bs=1 seek="$(($2))" conv=notrunc status=none
}
# copy FILE: a fresh copy of it, $temporary/part.
copy() { cp "$1" "$temporary/part"; }
# signed LIST NAME TEXT OUTER [SECTION=FILE...]: joins and signs NAME.kwo.
signed() {
	list=$1 name=$2 text=$3
	shift 3
	object=$1
	shift
	build/bin/wkc-join "$object" "$out/$name.kwo" "$@"
	"$sign_file" sha256 "$key" "$cert" "$out/$name.kwo"
	echo "$name $text" >>"$out/$list"
}

# Bytecode in form, with the instructions of this machine: e_machine 0, and `machine` and `bytecode` of Meta.
cp "$ours" "$temporary/bytecode"
put "$temporary/bytecode" 18 '\0\0'
meta=$(at "$ours" '\.wkc\.meta')
put "$temporary/bytecode" "$meta + 12" '\144\360\060\0'

signed list no-code-for-this-machine 'the object has no code for this machine, and no portable code' "$theirs"
copy "$temporary/bytecode" && put "$temporary/part" 4 '\001'
signed list bytecode-of-another-width "$portable: not an ELF64 little-endian" "$ours" $portable="$temporary/part"
copy "$temporary/bytecode" && put "$temporary/part" 5 '\002'
signed list bytecode-of-another-byte-order "$portable: not an ELF64 little-endian" "$ours" $portable="$temporary/part"
copy "$temporary/bytecode" && put "$temporary/part" "$meta + 14" '\057'
signed forced bytecode-of-another-version 'bytecode of another version, width or byte order' "$ours" $portable="$temporary/part"
signed forced no-portable-code 'the object has no portable code, which was asked for' "$ours" "$inner=$theirs"
copy "$theirs" && put "$temporary/part" 1 'e'
signed list other-target-is-no-elf "$inner: not an ELF64 little-endian" "$ours" "$inner=$temporary/part"
copy "$theirs" && put "$temporary/part" 40 '\377\377\377\377\377\377\377\177'
signed list other-target-out-of-itself "$inner+0x28: a range passes the end of the file" "$ours" "$inner=$temporary/part"
signed list two-for-one-machine "$inner: the object has two codes for one target" "$ours" "$inner=$theirs" "$inner=$theirs"
signed list outer-also-inner ".wkc.target.$target: the object has two codes for one target" "$ours" .wkc.target."$target"="$ours"
signed list for-another-machine-than-named "$portable: the inner object is for another machine" "$ours" $portable="$theirs"
signed list of-an-unknown-target 'an inner object is for a target that this loader does not know' "$ours" .wkc.target.z80="$theirs"
build/bin/wkc-join "$theirs" "$temporary/nested" $portable="$temporary/bytecode"
signed list inner-in-an-inner "$inner: an inner object contains inner objects" "$ours" "$inner=$temporary/nested"
copy "$theirs" && "$sign_file" sha256 "$key" "$cert" "$temporary/part"
signed list inner-is-signed "$inner: an inner object has a signature of its own" "$ours" "$inner=$temporary/part"
# The last header is the inner section's: sh_offset at 24, sh_size at 32.
for field in offset=40 size=32; do
	build/bin/wkc-join "$ours" "$temporary/joined" "$inner=$theirs"
	put "$temporary/joined" "$(stat -c %s "$temporary/joined") - ${field#*=} + 4" '\001'
	cp "$temporary/joined" "$out/inner-${field%=*}-out-of-bounds.kwo"
	"$sign_file" sha256 "$key" "$cert" "$out/inner-${field%=*}-out-of-bounds.kwo"
	echo "inner-${field%=*}-out-of-bounds a range passes the end of the file" >>"$out/list"
done
# Not form: the loader here does not read it, and nobody else is to.
copy "$theirs" && put "$temporary/part" "$(at "$theirs" '\.text') + 4" '\377\377\377\377'
signed audited corrupted-code-of-another-target ": for $other" "$ours" "$inner=$temporary/part"
copy "$theirs" && put "$temporary/part" "$(at "$theirs" '\.wkc\.meta')" 'W'
signed audited corrupted-tables-of-another-target "for $other" "$ours" "$inner=$temporary/part"

signed good whole 'is good' "$ours" "$inner=$theirs"
cp "$out/whole.kwo" "$out/changed.kwo"
put "$out/changed.kwo" "$(at "$out/whole.kwo" "$(echo "$inner" | sed 's/\./\\./g')") + 700" 'changed'
! cmp -s "$out/whole.kwo" "$out/changed.kwo"
