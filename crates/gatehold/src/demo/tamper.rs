//! `gatehold demo tamper`: one byte is altered in a copy of a ledger, and verification names its leaf. The ledger itself is only
//! read.

use std::path::Path;

use clap::Args;
use rusqlite::{Connection, OpenFlags};

use crate::audit::source::Source;
use crate::audit::{self, Ledger};
use crate::config::{Config, StorePlace};
use crate::context::Ctx;
use crate::dev::{remove, temporary_folder};
use crate::exit::{Exit, Failure, both};

use super::stage::Stage;

/// The first leaves found a gate; what is altered comes after them where there is more.
const FOUNDING: i64 = 20;

/// Arguments of `gatehold demo tamper`.
#[derive(Debug, Args)]
pub struct Tamper {
    /// Whose ledger.
    #[command(flatten)]
    pub ledger: Ledger,
}

/// `gatehold demo tamper`.
///
/// # Errors
/// When the ledger is not verified before, or what was altered is not found.
pub async fn run(ctx: &Ctx, tamper: &Tamper) -> Result<Exit, Failure> {
    let mut config = audit::config(ctx, &tamper.ledger)?;
    let StorePlace::Sqlite(store) = &config.store else {
        return Err(Failure::usage(
            "this ledger is in PostgreSQL, and the demo copies a file",
            "run `gatehold dev`, and then this beside it",
        ));
    };
    let folder = temporary_folder("gatehold-tamper-")?;
    let copy = folder.path().join("gatehold.db");
    let told = match copied(store, &copy) {
        Ok(()) => {
            config.store = StorePlace::Sqlite(copy.clone());
            story(&Stage::new(ctx), &config, &copy).await
        }
        Err(error) => Err(Failure::fault(error, "make room on the disk")),
    };
    both(told, remove(folder))?;
    Ok(Exit::Done)
}

async fn story(stage: &Stage, config: &Config, copy: &Path) -> Result<(), Failure> {
    stage.scene("One byte of a copy of the ledger is altered");
    let before = Source::open(config).await?.verify(config.root).await?;
    let first = before.to_string();
    let first = first.lines().next().unwrap_or_default().to_owned();
    stage.must(
        before.is_sound(),
        "gatehold audit verify, of the copy",
        &first,
    )?;
    let leaf = altered(copy).map_err(|error| Failure::fault(error, "report this"))?;
    let after = Source::open(config).await?.verify(config.root).await?;
    let text = after.to_string();
    let named = text
        .lines()
        .find(|line| line.contains(&format!("leaf {leaf}")));
    stage.must(
        !after.is_sound() && named.is_some(),
        &format!("one byte of leaf {leaf} altered, and found"),
        named.unwrap_or(&text),
    )?;
    stage.done("the ledger itself is as it was; the copy is removed", "");
    Ok(())
}

/// A copy as of one moment, also of a ledger that is being written.
fn copied(store: &Path, copy: &Path) -> rusqlite::Result<()> {
    let store = Connection::open_with_flags(store, OpenFlags::SQLITE_OPEN_READ_ONLY)?;
    store.execute("VACUUM INTO ?1", [copy.to_string_lossy()])?;
    Ok(())
}

/// Alters one byte in the middle of one record; gives its leaf.
pub(super) fn altered(store: &Path) -> rusqlite::Result<i64> {
    let store = Connection::open(store)?;
    let (leaf, mut record): (i64, Vec<u8>) = store.query_row(
        "SELECT number, record FROM leaf ORDER BY number <= ?1, number LIMIT 1",
        [FOUNDING],
        |row| Ok((row.get(0)?, row.get(1)?)),
    )?;
    let middle = record.len() / 2;
    if let Some(byte) = record.get_mut(middle) {
        *byte ^= 1;
    }
    store.execute(
        "UPDATE leaf SET record = ?1 WHERE number = ?2",
        (&record, leaf),
    )?;
    Ok(leaf)
}
