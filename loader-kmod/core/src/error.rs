// SPDX-License-Identifier: GPL-2.0-only OR MIT
//! Why an object was refused: one table with stable name, errno and text.
#![forbid(unsafe_code)]

use core::fmt;

/// Linux errno values that the table uses (include/uapi/asm-generic/errno*.h).
mod errno {
    pub const ENOEXEC: i32 = 8;
    pub const ENOMEM: i32 = 12;
    pub const EINVAL: i32 = 22;
    pub const EPROTO: i32 = 71;
    pub const EBADMSG: i32 = 74;
    pub const EOPNOTSUPP: i32 = 95;
    pub const ENODATA: i32 = 61;
    pub const E2BIG: i32 = 7;
    pub const ERANGE: i32 = 34;
}

macro_rules! codes {
    ($($(#[$doc:meta])* $name:ident = $stable:literal, $errno:ident, $text:literal;)*) => {
        /// Why an object was refused.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
        pub enum Code { $(#[doc = $text] $name,)* }

        impl Code {
            /// Every code.
            pub const ALL: &'static [Self] = &[$(Self::$name),*];

            /// Its stable name.
            #[must_use]
            pub const fn name(self) -> &'static str {
                match self { $(Self::$name => $stable,)* }
            }

            /// Its errno (positive); [`Code::Signature`] and [`Code::Platform`] pass on the platform's.
            #[must_use]
            pub const fn errno(self) -> i32 {
                match self { $(Self::$name => errno::$errno,)* }
            }

            /// What is wrong and what to do.
            #[must_use]
            pub const fn text(self) -> &'static str {
                match self { $(Self::$name => $text,)* }
            }
        }
    };
}

codes! {
    // the trailer and the signature
    TooLarge = "too-large", E2BIG, "the object is larger than the ABI allows";
    Unsigned = "unsigned", ENODATA, "the object is not signed; sign it with `wasmkc sign`";
    BadTrailer = "bad-trailer", EBADMSG, "the signature's trailer is malformed";
    Signature = "signature", EBADMSG, "the signature was refused";
    // the ELF file
    NotElf = "not-elf", EBADMSG, "not an ELF64 little-endian relocatable file";
    BadElfHeader = "bad-elf-header", EBADMSG, "the ELF header is malformed";
    Truncated = "truncated", EBADMSG, "a range passes the end of the file";
    BadSectionName = "bad-section-name", EBADMSG, "a section's name is malformed";
    DuplicateSection = "duplicate-section", EBADMSG, "the section is there twice";
    MissingSection = "missing-section", EBADMSG, "the section is missing";
    BadSection = "bad-section", EBADMSG, "the section has a wrong type, flag, size or link";
    ExecutableSection = "executable-section", EBADMSG, "a section other than .text is executable";
    WritableText = "writable-text", EBADMSG, ".text is writable";
    KernelModule = "kernel-module", ENOEXEC, "this is a kernel module, not an object; load it with insmod";
    // several targets
    NoCode = "no-code-for-machine", ENOEXEC, "the object has no code for this machine, and no portable code; `wasmkc build` without --target makes code for every machine";
    NoPortable = "no-portable-code", ENOEXEC, "the object has no portable code, which was asked for; build it with --target portable";
    UnknownTarget = "unknown-target", EPROTO, "an inner object is for a target that this loader does not know; update the loader";
    DuplicateTarget = "duplicate-target", EBADMSG, "the object has two codes for one target";
    WrongTarget = "wrong-target", EBADMSG, "the inner object is for another machine than its section's name says";
    NestedTarget = "nested-target", EBADMSG, "an inner object contains inner objects";
    SignedTarget = "signed-target", EBADMSG, "an inner object has a signature of its own; sign the whole object alone";
    // .wkc.meta
    BadMagic = "bad-magic", EBADMSG, "the magic number is wrong";
    AbiMismatch = "abi-mismatch", EPROTO, "built for another ABI version; rebuild the object or update the loader";
    MachineMismatch = "machine-mismatch", EBADMSG, "the metadata names another machine than the ELF header";
    BytecodeMismatch = "bytecode-mismatch", EPROTO, "bytecode of another version, width or byte order; rebuild the object or update the loader";
    ReservedNotZero = "reserved-not-zero", EBADMSG, "a reserved field is not zero";
    UnknownFlag = "unknown-flag", EPROTO, "an unknown flag is set";
    UnknownHook = "unknown-hook", EOPNOTSUPP, "an unknown hook, or no hook at all";
    BadEntry = "bad-entry", EBADMSG, "an entry is not the start of a function that begins with a landing pad";
    BadFuel = "bad-fuel", EINVAL, "the fuel ceiling is zero or above the ABI's limit";
    BadMemory = "bad-memory", EINVAL, "the memory's limits contradict each other or the ABI's limit, or its slots are not its own";
    BadShadowSp = "bad-shadow-sp", EBADMSG, "the shadow-stack pointer is no slot";
    BadTransfer = "bad-transfer", EBADMSG, "the transfer area lies outside the slots, or where something has its initial value";
    CountMismatch = "count-mismatch", EBADMSG, "the section's size does not match its count in the metadata";
    LimitExceeded = "limit-exceeded", E2BIG, "more than the ABI allows";
    // tables
    BadExport = "bad-export", EBADMSG, "an export has no such signature, no room for its values, or a name that is too long";
    BadFunction = "bad-function", EBADMSG, "a function's range is outside .text or not behind the one before";
    BadTrap = "bad-trap", EBADMSG, "a trap site is out of order, outside its function or of an unknown cause";
    BadData = "bad-data", EBADMSG, "a data segment is outside the memory or the section";
    BadPassive = "bad-passive", EBADMSG, "a passive segment is outside .rodata";
    BadString = "bad-string", EBADMSG, "a text is outside the section, unterminated or not UTF-8";
    BadImport = "bad-import", EBADMSG, "an import row is out of order or malformed";
    UnknownHelper = "unknown-helper", EOPNOTSUPP, "this loader has no helper of that number; update the loader";
    EffectMismatch = "effect-mismatch", EPROTO, "the helper has other effects or another signature in this loader; rebuild the object";
    HelperFuel = "helper-fuel", EPROTO, "the object charges less fuel for the helper than this loader asks; rebuild the object";
    // relocations
    BadRelocation = "bad-relocation", EBADMSG, "a relocation is out of order, out of range or of an unknown kind";
    BadSymbol = "bad-symbol", EBADMSG, "a relocation's symbol is malformed or may not be referred to";
    UnknownSymbol = "unknown-symbol", EOPNOTSUPP, "the symbol is no runtime function and no imported helper";
    OutOfReach = "out-of-reach", ERANGE, "a relocation's target is out of reach";
    // what the platform says
    NoMemory = "no-memory", ENOMEM, "out of memory";
    Platform = "platform", ENOMEM, "the arena refused";
}

/// A refusal: the code, where, and the number or name it is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Error {
    /// Why.
    pub code: Code,
    /// Section, empty for the file as a whole.
    pub section: &'static str,
    /// Byte offset in the section (or file), where one is known.
    pub offset: Option<u64>,
    /// Name of the helper or section at fault, or empty.
    pub subject: &'static str,
    /// The platform's errno for [`Code::Signature`] and [`Code::Platform`].
    pub platform: i32,
}

impl Error {
    /// An error about the whole file.
    #[must_use]
    pub const fn of(code: Code) -> Self {
        Self { code, section: "", offset: None, subject: "", platform: 0 }
    }

    /// An error in a section.
    #[must_use]
    pub const fn in_section(code: Code, section: &'static str) -> Self {
        Self { code, section, offset: None, subject: "", platform: 0 }
    }

    /// An error at an offset of a section.
    #[must_use]
    pub const fn at(code: Code, section: &'static str, offset: usize) -> Self {
        Self { code, section, offset: Some(offset as u64), subject: "", platform: 0 }
    }

    /// The same with the name of what is at fault.
    #[must_use]
    pub const fn about(mut self, subject: &'static str) -> Self {
        self.subject = subject;
        self
    }

    /// An errno that the platform gave.
    #[must_use]
    pub const fn from_platform(code: Code, errno: i32) -> Self {
        Self { code, section: "", offset: None, subject: "", platform: errno }
    }

    /// Positive errno for the caller.
    #[must_use]
    pub const fn errno(&self) -> i32 {
        if self.platform > 0 && self.platform < 4096 { self.platform } else { self.code.errno() }
    }
}

/// What the platform's verifier means, for people.
const fn signature_text(errno: i32) -> &'static str {
    match errno {
        126 => ": no trusted key made it; add the certificate with `wasmkc trust add`",
        129 => ": the object was changed after signing, or the signature is of something else",
        65 => ": its algorithm is unknown to this kernel; sign with RSA and SHA-256",
        74 => ": it is no PKCS#7 message",
        127 => ": the key has expired",
        128 => ": the key was revoked",
        _ => "",
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if !self.section.is_empty() {
            f.write_str(self.section)?;
        }
        if let Some(offset) = self.offset {
            write!(f, "{}+{offset:#x}", if self.section.is_empty() { "file" } else { "" })?;
        }
        if !self.section.is_empty() || self.offset.is_some() {
            f.write_str(": ")?;
        }
        if !self.subject.is_empty() {
            f.write_str(self.subject)?;
            f.write_str(": ")?;
        }
        f.write_str(self.code.text())?;
        if matches!(self.code, Code::Signature) {
            f.write_str(signature_text(self.platform))?;
        }
        write!(f, " [{}]", self.code.name())
    }
}

impl core::error::Error for Error {}

#[cfg(test)]
mod tests {
    use std::string::ToString;

    use super::*;

    #[test]
    fn names_are_unique_and_errnos_valid() {
        for (i, c) in Code::ALL.iter().enumerate() {
            assert!(c.errno() > 0 && c.errno() < 134, "{}", c.name());
            assert!(Code::ALL[..i].iter().all(|d| d.name() != c.name()), "{}", c.name());
        }
    }

    #[test]
    fn a_message_says_where_what_and_who() {
        let e = Error::at(Code::EffectMismatch, ".wkc.imports", 24).about("log");
        assert!(e.to_string().starts_with(".wkc.imports+0x18: log: the helper has other effects"), "{e}");
        assert_eq!(e.errno(), 71);
        assert_eq!(Error::from_platform(Code::Signature, 126).errno(), 126);
        assert!(Error::from_platform(Code::Signature, 126).to_string().contains("trust add"));
    }
}
