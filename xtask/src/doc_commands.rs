//! Every `gatehold ...` line in a fenced block of the documents names a command and flags that exist.
//! It asks the built program for help instead of running the line, so a document may show any argument.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use crate::shell;
use crate::steps::Step;

pub const STEP: Step = Step {
    name: "doc-commands",
    what: "every command shown in README.md and docs/ exists, with its flags",
    run,
};

fn run() -> Result<(), String> {
    let program = program()?;
    let mut problems = Vec::new();
    let mut checked = 0_usize;
    for document in documents()? {
        let text = std::fs::read_to_string(&document)
            .map_err(|e| format!("cannot read {}: {e}", document.display()))?;
        for line in commands(&text) {
            checked += 1;
            if let Err(problem) = check(&program, &line) {
                problems.push(format!("{}: `{line}`: {problem}", document.display()));
            }
        }
    }
    println!("{checked} commands checked");
    match problems.as_slice() {
        [] => Ok(()),
        some => Err(some.join("\n  ")),
    }
}

/// Builds (or finds built) the release program and returns where it stands.
fn program() -> Result<String, String> {
    shell::run(
        "cargo",
        &["build", "--locked", "--release", "--package", "gatehold"],
    )?;
    let metadata = shell::output(
        "cargo",
        &["metadata", "--locked", "--no-deps", "--format-version=1"],
    )?;
    let metadata: serde_json::Value =
        serde_json::from_str(&metadata).map_err(|e| format!("cargo metadata is not JSON: {e}"))?;
    metadata
        .get("target_directory")
        .and_then(serde_json::Value::as_str)
        .map(|folder| format!("{folder}/release/gatehold"))
        .ok_or_else(|| "cargo metadata names no target directory".to_owned())
}

fn documents() -> Result<Vec<PathBuf>, String> {
    let mut found = vec![PathBuf::from("README.md")];
    let mut folders = vec![PathBuf::from("docs")];
    while let Some(folder) = folders.pop() {
        for entry in read_folder(&folder)? {
            if entry.is_dir() {
                folders.push(entry);
            } else if entry.extension().is_some_and(|e| e == "md") {
                found.push(entry);
            }
        }
    }
    found.sort();
    Ok(found)
}

fn read_folder(folder: &Path) -> Result<Vec<PathBuf>, String> {
    let entries =
        std::fs::read_dir(folder).map_err(|e| format!("cannot list {}: {e}", folder.display()))?;
    Ok(entries.flatten().map(|entry| entry.path()).collect())
}

/// The `gatehold` command lines inside fenced `sh` or `console` blocks, joined over `\` line ends.
fn commands(text: &str) -> Vec<String> {
    let mut inside = false;
    let mut lines = Vec::new();
    let joined = text.replace("\\\n", " ");
    for line in joined.lines() {
        let line = line.trim();
        if let Some(kind) = line.strip_prefix("```") {
            inside = !inside && matches!(kind, "sh" | "console");
            continue;
        }
        let line = line.strip_prefix("$ ").unwrap_or(line);
        let line = line
            .replace("cargo run --release -- ", "gatehold ")
            .replace("cargo run --release --locked -- ", "gatehold ");
        if inside && line.starts_with("gatehold ") {
            lines.push(line);
        }
    }
    lines
}

/// Asks for the help of the longest run of plain words, and looks for each flag in the answer.
fn check(program: &str, line: &str) -> Result<(), String> {
    let words: Vec<&str> = line
        .split('#')
        .next()
        .unwrap_or_default()
        .split_whitespace()
        .skip(1)
        .take_while(|word| !matches!(*word, "--" | "|" | "&&" | ">" | "&" | ";"))
        .collect();
    let nouns: Vec<&str> = words
        .iter()
        .copied()
        .take_while(|word| {
            word.chars().all(|c| c.is_ascii_lowercase() || c == '-') && !word.starts_with('-')
        })
        .collect();
    let mut asked = nouns;
    asked.push("--help");
    let help = shell::output(program, &asked)?;
    let known: BTreeSet<&str> = help
        .split(|c: char| !(c.is_ascii_alphanumeric() || c == '-'))
        .filter(|word| word.starts_with('-'))
        .collect();
    let unknown: Vec<&str> = words
        .iter()
        .filter(|word| word.starts_with('-'))
        .map(|word| word.split('=').next().unwrap_or(word))
        .filter(|flag| !known.contains(flag))
        .collect();
    match unknown.as_slice() {
        [] => Ok(()),
        some => Err(format!("no such flag: {}", some.join(", "))),
    }
}

#[cfg(test)]
mod check {
    use super::commands;

    #[test]
    fn only_fenced_command_lines_count() {
        let text = "gatehold no\n```sh\n$ gatehold show req_1 \\\n  --raw\nls\n```\ngatehold no\n\
                    ```\ngatehold no\n```\n```console\ncargo run --release -- demo\n```\n";
        assert_eq!(
            commands(text),
            ["gatehold show req_1    --raw", "gatehold demo"]
        );
    }
}
