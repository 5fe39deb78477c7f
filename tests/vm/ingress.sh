# shellcheck shell=sh
# Netfilter's ingress hook: drops and passes real packets, sees them as XDP does, ends with its device, and holds
# program and module while it is there.
. /host/lib.sh
two_hosts
on_dst wasmkc list >/dev/null
ok "trust add" wasmkc trust add /host/test.crt

ok "load drop-port" wasmkc load /host/drop-port.kwo
ok "attach" on_dst wasmkc attach drop-port --dev vdst --mode ingress
before=$(udp_arrived)
ok "send to the dropped port" on_src wkc-traffic udp 10.9.0.2:9999 --count 100 --pause 100
eventually counted drop-port drop 100
equal "nothing arrives" "$(($(udp_arrived) - before))" 0
ok "send to another port" on_src wkc-traffic udp 10.9.0.2:7000 --count 100 --pause 100
eventually received "$before" 100
equal "all arrive" "$(($(udp_arrived) - before))" 100
equal "the counter says 100 dropped" "$(verdict drop-port drop)" 100
ok "ping passes" on_src ping -c 3 -W 2 10.9.0.2
ok "large packets pass whole" on_src ping -c 2 -W 2 -s 9000 10.9.0.2
ok "list shows it" sh -c "wasmkc list | grep 'vdst (ingress)'"
wasmkc list --json >/tmp/list.json
equal "list --json counts it" "$(json attached /tmp/list.json)" 1
fails_with "unload is refused" "ingress of vdst" wasmkc unload drop-port
ok "rmmod is refused" sh -c '! rmmod wasmkc'
fails_with "one device, one program" "drop-port" on_dst wasmkc attach drop-port --dev vdst --mode ingress
fails_with "a device that does not exist" "nosuchdev" wasmkc attach drop-port --dev nosuchdev --mode ingress
fails_with "a device of another network namespace is not seen" "vdst" wasmkc attach drop-port --dev vdst --mode ingress
fails_with "CAP_SYS_ADMIN alone: attach" "needs the capability CAP_NET_ADMIN" \
	setpriv --bounding-set=-all,+sys_admin wasmkc attach drop-port --dev lo --mode ingress
fails_with "detach where it is not" "not attached to lo" wasmkc detach drop-port --dev lo
ip link add vdst type dummy
fails_with "detach from a namesake here" "another network namespace" wasmkc detach drop-port --dev vdst
umount /sys/fs/bpf
fails_with "the same without bpffs" "another network namespace" wasmkc detach drop-port --dev vdst
ip link del vdst
fails_with "without bpffs nobody guesses what is pinned" "another network namespace" wasmkc detach drop-port --dev vdst
fails_with "another device without bpffs" "no bpf file system" wasmkc detach drop-port --dev lo
mount -t bpf bpf /sys/fs/bpf
equal "it is attached there still" "$(wasmkc list --json | tr -d ' \n' | grep -o '"attached":[0-9]*')" '"attached":1'
ok "detach, from another network namespace that has no such device" wasmkc detach drop-port --dev vdst
before=$(udp_arrived)
ok "send after detach" on_src wkc-traffic udp 10.9.0.2:9999 --count 50 --pause 100
eventually received "$before" 50
equal "all arrive after detach" "$(($(udp_arrived) - before))" 50
ok "unload" wasmkc unload drop-port

ok "attach a file: l4drop" on_dst wasmkc attach /host/l4drop.kwo --dev vdst --mode ingress
ok "send payload prefix" on_src wkc-traffic udp 10.9.0.2:7000 --count 40 --payload BLOCKME --pause 100
ok "payload prefix dropped" eventually counted l4drop drop 40
ok "send over IPv6" on_src wkc-traffic udp '[fd09::2]:9999' --count 40 --pause 100
ok "dropped over IPv6" eventually counted l4drop drop 80
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
ok "detach --all" wasmkc detach l4drop --all
ok "unload l4drop" wasmkc unload l4drop

# A tag that the stack keeps beside the packet is in it where the program looks.
ip -n src link add link vsrc name vsrc.7 type vlan id 7
ip -n src addr add 10.10.0.1/24 dev vsrc.7
ip -n src link set vsrc.7 up
ok "attach vlan" on_dst wasmkc attach /host/vlan.kwo --dev vdst --mode ingress
ip -n src neigh replace 10.10.0.2 dev vsrc.7 nud permanent lladdr "$(mac dst)"
ok "send tagged" on_src wkc-traffic udp 10.10.0.2:7000 --count 30 --pause 100
ok "the tag is seen" eventually counted vlan drop 30
before=$(udp_arrived)
ok "send untagged" on_src wkc-traffic udp 10.9.0.2:7000 --count 30 --pause 100
eventually received "$before" 30
equal "arrives" "$(($(udp_arrived) - before))" 30
ok "detach vlan" wasmkc detach vlan --all
ok "unload vlan" wasmkc unload vlan
ip -n src link del vsrc.7

