#!/bin/sh
# Fills build/demo, which the VM sees as /host for `make demo`: the demonstration, traffic sender, a key, l4drop signed.
# Needs build/bin/{wasmkc,wkc-traffic} and build/examples/l4drop.wasm.
set -eu
cd "$(dirname "$0")/.."
out=build/demo
wasmkc=build/bin/wasmkc
mkdir -p "$out"
cp tests/vm/lib.sh tests/vm/demo.sh build/bin/wkc-traffic "$out"
[ -f "$out/test.key" ] ||
	$wasmkc keygen --key "$out/test.key" --cert "$out/test.crt" --subject "wasmkc demo key" >/dev/null
$wasmkc build build/examples/l4drop.wasm -o "$out/l4drop.kwo" --sign "$out/test.key" --cert "$out/test.crt" >/dev/null
