//! wasmtime.

use std::collections::HashMap;
use std::sync::OnceLock;

use wasmtime::{
    AsContext, AsContextMut, Config, Engine as Wasmtime, ExternRef, Func, Instance, Linker, Module, OptLevel,
    RootScope, Store, Trap, Val, WasmBacktraceDetails,
};

use crate::filter::{self, Outside, Packet};
use crate::plan::Plan;
use crate::surface::Surface;
use crate::{End, Engine, Export, Global};

/// Bytes of stack that its code may take; below the thread's.
const STACK: usize = 16 << 20;

/// An instance.
pub struct Theirs {
    store: Store<Packet>,
    instance: Instance,
    /// Names of functions by index.
    names: HashMap<u32, String>,
    /// Indices of functions by address.
    indices: HashMap<usize, u32>,
    /// Name of a global and the value that it gets back after a trap, as our engine does.
    restored: Option<(String, Val)>,
}

fn engine(optimises: bool) -> &'static Wasmtime {
    static ENGINES: OnceLock<[Wasmtime; 2]> = OnceLock::new();
    let make = |level| {
        let mut config = Config::new();
        config
            .cranelift_opt_level(level)
            .max_wasm_stack(STACK)
            .async_stack_size(STACK)
            .wasm_memory64(true)
            .wasm_extended_const(true);
        config.wasm_backtrace_max_frames(None).wasm_backtrace_details(WasmBacktraceDetails::Disable);
        // What memories reserve comes and goes with each module: no more than they can need.
        config.memory_reservation(0).memory_reservation_for_growth(1 << 20);
        Wasmtime::new(&config).expect("a configuration that wasmtime has")
    };
    &ENGINES.get_or_init(|| [make(OptLevel::None), make(OptLevel::Speed)])[usize::from(optimises)]
}

fn end(error: &wasmtime::Error) -> End {
    if let Some(outside) = error.downcast_ref::<Outside>() {
        return End::Trap(outside.0);
    }
    match error.downcast_ref::<Trap>() {
        Some(Trap::UnreachableCodeReached) => End::Trap("unreachable"),
        Some(Trap::MemoryOutOfBounds) => End::Trap("memory-out-of-bounds"),
        Some(Trap::TableOutOfBounds) => End::Trap("table-out-of-bounds"),
        Some(Trap::IndirectCallToNull) => End::Trap("indirect-call-to-null"),
        Some(Trap::BadSignature) => End::Trap("indirect-call-type-mismatch"),
        Some(Trap::IntegerDivisionByZero) => End::Trap("division-by-zero"),
        Some(Trap::IntegerOverflow) => End::Trap("integer-overflow"),
        Some(Trap::BadConversionToInteger) => End::Trap("invalid-conversion-to-integer"),
        Some(Trap::StackOverflow) => End::GaveUp("wasmtime: stack-overflow"),
        _ => End::Failed(format!("{error:?}")),
    }
}

/// A value to be overwritten.
fn empty(letter: char) -> Val {
    match letter {
        'i' => Val::I32(0),
        'I' => Val::I64(0),
        'f' => Val::F32(0),
        'F' => Val::F64(0),
        'r' => Val::null_func_ref(),
        _ => Val::null_extern_ref(),
    }
}

impl Theirs {
    /// Starts `wasm`; `Err` has how that ended.
    pub fn new(wasm: &[u8], plan: &Plan, surface: &Surface) -> Result<Self, End> {
        let engine = engine(plan.wasmtime_optimises);
        let module = Module::new(engine, wasm).map_err(|e| End::Failed(format!("{e:?}")))?;
        let mut store = Store::new(engine, Packet::default());
        let mut linker = Linker::new(engine);
        filter::define(&mut linker).map_err(|e| End::Failed(format!("{e:?}")))?;
        let instance = linker.instantiate(&mut store, &module).map_err(|e| end(&e))?;
        let names: HashMap<u32, String> = surface.names.iter().cloned().collect();
        let mut indices = HashMap::new();
        for (index, name) in &names {
            let function = instance.get_func(&mut store, name);
            indices.extend(function.map(|function| (function.to_raw(&mut store).addr(), *index)));
        }
        Ok(Self { store, instance, names, indices, restored: None })
    }

