//! `cargo xtask`: the commands that check this repository, the same on a laptop and in continuous integration.
//! A step is one file with one `pub const STEP`; `LIST` in `steps.rs` is the order they run in.
//! It decides nothing about the product and is never shipped.
#![expect(
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "a command-line tool talks to a terminal"
)]

mod advisories;
mod bench;
mod clippy;
mod demo;
mod deny;
mod doc_commands;
mod doctests;
mod dojo;
mod format;
mod long_tests;
mod mutants;
mod packages;
mod pages;
mod report;
mod rustdoc;
mod screenshots;
mod shell;
mod simulator;
mod steps;
mod tests;

use std::process::ExitCode;

const USAGE: &str = "\
Checks of this repository.

Usage:
  cargo xtask test [STEP...]       every step of continuous integration, or only those named
  cargo xtask nightly              the same, then the long runs and the benchmark (hours)
  cargo xtask STEP                 one step
  cargo xtask list                 the names of the steps
  cargo xtask dojo [--dir D]       recorded calls of real agents through a gate, scored (D, or $GATEHOLD_DATA/agentdojo)
  cargo xtask bench [OPTIONS]      the allow path beside other servers, and what `kill -9` loses
  cargo xtask screenshots          pictures of every page of the review console, into target/screenshots
  cargo xtask --help               this text

Steps:
";

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let words: Vec<&str> = arguments.iter().map(String::as_str).collect();
    let chosen = match words.as_slice() {
        [] | ["-h" | "--help" | "help"] => {
            print!("{USAGE}{}", steps::described());
            return ExitCode::SUCCESS;
        }
        ["list"] => {
            print!("{}", steps::described());
            return ExitCode::SUCCESS;
        }
        ["dojo", options @ ..] => {
            return told(shell::enter_repository().and_then(|()| dojo::run(options)));
        }
        ["bench", options @ ..] => {
            return told(shell::enter_repository().and_then(|()| bench::run(options)));
        }
        ["screenshots"] => {
            return told(shell::enter_repository().and_then(|()| screenshots::run()));
        }
        ["test"] => steps::of_test(),
        ["nightly"] => steps::of_nightly(),
        ["test", names @ ..] | names => match steps::named(names) {
            Ok(steps) => steps,
            Err(problem) => {
                eprintln!("xtask: {problem}");
                return ExitCode::from(2);
            }
        },
    };
    match shell::enter_repository() {
        Ok(()) => report::run(&chosen),
        Err(problem) => {
            eprintln!("xtask: {problem}");
            ExitCode::FAILURE
        }
    }
}

fn told(ended: Result<(), String>) -> ExitCode {
    match ended {
        Ok(()) => ExitCode::SUCCESS,
        Err(problem) => {
            eprintln!("xtask: {problem}");
            ExitCode::FAILURE
        }
    }
}
