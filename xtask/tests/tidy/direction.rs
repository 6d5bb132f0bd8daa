//! Which of our crates may import which: `cargo metadata` against the table in docs/ARCHITECTURE.md.

use std::collections::BTreeMap;

use crate::report;
use crate::tree::{members, quoted, table};

/// What tests may import besides: the simulator, stores and bundles to run with, real signatures, and the stories.
const FOR_TESTS: &[&str] = &["sim", "store", "ledger", "proof", "policy", "scenarios"];

struct Row {
    ours: Vec<String>,
    never: Vec<String>,
}

fn rows() -> BTreeMap<String, Row> {
    table("docs/ARCHITECTURE.md", "crates")
        .into_iter()
        .map(|cells| {
            let [name, ours, never, ..] = cells.as_slice() else {
                panic!("a row of the crate table has three cells at least: {cells:?}");
            };
            let name = quoted(name).join("");
            (
                name,
                Row {
                    ours: quoted(ours),
                    never: quoted(never),
                },
            )
        })
        .collect()
}

fn short(name: &str) -> String {
    name.strip_prefix("gatehold-").unwrap_or(name).to_owned()
}

#[test]
fn every_crate_has_a_row_and_every_row_a_crate() {
    let rows = rows();
    let names: Vec<String> = members().iter().map(|m| short(&m.name)).collect();
    let no_row = names.iter().filter(|n| !rows.contains_key(*n));
    let no_crate = rows.keys().filter(|n| !names.contains(n));
    report(
        no_row
            .map(|n| format!("crate {n} has no row in docs/ARCHITECTURE.md"))
            .chain(no_crate.map(|n| format!("docs/ARCHITECTURE.md lists {n}, which is no crate")))
            .collect(),
    );
}

#[test]
fn imports_follow_the_table() {
    let rows = rows();
    let mut problems = Vec::new();
    for member in members() {
        let name = short(&member.name);
        let Some(row) = rows.get(&name) else { continue };
        for (dependency, only_for_tests) in &member.dependencies {
            let wanted = short(dependency);
            if row.never.contains(dependency) && !only_for_tests {
                problems.push(format!(
                    "{name} imports {dependency}, which its row forbids"
                ));
            }
            // A crate may name itself for its tests, to switch on its own test support.
            let allowed = row.ours.contains(&wanted)
                || (*only_for_tests && wanted == name)
                || (*only_for_tests && FOR_TESTS.contains(&wanted.as_str()));
            if rows.contains_key(&wanted) && !allowed {
                problems.push(format!(
                    "{name} imports {wanted}, which its row does not list"
                ));
            }
        }
    }
    report(problems);
}

#[test]
fn the_table_has_no_cycle() {
    let rows = rows();
    let mut settled: Vec<&String> = Vec::new();
    while settled.len() < rows.len() {
        let next: Vec<&String> = rows
            .iter()
            .filter(|(name, row)| {
                !settled.contains(name) && row.ours.iter().all(|import| settled.contains(&import))
            })
            .map(|(name, _)| name)
            .collect();
        assert!(
            !next.is_empty(),
            "a cycle, or an import without a row; settled so far: {settled:?}"
        );
        settled.extend(next);
    }
}
