//! The benchmark against release builds. Options are handed on: `--cerbos PROGRAM`, `--seconds N`, `--rounds N`.

use crate::dojo::{PACK, release_build};
use crate::shell;

/// Builds and runs the benchmark.
pub fn run(options: &[&str]) -> Result<(), String> {
    let gatehold = release_build("gatehold", "gatehold")?;
    let bench = release_build("gatehold-bench", "gatehold-bench")?;
    let mut arguments = vec!["--gatehold", &gatehold, "--pack", PACK];
    arguments.extend(options);
    shell::run(&bench, &arguments)
}
