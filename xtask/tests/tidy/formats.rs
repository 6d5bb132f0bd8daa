//! docs/reference/formats.md names every member that stands in a leaf's record, a request's row or the journal.

use std::collections::BTreeSet;

use crate::report;
use crate::tree::{read, rust};

const PAGE: &str = "docs/reference/formats.md";
/// What is serialised as it stands there.
const SOURCES: [&str; 5] = [
    "crates/core/src/entry.rs",
    "crates/core/src/request/record.rs",
    "crates/core/src/request/turns.rs",
    "crates/core/src/view.rs",
    "crates/gate/src/safe_act.rs",
];

#[test]
fn every_stored_member_is_described() {
    let page = read(PAGE);
    let named: BTreeSet<&str> = page.split('`').skip(1).step_by(2).collect();
    let mut problems = Vec::new();
    for file in SOURCES {
        let members = stored(&read(file));
        if members.is_empty() {
            problems.push(format!("{file}: nothing in it is serialised"));
        }
        let missing = members.iter().filter(|name| !named.contains(name.as_str()));
        problems.extend(missing.map(|name| format!("{file}: `{name}` is not named in {PAGE}")));
    }
    report(problems);
}

#[test]
fn every_versioned_name_is_described() {
    let page = read(PAGE);
    let named: BTreeSet<&str> = page.split('`').skip(1).step_by(2).collect();
    let is_named = |name: &str| named.iter().any(|text| text.contains(name));
    let mut problems = Vec::new();
    for file in rust() {
        // The simulator has names of its own, and stores nothing.
        if !file.is_production() || file.path.starts_with("crates/sim/") {
            continue;
        }
        for (number, line) in file.production_lines() {
            for name in names(line).into_iter().filter(|name| !is_named(name)) {
                problems.push(format!(
                    "{}:{number}: `{name}` is not named in {PAGE}",
                    file.path
                ));
            }
        }
    }
    report(problems);
}

#[test]
fn members_are_found_in_structs_and_variants() {
    let source = "
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct One {
    /// Text: not a member.
    pub first: u64,
    second: Option<Hash>,
}
#[derive(Debug)]
struct Other {
    not_stored: u64,
}
#[derive(Serialize)]
enum Two {
    /// A variant.
    ThirdThing {
        fourth: u64,
    },
    Fifth { sixth: u64, seventh: u64 },
    Eighth(Trace),
}
";
    let found = stored(source);
    let found: Vec<&str> = found.iter().map(String::as_str).collect();
    let expected = [
        "eighth",
        "fifth",
        "first",
        "fourth",
        "second",
        "seventh",
        "sixth",
        "third_thing",
    ];
    assert_eq!(found, expected);
}

/// Names such as `gatehold/leaf/v1` in a source.
fn names(source: &str) -> BTreeSet<String> {
    let mut found = BTreeSet::new();
    for (at, _) in source.match_indices("gatehold/") {
        let (_, rest) = source.split_at(at);
        let rest: String = rest
            .chars()
            .take_while(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || "-/".contains(*c))
            .collect();
        if rest.ends_with("/v1") {
            found.insert(rest);
        }
    }
    found
}

/// The names that the serialised types of a file put into JSON. Types are laid out as rustfmt lays them out.
fn stored(source: &str) -> BTreeSet<String> {
    let mut found = BTreeSet::new();
    let (mut derived, mut inside) = (false, false);
    for line in source.lines() {
        let text = line.trim();
        if line.starts_with("#[derive(") {
            derived = text.contains("Serialize");
        } else if line.starts_with('}') {
            (derived, inside) = (false, false);
        } else if derived && line.ends_with('{') && !line.starts_with(' ') {
            inside = text.contains("struct ") || text.contains("enum ");
        } else if inside && !text.starts_with("//") && !text.starts_with('#') {
            for part in text.split(['{', ',', '}']) {
                found.extend(name(part.trim()));
            }
        }
    }
    found
}

/// `pub name: Type`, `Variant` or `Variant(Type)`.
fn name(part: &str) -> Option<String> {
    let part = part
        .trim_start_matches("pub(crate) ")
        .trim_start_matches("pub ");
    let end = part.find([':', '(']).unwrap_or(part.len());
    let (name, rest) = part.split_at(end);
    let is_word = !name.is_empty()
        && name
            .chars()
            .all(|one| one.is_ascii_alphanumeric() || one == '_');
    let is_variant = name.starts_with(|one: char| one.is_ascii_uppercase());
    let is_member = rest.starts_with(": ");
    (is_word && (is_member || (is_variant && !rest.starts_with(':')))).then(|| {
        // A name that Rust keeps for itself ends in `_` in the source, and not in what is written.
        snake(name.trim_end_matches('_'))
    })
}

fn snake(name: &str) -> String {
    let mut out = String::new();
    for one in name.chars() {
        if one.is_ascii_uppercase() && !out.is_empty() {
            out.push('_');
        }
        out.push(one.to_ascii_lowercase());
    }
    out
}
