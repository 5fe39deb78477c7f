# shellcheck shell=sh
# What happens at once: a reset under traffic, unloading while an instance is being reset, CPUs that go and come back,
# two processes that load and unload one name, and every command beside every other. At the end nothing is left.
. /host/lib.sh
two_hosts
quiet
ok "trust add" wasmkc trust add /host/test.crt
cpu1() { echo "$1" >/sys/devices/system/cpu/cpu1/online; }
# send PORT COUNT [WKC-TRAFFIC'S OPTION...]: from CPU 1, and so through the filter on CPU 1.
send() {
	port=$1 n=$2
	shift 2
	on_src taskset 2 wkc-traffic udp "10.9.0.2:$port" --count "$n" --pause 200 "$@" >/dev/null
}
# delta NAME COUNTER BEFORE
delta() { echo $(($(number "$1" "$2") - $3)); }
# gone NAME: detaches and unloads.
gone() {
	ok "$1: detach" on_dst wasmkc detach "$1" --dev vdst
	ok "$1: unload" wasmkc unload "$1"
}
send 7000 1
ok "the state before" /lib/vm/leak baseline /tmp/before

# Reset: after its trap the instance stands where it stood before its first packet; with `keep` it does not.
for after in reset keep; do
	ok "$after: attach" on_dst wasmkc attach /host/since-start.kwo --dev vdst --trap-verdict drop --after-trap $after
	send 7000 10
	equal "$after: a new instance drops its first two packets" "$(number since-start drop) $(number since-start pass)" "2 8"
	send 6666 1
	equal "$after: the trap" "$(number since-start unreachable)" 1
	sleep 1
	dropped=$(number since-start drop) passed=$(number since-start pass)
	send 7000 10
	case $after in
	reset) wanted="2 8 0" ;; # as at the start
	keep) wanted="10 0 10" ;; # what the filter has spoilt stays so, and it returns no verdict
	esac
	equal "$after: then" "$(delta since-start drop "$dropped") $(delta since-start pass "$passed") $(number since-start bad-verdict)" "$wanted"
	gone since-start
done

# Reset under traffic: each packet is either a trap or is counted as one that found the instance disabled.
ok "flood: attach" on_dst wasmkc attach /host/slow-start.kwo --dev vdst --trap-verdict drop --after-trap reset
tx_dropped=$(counter src tx_dropped)
on_src wkc-traffic udp 10.9.0.2:7000 --count 100000000 --seconds 6 >/tmp/sent
settled slow-start
sent=$(($(awk '/sent/ { print $2 }' /tmp/sent) - $(counter src tx_dropped) + tx_dropped))
traps=$(number slow-start unreachable)
resetting=$(number slow-start disabled)
echo "# packets $sent, traps $traps, while resetting $resetting"
equal "flood: packets = traps + while resetting" "$((traps + resetting))" "$sent"
equal "flood: it was reset and worked again, many times" "$([ "$traps" -ge 5 ] && echo yes || echo "$traps")" yes
equal "flood: packets came while it was reset" "$([ "$resetting" -ge 100 ] && echo yes || echo "$resetting")" yes
equal "flood: the trap verdict for all" "$(number slow-start drop)" "$sent"

# Detach and unload at once while packets trap: the trace says whether the reset was queued or running at that moment.
trace=/sys/kernel/tracing
for event in workqueue_queue_work workqueue_execute_start workqueue_execute_end; do
	echo 1 >$trace/events/workqueue/$event/enable
done
gone slow-start
: >$trace/trace
# Prints how often a reset was pending or running when the unload began, running then, and running after it: pending
# from queue_work on, running from execute_start to execute_end. None may be running when the unload has come back, nor
# begin before the next load.
resets() {
	awk '/workqueue_queue_work.*function=reset_instance/ { pending++ }
		/workqueue_execute_start.*function reset_instance/ { running++; if (gone) wrong++ }
		/workqueue_execute_end.*function reset_instance/ { running--; pending-- }
		/wkc: unload$/ { if (pending > 0) hit++; if (running > 0) ran++ }
		/wkc: unloaded/ { if (running > 0) wrong++; pending = 0; gone = 1 }
		/wkc: load$/ { gone = 0 }
		END { print hit + 0, ran + 0, wrong + 0 }' $trace/trace
}
unloaded=0
# With a mark before and after it in the trace.
unload() {
	echo "wkc: unload" >$trace/trace_marker
	wasmkc unload slow-start >/dev/null && unloaded=$((unloaded + 1))
	echo "wkc: unloaded" >$trace/trace_marker
}
for round in 1 2 3 4 5; do
	echo "wkc: load" >$trace/trace_marker
	on_dst wasmkc attach /host/slow-start.kwo --dev vdst --trap-verdict drop --after-trap reset >/dev/null
	send 7000 100000000 --seconds 1 &
	sleep 0.5
	# What detach does, but sooner: the pin goes, and with it the link.
	rm /sys/fs/bpf/wasmkc/slow-start/vdst
	unload
	wait
