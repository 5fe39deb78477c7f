//! The module that scripts import from, `spectest`: each of its items is an instance of its own, so that only those
//! that have a state bring their importers together.

/// An item.
#[derive(Clone, Copy, Debug)]
pub struct Item {
    /// Its name.
    pub name: &'static str,
    /// Whether all importers share one instance: what it holds can change.
    pub shared: bool,
    field: &'static str,
}

const fn item(name: &'static str, shared: bool, field: &'static str) -> Item {
    Item { name, shared, field }
}

const ITEMS: &[Item] = &[
    item("print", false, "(func)"),
    item("print_i32", false, "(func (param i32))"),
    item("print_i64", false, "(func (param i64))"),
    item("print_f32", false, "(func (param f32))"),
    item("print_f64", false, "(func (param f64))"),
    item("print_i32_f32", false, "(func (param i32 f32))"),
    item("print_f64_f64", false, "(func (param f64 f64))"),
    item("global_i32", false, "(global i32 (i32.const 666))"),
    item("global_i64", false, "(global i64 (i64.const 666))"),
    item("global_f32", false, "(global f32 (f32.const 666.6))"),
    item("global_f64", false, "(global f64 (f64.const 666.6))"),
    item("table", true, "(table 10 20 funcref)"),
    item("table64", true, "(table i64 10 20 funcref)"),
    item("memory", true, "(memory 1 2)"),
];

impl Item {
    /// The item of that name.
    #[must_use]
    pub fn named(name: &str) -> Option<Self> {
        ITEMS.iter().find(|i| i.name == name).copied()
    }

    /// A module that exports it.
    #[must_use]
    pub fn wat(self) -> String {
        let rest = self.field.split_once(['(']).map_or("", |(_, rest)| rest);
        let (keyword, rest) = rest.split_at(rest.find([' ', ')']).unwrap_or(rest.len()));
        format!("(module ({keyword} (export \"{}\"){rest})", self.name)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_item_is_a_module_that_exports_it() {
        for item in ITEMS {
            let wasm = wat::parse_str(item.wat()).expect("wat");
            let module = super::super::module::Module::read(wasm).expect("a module");
            assert!(module.export(item.name).is_some(), "{}", item.name);
        }
    }
}
