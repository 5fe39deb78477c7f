# shellcheck shell=sh
# The main path: a filter from C and one from Rust drop and pass real packets by native code.
. /host/lib.sh
two_hosts
ok "trust add" wasmkc trust add /host/test.crt

ok "load drop-port" wasmkc load /host/drop-port.kwo
ok "attach drop-port" on_dst wasmkc attach drop-port --dev vdst
before=$(udp_arrived)
ok "send to the dropped port" on_src wkc-traffic udp 10.9.0.2:9999 --count 100 --pause 100
eventually counted drop-port drop 100
equal "nothing arrives" "$(($(udp_arrived) - before))" 0
ok "send to another port" on_src wkc-traffic udp 10.9.0.2:7000 --count 100 --pause 100
eventually received "$before" 100
equal "all arrive" "$(($(udp_arrived) - before))" 100
equal "the counter says 100 dropped" "$(verdict drop-port drop)" 100
ok "ping passes" on_src ping -c 3 -W 2 10.9.0.2
ok "ip link shows the program" sh -c 'ip -n dst link show vdst | grep -q xdp'
ok "bpftool shows it" sh -c 'ip netns exec dst bpftool net | grep -q vdst'
fails_with "unload while attached is refused" "attached" wasmkc unload drop-port
# A pin says nothing of the network namespace. Another number than the other's, by which it is told.
ip link add vdst index 77 type dummy
fails_with "detach from a namesake here" "another network namespace" wasmkc detach drop-port --dev vdst
fails_with "attach to a namesake here" "another network namespace" wasmkc attach drop-port --dev vdst
ip link del vdst
ok "it is attached there still" sh -c 'ip -n dst link show vdst | grep -q xdp'
ok "detach" on_dst wasmkc detach drop-port --dev vdst
before=$(udp_arrived)
ok "send after detach" on_src wkc-traffic udp 10.9.0.2:9999 --count 50 --pause 100
eventually received "$before" 50
equal "all arrive after detach" "$(($(udp_arrived) - before))" 50
ok "unload drop-port" wasmkc unload drop-port

ok "attach a file: l4drop" on_dst wasmkc attach /host/l4drop.kwo --dev vdst
before=$(udp_arrived)
ok "send payload prefix" on_src wkc-traffic udp 10.9.0.2:7000 --count 40 --payload BLOCKME --pause 100
eventually counted l4drop drop 40
equal "payload prefix dropped" "$(($(udp_arrived) - before))" 0
ok "send over IPv6" on_src wkc-traffic udp '[fd09::2]:9999' --count 40 --pause 100
eventually counted l4drop drop 80
equal "dropped over IPv6" "$(verdict l4drop drop)" 80
on_dst wkc-traffic listen 10.9.0.2:80 &
listener=$!
on_dst wkc-traffic listen 10.9.0.2:9998 &
listener2=$!
sleep 0.2
on_src wkc-traffic tcp 10.9.0.2:80 >/tmp/tcp
equal "TCP to port 80 connects" "$(grep connected /tmp/tcp)" "connected 1"
on_src wkc-traffic tcp 10.9.0.2:9998 >/tmp/tcp
equal "TCP to port 9998 does not" "$(grep connected /tmp/tcp)" "connected 0"
kill $listener $listener2
ok "detach l4drop" on_dst wasmkc detach l4drop --dev vdst
ok "unload l4drop" wasmkc unload l4drop
finish
