//! WebAssembly values as people write them, and as the slots that they travel in.

use crate::error::{Error, Result};
use serde_json::{Value, json};
use wasmkc_abi::object::VALUE_TYPES;

/// The name of the type with this letter.
fn type_name(letter: char) -> &'static str {
    VALUE_TYPES.iter().find(|(known, _)| char::from(*known) == letter).map_or("?", |(_, name)| name)
}

/// "(i32, i64) -> f32" of "iI:f".
pub fn signature(letters: &str) -> String {
    let (params, results) = letters.split_once(':').unwrap_or((letters, ""));
    let names = |letters: &str| letters.chars().map(type_name).collect::<Vec<_>>().join(", ");
    format!("({}) -> ({})", names(params), names(results))
}

/// The slots of `texts`, which are arguments of types `letters`.
pub fn parse_all(texts: &[String], letters: &str) -> Result<Vec<u64>> {
    if texts.len() != letters.chars().count() {
        let types = letters.chars().map(type_name).collect::<Vec<_>>().join(", ");
        let wanted = if types.is_empty() { "none".to_owned() } else { types };
        return Err(Error::usage(format_args!("{} arguments are given, the function takes: {wanted}", texts.len())));
    }
    letters.chars().zip(texts).map(|(letter, text)| parse(text, letter)).collect()
}

fn parse(text: &str, letter: char) -> Result<u64> {
    let slot = match letter {
        'i' => integer(text, i64::from(i32::MIN), u64::from(u32::MAX)).map(|n| n & u64::from(u32::MAX)),
        'I' => integer(text, i64::MIN, u64::MAX),
        'f' => text.parse::<f32>().ok().map(|x| x.to_bits().into()),
        'F' => text.parse::<f64>().ok().map(f64::to_bits),
        'r' if text == "null" => Some(0),
        'x' if text == "null" => Some(0),
        'x' => text.parse::<u64>().ok().and_then(|n| n.checked_add(1)),
        _ => None,
    };
    slot.ok_or_else(|| {
        let error = Error::usage(format_args!("`{text}` is no {}", type_name(letter)));
        match letter {
            'i' | 'I' => error.help("a decimal number, or one with 0x, within the type's range, signed or unsigned"),
            'f' | 'F' => error.help("a decimal number, `inf` or `nan`"),
            'x' => error.help("`null` or a number"),
            _ => error.help("`null`: no function can be named here"),
        }
    })
}

/// A number between `low` and `high`, with or without a sign, as 64 bits.
fn integer(text: &str, low: i64, high: u64) -> Option<u64> {
    let (negative, digits) = text.strip_prefix('-').map_or((false, text), |rest| (true, rest));
    let magnitude = match digits.strip_prefix("0x") {
        Some(hex) => u64::from_str_radix(hex, 16).ok()?,
        None => digits.parse::<u64>().ok()?,
    };
    if !negative {
        return (magnitude <= high).then_some(magnitude);
    }
    (magnitude <= low.unsigned_abs()).then(|| magnitude.wrapping_neg())
}

/// A slot as text.
fn text(slot: u64, letter: char) -> String {
    match letter {
        'i' => (slot as u32 as i32).to_string(),
        'I' => (slot as i64).to_string(),
        'f' => f32::from_bits(slot as u32).to_string(),
        'F' => f64::from_bits(slot).to_string(),
        _ if slot == 0 => "null".to_owned(),
        'r' => format!("function {}", slot - 1),
        _ => (slot - 1).to_string(),
    }
}

/// "i32 7", one line a result.
pub fn lines(slots: &[u64], letters: &str) -> String {
    letters
        .chars()
        .zip(slots)
        .map(|(letter, slot)| format!("{} {}\n", type_name(letter), text(*slot, letter)))
        .collect()
}

/// Type, value as text (JSON has neither 64-bit integers nor NaNs) and bits of each result.
pub fn json(slots: &[u64], letters: &str) -> Vec<Value> {
    let value = |(letter, slot): (char, &u64)| {
        let bits =
            if matches!(letter, 'i' | 'f') { format!("{:#010x}", *slot as u32) } else { format!("{slot:#018x}") };
        json!({ "type": type_name(letter), "value": text(*slot, letter), "bits": bits })
    };
    letters.chars().zip(slots).map(value).collect()
}

/// `program` has no function `export` to call; `known` are those that it has.
pub fn no_export(program: &str, export: &str, known: impl Iterator<Item = String>) -> Error {
    let error = Error::new(format_args!("`{program}` exports no function `{export}` that can be called"));
    match export {
        "xdp" | "init" | "_initialize" => error.help(format_args!(
            "`{export}` is what the loader enters: `wasmkc run FILE --pcap IN` gives packets to `xdp`"
        )),
        _ => error.details(known.take(20)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn slots(texts: &[&str], letters: &str) -> Result<Vec<u64>> {
        parse_all(&texts.iter().map(|t| (*t).to_owned()).collect::<Vec<_>>(), letters)
    }

    #[test]
    fn integers_are_signed_or_unsigned_within_their_type() {
        assert_eq!(
            slots(&["-1", "4294967295", "-2147483648"], "iii").unwrap(),
            [0xffff_ffff, 0xffff_ffff, 0x8000_0000]
        );
        assert_eq!(slots(&["-1", "0xffffffffffffffff"], "II").unwrap(), [u64::MAX, u64::MAX]);
        for (text, letters) in
            [("4294967296", "i"), ("-2147483649", "i"), ("18446744073709551616", "I"), ("x", "i"), ("", "I")]
        {
            assert_eq!(slots(&[text], letters).unwrap_err().exit_code(), 2, "{text}");
        }
    }

    #[test]
    fn what_is_written_is_what_is_read() {
        let letters = "iIfFxr";
        let given = slots(&["-7", "8", "1.5", "-0", "3", "null"], letters).unwrap();
        assert_eq!(lines(&given, letters), "i32 -7\ni64 8\nf32 1.5\nf64 -0\nexternref 3\nfuncref null\n");
        assert_eq!(json(&given, letters)[0], json!({ "type": "i32", "value": "-7", "bits": "0xfffffff9" }));
    }

    #[test]
    fn a_wrong_number_of_arguments_names_the_types() {
        let text = slots(&["1"], "iF").unwrap_err().render(false);
        assert!(text.contains("i32, f64"), "{text}");
        assert_eq!(signature("iI:f"), "(i32, i64) -> (f32)");
    }
}