    /// From now on `global` gets the value that it has now back after a trap.
    pub fn restore(&mut self, global: &Global) {
        let known = self.instance.get_global(&mut self.store, &global.name);
        self.restored = known.map(|known| (global.name.clone(), known.get(&mut self.store)));
    }

    fn trapped(&mut self) {
        if let Some((name, value)) = &self.restored
            && let Some(global) = self.instance.get_global(&mut self.store, name)
        {
            global.set(&mut self.store, *value).expect("a mutable global of that type");
        }
    }

    fn function(&mut self, index: u32) -> Option<Func> {
        let name = self.names.get(&index)?;
        self.instance.get_func(&mut self.store, name)
    }
}

/// A value as our slots have it.
fn slot(store: impl AsContextMut, indices: &HashMap<usize, u32>, value: &Val) -> u64 {
    match value {
        Val::I32(n) => u64::from(n.cast_unsigned()),
        Val::I64(n) => n.cast_unsigned(),
        Val::F32(bits) => u64::from(*bits),
        Val::F64(bits) => *bits,
        // a function without an export of the module's own has no number that could be compared
        Val::FuncRef(Some(function)) => {
            indices.get(&function.to_raw(store).addr()).map_or(u64::MAX, |index| u64::from(*index) + 1)
        }
        Val::ExternRef(Some(reference)) => {
            let holder = reference.data(&store).ok().flatten().and_then(|data| data.downcast_ref::<u64>().copied());
            holder.map_or(u64::MAX, |holder| holder + 1)
        }
        _ => 0,
    }
}

impl Engine for Theirs {
    fn call(&mut self, export: &Export, arguments: &[u64], packet: &mut Vec<u8>) -> End {
        let function = self.instance.get_func(&mut self.store, &export.name).expect("an exported function");
        let functions: Vec<Option<Func>> = (export.params.chars().zip(arguments))
            .map(|(letter, slot)| if letter == 'r' { self.function(slot.checked_sub(1)? as u32) } else { None })
            .collect();
        let mut scope = RootScope::new(&mut self.store);
        let mut values = Vec::new();
        for ((letter, slot), function) in export.params.chars().zip(arguments).zip(functions) {
            values.push(match letter {
                'i' => Val::I32((*slot as u32).cast_signed()),
                'I' => Val::I64(slot.cast_signed()),
                'f' => Val::F32(*slot as u32),
                'F' => Val::F64(*slot),
                'r' => Val::FuncRef(function),
                _ => match slot.checked_sub(1).map(|holder| ExternRef::new(&mut scope, holder)) {
                    None => Val::null_extern_ref(),
                    Some(Ok(reference)) => Val::ExternRef(Some(reference)),
                    Some(Err(_)) => return End::GaveUp("wasmtime: no room for references"),
                },
            });
        }
        scope.as_context_mut().data_mut().bytes.clone_from(packet);
        let mut results: Vec<Val> = export.results.chars().map(empty).collect();
        let ended = function.call(&mut scope, &values, &mut results);
        packet.clone_from(&scope.as_context().data().bytes);
        match ended {
            Ok(()) => End::Back(results.iter().map(|value| slot(&mut scope, &self.indices, value)).collect()),
            Err(error) => {
                drop(scope);
                self.trapped();
                end(&error)
            }
        }
    }

    fn memory(&mut self) -> Vec<u8> {
        let memory = self.instance.exports(&mut self.store).find_map(wasmtime::Export::into_memory);
        memory.map_or(Vec::new(), |memory| memory.data(&self.store).to_vec())
    }

    fn global(&mut self, global: &Global) -> Option<u64> {
        let known = self.instance.get_global(&mut self.store, &global.name)?;
        let mut scope = RootScope::new(&mut self.store);
        let value = known.get(&mut scope);
        Some(slot(&mut scope, &self.indices, &value))
    }
}