done
# The link may take as long to go as the reset takes. Without one there is nothing to wait for: a packet by hand.
{
	printf '\324\303\262\241\002\000\004\000\000\000\000\000\000\000\000\000\377\377\000\000\001\000\000\000'
	printf '\000\000\000\000\000\000\000\000\074\000\000\000\074\000\000\000'
	head -c 60 /dev/zero
} >/tmp/one.pcap
for round in 6 7 8 9 10; do
	echo "wkc: load" >$trace/trace_marker
	wasmkc load /host/slow-start.kwo --trap-verdict drop --after-trap reset >/dev/null
	wasmkc run --loaded slow-start --direct --pcap /tmp/one.pcap >/dev/null 2>&1
	unload
done
resets >/tmp/resets
read -r hit ran wrong </tmp/resets
for event in workqueue_queue_work workqueue_execute_start workqueue_execute_end; do
	echo 0 >$trace/events/workqueue/$event/enable
done
echo "# unloaded $unloaded times, $hit of them with a reset under way ($ran running)"
equal "unload: all went" "$unloaded" "$round"
equal "unload: a reset was under way" "$([ "$hit" -ge 1 ] && echo yes || echo "$hit")" yes
equal "unload: no reset ran afterwards" "$wrong" 0

# CPU 1 goes and comes back while packets flow on both CPUs: a sender without a preference, and one each time that begins
# on CPU 1 and is moved when that goes.
# Has the sender of CPU 1 begun? One that comes when that has gone would not start at all.
sends_on_cpu1() {
	senders=$(grep -lsx wkc-traffic /proc/[0-9]*/comm)
	for comm in $senders; do
		grep -qsx 'Cpus_allowed_list:[[:space:]]*1' "${comm%comm}status" && return
	done
	return 1
}
ok "hotplug: attach" on_dst wasmkc attach /host/by-cpu.kwo --dev vdst
tx_dropped=$(counter src tx_dropped)
on_src taskset 1 wkc-traffic udp 10.9.0.2:7000 --count 100000000 --seconds 10 >/tmp/sent &
sender=$!
times=0
while kill -0 $sender 2>/dev/null; do
	on_src taskset 2 wkc-traffic udp 10.9.0.2:7000 --count 100000000 --seconds 1 >>/tmp/sent.moved &
	moved=$!
	eventually sends_on_cpu1
	cpu1 0 && sleep 0.3 && cpu1 1 && times=$((times + 1))
	wait $moved
done
wait $sender
settled by-cpu
sent=$(($(cat /tmp/sent /tmp/sent.moved | awk '/sent/ { n += $2 } END { print n + 0 }') - $(counter src tx_dropped) + tx_dropped))
echo "# packets $sent, CPU 1 went and came back $times times, dropped on it $(number by-cpu drop), passed on CPU 0 $(number by-cpu pass)"
equal "hotplug: CPU 1 went and came back" "$([ "$times" -ge 3 ] && echo yes || echo "$times")" yes
equal "hotplug: each packet got a verdict" "$(number by-cpu packets)" "$sent"
equal "hotplug: both CPUs judged packets" "$([ "$(number by-cpu drop)" -ge 100 ] && [ "$(number by-cpu pass)" -ge 100 ] && echo yes)" yes
equal "hotplug: none was without an instance" "$(number by-cpu no-instance)" 0
# on_cpu1 NAME: what CPU 1 receives is judged there.
on_cpu1() {
	dropped=$(number by-cpu drop) passed=$(number by-cpu pass)
	send 7000 50
	equal "$1: CPU 1 has an instance" "$(delta by-cpu drop "$dropped") $(delta by-cpu pass "$passed") $(number by-cpu no-instance)" "50 0 0"
}
on_cpu1 "hotplug"
gone by-cpu

