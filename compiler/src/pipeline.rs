//! Every stage from wasm bytes to object bytes, in order.

use wasmkc_abi::object::NONE;
use wasmkc_audit::Jobs;
use wasmparser::{Validator, WasmFeatures};

use crate::{
    CompileError, Options, Progress, Stage, Standard, Target, debug,
    emit::Image,
    functions::{self, Functions},
    isa, limits,
    lines::Lines,
    module::Module,
    object, parse,
    progress::{NOBODY, Watch},
};

/// An unsigned object with what there is to say about it.
#[derive(Clone, Debug)]
pub struct Object {
    /// The ELF file.
    pub bytes: Vec<u8>,
    /// What it contains.
    pub report: Report,
}

/// What the compiler made, for people and tools.
#[derive(Clone, Debug)]
pub struct Report {
    /// The functions in the order of `.text`.
    pub functions: Vec<FunctionReport>,
    /// Bytes of `.text`.
    pub text_bytes: u32,
    /// Bytes of `.rodata`.
    pub rodata_bytes: u32,
    /// Bytes of stack that a run can use; `None` if something recurses, so that the checks bound it.
    pub stack_bound: Option<u32>,
    /// Pages of all memories at start and at most.
    pub memory_pages: (u32, u32),
    /// Names of the helpers imported.
    pub helpers: Vec<&'static str>,
    /// Number of trap sites.
    pub trap_sites: u32,
    /// Fuel ceiling.
    pub fuel: u64,
    /// Whether accesses are masked against speculation.
    pub masked: bool,
}

/// One function of the object.
#[derive(Clone, Debug)]
pub struct FunctionReport {
    /// Name.
    pub name: String,
    /// Index in the module; `None` for one that the compiler made.
    pub wasm_index: Option<u32>,
    /// Start in `.text`.
    pub text_offset: u32,
    /// Bytes of code.
    pub size: u32,
    /// Bytes of stack, return address included.
    pub stack: u32,
}

/// wasm in, object out.
pub fn run(wasm: &[u8], options: &Options) -> Result<Object, CompileError> {
    limits::check_options(options)?;
    validate(wasm, Standard::V3)?;
    let module = parse::parse(wasm, options)?;
    let object = object(&module, build(&module, options)?, &Lines::read(&module), options)?;
    audit(&object.bytes, options, NOBODY)?;
    Ok(object)
}

/// wasm in, the joined objects of `targets` out. How parameters travel is the target's, so a module is parsed for each.
pub fn run_all(wasm: &[u8], options: &Options, targets: &[Target], watch: Watch<'_>) -> Result<Vec<u8>, CompileError> {
    limits::check_options(options)?;
    if targets.is_empty() {
        return Err(CompileError::Option { option: "target", what: "there must be one at least".to_owned() });
    }
    validate(wasm, Standard::V3)?;
    let lines = Lines::read(&parse::parse(wasm, options)?);
    let all: Vec<Options> = Target::ALL
        .into_iter()
        .filter(|target| targets.contains(target))
        .map(|target| Options { target, ..options.clone() })
        .collect();
    let parsed: Vec<_> = all.iter().map(|options| parse::parse(wasm, options)).collect();
    let ready: Vec<_> =
        all.iter().zip(&parsed).filter_map(|(options, module)| Some((options, module.as_ref().ok()?))).collect();
    let mut images = images(&ready, options.jobs, watch)?.into_iter();
    let (mut parts, mut failed) = (Vec::new(), None);
    for (options, module) in all.iter().zip(parsed) {
        let target = options.target;
        let made = module.and_then(|module| {
            let missing = || Err(CompileError::internal("pipeline", format!("no code for {}", target.name())));
            object(&module, images.next().unwrap_or_else(missing)?, &lines, options)
        });
        match made {
            Ok(object) => parts.push((target, object.bytes)),
            // Which targets it builds for is what to say, so the others are tried.
            Err(error) if error.is_of_one_target() => failed = failed.or(Some((target, error))),
            Err(error) => return Err(error),
        }
    }
    if let Some((target, error)) = failed {
        if targets.iter().all(|other| *other == target) {
            return Err(error);
        }
        // That it builds for the others is said only of what was judged as any object is.
        let built = if parts.is_empty() { None } else { object::join(&parts).ok() };
        built.as_deref().map_or(Ok(()), |built| audit(built, options, watch))?;
        let fits: Vec<Target> = parts.iter().filter(|_| built.is_some()).map(|(target, _)| *target).collect();
        return Err(error.of_target(target, &fits));
    }
    let bytes = object::join(&parts)?;
    audit(&bytes, options, watch)?;
    Ok(bytes)
}

/// One target's object, which nobody has judged.
fn object(module: &Module<'_>, image: Image, lines: &Lines, options: &Options) -> Result<Object, CompileError> {
    let tables = object::tables(module, &image, lines, options)?;
    let debug = debug::sections(&image, &tables.names, &options.name, lines)?;
    let bytes = object::write(&image, &tables, &debug)?;
    Ok(Object { report: report(module, &image, &tables, options), bytes })
}

/// Functions to placed machine code.
pub fn build(module: &Module<'_>, options: &Options) -> Result<Image, CompileError> {
    let image = images(&[(options, module)], options.jobs, NOBODY)?.pop();
    image.unwrap_or_else(|| Err(CompileError::internal("pipeline", "no code")))
}

