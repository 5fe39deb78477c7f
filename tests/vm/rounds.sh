# shellcheck shell=sh
# A thousand rounds of load, failed load and unload leave arena, memory, vmalloc areas and BPF ids as they were.
. /host/lib.sh
ROUNDS=${ROUNDS:-1000}
ok "trust add" wasmkc trust add /host/test.crt
state() {
	wasmkc doctor --json >/tmp/doctor.json
	for key in arena_used rodata_used memory_used programs; do
		printf '%s=%s ' "$key" "$(json $key /tmp/doctor.json)"
	done
	printf 'vmalloc=%s ' "$(grep -c wasmkc /proc/vmallocinfo)"
	printf 'bpf=%s\n' "$(bpftool prog list | grep -c wkc_)"
}
round() {
	wasmkc load /host/l4drop.kwo && ! wasmkc load /host/changed.kwo && ! wasmkc load /host/l4drop.kwo && wasmkc unload l4drop
}
round >/dev/null 2>&1
start=$(state)
echo "# $start"
i=0
good=0
while [ $i -lt "$ROUNDS" ]; do
	round >/dev/null 2>&1 && good=$((good + 1))
	i=$((i + 1))
done
equal "rounds that went as they should" "$good" "$ROUNDS"
equal "everything is back" "$(state)" "$start"
finish
