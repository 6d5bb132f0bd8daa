//! Somebody says no: an end of the story as good as the other one. It says what a denial is: what the agent is told, what stands in
//! the ledger, and how to see the rest.

use gatehold_client::wire::{Act, ActRequest, DenyReason};
use gatehold_core::entry::{Entry, Event};
use gatehold_core::request::State;

use super::agent::{Agent, Said};
use super::gate::{Gate, config};
use super::stage::Stage;
use crate::audit::source::Source;
use crate::config::Config;
use crate::exit::Failure;
use crate::session::acting;

/// What the demo says in the name of somebody who stopped before they signed.
const WORDS: &str = "stopped at the terminal of the demo";

/// Denies for somebody who signed nothing, and tells what became of it.
///
/// # Errors
/// When it does not end as denied, or something happened all the same.
pub async fn said_no(
    stage: &Stage,
    gate: &Gate,
    bot: &mut Agent,
    id: &str,
    name: &str,
) -> Result<(), Failure> {
    stage.done(
        &format!(
            "{name} signed nothing, so nothing can happen; it would wait until its time is over"
        ),
        "a no is an act of its own, and the demo does it now",
    );
    let person = acting(gate.profile(), Some(name)).await?;
    let denial = ActRequest {
        act: Act::Deny,
        reason: Some(DenyReason::NotJustified),
        text: Some(WORDS.to_owned()),
    };
    person.client.act(id, &denial).await?;
    stage.done(
        &format!("gatehold deny {id} --reason not_justified --as {name}"),
        "one no is enough, and takes no key: it only stops something",
    );
    let said = bot.tell(&format!("wait {id}")).await?;
    told(stage, gate, bot, id, &said).await
}

/// What became of a request that somebody denied: for the agent, at the database, and in the ledger.
///
/// # Errors
/// When something happened all the same, or its end is not recorded.
pub async fn told(
    stage: &Stage,
    gate: &Gate,
    bot: &mut Agent,
    id: &str,
    said: &Said,
) -> Result<(), Failure> {
    stage.scene("3  Nothing is executed that nobody approved");
    let what = format!("it ended as {}; the agent is told so, and why", said.code);
    stage.must(!said.refused, &what, &said.text)?;
    let tried = bot.tell(&format!("redeem {id}")).await?;
    stage.refused("the agent uses it all the same", &tried, "")?;
    stage.must(
        gate.order_status(7)? == "failed",
        "nothing happened at the database",
        "order 7 is still `failed`",
    )?;
    let end = end_of(gate, id).await?;
    stage.must(
        end.is_some(),
        "who ended it, when and how is in the ledger for good",
        &end.unwrap_or_default(),
    )?;
    stage.next(&[(
        "demo",
        "play it again and approve: the bytes are executed once, and the agent cheats",
    )]);
    Ok(())
}

/// The leaf with which a request ended, in words.
async fn end_of(gate: &Gate, id: &str) -> Result<Option<String>, Failure> {
    let mut end = None;
    let source = Source::open(&Config::require(&config(gate.home()))?).await?;
    source
        .leaves(|leaf| {
            let entry = Entry::from_bytes(&leaf.record).ok();
            let ended = entry.filter(|entry| {
                let is_it = entry
                    .request
                    .is_some_and(|request| request.to_string() == id);
                is_it && entry.to.is_some_and(State::is_terminal)
            });
            if let Some(entry) = ended {
                end = Some(format!("leaf {}: {}", leaf.index, in_words(&entry)));
            }
            Ok(())
        })
        .await?;
    Ok(end)
}

/// Who did what; their words lie beside the leaf, and can be erased without it.
fn in_words(entry: &Entry) -> String {
    let how = match &entry.event {
        Event::Acted {
            human: Some(human),
            act,
            ..
        } => format!("{human}, {act}"),
        Event::Reviewed { reviewer, .. } => format!("{reviewer}, signed"),
        Event::Closed {
            human: Some(human),
            code,
            ..
        } => format!("{human}, {code}"),
        Event::Closed { code, .. } => code.clone(),
        _ => "ended".to_owned(),
    };
    let beside = entry.attachments.keys().next();
    let beside = beside.map_or("", |_| "; the words lie beside it, and can be erased alone");
    format!("{how}{beside}")
}
