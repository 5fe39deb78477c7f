#!/bin/sh
# Fills build/scenarios, which the VM sees as /host: scenarios, traffic sender, keys, and every filter of
# examples/ and tests/filters compiled, audited and signed; then the files that must be refused.
# Needs build/bin/{wasmkc,wkc-traffic,wkc-packets}, build/examples/*.wasm and the kernel's sign-file ($1).
set -eu
cd "$(dirname "$0")/.."
sign_file=$1
out=build/scenarios
wasmkc=build/bin/wasmkc
mkdir -p "$out"
cp tests/vm/*.sh build/bin/wkc-traffic build/bin/wkc-packets "$out"
for key in test other; do
	[ -f "$out/$key.key" ] || $wasmkc keygen --key "$out/$key.key" --cert "$out/$key.crt" --subject "wasmkc $key key"
done
key="--sign $out/test.key --cert $out/test.crt"
for wat in tests/filters/*.wat; do
	name=$(basename "$wat" .wat)
	wat2wasm "$wat" -o "$out/$name.wasm"
	# shellcheck disable=SC2086 # $key is two options with their values
	$wasmkc build "$out/$name.wasm" -o "$out/$name.kwo" --name "$name" $key >/dev/null
done
for name in l4drop drop-port; do
	# shellcheck disable=SC2086
	$wasmkc build "build/examples/$name.wasm" -o "$out/$name.kwo" --name "$name" $key >/dev/null
done
$wasmkc build "$out/pass.wasm" -o "$out/unsigned.kwo" >/dev/null
$wasmkc build "$out/pass.wasm" -o "$out/unknown-key.kwo" --sign "$out/other.key" --cert "$out/other.crt" >/dev/null
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
cp build/wxwalk/wxwalk.ko "$out"
cp build/kmod/wasmkc.ko "$out/signed-module.ko"
"$sign_file" sha256 "$out/test.key" "$out/test.crt" "$out/signed-module.ko"
