//! The people of the demo: the user at the terminal plays them through the very commands they would use, or the demo does.

use std::os::unix::process::ExitStatusExt as _;

use rustix::event::{PollFd, PollFlags, poll};
use tokio::process::Command;

use super::agent::{Said, refused};
use super::cast::apart;
use super::gate::{Gate, program};
use super::stage::{SHORT_SECONDS, Stage};
use crate::dev::{affirmed, review};
use crate::exit::{Exit, Failure};
use crate::interrupt::Ending;
use crate::review::approve::{open, sign, signed};
use crate::session::acting;

/// Who decides, in this order.
const REVIEWERS: [&str; 2] = ["reviewer", "second"];

/// Two people look at the request, answer the criteria and sign. Gives who of them said no instead.
///
/// # Errors
/// When one of them does neither.
pub async fn decide(
    stage: &Stage,
    gate: &Gate,
    id: &str,
    auto: bool,
) -> Result<Option<&'static str>, Failure> {
    for name in REVIEWERS {
        if still_held(gate, id).await? {
            if auto {
                // Both see the same page; once is enough here.
                if name == "reviewer" {
                    println!("{}", show(gate, id, name).await?);
                }
                review(gate.profile(), name, parse(id)?).await?;
            } else if !by_hand(gate, id, name).await? {
                return Ok(Some(name));
            }
            stage.done(&format!("{name} answered every criterion, and signed"), "");
        }
    }
    stage.must(
        !still_held(gate, id).await?,
        "every seat is filled by another person",
        "the approval is a signature over these bytes",
    )?;
    Ok(None)
}

/// The agent's owner, a real person with a real key, tries to approve what their own agent asks.
///
/// # Errors
/// When the gate does not answer.
pub async fn owner_tries(gate: &Gate, id: &str) -> Result<Said, Failure> {
    let profile = gate.profile();
    let owner = acting(profile, Some("owner")).await?;
    let shown = open(&owner, profile, parse(id)?).await?;
    let answers = affirmed(&shown);
    let review = signed(&owner, shown, answers, "it is my agent")?;
    match owner.client.review(id, &review).await {
        Ok(_) => Ok(Said::new("approved", id, "its owner approved it")),
        Err(error) => refused(error),
    }
}

/// Two people approve a request for a moment only, so that it expires before it is used.
///
/// # Errors
/// When one of them does not.
pub async fn decide_for_a_second(gate: &Gate, id: &str) -> Result<(), Failure> {
    let profile = gate.profile();
    for name in REVIEWERS {
        if still_held(gate, id).await? {
            let reviewer = acting(profile, Some(name)).await?;
            let mut shown = open(&reviewer, profile, parse(id)?).await?;
            shown.context.limits.ttl_seconds = SHORT_SECONDS;
            let answers = affirmed(&shown);
            sign(&reviewer, shown, answers, "only for a moment").await?;
        }
    }
    Ok(())
}

/// What the reviewer sees: `gatehold show`, in a process of its own.
///
/// # Errors
/// When it does not show the request.
pub async fn show(gate: &Gate, id: &str, name: &str) -> Result<String, Failure> {
    let output = apart(Command::new(program()?))
        .args(["show", id, "--as", name, "--home"])
        .arg(gate.home())
        .output()
        .await
        .map_err(|error| Failure::fault(error, "report this"))?;
    if output.status.success() {
        return Ok(String::from_utf8_lossy(&output.stdout).into_owned());
    }
    Err(Failure::fault(
        String::from_utf8_lossy(&output.stderr),
        "report this",
    ))
}

/// Whether they approved. Whoever says `no` to a question or instead of signing has signed nothing.
async fn by_hand(gate: &Gate, id: &str, name: &str) -> Result<bool, Failure> {
    println!(
        "\nYou are {name}. Read it, answer, and sign; or say `no`, and see what becomes of it."
    );
    let status = Command::new(program()?)
        .args(["approve", id, "--as", name, "--home"])
        .arg(gate.home())
        .kill_on_drop(true)
        .status()
        .await
        .map_err(|error| Failure::fault(error, "report this"))?;
    if status.success() {
        return Ok(true);
    }
    // At a terminal Ctrl-C is for both processes, and this one may be the first to know.
    if let Some(ending) = status.signal().and_then(Ending::of) {
        let cause = format!("{name} was interrupted by {}", ending.name());
        return Err(Failure::new(ending.exit(), cause, "run the demo again"));
    }
    // A terminal that is gone ends what reads from it before it says so to everybody by a signal.
    if terminal_is_gone() {
        let ending = Ending::HungUp;
        let cause = format!("{name} was interrupted by {}", ending.name());
        return Err(Failure::new(ending.exit(), cause, "run the demo again"));
    }
    if status.code() == Some(i32::from(Exit::Usage.code())) {
        return Ok(false);
    }
    Err(Failure::fault(
        format!("{name} could not approve"),
        "read above what was wrong, and run the demo again",
    ))
}

async fn still_held(gate: &Gate, id: &str) -> Result<bool, Failure> {
    let second = acting(gate.profile(), Some("second")).await?;
    let inbox = second.client.inbox().await?;
    Ok(inbox.items.iter().any(|item| item.request == id))
}

fn parse(id: &str) -> Result<gatehold_core::ids::RequestId, Failure> {
    id.parse()
        .map_err(|error: gatehold_core::ids::NameError| Failure::fault(error, "report this"))
}

fn terminal_is_gone() -> bool {
    let stdin = std::io::stdin();
    let mut asked = [PollFd::new(&stdin, PollFlags::empty())];
    let at_once = rustix::event::Timespec {
        tv_sec: 0,
        tv_nsec: 0,
    };
    let said = poll(&mut asked, Some(&at_once));
    let [stdin] = asked;
    said.is_ok() && stdin.revents().contains(PollFlags::HUP)
}
