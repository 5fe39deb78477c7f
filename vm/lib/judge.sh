# shellcheck shell=bash
# Decides how a run ended, from the result port, the kernel's log and the taint flags. Sourced by vm/run.

# What a kernel writes when something is wrong with it.
COMPLAINTS='WARNING: |BUG: |BUG at |kernel BUG|Oops: |Kernel panic|Call [Tt]race:|Internal error: |Unexpected kernel BRK|general protection fault|Unable to handle kernel|INFO: task .* blocked for more|rcu: INFO: .* (stall|detected)|soft lockup|hard LOCKUP|possible circular locking|inconsistent lock state|suspicious RCU usage|sleeping function called from invalid context|scheduling while atomic|UBSAN:|KASAN:|refcount_t: |list_(add|del) corruption|unregister_netdevice: waiting|Segmentation fault|segfault at| ilc:[0-9] \[#|User process fault:'

# What it says of some of QEMU's processors while it boots, though nothing is wrong with the kernel.
ADVICE='Speculative Return Stack Overflow: WARNING: See |RETBleed: WARNING: Spectre v2 mitigation leaves CPU vulnerable'

# Taint bits a healthy run may have: O (out-of-tree module, 1 << 12) and E (unsigned module, 1 << 13).
TAINT_ALLOWED=$(((1 << 12) | (1 << 13)))

# value WORK KEY: of a line "KEY VALUE" of the result port
value() { awk -v k="$2" '$1 == k { print $2 }' "$1/result"; }

# judge WORK QEMU_STATUS: prints what is wrong and exits with the run's status.
judge() {
	local work=$1 qemu_status=$2 taint status
	if [ ! -s "$work/kernel.log" ] && [ "$qemu_status" != 124 ]; then
		cat "$work/qemu.log" >&2
		die "$EXIT_SETUP" "QEMU did not start the kernel (status $qemu_status)"
	fi
	grep -vE "$ADVICE" "$work/kernel.log" >"$work/judged.log" || true
	if grep -qE "$COMPLAINTS" "$work/judged.log"; then
		say "the kernel complained:"
		# The text of a WARN stands before its "WARNING:".
		grep -E -B 2 -A 40 "$COMPLAINTS" "$work/judged.log" | head -n 60 >&2
		exit "$EXIT_KERNEL"
	fi
	if [ "$qemu_status" = 124 ]; then
		say "the kernel's last lines:"
		tail -n 5 "$work/kernel.log" >&2
		die "$EXIT_TIMEOUT" "no end within $timeout s"
	fi
	if [ "$(tail -n 1 "$work/result")" != end ]; then
		say "the kernel's last lines:"
		tail -n 15 "$work/kernel.log" >&2
		die "$EXIT_LOST" "the VM ended without a result (QEMU's status $qemu_status)"
	fi
	[ "$(value "$work" module)" != failed ] || die "$EXIT_MODULE" "insmod of $module failed; the kernel's last lines:
$(tail -n 8 "$work/kernel.log")"
	taint=$(value "$work" taint)
	[ $((taint & ~TAINT_ALLOWED)) = 0 ] || die "$EXIT_KERNEL" "the kernel is tainted: $taint (Documentation/admin-guide/tainted-kernels.rst names the bits)"
	[ "$(value "$work" leak)" != found ] || die "$EXIT_LEAK" "the run left something in the kernel"
	[ -z "$leak_check" ] || [ "$(value "$work" leak)" = none ] || die "$EXIT_LEAK" "the leak check has no verdict"
	[ "$(value "$work" files)" != failed ] || die "$EXIT_LOST" "the files of /out did not come back"
	status=$(value "$work" status)
	case $status in '' | *[!0-9]*) die "$EXIT_LOST" "the VM's result holds no status" ;; esac
	exit "$status"
}
