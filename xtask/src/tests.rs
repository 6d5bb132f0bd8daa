//! Every test of the workspace: unit, property, conformance, HTTP, simulation, and the tidy tests of this crate.
//! Uses cargo-nextest when it is there, installs it when it can, and falls back to `cargo test`.

use crate::shell;
use crate::steps::Step;

pub const STEP: Step = Step {
    name: "tests",
    what: "every test of the workspace, none retried, none ignored",
    run: || run(&[]),
};

/// What nextest's summary begins with: after it stand the names of the tests that failed, and what they said.
const NEXTEST_SUMMARY: &str = "Summary [";

/// Runs the workspace's tests with variables added to their environment.
pub fn run(variables: &[(&str, &str)]) -> Result<(), String> {
    if has_nextest() {
        let arguments = ["nextest", "run", "--locked", "--workspace"];
        return shell::run_summed_up("cargo", &arguments, variables, NEXTEST_SUMMARY);
    }
    let arguments = [
        "test",
        "--locked",
        "--workspace",
        "--all-targets",
        "--no-fail-fast",
    ];
    shell::run_with("cargo", &arguments, variables)
}

fn has_nextest() -> bool {
    let present = || shell::answers("cargo", &["nextest", "--version"]);
    present()
        || (shell::run("cargo", &["install", "cargo-nextest", "--locked"]).is_ok() && present())
}
