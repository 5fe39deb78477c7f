# shellcheck shell=sh
# Objects for several targets: the loader takes the code for its machine and shows which; what is put together wrongly
# is refused by name, though a trusted key has signed it; what is wrong for other machines alone is the audit's.
. /host/lib.sh
ok "trust add" wasmkc trust add /host/test.crt
ok "the state before" /lib/vm/leak baseline /tmp/before
machine=$(uname -m)

ok "the object for all machines: load" wasmkc load /host/pass.kwo
wasmkc list --json >/tmp/list.json
equal "native code was taken" "$(json engine /tmp/list.json)" native
wasmkc inspect /host/pass.kwo --extract "$machine" -o /tmp/part.kwo >/dev/null
wasmkc inspect /tmp/part.kwo --json >/tmp/inspect.json
equal "this machine's" "$(json text_sha256 /tmp/list.json)" "$(json text_sha256 /tmp/inspect.json)"
targets=$(wasmkc inspect /host/pass.kwo | sed -n 's/^targets *\(.*\), ABI.*/\1/p' | tr -d ' ')
equal "list says what else it has" "$(tr -d ' \n' </tmp/list.json | sed 's/.*"targets":\[\([^]]*\)\].*/\1/' | tr -d '"')" "$targets"
equal "which is more than one" "$([ "$targets" != "${targets%,*}" ] && echo yes)" yes
ok "list shows the engine" sh -c "wasmkc list | grep '^pass ' | grep -w native"
ok "unload" wasmkc unload pass

ok "control: a joined object loads" wasmkc load /host/bad-targets/whole.kwo --name whole
ok "control: and unloads" wasmkc unload whole
ok "control: and passes the audit" wasmkc audit /host/bad-targets/whole.kwo
while read -r object text; do
	fails_with "$object" "$text" wasmkc load "/host/bad-targets/$object.kwo" --name bad
	ok "$object: the audit refuses it, or it is for another machine" sh -c \
		"! wasmkc audit /host/bad-targets/$object.kwo || [ $object = no-code-for-this-machine ]"
done </host/bad-targets/list
while read -r object text; do
	fails_with "$object" "$text" wasmkc load "/host/bad-targets/$object.kwo" --name bad --force-portable
done </host/bad-targets/forced
while read -r object text; do
	fails_with "$object: the audit" "$text" wasmkc audit "/host/bad-targets/$object.kwo"
	ok "$object: is not read here" wasmkc load "/host/bad-targets/$object.kwo" --name other
	ok "$object: unload" wasmkc unload other
done </host/bad-targets/audited
equal "objects were tried" "$([ "$(cat /host/bad-targets/list /host/bad-targets/forced /host/bad-targets/audited | wc -l)" -ge 16 ] && echo yes)" yes
fails_with "another target changed after signing" "changed after" wasmkc load /host/bad-targets/changed.kwo --name bad
equal "nothing is loaded" "$(wasmkc list --json | tr -d ' \n')" "[]"
ok "nothing is left" /lib/vm/leak compare /tmp/before
finish
