# shellcheck shell=sh
# A signature says whose the bytes are, not that they are right: objects that a trusted key has signed and that are
# wrong are refused for what is wrong with them, and a changed bit anywhere in their tables does no harm.
. /host/lib.sh
ok "trust add" wasmkc trust add /host/test.crt
ok "control: the object that the others were made of loads" wasmkc load /host/bad/good.kwo --name good
ok "control: and unloads" wasmkc unload good
ok "the state before" /lib/vm/leak baseline /tmp/before

while read -r name text; do
	fails_with "$name" "$text" wasmkc load "/host/bad/$name.kwo" --name bad
done </host/bad/list
equal "objects were tried" "$([ "$(wc -l </host/bad/list)" -ge 15 ] && echo yes)" yes

# A flipped bit is refused by name, as in "[bad-trap]", or the object loads, and then unloads.
tried=0 refused=0 loaded=0
for object in /host/bad/flip-*.kwo; do
	tried=$((tried + 1))
	if wasmkc load "$object" --name flip >/tmp/load.log 2>&1; then
		wasmkc unload flip >>/tmp/load.log 2>&1 && loaded=$((loaded + 1)) && continue
	else
		status=$?
		grep '^error: .*the loader refuses the object: ' /tmp/load.log | grep -qE '\[[a-z-]+\]|trapped on the instance|above the|no entry|memory budget' &&
			[ $status -eq 1 ] && refused=$((refused + 1)) && continue
	fi
	echo "# ${object##*/}:"
	sed 's/^/# /' /tmp/load.log
done
echo "# flipped bits: $tried objects, $refused refused by name, $loaded loaded and unloaded"
equal "each flipped bit is refused by name or harmless" "$((refused + loaded))" "$tried"
equal "flipped bits: both happened" "$([ "$refused" -ge 10 ] && [ "$loaded" -ge 1 ] && echo yes)" yes
equal "nothing is loaded" "$(wasmkc list --json | tr -d ' \n')" "[]"
ok "nothing is left" /lib/vm/leak compare /tmp/before
ok "a good object loads as before" wasmkc load /host/bad/good.kwo --name good
ok "and unloads" wasmkc unload good
finish
