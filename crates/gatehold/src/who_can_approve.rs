//! `gatehold who-can-approve`: who has a seat at what holds a request, what stands against them, and whether the others are enough.

use std::fmt::Write as _;

use clap::Args;
use gatehold_client::wire::{Against, Deciders, OnCall};
use gatehold_core::ids::RequestId;

use crate::ambient::now_millis;
use crate::context::Ctx;
use crate::exit::{Exit, Failure};
use crate::screen::{Style, duration, moment, plain};
use crate::session::acting;

/// Arguments of `gatehold who-can-approve`.
#[derive(Debug, Args)]
pub struct WhoCanApprove {
    /// The request, as `gatehold inbox` prints it.
    pub id: RequestId,
}

/// Runs it. Ends with 1 when nobody's approval would be enough, for scripts that watch.
///
/// # Errors
/// When the gate refuses or does not answer.
pub async fn run(ctx: &Ctx, args: &WhoCanApprove) -> Result<Exit, Failure> {
    let profile = ctx.profile()?;
    let acting = acting(&profile, ctx.person.as_deref()).await?;
    let deciders = acting.client.deciders(&args.id.to_string()).await?;
    ctx.print(&deciders, || lines(ctx, &deciders))?;
    Ok(if deciders.enough {
        Exit::Done
    } else {
        Exit::Fault
    })
}

fn lines(ctx: &Ctx, deciders: &Deciders) -> String {
    let mut text = String::new();
    let (needed, none) = deciders.in_words();
    if let Some(none) = none {
        let _ = writeln!(text, "{}", ctx.screen.paint(Style::Red, none));
    }
    let _ = writeln!(text, "{needed}");
    for person in &deciders.people {
        let but = person.but.map_or("", Against::in_words);
        let but = if but.is_empty() { "" } else { "; " }.to_owned() + but;
        let away: String = (person.decides_for.iter())
            .map(|one| {
                let until = moment(one.until, now_millis());
                format!(", for {}, who is away until {until}", plain(&one.human))
            })
            .collect();
        let on_call = if deciders.is_on_call(&person.human) {
            ", ON CALL"
        } else {
            ""
        };
        let _ = writeln!(
            text,
            "  {}  {} key, at {}{away}{on_call}{but}",
            plain(&person.human),
            plain(&person.assurance),
            plain(&person.checkpoints.join(", "))
        );
    }
    text + &on_call(deciders)
}

/// Who is on call for the teams with a seat, by which schedule, and how long ago it was read.
fn on_call(deciders: &Deciders) -> String {
    if deciders.on_call.is_empty() {
        return format!("on call: {}\n", OnCall::NONE);
    }
    let line = |one: &OnCall| {
        format!(
            "on call for {}: {} ({}, read {} ago)\n",
            plain(&one.team),
            plain(&one.in_words()),
            plain(&one.from),
            duration(one.age_seconds.into())
        )
    };
    deciders.on_call.iter().map(line).collect()
}
