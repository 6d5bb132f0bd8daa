//! The programs whose guards can be removed, built once into a folder of their own, and running one of them.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::process::{Command, Stdio};

use super::table::{Catcher, Program};
use crate::shell;

/// Names the removed guard to a program that has a switch.
const VARIABLE: &str = "GATEHOLD_WITHOUT_GUARD";
/// Runs of the simulator after which a guard counts as not caught.
const RUNS: &str = "150";

/// Everything that was built.
pub struct Programs {
    simulator: PathBuf,
    tests: BTreeMap<Program, (PathBuf, Vec<String>)>,
}

/// What a program said.
pub struct Said {
    /// Whether it ended well.
    pub well: bool,
    /// The line that matters.
    pub line: String,
}

impl Programs {
    /// Builds what the table names: no debug information, no product, and never a release build.
    pub fn build(rows: &BTreeMap<String, Catcher>) -> Result<Self, String> {
        let mut targets: Vec<String> = rows
            .values()
            .filter_map(|catcher| match catcher {
                Catcher::Test {
                    program: Program::Sim(target),
                    ..
                } => Some(target.clone()),
                _ => None,
            })
            .collect();
        targets.sort();
        targets.dedup();
        // A whole gate takes minutes to build, so that only what needs one is built with it.
        let gated = needing_a_gate()?;
        let (whole, alone): (Vec<String>, Vec<String>) = targets
            .iter()
            .cloned()
            .partition(|target| gated.contains(target));
        let mut arguments = vec![
            "test",
            "--locked",
            "--no-run",
            "--package=gatehold-core",
            "--package=gatehold-sim",
            "--no-default-features",
            "--lib",
            "--target-dir=target/mutants",
            "--message-format=json-render-diagnostics",
        ];
        for target in &alone {
            arguments.extend(["--test", target]);
        }
        let mut messages = built(&arguments)?;
        if !whole.is_empty() {
            messages.extend(built(&with_a_gate(&whole))?);
        }
        let simulator = messages
            .iter()
            .find_map(|message| executable(message, "gatehold-sim", "bin"))
            .ok_or("cargo built no gatehold-sim")?;
        let mut tests = BTreeMap::new();
        let core = messages
            .iter()
            .find_map(|message| executable(message, "gatehold_core", "lib"))
            .ok_or("cargo built no unit tests of core")?;
        tests.insert(Program::Core, with_tests(core)?);
        for target in targets {
            let program = messages
                .iter()
                .find_map(|message| executable(message, &target, "test"))
                .ok_or_else(|| format!("cargo built no tests `{target}`"))?;
            tests.insert(Program::Sim(target), with_tests(program)?);
        }
        Ok(Self { simulator, tests })
    }

    /// Runs the catcher with every guard in place.
    pub fn whole(&self, catcher: &Catcher) -> Result<Said, String> {
        match catcher {
            Catcher::Simulator => ran(Command::new(&self.simulator).args(["run", "--runs", "30"])),
            Catcher::Test { program, name } => ran(&mut self.test(program, name)?),
        }
    }

    /// Runs the catcher without this guard; ends well when it notices.
    pub fn without(&self, guard: &str, catcher: &Catcher) -> Result<Said, String> {
        match catcher {
            Catcher::Simulator => {
                let arguments = ["without", guard, "--runs", RUNS];
                ran(Command::new(&self.simulator).args(arguments))
            }
            Catcher::Test { program, name } => {
                let said = ran(self.test(program, name)?.env(VARIABLE, guard))?;
                Ok(Said {
                    well: !said.well,
                    line: name.clone(),
                })
            }
        }
    }

    fn test(&self, program: &Program, name: &str) -> Result<Command, String> {
        let (path, tests) = self
            .tests
            .get(program)
            .ok_or_else(|| format!("{program:?} was not built"))?;
        let mut named = tests
            .iter()
            .filter(|test| test.rsplit("::").next() == Some(name));
        let (Some(test), None) = (named.next(), named.next()) else {
            return Err(format!("`{name}` is not exactly one test of {program:?}"));
        };
        let mut command = Command::new(path);
        command.args(["--exact", test]);
        Ok(command)
    }
}

/// What builds the tests that run a whole gate.
fn with_a_gate(targets: &[String]) -> Vec<&str> {
    let mut arguments = vec![
        "test",
        "--locked",
        "--no-run",
        "--package=gatehold-sim",
        "--target-dir=target/mutants",
        "--message-format=json-render-diagnostics",
    ];
    for target in targets {
        arguments.extend(["--test", target]);
    }
    arguments
}

/// The test programs of the simulator's crate that cargo builds only together with a gate.
fn needing_a_gate() -> Result<Vec<String>, String> {
    let manifest = "crates/sim/Cargo.toml";
    let text =
        std::fs::read_to_string(manifest).map_err(|e| format!("cannot read {manifest}: {e}"))?;
    let tests = text.split("[[test]]").skip(1);
    let gated = tests.filter(|test| test.contains("required-features = [\"gate\"]"));
    let name = |test: &str| {
        Some(
            test.split("name = \"")
                .nth(1)?
                .split('"')
                .next()?
                .to_owned(),
        )
    };
    Ok(gated.filter_map(name).collect())
}

fn ran(command: &mut Command) -> Result<Said, String> {
    let output = command
        .stdin(Stdio::null())
        .output()
        .map_err(|e| format!("{command:?} did not start: {e}"))?;
    let text = [output.stdout, output.stderr].concat();
    let text = String::from_utf8_lossy(&text);
    let line = text.lines().find(|line| !line.is_empty());
    Ok(Said {
        well: output.status.success(),
        line: line.unwrap_or_default().chars().take(90).collect(),
    })
}

fn built(arguments: &[&str]) -> Result<Vec<serde_json::Value>, String> {
    println!("$ GATEHOLD_MUTANTS=1 cargo {}", arguments.join(" "));
    let output = Command::new("cargo")
        .args(arguments)
        .env("GATEHOLD_MUTANTS", "1")
        .env("CARGO_PROFILE_DEV_DEBUG", "false")
        .env("CARGO_PROFILE_DEV_OPT_LEVEL", "1")
        .stdin(Stdio::null())
        .stderr(Stdio::inherit())
        .output()
        .map_err(|e| format!("cargo did not start: {e}"))?;
    if !output.status.success() {
        return Err(format!("the build ended with {}", output.status));
    }
    let text = String::from_utf8_lossy(&output.stdout);
    Ok(text
        .lines()
        .filter_map(|line| serde_json::from_str(line).ok())
        .collect())
}

/// The program that a message of cargo's announces, if it is this one.
fn executable(message: &serde_json::Value, name: &str, kind: &str) -> Option<PathBuf> {
    let target = message.get("target")?;
    let is_named = target.get("name")?.as_str()? == name;
    let is_kind = target
        .get("kind")?
        .as_array()?
        .iter()
        .any(|word| word.as_str() == Some(kind));
    let path = message.get("executable")?.as_str()?;
    (is_named && is_kind).then(|| shell::repository().join(path))
}

fn with_tests(program: PathBuf) -> Result<(PathBuf, Vec<String>), String> {
    let path = program.display().to_string();
    let listed = shell::output(&path, &["--list", "--format=terse"])?;
    let tests = listed
        .lines()
        .filter_map(|line| line.strip_suffix(": test"))
        .map(str::to_owned)
        .collect();
    Ok((program, tests))
}
