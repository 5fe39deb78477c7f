//! Instances with their imports resolved, by the matching rules of the specification (core, 4.5.4).
//!
//! The size of a table or memory that grew is not known here: where the declared one is too small, the instance's
//! init function compares.

use std::collections::HashMap;
use std::rc::Rc;

use wasmparser::{RefType, SubType, ValType};

use super::{
    module::{Module, SPACES, Space, Type},
    spectest::Item,
};

/// An item that some instance defines.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Defined {
    /// The instance.
    pub instance: usize,
    /// Index space.
    pub space: Space,
    /// Index among all that the instance has of it.
    pub index: u32,
}

/// A table or memory that must have grown to a size.
#[derive(Clone, Copy, Debug)]
pub struct Grown {
    /// The table or memory.
    pub item: Defined,
    /// Whether its sizes are of 64 bits.
    pub wide: bool,
    /// The size.
    pub size: u64,
}

/// Imports that were found.
#[derive(Clone, Debug, Default)]
pub struct Resolved {
    /// What each is, by space.
    pub imports: [Vec<Defined>; 5],
    /// What must have grown before the importer can be instantiated.
    pub grown: Vec<Grown>,
}

/// An instance.
#[derive(Clone, Debug)]
pub struct Instance {
    /// Its module.
    pub module: Rc<Module>,
    /// Its imports.
    pub resolved: Resolved,
    /// Whether it stands for an item of `spectest`.
    pub spectest: bool,
    /// Instances that share something have the same.
    group: usize,
}

/// Why a module does not link.
pub type Unlinkable = String;

/// All instances of a script.
#[derive(Debug, Default)]
pub struct Linker {
    /// The instances.
    pub instances: Vec<Instance>,
    registered: HashMap<String, usize>,
    spectest: HashMap<&'static str, usize>,
}

impl Linker {
    /// Gives `instance` a name to be imported by.
    pub fn register(&mut self, name: &str, instance: usize) {
        self.registered.insert(name.to_owned(), instance);
    }

    /// An instance of `module`, linked to those there are.
    ///
    /// # Errors
    /// As [`Linker::resolve`].
    pub fn instantiate(&mut self, module: Rc<Module>) -> Result<usize, Unlinkable> {
        let resolved = self.resolve(&module)?;
        let instance = self.add(module, false);
        for item in resolved.imports.iter().flatten() {
            self.join(item.instance, instance);
        }
        self.instances[instance].resolved = resolved;
        Ok(instance)
    }

    /// What the imports of `module` are.
    ///
    /// # Errors
    /// The specification's words, and which import.
    pub fn resolve(&mut self, module: &Module) -> Result<Resolved, Unlinkable> {
        let mut resolved = Resolved::default();
        for import in &module.imports {
            let (from, name) = (&import.from.0, &import.from.1);
            let item = self.find(from, name).ok_or_else(|| format!("unknown import {from}.{name}"))?;
            let found = self.ty(item);
            if !matches(found, &import.ty) {
                let size = needs_size(found, &import.ty);
                let (wide, size) = size.ok_or_else(|| format!("incompatible import type of {from}.{name}"))?;
                resolved.grown.push(Grown { item, wide, size });
            }
            resolved.imports[import.ty.space() as usize].push(item);
        }
        Ok(resolved)
    }

    /// Who defines item `index` of `space` of an instance.
    #[must_use]
    pub fn defined(&self, instance: usize, space: Space, index: u32) -> Defined {
        let imports = &self.instances[instance].resolved.imports[space as usize];
        imports.get(index as usize).copied().unwrap_or(Defined { instance, space, index })
    }

    /// The instances by group: each group in the order of instantiation.
    #[must_use]
    pub fn groups(&self) -> Vec<Vec<usize>> {
        let mut groups: Vec<Vec<usize>> = Vec::new();
        let mut place = HashMap::new();
        for (number, instance) in self.instances.iter().enumerate() {
            let at = *place.entry(instance.group).or_insert_with(|| {
                groups.push(Vec::new());
                groups.len() - 1
            });
            groups[at].push(number);
        }
        groups
    }

    fn ty(&self, item: Defined) -> &Type {
        &self.instances[item.instance].module.items[item.space as usize][item.index as usize]
    }

