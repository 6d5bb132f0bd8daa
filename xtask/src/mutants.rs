//! Tests the tests: every guard of the product is removed once, alone, and something must go red.
//!
//! `docs/reference/guards.md` says what notices; this step proves it, one process a guard, in a build of its own. A guard
//! without a row, a row without a guard and a row that is not true fail.

mod programs;
mod scan;
mod table;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Mutex;
use std::sync::PoisonError;
use std::thread;

use crate::steps::Step;
use programs::Programs;
use table::Catcher;

pub const STEP: Step = Step {
    name: "mutants",
    what: "without any one guard, a test goes red",
    run,
};

fn run() -> Result<(), String> {
    let guards = scan::guards()?;
    let rows = table::rows()?;
    let mut problems = table::differences(&guards, &rows);
    let programs = Programs::build(&rows)?;
    problems.extend(red_although_whole(&programs, &rows)?);
    let results = each_removed(&programs, &rows)?;
    println!("{:<28} caught by", "guard");
    let mut caught = 0_usize;
    for (guard, by) in &results {
        match by {
            Ok(line) => {
                caught += 1;
                println!("{guard:<28} {line}");
            }
            Err(problem) => {
                println!("{guard:<28} NOT CAUGHT");
                problems.push(format!("{guard} is not caught: {problem}"));
            }
        }
    }
    println!("{caught} of {} guards are caught", guards.len());
    match problems.as_slice() {
        [] => Ok(()),
        some => Err(some.join("\n  ")),
    }
}

/// What catches a guard's absence must be green while the guard is there.
fn red_although_whole(
    programs: &Programs,
    rows: &BTreeMap<String, Catcher>,
) -> Result<Vec<String>, String> {
    let catchers: BTreeSet<&Catcher> = rows.values().collect();
    let mut red = Vec::new();
    for catcher in catchers {
        let said = programs.whole(catcher)?;
        if !said.well {
            red.push(format!(
                "{catcher:?} is red with every guard in place: {}",
                said.line
            ));
        }
    }
    Ok(red)
}

type Results = BTreeMap<String, Result<String, String>>;

/// Removes one guard after the other, as many at a time as there are processors.
fn each_removed(programs: &Programs, rows: &BTreeMap<String, Catcher>) -> Result<Results, String> {
    let left = Mutex::new(rows.iter());
    let results = Mutex::new(Results::new());
    let next = || left.lock().unwrap_or_else(PoisonError::into_inner).next();
    let tell = |guard: &String, result| {
        let mut results = results.lock().unwrap_or_else(PoisonError::into_inner);
        results.insert(guard.clone(), result);
    };
    let workers = thread::available_parallelism().map_or(1, usize::from);
    thread::scope(|scope| {
        for _ in 0..workers {
            scope.spawn(|| {
                while let Some((guard, catcher)) = next() {
                    let result = programs.without(guard, catcher).and_then(|said| {
                        if said.well {
                            Ok(said.line)
                        } else {
                            Err(said.line)
                        }
                    });
                    tell(guard, result);
                }
            });
        }
    });
    results
        .into_inner()
        .map_err(|_| "a worker ended in the middle".to_owned())
}
