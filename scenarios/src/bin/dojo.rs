//! `dojo --gatehold PROGRAM --pack FOLDER --dir FOLDER`: sends the recorded runs of a folder through a gate of their own and
//! prints what came of them. `cargo xtask dojo` runs it against a release build.
#![expect(
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "a command-line tool talks to a terminal"
)]

use std::path::PathBuf;
use std::process::ExitCode;

use gatehold_scenarios::dojo::{Plan, read_runs, send_all, suites};
use gatehold_scenarios::{Outcome, Trouble};

const USAGE: &str = "dojo --gatehold PROGRAM --pack FOLDER --dir FOLDER [--workloads N]";

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    match run(&arguments) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("dojo: {error}");
            ExitCode::FAILURE
        }
    }
}

fn run(arguments: &[String]) -> Outcome<()> {
    let folder = |name: &str| given(arguments, name).map(PathBuf::from);
    let (gatehold, pack, dir) = (folder("--gatehold")?, folder("--pack")?, folder("--dir")?);
    let workloads = match given(arguments, "--workloads") {
        Ok(number) => number.parse().map_err(|_| Trouble(USAGE.to_owned()))?,
        Err(_) => 8,
    };
    let (suites, runs) = (suites(&dir)?, read_runs(&dir)?);
    let plan = Plan {
        gatehold: &gatehold,
        default_pack: &pack,
        workloads,
    };
    let runtime = tokio::runtime::Runtime::new().map_err(|error| Trouble(error.to_string()))?;
    let table = runtime.block_on(send_all(&plan, &suites, runs))?;
    print!("{table}");
    Ok(())
}

fn given(arguments: &[String], name: &str) -> Outcome<String> {
    let mut words = arguments.iter();
    words
        .find(|word| *word == name)
        .and_then(|_| words.next().cloned())
        .ok_or_else(|| Trouble(USAGE.to_owned()))
}
