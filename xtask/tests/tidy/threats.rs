//! docs/reference/threats.md claims no defence and no promise without a test that carries its name.

use std::collections::BTreeSet;

use crate::evidence::missing;
use crate::report;
use crate::tree::{quoted, table};

const FILE: &str = "docs/reference/threats.md";
/// How many threats each part has.
const PARTS: &[(char, u32)] = &[('A', 27), ('B', 11), ('C', 18), ('D', 12)];

#[test]
fn every_threat_named_has_a_rule_and_a_test() {
    let mut problems = Vec::new();
    let mut seen = BTreeSet::new();
    for cells in table(FILE, "threats") {
        let [row, rule, test] = cells.as_slice() else {
            problems.push(format!("a row has three cells: {cells:?}"));
            continue;
        };
        if !is_threat(row) {
            problems.push(format!("`{row}` is no threat"));
        }
        if !seen.insert(row.clone()) {
            problems.push(format!("{row} has two rows"));
        }
        if rule.is_empty() {
            problems.push(format!("{row} has no rule"));
        }
        let named = quoted(test);
        let prefix = test_prefix(row);
        let carries = |evidence: &String| {
            let name = evidence.rsplit("::").next().unwrap_or_default();
            evidence.contains("::") && name.starts_with(&prefix)
        };
        if !named.iter().any(carries) {
            problems.push(format!("{row}: no test whose name begins with `{prefix}`"));
        }
        let absent = named.iter().filter_map(|evidence| missing(evidence));
        problems.extend(absent.map(|problem| format!("{row}: {problem}")));
    }
    report(problems);
}

#[test]
fn every_promise_named_has_a_test_and_its_counts() {
    let mut problems = Vec::new();
    let mut seen = BTreeSet::new();
    for cells in table(FILE, "promises") {
        let [row, promise, test, every_run, nightly] = cells.as_slice() else {
            problems.push(format!("a row has five cells: {cells:?}"));
            continue;
        };
        if !seen.insert(row.clone()) {
            problems.push(format!("{row} has two rows"));
        }
        if promise.is_empty() || every_run.is_empty() || nightly.is_empty() {
            problems.push(format!("{row} does not say what is counted, or how often"));
        }
        let named = quoted(test);
        let part = test_prefix(row);
        let carries = |evidence: &String| {
            let name = evidence.rsplit("::").next().unwrap_or_default();
            evidence.contains("::") && name.contains(&part)
        };
        if !named.iter().any(carries) {
            problems.push(format!("{row}: no test whose name holds `{part}`"));
        }
        let absent = named.iter().filter_map(|evidence| missing(evidence));
        problems.extend(absent.map(|problem| format!("{row}: {problem}")));
    }
    report(problems);
}

#[test]
fn a_row_is_a_letter_and_a_number() {
    for row in ["A1", "A27", "B11", "C18", "D12"] {
        assert!(is_threat(row), "{row}");
    }
    for row in ["A0", "A01", "A28", "E1", "A", "1", ""] {
        assert!(!is_threat(row), "{row}");
    }
    assert_eq!(test_prefix("A9"), "a09_");
    assert_eq!(test_prefix("D12"), "d12_");
    assert_eq!(test_prefix("P3"), "p03_");
}

fn is_threat(row: &str) -> bool {
    PARTS.iter().any(|(part, count)| {
        let number = row
            .strip_prefix(*part)
            .and_then(|number| number.parse().ok());
        number.is_some_and(|number: u32| {
            (1..=*count).contains(&number) && row == format!("{part}{number}")
        })
    })
}

fn test_prefix(row: &str) -> String {
    let (part, number) = row.split_at(row.len().min(1));
    format!("{}{number:0>2}_", part.to_lowercase())
}
