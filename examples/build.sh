#!/bin/sh
# Builds every example to build/examples/NAME.wasm. Needs cargo with the wasm32-unknown-unknown target,
# and clang with lld (Debian: clang-19 lld-19, or clang lld).
set -eu
cd "$(dirname "$0")/.."
root=$(pwd)
out=$root/build/examples
mkdir -p "$out"

clang=
for candidate in ${CLANG:-} clang-19 clang; do
	if command -v "$candidate" >/dev/null 2>&1; then
		clang=$candidate
		break
	fi
done
if [ -z "$clang" ]; then
	echo "examples/build.sh: no clang: apt-get install clang-19 lld-19, or set CLANG" >&2
	exit 1
fi

echo "l4drop (Rust)"
# No path of this machine in the line tables: builds are reproducible.
(
	cd examples/l4drop
	std=$(rustc --print sysroot)/lib/rustlib/src/rust
	cargo build --quiet --release --locked --target-dir "$out/target" --config \
		"target.wasm32-unknown-unknown.rustflags=[\"--remap-path-prefix=$root=.\", \"--remap-path-prefix=$std=rust\"]"
)
cp "$out/target/wasm32-unknown-unknown/release/l4drop.wasm" "$out/l4drop.wasm"

echo "drop-port (C, $clang)"
"$clang" --target=wasm32 -O2 -g -Wall -Wextra -Werror -nostdlib -ffile-prefix-map="$root"=. \
	-Wl,--no-entry,--stack-first,-zstack-size=16384 -I abi/guest/c \
	examples/drop-port/drop-port.c -o "$out/drop-port.wasm"

ls -l "$out"/*.wasm
