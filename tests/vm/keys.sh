# shellcheck shell=sh
# vm: --module build/kmod-keys/wasmkc.ko
# A module that was built with a certificate trusts it from the start, also when nobody may add keys any more.
. /host/lib.sh
wasmkc trust list --json >/tmp/keys.json
ok "the built-in key is listed" grep -q "wasmkc test key" /tmp/keys.json
key_id=$(wasmkc verify /host/pass.kwo --cert /host/test.crt --json | sed 's/.*"key_id":"\([0-9a-f]*\)".*/\1/')
ok "by the key id that its certificate shows" grep -q "\"key_id\":\"${key_id:-none}\"" /tmp/keys.json
ok "trust lock" wasmkc trust lock
ok "an object signed by it loads" wasmkc load /host/pass.kwo
fails_with "one by another key does not" "no trusted key" wasmkc load /host/unknown-key.kwo --name other
fails_with "no key can be added" "the module begins unlocked" wasmkc trust add /host/other.crt
ok "unload" wasmkc unload pass
finish
