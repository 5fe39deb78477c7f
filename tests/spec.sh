#!/bin/bash
# The official WebAssembly suite in a stock kernel: plans and objects are made here, the objects signed, and all of it
# called in the VM; a number that passes through every object there proves that it ran.
# Needs build/bin/{wasmkc,wkc-spec} and build/kmod. Leaves build/spec-kernel.xml, the report as JUnit XML.
# usage: tests/spec.sh [OPTION...]      options of wkc-spec that say which scripts: --suite NAME, --file NAME
set -euo pipefail
cd "$(dirname "$0")/.."
out=build/spec
wasmkc=build/bin/wasmkc
rm -rf "$out"
mkdir -p "$out/plans" "$out/results"
$wasmkc keygen --key "$out/key" --cert "$out/spec.crt" --subject "wasmkc specification suite"
build/bin/wkc-spec --emit "$out/plans" --keys "$out/keys" "$@"
find "$out/plans" -name '*.kwo' -print0 |
	xargs -0 -P "$(nproc)" -I{} "$wasmkc" sign {} --key "$out/key" --cert "$out/spec.crt" >/dev/null
mkdir "$out/vm"
mv "$out/plans" "$out/spec.crt" "$out/vm"
cp build/bin/wkc-spec "$out/vm"
# The same script with one wrong result must fail: of its plan, a number that is returned is another one.
wrong=$(grep -l '"results":\[{"low":' "$out"/vm/plans/*.plan | head -n 1)
if [ -n "$wrong" ]; then
	mkdir "$out/vm/wrong"
	cp "${wrong%.plan}".*.kwo "$out/vm/wrong"
	sed '0,/"results":\[{"low":[0-9]*/s//"results":[{"low":3735928559/' "$wrong" >"$out/vm/wrong/$(basename "$wrong")"
fi
nonce=$(od -An -N8 -tu8 /dev/urandom | tr -d ' ')
status=0
vm/run --timeout 3000 --memory 2048 --dir "$out/vm" --out "$out/results" -- sh -c "
	wasmkc trust add /host/spec.crt &&
	/host/wkc-spec --run-plan /host/plans --engine kernel --nonce $nonce --junit /out/spec-kernel.xml 2>/out/log
	status=\$?; cat /out/log
	[ ! -d /host/wrong ] || /host/wkc-spec --run-plan /host/wrong --engine kernel >/out/wrong 2>&1
	exit \$status" || status=$?
if [ -n "$wrong" ] && ! grep -q ' passed, 1 failed, 0 skipped' "$out/results/wrong"; then
	echo "a wrong expectation did not fail:" && cat "$out/results/wrong"
	status=1
fi
cp "$out/results/spec-kernel.xml" build
answer=$(awk '/^nonce / { print $4 }' "$out/results/log")
build/bin/wkc-spec --nonce "$nonce" --check "${answer:-0}" --keys "$out/keys"
exit "$status"
