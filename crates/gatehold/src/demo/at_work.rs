//! The demo's agent at work on `gatehold dev`: it reads, asks for a write, waits for whoever decides it, uses what was approved,
//! and then tries what it may not. Nobody is played here; the gate goes on when the agent is done. What people did to the agent, now
//! or when a kept gate ran before, is no fault: it says what they did and how they undo it.

use std::path::Path;

use super::agent::{Agent, Said};
use super::cast::agent_of;
use super::gate::{DEPLOY_KEY, Gate};
use super::stage::Stage;
use super::{after_it_was_used, executed, held, routine, to_the_end};
use crate::context::Ctx;
use crate::exit::Failure;

/// What comes after the agent's story.
const VERIFY: [(&str, &str); 2] = [
    ("audit verify", "check every leaf of this gate's ledger"),
    (
        "demo tamper",
        "alter one byte in a copy of it, and check that",
    ),
];
/// What people did to the agent, as a refusal names it, and how they ask that it may go on.
const UNDO: [(&str, &str); 4] = [
    ("workload_paused", "workload resume deploy-bot --as owner"),
    (
        "workload_stopped",
        "stops lift --workload deploy-bot --as owner",
    ),
    ("target_stopped", "stops lift --target sql:shop --as owner"),
    ("lockdown", "stops lift --everything --as owner"),
];

/// Works from the beginning to the end. `console` is where people decide.
///
/// # Errors
/// The first step that did not happen.
pub async fn at_work(ctx: &Ctx, home: &Path, console: &str) -> Result<(), Failure> {
    let stage = Stage::new(ctx);
    let gate = Gate::served(home)?;
    // The process ends with this function, however it does.
    let (_process, mut bot) = agent_of(home, DEPLOY_KEY, None)?;
    if gate.order_fails_again(7)? {
        stage.done("order 7 of the toy shop is `failed` again", "");
    }
    let first = bot.tell("read").await?;
    if first.refused {
        return stopped(&stage, "deploy-bot asks to read an order", first, "denied");
    }
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
    let approved = said.code == "approved";
    if approved {
        let used = bot.tell(&format!("redeem {id}")).await?;
        if used.refused {
            return not_used(&stage, &gate, used);
        }
        executed(&stage, &gate, &used)?;
    } else {
        stage.scene("3  Nothing is executed that nobody approved");
        stage.must(
            !said.refused && gate.order_status(7)? == "failed",
            &format!("it ended as {}", said.code),
            "order 7 is still `failed`",
        )?;
        if !said.text.is_empty() {
            stage.done("the agent is told why", &said.text);
        }
    }
    let cheats = || stage.scene("4  Now the agent cheats");
    if approved {
        cheats();
        after_it_was_used(&stage, &mut bot, &id).await?;
    }
    let second = bot.tell("write 6").await?;
    if second.refused {
        return stopped(&stage, "asks for another write", second, "denied");
    }
    if !approved {
        cheats();
    }
    stage.must(
        second.code == "held",
        "asks for another write",
        &second.text,
    )?;
    let said = bot.tell(&format!("approve {}", second.id)).await?;
    stage.refused("signs its own approval", &said, "")?;
    to_the_end(&stage, &mut bot).await?;
    stage.next(&VERIFY);
    Ok(())
}

/// People approved it, and then somebody stopped it or took it back before it was used: that stands above every approval.
fn not_used(stage: &Stage, gate: &Gate, said: Said) -> Result<(), Failure> {
    stage.scene("3  Approved, and stopped before it was used: nothing is executed");
    stage.must(
        gate.order_status(7)? == "failed",
        "nothing happened at the database",
        "order 7 is still `failed`",
    )?;
    stopped(stage, "uses what was approved", said, "")
}

/// Nothing of the agent passes any more, because people wanted it so; that ends its story.
fn stopped(stage: &Stage, what: &str, mut said: Said, code: &str) -> Result<(), Failure> {
    let known = UNDO.iter().find(|(code, _)| said.text.contains(code));
    if let Some((code, _)) = known {
        // Beside it stands why it would have been held otherwise.
        (*code).clone_into(&mut said.text);
    }
    stage.refused(what, &said, code)?;
    let undo = known.map_or("stops lift --help", |(_, undo)| undo);
    let [verify, tamper] = VERIFY;
    let undone = "ask that it may go on; two others decide that";
    stage.next(&[(undo, undone), verify, tamper]);
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
