# shellcheck shell=sh
# Exported functions, called in the kernel by name: typed arguments and results, floats too, traps with their place,
# fuel and stack of the call's own. The same calls in user space give the same.
. /host/lib.sh
ok "trust add" wasmkc trust add /host/test.crt
ok "load" wasmkc load /host/math.kwo

# gives NAME LINES EXPORT ARGS...: the kernel and user space print LINES.
gives() {
	name=$1
	wanted=$2
	shift 2
	equal "$name" "$(wasmkc call math "$@" 2>&1)" "$wanted"
	equal "$name, in user space" "$(wasmkc run /host/math.kwo --cert /host/test.crt --invoke "$@" 2>&1)" "$wanted"
}

# traps NAME TEXT EXPORT ARGS...
traps() {
	name=$1
	text=$2
	shift 2
	fails_with "$name" "$text" wasmkc call math "$@"
	fails_with "$name, in user space" "$text" wasmkc run /host/math.kwo --cert /host/test.crt --invoke "$@"
}

gives "64-bit integers" "i64 -1" add 9223372036854775807 -9223372036854775808
gives "binary64" "f64 5" hypot 3 4
gives "binary64 with infinity" "f64 inf" hypot inf 4
gives "binary32" "f32 -0.25" mean -1 0.5
gives "four results" "i32 -7
i64 -7
f32 -7
f64 -7" four -7
gives "an instance of its own each time" "i32 1" calls
gives "the same again" "i32 1" calls
traps "division by zero" "division-by-zero" divide 1 0
traps "overflow" "integer-overflow" divide -2147483648 -1
traps "a NaN is no integer" "invalid-conversion-to-integer" to_int nan
traps "out of range" "integer-overflow" to_int 2147483648
traps "an endless loop" "out-of-fuel" spin
traps "endless recursion" "stack-overflow" sink
traps "no such function" "exports no function \`nothing\`" nothing
wasmkc call math divide 7 2 --json >/tmp/call.json
ok "JSON has type, value and bits" grep -q '"bits":"0x00000003","type":"i32","value":"3"' /tmp/call.json
ok "a kilobyte of stack is enough for a sum" wasmkc call math add 1 2 --stack 1024
fails_with "fuel of the call's own" "out-of-fuel" wasmkc call math hypot 3 4 --fuel 10
fails_with "no xdp, no attachment" "exports no \`xdp\`" wasmkc attach math --dev lo --mode generic
i=0
while [ $i -lt 20 ]; do
	wasmkc call math spin >/dev/null 2>&1 &
	wasmkc call math hypot 3 4 >"/tmp/call.$i" 2>&1 &
	i=$((i + 1))
done
wait
equal "calls at the same time do not meet" "$(cat /tmp/call.[0-9]* | sort | uniq -c | sed 's/^ *//')" "20 f64 5"
ok "unload" wasmkc unload math
fails_with "a program that is not loaded" "no program" wasmkc call math add 1 2
finish
