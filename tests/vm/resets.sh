# shellcheck shell=sh
# vm: --threads multi
# machine: x86_64
# The end of a reset is not lost to packets that are refused on another processor at that very moment. QEMU has to run
# the processors side by side for that: on one thread every instruction is as good as locked.
. /host/lib.sh
two_hosts
filter=memory-out-of-bounds
ok "trust add" wasmkc trust add /host/test.crt
ok "attach" on_dst wasmkc attach /host/$filter.kwo --dev vdst --trap-verdict drop --after-trap reset
id=$(bpftool prog list | sed -n 's/^\([0-9]*\): xdp .*name wkc_.*/\1/p' | head -n 1)
ok "pin" bpftool prog pin id "$id" /sys/fs/bpf/stub
head -c 64 /dev/zero >/tmp/packet
# packets COUNT: to the instance of processor 1.
packets() { taskset 2 bpftool prog run pinned /sys/fs/bpf/stub data_in /tmp/packet repeat "$1" >/dev/null; }
taskset 2 bpftool prog run pinned /sys/fs/bpf/stub data_in /tmp/packet repeat 400000000 >/dev/null &
sleep 20
kill $!
wait
flood=$(number $filter $filter)
echo "# traps $flood, while resetting $(number $filter disabled)"
equal "packets came while it was reset, and trapped after it" "$([ "$flood" -ge 3 ] && echo yes || echo "$flood")" yes
sleep 1
i=0
while [ $i -lt 10 ]; do
	packets 1
	sleep 0.3
	i=$((i + 1))
done
equal "each packet finds it reset" "$(($(number $filter $filter) - flood))" 10
rm /sys/fs/bpf/stub
ok "detach" on_dst wasmkc detach $filter --dev vdst
ok "unload" wasmkc unload $filter
finish
