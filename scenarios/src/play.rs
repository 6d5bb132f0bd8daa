//! Plays a story: starts a gate of its own, lets the cast act over the public API, and compares what comes of it.

mod asking;
mod cheating;
mod deciding;
mod looking;
mod signalling;
mod stage;

pub use stage::Stage;

pub use deciding::{enrol, nhi_create};

use std::path::Path;

use crate::scenario::{Does, Scenario, Step};
use crate::trouble::{Outcome, Trouble};

/// Plays the story in `file` against the program `gatehold`.
///
/// # Errors
/// The first step that did not go as written.
pub async fn play(gatehold: &Path, file: &Path) -> Outcome<()> {
    let scenario = Scenario::read(file)?;
    let mut stage = Stage::build(gatehold, &scenario).await?;
    for (number, step) in (1_usize..).zip(&scenario.step) {
        stage.step(step).await.map_err(|Trouble(why)| {
            Trouble(format!(
                "{} step {number}, \"{}\": {why}\n{}",
                scenario.requirement,
                step.says,
                stage.gate_says()
            ))
        })?;
    }
    stage.end().await
}

impl Stage {
    async fn step(&mut self, step: &Step) -> Outcome<()> {
        match &step.does {
            Does::StartTask(start) => self.start_task(start).await,
            Does::Ask(asked) => self.ask(asked).await,
            Does::Review(reviewed) => self.review(reviewed).await,
            Does::Look(looked) => self.look(looked).await,
            Does::Redeem(redeemed) => self.redeem(redeemed).await,
            Does::Enrol(enrolment) => self.enrol(enrolment).await,
            Does::Cheat(cheated) => self.cheat(cheated).await,
            Does::EndTask(end) => self.end_task(end).await,
            Does::Signal(said) => self.signal(said).await,
            Does::Database(asked) => self.database(asked),
            Does::Web(asked) => self.web(asked),
            Does::State(asked) => self.state(asked).await,
            Does::Ledger(asked) => self.ledger(asked).await,
        }
    }
}

/// Fails with what was found instead of what was wanted.
fn wanted<T: PartialEq + std::fmt::Debug>(what: &str, wanted: &T, found: &T) -> Outcome<()> {
    if wanted == found {
        Ok(())
    } else {
        Err(Trouble(format!(
            "{what}: wanted {wanted:?}, found {found:?}"
        )))
    }
}
