//! Files and functions stay small; what is longer has a reason in docs/large-files.txt and may not grow.
//! Counts production code only: no test modules, and for functions no blank lines or comments.

use std::collections::BTreeMap;

use crate::report;
use crate::tree::{File, read, rust};

const FILE_LINES_MAX: usize = 600;
const FUNCTION_LINES_MAX: usize = 80;
const LIST: &str = "docs/large-files.txt";

/// `path` or `path::function`, then the lines it may have, then why.
fn excused() -> BTreeMap<String, usize> {
    read(LIST)
        .lines()
        .filter(|line| !line.trim().is_empty() && !line.starts_with('#'))
        .map(|line| {
            let mut words = line.split_whitespace();
            let (Some(what), Some(lines), Some(_reason)) =
                (words.next(), words.next(), words.next())
            else {
                panic!("{LIST}: `{line}` is not `path lines reason`");
            };
            let lines = lines
                .parse()
                .unwrap_or_else(|_| panic!("{LIST}: `{lines}` is no number"));
            (what.to_owned(), lines)
        })
        .collect()
}

/// Everything over its limit, with its length.
fn long() -> BTreeMap<String, usize> {
    let mut long = BTreeMap::new();
    for file in rust().iter().filter(|file| file.is_production()) {
        let lines = file.production_lines();
        if lines.len() > FILE_LINES_MAX {
            long.insert(file.path.clone(), lines.len());
        }
        for (name, length) in functions(file) {
            if length > FUNCTION_LINES_MAX {
                long.insert(format!("{}::{name}", file.path), length);
            }
        }
    }
    long
}

/// Name and length of each function: from its `fn` line to the closing brace at the same indentation.
fn functions(file: &File) -> Vec<(String, usize)> {
    let lines: Vec<&str> = file
        .production_lines()
        .into_iter()
        .map(|(_, line)| line)
        .collect();
    let mut found = Vec::new();
    for (index, line) in lines.iter().enumerate() {
        let Some(name) = function_name(line) else {
            continue;
        };
        let rest = lines.iter().skip(index);
        // The signature ends with an opening brace, or has no body to measure: a declaration, or `{}`.
        let signature_end = rest
            .clone()
            .find(|line| line.trim_end().ends_with(['{', '}', ';']));
        if !signature_end.is_some_and(|line| line.trim_end().ends_with('{')) {
            continue;
        }
        let indent = line.len() - line.trim_start().len();
        let close = format!("{}}}", " ".repeat(indent));
        let length = rest
            .take_while(|line| **line != close)
            .filter(|line| !line.trim().is_empty() && !line.trim_start().starts_with("//"))
            .count();
        found.push((name, length + 1));
    }
    found
}

fn function_name(line: &str) -> Option<String> {
    let mut rest = line.trim_start();
    for word in ["pub", "(crate)", "(super)", "const", "async"] {
        rest = rest.strip_prefix(word).unwrap_or(rest).trim_start();
    }
    let rest = rest.strip_prefix("fn ")?;
    let name = rest
        .split(|c: char| !(c.is_alphanumeric() || c == '_'))
        .next()?;
    Some(name.to_owned())
}

#[test]
fn long_files_and_functions_have_a_reason_and_do_not_grow() {
    let (long, excused) = (long(), excused());
    let mut problems = Vec::new();
    for (what, length) in &long {
        match excused.get(what) {
            None => problems.push(format!(
                "{what} has {length} lines; split it, or say why in {LIST}"
            )),
            Some(limit) if length > limit => {
                problems.push(format!("{what} grew from {limit} to {length} lines"));
            }
            Some(_) => {}
        }
    }
    for what in excused.keys().filter(|what| !long.contains_key(*what)) {
        problems.push(format!("{what} is short now: take it out of {LIST}"));
    }
    report(problems);
}

#[test]
fn a_function_is_measured_without_comments_and_tests() {
    let text = "fn d(\n    e: u8,\n);\npub fn a() {\n    // why\n\n    b();\n}\n#[cfg(test)]\nmod t {\n    fn c() {\n    }\n}\n";
    let file = File {
        path: "crates/x/src/a.rs".to_owned(),
        text: text.to_owned(),
    };
    assert_eq!(functions(&file), [("a".to_owned(), 3)]);
}
