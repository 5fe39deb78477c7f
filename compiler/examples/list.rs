//! `cargo run --example list -- clif|asm|meta|FILE.kwo [TARGET] < filter.wat`: shows a stage, or writes the object.

use std::io::Read;

use wasmkc_compiler::{Listing, Options, Target, compile, list};

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let what = std::env::args().nth(1).ok_or("which stage? clif, asm, meta or an output file")?;
    let mut input = Vec::new();
    std::io::stdin().read_to_end(&mut input)?;
    let wasm = wat::parse_bytes(&input)?;
    let target = match std::env::args().nth(2) {
        Some(name) => Target::by_name(&name).ok_or_else(|| format!("no target `{name}`"))?,
        None => Target::default(),
    };
    let options = Options { target, ..Options::default() };
    match what.as_str() {
        "clif" => print!("{}", list(&wasm, &options, Listing::Clif)?),
        "asm" => print!("{}", list(&wasm, &options, Listing::Asm)?),
        "meta" => print!("{}", list(&wasm, &options, Listing::Meta)?),
        file => {
            let object = compile(&wasm, &options)?;
            std::fs::write(file, &object.bytes)?;
            println!("{:#?}", object.report);
        }
    }
    Ok(())
}
