//! Names of the exports of merged modules: printable, without blanks, unlike one another.

use wasmkc_abi::limits::MAX_EXPORT_NAME;

/// Export that gives its argument back, exclusive-or a constant of the object.
pub const NONCE: &str = "nonce";

/// Init function of an instance.
#[must_use]
pub fn init(instance: usize) -> String {
    format!("init.{instance}")
}

/// Function `name` of an instance; `index` stands for a name that is too long.
#[must_use]
pub fn function(instance: usize, name: &str, index: u32) -> String {
    bounded(format!("{instance}.{}", escaped(name)), format!("{instance}.%{index}"))
}

/// Getter of global `name` of an instance.
#[must_use]
pub fn getter(instance: usize, name: &str, index: u32) -> String {
    bounded(format!("get.{instance}.{}", escaped(name)), format!("get.{instance}.%{index}"))
}

fn bounded(name: String, short: String) -> String {
    if name.len() <= MAX_EXPORT_NAME as usize { name } else { short }
}

/// Bytes that are not printable, and `%`, as `%` and two hexadecimal digits.
fn escaped(name: &str) -> String {
    let mut out = String::with_capacity(name.len());
    for byte in name.bytes() {
        if byte.is_ascii_graphic() && byte != b'%' {
            out.push(byte.into());
        } else {
            out.push_str(&format!("%{byte:02x}"));
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_printable_and_unlike_one_another() {
        assert_eq!(function(3, "a b%\0é", 9), "3.a%20b%25%00%c3%a9");
        assert_eq!(function(3, &"x".repeat(300), 9), "3.%9");
        assert_ne!(getter(3, "init", 0), function(3, "init", 0));
        assert_ne!(init(3), function(3, "init", 0));
    }
}
