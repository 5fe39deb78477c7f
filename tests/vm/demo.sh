# shellcheck shell=sh
# What `make demo` shows: the same traffic without and with the filter, by the interfaces' own counters.
. /host/lib.sh
# A command as the host `dst`, in words that work by themselves.
AT_DST='nsenter --net=/run/netns/dst'
say() { printf '\n\033[1m%s\033[0m\n' "$*"; }
run() {
	printf '  $ %s\n' "$*"
	"$@" | sed 's/^/    /'
}
# Waits until datagrams have stopped arriving.
settle() {
	seen=-1
	until [ "$(udp_arrived)" = "$seen" ]; do
		seen=$(udp_arrived)
		sleep 0.3
	done
}
# datagrams PORT N OPTIONS...: sends N, prints how many arrive.
datagrams() {
	before=$(udp_arrived)
	port=$1
	n=$2
	shift 2
	on_src wkc-traffic udp "10.9.0.2:$port" --count "$n" --pause 200 "$@" >/dev/null
	settle
	echo $(($(udp_arrived) - before))
}
row() { printf '  %-34s %8s %8s %8s\n' "$1" "$2" "$3" $(($2 - $3)); }
traffic() {
	rx=$(counter dst rx_packets)
	udp9999=$(datagrams 9999 200)
	udp7000=$(datagrams 7000 200)
	blockme=$(datagrams 7000 100 --payload BLOCKME)
	tcp80=$(on_src wkc-traffic tcp 10.9.0.2:80 --count 3 --wait 300 | awk '/connected/ { print $2 }')
	tcp9998=$(on_src wkc-traffic tcp 10.9.0.2:9998 --count 3 --wait 300 | awk '/connected/ { print $2 }')
	pings=$(on_src ping -c 5 -i 0.2 -W 1 10.9.0.2 | awk '/received/ { print $4 }')
	printf '  %-34s %8s %8s %8s\n' "" sent arrived dropped
	row "UDP to port 9999" 200 "$udp9999"
	row "UDP to port 7000" 200 "$udp7000"
	row "UDP to port 7000 with BLOCKME" 100 "$blockme"
	row "TCP connections to port 80" 3 "$tcp80"
	row "TCP connections to port 9998" 3 "$tcp9998"
	row "ICMP echo" 5 "$pings"
	printf '  %s\n' "packets that vdst's driver received: $(($(counter dst rx_packets) - rx))"
}

two_hosts
on_dst wkc-traffic listen 10.9.0.2:80 &
on_dst wkc-traffic listen 10.9.0.2:9998 &
sleep 0.2

say "Kernel $(uname -r) on $(uname -m): two hosts joined by a veth pair, no filter"
traffic

say "The filter: trusted key, load, attach"
run wasmkc trust add /host/test.crt
run $AT_DST wasmkc attach /host/l4drop.kwo --dev vdst
run wasmkc list

say "The same traffic with l4drop"
traffic
run wasmkc stats l4drop

say "The kernel's view"
run ip -n dst link show vdst
run $AT_DST bpftool net show

say "Gone again"
run $AT_DST wasmkc detach l4drop --dev vdst
run wasmkc unload l4drop
run wasmkc list
