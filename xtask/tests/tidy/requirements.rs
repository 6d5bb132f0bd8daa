//! docs/requirements.md has every row once, and no row claims what the repository cannot show.

use std::collections::BTreeMap;

use crate::evidence::missing;
use crate::report;
use crate::tree::{quoted, table};

const ROWS: usize = 221;
const FILE: &str = "docs/requirements.md";

#[test]
fn every_requirement_has_one_row() {
    let mut seen: BTreeMap<String, usize> = BTreeMap::new();
    for cells in table(FILE, "requirements") {
        *seen
            .entry(cells.first().cloned().unwrap_or_default())
            .or_default() += 1;
    }
    let mut problems = Vec::new();
    for number in 1..=ROWS {
        let name = format!("M{number:03}");
        match seen.remove(&name) {
            Some(1) => {}
            Some(times) => problems.push(format!("{name} has {times} rows")),
            None => problems.push(format!("{name} has no row")),
        }
    }
    problems.extend(
        seen.keys()
            .map(|name| format!("`{name}` is no requirement")),
    );
    report(problems);
}

#[test]
fn evidence_exists() {
    let mut problems = Vec::new();
    for cells in table(FILE, "requirements") {
        let [name, title, status, evidence] = cells.as_slice() else {
            problems.push(format!("a row has four cells: {cells:?}"));
            continue;
        };
        if title.is_empty() {
            problems.push(format!("{name} has no title"));
        }
        let named = quoted(evidence);
        match status.as_str() {
            "planned" if named.is_empty() => {}
            "planned" => problems.push(format!("{name} is planned and names evidence")),
            "met" | "partial" if named.is_empty() => {
                problems.push(format!("{name} is {status} without evidence"))
            }
            "met" | "partial" => problems.extend(
                named
                    .iter()
                    .filter_map(|e| missing(e))
                    .map(|p| format!("{name}: {p}")),
            ),
            other => problems.push(format!("{name}: `{other}` is not met, partial or planned")),
        }
    }
    report(problems);
}
