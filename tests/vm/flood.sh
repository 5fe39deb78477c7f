# shellcheck shell=sh
# Under a flood with detach and attach in a loop, every datagram is either dropped by the filter or arrives.
. /host/lib.sh
two_hosts
# Without GRO the driver empties its ring when the last XDP program goes: the kernel's loss, not the loader's.
on_dst ethtool -K vdst gro on
ok "trust add" wasmkc trust add /host/test.crt
ok "load" wasmkc load /host/drop-port.kwo
before=$(udp_arrived)
tx_dropped=$(counter src tx_dropped)
on_src wkc-traffic udp 10.9.0.2:9999 --count 100000000 --seconds 15 >/tmp/sent &
sender=$!
rounds=0
while kill -0 $sender 2>/dev/null; do
	on_dst wasmkc attach drop-port --dev vdst >/dev/null 2>&1 && on_dst wasmkc detach drop-port --dev vdst >/dev/null 2>&1 && rounds=$((rounds + 1))
done
wait $sender
sleep 1
sent=$(awk '/sent/ { print $2 }' /tmp/sent)
lost=$(($(counter src tx_dropped) - tx_dropped))
arrived=$(($(udp_arrived) - before))
dropped=$(verdict drop-port drop)
echo "# sent $sent dropped $dropped arrived $arrived, refused by the sender's queue $lost, $rounds rounds of attach and detach"
equal "rounds happened" "$([ "$rounds" -ge 3 ] && echo yes || echo "$rounds")" yes
equal "both ways happened" "$([ "$arrived" -gt 0 ] && [ "$dropped" -gt 0 ] && echo yes)" yes
equal "sent = dropped + received" "$((dropped + arrived + lost))" "$sent"
ok "unload" wasmkc unload drop-port
finish
