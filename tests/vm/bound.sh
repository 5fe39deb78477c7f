# shellcheck shell=sh
# vm: --icount
# What a packet can cost at most: every hostile filter, one as long as its fuel lets it be, and loops of nothing but the
# operators that are dearest for their fuel take at most a million instructions for a packet, with the fuel that objects
# get by default. Under -icount an instruction is a nanosecond, so the time of a test run is a count.
. /host/lib.sh
BOUND=1000000
ok "trust add" wasmkc trust add /host/test.crt
# capture LENGTH...: a pcap of packets of these lengths.
capture() {
	printf '\324\303\262\241\002\0\004\0\0\0\0\0\0\0\0\0\377\377\0\0\001\0\0\0'
	for length in "$@"; do
		bytes=$(printf '\\%03o\\%03o\\0\\0' $((length & 255)) $((length >> 8)))
		# shellcheck disable=SC2059 # the format is the bytes
		printf "\0\0\0\0\0\0\0\0$bytes$bytes"
		head -c "$length" /dev/zero
	done
}
capture 60 60 14 1500 3520 60 >/tmp/few.pcap

# measure FILE TRAP: runs the capture through FILE.kwo; each packet must end in TRAP (null: in none). Sets cost to
# the most instructions that a packet took.
measure() {
	ok "$1: load" wasmkc load "/host/$1.kwo" --trap-verdict drop
	wasmkc run --loaded "$1" --pcap /tmp/few.pcap --json --time >/tmp/run.json 2>/tmp/run.log
	equal "$1: each packet ends with $2" "$(grep -cE "\"trap\":\"?$2\"?[,}]" /tmp/run.json) $(grep -v '^warning: all 6 packets trapped' /tmp/run.log)" "6 "
	ok "$1: unload" wasmkc unload "$1"
	cost=$(sed -n 's/.*"ns":\([0-9]*\).*/\1/p' /tmp/run.json | sort -n | tail -n 1)
	cost=${cost:-0}
}

# bounded FILE TRAP
bounded() {
	measure "$1" "$2"
	echo "# $1: at most $cost instructions a packet"
	equal "$1: within the bound" "$([ "$cost" -gt 0 ] && [ "$cost" -le $BOUND ] && echo yes || echo "$cost")" yes
}

while read -r file trap; do
	bounded "$file" "$trap"
done </host/traps.list
equal "filters were tried" "$([ "$(wc -l </host/traps.list)" -ge 20 ] && echo yes)" yes
bounded straight-line-12000 null
bounded straight-line-60000 out-of-fuel
for file in dear-fills dear-popcnt dear-indirect-calls; do
	bounded $file out-of-fuel
done

# The control: with a hundred times the fuel the same loop is above the bound, so the test sees what it must.
measure long-loop out-of-fuel
echo "# long-loop: $cost instructions a packet"
equal "control: ten million units of fuel exceed it" "$([ "$cost" -gt $BOUND ] && echo yes || echo "$cost")" yes
finish
