//! `gatehold doctor`: looks at everything a gate needs before it is started, and says what this version does not do.

use gatehold_core::hash::Hash;
use gatehold_gate::Trust;
use gatehold_gate::ports::store::Store;
use gatehold_store::journal::Journal;

use crate::config::{Config, ConfigFile};
use crate::context::Ctx;
use crate::exit::{Exit, Failure};
use crate::screen::Style;
use crate::serve::{open_anchors, open_store, refused, unusable};

/// What people might expect and this version does not have.
const ABSENT: &[&str] = &[
    "vigilance checks of reviewers (drills, decoys)",
    "a witness: a restored whole machine is not noticed without one",
    "an executor process of its own: upstream secrets live in this process",
    "brokers that issue credentials: every action is executed by the gate",
];

/// What the chain of trust gives force to, and what stands beside it in the database.
async fn trust(ctx: &Ctx, store: &dyn Store, pinned: Option<Hash>) -> Result<(), Failure> {
    let trust = Trust::read(store, pinned)
        .await
        .map_err(|error| refused(&error))?;
    let directory = &trust.directory;
    println!(
        "{} the chain of trust verifies: {} links, {} people, {} workloads",
        ctx.screen.paint(Style::Green, "ok "),
        directory.version,
        directory.humans.len(),
        directory.workloads.len()
    );
    let red = |text: String| println!("{} {text}", ctx.screen.paint(Style::Red, "BAD"));
    for leaf in &directory.quorum_lost {
        red(format!(
            "QUORUM LOST at leaf {leaf}: it was restored with offline keys"
        ));
    }
    for finding in &trust.findings {
        red(format!(
            "{finding}: it has no force; somebody writes to the database"
        ));
    }
    if directory.recovery.is_empty() && !directory.origin.is_dev() {
        println!(
            "{} the root names no offline keys: a lost quorum could not be restored",
            ctx.screen.paint(Style::Amber, "see")
        );
    }
    Ok(())
}

/// What waits in the revocation journal, also while a gate has it open.
fn journal(ctx: &Ctx, config: &Config) -> Result<(), Failure> {
    match Journal::peek(&config.journal()).map_err(|fault| unusable(&fault))? {
        0 => println!(
            "{} nothing waits in the revocation journal",
            ctx.screen.paint(Style::Green, "ok ")
        ),
        waiting => println!(
            "{} {waiting} revocations, stops or endings wait in {}: the store refused them. Nothing else is decided until it \
             takes them; repair it, and a running gate writes them within a second",
            ctx.screen.paint(Style::Red, "BAD"),
            config.journal().display()
        ),
    }
    Ok(())
}

/// `gatehold doctor`.
///
/// # Errors
/// The first thing that keeps a gate from starting, after all mistakes of the configuration.
pub async fn run(ctx: &Ctx, file: &ConfigFile) -> Result<Exit, Failure> {
    let good = |text: String| println!("{} {text}", ctx.screen.paint(Style::Green, "ok "));
    let look = |text: String| println!("{} {text}", ctx.screen.paint(Style::Amber, "see"));
    let config = Config::require(&file.config)?;
    good(format!("{} is whole", file.config.display()));
    match config.root {
        Some(root) => good(format!("the root is pinned: {root}")),
        None => look("the root is not pinned; only a development gate starts like this".to_owned()),
    }
    journal(ctx, &config)?;
    let anchors = open_anchors(&config)?;
    let store = open_store(&config.store, Some(anchors.clone())).await?;
    let head = store
        .head()
        .await
        .map_err(|fault| Failure::fault(fault, "repair the store"))?;
    good(format!(
        "the store answers: {} leaves, time {}",
        head.size, head.time
    ));
    if head.size == 0 {
        look("no gate is founded in it; run `gatehold init finish`".to_owned());
    } else {
        trust(ctx, store.as_ref(), config.root).await?;
    }
    anchors.compare(store.as_ref()).await.map_err(|fault| {
        Failure::verification(
            fault,
            "restore the newest copy, or run `gatehold ledger rejoin`",
        )
    })?;
    good(format!(
        "no anchor in {} disagrees",
        config.anchors.display()
    ));
    let behind = crate::ambient::now_millis() - head.time.millis();
    if behind < 0 {
        look(format!(
            "this machine's clock is {} ms behind the store's",
            -behind
        ));
    }
    if config.tls.is_none() {
        look("no TLS: only loopback, or a proxy in front, can reach it".to_owned());
    }
    for absent in ABSENT {
        look(format!("absent: {absent}"));
    }
    Ok(Exit::Done)
}
