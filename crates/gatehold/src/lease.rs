//! `gatehold lease list|show|bounds`: what was handed out, where it stands, why it is still there, and how soon it can be gone.
//! `gatehold revoke` takes it away.

use clap::{Args, Subcommand, ValueEnum};
use gatehold_client::LeasesWanted;
use gatehold_client::wire::{LeaseItem, LeaseOf, Leases, Revocation, RevocationBound};
use gatehold_core::ids::{TargetId, TaskId, WorkloadId};

use crate::ambient::now_millis;
use crate::context::Ctx;
use crate::exit::{Exit, Failure};
use crate::screen::{duration, moment, plain, table};
use crate::session::acting;

/// `gatehold lease …`.
#[derive(Debug, Subcommand)]
pub enum Lease {
    /// What was handed out, newest first.
    List(List),
    /// One of them: what it gives, how soon it can be taken away, and why it is still there.
    Show(Show),
    /// How soon what each target hands out can be gone: what it declares, and what was measured.
    #[command(after_help = "Examples:\n  gatehold lease bounds\n  gatehold lease bounds -o json")]
    Bounds,
}

/// Arguments of `gatehold lease list`.
#[derive(Debug, Args)]
#[command(
    after_help = "Examples:\n  gatehold lease list --target orders-access\n  gatehold lease list --state revoking -o json"
)]
pub struct List {
    /// Only those that stand so; without it all that are not known to be gone.
    #[arg(long)]
    pub state: Option<Stands>,
    /// Only those of this workload.
    #[arg(long)]
    pub workload: Option<WorkloadId>,
    /// Only those at this target.
    #[arg(long)]
    pub target: Option<TargetId>,
    /// Only those of this task.
    #[arg(long)]
    pub task: Option<TaskId>,
    /// Only those older than this leaf, as the page before names it.
    #[arg(long, value_name = "LEAF")]
    pub before: Option<u64>,
}

/// Arguments of `gatehold lease show`.
#[derive(Debug, Args)]
pub struct Show {
    /// The request that it was handed out for, or its grant.
    pub id: String,
}

/// Where a lease stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Stands {
    /// It can be used, or is being made.
    Active,
    /// It is to end, and its target has not said yet that it is gone.
    Revoking,
    /// Its target has said that nothing of it is left.
    Revoked,
}

impl Stands {
    const fn name(self) -> &'static str {
        match self {
            Self::Active => "active",
            Self::Revoking => "revoking",
            Self::Revoked => "revoked",
        }
    }
}

/// Runs a lease command.
///
/// # Errors
/// When the gate refuses or does not answer.
pub async fn run(ctx: &Ctx, lease: &Lease) -> Result<Exit, Failure> {
    match lease {
        Lease::List(args) => list(ctx, args).await,
        Lease::Show(args) => show(ctx, args).await,
        Lease::Bounds => bounds(ctx).await,
    }
}

async fn bounds(ctx: &Ctx) -> Result<Exit, Failure> {
    let profile = ctx.profile()?;
    let acting = acting(&profile, ctx.person.as_deref()).await?;
    let all: Revocation = acting.client.revocation().await?;
    ctx.print(&all, || bound_lines(ctx, &all))?;
    Ok(Exit::Done)
}

/// A table, and in words what is no immediate end.
fn bound_lines(ctx: &Ctx, all: &Revocation) -> String {
    let time = |millis: Option<u64>| millis.map_or_else(|| "-".to_owned(), in_seconds);
    let row = |bound: &RevocationBound| {
        vec![
            bound.target.clone(),
            bound.revocation_class.replace('_', " "),
            bound.leases.to_string(),
            time(bound.median_ms),
            time(bound.p99_ms),
            time(bound.longest_ms),
        ]
    };
    let rows: Vec<_> = all.targets.iter().map(row).collect();
    if rows.is_empty() {
        return "No target hands out anything.\n".to_owned();
    }
    let head = ["TARGET", "REVOCATION", "LEASES", "HALF", "99 OF 100", "ALL"];
    let mut text = table(&head, &rows, ctx.screen.width);
    for bound in &all.targets {
        let target = plain(&bound.target);
        match bound.revocation_class.as_str() {
            "immediate" => {}
            "new_use_only" => text.push_str(&format!(
                "\n{target} lets nobody in any more, and whoever is in goes on: end that session there.\n"
            )),
            _ => text.push_str(&format!(
                "\n{target} takes nothing away: what it handed out stays good until its own end.\n"
            )),
        }
        if !bound.configured {
            text.push_str(&format!("\n{target} hands out nothing any more.\n"));
        }
    }
    text
}

fn in_seconds(millis: u64) -> String {
    format!("{}.{:03} s", millis / 1000, millis % 1000)
}