instances() {
	wasmkc list --json >/tmp/list.json
	json instances /tmp/list.json
}
ok "a CPU is offline" cpu1 0
ok "loaded with a CPU offline: attach" on_dst wasmkc attach /host/by-cpu.kwo --dev vdst
equal "loaded with a CPU offline: one instance" "$(instances)" 1
ok "loaded with a CPU offline: it comes online" cpu1 1
equal "loaded with a CPU offline: two instances" "$(instances)" 2
on_cpu1 "loaded with a CPU offline"
gone by-cpu

# The control of no-instance: a CPU that comes online while there is no memory for its instance.
budget=/sys/module/wasmkc/parameters/budget
bytes=$(cat $budget)
ok "no memory: a CPU goes" cpu1 0
ok "no memory: attach" on_dst wasmkc attach /host/by-cpu.kwo --dev vdst --trap-verdict drop
echo 1 >$budget
ok "no memory: it comes online" cpu1 1
echo "$bytes" >$budget
ok "no memory: the log says which program lacks an instance" sh -c "dmesg | grep 'wasmkc by-cpu: CPU 1 gets no instance'"
send 7000 50
equal "no memory: 50 packets without an instance, all with the trap verdict" "$(number by-cpu no-instance) $(number by-cpu drop)" "50 50"
cpu1 0
ok "no memory: it goes and comes back, now with memory" cpu1 1
dropped=$(number by-cpu drop)
send 7000 50
equal "no memory: no more packets without an instance" "$(number by-cpu no-instance) $(delta by-cpu drop "$dropped")" "50 50"
gone by-cpu

# The module itself comes while a CPU is offline.
ok "rmmod" rmmod wasmkc
cpu1 0
ok "insmod with a CPU offline" insmod /lib/vm/wasmkc.ko
ok "insmod with a CPU offline: trust add" wasmkc trust add /host/test.crt
ok "insmod with a CPU offline: attach" on_dst wasmkc attach /host/by-cpu.kwo --dev vdst
ok "insmod with a CPU offline: it comes online" cpu1 1
on_cpu1 "insmod with a CPU offline"
gone by-cpu

# clean FILE TEXT...: passes when each error in FILE holds one of TEXT, and nothing but errors, hints and results is there.
clean() {
	grep -aE '^error: |panicked|Segmentation|killed|core dumped' "$1" >/tmp/errors
	shift
	for text in "$@"; do
		grep -avF -- "$text" /tmp/errors >/tmp/errors.left
		mv /tmp/errors.left /tmp/errors
	done
	cat /tmp/errors
	! grep -q . /tmp/errors
}
# repeat LOG COMMAND...: again and again while /tmp/go is there; counts what went and what was refused.
repeat() {
	log=$1 went=0 refused=0
	shift
	while [ -e /tmp/go ]; do
		if "$@"; then went=$((went + 1)) && touch "$log.went"; else refused=$((refused + 1)); fi
	done >>"$log" 2>&1
	echo "$went $refused" >"$log.count"
}
# total LOG...: sums their counts.
total() {
	for log in "$@"; do cat "$log.count"; done | awk '{ a += $1; b += $2 } END { print a + 0, b + 0 }'
}

# Two processes, one name.
touch /tmp/go
pids=
for who in 1 2; do
	repeat /tmp/load.$who wasmkc load /host/pass.kwo --name contested & pids="$pids $!"
	repeat /tmp/unload.$who wasmkc unload contested & pids="$pids $!"
done
sleep 8
rm /tmp/go
# shellcheck disable=SC2086 # words are process ids
wait $pids
read -r loads refused_loads <<-END
	$(total /tmp/load.1 /tmp/load.2)
END
read -r unloads refused_unloads <<-END
	$(total /tmp/unload.1 /tmp/unload.2)
END
echo "# one name: loaded $loads times, refused $refused_loads; unloaded $unloads, refused $refused_unloads"
equal "one name: both went and both were refused" \
	"$([ "$loads" -ge 3 ] && [ "$unloads" -ge 3 ] && [ "$refused_loads" -ge 1 ] && [ "$refused_unloads" -ge 1 ] && echo yes)" yes
