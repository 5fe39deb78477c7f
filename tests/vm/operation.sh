# shellcheck shell=sh
# What an operator does wrong: each gets a message that says so, and nothing changes.
. /host/lib.sh
two_hosts
fails_with "load before any key is trusted" "key" wasmkc load /host/pass.kwo
ok "trust add" wasmkc trust add /host/test.crt
fails_with "an unsigned object" "sign" wasmkc load /host/unsigned.kwo
fails_with "an object signed with an unknown key" "key" wasmkc load /host/unknown-key.kwo
fails_with "an object changed after signing" "sign" wasmkc load /host/changed.kwo
ok "an object signed by openssl" wasmkc load /host/openssl.kwo --name by-openssl
ok "an object signed by sign-file" wasmkc load /host/sign-file.kwo --name by-sign-file
ok "unload by-openssl" wasmkc unload by-openssl
ok "unload by-sign-file" wasmkc unload by-sign-file
fails_with "a signed module is no object" "kernel module, not an object" wasmkc load /host/signed-module.ko
fails_with "a signed object is no module" "Invalid module format" insmod /host/pass.kwo
ok "and the kernel says why" sh -c 'dmesg | tail -n 1 | grep -E "one .gnu.linkonce.this_module section must exist|Invalid architecture in ELF header"'

ok "load" wasmkc load /host/pass.kwo
fails_with "one name loaded twice" "already" wasmkc load /host/pass.kwo
fails_with "a device that does not exist" "nosuchdev" wasmkc attach pass --dev nosuchdev
fails_with "a program that does not exist" "nosuch" on_dst wasmkc attach nosuch --dev vdst
ok "attach" on_dst wasmkc attach pass --dev vdst
fails_with "unload while attached" "attached" wasmkc unload pass
ok "rmmod is refused while attached" sh -c '! rmmod wasmkc'
ok "detach" on_dst wasmkc detach pass --dev vdst
ok "unload" wasmkc unload pass
fails_with "not root" "run this as root" setpriv --reuid 1000 --clear-groups wasmkc load /host/pass.kwo
fails_with "not root does not even list" "no permission to open /dev/wasmkc" setpriv --reuid 1000 --clear-groups wasmkc list

# Root with some of its capabilities: what changes anything asks for CAP_SYS_ADMIN, attaching for CAP_NET_ADMIN.
only() {
	capabilities=$1
	shift
	setpriv --bounding-set="-all,$capabilities" "$@"
}
fails_with "CAP_NET_ADMIN alone: load" "needs the capability CAP_SYS_ADMIN" only +net_admin wasmkc load /host/pass.kwo
fails_with "CAP_NET_ADMIN alone: trust add" "needs the capability CAP_SYS_ADMIN" only +net_admin wasmkc trust add /host/other.crt
fails_with "CAP_NET_ADMIN alone: trust lock" "CAP_SYS_ADMIN" only +net_admin wasmkc trust lock
ok "CAP_NET_ADMIN alone: no key was added" sh -c 'wasmkc trust list | grep "test key" && ! wasmkc trust list | grep "other key"'
ok "CAP_SYS_ADMIN alone: load" only +sys_admin wasmkc load /host/pass.kwo
ok "CAP_SYS_ADMIN alone: load what can be called" only +sys_admin wasmkc load /host/math.kwo
fails_with "CAP_NET_ADMIN alone: call" "needs the capability CAP_SYS_ADMIN" only +net_admin wasmkc call math add 1 2
ok "CAP_SYS_ADMIN alone: call" only +sys_admin wasmkc call math add 1 2
ok "CAP_SYS_ADMIN alone: unload it" only +sys_admin wasmkc unload math
fails_with "CAP_NET_ADMIN alone: unload" "needs the capability CAP_SYS_ADMIN" only +net_admin wasmkc unload pass
fails_with "CAP_SYS_ADMIN alone: attach" "needs the capability CAP_NET_ADMIN" only +sys_admin wasmkc attach pass --dev lo --mode generic
ok "both: attach" only +sys_admin,+net_admin wasmkc attach pass --dev lo --mode generic
ok "both: detach" only +sys_admin,+net_admin wasmkc detach pass --dev lo
ok "CAP_SYS_ADMIN alone: unload" only +sys_admin wasmkc unload pass

# The command killed at any moment of load and attach: what is left can be listed, detached and unloaded.
i=0
while [ $i -lt 20 ]; do
	on_dst wasmkc attach /host/pass.kwo --dev vdst >/dev/null 2>&1 &
	pid=$!
	usleep $((i * 15000))
	kill -9 $pid 2>/dev/null
	wait $pid 2>/dev/null
	on_dst wasmkc detach pass --dev vdst >/dev/null 2>&1
	wasmkc unload pass >/dev/null 2>&1
	i=$((i + 1))
done
equal "killed at 20 moments: nothing is left" "$(wasmkc list --json | tr -d ' \n')" "[]"
ok "and it still works" on_dst wasmkc attach /host/pass.kwo --dev vdst
ok "and detaches" on_dst wasmkc detach pass --dev vdst
ok "and unloads" wasmkc unload pass
ok "trust lock" wasmkc trust lock
fails_with "trust add after lock" "lock" wasmkc trust add /host/other.crt
ok "rmmod" rmmod wasmkc
fails_with "module not loaded" "modprobe" wasmkc list
fails_with "a module without BTF is not taken" "No data available" insmod /host/no-btf.ko
ok "and says what it lacks" sh -c 'dmesg | tail -n 1 | grep "the module has no BTF, so no program could be attached; build it with pahole"'
ok "it has not stayed" sh -c '! grep -q "^wasmkc " /proc/modules && ! test -e /dev/wasmkc'
ok "the good one comes again" insmod /lib/vm/wasmkc.ko
ok "and works" sh -c 'wasmkc trust add /host/test.crt && wasmkc load /host/pass.kwo && wasmkc unload pass'
finish
