//! Random modules that end, import nothing and stay within the loader's limits.

use arbitrary::Unstructured;
use wasm_smith::{Config, Module};

/// Globals of its own that wasm-smith counts down so that every run ends.
const STEPS: u32 = 1000;

/// `len` bytes from `seed`.
#[must_use]
pub fn random_bytes(seed: u64, len: usize) -> Vec<u8> {
    let mut rng = fastrand::Rng::with_seed(seed);
    let mut bytes = vec![0; len];
    rng.fill(&mut bytes);
    bytes
}

/// A module made of `bytes`; `None` if they are too few.
#[must_use]
pub fn generate(bytes: &[u8]) -> Option<Vec<u8>> {
    let mut u = Unstructured::new(bytes);
    let config = Config {
        max_imports: 0,
        min_funcs: 1,
        max_funcs: 8,
        max_instructions: 200,
        min_memories: 1,
        max_memories: 1,
        max_memory32_bytes: 4 << 16,
        memory_max_size_required: true,
        max_tables: 1,
        max_table_elements: 64,
        table_max_size_required: true,
        max_data_segments: 4,
        max_element_segments: 4,
        export_everything: true,
        canonicalize_nans: true,
        bulk_memory_enabled: true,
        sign_extension_ops_enabled: true,
        saturating_float_to_int_enabled: true,
        multi_value_enabled: true,
        extended_const_enabled: true,
        reference_types_enabled: false,
        simd_enabled: false,
        relaxed_simd_enabled: false,
        exceptions_enabled: false,
        gc_enabled: false,
        threads_enabled: false,
        shared_everything_threads_enabled: false,
        tail_call_enabled: false,
        memory64_enabled: false,
        custom_page_sizes_enabled: false,
        wide_arithmetic_enabled: false,
        allow_start_export: true,
        ..Config::default()
    };
    let mut module = Module::new(config, &mut u).ok()?;
    module.ensure_termination(STEPS).ok()?;
    Some(module.to_bytes())
}
