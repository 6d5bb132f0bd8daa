//! Habits every Rust file keeps: it says what it is, no test is skipped, nothing is left for later in a comment.

use crate::report;
use crate::tree::rust;

#[test]
fn every_file_opens_with_what_it_is() {
    let problems = rust()
        .iter()
        .filter(|file| file.is_production())
        .filter(|file| !file.text.starts_with("//!") && !file.text.starts_with("#![doc"))
        .map(|file| {
            format!(
                "{}: open with `//!` lines: what this is, what it must never do",
                file.path
            )
        })
        .collect();
    report(problems);
}

#[test]
fn no_test_is_skipped_and_nothing_is_left_for_later() {
    // Assembled, so that this file does not hold what it looks for.
    let words = [
        concat!("#[ig", "nore"),
        concat!("FIX", "ME"),
        concat!("TO", "DO"),
        concat!("XX", "X:"),
        concat!("to", "do!("),
    ];
    let mut problems = Vec::new();
    for file in rust() {
        for (number, line) in (1_usize..).zip(file.text.lines()) {
            for word in words.iter().filter(|word| line.contains(**word)) {
                problems.push(format!("{}:{number}: `{word}`", file.path));
            }
        }
    }
    report(problems);
}
