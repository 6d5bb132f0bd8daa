//! Which test goes red without which guard: `docs/reference/guards.md`, a claim that the step proves row by row.

use std::collections::BTreeMap;

const FILE: &str = "docs/reference/guards.md";

/// What notices that a guard is gone.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum Catcher {
    /// The simulator, over enough seeds.
    Simulator,
    /// One test of one program.
    Test {
        /// In which program.
        program: Program,
        /// Its name.
        name: String,
    },
}

/// A program with tests.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum Program {
    /// The unit tests of core.
    Core,
    /// A file or folder of tests of the simulator's crate.
    Sim(String),
}

/// The table: guard and what catches its absence.
pub fn rows() -> Result<BTreeMap<String, Catcher>, String> {
    let text = std::fs::read_to_string(FILE).map_err(|e| format!("cannot read {FILE}: {e}"))?;
    read(&text)
}

fn read(text: &str) -> Result<BTreeMap<String, Catcher>, String> {
    let mut rows = BTreeMap::new();
    let mut problems = Vec::new();
    let lines = text.lines().filter(|line| line.starts_with("| `"));
    for line in lines {
        let mut words = line.split('`').skip(1).step_by(2);
        let (guard, catcher) = (words.next().unwrap_or_default(), words.next());
        match catcher.map_or(Some(Catcher::Simulator), parsed) {
            Some(catcher) => {
                if rows.insert(guard.to_owned(), catcher).is_some() {
                    problems.push(format!("{FILE}: `{guard}` has two rows"));
                }
            }
            None => problems.push(format!(
                "{FILE}: `{guard}` is caught by `simulator` (without quotes), `crates/core/src/...::test` or \
                 `crates/sim/tests/...::test`"
            )),
        }
    }
    if problems.is_empty() {
        Ok(rows)
    } else {
        Err(problems.join("\n  "))
    }
}

fn parsed(evidence: &str) -> Option<Catcher> {
    let (path, name) = evidence.split_once("::")?;
    let program = if path.starts_with("crates/core/src/") {
        Program::Core
    } else {
        let rest = path.strip_prefix("crates/sim/tests/")?;
        let target = rest.split(['/', '.']).next()?;
        Program::Sim(target.to_owned())
    };
    Some(Catcher::Test {
        program,
        name: name.to_owned(),
    })
}

/// What the sources and the table disagree about.
pub fn differences(
    guards: &BTreeMap<String, String>,
    rows: &BTreeMap<String, Catcher>,
) -> Vec<String> {
    let missing = guards
        .iter()
        .filter(|(name, _)| !rows.contains_key(*name))
        .map(|(name, place)| {
            format!(
                "{place}: `{name}` has no row in {FILE}: name the test that goes red without it"
            )
        });
    let stale = rows
        .keys()
        .filter(|name| !guards.contains_key(*name))
        .map(|name| format!("{FILE}: there is no guard `{name}`"));
    missing.chain(stale).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::mutants::scan;
    use crate::shell;

    #[test]
    fn every_guard_has_a_row_and_every_row_a_guard() {
        shell::enter_repository().unwrap();
        let differences = differences(&scan::guards().unwrap(), &rows().unwrap());
        assert!(differences.is_empty(), "\n  {}\n", differences.join("\n  "));
    }

    #[test]
    fn a_row_names_the_simulator_or_one_test() {
        let table = "| guard | caught by |\n|---|---|\n| `a` | simulator |\n\
                     | `b` | `crates/core/src/verdict.rs::errs` |\n| `c` | `crates/sim/tests/guards/prove.rs::lets` |\n";
        let rows = read(table).unwrap();
        assert_eq!(rows.len(), 3);
        assert_eq!(rows["a"], Catcher::Simulator);
        let test = |program, name: &str| Catcher::Test {
            program,
            name: name.to_owned(),
        };
        assert_eq!(rows["b"], test(Program::Core, "errs"));
        assert_eq!(rows["c"], test(Program::Sim("guards".to_owned()), "lets"));
        assert!(read("| `a` | `elsewhere.rs::x` |").is_err());
        assert!(read("| `a` | simulator |\n| `a` | simulator |").is_err());
    }

    #[test]
    fn a_guard_without_a_row_and_a_row_without_a_guard_are_told() {
        let guards = [("new".to_owned(), "a.rs:1".to_owned())].into();
        let rows = [("gone".to_owned(), Catcher::Simulator)].into();
        assert_eq!(differences(&guards, &rows).len(), 2);
    }
}
