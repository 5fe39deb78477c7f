# shellcheck shell=sh
# Hostile filters in softirq: each is stopped, counted by its cause, and gives the trap verdict; the machine lives.
. /host/lib.sh
two_hosts
ok "trust add" wasmkc trust add /host/test.crt

# try FILE CAUSE: 20 packets through filter FILE, all trapped by CAUSE and dropped as the trap verdict says.
try() {
	before=$(udp_arrived)
	ok "$1: attach" on_dst wasmkc attach "/host/$1.kwo" --dev vdst --trap-verdict drop
	on_src wkc-traffic udp 10.9.0.2:7000 --count 20 --pause 200 >/dev/null
	eventually counted "$1" "$2" 20
	caught=$(trap_count "$1" "$2")
	equal "$1: nothing arrives" "$(($(udp_arrived) - before))" 0
	equal "$1: at least 20 traps by $2" "$([ "${caught:-0}" -ge 20 ] && echo yes || echo "$caught")" yes
	ok "$1: the log names the trap" sh -c "wasmkc log $1 | grep -q $2"
	ok "$1: detach" on_dst wasmkc detach "$1" --dev vdst
	ok "$1: unload" wasmkc unload "$1"
}

while read -r file trap; do
	try "$file" "$trap"
done </host/traps.list
equal "filters were tried" "$([ "$(wc -l </host/traps.list)" -ge 20 ] && echo yes)" yes

# Every packet that reached the filter is a trap, to the last one.
quiet
ok "100,000 traps: attach" on_dst wasmkc attach /host/unreachable.kwo --dev vdst --trap-verdict drop
tx_dropped=$(counter src tx_dropped)
before=$(number unreachable unreachable)
on_src wkc-traffic udp 10.9.0.2:7000 --count 100000 >/tmp/sent
settled unreachable
lost=$(($(counter src tx_dropped) - tx_dropped))
caught=$(($(number unreachable unreachable) - before))
echo "# $(cat /tmp/sent), refused by the sender's queue $lost, traps $caught"
equal "100,000 traps: as many as packets, exactly" "$((caught + lost))" 100000
equal "100,000 traps: packets did get through the queue" "$([ "$caught" -ge 50000 ] && echo yes || echo "$caught")" yes
equal "100,000 traps: the filter's packets are its traps" "$(number unreachable packets)" "$(number unreachable unreachable)"
equal "100,000 traps: nothing arrives" "$(number unreachable drop)" "$(number unreachable unreachable)"
ok "100,000 traps: detach" on_dst wasmkc detach unreachable --dev vdst
ok "100,000 traps: unload" wasmkc unload unreachable

ok "disable: attach" on_dst wasmkc attach /host/unreachable.kwo --dev vdst --trap-verdict pass --after-trap disable --trap-limit 5
before=$(udp_arrived)
on_src wkc-traffic udp 10.9.0.2:7000 --count 20 --pause 200 >/dev/null
eventually received "$before" 20
equal "trap verdict pass: all arrive" "$(($(udp_arrived) - before))" 20
caught=$(trap_count unreachable disabled)
equal "disabled after the limit" "$([ "${caught:-0}" -ge 10 ] && echo yes || echo "$caught")" yes
ok "disable: detach" on_dst wasmkc detach unreachable --dev vdst
ok "disable: unload" wasmkc unload unreachable
ok "still alive" on_src ping -c 2 -W 2 10.9.0.2
finish
