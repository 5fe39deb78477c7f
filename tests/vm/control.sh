# shellcheck shell=sh
# The control device, used as no command would: guessed handles, sessions, refused calls, the longest lists.
. /host/lib.sh
ok "trust add" wasmkc trust add /host/test.crt
for name in pass math many; do
	ok "load $name" wasmkc load "/host/$name.kwo"
done
wkc-control >/tmp/control.out
equal "it comes to its end" "$?" 0
grep '^#' /tmp/control.out
while read -r result number dash name; do
	case $result in
	ok) ok "$name" true ;;
	not) ok "$number $dash $name" false ;;
	esac
done </tmp/control.out
ok "unload many" wasmkc unload many
ok "unload pass" wasmkc unload pass
finish