/// The stages in between for each target, in their order: the functions of all of them by the same threads.
fn images(
    targets: &[(&Options, &Module<'_>)],
    jobs: Jobs,
    watch: Watch<'_>,
) -> Result<Vec<Result<Image, CompileError>>, CompileError> {
    let isas = targets.iter().map(|(options, _)| isa::code_generator(options.target));
    let isas = isas.collect::<Result<Vec<_>, _>>()?;
    let functions = targets.iter().zip(&isas).map(|((options, module), isa)| Functions::new(module, options, &**isa));
    let functions: Vec<_> = functions.collect();
    let tell = |done, all| watch(Progress { stage: Stage::Compile, done, all });
    functions::compile_all(&functions, jobs, &tell);
    Ok(functions.into_iter().map(Functions::into_image).collect())
}

/// WebAssembly 3.0 and threads, and the page size that the packet has as a memory: what is valid and not supported is
/// refused later, by name. A list of our own, so that no other version of the validator lets new operators in.
const V3: WasmFeatures = WasmFeatures::WASM2
    .union(WasmFeatures::TAIL_CALL)
    .union(WasmFeatures::EXTENDED_CONST)
    .union(WasmFeatures::MULTI_MEMORY)
    .union(WasmFeatures::MEMORY64)
    .union(WasmFeatures::FUNCTION_REFERENCES)
    .union(WasmFeatures::GC)
    .union(WasmFeatures::EXCEPTIONS)
    .union(WasmFeatures::RELAXED_SIMD)
    .union(WasmFeatures::THREADS)
    .union(WasmFeatures::CUSTOM_PAGE_SIZES);

/// Passes modules that `standard` calls valid.
pub fn validate(wasm: &[u8], standard: Standard) -> Result<(), CompileError> {
    if !wasm.starts_with(b"\0asm\x01\0\0\0") {
        return Err(CompileError::NotWasm);
    }
    let features = match standard {
        Standard::V1 => WasmFeatures::WASM1,
        Standard::V2 => WasmFeatures::WASM2,
        Standard::V2Memory64 => WasmFeatures::WASM2 | WasmFeatures::MEMORY64,
        Standard::V3 => V3,
    };
    Validator::new_with_features(features).validate_all(wasm)?;
    Ok(())
}

/// The last stage: a crate that shares no code with the stages above must agree to the bytes.
fn audit(object: &[u8], options: &Options, watch: Watch<'_>) -> Result<(), CompileError> {
    let tell = |done, all| watch(Progress { stage: Stage::Audit, done, all });
    wasmkc_audit::audit_by(object, options.jobs, &tell).map(drop).map_err(|findings| {
        let lines: Vec<String> = findings.iter().map(ToString::to_string).collect();
        CompileError::Audit(lines.join("\n"))
    })
}

fn report(module: &Module<'_>, image: &Image, tables: &object::Tables, options: &Options) -> Report {
    let functions = image.functions.iter().zip(&tables.functions).zip(&tables.names);
    Report {
        functions: functions
            .map(|((placed, row), name)| FunctionReport {
                name: name.clone(),
                wasm_index: (row.wasm_index != NONE).then_some(row.wasm_index),
                text_offset: row.text_offset,
                size: row.size,
                stack: placed.function.stack,
            })
            .collect(),
        text_bytes: image.text.len() as u32,
        rodata_bytes: image.rodata.len() as u32,
        stack_bound: image.stack_bound,
        memory_pages: module.memories.iter().fold((0, 0), |(min, max), m| (min + m.min, max + m.max)),
        helpers: module.helpers().iter().map(|h| h.name).collect(),
        trap_sites: tables.traps.len() as u32,
        fuel: options.fuel,
        masked: !options.author_trusted && options.target.masks(),
    }
}

#[cfg(test)]
mod tests {
    use wasmkc_abi::trap::TrapCode;

    use super::*;

    /// A helper between check and load, and another round of a loop between them.
    const FILTER: &str = r#"(module
        (import "xdp" "load8" (func $load8 (param i32) (result i32)))
        (import "xdp" "len" (func $len (result i32)))
        (import "kernel" "cpu" (func $cpu (result i32)))
        (func (export "xdp") (result i32) (local $i i32) (local $n i32)
          (if (i32.lt_u (local.tee $n (call $len)) (i32.const 8)) (then (return (i32.const 2))))
          (drop (call $cpu))
          (loop $l
            (drop (call $load8 (i32.const 7)))
            (drop (call $cpu))
            (drop (call $load8 (local.get $i)))
            (local.set $i (i32.add (local.get $i) (i32.const 1)))
            (br_if $l (i32.ne (local.get $i) (local.get $n))))
          (i32.const 2)))"#;

    /// Packet checks left in `FILTER`, whose helper moves the packet or not.
    fn packet_checks(moves: bool) -> usize {
        let wasm = wat::parse_str(FILTER).expect("wat");
        let options = Options { author_trusted: true, ..Options::default() };
        let mut module = parse::parse(&wasm, &options).expect("parsed");
        module.moves_packet = moves;
        let image = build(&module, &options).expect("built");
        let traps = image.functions.iter().flat_map(|placed| &placed.function.traps);
        traps.filter(|trap| trap.code == TrapCode::PacketOutOfBounds as u32).count()
    }

    #[test]
    fn what_is_known_of_a_packet_ends_where_it_may_move() {
        assert_eq!((packet_checks(false), packet_checks(true)), (0, 2));
    }
}
