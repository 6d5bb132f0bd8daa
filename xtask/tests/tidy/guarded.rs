//! Where the gate refuses, the refusal can be removed by name: a condition in `decide` or `trust` that ends in an error
//! stands in `guard!`, so that a test must notice when it is gone. And no product holds the switch.
//!
//! What this scan can tell is honest and small: it sees `if` conditions over `return Err`, as rustfmt lays them out. It
//! does not see a comparison that is worked into a value, a `match` or a `?`.

use std::collections::BTreeSet;
use std::process::Command;

use crate::report;
use crate::tree::{read, root, rust};

/// Conditions without a guard, one a line as `path: condition`. May only shrink.
const EXCEPTIONS: &str = "xtask/tests/tidy/unguarded.txt";

/// The conditions over `return Err` in a source text that no guard holds.
fn unguarded(lines: &[&str]) -> Vec<String> {
    let mut found = Vec::new();
    for (at, line) in lines.iter().enumerate() {
        let Some(inner) = indent(line).filter(|_| line.trim_start().starts_with("return Err("))
        else {
            continue;
        };
        let Some(condition) = condition(lines.get(..at).unwrap_or_default(), inner) else {
            continue;
        };
        if !condition.contains("guard!(") {
            found.push(condition);
        }
    }
    found
}

/// The condition of the `if` that the last of these lines stand in, on one line.
fn condition(above: &[&str], inner: usize) -> Option<String> {
    let opens = above
        .iter()
        .rposition(|line| indent(line).is_some_and(|outer| outer < inner))?;
    let outer = indent(above.get(opens)?)?;
    let begins = above.get(..=opens)?.iter().rposition(|line| {
        indent(line) == Some(outer) && !line.trim_start().starts_with(&[')', '&', '|', '{'][..])
    })?;
    let text: Vec<&str> = above
        .get(begins..=opens)?
        .iter()
        .map(|line| line.trim())
        .collect();
    let text = text.join(" ");
    let text = text.strip_suffix(" {")?;
    let text = text.strip_prefix("} else ").unwrap_or(text);
    text.starts_with("if ").then(|| text.to_owned())
}

/// Spaces before the first word; nothing for an empty line.
fn indent(line: &str) -> Option<usize> {
    (!line.trim().is_empty()).then(|| line.len() - line.trim_start().len())
}

#[test]
fn conditions_are_seen_as_rustfmt_lays_them_out() {
    let text = "    if a > b {\n        return Err(x);\n    }\n    if guard!(\n        \"n\",\n        c\n    ) {\n        \
                return Err(x);\n    }\n    if let Some(y) = z\n        && y.bad()\n    {\n        return Err(\n            \
                x,\n        );\n    }\n    let Some(y) = z else {\n        return Err(x);\n    };\n";
    let lines: Vec<&str> = text.lines().collect();
    assert_eq!(
        unguarded(&lines),
        ["if a > b", "if let Some(y) = z && y.bad()"]
    );
}

#[test]
fn every_refusal_of_decide_and_trust_can_be_removed_by_name() {
    let listed = read(EXCEPTIONS);
    let mut listed: BTreeSet<&str> = listed
        .lines()
        .filter(|line| !line.is_empty() && !line.starts_with('#'))
        .collect();
    let mut problems = Vec::new();
    for file in rust() {
        let scanned = ["decide", "trust"].iter().any(|part| {
            file.path.starts_with(&format!("crates/core/src/{part}/"))
                || file.path == format!("crates/core/src/{part}.rs")
        });
        if !scanned || !file.is_production() {
            continue;
        }
        let lines: Vec<&str> = file
            .production_lines()
            .iter()
            .map(|(_, line)| *line)
            .collect();
        for condition in unguarded(&lines) {
            let entry = format!("{}: {condition}", file.path);
            if !listed.remove(entry.as_str()) {
                problems.push(format!("{entry}: hold it in guard!(\"name\", ...)"));
            }
        }
    }
    problems.extend(
        listed
            .iter()
            .map(|entry| format!("{EXCEPTIONS}: `{entry}` is guarded or gone: take it out")),
    );
    report(problems);
}

#[test]
fn a_release_build_refuses_the_switch() {
    // The build script itself, as cargo would run it.
    for (profile, asked, builds, switched) in [
        ("release", "1", false, false),
        ("debug", "1", true, true),
        ("release", "", true, false),
        ("debug", "", true, false),
    ] {
        for name in ["core", "sim"] {
            let script = root().join(format!("crates/{name}/build.rs"));
            let built = std::env::temp_dir().join(format!(
                "gatehold-build-script-{name}-{}",
                std::process::id()
            ));
            if !built.exists() {
                let compiled = Command::new("rustc")
                    .args(["--edition=2024", "-Adead_code"])
                    .arg(&script)
                    .arg("-o")
                    .arg(&built)
                    .output()
                    .expect("rustc runs");
                assert!(
                    compiled.status.success(),
                    "{}",
                    String::from_utf8_lossy(&compiled.stderr)
                );
            }
            let ran = Command::new(&built)
                .env("PROFILE", profile)
                .env("GATEHOLD_MUTANTS", asked)
                .output()
                .expect("it runs");
            let said = String::from_utf8_lossy(&ran.stdout);
            assert_eq!(ran.status.success(), builds, "{name} {profile} `{asked}`");
            assert_eq!(
                said.contains("rustc-cfg=gatehold_mutants") && ran.status.success(),
                switched,
                "{name} {profile} `{asked}`"
            );
        }
    }
    for name in ["core", "sim"] {
        let file = format!("gatehold-build-script-{name}-{}", std::process::id());
        let _ = std::fs::remove_file(std::env::temp_dir().join(file));
    }
}
