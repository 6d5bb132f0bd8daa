//! Decision records are numbered without a gap, and each says what would change our mind.

use crate::report;
use crate::tree::files;

#[test]
fn decision_records_are_complete() {
    let mut problems = Vec::new();
    let mut expected = 1_usize;
    for file in files() {
        let Some(name) = file.path.strip_prefix("docs/adr/") else {
            continue;
        };
        if name == "README.md" {
            continue;
        }
        if !name.starts_with(&format!("{expected:04}-")) {
            problems.push(format!("{}: the next number is {expected:04}", file.path));
        }
        expected += 1;
        for part in [
            "# ",
            "Status: ",
            "## Decision",
            "## Why",
            "## What would change our mind",
        ] {
            if !file.text.lines().any(|line| line.starts_with(part)) {
                problems.push(format!("{}: no line starts with `{part}`", file.path));
            }
        }
    }
    report(problems);
}