    fn find(&mut self, from: &str, name: &str) -> Option<Defined> {
        let instance = match self.registered.get(from) {
            Some(instance) => *instance,
            None if from == "spectest" => self.spectest(Item::named(name)?),
            None => return None,
        };
        let export = self.instances[instance].module.export(name)?;
        let (space, index) = (export.space, export.index);
        Some(self.defined(instance, space, index))
    }

    fn spectest(&mut self, item: Item) -> usize {
        if let Some(known) = self.spectest.get(item.name) {
            return *known;
        }
        let wasm = wat::parse_str(item.wat()).expect("the text of an item");
        let module = Module::read(wasm).expect("the module of an item");
        let instance = self.add(Rc::new(module), true);
        if item.shared {
            self.spectest.insert(item.name, instance);
        }
        instance
    }

    fn add(&mut self, module: Rc<Module>, spectest: bool) -> usize {
        let number = self.instances.len();
        self.instances.push(Instance { module, resolved: Resolved::default(), spectest, group: number });
        number
    }

    fn join(&mut self, a: usize, b: usize) {
        let (from, to) = (self.instances[b].group, self.instances[a].group);
        for instance in self.instances.iter_mut().filter(|i| i.group == from) {
            instance.group = to;
        }
    }
}

/// Whether what is `found` can be imported as `wanted`.
fn matches(found: &Type, wanted: &Type) -> bool {
    match (found, wanted) {
        (Type::Function(found), Type::Function(wanted)) | (Type::Tag(found), Type::Tag(wanted)) => same(found, wanted),
        (Type::Global(found), Type::Global(wanted)) => {
            found.mutable == wanted.mutable
                && if found.mutable {
                    found.content_type == wanted.content_type
                } else {
                    is_subtype(found.content_type, wanted.content_type)
                }
        }
        (Type::Table(f), Type::Table(w)) => {
            f.element_type == w.element_type
                && f.table64 == w.table64
                && within((f.initial, f.maximum), (w.initial, w.maximum))
        }
        (Type::Memory(f), Type::Memory(w)) => {
            f.memory64 == w.memory64
                && f.shared == w.shared
                && f.page_size_log2.unwrap_or(16) == w.page_size_log2.unwrap_or(16)
                && within((f.initial, f.maximum), (w.initial, w.maximum))
        }
        _ => false,
    }
}

/// The size that what is `found` would need to be imported as `wanted`, if that is all that is wrong.
fn needs_size(found: &Type, wanted: &Type) -> Option<(bool, u64)> {
    let (mut grown, wide, size) = match wanted {
        Type::Memory(ty) => (found.clone(), ty.memory64, ty.initial),
        Type::Table(ty) => (found.clone(), ty.table64, ty.initial),
        _ => return None,
    };
    match &mut grown {
        Type::Memory(ty) if ty.maximum.is_none_or(|max| max >= size) => ty.initial = size,
        Type::Table(ty) if ty.maximum.is_none_or(|max| max >= size) => ty.initial = size,
        _ => return None,
    }
    matches(&grown, wanted).then_some((wide, size))
}

fn within(found: (u64, Option<u64>), wanted: (u64, Option<u64>)) -> bool {
    found.0 >= wanted.0 && wanted.1.is_none_or(|wanted| found.1.is_some_and(|found| found <= wanted))
}

/// Function types are the same if their parameters and results are: the types of 3.0 are refused elsewhere.
fn same(found: &SubType, wanted: &SubType) -> bool {
    found.composite_type == wanted.composite_type && found.is_final == wanted.is_final
}

fn is_subtype(found: ValType, wanted: ValType) -> bool {
    let nullable = |ty: RefType| RefType::new(true, ty.heap_type());
    match (found, wanted) {
        (ValType::Ref(found), ValType::Ref(wanted)) => {
            found == wanted || (wanted.is_nullable() && nullable(found) == Some(wanted))
        }
        _ => found == wanted,
    }
}

/// How many items of each space `module` defines itself.
#[must_use]
pub fn own(module: &Module) -> [u32; 5] {
    SPACES.map(|space| module.items[space as usize].len() as u32 - module.imported[space as usize])
}
