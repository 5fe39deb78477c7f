# shellcheck shell=sh
# User space and the kernel run the same bytes with the same result: for every packet of a capture the verdict,
# the fuel, the trap and its place are equal, and so is the hash of the code. Every filter of tests/filters too.
# The capture's packets have 14 to 3520 bytes: what the kernel gives an XDP program, and a test run takes.
. /host/lib.sh
ok "trust add" wasmkc trust add /host/test.crt
ok "the capture" wkc-packets /tmp/all.pcap
ok "a short capture" wkc-packets /tmp/few.pcap --random 20

# same NAME CAPTURE: object NAME on both sides.
same() {
	ok "$1: load" wasmkc load "/host/$1.kwo" --trap-verdict drop
	wasmkc run "/host/$1.kwo" --cert /host/test.crt --trap-verdict drop --pcap "$2" --json >/tmp/here.json 2>/tmp/here.log
	wasmkc run --loaded "$1" --pcap "$2" --json >/tmp/kernel.json 2>/tmp/kernel.log
	# The trampolines' frames differ by a few bytes, so recursion may end one call, and its fuel, apart.
	[ "$1" = endless-recursion ] && sed -i 's/"fuel":[0-9]*,//' /tmp/here.json /tmp/kernel.json
	diff /tmp/here.json /tmp/kernel.json >/tmp/differences
	ok "$1: equal for every packet" sh -c "test \$(wc -l </tmp/here.json) -gt 1 && ! head -n 6 /tmp/differences | grep . && ! grep -v 'judged none' /tmp/kernel.log"
	wasmkc inspect "/host/$1.kwo" --extract "$(uname -m)" -o /tmp/part.kwo
	wasmkc inspect /tmp/part.kwo --json >/tmp/inspect.json
	wasmkc list --json >/tmp/list.json
	equal "$1: the same code" "$(json text_sha256 /tmp/list.json)" "$(json text_sha256 /tmp/inspect.json)"
	ok "$1: unload" wasmkc unload "$1"
}

same l4drop /tmp/all.pcap
equal "l4drop: as many packets as were written" "$(grep -c '"index"' /tmp/kernel.json)" "$(grep -c '"index"' /tmp/here.json)"
ok "l4drop: some dropped, some passed" sh -c "grep -q '\"verdict\":\"drop\"' /tmp/kernel.json && grep -q '\"verdict\":\"pass\"' /tmp/kernel.json"
same drop-port /tmp/all.pcap
for wasm in /host/*.wasm; do
	same "$(basename "$wasm" .wasm)" /tmp/few.pcap
done

ok "attached: attach" wasmkc attach /host/pass.kwo --dev lo --mode generic
fails_with "attached: its counters move by themselves" "attached" wasmkc run --loaded pass --pcap /tmp/few.pcap
ok "attached: detach" wasmkc detach pass --dev lo
ok "attached: unload" wasmkc unload pass
fails_with "a program that is not loaded" "no program" wasmkc run --loaded nothing --pcap /tmp/few.pcap
finish
