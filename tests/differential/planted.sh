#!/bin/bash
# Shows that the differential fuzzer finds what it is for: plants miscompilations in a copy of the sources, one at a
# time, builds wkc-fuzz with it, and says how long it takes to find a difference. The plants are planted/*.patch; the
# copy is build/planted.
# usage: tests/differential/planted.sh [NAME...]      NAME: of a patch; default: all
#   LIMIT=SECONDS             for each, 300 if not given
#   SEED=N                    the first seed
#   PLANTED_TARGET_DIR=DIR    where cargo builds, build/planted/target if not given
set -uo pipefail
cd "$(dirname "$0")/../.." || exit 1
limit=${LIMIT:-300}
patches=$PWD/tests/differential/planted
if [ $# -eq 0 ]; then
	mapfile -t names < <(cd "$patches" && printf '%s\n' *.patch)
	set -- "${names[@]}"
fi

copy=$PWD/build/planted
# of its own, or a program with a miscompilation in it would lie where the good one is looked for
export CARGO_TARGET_DIR=${PLANTED_TARGET_DIR:-$copy/target}
mkdir -p "$copy"
# A file that is as it was keeps its time, so that only what a patch changes is built again.
sources() {
	local file
	while read -r file; do
		cmp -s "$file" "$copy/$file" || install -D "$file" "$copy/$file"
	done < <(git ls-files --cached --others --exclude-standard)
}

# run PATCH SECONDS: builds with a patch, or without if its name is empty, and looks for a difference.
run() {
	sources
	if [ -n "$1" ] && ! patch -s -p1 -d "$copy" <"$1"; then
		echo "does not apply: correct $1"
		return 1
	fi
	cargo build --quiet --locked --release --manifest-path "$copy/Cargo.toml" -p wasmkc-differential --bin wkc-fuzz || return 1
	"$CARGO_TARGET_DIR/release/wkc-fuzz" --first --seconds "$2" --seed "${SEED:-0}" --out "$copy/found" --json \
		>"$copy/tally.json" 2>/dev/null
	return 0
}
# The first value of a name in the summary.
field() { sed -n "s/^ *\"$1\": //p" "$copy/tally.json" | head -n 1 | sed 's/,$//; s/^"//; s/"$//'; }

failed=0
# without a plant there must be no difference, or nothing of what follows says anything
run "" 20 || exit 1
if [ -n "$(field what)" ]; then
	printf 'not ok - nothing planted, but: %s\n' "$(field what)"
	exit 1
fi
printf 'ok - nothing planted: no difference in %s modules\n' "$(field modules)"
for name in "$@"; do
	name=${name%.patch}
	if ! run "$patches/$name.patch" "$limit"; then
		printf 'not ok - %s: cannot be built\n' "$name"
		failed=1
	elif [ -n "$(field what)" ]; then
		printf 'ok - %-24s found after %3.0f s, %5s modules: %s\n' "$name" "$(field seconds)" "$(field modules)" "$(field what)"
	else
		printf 'not ok - %s: not found in %s s, %s modules\n' "$name" "$limit" "$(field modules)"
		failed=1
	fi
done
exit $failed