# What the program writes is what arrives; with its VLAN tag, too.
ip -n src link add link vsrc name vsrc.7 type vlan id 7
ip -n src addr add 10.10.0.1/24 dev vsrc.7
ip -n src link set vsrc.7 up
ip -n dst link add link vdst name vdst.7 type vlan id 7
ip -n dst addr add 10.10.0.2/24 dev vdst.7
ip -n dst link set vdst.7 up
ok "attach rewrite" on_dst wasmkc attach /host/rewrite.kwo --dev vdst.7 --mode ingress
on_dst timeout 30 socat -u UDP4-RECVFROM:7001 - >/tmp/received &
receiver=$!
eventually sh -c 'echo hello | nsenter --net=/run/netns/src socat -u - UDP4-SENDTO:10.10.0.2:7001; sleep 0.3; test -s /tmp/received'
wait $receiver
equal "the packet was changed" "$(cat /tmp/received)" Hello
ok "detach rewrite" wasmkc detach rewrite --all
ok "attach it to the device below" on_dst wasmkc attach rewrite --dev vdst --mode ingress
ok "ping passes with the tag" on_src ping -c 2 -W 2 10.10.0.2
equal "no trap" "$(number rewrite trapped)" 0
ok "detach it" wasmkc detach rewrite --all
ok "unload rewrite" wasmkc unload rewrite

# A tag's type that nobody knows of, where the kernel looks up the device of the tag: it would warn.
ok "attach vlan-type" on_dst wasmkc attach /host/vlan-type.kwo --dev vdst --mode ingress
ok "the tag stays what it was" on_src ping -c 2 -W 2 10.10.0.2
ok "it was judged" eventually counted vlan-type pass 2
equal "the kernel has not warned" "$(dmesg | grep -c 'invalid VLAN protocol')" 0
ok "detach vlan-type" wasmkc detach vlan-type --all
ok "unload vlan-type" wasmkc unload vlan-type

# A verdict that this hook does not know.
ok "attach tx, told of it" sh -c "nsenter --net=/run/netns/dst wasmkc attach /host/tx.kwo --dev vdst --mode ingress | grep 'tx and redirect count as traps'"
ok "send" on_src wkc-traffic udp 10.9.0.2:7000 --count 5 --pause 100
ok "it is a trap" eventually counted tx bad-verdict 5
ok "detach tx" wasmkc detach tx --all
ok "unload tx" wasmkc unload tx

# The device goes, or leaves its network namespace.
ok "load pass" wasmkc load /host/pass.kwo
ip link add d0 type dummy
ok "attach to a dummy" wasmkc attach pass --dev d0 --mode ingress
ok "the device goes" ip link del d0
equal "the attachment with it" "$(wasmkc list --json | tr -d ' \n' | grep -o '"attached":[0-9]*')" '"attached":0'
ip link add d0 type dummy
ok "attach again" wasmkc attach pass --dev d0 --mode ingress
ok "the device moves to another network namespace" ip link set d0 netns dst
equal "the attachment ends" "$(wasmkc list --json | tr -d ' \n' | grep -o '"attached":[0-9]*')" '"attached":0'
ip netns add gone
ip link add g0 netns gone type veth peer name g1
ok "attach in a network namespace" nsenter --net=/run/netns/gone wasmkc attach pass --dev g0 --mode ingress
ip netns del gone
ok "that goes" eventually sh -c 'wasmkc list --json | tr -d " \n" | grep -q "\"attached\":0"'
modprobe tun
ip tuntap add t0 mode tun
fails_with "a device without Ethernet header" "Ethernet" wasmkc attach pass --dev t0 --mode ingress
ok "unload pass" wasmkc unload pass

# Attached and detached while packets flow.
on_src wkc-traffic udp 10.9.0.2:7000 --count 1000000000 --seconds 8 >/dev/null &
flow=$!
i=0
while [ $i -lt 15 ]; do
	on_dst wasmkc attach /host/drop-port.kwo --dev vdst --mode ingress >/dev/null && i=$((i + 1))
	wasmkc detach drop-port --all >/dev/null
	wasmkc unload drop-port >/dev/null || break
done
equal "fifteen times under load" $i 15
kill $flow 2>/dev/null
ok "rmmod" rmmod wasmkc
finish
