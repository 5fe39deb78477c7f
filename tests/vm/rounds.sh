# shellcheck shell=sh
# Rounds of load, failed load and unload leave arena bytes, memory, vmalloc areas and BPF ids exactly as they were.
# ROUNDS says how many; the default keeps a test run short, a thousand take a quarter of an hour without KVM.
. /host/lib.sh
ROUNDS=${ROUNDS:-60}
ok "trust add" wasmkc trust add /host/test.crt
round() {
	wasmkc load /host/l4drop.kwo && ! wasmkc load /host/changed.kwo && ! wasmkc load /host/l4drop.kwo && wasmkc unload l4drop
}
# The first round fills the kernel's own caches.
round >/dev/null 2>&1
ok "the state before" /lib/vm/leak baseline /tmp/before
sed 's/^/# /' /tmp/before
i=0
good=0
while [ $i -lt "$ROUNDS" ]; do
	round >/dev/null 2>&1 && good=$((good + 1))
	i=$((i + 1))
done
equal "rounds that went as they should" "$good" "$ROUNDS"
ok "everything is back" /lib/vm/leak compare /tmp/before
finish
