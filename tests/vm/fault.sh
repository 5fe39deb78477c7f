# shellcheck shell=sh
# machine: x86_64
# An exception in generated code, planted behind the audit's back, disables the program and harms nothing else.
. /host/lib.sh
two_hosts
ok "trust add" wasmkc trust add /host/test.crt
ok "a good filter beside it" wasmkc load /host/drop-port.kwo

# fault NAME: the first packet raises the exception, the others find the program disabled.
fault() {
	before=$(udp_arrived)
	ok "$1: attach" on_dst wasmkc attach "/host/$1.kwo" --dev vdst --trap-verdict drop
	on_src wkc-traffic udp 10.9.0.2:7000 --count 20 --pause 200 >/dev/null
	eventually counted "$1" packets 20
	equal "$1: nothing arrives" "$(($(udp_arrived) - before))" 0
	equal "$1: one run that gave no verdict" "$(trap_count "$1" bad-verdict)" 1
	equal "$1: then disabled" "$([ "$(trap_count "$1" disabled)" -ge 19 ] && echo yes)" yes
	ok "$1: list says so" sh -c "wasmkc list | grep $1 | grep -q disabled"
	ok "$1: the kernel's log names program and place" sh -c "dmesg | grep -q 'wasmkc $1: disabled: exception .* at .text+0x'"
	ok "$1: detach" on_dst wasmkc detach "$1" --dev vdst
	ok "$1: unload" wasmkc unload "$1"
}

fault fault-ud2
fault fault-int3
fault fault-division
fault fault-lldt
# In a call, which has more stack than a packet: the frames of 400 calls lie between the exception and the way out.
ok "fault-deep: load" wasmkc load /host/fault-deep.kwo
fails_with "fault-deep: the call fails" "is disabled" wasmkc call fault-deep deep 400 --stack 8192
fails_with "fault-deep: so does the next" "is disabled" wasmkc call fault-deep deep 0
equal "fault-deep: one exception" "$(dmesg | grep -c 'wasmkc fault-deep: disabled: exception')" 1
ok "fault-deep: unload" wasmkc unload fault-deep
fails_with "fault-in-init: the load fails and says why" "raised an exception" wasmkc load /host/fault-in-init.kwo
ok "the good filter works" on_dst wasmkc attach drop-port --dev vdst
before=$(udp_arrived)
on_src wkc-traffic udp 10.9.0.2:9999 --count 20 --pause 200 >/dev/null
on_src wkc-traffic udp 10.9.0.2:9998 --count 10 --pause 200 >/dev/null
eventually counted drop-port drop 20
eventually received "$before" 10
equal "the good filter drops and passes" "$(verdict drop-port drop) $(($(udp_arrived) - before))" "20 10"
ok "detach" on_dst wasmkc detach drop-port --dev vdst
ok "unload" wasmkc unload drop-port
finish
