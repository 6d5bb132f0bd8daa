//! Every named invariant stands in docs/ARCHITECTURE.md and in the code, under one name.

use std::collections::BTreeSet;

use crate::report;
use crate::tree::{quoted, read, rust, table};

/// Promised and not established in code yet. May only shrink.
const PENDING: &str = "xtask/tests/tidy/pending-invariants.txt";

fn documented() -> BTreeSet<String> {
    table("docs/ARCHITECTURE.md", "invariants")
        .iter()
        .flat_map(|cells| cells.first().map(|cell| quoted(cell)).unwrap_or_default())
        .collect()
}

fn in_code() -> BTreeSet<String> {
    let mut names = BTreeSet::new();
    for file in rust() {
        if !file.path.starts_with("crates/") {
            continue;
        }
        for part in file.text.split("INVARIANT(").skip(1) {
            let name = part.split(')').next().unwrap_or_default();
            names.insert(name.to_owned());
        }
    }
    names
}

fn pending() -> BTreeSet<String> {
    read(PENDING)
        .lines()
        .filter(|line| !line.is_empty() && !line.starts_with('#'))
        .map(str::to_owned)
        .collect()
}

#[test]
fn code_and_architecture_name_the_same_invariants() {
    let (documented, in_code, pending) = (documented(), in_code(), pending());
    let mut problems = Vec::new();
    for name in in_code.difference(&documented) {
        problems.push(format!(
            "INVARIANT({name}) stands in code, not in docs/ARCHITECTURE.md"
        ));
    }
    for name in documented.difference(&in_code) {
        if !pending.contains(name) {
            problems.push(format!(
                "docs/ARCHITECTURE.md lists {name}; no code says INVARIANT({name})"
            ));
        }
    }
    for name in &pending {
        if in_code.contains(name) {
            problems.push(format!(
                "{name} is in the code now: take it out of {PENDING}"
            ));
        }
        if !documented.contains(name) {
            problems.push(format!(
                "{PENDING} lists {name}, which docs/ARCHITECTURE.md does not"
            ));
        }
    }
    report(problems);
}
