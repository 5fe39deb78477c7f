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
	caught=$(trap_count "$1" "$2")
	equal "$1: nothing arrives" "$(($(udp_arrived) - before))" 0
	equal "$1: at least 20 traps by $2" "$([ "${caught:-0}" -ge 20 ] && echo yes || echo "$caught")" yes
	ok "$1: the log names the trap" sh -c "wasmkc log $1 | grep -q $2"
	ok "$1: detach" on_dst wasmkc detach "$1" --dev vdst
	ok "$1: unload" wasmkc unload "$1"
}

try memory-out-of-bounds memory-out-of-bounds
try packet-out-of-bounds packet-out-of-bounds
try packet-huge-offset packet-out-of-bounds
try division-by-zero division-by-zero
try division-overflow integer-overflow
try unreachable unreachable
try wrong-indirect-call indirect-call-type-mismatch
try null-indirect-call indirect-call-to-null
try table-out-of-bounds table-out-of-bounds
try endless-loop out-of-fuel
try endless-recursion stack-overflow
try fill-in-a-loop out-of-fuel
try helper-in-a-loop out-of-fuel
try log-in-a-loop out-of-fuel
try log-out-of-bounds memory-out-of-bounds
try ten-nested-loops out-of-fuel
try illegal-verdict bad-verdict
try redirect-without-redirect redirect-without-target

ok "100,000 traps: attach" on_dst wasmkc attach /host/unreachable.kwo --dev vdst --trap-verdict drop
on_src wkc-traffic udp 10.9.0.2:7000 --count 100000 >/dev/null
sent_on=$(counter src tx_packets)
equal "100,000 traps: packets left the sender" "$([ "$sent_on" -ge 100000 ] && echo yes || echo "$sent_on")" yes
caught=$(trap_count unreachable unreachable)
equal "100,000 traps in a row counted" "$([ "$caught" -ge 90000 ] && echo yes || echo "$caught")" yes
ok "100,000 traps: detach" on_dst wasmkc detach unreachable --dev vdst
ok "100,000 traps: unload" wasmkc unload unreachable

ok "disable: attach" on_dst wasmkc attach /host/unreachable.kwo --dev vdst --trap-verdict pass --after-trap disable --trap-limit 5
before=$(udp_arrived)
on_src wkc-traffic udp 10.9.0.2:7000 --count 20 --pause 200 >/dev/null
equal "trap verdict pass: all arrive" "$(($(udp_arrived) - before))" 20
caught=$(trap_count unreachable disabled)
equal "disabled after the limit" "$([ "${caught:-0}" -ge 10 ] && echo yes || echo "$caught")" yes
ok "disable: detach" on_dst wasmkc detach unreachable --dev vdst
ok "disable: unload" wasmkc unload unreachable
ok "still alive" on_src ping -c 2 -W 2 10.9.0.2
finish
