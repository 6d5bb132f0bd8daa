//! `gatehold doctor`: looks at everything a gate needs before it is started, and says what this version does not do.

use crate::config::{Config, ConfigFile};
use crate::context::Ctx;
use crate::exit::{Exit, Failure};
use crate::screen::Style;
use crate::serve::{open_anchors, open_store};

/// What people might expect and this version does not have.
const ABSENT: &[&str] = &[
    "vigilance checks of reviewers (drills, decoys)",
    "a witness: a restored whole machine is not noticed without one",
    "an executor process of its own: upstream secrets live in this process",
    "brokers that issue credentials: every action is executed by the gate",
];

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
