//! What a module imports, exports and defines.

use wasmparser::{
    BinaryReaderError, ExternalKind, GlobalType, MemoryType, Operator, Parser, Payload, SubType, TableType, TypeRef,
};

/// An index space.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Space {
    /// Functions.
    Function,
    /// Tables.
    Table,
    /// Memories.
    Memory,
    /// Globals.
    Global,
    /// Exception tags.
    Tag,
}

/// All index spaces, in the order of [`Space`].
pub const SPACES: [Space; 5] = [Space::Function, Space::Table, Space::Memory, Space::Global, Space::Tag];

/// Type of what can be imported and exported.
#[derive(Clone, Debug)]
pub enum Type {
    /// A function's, as a module's type section has it.
    Function(SubType),
    /// A table's.
    Table(TableType),
    /// A memory's.
    Memory(MemoryType),
    /// A global's.
    Global(GlobalType),
    /// A tag's.
    Tag(SubType),
}

impl Type {
    /// Its index space.
    #[must_use]
    pub const fn space(&self) -> Space {
        match self {
            Self::Function(_) => Space::Function,
            Self::Table(_) => Space::Table,
            Self::Memory(_) => Space::Memory,
            Self::Global(_) => Space::Global,
            Self::Tag(_) => Space::Tag,
        }
    }
}

/// An import.
#[derive(Clone, Debug)]
pub struct Import {
    /// Module and name.
    pub from: (String, String),
    /// What it must be.
    pub ty: Type,
}

/// An export.
#[derive(Clone, Debug)]
pub struct Export {
    /// Its name.
    pub name: String,
    /// What it is.
    pub space: Space,
    /// Index in that space.
    pub index: u32,
}

/// A valid module with what linking and merging need to know of it.
#[derive(Clone, Debug, Default)]
pub struct Module {
    /// The module.
    pub bytes: Vec<u8>,
    /// Its types.
    pub types: Vec<SubType>,
    /// Imports in order.
    pub imports: Vec<Import>,
    /// Exports in order.
    pub exports: Vec<Export>,
    /// What each index space has, imports first.
    pub items: [Vec<Type>; 5],
    /// How many of each space are imported.
    pub imported: [u32; 5],
    /// Element segments.
    pub elements: u32,
    /// Data segments.
    pub data: u32,
    /// Start function.
    pub start: Option<u32>,
    /// Whether some function body takes the reference of a function.
    pub takes_references: bool,
}

impl Module {
    /// Reads a module that the validator has passed.
    ///
    /// # Errors
    /// The parser's.
    pub fn read(bytes: Vec<u8>) -> Result<Self, BinaryReaderError> {
        let mut module = Self::default();
        for payload in Parser::new(0).parse_all(&bytes) {
            module.payload(payload?)?;
        }
        module.bytes = bytes;
        Ok(module)
    }

    /// What export `name` is.
    #[must_use]
    pub fn export(&self, name: &str) -> Option<&Export> {
        self.exports.iter().find(|e| e.name == name)
    }

    fn payload(&mut self, payload: Payload<'_>) -> Result<(), BinaryReaderError> {
        match payload {
            Payload::TypeSection(reader) => {
                for group in reader {
                    self.types.extend(group?.into_types());
                }
            }
            Payload::ImportSection(reader) => {
                for import in reader.into_imports() {
                    let import = import?;
                    let ty = self.imported_type(import.ty);
                    self.imported[ty.space() as usize] += 1;
                    self.items[ty.space() as usize].push(ty.clone());
                    self.imports.push(Import { from: (import.module.to_owned(), import.name.to_owned()), ty });
                }
            }
            Payload::FunctionSection(reader) => {
                for ty in reader {
                    let ty = Type::Function(self.types[ty? as usize].clone());
                    self.items[Space::Function as usize].push(ty);
                }
            }
            Payload::TableSection(reader) => {
                for table in reader {
                    self.items[Space::Table as usize].push(Type::Table(table?.ty));
                }
            }
            Payload::MemorySection(reader) => {
                for memory in reader {
                    self.items[Space::Memory as usize].push(Type::Memory(memory?));
                }
            }
            Payload::GlobalSection(reader) => {
                for global in reader {
                    self.items[Space::Global as usize].push(Type::Global(global?.ty));
                }
            }
            Payload::TagSection(reader) => {
                for tag in reader {
                    let ty = Type::Tag(self.types[tag?.func_type_idx as usize].clone());
                    self.items[Space::Tag as usize].push(ty);
                }
            }
            Payload::ExportSection(reader) => {
                for export in reader {
                    let export = export?;
                    let space = match export.kind {
                        ExternalKind::Func | ExternalKind::FuncExact => Space::Function,
                        ExternalKind::Table => Space::Table,
                        ExternalKind::Memory => Space::Memory,
                        ExternalKind::Global => Space::Global,
                        ExternalKind::Tag => Space::Tag,
                    };
                    self.exports.push(Export { name: export.name.to_owned(), space, index: export.index });
                }
            }
            Payload::StartSection { func, .. } => self.start = Some(func),
            Payload::ElementSection(reader) => self.elements = reader.count(),
            Payload::DataSection(reader) => self.data = reader.count(),
            Payload::CodeSectionEntry(body) if !self.takes_references => {
                for op in body.get_operators_reader()? {
                    self.takes_references |= matches!(op?, Operator::RefFunc { .. });
                }
            }
            _ => {}
        }
        Ok(())
    }

    fn imported_type(&self, ty: TypeRef) -> Type {
        match ty {
            TypeRef::Func(index) | TypeRef::FuncExact(index) => Type::Function(self.types[index as usize].clone()),
            TypeRef::Table(ty) => Type::Table(ty),
            TypeRef::Memory(ty) => Type::Memory(ty),
            TypeRef::Global(ty) => Type::Global(ty),
            TypeRef::Tag(ty) => Type::Tag(self.types[ty.func_type_idx as usize].clone()),
        }
    }
}
