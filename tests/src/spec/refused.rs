//! Features that are refused by design.
//!
//! A module needs one if it is valid with it and not without. It counts as refused only if the compiler does refuse
//! it: one that it compiles is run.

use wasmparser::{Validator, WasmFeatures};

use super::tally::Status;

/// Functions whose frame is above `MAX_FRAME_BYTES`: a kernel stack has no room for them. A limit of the kind that the
/// specification allows (core, A.1).
pub const LARGE_FRAMES: &str = "large stack frames";

const FEATURES: &[(&str, WasmFeatures)] = &[
    ("SIMD", WasmFeatures::SIMD.union(WasmFeatures::RELAXED_SIMD)),
    ("exceptions", WasmFeatures::EXCEPTIONS.union(WasmFeatures::LEGACY_EXCEPTIONS)),
    ("GC", WasmFeatures::GC),
    ("typed function references", WasmFeatures::GC.union(WasmFeatures::FUNCTION_REFERENCES)),
];

/// The feature that a valid module needs.
#[must_use]
pub fn feature(wasm: &[u8]) -> Option<&'static str> {
    let needs = |feature: WasmFeatures| {
        let without = WasmFeatures::default().difference(feature);
        Validator::new_with_features(without).validate_all(wasm).is_err()
    };
    FEATURES.iter().find(|(_, feature)| needs(*feature)).map(|(name, _)| *name)
}

/// The status of what cannot be made because of `why`, and needs `feature`.
#[must_use]
pub fn status(feature: Option<&str>, why: &str) -> Status {
    match feature {
        Some(feature) => Status::Refused(format!("{feature}: {why}")),
        None => Status::Skipped(why.to_owned()),
    }
}

/// The status of a directive whose values or action are of a feature, which `what` names in parentheses.
#[must_use]
pub fn foreign(what: &str) -> Status {
    let named = what.rsplit_once('(').map_or(what, |(_, name)| name.trim_end_matches(')'));
    let feature = FEATURES.iter().find(|(name, _)| *name == named).map(|(name, _)| *name);
    status(feature, what)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_feature_that_a_module_needs() {
        let of = |wat: &str| feature(&wat::parse_str(wat).expect("wat"));
        assert_eq!(of("(module (func (param v128)))"), Some("SIMD"));
        assert_eq!(of("(module (tag))"), Some("exceptions"));
        assert_eq!(of("(module (type (struct)))"), Some("GC"));
        assert_eq!(of("(module (type $f (func)) (func (param (ref $f))))"), Some("typed function references"));
        assert_eq!(of("(module (table 1 externref) (memory i64 1) (memory 1) (func (return_call 0)))"), None);
    }

    #[test]
    fn a_directive_says_its_feature() {
        assert_eq!(foreign("a v128 value (SIMD)"), Status::Refused("SIMD: a v128 value (SIMD)".to_owned()));
        assert_eq!(foreign("exceptions"), Status::Refused("exceptions: exceptions".to_owned()));
        assert_eq!(foreign("threads"), Status::Skipped("threads".to_owned()));
    }
}
