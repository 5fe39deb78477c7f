# shellcheck shell=sh
# What every scenario in this folder shares: TAP output, two hosts joined by a veth pair, keys and filters.
# Scenarios run as root inside the VM (vm/run --dir build/scenarios -- sh /host/NAME.sh); /host holds
# this folder, the built examples, the hostile filters of tests/filters and the test key.

PATH=$PATH:/host
count=0
failed=0

# ok NAME COMMAND...: passes when the command exits with 0.
ok() {
	name=$1
	shift
	count=$((count + 1))
	if "$@" >/tmp/tap.out 2>&1; then
		echo "ok $count - $name"
	else
		echo "not ok $count - $name"
		sed 's/^/# /' /tmp/tap.out
		failed=$((failed + 1))
	fi
}

# fails_with NAME TEXT COMMAND...: passes when the command exits with 1 and its message holds TEXT.
fails_with() {
	name=$1
	text=$2
	shift 2
	count=$((count + 1))
	"$@" >/tmp/tap.out 2>&1
	status=$?
	if [ "$status" -eq 1 ] && grep -qiF -- "$text" /tmp/tap.out; then
		echo "ok $count - $name"
	else
		echo "not ok $count - $name (status $status, wanted 1 and: $text)"
		sed 's/^/# /' /tmp/tap.out
		failed=$((failed + 1))
	fi
}

# equal NAME GOT WANTED
equal() {
	count=$((count + 1))
	if [ "$2" = "$3" ]; then
		echo "ok $count - $1"
	else
		echo "not ok $count - $1 (got $2, wanted $3)"
		failed=$((failed + 1))
	fi
}

# Ends the scenario; its status says whether all passed.
finish() {
	echo "1..$count"
	[ "$failed" -eq 0 ]
	exit
}

# Two hosts, `src` (10.9.0.1, fd09::1) and `dst` (10.9.0.2, fd09::2), joined by vsrc and vdst.
two_hosts() {
	ip netns add src
	ip netns add dst
	ip link add vsrc netns src type veth peer name vdst netns dst
	ip -n src addr add 10.9.0.1/24 dev vsrc
	ip -n dst addr add 10.9.0.2/24 dev vdst
	ip -n src -6 addr add fd09::1/64 dev vsrc nodad
	ip -n dst -6 addr add fd09::2/64 dev vdst nodad
	for ns in src dst; do
		ip -n $ns link set lo up
		ip -n $ns link set "v$ns" up
	done
	# Neighbours that are known, for IPv6 asks for them by ICMPv6, whose checksums fail on s390x: QEMU 7.2 computes VCKSM
	# wrongly, and without vectors Linux 6.12 itself sums what lies at address 0 (csum_partial of arch/s390).
	ip -n src neigh replace fd09::2 lladdr "$(ip netns exec dst cat /sys/class/net/vdst/address)" dev vsrc
	ip -n dst neigh replace fd09::1 lladdr "$(ip netns exec src cat /sys/class/net/vsrc/address)" dev vdst
	ip netns exec src ping -c 1 -W 2 10.9.0.2 >/dev/null
}

# A command as that host. The mounts stay the machine's own: `ip netns exec` would hide bpffs under a new /sys.
on_src() { nsenter --net=/run/netns/src "$@"; }
on_dst() { nsenter --net=/run/netns/dst "$@"; }

# counter HOST NAME: a counter of that host's interface.
counter() { ip netns exec "$1" cat "/sys/class/net/v$1/statistics/$2"; }

# snmp FIELD: a counter of the Udp rows of dst's /proc/net/snmp.
snmp() {
	on_dst cat /proc/net/snmp | awk -v f="$1" '/^Udp:/ { if (!n) { for (i = 2; i <= NF; i++) if ($i == f) n = i } else print $n }'
}

# Datagrams that reached dst's UDP layer, whatever became of them there.
udp_arrived() {
	echo $(($(snmp InDatagrams) + $(snmp NoPorts) + $(snmp InErrors)))
}

# json KEY FILE: the first number or string of KEY in compact or pretty JSON.
json() {
	tr -d ' \n' <"$2" | grep -o "\"$1\":[^,}]*" | head -n 1 | cut -d: -f2- | tr -d '"'
}

# From here on nothing but what a test sends travels between the hosts: no IPv6, and no ARP, as each knows the other.
quiet() {
	for ns in src dst; do
		nsenter --net=/run/netns/$ns sh -c 'echo 1 >/proc/sys/net/ipv6/conf/all/disable_ipv6'
	done
	ip -n src neigh replace 10.9.0.2 dev vsrc nud permanent lladdr "$(mac dst)"
	ip -n dst neigh replace 10.9.0.1 dev vdst nud permanent lladdr "$(mac src)"
	sleep 1
}
mac() { ip -n "$1" -o link show "v$1" | sed 's/.*link.ether \([^ ]*\).*/\1/'; }

# settled NAME: waits until program NAME's counters stand still, as packets may still be on their way.
settled() {
	while :; do
		packets=$(verdict "$1" packets)
		sleep 0.3
		[ "$(verdict "$1" packets)" = "$packets" ] && break
	done
}

# eventually COMMAND...: waits until COMMAND succeeds, at most ten seconds: what was sent may still be on its way.
eventually() {
	tries=0
	until "$@"; do
		tries=$((tries + 1))
		[ $tries -lt 100 ] || return 1
		sleep 0.1
	done
}

# For eventually. counted NAME COUNTER N: has the program counted N? received BEFORE N: have N datagrams arrived since?
counted() { [ "$(number "$1" "$2")" -ge "$3" ]; }
received() { [ $(($(udp_arrived) - $1)) -ge "$2" ]; }

# number NAME COUNTER: like verdict, and 0 for a counter that is not shown as nothing was counted.
number() {
	n=$(verdict "$1" "$2")
	echo "${n:-0}"
}

# verdict NAME VERDICT and trap NAME CAUSE: counters of a loaded program.
verdict() {
	wasmkc stats "$1" --json >/tmp/stats.json
	json "$2" /tmp/stats.json
}
trap_count() { verdict "$1" "$2"; }

# instructions PINNED PACKET [REPEAT]: "INSTRUCTIONS VERDICT" of that program, by BPF_PROG_TEST_RUN; the least of five
# samples, as a timer's interrupt may be in one. Under vm/run --icount one instruction is one nanosecond, so that the
# kernel's duration is a count of instructions.
instructions() {
	for _ in 1 2 3 4 5; do
		bpftool prog run pinned "$1" data_in "$2" repeat "${3:-20000}" 2>/dev/null |
			sed -n 's/^Return value: \([0-9]*\), duration (average): \([0-9]*\)ns.*/\2 \1/p'
	done | sort -n | head -n 1
}

# pin_attached NAME PINNED: pins the stub of an attached filter, so that `instructions` finds it.
pin_attached() {
	bpftool prog pin id "$(bpftool prog list | sed -n "s/^\([0-9]*\): xdp .*name wkc_$1 .*/\1/p" | head -n 1)" "$2"
}
