//! `gatehold me`: what you sign with, what you may decide, and whom you decide for.

use std::fmt::Write as _;

use gatehold_client::wire::{Me, MySeat};

use crate::ambient::now_millis;
use crate::context::Ctx;
use crate::exit::{Exit, Failure};
use crate::screen::{moment, plain, table};
use crate::session::acting;

/// Runs it.
///
/// # Errors
/// When the gate refuses or does not answer.
pub async fn run(ctx: &Ctx) -> Result<Exit, Failure> {
    let profile = ctx.profile()?;
    let acting = acting(&profile, ctx.person.as_deref()).await?;
    let me = acting.client.me().await?;
    ctx.print(&me, || lines(ctx, &me))?;
    Ok(Exit::Done)
}

fn lines(ctx: &Ctx, me: &Me) -> String {
    let now = now_millis();
    let mut text = String::new();
    let _ = writeln!(text, "{}", plain(&me.human));
    let ends = moment(me.session_ends, now);
    let _ = writeln!(
        text,
        "session until {ends}: it looks, and may say no; only a key approves\n"
    );
    let keys: Vec<Vec<String>> = (me.keys.iter())
        .map(|key| {
            [&key.fingerprint, &key.assurance, &key.proof]
                .map(Clone::clone)
                .to_vec()
        })
        .collect();
    text.push_str(&table(
        &["KEY", "COUNTS AS", "BECAUSE"],
        &keys,
        ctx.screen.width,
    ));
    if me.seats.is_empty() {
        text.push_str(
            "\nno checkpoint of the active bundle admits you: you approve nothing here\n",
        );
    } else {
        let seats: Vec<Vec<String>> = me.seats.iter().map(seat).collect();
        text.push('\n');
        text.push_str(&table(
            &["CHECKPOINT", "THROUGH", "COUNTS AS"],
            &seats,
            ctx.screen.width,
        ));
    }
    for one in &me.decides_for {
        let until = moment(one.not_after, now);
        let (from, teams) = (plain(&one.from), plain(&one.teams.join(", ")));
        let _ = writeln!(text, "\nfor {from}, who is away until {until}, in {teams}");
    }
    if !me.accountable_for.is_empty() {
        let workloads = plain(&me.accountable_for.join(", "));
        let _ = writeln!(text, "\nanswers for {workloads}");
    }
    text
}

fn seat(one: &MySeat) -> Vec<String> {
    let mut through = one.teams.clone();
    if one.by_name {
        through.push("by name".to_owned());
    }
    let counts = match (&one.counts_as, &one.signer) {
        (Some(level), _) => level.clone(),
        (None, Some(how)) => format!("nothing: it must be {how}"),
        (None, None) => "nothing: no key of yours has force".to_owned(),
    };
    vec![one.checkpoint.clone(), through.join(", "), counts]
}
