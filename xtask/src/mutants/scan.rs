//! Finds every use of `guard!` in the sources. A use that cannot be read, and a name that stands twice, are errors: a
//! guard nobody can remove is a guard nobody tests.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

/// Where the macro itself is defined.
const DEFINITION: &str = "crates/core/src/mutants.rs";

/// Every guard of the product by its name, with the place it stands at.
pub fn guards() -> Result<BTreeMap<String, String>, String> {
    let mut found = BTreeMap::new();
    let mut problems = Vec::new();
    for file in sources(Path::new("crates"))? {
        let path = file.display().to_string();
        if path == DEFINITION || !path.contains("/src/") {
            continue;
        }
        let text =
            std::fs::read_to_string(&file).map_err(|e| format!("cannot read {path}: {e}"))?;
        collect(&path, &text, &mut found, &mut problems);
    }
    if problems.is_empty() {
        Ok(found)
    } else {
        Err(problems.join("\n  "))
    }
}

fn collect(
    path: &str,
    text: &str,
    found: &mut BTreeMap<String, String>,
    problems: &mut Vec<String>,
) {
    for (number, name) in uses(text) {
        let place = format!("{path}:{number}");
        let Some(name) = name else {
            problems.push(format!(
                "{place}: write guard!(\"name-of-small-letters\", condition)"
            ));
            continue;
        };
        if let Some(other) = found.get(&name) {
            problems.push(format!("{place}: `{name}` is the name of {other} already"));
        } else {
            found.insert(name, place);
        }
    }
}

/// Every use in a source text: the line it stands on, and its name if that can be read.
pub fn uses(text: &str) -> Vec<(usize, Option<String>)> {
    // Comments first: what is written about guards is no guard.
    let code: Vec<&str> = text
        .lines()
        .map(|line| line.split("//").next().unwrap_or_default())
        .collect();
    let code = code.join("\n");
    let mut uses = Vec::new();
    let mut from = 0;
    while let Some(at) = code.get(from..).and_then(|rest| rest.find("guard!")) {
        let at = from + at;
        from = at + "guard!".len();
        let number = code.get(..at).unwrap_or_default().matches('\n').count() + 1;
        let rest = code.get(from..).unwrap_or_default();
        uses.push((number, name(rest)));
    }
    uses
}

/// The name after `guard!`.
fn name(rest: &str) -> Option<String> {
    let rest = rest.strip_prefix('(')?.trim_start().strip_prefix('"')?;
    let (name, rest) = rest.split_once('"')?;
    let plain = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-';
    let well_formed = !name.is_empty() && name.chars().all(plain);
    (well_formed && rest.trim_start().starts_with(',')).then(|| name.to_owned())
}

fn sources(root: &Path) -> Result<Vec<PathBuf>, String> {
    let mut found = Vec::new();
    let mut folders = vec![root.to_owned()];
    while let Some(folder) = folders.pop() {
        let listed = std::fs::read_dir(&folder)
            .map_err(|e| format!("cannot list {}: {e}", folder.display()))?;
        for entry in listed.flatten() {
            let path = entry.path();
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|kind| kind == "rs") {
                found.push(path);
            }
        }
    }
    found.sort();
    Ok(found)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn uses_are_found_with_their_names() {
        let text = "if guard!(\"one\", bad) {\n}\nlet x = gatehold_core::guard!(\n    \"two-2\",\n    worse\n);\n";
        let named = |name: &str| Some(name.to_owned());
        assert_eq!(uses(text), [(1, named("one")), (3, named("two-2"))]);
    }

    #[test]
    fn what_is_written_about_guards_is_no_guard() {
        assert_eq!(
            uses("// guard!(\"one\", bad)\n//! `guard!(x)`\nlet guard = 1;"),
            []
        );
    }

    #[test]
    fn a_use_that_cannot_be_read_is_an_error() {
        for text in [
            "guard!(NAME, bad)",
            "guard!(\"Name\", bad)",
            "guard!(\"\", bad)",
            "guard!(\"name\")",
            "guard! { \"name\", bad }",
            "guard![\"name\", bad]",
        ] {
            assert_eq!(uses(text), [(1, None)], "{text}");
        }
        let (mut found, mut problems) = (BTreeMap::new(), Vec::new());
        collect("a.rs", "guard!(NAME, bad)", &mut found, &mut problems);
        assert_eq!(problems.len(), 1);
    }

    #[test]
    fn a_name_stands_once() {
        let (mut found, mut problems) = (BTreeMap::new(), Vec::new());
        let text = "guard!(\"one\", a);\nguard!(\"two\", b);\nguard!(\"one\", c);";
        collect("a.rs", text, &mut found, &mut problems);
        assert_eq!(found.len(), 2);
        assert_eq!(problems, ["a.rs:3: `one` is the name of a.rs:1 already"]);
    }
}
