//! The string table: each string once, offset 0 is "no string".

use std::collections::HashMap;

/// Zero-terminated strings.
pub struct Strings {
    bytes: Vec<u8>,
    known: HashMap<String, u32>,
}

impl Strings {
    /// The empty table: one zero byte.
    pub fn new() -> Self {
        Self { bytes: vec![0], known: HashMap::new() }
    }

    /// Offset of `text`, 0 for the empty one. A text with a zero byte is refused where it is read (exports, options)
    /// or made printable (names of functions and files); what a reader would not see of it is left out here.
    pub fn add(&mut self, text: &str) -> u32 {
        let text = text.split('\0').next().unwrap_or_default();
        if text.is_empty() {
            return 0;
        }
        if let Some(at) = self.known.get(text) {
            return *at;
        }
        let at = self.bytes.len() as u32;
        self.bytes.extend_from_slice(text.as_bytes());
        self.bytes.push(0);
        self.known.insert(text.to_owned(), at);
        at
    }

    /// The table.
    pub fn into_bytes(self) -> Vec<u8> {
        self.bytes
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn strings_are_shared_and_zero_is_none() {
        let mut s = Strings::new();
        assert_eq!((s.add(""), s.add("a"), s.add("bc"), s.add("a"), s.add("a\0x")), (0, 1, 3, 1, 1));
        assert_eq!(s.into_bytes(), b"\0a\0bc\0");
    }
}
