//! The benchmark against release builds, beside Cerbos from npm. Options are handed on: `--seconds N`, `--rounds N` and the
//! others that `bench/src/main.rs` names; `--cerbos PROGRAM` takes another Cerbos.

use std::path::Path;

use crate::dojo::{PACK, release_build};
use crate::shell;
use crate::steps::Step;

/// What is compared with, by pinned hashes.
const PEERS: &str = "bench/peers";
/// Where it goes.
const INSTALLED: &str = "target/peers";
/// The program of it.
const CERBOS: &str = "target/peers/node_modules/@cerbos/cerbos-linux-x64/cerbos-linux-x64";

pub const STEP: Step = Step {
    name: "bench",
    what: "the allow path beside a bare endpoint and Cerbos, a start, and what `kill -9` loses",
    run: || run(&[]),
};

/// Builds and runs the benchmark.
pub fn run(options: &[&str]) -> Result<(), String> {
    let gatehold = release_build("gatehold", "gatehold")?;
    let bench = release_build("gatehold-bench", "gatehold-bench")?;
    let mut arguments = vec!["--gatehold", &gatehold, "--pack", PACK];
    let compares = !options
        .iter()
        .any(|option| *option == "--cerbos" || option.starts_with("--only-"));
    if compares {
        install()?;
        arguments.extend(["--cerbos", CERBOS]);
    }
    arguments.extend(options);
    shell::run(&bench, &arguments)
}

/// Cerbos, once.
fn install() -> Result<(), String> {
    if Path::new(CERBOS).is_file() {
        return Ok(());
    }
    if shell::find("npm").is_none() {
        return Err(
            "npm is missing: install it (Debian: npm), or name a Cerbos with --cerbos PROGRAM"
                .to_owned(),
        );
    }
    let put = |name: &str| {
        let to = Path::new(INSTALLED).join(name);
        std::fs::copy(Path::new(PEERS).join(name), &to)
            .map(drop)
            .map_err(|error| format!("{}: {error}", to.display()))
    };
    std::fs::create_dir_all(INSTALLED).map_err(|error| format!("{INSTALLED}: {error}"))?;
    put("package.json")?;
    put("package-lock.json")?;
    let options = ["--ignore-scripts", "--no-audit", "--no-fund"];
    let arguments: Vec<&str> = ["ci", "--prefix", INSTALLED]
        .into_iter()
        .chain(options)
        .collect();
    shell::run("npm", &arguments)
}
