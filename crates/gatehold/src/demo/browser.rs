//! The reviewers of `gatehold demo --browser`: the user, on the pages of the demo's gate, with passkeys. The demo decides nothing
//! here; it says whose turn it is, waits with the agent, and says what came of it.

use std::time::Duration;

use super::agent::{Agent, Said};
use super::denial;
use super::gate::Gate;
use super::people::show;
use super::stage::Stage;
use crate::exit::{Exit, Failure};
use crate::screen::duration;

/// Waits until people have decided. Gives whether they approved; if not, nothing has happened.
///
/// # Errors
/// When nobody decides in time, or something happened all the same.
pub async fn decide(
    stage: &Stage,
    gate: &Gate,
    bot: &mut Agent,
    id: &str,
    timeout: Duration,
) -> Result<bool, Failure> {
    let home = gate.home().display();
    let terminal = format!(
        "No authenticator at hand? In another terminal: gatehold approve {id} --as reviewer --home {home}"
    );
    stage.turn(
        &link(gate, id),
        &[
            "Sign in with the code as `reviewer`, and make a passkey under Keys.",
            "Open the request: read it, answer what is asked, and approve it with your passkey.",
            "It is RED, so two people must: the menu of your name makes you `second`. Do it all again.",
            "Or deny it, ask something, or report it. The agent waits.",
            &terminal,
        ],
    );
    let said = decided(stage, bot, id, timeout).await?;
    if said.is("approved", "") {
        stage.done(
            "every seat is filled by another person, each with a passkey",
            "the approval is a signature over these bytes",
        );
        return Ok(true);
    }
    if said.is("denied", "") {
        denial::told(stage, gate, bot, id, &said).await?;
        return Ok(false);
    }
    stage.must(
        !said.refused && gate.order_status(7)? == "failed",
        &format!(
            "it ended as {}, and nothing happened at the database",
            said.code
        ),
        "order 7 is still `failed`; run the demo again and approve it to see the rest",
    )?;
    Ok(false)
}

/// Another agent hides something in a statement. It is shown to whoever looks, and they decide.
///
/// # Errors
/// When it is not shown, or nobody decides in time.
pub async fn look_closely(
    stage: &Stage,
    gate: &Gate,
    other: &mut Agent,
    timeout: Duration,
) -> Result<(), Failure> {
    let said = other.tell("hide 5").await?;
    stage.must(
        said.code == "held",
        "hides characters in a statement that make it read otherwise: HELD",
        &said.text,
    )?;
    let page = show(gate, &said.id, "reviewer").await?;
    let chip = page
        .lines()
        .find(|line| line.contains("\u{27e8}U+202E\u{27e9}"));
    stage.must(
        chip.is_some(),
        "what it hides is shown by its number",
        chip.unwrap_or(&page).trim(),
    )?;
    stage.turn(
        &link(gate, &said.id),
        &["Look at it there, and deny it or report it."],
    );
    let said = decided(stage, other, &said.id, timeout).await?;
    stage.must(
        !said.refused && gate.order_status(5)? == "shipped",
        &format!("it ended as {}", said.code),
        "order 5 is still `shipped`",
    )
}

/// What became of it. Questions are answered by the agent meanwhile.
async fn decided(
    stage: &Stage,
    agent: &mut Agent,
    id: &str,
    timeout: Duration,
) -> Result<Said, Failure> {
    loop {
        let said = tokio::time::timeout(timeout, agent.tell(&format!("wait {id}"))).await;
        let Ok(said) = said else {
            let seconds = i64::try_from(timeout.as_secs()).unwrap_or(i64::MAX);
            return Err(Failure::new(
                Exit::Expired,
                format!(
                    "nobody decided in the browser within {}, so nothing was let out",
                    duration(seconds)
                ),
                "run the demo again when you like, or give it more time with --timeout",
            ));
        };
        let said = said?;
        if said.code != "asked" {
            return Ok(said);
        }
        stage.done("somebody asks, and the agent answers: CLAIMED", &said.text);
    }
}

/// The page of a request.
fn link(gate: &Gate, id: &str) -> String {
    let console = gate.console().map_or("", |console| console.url.as_str());
    format!("{console}requests/{id}")
}
