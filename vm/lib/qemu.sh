# shellcheck shell=bash
# Starts QEMU on a kernel and an initramfs and waits for its end. Sourced by vm/run.

# qemu_command WORK KERNEL_DIR: fills the array `qemu` from the options of vm/run.
qemu_command() {
	local work=$1 port board model parameters program=$arch threading=single bus=pci console=(-serial chardev:console)
	# no_timer_check: on a busy machine the emulated timer is late, which Linux takes for a broken one and panics.
	case $arch in
	x86_64) board=q35 model=max parameters="console=ttyS0 no_timer_check" ;;
	aarch64) board=virt model=max,pauth-impdef=on parameters=console=ttyAMA0 ;;
	# The kernel has addresses of 32 bits: what the board puts above them is not there for it. With one thread for two
	# processors it hangs when it stops all but one to make its text read-only.
	armhf) program=arm threading=multi board=virt,highmem=off model=cortex-a15 parameters=console=ttyAMA0 ;;
	s390x) board=s390-ccw-virtio model=max bus=ccw parameters=console=ttysclp0 console=(-device "sclpconsole,chardev=console") ;;
	esac
	qemu=("qemu-system-$program" -nodefaults -no-user-config -no-reboot -display none -machine "$board" -cpu "${cpu:-$model}" -smp "$cpus" -m "$memory"
		-kernel "$2/vmlinuz" -initrd "$work/initrd")
	# One thread for all processors: with one each, QEMU may run an int3 that the kernel has patched away by then
	# (on attach and detach it patches bpf_dispatcher_xdp_func), and that is an oops which no machine has.
	if [ -n "$icount" ]; then qemu+=(-accel tcg -icount "shift=0,sleep=off"); else qemu+=(-accel "tcg,thread=${threads:-$threading}"); fi
	# The kernel's console has a serial line of its own: it works when nothing else does any more.
	qemu+=(-chardev "file,id=console,path=$work/kernel.log" "${console[@]}" -device "virtio-serial-$bus")
	for port in stdout stderr result files; do
		qemu+=(-chardev "file,id=$port,path=$work/$port" -device "virtserialport,chardev=$port,name=wkc.$port")
	done
	# ignore_loglevel: a command that lowers the console's level hides nothing. oops and panic end the run at once.
	qemu+=(-append "$parameters ignore_loglevel panic=-1 oops=panic net.ifnames=0 rdinit=/init $append")
}

# qemu_run WORK: runs it with output live; returns 124 on timeout, else QEMU's own status.
qemu_run() {
	local work=$1 file pid status=0 tails=()
	: >"$work/stdout"
	: >"$work/stderr"
	timeout --kill-after=5 "$timeout" "${qemu[@]}" </dev/null 2>"$work/qemu.log" >&2 &
	pid=$!
	# shellcheck disable=SC2064 # this pid, now
	trap "kill $pid 2>/dev/null; exit 143" TERM INT HUP
	tail -q -n +1 -s 0.1 -f --pid="$pid" "$work/stdout" 2>/dev/null & tails+=($!)
	tail -q -n +1 -s 0.1 -f --pid="$pid" "$work/stderr" >&2 2>/dev/null & tails+=($!)
	wait "$pid" || status=$?
	for file in "${tails[@]}"; do wait "$file" || true; done
	trap - TERM INT HUP
	[ "$status" = 137 ] && status=124
	return "$status"
}
