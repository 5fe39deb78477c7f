# shellcheck shell=sh
# One object on every machine: tests/matrix.sh boots each and runs this. The object's verdicts, fuel, traps and their
# places are those of `wasmkc run` on the machine that built it, and it drops and passes real packets.
. /host/lib.sh
two_hosts
echo "# machine $(uname -m)"
echo "# kernel $(uname -r)"
ok "trust add" wasmkc trust add /host/test.crt
ok "load" wasmkc load /host/l4drop.kwo --trap-verdict drop
wasmkc list --json >/tmp/list.json
echo "# engine $(json engine /tmp/list.json)"
echo "# object $(sha256sum </host/l4drop.kwo | cut -c1-16)"

# compare NAME OPTIONS...: every packet of the capture, as user space judged it.
compare() {
	what=$1
	shift
	wasmkc run --loaded l4drop --pcap /host/packets.pcap --json "$@" >/tmp/kernel.json 2>/tmp/kernel.log
	diff /host/verdicts.json /tmp/kernel.json >/tmp/differences
	ok "$what: every packet is judged as in user space" sh -c "test \$(wc -l </tmp/kernel.json) -gt 1 && ! head -n 6 /tmp/differences | grep . && ! grep . /tmp/kernel.log"
}
compare "by the loader" --direct

# attached MODE: drops and passes packets of a veth pair.
attached() {
	ok "$1: attach" on_dst wasmkc attach l4drop --dev vdst --mode "$1"
	dropped=$(number l4drop drop) before=$(udp_arrived)
	ok "$1: send what it drops" on_src wkc-traffic udp 10.9.0.2:9999 --count 50 --pause 500
	ok "$1: dropped" eventually counted l4drop drop $((dropped + 50))
	equal "$1: none arrives" "$(($(udp_arrived) - before))" 0
	ok "$1: send what it passes" on_src wkc-traffic udp 10.9.0.2:7000 --count 50 --pause 500
	eventually received "$before" 50
	equal "$1: all arrive" "$(($(udp_arrived) - before))" 50
	ok "$1: send by IPv6" on_src wkc-traffic udp '[fd09::2]:9999' --count 50 --pause 500
	ok "$1: dropped by IPv6" eventually counted l4drop drop $((dropped + 100))
	ok "$1: detach" on_dst wasmkc detach l4drop --dev vdst
}

if wasmkc doctor | grep -q 'hooks .*XDP by function'; then
	echo "# hooks xdp+ingress"
	compare "by BPF_PROG_TEST_RUN"
	attached native
	attached generic
else
	echo "# hooks ingress"
	fails_with "native XDP names the other hook" "--mode ingress" on_dst wasmkc attach l4drop --dev vdst
	fails_with "generic XDP, too" "--mode ingress" on_dst wasmkc attach l4drop --dev vdst --mode generic
fi
attached ingress
ok "unload" wasmkc unload l4drop
ok "rmmod" rmmod wasmkc
finish
