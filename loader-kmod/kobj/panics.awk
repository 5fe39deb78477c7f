# Reads `objdump -r` of the core with a section a function: who can call what panics, beyond what is known to be
# unreachable. Prints each such caller and what it calls.
#
# What is known:
# - interpreter, instructions with an address of three parts (_g32): their bounds check indexes by a length of 0 to 8.
#   No object has them: the audit passes none, and nothing that is not audited is signed.
# - wkc_core_interpret: the interpreter unwraps the reason why it has stopped, which whatever stops it has set.

function known(caller, callee) {
	if (caller ~ /18pulley_interpreter6interp9tail_loop[0-9]+[xf](load|store)[0-9]+(le)?(_[us]32)?_g32$/)
		return callee ~ /panic_bounds_check$/
	return caller == "wkc_core_interpret" && callee ~ /6option13unwrap_failed$/
}

# The way from a panic to wkc_plat_panic: nothing but core's own functions and the handler.
function is_way(name) {
	return name ~ /rust_begin_unwind/ || (name ~ /_4core/ && name !~ /wasmkc|pulley/)
}

function bare(name) {
	sub(/^\.text\.(unlikely\.)?/, "", name)
	sub(/[+-]0x[0-9a-f]+$/, "", name)
	return name
}

BEGIN { count = 0 }

/^RELOCATION RECORDS FOR \[/ {
	section = $4
	gsub(/[\[\]:]/, "", section)
	caller = section ~ /^\.text/ ? bare(section) : ""
	next
}

caller != "" && NF == 3 && $2 ~ /^R_/ {
	from[count] = caller
	to[count++] = bare($3)
}

END {
	panics["wkc_plat_panic"] = 1
	do {
		found = 0
		for (i = 0; i < count; i++)
			if (to[i] in panics && !(from[i] in panics) && is_way(from[i]))
				found = panics[from[i]] = 1
	} while (found)
	for (i = 0; i < count; i++)
		if (to[i] in panics && !(from[i] in panics) && !known(from[i], to[i]))
			print from[i] " calls " to[i]
}
