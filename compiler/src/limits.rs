//! Checks of the caller's options, before any byte of the wasm is looked at.

use wasmkc_abi::limits::{FUEL_MAX, MAX_MEMORY_PAGES, MAX_NAME, MAX_NOTE};

use crate::{CompileError, Options};

/// Passes if an object can carry these options.
pub fn check_options(options: &Options) -> Result<(), CompileError> {
    let fail = |option, what: String| Err(CompileError::Option { option, what });
    if options.fuel == 0 || options.fuel > FUEL_MAX {
        return fail("fuel", format!("{} is not between 1 and {FUEL_MAX}", options.fuel));
    }
    if let Some(pages) = options.max_memory_pages.filter(|p| *p > MAX_MEMORY_PAGES) {
        return fail("max_memory_pages", format!("{pages} is above the limit of {MAX_MEMORY_PAGES} pages"));
    }
    if options.note.len() > MAX_NOTE as usize || options.note.contains('\0') {
        return fail("note", format!("must be at most {MAX_NOTE} bytes without a zero, has {}", options.note.len()));
    }
    let allowed = |b: u8| b.is_ascii_alphanumeric() || b"_.-".contains(&b);
    if options.name.len() > MAX_NAME || !options.name.bytes().all(allowed) {
        return fail("name", format!("`{}` must be at most {MAX_NAME} characters of A-Z a-z 0-9 _ . -", options.name));
    }
    Ok(())
}
