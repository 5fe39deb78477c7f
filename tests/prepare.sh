#!/bin/sh
# Fills build/scenarios, which the VM sees as /host: scenarios, traffic sender, keys, and every filter of
# examples/ and tests/filters compiled, audited and signed; then the files that must be refused.
# Needs build/bin/{wasmkc,wkc-traffic,wkc-packets,wkc-control,wkc-wat,wkc-join}, build/examples/*.wasm and the kernel's sign-file.
# usage: tests/prepare.sh SIGN_FILE [MACHINE KERNEL]      for another machine or kernel: build/scenarios-MACHINE-KERNEL
set -eu
cd "$(dirname "$0")/.."
. tests/on.sh
sign_file=$1
on "${2-x86_64}" "${3-6.12}"
wasmkc=build/bin/wasmkc
mkdir -p "$out"
cp tests/vm/*.sh "$programs/wkc-traffic" "$programs/wkc-packets" "$programs/wkc-control" "$out"
for key in test other; do
	[ -f "$out/$key.key" ] || $wasmkc keygen --key "$out/$key.key" --cert "$out/$key.crt" --subject "wasmkc $key key"
done
# build WASM NAME [--fuel N]: NAME.kwo, signed with the trusted key.
build() {
	wasm=$1 name=$2
	shift 2
	signed test "$wasm" "$out/$name.kwo" --name "$name" "$@"
}
# straight_line COUNT: a filter without a loop, five operators COUNT times on a value that no compiler knows.
straight_line() {
	awk -v count="$1" 'BEGIN {
		print "(module (import \"xdp\" \"len\" (func $len (result i32))) (global $sink (mut i32) (i32.const 0))"
		print "(func (export \"xdp\") (result i32) (local i32) (local.set 0 (call $len))"
		while (count--) print "local.get 0 i32.const 7 i32.add i32.const 3 i32.mul local.set 0"
		print "(global.set $sink (local.get 0)) (i32.const 2)))"
	}'
}
temporary=$(mktemp -d)
trap 'rm -rf "$temporary"' EXIT
: >"$out/traps.list"
for wat in tests/filters/*.wat; do
	name=$(basename "$wat" .wat)
	build/bin/wkc-wat "$wat" "$out/$name.wasm"
	build "$out/$name.wasm" "$name"
	# The trap that its comment promises; bound.sh and traps.sh try every line.
	sed -n "s/^;;.*Trap: \([a-z-]*\)\$/$name \1/p" "$wat" >>"$out/traps.list"
done
# 60,000 operators are within the fuel of a packet; 300,000 are not, and are told so before the first of them.
for count in 12000 60000; do
	straight_line $count >"$temporary/straight-line-$count.wat"
	build/bin/wkc-wat "$temporary/straight-line-$count.wat" "$temporary/straight-line-$count.wasm"
	build "$temporary/straight-line-$count.wasm" "straight-line-$count"
done
# dear TEXT [FUNCTIONS]: TEXT fifty times in an endless loop, beside a table of FUNCTIONS functions.
dear() {
	awk -v text="$1" -v functions="${2:-1}" 'BEGIN {
		print "(module (memory 1) (type $t (func)) (global $index (mut i32) (i32.const 77)) (global $bits (mut i64) (i64.const 77))"
		for (i = 0; i < functions; i++) { print "(func $f" i ")"; all = all " $f" i }
		print "(table " functions " funcref) (elem (i32.const 0)" all ")"
		print "(func (export \"xdp\") (result i32) (loop $again"
		for (i = 0; i < 50; i++) print text
		print "(br $again)) unreachable))"
	}'
}
# The operators that take the most instructions for a unit of fuel, as far as we know.
# shellcheck disable=SC2016 # the dollars are names in the text format
{
	dear '(memory.fill (i32.const 1) (i32.const 1) (i32.const 7))' >"$temporary/dear-fills.wat"
	dear '(global.set $bits (i64.popcnt (i64.popcnt (i64.popcnt (i64.popcnt (i64.popcnt (global.get $bits)))))))' >"$temporary/dear-popcnt.wat"
	dear '(call_indirect (type $t) (global.get $index))' 4000 >"$temporary/dear-indirect-calls.wat"
}
for name in dear-fills dear-popcnt dear-indirect-calls; do
	build/bin/wkc-wat "$temporary/$name.wat" "$temporary/$name.wasm"
	build "$temporary/$name.wasm" "$name"
done
# What only a scenario uses: the wasm stays away, as same.sh compares every one that is there.
for wat in tests/filters/races/*.wat tests/filters/callable/*.wat tests/filters/hooks/*.wat; do
	name=$(basename "$wat" .wat)
	build/bin/wkc-wat "$wat" "$temporary/$name.wasm"
	build "$temporary/$name.wasm" "$name"
done
# As many exports as there may be, with the longest names.
awk 'BEGIN {
	for (i = 0; i < 250; i++) tail = tail "x"
	print "(module (func $f (result i32) i32.const 1)"
	for (i = 0; i < 4096; i++) printf "(export \"e%04d%s\" (func $f))\n", i, tail
	print ")"
}' >"$temporary/many.wat"
build/bin/wkc-wat "$temporary/many.wat" "$temporary/many.wasm"
# Its names and their symbols are too much for one object with all targets.
build "$temporary/many.wasm" many --target "$machine"
# bound.sh's control: a loop with a hundred times the fuel.
build "$out/endless-loop.wasm" long-loop --fuel 10000000
for name in l4drop drop-port; do
	build "build/examples/$name.wasm" "$name"
done
unsigned "$out/pass.wasm" "$out/unsigned.kwo" --name pass
signed other "$out/pass.wasm" "$out/unknown-key.kwo" --name pass
# One byte of the text of a signed object, changed.
cp "$out/l4drop.kwo" "$out/changed.kwo"
printf '\314' | dd of="$out/changed.kwo" bs=1 seek=200 conv=notrunc status=none
cp "$out/unsigned.kwo" "$out/sign-file.kwo"
"$sign_file" sha256 "$out/test.key" "$out/test.crt" "$out/sign-file.kwo"
# The same by openssl alone: PKCS#7, its length in struct module_signature, the magic text.
openssl cms -sign -binary -noattr -nocerts -md sha256 -signer "$out/test.crt" -inkey "$out/test.key" \
	-in "$out/unsigned.kwo" -outform DER -out "$out/openssl.p7s"
length=$(stat -c %s "$out/openssl.p7s")
{
	cat "$out/unsigned.kwo" "$out/openssl.p7s"
	# shellcheck disable=SC2059 # the format is the bytes
	printf "\\0\\0\\002\\0\\0\\0\\0\\0$(printf '\\%03o\\%03o\\%03o\\%03o' $((length >> 24)) $((length >> 16 & 255)) $((length >> 8 & 255)) $((length & 255)))"
	echo "~Module signature appended~"
} >"$out/openssl.kwo"
# What is spoiled in them must be what the VM's loader takes; the other machine's stands beside it.
other=aarch64
[ "$machine" = x86_64 ] || other=x86_64
unsigned "$out/log-in-a-loop.wasm" "$temporary/small.kwo" --name small --target "$machine"
unsigned build/examples/l4drop.wasm "$temporary/larger.kwo" --name larger --target "$machine"
unsigned "$out/log-in-a-loop.wasm" "$temporary/other.kwo" --name small --target "$other"
tests/bad-objects.sh "$out/bad" "$temporary/small.kwo" "$temporary/larger.kwo" "$sign_file" "$out/test.key" "$out/test.crt"
tests/bad-targets.sh "$out/bad-targets" "$machine" "$temporary/small.kwo" "$other" "$temporary/other.kwo" "$sign_file" \
	"$out/test.key" "$out/test.crt"
cp "$wxwalk/wxwalk.ko" "$out"
"${cross}objcopy" -R .BTF "$kmod/wasmkc.ko" "$out/no-btf.ko"
cp "$kmod/wasmkc.ko" "$out/signed-module.ko"
"$sign_file" sha256 "$out/test.key" "$out/test.crt" "$out/signed-module.ko"
# For wx.sh: name and length of each section.
"${cross}readelf" -SW "$kmod/wasmkc.ko" | sed -n 's/^ *\[ *[0-9]*\] //p' | awk '$1 ~ /^\./ { print $1, $5 }' >"$out/sections"