async fn list(ctx: &Ctx, args: &List) -> Result<Exit, Failure> {
    let profile = ctx.profile()?;
    let acting = acting(&profile, ctx.person.as_deref()).await?;
    let wanted = LeasesWanted {
        state: args.state.map(|state| state.name().to_owned()),
        workload: args.workload.as_ref().map(ToString::to_string),
        target: args.target.as_ref().map(ToString::to_string),
        task: args.task.map(|task| task.to_string()),
        before: args.before,
    };
    let page: Leases = acting.client.leases(&wanted).await?;
    ctx.print(&page, || lines(ctx, &page))?;
    Ok(Exit::Done)
}

async fn show(ctx: &Ctx, args: &Show) -> Result<Exit, Failure> {
    let profile = ctx.profile()?;
    let acting = acting(&profile, ctx.person.as_deref()).await?;
    let of: LeaseOf = acting.client.lease(&args.id).await?;
    ctx.print(&of, || match &of.lease {
        Some(item) => said(ctx, item),
        None => "Nothing was handed out for it.\n".to_owned(),
    })?;
    Ok(Exit::Done)
}

fn lines(ctx: &Ctx, page: &Leases) -> String {
    let now = now_millis();
    let rows: Vec<Vec<String>> = page
        .leases
        .iter()
        .map(|item| {
            vec![
                item.request.clone(),
                stands(item, now),
                item.workload.clone(),
                item.target.clone(),
                item.handle.clone(),
                item.entitlement.clone(),
            ]
        })
        .collect();
    let mut text = match rows.as_slice() {
        [] => "Nothing is handed out.\n".to_owned(),
        rows => table(
            &["REQUEST", "STATE", "WORKLOAD", "TARGET", "HANDLE", "GIVES"],
            rows,
            ctx.screen.width,
        ),
    };
    for item in &page.leases {
        if let Some(missing) = &item.missing {
            let (id, missing) = (plain(&item.request), plain(missing));
            text.push_str(&format!("\n{id} cannot be taken away: {missing}\n"));
        }
    }
    if let Some(older) = page.older {
        text.push_str(&format!("\nolder: gatehold lease list --before {older}\n"));
    }
    text
}

/// Where it stands, for how long, and why it is still there.
fn stands(item: &LeaseItem, now: i64) -> String {
    let since = |at: Option<i64>| at.map_or(0, |at| (now - at).max(0).div_euclid(1000));
    let left = duration((item.not_after - now).div_euclid(1000));
    let why = item.remains_because.as_ref();
    let why = why.map_or_else(String::new, |why| format!(": {why}"));
    match (item.state.as_str(), item.issued_at) {
        ("active", None) => "being made".to_owned(),
        ("active", Some(_)) => format!("active, {left} left"),
        ("revoking", _) => {
            let word = if item.overdue { "OVERDUE" } else { "revoking" };
            format!("{word} since {}{why}", duration(since(item.ending_since)))
        }
        ("revoked", _) => "gone".to_owned(),
        (other, _) => other.to_owned(),
    }
}

fn said(ctx: &Ctx, item: &LeaseItem) -> String {
    let now = now_millis();
    let at = |at: i64| moment(at, now);
    let mut rows = vec![
        ("request", item.request.clone()),
        ("state", stands(item, now)),
        ("workload", item.workload.clone()),
    ];
    let optional =
        |name: &'static str, value: &Option<String>| value.clone().map(|value| (name, value));
    rows.extend(optional("task", &item.task));
    rows.extend(optional("what", &item.sentence));
    rows.push(("target", item.target.clone()));
    rows.push(("handle", item.handle.clone()));
    rows.push(("gives", item.entitlement.clone()));
    rows.push(("revocation", item.revocation_class.replace('_', " ")));
    rows.extend(item.issued_at.map(|made| ("made", at(made))));
    rows.push(("ends", at(item.not_after)));
    rows.extend(item.ending_since.map(|since| ("to end", at(since))));
    rows.extend(optional("because", &item.ends_because));
    if item.state == "revoking" {
        let tried = format!("{} times by the process that answered", item.attempts);
        rows.push(("tried", tried));
        rows.extend(optional("still there", &item.remains_because));
    }
    rows.extend(optional("missing", &item.missing));
    rows.extend(item.gone_at.map(|gone| ("gone", at(gone))));
    if item.returned > 0 {
        rows.push(("returned", format!("{} times", item.returned)));
    }
    if item.rekeys > 0 {
        rows.push(("made anew", format!("{} times", item.rekeys)));
    }
    let mut text = String::new();
    for (name, value) in rows {
        text.push_str(&format!("{name:<12}{}\n", plain(&value)));
    }
    if item.state == "active" {
        let by = ctx.person.as_ref();
        let by = by.map_or_else(String::new, |name| format!(" --as {name}"));
        let id = plain(&item.request);
        text.push_str(&format!("\nnext: gatehold revoke {id}{by}\n"));
    }
    text
}
