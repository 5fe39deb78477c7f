#!/bin/bash
# One and the same object on every machine: builds it and a capture with random contents, judges the packets in user
# space, boots each machine, where tests/vm/matrix.sh does the same in the kernel, and prints a table.
# Needs modules and programs of the machines (make test-matrix builds them).
# usage: tests/matrix.sh MACHINE/KERNEL...      SEED: of the capture; the time if not given
set -euo pipefail
cd "$(dirname "$0")/.."
. tests/on.sh
wasmkc=build/bin/wasmkc
common=build/matrix/common
seed=${SEED:-$(date +%s)}

mkdir -p "$common"
[ -f "$common/test.key" ] || $wasmkc keygen --key "$common/test.key" --cert "$common/test.crt" --subject "wasmkc test key"
$wasmkc build build/examples/l4drop.wasm -o "$common/l4drop.kwo" --name l4drop \
	--sign "$common/test.key" --cert "$common/test.crt" >/dev/null
build/bin/wkc-packets "$common/packets.pcap" --seed "$seed" >/dev/null
$wasmkc run "$common/l4drop.kwo" --cert "$common/test.crt" --trap-verdict drop --pcap "$common/packets.pcap" --json \
	>"$common/verdicts.json"
packets=$(grep -c '"index"' "$common/verdicts.json")
echo "object $(sha256sum <"$common/l4drop.kwo" | cut -c1-16), $packets packets of seed $seed"

# told LOG KEY: what the VM said of itself.
told() { sed -n "s/^# $2 //p" "$1" | head -n 1; }

table=build/matrix/table failed=0
row='%-9s %-22s %-9s %-13s %-17s %8s %9s\n'
# shellcheck disable=SC2059 # the format is the row
printf "$row" machine kernel engine hooks object seconds tests >"$table"
for pair; do
	on "${pair%/*}" "${pair#*/}"
	folder=build/matrix/host$suffix-$machine log=build/matrix/$machine-${pair#*/}.log
	mkdir -p "$folder"
	cp "$common"/{l4drop.kwo,test.crt,packets.pcap,verdicts.json} tests/vm/{lib,matrix}.sh "$programs/wkc-traffic" "$folder"
	status=0 begin=$(date +%s)
	vm/run --arch "$machine" --kernel "${pair#*/}" --leak-check --timeout 900 --dir "$folder" -- sh /host/matrix.sh >"$log" 2>"$log.err" || status=$?
	seconds=$(($(date +%s) - begin))
	good=$(grep -c '^ok ' "$log" || true) plan=$(sed -n 's/^1\.\.\([0-9]*\)$/\1/p' "$log")
	grep -A 12 '^not ok' "$log" || true
	if [ "$status" -ne 0 ] || [ "${plan:-none}" != "$good" ]; then
		failed=$((failed + 1))
		echo "$pair: status $status; $log has all" >&2
		tail -n 20 "$log.err" >&2
	fi
	# shellcheck disable=SC2059
	printf "$row" "$(told "$log" machine)" "$(told "$log" kernel)" "$(told "$log" engine)" "$(told "$log" hooks)" \
		"$(told "$log" object)" "$seconds" "$good of ${plan:-?}" >>"$table"
done
cat "$table"
[ "$failed" -eq 0 ]
