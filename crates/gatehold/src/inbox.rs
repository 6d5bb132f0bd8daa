//! What waits for people: `inbox`, `show`.

use std::time::Duration;

use clap::Args;
use gatehold_client::wire::{Inbox, InboxItem, RequestState, StoppedItem, Tier};
use gatehold_core::ids::RequestId;
use gatehold_core::time::Timestamp;
use gatehold_server::PageFiles;

use crate::ambient::now_millis;
use crate::context::Ctx;
use crate::correct::decided;
use crate::exit::{Exit, Failure};
use crate::output::Format;
use crate::review::approve::open;
use crate::review::change::Told;
use crate::review::criteria::Questions;
use crate::review::graded::BY_THE_GATE;
use crate::review::page;
use crate::review::shown::Shown;
use crate::screen::{Style, duration, moment, plain, table};
use crate::session::acting;

/// Arguments of `gatehold inbox`.
#[derive(Debug, Args)]
pub struct InboxArgs {
    /// Only what you may decide now.
    #[arg(long)]
    pub mine: bool,
    /// Stay, and print the inbox again when it changes: with -o json one document a line.
    #[arg(long)]
    pub watch: bool,
}

/// Arguments of `gatehold show`.
#[derive(Debug, Args)]
pub struct Show {
    /// The request.
    pub id: RequestId,
    /// Print the canonical envelope and the payload's bytes as well, escaped.
    #[arg(long)]
    pub raw: bool,
}

/// Seconds between two looks of `--watch`.
const WATCH: Duration = Duration::from_secs(2);

/// `gatehold inbox`.
///
/// # Errors
/// When the gate does not answer.
pub async fn inbox(ctx: &Ctx, args: &InboxArgs) -> Result<Exit, Failure> {
    let profile = ctx.profile()?;
    let acting = acting(&profile, ctx.person.as_deref()).await?;
    let now = now_millis();
    for one in acting.client.openings().await?.openings {
        if one.open {
            let late = if one.overdue { ", OVERDUE" } else { "" };
            let note = format!(
                "note:  {} was let out by break-glass; two people look at it until {}{late}: gatehold break-glass list",
                plain(&one.request),
                moment(one.review_by, now)
            );
            eprintln!("{}", ctx.errors.paint(Style::Red, &note));
        }
    }
    let mut last = None;
    let mut clock = tokio::time::interval(WATCH);
    loop {
        clock.tick().await;
        let mut inbox = acting.client.inbox().await?;
        // An id a line is for scripts that go on to decide.
        if args.mine || ctx.format == Format::Id {
            inbox.items.retain(|item| item.mine);
        }
        if last.as_ref() != Some(&inbox) {
            if args.watch && ctx.format != Format::Id {
                ctx.print_one_of_many(&inbox, || lines(ctx, &inbox))?;
            } else {
                ctx.print(&inbox, || lines(ctx, &inbox))?;
            }
            last = Some(inbox);
        }
        if !args.watch {
            return Ok(Exit::Done);
        }
    }
}

fn lines(ctx: &Ctx, inbox: &Inbox) -> String {
    if inbox.items.is_empty() {
        return "Nothing needs you.\n".to_owned();
    }
    let now = now_millis();
    let rows: Vec<Vec<String>> = inbox
        .items
        .iter()
        .map(|item| {
            vec![
                item.request.clone(),
                tier(item.tier).to_owned(),
                left(item, now),
                item.people_needed.to_string(),
                match (item.mine, item.asked) {
                    (true, true) => "you",
                    (true, false) => "you, later",
                    (false, _) if item.signed => "others, you signed",
                    (false, _) => "others",
                }
                .to_owned(),
                item.sentence.clone(),
            ]
        })
        .collect();
    let headings = ["REQUEST", "TIER", "LEFT", "PEOPLE", "DECIDE", "WHAT"];
    let mut text = table(&headings, &rows, ctx.screen.width);
    for item in &inbox.items {
        if let Some(stopped) = &item.stopped {
            let id = plain(&item.request);
            text.push_str(&format!("\n{id} is stopped: {}\n", said(stopped, now)));
        }
    }
    if let Some(item) = inbox.items.iter().find(|item| item.mine) {
        let by = ctx
            .person
            .as_ref()
            .map(|name| format!(" --as {name}"))
            .unwrap_or_default();
        text.push_str(&format!(
            "\nnext: gatehold show {id}{by}\n      gatehold approve {id}{by}\n",
            id = crate::screen::plain(&item.request)
        ));
    }
    text
}

