//! `wkc-join`: puts files into an object as sections behind all others, as the compiler does with inner objects, but
//! without a look at what they are: for objects that a loader must refuse.
#![forbid(unsafe_code)]

use std::error::Error;
use std::path::PathBuf;

use clap::Parser;
use wasmkc_compiler::fat;

#[derive(Parser)]
#[command(about = "Puts files into an object as sections, unjudged", version)]
struct Args {
    /// An unsigned object, as `wasmkc build --target TARGET` writes it.
    outer: PathBuf,
    /// The object to write.
    output: PathBuf,
    /// A section's name and the file to put there.
    #[arg(value_name = "SECTION=FILE", value_parser = section)]
    sections: Vec<(String, PathBuf)>,
}

fn section(text: &str) -> Result<(String, PathBuf), &'static str> {
    let (name, file) = text.split_once('=').ok_or("it is no SECTION=FILE")?;
    Ok((name.to_owned(), file.into()))
}

fn main() -> Result<(), Box<dyn Error>> {
    let args = Args::parse();
    let contents = args.sections.iter().map(|(_, file)| std::fs::read(file)).collect::<Result<Vec<_>, _>>()?;
    let inner: Vec<_> =
        args.sections.iter().zip(&contents).map(|((name, _), bytes)| (name.as_str(), &bytes[..])).collect();
    let joined = fat::join(&std::fs::read(args.outer)?, &inner).ok_or("this object is not the compiler's")?;
    Ok(std::fs::write(args.output, joined)?)
}
