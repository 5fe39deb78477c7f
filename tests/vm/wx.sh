# shellcheck shell=sh
# W^X: a walk of the page tables over both arenas, with a program loaded, finds no page that is writable and
# executable at once, and no executable alias of one in the direct map.
. /host/lib.sh
ok "trust add" wasmkc trust add /host/test.crt
ok "load" wasmkc load /host/l4drop.kwo
# walk SECTION: loads the walking module over that section of the loader. Where it lies the kernel tells (not all kernels
# list the symbols of data), how long it is the file does (prepare.sh).
walk() {
	start=$(cat "/sys/module/wasmkc/sections/$1") || return 1
	length=$(awk -v name="$1" '$1 == name { print "0x" $2 }' /host/sections)
	insmod /host/wxwalk.ko start="$start" length="$length" || return 1
	(cd /sys/module/wxwalk/parameters && echo "$(cat pages) $(cat executable) $(cat writable) $(cat both) $(cat alias_executable)")
	rmmod wxwalk
}
# shellcheck disable=SC2046 # the walk prints five words
set -- $(walk .wasmkc_arena)
echo "# text: pages $1 executable $2 writable $3 both $4 executable aliases $5"
equal "text: there are pages" "$([ "$1" -gt 0 ] && echo yes)" yes
equal "text: all pages are executable" "$2" "$1"
equal "text: no page is writable" "$3" 0
equal "text: no executable alias" "$5" 0
# shellcheck disable=SC2046
set -- $(walk .wasmkc_rodata)
echo "# rodata: pages $1 executable $2 writable $3 both $4 executable aliases $5"
equal "rodata: there are pages" "$([ "$1" -gt 0 ] && echo yes)" yes
equal "rodata: no page is executable" "$2" 0
equal "rodata: no page is writable" "$3" 0
# The positive control: the walker sees what is writable.
# shellcheck disable=SC2046
set -- $(walk .bss)
equal "control: the loader's own data is seen as writable" "$([ "$3" -gt 0 ] && echo yes)" yes
ok "unload" wasmkc unload l4drop
finish
