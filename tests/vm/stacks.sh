# shellcheck shell=sh
# A packet has the same stack wherever it comes: on the stack of interrupts, as what a veth pair carries, or on a task's,
# as in a test run, and whichever the packet before it came on. Seen by what a filter that recurses without end burns
# until its stack is full: fuel is exact, so as much fuel is as many frames.
. /host/lib.sh
two_hosts
quiet
ok "trust add" wasmkc trust add /host/test.crt
ok "attach" on_dst wasmkc attach /host/endless-recursion.kwo --dev vdst --trap-verdict drop
id=$(bpftool prog list | sed -n 's/^\([0-9]*\): xdp .*name wkc_endless.*/\1/p' | head -n 1)
ok "pin" bpftool prog pin id "$id" /sys/fs/bpf/recursion
head -c 64 /dev/zero >/tmp/packet.bin

# All on CPU 1, so that one instance judges them.
on_interrupts() { on_src taskset 2 wkc-traffic udp 10.9.0.2:7000 --count 5 --pause 200; }
on_a_task() { taskset 2 bpftool prog run pinned /sys/fs/bpf/recursion data_in /tmp/packet.bin repeat 5; }
on_another_task() { sh -c 'taskset 2 bpftool prog run pinned /sys/fs/bpf/recursion data_in /tmp/packet.bin repeat 5 & wait'; }
# burns HOW: five packets that way; the fuel of all.
burns() {
	traps=$(number endless-recursion stack-overflow) fuel=$(number endless-recursion fuel)
	ok "$1: packets" "$1"
	eventually counted endless-recursion stack-overflow $((traps + 5))
	equal "$1: five of them" $(($(number endless-recursion stack-overflow) - traps)) 5
	burnt=$(($(number endless-recursion fuel) - fuel))
}
burns on_interrupts
first=$burnt
echo "# $((first / 5)) units of fuel until the stack is full"
equal "deep enough to be a stack of 4 KiB" "$([ "$first" -ge 1000 ] && echo yes || echo "$first")" yes
for how in on_a_task on_interrupts on_another_task on_a_task on_interrupts; do
	burns $how
	equal "$how: as much as the first" "$burnt" "$first"
done
equal "nothing but full stacks" "$(number endless-recursion packets)" "$(number endless-recursion stack-overflow)"
rm /sys/fs/bpf/recursion
ok "detach" on_dst wasmkc detach endless-recursion --dev vdst
ok "unload" wasmkc unload endless-recursion
finish
