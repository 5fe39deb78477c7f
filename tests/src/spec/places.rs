//! Where the items of a group's instances are in the merged module.

use std::collections::HashMap;
use std::convert::Infallible;

use wasm_encoder::reencode::{Error, Reencode};

use super::{
    link::{Defined, Linker, own},
    module::{SPACES, Space},
};

type Result<T> = std::result::Result<T, Error<Infallible>>;

/// First index of an instance's own items.
#[derive(Clone, Copy, Debug, Default)]
pub struct Base {
    /// Of its types.
    pub types: u32,
    /// Of its functions, tables and so on.
    pub items: [u32; 5],
    /// Of its element segments.
    pub elements: u32,
    /// Of its data segments.
    pub data: u32,
}

/// The places of all items.
#[derive(Debug)]
pub struct Places<'a> {
    /// The instances.
    pub linker: &'a Linker,
    bases: HashMap<usize, Base>,
    /// What follows the last instance's.
    pub end: Base,
}

impl<'a> Places<'a> {
    /// Lays the instances `group` end to end.
    #[must_use]
    pub fn new(linker: &'a Linker, group: &[usize]) -> Self {
        let (mut bases, mut end) = (HashMap::new(), Base::default());
        for number in group {
            let module = &linker.instances[*number].module;
            bases.insert(*number, end);
            end.types += module.types.len() as u32;
            for (space, own) in SPACES.iter().zip(own(module)) {
                end.items[*space as usize] += own;
            }
            end.elements += module.elements;
            end.data += module.data;
        }
        Self { linker, bases, end }
    }

    /// Index of an item in the merged module.
    #[must_use]
    pub fn of(&self, item: Defined) -> u32 {
        let imported = self.linker.instances[item.instance].module.imported[item.space as usize];
        self.bases[&item.instance].items[item.space as usize] + item.index - imported
    }

    /// Renumbers what instance `number` says.
    #[must_use]
    pub const fn map(&self, number: usize) -> Map<'_> {
        Map { places: self, number }
    }
}

/// Renumbers what one instance's module says.
#[derive(Debug)]
pub struct Map<'a> {
    /// Where everything is.
    pub places: &'a Places<'a>,
    /// The instance.
    pub number: usize,
}

impl Map<'_> {
    /// Index of item `index` of the instance.
    #[must_use]
    pub fn item(&self, space: Space, index: u32) -> u32 {
        self.places.of(self.places.linker.defined(self.number, space, index))
    }

    /// Where the instance's own items begin.
    #[must_use]
    pub fn base(&self) -> Base {
        self.places.bases[&self.number]
    }
}

impl Reencode for Map<'_> {
    type Error = Infallible;

    fn type_index(&mut self, index: u32) -> Result<u32> {
        Ok(self.base().types + index)
    }
    fn function_index(&mut self, index: u32) -> Result<u32> {
        Ok(self.item(Space::Function, index))
    }
    fn table_index(&mut self, index: u32) -> Result<u32> {
        Ok(self.item(Space::Table, index))
    }
    fn memory_index(&mut self, index: u32) -> Result<u32> {
        Ok(self.item(Space::Memory, index))
    }
    fn global_index(&mut self, index: u32) -> Result<u32> {
        Ok(self.item(Space::Global, index))
    }
    fn tag_index(&mut self, index: u32) -> Result<u32> {
        Ok(self.item(Space::Tag, index))
    }
    fn element_index(&mut self, index: u32) -> Result<u32> {
        Ok(self.base().elements + index)
    }
    fn data_index(&mut self, index: u32) -> Result<u32> {
        Ok(self.base().data + index)
    }
}
