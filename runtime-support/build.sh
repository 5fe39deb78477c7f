#!/bin/sh
# Builds softfloat.wasm, which the compiler contains.
# usage: runtime-support/build.sh              writes softfloat.wasm
#        runtime-support/build.sh --check      fails if softfloat.wasm is not what the sources give
#        runtime-support/build.sh test [...]   compares every operation with the processor's (PAIRS=10000000 for long)
set -eu
cd "$(dirname "$0")"
# compiler_builtins alone may use what is not stable yet. wide-arithmetic gives 128-bit products without memory;
# the compiler of this project translates it for this module.
export RUSTC_BOOTSTRAP=compiler_builtins
case ${1-} in
test)
	shift
	exec cargo test --locked "$@"
	;;
"" | --check) ;;
*)
	sed -n '2,5s/^# //p' "$0" >&2
	exit 2
	;;
esac
export RUSTFLAGS="-Ctarget-feature=+wide-arithmetic"
target=${CARGO_TARGET_DIR:-target}
mkdir -p "$target"
log=$target/softfloat.log
cargo build --locked --quiet --release --target wasm32-unknown-unknown 2>"$log" || { cat "$log" >&2 && exit 1; }
# rustc says at each build that wide-arithmetic is not stable.
! grep -E '^warning' "$log" | grep -vE 'wide-arithmetic|generated 1 warning' >&2 || exit 1
built=$target/wasm32-unknown-unknown/release/wasmkc_runtime_support.wasm
if [ "${1-}" = --check ]; then
	cmp "$built" softfloat.wasm || { echo "runtime-support/softfloat.wasm is not what the sources give: run runtime-support/build.sh" >&2 && exit 1; }
else
	cp "$built" softfloat.wasm
fi
