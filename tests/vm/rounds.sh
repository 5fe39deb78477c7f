# shellcheck shell=sh
# Rounds of load, failed load, call, trap in a call, attach, traffic, detach and unload leave arena bytes, memory,
# vmalloc areas and BPF ids exactly as they were, and no round adds a KiB to kmalloc.
# ROUNDS says how many; the default keeps a test run short, a thousand take a good twenty minutes without KVM:
#   vm/run --timeout 3600 --dir build/scenarios -- env ROUNDS=1000 sh /host/rounds.sh
. /host/lib.sh
ROUNDS=${ROUNDS:-60}

# One round, called by `leak rounds`; its status says whether all of it went as it should.
if [ "${1:-}" = round ]; then
	wasmkc load /host/l4drop.kwo && ! wasmkc load /host/changed.kwo && ! wasmkc load /host/l4drop.kwo || exit
	wasmkc load /host/math.kwo && wasmkc call math hypot 3 4 && ! wasmkc call math divide 1 0 || exit
	wasmkc unload math || exit
	on_dst wasmkc attach l4drop --dev vdst || exit
	before=$(udp_arrived)
	on_src wkc-traffic udp 10.9.0.2:9999 --count 3 || exit
	[ "$(udp_arrived)" = "$before" ] || exit
	on_dst wasmkc detach l4drop --dev vdst && wasmkc unload l4drop
	exit
fi

two_hosts
quiet
ok "trust add" wasmkc trust add /host/test.crt
# The first round fills the kernel's own caches.
ok "a round" sh /host/rounds.sh round
ok "the state before" /lib/vm/leak baseline /tmp/before
sed 's/^/# /' /tmp/before
/lib/vm/leak rounds "$ROUNDS" 1024 sh /host/rounds.sh round >/tmp/rounds
status=$?
sed 's/^/# /' /tmp/rounds
equal "rounds that went as they should" "$(sed -n 's/^leak: \([0-9]*\) of .*/\1/p' /tmp/rounds)" "$ROUNDS"
equal "no round leaves a KiB of kmalloc" "$status" 0
ok "everything is back" /lib/vm/leak compare /tmp/before
finish
