//! `gatehold who-can-approve`: who has a seat at what holds a request, what stands against them, and whether the others are enough.

use std::fmt::Write as _;

use clap::Args;
use gatehold_client::wire::{Against, Deciders};
use gatehold_core::ids::RequestId;

use crate::ambient::now_millis;
use crate::context::Ctx;
use crate::exit::{Exit, Failure};
use crate::screen::{Style, counted, moment, plain};
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
    let needed = counted(deciders.people_needed.into(), "person");
    let needed = needed.replace("persons", "people");
    if deciders.enough {
        let _ = writeln!(text, "{needed} needed, of these:");
    } else {
        let none = "nobody can approve this: those who may are too few, or their keys count for too little or are of another kind";
        let _ = writeln!(
            text,
            "{}\n{needed} needed; deny it, or have people and keys enrolled",
            ctx.screen.paint(Style::Red, none)
        );
    }
    for person in &deciders.people {
        let but = match person.but {
            None => String::new(),
            Some(Against::Asked) => "; not here: they asked, or are behind whoever did".to_owned(),
            Some(Against::Key) => "; not here: their key counts for too little".to_owned(),
            Some(Against::Signer) => {
                "; not here: no key of theirs is of the kind that is asked for".to_owned()
            }
        };
        let away: String = (person.decides_for.iter())
            .map(|one| {
                let until = moment(one.until, now_millis());
                format!(", for {}, who is away until {until}", plain(&one.human))
            })
            .collect();
        let _ = writeln!(
            text,
            "  {}  {} key, at {}{away}{but}",
            plain(&person.human),
            plain(&person.assurance),
            plain(&person.checkpoints.join(", "))
        );
    }
    text
}
