//! The glossary is law: words it bans are not names, and nothing names a machine or a private host.

use crate::report;
use crate::tree::{File, files, read, rust};

/// File and module names that say nothing about what is inside.
const EMPTY_NAMES: &[&str] = &[
    "util", "utils", "helper", "helpers", "common", "misc", "manager", "managers", "types",
    "service", "services",
];

#[test]
fn a_browser_has_words_for_every_kind_of_notice() {
    let between = |path: &str, from: &str, to: &str| {
        let text = read(path);
        let (_, rest) = text.split_once(from).expect("where they begin");
        rest.split_once(to).expect("where they end").0.to_owned()
    };
    let kinds = between("crates/broker/src/channels.rs", "const KINDS: [", "];");
    let said = between("crates/server/static/worker.js", "const WHAT = {", "};");
    let kinds: Vec<&str> = kinds.split('"').skip(1).step_by(2).collect();
    assert!(!kinds.is_empty(), "no kinds of notices");
    let missing = kinds
        .iter()
        .filter(|kind| !said.contains(&format!("\n  {kind}: \"")))
        .map(|kind| format!("worker.js: WHAT: say what `{kind}` is"))
        .collect();
    report(missing);
}

#[test]
fn no_file_is_named_for_nothing() {
    let problems = rust()
        .iter()
        .filter(|file| {
            file.path
                .split('/')
                .any(|part| EMPTY_NAMES.contains(&part.trim_end_matches(".rs")))
        })
        .map(|file| format!("{}: name it by the noun or verb it is about", file.path))
        .collect();
    report(problems);
}

#[test]
fn banned_words_are_no_names() {
    let mut problems = Vec::new();
    for file in rust()
        .iter()
        .filter(|file| file.path.starts_with("crates/"))
    {
        for (number, name) in item_names(file) {
            let lower = name.to_lowercase();
            if lower.contains("approval")
                && !lower.contains("approval_debt")
                && !lower.contains("approvaldebt")
            {
                problems.push(format!(
                    "{}:{number}: `{name}`: say Review, Requirement or Approved",
                    file.path
                ));
            }
            if lower.contains("checkpoint") && file.path.starts_with("crates/ledger/") {
                problems.push(format!(
                    "{}:{number}: `{name}`: the log's signed head is a tree head",
                    file.path
                ));
            }
        }
    }
    report(problems);
}

/// Names of types, functions, modules and constants, with their lines.
fn item_names(file: &File) -> Vec<(usize, &str)> {
    let mut names = Vec::new();
    for (number, line) in (1_usize..).zip(file.text.lines()) {
        let code = line.split("//").next().unwrap_or_default();
        let words: Vec<&str> = code.split_whitespace().collect();
        for pair in words.windows(2) {
            let [kind, name] = pair else { continue };
            if matches!(
                *kind,
                "fn" | "struct" | "enum" | "trait" | "type" | "mod" | "const" | "static"
            ) {
                let end = name
                    .find(|c: char| !(c.is_alphanumeric() || c == '_'))
                    .unwrap_or(name.len());
                names.push((number, name.split_at(end).0));
            }
        }
    }
    names
}

#[test]
fn nothing_names_a_machine() {
    // Assembled, so that this file does not hold what it looks for.
    let words = [
        concat!("/wo", "rk/"),
        concat!(" /ro", "ot/"),
        concat!("\"/ro", "ot/"),
        concat!("/home", "/"),
        concat!("arti", "factory"),
        concat!("index.crates", ".io"),
    ];
    let mut problems = Vec::new();
    for file in files() {
        for (number, line) in (1_usize..).zip(file.text.lines()) {
            for word in words.iter().filter(|word| line.contains(**word)) {
                problems.push(format!("{}:{number}: names `{word}`", file.path));
            }
        }
    }
    report(problems);
}