/// What stops it, who said so and when.
fn said(stopped: &StoppedItem, now: i64) -> String {
    let what = stopped.code.replace('_', " ");
    let by = stopped.by.as_ref();
    let by = by.map_or_else(String::new, |by| format!(", by {by}"));
    let at = stopped.at;
    let at = at.map_or_else(String::new, |at| format!(", {}", moment(at, now)));
    plain(&format!("{what}{by}{at}"))
}

/// The time that is left to decide, and how often others were asked because nobody did.
fn left(item: &InboxItem, now: i64) -> String {
    let left = duration((item.decide_by - now).div_euclid(1000));
    match item.escalations {
        0 => left,
        1 => format!("{left}, escalated"),
        times => format!("{left}, escalated {times}x"),
    }
}

/// The word of a tier on the wire.
#[must_use]
pub const fn tier(tier: Tier) -> &'static str {
    match tier {
        Tier::Green => "GREEN",
        Tier::Amber => "AMBER",
        Tier::Red => "RED",
    }
}

/// `gatehold show`.
///
/// # Errors
/// When the gate refuses, or shows something else than it asks to be signed.
pub async fn show(ctx: &Ctx, args: &Show) -> Result<Exit, Failure> {
    let profile = ctx.profile()?;
    let acting = acting(&profile, ctx.person.as_deref()).await?;
    let status = acting.client.status(&args.id.to_string(), 0).await?;
    if status.state != RequestState::Held {
        let known = acting.client.corrections(&status.request, None).await?;
        let answer =
            serde_json::json!({ "request": status.request, "status": status, "recorded": known });
        ctx.print(&answer, || decided(&status, &known, &ctx.screen))?;
        return Ok(Exit::Done);
    }
    let shown = open(&acting, &profile, args.id).await?;
    let says = shown.says.iter();
    let says = says.map(|(name, text)| serde_json::json!({ "name": name, "text": text }));
    let answer = serde_json::json!({
        "says": says.collect::<Vec<_>>(),
        "request": shown.context.request,
        "digest": shown.context.digest,
        "words": shown.words,
        "fact": Questions::of(&shown).fact.map(|fact| serde_json::json!({ "id": fact.id, "question": fact.question })),
        "envelope": shown.action.envelope(),
        "display": shown.display,
        "view": shown.view,
        "decides_for": shown.through,
        "root": shown.root,
        "signer": shown.signer,
        "without_force": shown.without_force,
    });
    ctx.print(&answer, || text(ctx, &shown, args.raw))?;
    Ok(Exit::Done)
}

/// The page, and what a reviewer would be asked.
fn text(ctx: &Ctx, shown: &Shown, raw: bool) -> String {
    let mut text = page::page(shown, &ctx.screen, now_millis());
    let asked = Questions::of(shown);
    if !asked.is_empty() {
        text.push_str(&format!("\n{}\n", ctx.screen.title("CRITERIA")));
    }
    let criteria = asked.criteria.iter().map(|one| (&one.id, &one.text));
    let fact = asked.fact.iter().map(|one| (&one.id, &one.question));
    for (id, question) in criteria.chain(fact) {
        text.push_str(&format!("  {} {}\n", plain(id), plain(question)));
    }
    text.push_str(&page::claims(shown, &ctx.screen));
    if raw {
        let envelope = String::from_utf8_lossy(shown.action.envelope_bytes()).into_owned();
        let title = ctx.screen.title("ENVELOPE");
        text.push_str(&format!("\n{title}\n  {}\n", plain(&envelope)));
    }
    let changes = ", what it changes";
    let (made, believed) = match shown.change_told {
        Told::Here if shown.view.change.is_empty() => ("", ""),
        Told::Here => (changes, ""),
        Told::ByTheGate => ("", changes),
    };
    text + &format!(
        "\nverified here, from the root that you pinned, {}: who asked and for whom, descriptor, sentence{made}, \
         tier, checkpoints, people, questions, limits, rendering, view, action and words (opened {})\nthe gate's word: facts, \
         {BY_THE_GATE}, what the task has done, what is unlike its habits{believed}{}\n",
        shown.root,
        Timestamp::from_millis(now_millis()),
        pages(shown)
    )
}

/// What the gate says that its pages are made of, beside what is in this program.
fn pages(shown: &Shown) -> String {
    let own = PageFiles::embedded().set();
    match shown.view.page_files {
        None => String::new(),
        Some(set) if set == own => {
            format!(", and that its pages are made of the files in this program, {set}")
        }
        Some(set) => format!(
            ", and that its pages are made of {set}, which are not those in this program, {own}: `gatehold doctor --pages`"
        ),
    }
}
