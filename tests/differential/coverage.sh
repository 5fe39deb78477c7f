#!/bin/bash
# What the differential fuzzer reaches of the compiler: line coverage of each file of compiler/src/translate, and of
# the whole compiler. Only the workspace's crates are instrumented.
# usage: tests/differential/coverage.sh [SECONDS] [wkc-fuzz's options]      SECONDS: 300
#   UNCOVERED=FILE    also writes the lines that were not reached to FILE
set -euo pipefail
cd "$(dirname "$0")/../.."
seconds=${1:-300}
[ $# -eq 0 ] || shift

tools=$(rustc --print sysroot)/lib/rustlib/x86_64-unknown-linux-gnu/bin
if [ ! -x "$tools/llvm-cov" ]; then
	echo "installs llvm-tools, which reads what the instrumented code writes"
	rustup component add llvm-tools
fi

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cat >"$work/rustc" <<'WRAPPER'
#!/bin/sh
exec "$@" -C instrument-coverage
WRAPPER
chmod +x "$work/rustc"
mkdir -p build
install -C "$work/rustc" build/coverage-rustc

export LLVM_PROFILE_FILE="$work/%p-%m.profraw"
RUSTC_WORKSPACE_WRAPPER=$PWD/build/coverage-rustc cargo build --quiet --locked --release -p wasmkc-differential \
	--bin wkc-fuzz
fuzz=$work/wkc-fuzz
cp "${CARGO_TARGET_DIR:-target}/release/wkc-fuzz" "$fuzz"
"$fuzz" --seconds "$seconds" --out "$work/found" "$@"

"$tools/llvm-profdata" merge -sparse "$work"/*.profraw -o "$work/all.profdata"
mapfile -t sources < <(find "$PWD/compiler/src" -name '*.rs')
cov() {
	local what=$1
	shift
	"$tools/llvm-cov" "$what" "$fuzz" -instr-profile="$work/all.profdata" "$@" -sources "${sources[@]}"
}
if [ -n "${UNCOVERED:-}" ]; then
	cov show -use-color=false | awk -F'|' '/^\// { file = $0 } $2 ~ /^ *0$/ { print file $1 "|" $3 }' >"$UNCOVERED"
fi
# of `llvm-cov report` the columns of lines: how many, how many missed
cov report | awk '
	function line(name, lines, missed) {
		printf "%-34s %6d lines %6.1f %%\n", name, lines, lines ? 100 * (lines - missed) / lines : 0
	}
	/translate\// { all += $8; left += $9; line($1, $8, $9) }
	/^TOTAL/ { line("translate", all, left); line("the compiler", $8, $9) }'
