//! Every test of the workspace: unit, property, conformance, HTTP, simulation, and the tidy tests of this crate.
//! Uses cargo-nextest when it is there, installs it when it can, and falls back to `cargo test`.

use crate::shell;
use crate::steps::Step;

pub const STEP: Step = Step {
    name: "tests",
    what: "every test of the workspace, none retried, none ignored",
    run: || run(&[]),
};

/// Runs the workspace's tests with variables added to their environment.
pub fn run(variables: &[(&str, &str)]) -> Result<(), String> {
    let arguments: &[&str] = if has_nextest() {
        &["nextest", "run", "--locked", "--workspace"]
    } else {
        &[
            "test",
            "--locked",
            "--workspace",
            "--all-targets",
            "--no-fail-fast",
        ]
    };
    shell::run_with("cargo", arguments, variables)
}

fn has_nextest() -> bool {
    let present = || shell::answers("cargo", &["nextest", "--version"]);
    present()
        || (shell::run("cargo", &["install", "cargo-nextest", "--locked"]).is_ok() && present())
}
