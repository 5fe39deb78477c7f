//! The commands, one a file. Each takes its arguments and prints its result.

mod attach;
mod audit;
mod build;
mod call;
mod detach;
mod doctor;
mod generate;
mod inspect;
mod keygen;
mod list;
mod load;
mod log;
mod run;
mod sign;
mod stats;
mod trust;
mod unload;
mod verify;

use crate::args::{Cli, Command};
use crate::error::Result;

/// Does what was asked.
pub fn run(cli: &Cli) -> Result<()> {
    let json = cli.json;
    match &cli.command {
        Command::Build(args) => build::run(args, json),
        Command::Keygen(args) => keygen::run(args, json),
        Command::Sign(args) => sign::run(args, json),
        Command::Verify(args) => verify::run(args, json),
        Command::Audit(args) => audit::run(args, json),
        Command::Inspect(args) => inspect::run(args, json),
        Command::Run(args) => run::run(args, json),
        Command::Trust(args) => trust::run(args, json),
        Command::Load(args) => load::run(args, json),
        Command::Attach(args) => attach::run(args, json),
        Command::Detach(args) => detach::run(args, json),
        Command::Unload(args) => unload::run(args, json),
        Command::List => list::run(json),
        Command::Stats(args) => stats::run(args, json),
        Command::Log(args) => log::run(args, json),
        Command::Call(args) => call::run(args, json),
        Command::Doctor => doctor::run(json),
        Command::Completions(args) => generate::completions(args),
        Command::Man(args) => generate::man(args, json),
    }
}
