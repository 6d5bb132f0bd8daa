//! The demo's agent at work on `gatehold dev`: it reads, asks for a write, waits for whoever decides it, uses what was approved,
//! and then tries what it may not. Nobody is played here; the gate goes on when the agent is done.

use std::path::Path;

use super::agent::{Agent, Said};
use super::cast::agent_of;
use super::gate::{DEPLOY_KEY, Gate};
use super::stage::Stage;
use super::{after_it_was_used, executed, held, routine, to_the_end};
use crate::context::Ctx;
use crate::exit::Failure;

/// Works from the beginning to the end. `console` is where people decide.
///
/// # Errors
/// The first step that did not happen.
pub async fn at_work(ctx: &Ctx, home: &Path, console: &str) -> Result<(), Failure> {
    let stage = Stage::new(ctx);
    let gate = Gate::served(home)?;
    // The process ends with this function, however it does.
    let (_process, mut bot) = agent_of(home, DEPLOY_KEY)?;
    routine(&stage, &mut bot).await?;
    let id = held(&stage, &gate, &mut bot).await?;
    stage.turn(
        &format!("{console}/requests/{id}"),
        &[
            "Sign in with the code as `reviewer`, make a passkey under Keys, and decide. It is RED, so two people must:",
            "the menu of your name makes you `second`. Or in another terminal: gatehold inbox --as reviewer",
        ],
    );
    let said = decided(&stage, &mut bot, &id).await?;
    if said.code == "approved" {
        executed(&stage, &gate, &mut bot, &id).await?;
        stage.scene("4  Now the agent cheats");
        after_it_was_used(&stage, &mut bot, &id).await?;
    } else {
        stage.must(
            !said.refused && gate.order_status(7)? == "failed",
            &format!(
                "it ended as {}, and nothing happened at the database",
                said.code
            ),
            "order 7 is still `failed`",
        )?;
        stage.scene("4  Now the agent cheats");
    }
    let second = bot.tell("write 6").await?;
    stage.must(
        second.code == "held",
        "asks for another write",
        &second.text,
    )?;
    let said = bot.tell(&format!("approve {}", second.id)).await?;
    stage.refused("signs its own approval", &said, "")?;
    to_the_end(&stage, &mut bot).await?;
    stage.next(&[
        ("audit verify", "check every leaf of this gate's ledger"),
        (
            "demo tamper",
            "alter one byte in a copy of it, and check that",
        ),
    ]);
    Ok(())
}

/// What became of it, however long people take. Questions are answered by the agent meanwhile.
async fn decided(stage: &Stage, bot: &mut Agent, id: &str) -> Result<Said, Failure> {
    loop {
        let said = bot.tell(&format!("wait {id}")).await?;
        if said.code != "asked" {
            return Ok(said);
        }
        stage.done("somebody asks, and the agent answers: CLAIMED", &said.text);
    }
}
