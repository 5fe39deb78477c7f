#!/bin/sh
# Builds the loader's core for the kernel: OUTDIR/wkc_core.o.
# Only wkc_core_* is global in it; only what ALLOWED names is undefined; both are checked here, and so is that
# nothing of the core's own code can panic.
# usage: build.sh x86|arm64|arm|s390 OUTDIR (the kernel's names of machines)      CARGO and LD_PREFIX may be set
set -eu

[ $# -eq 2 ] || { echo "usage: $0 x86|arm64|arm|s390 OUTDIR" >&2; exit 2; }
here=$(cd "$(dirname "$0")" && pwd)
mkdir -p "$2"
out=$(cd "$2" && pwd)
ld=${LD_PREFIX:-}ld objcopy=${LD_PREFIX:-}objcopy nm=${LD_PREFIX:-}nm objdump=${LD_PREFIX:-}objdump
for tool in "${CARGO:-cargo}" "$ld" "$objcopy"; do
	command -v "$tool" >/dev/null || { echo "$0: $tool is missing (rustup, package binutils)" >&2; exit 1; }
done

# The kernel's code model and mitigations; no jump tables, no unwind tables, no GOT.
model=static
case $1 in
x86)
	target=x86_64-unknown-none emulation=elf_x86_64
	machine="-Ccode-model=kernel -Zplt=yes -Zretpoline-external-thunk -Zfunction-return=thunk-extern \
-Zcf-protection=branch -Zindirect-branch-cs-prefix"
	thunks='|__x86_return_thunk|__x86_indirect_thunk_r[a-z0-9]+'
	;;
arm64)
	target=aarch64-unknown-none-softfloat emulation=aarch64linux
	machine="-Zbranch-protection=bti,pac-ret -Zfixed-x18"
	thunks=
	;;
arm)
	# Integers only: the kernel saves no other registers for a module.
	target=armv7a-none-eabi emulation=armelf_linux_eabi machine='' thunks=''
	;;
s390)
	target=s390x-unknown-none-softfloat emulation=elf64_s390 machine='' thunks=''
	model=pic
	;;
*) echo "$0: unknown machine '$1'" >&2 && exit 2 ;;
esac
flags="-Crelocation-model=$model -Cforce-unwind-tables=no -Cjump-tables=no $machine \
-Cforce-frame-pointers=yes --cfg=pulley_disable_interp_simd --cfg=pulley_tail_calls --remap-path-prefix=$(cd "$here/../.." && pwd)=. \
--remap-path-prefix=$(rustc --print sysroot)=rust"

cd "$here"
RUSTC_BOOTSTRAP=1 CARGO_TARGET_DIR="$out/target" CARGO_ENCODED_RUSTFLAGS=$(printf '%s' "$flags" | tr -s ' ' '\037') \
	"${CARGO:-cargo}" build --quiet --locked --release --target "$target" \
	-Zbuild-std=core,alloc -Zbuild-std-features=

roots="wkc_core_load wkc_core_free wkc_core_instantiate wkc_core_export wkc_core_exports wkc_core_trap_lookup \
wkc_core_machine_create wkc_core_machine_destroy wkc_core_interpret"
undefined='' keep=''
for s in $roots; do undefined="$undefined -u $s" keep="$keep --keep-global-symbol=$s"; done
# shellcheck disable=SC2086
"$ld" -m "$emulation" -r --gc-sections $undefined -T prelink.lds \
	-o "$out/wkc_core.tmp.o" "$out/target/$target/release/libwasmkc_kobj.a"
# shellcheck disable=SC2086
"$objcopy" $keep --strip-debug "$out/wkc_core.tmp.o"

allowed="^(wkc_plat_[a-z0-9_]+|memcpy|memset|memmove|memcmp$thunks)\$"
strange=$("$nm" -u "$out/wkc_core.tmp.o" | awk '{ print $NF }' | grep -Ev "$allowed" || true)
[ -z "$strange" ] || { echo "$0: undefined symbols that the kernel does not give: $strange" >&2; exit 1; }
strange=$("$nm" -g --defined-only "$out/wkc_core.tmp.o" | awk '{ print $NF }' | grep -v '^wkc_core_' || true)
[ -z "$strange" ] || { echo "$0: symbols that must not be global: $strange" >&2; exit 1; }
# The core is written so that no panic can be reached; of the interpreter's, panics.awk says why each cannot.
# shellcheck disable=SC2086
"$ld" -m "$emulation" -r --gc-sections $undefined -o "$out/wkc_core.parts.o" "$out/target/$target/release/libwasmkc_kobj.a"
"$objdump" -r "$out/wkc_core.parts.o" >"$out/wkc_core.relocs"
grep -q wkc_core_interpret "$out/wkc_core.relocs" || { echo "$0: no relocations of the core" >&2; exit 1; }
# What finds nothing has to be able to find something.
printf 'RELOCATION RECORDS FOR [.text.f]:\n0 R_PLT32 wkc_plat_panic\n' | awk -f panics.awk | grep -q '^f calls wkc_plat_panic$' ||
	{ echo "$0: the panic scan does not find a panic" >&2; exit 1; }
strange=$(awk -f panics.awk "$out/wkc_core.relocs")
[ -z "$strange" ] || { echo "$0: the core can panic: $strange" >&2; exit 1; }
mv "$out/wkc_core.tmp.o" "$out/wkc_core.o"
