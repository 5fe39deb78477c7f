# shellcheck shell=sh
# vm: --icount
# Deterministic cost: instructions a packet under -icount. `make bench-kernel` has the table; this is its bound.
. /host/lib.sh
two_hosts
ok "trust add" wasmkc trust add /host/test.crt
# A packet that l4drop passes.
{ printf '\002\000\000\000\000\002\002\000\000\000\000\001\010\000'
	printf '\105\000\000\064\000\001\000\000\100\021\000\000\012\011\000\001\012\011\000\002'
	printf '\047\020\033\130\000\040\000\000'
	printf 'hello, this is a payload'; } >/tmp/pass.bin
mkdir -p /sys/fs/bpf/cost
for p in null l4drop; do
	[ -f "/host/$p.bpf.o" ] && ok "load $p in eBPF" bpftool prog load "/host/$p.bpf.o" "/sys/fs/bpf/cost/$p" type xdp
done
ok "null eBPF program is there" test -e /sys/fs/bpf/cost/null
# cost PINNED
cost() { instructions "$1" /tmp/pass.bin | cut -d ' ' -f 1; }
null=$(cost /sys/fs/bpf/cost/null)
echo "# null eBPF program: $null instructions a packet"
if [ -e /sys/fs/bpf/cost/l4drop ]; then
	cost=$(cost /sys/fs/bpf/cost/l4drop)
	echo "# l4drop in eBPF: $cost, $((cost - null)) above null"
fi
for p in pass l4drop; do
	ok "attach $p" on_dst wasmkc attach "/host/$p.kwo" --dev vdst
	pin_attached "$p" "/sys/fs/bpf/cost/wkc_$p"
	cost=$(cost "/sys/fs/bpf/cost/wkc_$p")
	echo "# $p in wasmkc: $cost, $((cost - null)) above null"
	rm "/sys/fs/bpf/cost/wkc_$p"
	ok "$p was measured" test -n "$cost"
	# What the loader itself costs shows in a filter that does nothing; the count is exact, so more is a change.
	if [ "$p $(uname -m)" = "pass x86_64" ]; then
		equal "what every packet costs" "$([ "$cost" -gt "$null" ] && [ $((cost - null)) -le 66 ] && echo yes || echo $((cost - null)))" yes
	fi
	ok "detach $p" on_dst wasmkc detach "$p" --dev vdst
	ok "unload $p" wasmkc unload "$p"
done
finish
