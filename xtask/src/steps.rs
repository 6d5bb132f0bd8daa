//! The list of steps and how they are named on the command line.
//! Order matters twice: cheap failures first, and steps that share build artefacts next to each other.

use crate::{
    advisories, bench, clippy, demo, deny, doc_commands, doctests, format, long_tests, mutants,
    packages, pages, rustdoc, simulator, tests,
};

/// One check: a name for the command line, a sentence for the reader, and what it does.
#[derive(Clone, Copy)]
pub struct Step {
    pub name: &'static str,
    pub what: &'static str,
    pub run: fn() -> Result<(), String>,
}

/// What continuous integration runs. Dev profile first (clippy, rustdoc, tests share it), release last.
const LIST: &[Step] = &[
    packages::STEP,
    format::STEP,
    clippy::STEP,
    rustdoc::STEP,
    tests::STEP,
    pages::STEP,
    doctests::STEP,
    simulator::STEP,
    mutants::STEP,
    deny::STEP,
    demo::STEP,
    doc_commands::STEP,
];

/// What only the nightly run adds: long, or in need of a network that continuous integration does not have.
const NIGHTLY: &[Step] = &[
    long_tests::STEP,
    simulator::LONG,
    advisories::STEP,
    bench::STEP,
];

pub fn of_test() -> Vec<Step> {
    LIST.to_vec()
}

pub fn of_nightly() -> Vec<Step> {
    LIST.iter().chain(NIGHTLY).copied().collect()
}

/// The steps with these names, in the order given.
pub fn named(names: &[&str]) -> Result<Vec<Step>, String> {
    names
        .iter()
        .map(|name| {
            of_nightly()
                .into_iter()
                .find(|step| step.name == *name)
                .ok_or_else(|| format!("no step is called `{name}`; `cargo xtask list` names them"))
        })
        .collect()
}

/// One line per step, for the help text.
pub fn described() -> String {
    let line = |step: &Step, mark| format!("  {:<14} {}{mark}\n", step.name, step.what);
    LIST.iter()
        .map(|step| line(step, ""))
        .chain(NIGHTLY.iter().map(|step| line(step, " (nightly)")))
        .collect()
}