ok "one name: load is refused for one reason only" clean /tmp/load.1 "is loaded already"
ok "one name: load is refused for one reason only, to the other too" clean /tmp/load.2 "is loaded already"
ok "one name: so is unload" clean /tmp/unload.1 "no program named \`contested\`"
ok "one name: so is unload, to the other too" clean /tmp/unload.2 "no program named \`contested\`"
wasmkc unload contested >/dev/null 2>&1 && unloads=$((unloads + 1))
equal "one name: unloaded as often as loaded" "$unloads" "$loads"

# Every command beside every other, with packets.
ok "all at once: load" wasmkc load /host/since-start.kwo --after-trap reset
touch /tmp/go
on_src wkc-traffic udp 10.9.0.2:6666 --count 100000000 --seconds 10 --pause 1000 >/dev/null & pids=$!
rm -f /tmp/load.went /tmp/unload.went
repeat /tmp/attach on_dst wasmkc attach since-start --dev vdst & pids="$pids $!"
repeat /tmp/detach on_dst wasmkc detach since-start --dev vdst & pids="$pids $!"
repeat /tmp/generic wasmkc attach since-start --dev lo --mode generic & pids="$pids $!"
repeat /tmp/all wasmkc detach since-start --all & pids="$pids $!"
repeat /tmp/stats wasmkc stats since-start --cpu & pids="$pids $!"
repeat /tmp/list wasmkc list & pids="$pids $!"
repeat /tmp/log wasmkc log since-start & pids="$pids $!"
repeat /tmp/call wasmkc call since-start seen & pids="$pids $!"
repeat /tmp/unload wasmkc unload since-start & pids="$pids $!"
repeat /tmp/load wasmkc load /host/since-start.kwo --after-trap reset & pids="$pids $!"
sleep 10
# Unload finds the program idle by chance only; on a busy machine that takes longer.
for _ in $(seq 60); do
	[ -e /tmp/load.went ] && [ -e /tmp/unload.went ] && break
	sleep 1
done
rm /tmp/go
# shellcheck disable=SC2086
wait $pids
none="no program"
for command in attach detach generic all stats list log call unload load; do
	echo "# all at once: $command went and was refused: $(total /tmp/$command)"
	equal "all at once: $command ran" "$([ "$(total /tmp/$command | awk '{ print $1 + $2 }')" -ge 2 ] && echo yes)" yes
done
# went NAME LOG...: one of them at least did what it is for.
went() {
	text=$1
	shift
	equal "all at once: $text" "$([ "$(total "$@" | cut -d' ' -f1)" -ge 1 ] && echo yes)" yes
}
went "attached" /tmp/attach /tmp/generic
went "detached" /tmp/detach /tmp/all
went "loaded" /tmp/load
went "unloaded" /tmp/unload
went "shown" /tmp/stats /tmp/log
# Unloaded and loaded again between the two steps of an attachment, the program has another handle than its stub.
other="does not load the handle"
ok "all at once: attach" clean /tmp/attach "$none" "attached to vdst already" "has an XDP program already" "$other"
ok "all at once: generic attach" clean /tmp/generic "$none" "attached to lo already" "has an XDP program already" "$other"
ok "all at once: detach" clean /tmp/detach "is not attached to vdst"
ok "all at once: detach --all" clean /tmp/all
ok "all at once: stats" clean /tmp/stats "$none"
ok "all at once: list" clean /tmp/list
ok "all at once: log" clean /tmp/log "$none"
went "called" /tmp/call
ok "all at once: call" clean /tmp/call "$none" "i32 0"
ok "all at once: unload" clean /tmp/unload "$none" "is attached" "have called"
ok "all at once: load" clean /tmp/load "is loaded already"
wasmkc detach since-start --all >/dev/null 2>&1
wasmkc unload since-start >/dev/null 2>&1
equal "nothing is loaded" "$(wasmkc list --json | tr -d ' \n')" "[]"
equal "nothing is attached" "$(on_dst bpftool net show dev vdst | grep -c wkc_) $(bpftool net show dev lo | grep -c wkc_)" "0 0"
ok "nothing is left" /lib/vm/leak compare /tmp/before
ok "rmmod at the end" rmmod wasmkc
finish
