//! `gatehold record list|erase`: what of a request or a task stands in the ledger, and having a part of it forgotten.

use std::fmt::Write as _;

use clap::{Args, Subcommand};
use gatehold_audit::LedgerLeaf;
use gatehold_core::entry::{Entry, Event};
use gatehold_core::trust::change::RecordErase;
use serde::Serialize;

use crate::audit::source::Source;
use crate::audit::{Ledger, config};
use crate::change::{Submitting, submit};
use crate::context::Ctx;
use crate::exit::{Exit, Failure};
use crate::screen::{counted, plain};

/// `gatehold record …`.
#[derive(Debug, Subcommand)]
pub enum Record {
    /// List the attachments of a request or a task: what holds text, and what was erased.
    List {
        /// The request or the task.
        id: String,
        /// Whose ledger.
        #[command(flatten)]
        ledger: Ledger,
    },
    /// Ask for an attachment to be erased: its bytes and its salt go, every proof stays. A held action.
    Erase(Erase),
}

/// Arguments of `gatehold record erase`.
#[derive(Debug, Args)]
#[command(
    after_help = "Example:\n  gatehold record erase 7 claims --reason 'a name that nobody should have sent'"
)]
pub struct Erase {
    /// The leaf, by its number.
    pub leaf: u64,
    /// The attachment; `payload`, `envelope` and `claims` take the signed `body` with them, which says the same.
    pub name: String,
    /// How it is asked for.
    #[command(flatten)]
    pub how: Submitting,
}

/// One attachment.
#[derive(Debug, Serialize)]
struct Part {
    leaf: u64,
    name: String,
    /// How long it is, unless it was erased.
    bytes: Option<usize>,
    erased_by: Option<u64>,
}

/// Runs a record command.
///
/// # Errors
/// When the gate or the store refuses or does not answer.
pub async fn run(ctx: &Ctx, record: &Record) -> Result<Exit, Failure> {
    match record {
        Record::List { id, ledger } => list(ctx, id, ledger).await,
        Record::Erase(erase) => {
            let change = RecordErase {
                leaf: erase.leaf,
                name: erase.name.clone(),
            };
            let resource = format!("gatehold/leaf/{}", erase.leaf);
            submit(ctx, &erase.how, "record.erase", &resource, &change).await
        }
    }
}

async fn list(ctx: &Ctx, id: &str, ledger: &Ledger) -> Result<Exit, Failure> {
    let source = Source::open(&config(ctx, ledger)?).await?;
    let mut parts = Vec::new();
    source
        .leaves(|leaf| {
            if is_about(&leaf, id) {
                parts.extend(leaf.attachments.into_iter().map(|given| Part {
                    leaf: leaf.index,
                    name: given.name,
                    bytes: given.bytes.map(|bytes| bytes.0.len()),
                    erased_by: given.erased_by,
                }));
            }
            Ok(())
        })
        .await?;
    if parts.is_empty() {
        return Err(Failure::usage(
            format!("no leaf tells of {}", plain(id)),
            "give the id of a request (req_…) or of a task (tsk_…)",
        ));
    }
    ctx.print(&parts, || lines(&parts))?;
    Ok(Exit::Done)
}

fn is_about(leaf: &LedgerLeaf, id: &str) -> bool {
    let Ok(entry) = Entry::from_bytes(&leaf.record) else {
        return false;
    };
    let of_task = matches!(&entry.event, Event::Task { task, .. } if task.to_string() == id);
    let corrects = matches!(
        &entry.event,
        Event::Corrected { of, .. }
            | Event::PostReviewed { of, .. }
            | Event::GlassOverdue { of, .. }
            | Event::Lease { of, .. } if of.to_string() == id
    );
    of_task
        || corrects
        || entry
            .request
            .is_some_and(|request| request.to_string() == id)
}

fn lines(parts: &[Part]) -> String {
    let mut text = String::new();
    for part in parts {
        let _ = match (part.bytes, part.erased_by) {
            (_, Some(by)) => writeln!(
                text,
                "leaf {}  {}  erased by leaf {by}",
                part.leaf,
                plain(&part.name)
            ),
            (Some(bytes), None) => writeln!(
                text,
                "leaf {}  {}  {}",
                part.leaf,
                plain(&part.name),
                counted(bytes, "byte")
            ),
            (None, None) => writeln!(
                text,
                "leaf {}  {}  MISSING: nobody had it erased",
                part.leaf,
                plain(&part.name)
            ),
        };
    }
    text
}
