//! Runs steps one after the other, times each, and ends with one line that counts them.
//! A failed step does not stop the rest: one run shows everything that is wrong.

use std::process::ExitCode;
use std::time::Duration;

use crate::steps::Step;

struct Outcome {
    name: &'static str,
    took: Duration,
    problem: Option<String>,
}

/// Runs the steps and prints the summary. The last line is `N passed, N failed`.
pub fn run(steps: &[Step]) -> ExitCode {
    let outcomes: Vec<Outcome> = steps.iter().map(run_one).collect();
    println!("\nsteps");
    for outcome in &outcomes {
        let word = if outcome.problem.is_some() {
            "FAILED"
        } else {
            "passed"
        };
        println!(
            "  {:<14} {word} {:>8.1} s",
            outcome.name,
            outcome.took.as_secs_f64()
        );
    }
    let failed: Vec<&Outcome> = outcomes.iter().filter(|o| o.problem.is_some()).collect();
    for outcome in &failed {
        println!(
            "{}: {}",
            outcome.name,
            outcome.problem.as_deref().unwrap_or_default()
        );
    }
    println!(
        "{} passed, {} failed",
        outcomes.len() - failed.len(),
        failed.len()
    );
    if failed.is_empty() {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    }
}

fn run_one(step: &Step) -> Outcome {
    println!("\n== {}: {}", step.name, step.what);
    let (took, result) = timed(step.run);
    let problem = result.err();
    let seconds = took.as_secs_f64();
    match &problem {
        None => println!("== {} passed in {seconds:.1} s", step.name),
        Some(problem) => {
            let first = problem.lines().next().unwrap_or_default();
            println!("== {} FAILED in {seconds:.1} s: {first}", step.name);
        }
    }
    Outcome {
        name: step.name,
        took,
        problem,
    }
}

#[expect(
    clippy::disallowed_methods,
    reason = "measures how long a step of the build took; nothing of the product depends on it"
)]
fn timed<T>(work: impl FnOnce() -> T) -> (Duration, T) {
    let start = std::time::Instant::now();
    let value = work();
    (start.elapsed(), value)
}
