//! Recorded tool calls of real agents, through a release build of the gate. The recordings stay outside the repository;
//! a sample of ten runs is under `scenarios/dojo-sample` for the tests.

use std::path::{Path, PathBuf};

use crate::shell;

/// Builds and runs the dojo over the folder of `--dir`, or `$GATEHOLD_DATA/agentdojo`.
pub fn run(options: &[&str]) -> Result<(), String> {
    let folder = match options {
        ["--dir", folder] => PathBuf::from(folder),
        [] => data()?.join("agentdojo"),
        _ => return Err("usage: cargo xtask dojo [--dir FOLDER]".to_owned()),
    };
    if !folder.is_dir() {
        return Err(format!(
            "{} is no folder of recorded runs",
            folder.display()
        ));
    }
    let gatehold = release_build("gatehold", "gatehold")?;
    let dojo = release_build("gatehold-scenarios", "dojo")?;
    shell::run(
        &dojo,
        &[
            "--gatehold",
            &gatehold,
            "--pack",
            PACK,
            "--dir",
            &folder.to_string_lossy(),
        ],
    )
}

/// The default pack, which the dojo and the benchmark build upon.
pub const PACK: &str = "policies/default";

/// Builds one program in release and gives its path.
pub fn release_build(package: &str, program: &str) -> Result<String, String> {
    shell::run(
        "cargo",
        &[
            "build",
            "--locked",
            "--release",
            "--package",
            package,
            "--bin",
            program,
        ],
    )?;
    // This program stands in TARGET/debug.
    let this = std::env::current_exe().map_err(|error| format!("this program: {error}"))?;
    let target = this.parent().and_then(Path::parent);
    let target = target.ok_or_else(|| "this program stands in no target folder".to_owned())?;
    Ok(target
        .join("release")
        .join(program)
        .to_string_lossy()
        .into_owned())
}

#[expect(
    clippy::disallowed_methods,
    reason = "the outermost layer reads the environment"
)]
fn data() -> Result<PathBuf, String> {
    std::env::var_os("GATEHOLD_DATA")
        .map(PathBuf::from)
        .ok_or_else(|| {
            "say --dir FOLDER, or set GATEHOLD_DATA to the folder that holds `agentdojo`".to_owned()
        })
}
