//! Which features a random module has, and how large it is: a swarm, in which each seed leaves some things out, since
//! a module with a little of everything has enough of nothing.

use fastrand::Rng;
use wasm_smith::{Config, InstructionKind, InstructionKinds, MemoryOffsetChoices};

use crate::plan::{Nans, Plan};

/// What a module may have, by the seed of `plan`.
pub fn shape(plan: &Plan) -> Config {
    let mut rng = Rng::with_seed(plan.seed ^ 0x0073_6861_7065);
    let mut often = |of: u8| rng.u8(..of) != 0;
    let (reference_types, bulk, memory64, tails) = (often(4), often(4), !often(3), !often(3));
    let (several_memories, several_tables, multi_value) = (!often(2), often(2), often(4));
    let (extended, sign_extension, saturating, floats) = (often(4), often(4), often(4), often(3));
    let (guarded, segments) = (!often(3), often(4));
    let instructions = instructions(&mut rng, floats);
    Config {
        max_imports: 0,
        allow_floats: floats,
        allowed_instructions: instructions,
        reference_types_enabled: reference_types,
        bulk_memory_enabled: bulk || reference_types,
        memory64_enabled: memory64,
        tail_call_enabled: tails,
        multi_value_enabled: multi_value,
        extended_const_enabled: extended,
        sign_extension_ops_enabled: sign_extension,
        saturating_float_to_int_enabled: saturating,
        canonicalize_nans: plan.nans == Nans::Generator,
        disallow_traps: guarded,
        simd_enabled: false,
        relaxed_simd_enabled: false,
        exceptions_enabled: false,
        gc_enabled: false,
        threads_enabled: false,
        shared_everything_threads_enabled: false,
        custom_page_sizes_enabled: false,
        // The validator refuses it unless asked for.
        wide_arithmetic_enabled: false,
        min_types: 2,
        max_types: rng.usize(4..24),
        max_type_size: 200,
        min_funcs: [1, 2, 6][rng.usize(..3)],
        max_funcs: rng.usize(6..16),
        max_instructions: [20, 60, 150, 400, 1000][rng.usize(..5)],
        max_nesting_depth: 10,
        min_memories: u32::from(rng.u8(..8) != 0),
        max_memories: if several_memories { rng.usize(2..5) } else { 1 },
        max_memory32_bytes: 4 << 16,
        max_memory64_bytes: 4 << 16,
        memory_max_size_required: rng.bool(),
        memory_offset_choices: MemoryOffsetChoices(40, 2, 1),
        min_tables: u32::from(rng.bool()),
        max_tables: if several_tables && reference_types { rng.usize(2..6) } else { 1 },
        max_table_elements: [1, 10, 64, 300][rng.usize(..4)],
        table_max_size_required: rng.bool(),
        min_data_segments: if segments { rng.usize(0..3) } else { 0 },
        max_data_segments: if segments { 6 } else { 0 },
        min_element_segments: if segments { rng.usize(0..3) } else { 0 },
        max_element_segments: if segments { 8 } else { 0 },
        max_elements: 20,
        min_globals: rng.usize(0..3),
        max_globals: rng.usize(3..20),
        max_exports: 8,
        max_values: 10,
        ..Config::default()
    }
}

/// Which kinds of operators it may have: all, or all but some.
fn instructions(rng: &mut Rng, floats: bool) -> InstructionKinds {
    use InstructionKind as Kind;
    let (numeric, memory) = if floats { (Kind::Numeric, Kind::Memory) } else { (Kind::NumericInt, Kind::MemoryInt) };
    // Numbers and variables always: without them nothing is computed.
    let mut kinds = vec![numeric, Kind::Variable];
    let all = rng.bool();
    let rest = [memory, Kind::Reference, Kind::Parametric, Kind::Table, Kind::Control];
    kinds.extend(rest.into_iter().filter(|_| all || rng.u8(..3) != 0));
    InstructionKinds::new(&kinds)
}
