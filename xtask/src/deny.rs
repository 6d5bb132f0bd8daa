//! Licences, sources and who may import what (`deny.toml`). Needs the crates, not the advisory database: known
//! vulnerabilities are a step of their own in the nightly run.

use crate::shell;
use crate::steps::Step;

pub const STEP: Step = Step {
    name: "deny",
    what: "licences, sources and import fences (cargo-deny)",
    run,
};

fn run() -> Result<(), String> {
    ensure_installed()?;
    // cargo-deny reads the graph of every platform, and the build has fetched only this one's crates.
    shell::run("cargo", &["fetch", "--locked"])?;
    shell::run(
        "cargo",
        &[
            "deny",
            "--offline",
            "--locked",
            "--workspace",
            "check",
            "--hide-inclusion-graph",
            "bans",
            "licenses",
            "sources",
        ],
    )
}

/// Installs cargo-deny once, with a profile chosen for a short build: it runs for a second.
pub fn ensure_installed() -> Result<(), String> {
    if shell::answers("cargo", &["deny", "--version"]) {
        return Ok(());
    }
    shell::run_with(
        "cargo",
        &["install", "cargo-deny", "--locked"],
        &[
            ("CARGO_PROFILE_RELEASE_LTO", "off"),
            ("CARGO_PROFILE_RELEASE_OPT_LEVEL", "1"),
            ("CARGO_PROFILE_RELEASE_CODEGEN_UNITS", "16"),
        ],
    )
}
