//! The pure crates stay pure: no clock, no randomness, no environment, no file, no socket, no thread of their own.

use crate::report;
use crate::tree::rust;

/// May not lift a ban of clippy.toml.
const NO_EXCEPTION: &[&str] = &["core", "policy", "render", "ledger", "proof", "audit"];

/// May not touch the world at all.
const NO_WORLD: &[&str] = &["core", "render", "ledger", "proof"];

const WORLD: &[&str] = &[
    "std::fs",
    "std::net",
    "std::process",
    "std::thread",
    "std::env",
    "std::os",
    "std::io::stdin",
    "async fn",
];

#[test]
fn no_pure_crate_lifts_a_ban() {
    let mut problems = Vec::new();
    for file in rust() {
        let pure = |name: &str| file.path.starts_with(&format!("crates/{name}/src/"));
        for (number, line) in file.production_lines() {
            let code = line.split("//").next().unwrap_or_default();
            if NO_EXCEPTION.iter().copied().any(pure) && code.contains("clippy::disallowed_") {
                problems.push(format!(
                    "{}:{number}: lifts a ban of clippy.toml",
                    file.path
                ));
            }
            if NO_WORLD.iter().copied().any(pure) {
                for word in WORLD.iter().filter(|word| code.contains(**word)) {
                    problems.push(format!("{}:{number}: uses {word}", file.path));
                }
            }
        }
    }
    report(problems);
}
