//! wasmtime.

use wasmtime::{Config, Engine as Wasmtime, Instance, Module, Store, Trap, Val};

use crate::{End, Engine, Export};

/// An instance.
pub struct Theirs {
    store: Store<()>,
    instance: Instance,
}

fn cause(error: &wasmtime::Error) -> Option<End> {
    Some(match error.downcast_ref::<Trap>()? {
        Trap::UnreachableCodeReached => End::Trap("unreachable"),
        Trap::MemoryOutOfBounds => End::Trap("memory-out-of-bounds"),
        Trap::TableOutOfBounds => End::Trap("table-out-of-bounds"),
        Trap::IndirectCallToNull => End::Trap("indirect-call-to-null"),
        Trap::BadSignature => End::Trap("indirect-call-type-mismatch"),
        Trap::IntegerDivisionByZero => End::Trap("division-by-zero"),
        Trap::IntegerOverflow => End::Trap("integer-overflow"),
        Trap::BadConversionToInteger => End::Trap("invalid-conversion-to-integer"),
        Trap::StackOverflow => End::GaveUp("stack-overflow"),
        _ => return None,
    })
}

fn slot(value: &Val) -> u64 {
    match value {
        Val::I32(n) => u64::from(n.cast_unsigned()),
        Val::I64(n) => n.cast_unsigned(),
        Val::F32(bits) => u64::from(*bits),
        Val::F64(bits) => *bits,
        other => panic!("{other:?} in a module of numbers"),
    }
}

fn value(letter: char, slot: u64) -> Val {
    match letter {
        'i' => Val::I32((slot as u32).cast_signed()),
        'I' => Val::I64(slot.cast_signed()),
        'f' => Val::F32(slot as u32),
        'F' => Val::F64(slot),
        other => panic!("{other} in a module of numbers"),
    }
}

impl Theirs {
    /// Starts `wasm`; `Err` has how that ended.
    pub fn new(wasm: &[u8]) -> Result<Self, End> {
        let mut config = Config::new();
        config.wasm_extended_const(true);
        let engine = Wasmtime::new(&config).expect("a configuration that wasmtime has");
        let module = Module::new(&engine, wasm).expect("a valid module");
        let mut store = Store::new(&engine, ());
        match Instance::new(&mut store, &module, &[]) {
            Ok(instance) => Ok(Self { store, instance }),
            Err(error) => Err(cause(&error).unwrap_or_else(|| panic!("wasmtime: {error:?}"))),
        }
    }
}

impl Engine for Theirs {
    fn call(&mut self, export: &Export, arguments: &[u64]) -> End {
        let function = self.instance.get_func(&mut self.store, &export.name).expect("an exported function");
        let values: Vec<Val> = export.params.chars().zip(arguments).map(|(t, a)| value(t, *a)).collect();
        let mut results: Vec<Val> = export.results.chars().map(|t| value(t, 0)).collect();
        match function.call(&mut self.store, &values, &mut results) {
            Ok(()) => End::Back(results.iter().map(slot).collect()),
            Err(error) => cause(&error).unwrap_or_else(|| panic!("wasmtime: {error:?}")),
        }
    }

    fn memory(&mut self) -> Vec<u8> {
        let memory = self.instance.exports(&mut self.store).find_map(wasmtime::Export::into_memory);
        memory.map_or(Vec::new(), |memory| memory.data(&self.store).to_vec())
    }

    fn global(&mut self, name: &str) -> Option<u64> {
        let global = self.instance.get_global(&mut self.store, name)?;
        Some(slot(&global.get(&mut self.store)))
    }
}
