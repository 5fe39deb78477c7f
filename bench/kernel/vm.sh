# shellcheck shell=sh
# In the VM of `make bench-kernel`: counts instructions a packet of every filter in /host. What it prints
# src/kernel/said.rs reads:
#
#	fact NAME VALUE
#	count FILTER SYSTEM PACKET VERDICT INSTRUCTIONS		one step after the other, from the first to the return
#	timed FILTER SYSTEM VERDICT INSTRUCTIONS		packet 0 by BPF_PROG_TEST_RUN, where QEMU counts
#	step FILTER SYSTEM INSTRUCTIONS SYMBOL			packet 0: a line whenever it went into another symbol
#	refused FILTER SYSTEM REASON
#
# /host has FILTER.ebpf.o and FILTER.SYSTEM.kwo, FILTER.N.bin for its packets, `plan` with the filters' names, steps-KERNEL.ko.
# usage: sh /host/vm.sh KERNEL		a line of vm/kernels.lock
. /host/lib.sh
here=/sys/fs/bpf/bench module=/host/steps-$1.ko parameters=/sys/module/steps/parameters
mkdir -p $here
two_hosts
wasmkc trust add /host/test.crt >/dev/null || exit
echo "fact kernel $(uname -r)"
echo "fact model $(sed -n 's/^model name[[:space:]]*: //p' /proc/cpuinfo | head -n 1)"
for file in /sys/devices/system/cpu/vulnerabilities/*; do
	mitigation=$(sed -n 's/^Mitigation: //p' "$file")
	[ -z "$mitigation" ] || echo "fact mitigation ${file##*/}: $mitigation"
done

# steps FILTER SYSTEM: the program that is pinned, on every packet, step by step.
steps() {
	insmod "$module" program=$here/program || return
	n=0
	while [ -f "/host/$1.$n.bin" ]; do
		echo "/host/$1.$n.bin" >$parameters/packet || break
		read -r verdict <$parameters/verdict
		read -r count <$parameters/count
		echo "count $1 $2 $n $verdict $count"
		[ $n -gt 0 ] || sed -n "s/^[0-9]/step $1 $2 &/p" $parameters/steps | tee /tmp/steps
		n=$((n + 1))
	done
	rmmod steps
}

# measure FILTER SYSTEM: the program that is pinned. A sample has about five million instructions, so that the timer's
# interrupts, one in four million, are a small part of each.
measure() {
	steps "$1" "$2"
	repeat=$((5000000 / ($(awk '{ n += $4 } END { print n + 0 }' /tmp/steps) + 1)))
	[ $repeat -lt 20000 ] || repeat=20000
	timed=$(instructions $here/program "/host/$1.0.bin" $repeat)
	echo "timed $1 $2 ${timed#* } ${timed% *}"
}

# Nothing is attached while eBPF is measured: whatever else is, the kernel's dispatcher of XDP programs asks for first.
while read -r filter; do
	if bpftool prog load "/host/$filter.ebpf.o" $here/program type xdp >/tmp/log 2>&1; then
		measure "$filter" ebpf
		rm $here/program
	else
		echo "refused $filter ebpf $(grep -v '^libbpf: \(prog\|failed\|--\)' /tmp/log | tail -n 3 | tr '\n' ' ')"
	fi
	for object in "/host/$filter".*.kwo; do
		system=${object#"/host/$filter."}
		system=${system%.kwo}
		if on_dst wasmkc attach "$object" --dev vdst >/tmp/log 2>&1; then
			pin_attached "$filter" $here/program
			measure "$filter" "$system"
			rm $here/program
			on_dst wasmkc detach "$filter" --dev vdst >/dev/null
			wasmkc unload "$filter" >/dev/null
		else
			echo "refused $filter $system $(head -n 1 /tmp/log)"
		fi
	done
done </host/plan
