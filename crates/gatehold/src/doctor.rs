//! `gatehold doctor`: looks at everything a gate needs before it is started, and says what this version does not do; from a
//! reviewer's machine, whether the pages of a gate are those that this program would serve; and of a target, who else reaches what it
//! guards.

mod bypass;
mod controls;
mod facts;
mod glass;
mod leases;
mod pages;

use std::collections::BTreeSet;
use std::path::Path;

use clap::{Args, Subcommand};
use gatehold_broker::{Described, OnCall};
use gatehold_core::hash::Hash;
use gatehold_core::ids::HumanId;
use gatehold_core::time::Timestamp;
use gatehold_gate::ports::store::Store;
use gatehold_gate::{Compared, Trust};
use gatehold_store::journal::Journal;

use crate::channel::standing::{self, Stands, Works};
use crate::config::{Config, ConfigLookedAt, looked_at};
use crate::context::Ctx;
use crate::exit::{Exit, Failure};
use crate::screen::{Style, counted, counted_as};
use crate::serve::{open_anchors, open_store, refused, unusable};
use crate::{channel, identity_provider, on_call};

/// What people might expect and this version does not have.
const ABSENT: &[&str] = &[
    "vigilance checks of reviewers (drills, decoys)",
    "a witness: a restored whole machine is not noticed without one",
    "brokers of cloud platforms: logins of PostgreSQL and certificates of SSH are what is issued",
];

/// Arguments of `gatehold doctor`.
#[derive(Debug, Args)]
#[command(args_conflicts_with_subcommands = true)]
pub struct Doctor {
    /// A look of its own.
    #[command(subcommand)]
    pub look: Option<Look>,
    /// Which configuration.
    #[command(flatten)]
    pub file: ConfigLookedAt,
    /// Look at the pages of this client's gate instead: whether each file that they are made of is the one in this program.
    #[arg(long)]
    pub pages: bool,
}

/// What is looked at alone.
#[derive(Debug, Subcommand)]
pub enum Look {
    /// Say who else reaches what a target guards: roles, keys and rules that lead round the gate.
    Bypass(bypass::Bypass),
}

/// How one thing was found.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize)]
#[serde(rename_all = "snake_case")]
enum Level {
    /// As it should be.
    Ok,
    /// Worth knowing.
    See,
    /// Somebody must act.
    Bad,
}

#[derive(Debug, serde::Serialize)]
struct Found {
    level: Level,
    what: String,
}

/// Whether an identity provider answers.
#[derive(Debug, serde::Serialize)]
struct ProviderStands {
    issuer: String,
    reachable: bool,
    unreachable: Option<String>,
}

/// What was looked at so far, in order.
#[derive(Debug, Default, serde::Serialize)]
struct Report {
    findings: Vec<Found>,
    /// How each channel stands.
    channels: Vec<Stands>,
    /// How whoever vouches for people stands, if somebody does.
    identity_provider: Option<ProviderStands>,
    /// Whether the database is not what the ledger says, or a page not what this program would serve.
    #[serde(skip)]
    tampered: bool,
}

impl Report {
    fn say(&mut self, level: Level, what: String) {
        self.findings.push(Found { level, what });
    }

    fn exit(&self) -> Exit {
        let bad = self.findings.iter().any(|one| one.level == Level::Bad);
        match (self.tampered, bad) {
            (true, _) => Exit::Verification,
            (false, true) => Exit::Fault,
            (false, false) => Exit::Done,
        }
    }

    fn text(&self, ctx: &Ctx) -> String {
        let line = |found: &Found| {
            let (style, word) = match found.level {
                Level::Ok => (Style::Green, "ok "),
                Level::See => (Style::Amber, "see"),
                Level::Bad => (Style::Red, "BAD"),
            };
            // Names of rows are chosen by whoever writes them.
            let what = crate::screen::plain(&found.what);
            format!("{} {what}\n", ctx.screen.paint(style, word))
        };
        self.findings.iter().map(line).collect()
    }
}

/// How well each channel works, as a gate that runs here saw it, and as it is reached from here.
async fn channels_stand(
    report: &mut Report,
    config: &Config,
    described: &[Described],
) -> Result<(), Failure> {
    if described.is_empty() {
        return Ok(());
    }
    let kept = standing::read(&config.channels_kept())?;
    match &kept {
        None => {
            let text = "no gate that ran here has said yet how its channels stand";
            report.say(Level::See, text.to_owned());
        }
        Some(kept) if !kept.seen.delivers => {
            let text = "another process of this gate delivers: here stands what this one has seen";
            report.say(Level::See, text.to_owned());
        }
        Some(_) => {}
    }
    let reached = config.channels.reached().await;
    let stand = standing::stand(described, kept.as_ref(), reached);
    for one in &stand {
        let level = match one.works() {
            Works::Yes => Level::Ok,
            Works::Unknown => Level::See,
            Works::No => Level::Bad,
        };
        report.say(level, one.line());
    }
    report.channels = stand;
    Ok(())
}

/// Whether whoever vouches for people can be asked, as seen from here.
async fn provider_stands(report: &mut Report, config: &Config) {
    let Some(place) = &config.identity_provider else {
        return;
    };
    let issuer = &place.issuer;
    let why = identity_provider::reach(place).await.err();
    match &why {
        None => report.say(
            Level::Ok,
            format!("the identity provider answers: {issuer}"),
        ),
        Some(why) => report.say(
            Level::Bad,
            format!(
                "the identity provider {issuer} cannot be reached from here: {why}. Until it can, nobody signs in at the pages; \
                 people decide in a terminal, with `gatehold login`. Check that it runs, its address and `identity_provider.ca_file`"
            ),
        ),
    }
    report.identity_provider = Some(ProviderStands {
        issuer: issuer.clone(),
        reachable: why.is_none(),
        unreachable: why,
    });
}

/// On which ways people are told.
fn channels(report: &mut Report, config: &Config, described: &[Described]) {
    if described.is_empty() {
        report.say(Level::See, channel::NOBODY.to_owned());
    } else {
        report.say(Level::Ok, channel::summary(described));
    }
    if let Some(file) = &config.on_call {
        let now = Timestamp::from_millis(crate::ambient::now_millis());
        match on_call::unknown(&OnCall::look(file, now)) {
            None => report.say(Level::Ok, "every schedule says who is on call".to_owned()),
            Some(why) => report.say(
                Level::See,
                format!("who is on call is UNKNOWN, and everybody with a seat is told: {why}"),
            ),
        }
    }
}

/// Who of the gate's people no channel reaches.
fn unreached<'h>(
    report: &mut Report,
    described: &[Described],
    subscribers: &BTreeSet<String>,
    humans: impl Iterator<Item = &'h HumanId>,
) {
    if described.is_empty() {
        return;
    }
    let unreached = channel::unreached(described, subscribers, humans);
    if !unreached.is_empty() {
        let names: Vec<String> = unreached.iter().map(ToString::to_string).collect();
        let text = format!(
            "no channel reaches {}: add them to a mail channel, let them subscribe a browser to a push channel, or name a webhook or chat for all teams",
            names.join(", ")
        );
        report.say(Level::See, text);
    }
}

/// What the chain of trust gives force to, and what stands beside it in the database.
async fn trust(
    report: &mut Report,
    store: &dyn Store,
    pinned: Option<Hash>,
    described: &[Described],
) -> Result<(), Failure> {
    let trust = Trust::read(store, pinned)
        .await
        .map_err(|error| refused(&error))?;
    let directory = &trust.directory;
    report.say(
        Level::Ok,
        format!(
            "the chain of trust verifies: {}, {}, {}",
            counted(directory.version, "link"),
            counted_as(directory.humans.len(), "person", "people"),
            counted(directory.workloads.len(), "workload")
        ),
    );
    let subscribers = store.subscribers().await;
    let subscribers = subscribers.map_err(|fault| Failure::fault(fault, "repair the store"))?;
    let subscribers = subscribers.into_iter().collect();
    let there = directory.humans.keys();
    let there = there.filter(|human| !directory.is_suspended(human));
    unreached(report, described, &subscribers, there);
    for human in directory.suspended.keys() {
        let text = format!(
            "the identity provider deactivated {human}: keys that they had then have no force"
        );
        report.say(Level::See, text);
    }
    for leaf in &directory.quorum_lost {
        // True for ever, and nothing that somebody could act on now.
        report.say(
            Level::See,
            format!("QUORUM LOST at leaf {leaf}: it was restored with offline keys"),
        );
    }
    for finding in &trust.findings {
        report.say(
            Level::Bad,
            format!(
                "{finding}: it has no force; somebody writes to the database. Find out who, then restore a copy that \
                 `gatehold audit verify` and this command accept"
            ),
        );
        report.tampered = true;
    }
    if directory.recovery.is_empty() && !directory.origin.is_dev() {
        report.say(
            Level::See,
            "the root names no offline keys: a lost quorum could not be restored".to_owned(),
        );
    }
    let undecidable = trust
        .undecidable(store)
        .await
        .map_err(|error| refused(&error))?;
    if undecidable.is_empty() {
        let text = "every change of the gate could be decided by its people";
        report.say(Level::Ok, text.to_owned());
    }
    let names: Vec<&str> = undecidable
        .iter()
        .flat_map(|one| one.changes.iter().map(|id| id.as_str()))
        .collect();
    let what_to_do = remedy(&names, !directory.recovery.is_empty());
    for one in &undecidable {
        report.say(Level::Bad, format!("{one}. {what_to_do}"));
    }
    let now = store.now().await;
    let now = now.map_err(|fault| Failure::fault(fault, "repair the store"))?;
    glass::glass(report, &trust, store, now).await?;
    checkpoints(report, &trust, store).await
}

/// Whether there are people who could approve what each checkpoint holds.
async fn checkpoints(report: &mut Report, trust: &Trust, store: &dyn Store) -> Result<(), Failure> {
    let uncovered = trust
        .uncovered(store)
        .await
        .map_err(|error| refused(&error))?;
    if uncovered.is_empty() {
        let text = "every checkpoint could be filled by the people there are";
        report.say(Level::Ok, text.to_owned());
    }
    for one in &uncovered {
        let text = format!(
            "{one}. Enrol keys with `gatehold human enrol`, put people into the team with `gatehold team set`, or activate a \
             bundle that asks for others"
        );
        report.say(Level::Bad, text);
    }
    Ok(())
}

/// How a gate gets enough people again, by what they can still decide.
fn remedy(undecidable: &[&str], recoverable: bool) -> &'static str {
    let possible = |change: &str| !undecidable.contains(&change);
    if possible("human.enrol") && possible("team.set") {
        "Enrol another person with `gatehold human enrol` and put them into the teams with `gatehold team set`"
    } else if recoverable {
        "Restore the quorum with the offline keys: `gatehold recover new`"
    } else {
        "Nothing in it can be changed any more: found another gate with more people, `gatehold init new`, while this one \
         still decides about workloads"
    }
}

/// Whether every row is what its leaf wrote, and what running gates have told.
async fn rows(report: &mut Report, store: &dyn Store) -> Result<(), Failure> {
    let compared = Compared::read(store)
        .await
        .map_err(|error| Failure::fault(error, "repair the store"))?;
    let (follow, differ) = (compared.follow, compared.differ);
    report.say(
        Level::Ok,
        format!(
            "{} what the ledger says",
            counted_as(follow, "row is", "rows are")
        ),
    );
    for finding in &compared.findings {
        let text = format!(
            "{finding}: it is not used. Find out who can write to the database, then put back the row of a copy that \
             `gatehold audit verify` and this command accept"
        );
        report.say(Level::Bad, text);
    }
    if differ > 0 {
        report.tampered = true;
        report.say(
            Level::Bad,
            format!(
                "{} from the ledger",
                counted_as(differ, "row differs", "rows differ")
            ),
        );
    }
    for (leaf, at) in &compared.told {
        let text = format!("leaf {leaf} tells of a change of the database that was found at {at}");
        report.say(Level::See, text);
    }
    Ok(())
}

/// What waits in the revocation journal, also while a gate has it open.
fn journal(report: &mut Report, config: &Config) -> Result<(), Failure> {
    match Journal::peek(&config.journal()).map_err(|fault| unusable(&fault))? {
        0 => report.say(
            Level::Ok,
            "nothing waits in the revocation journal".to_owned(),
        ),
        waiting => report.say(Level::Bad, format!(
            "{waiting} revocations, stops or endings wait in {}: the store refused them. Nothing else is decided until it \
             takes them; repair it, and a running gate writes them within a second",
            config.journal().display()
        )),
    }
    Ok(())
}

/// `gatehold doctor`.
///
/// # Errors
/// The first thing that keeps a gate from starting, after all mistakes of the configuration.
pub async fn run(ctx: &Ctx, args: &Doctor) -> Result<Exit, Failure> {
    if let Some(Look::Bypass(args)) = &args.look {
        return bypass::run(ctx, args).await;
    }
    let mut report = Report::default();
    let looked = if args.pages {
        pages::look_at(ctx, &mut report).await
    } else {
        let file = looked_at(ctx, args.file.config.as_deref());
        look_at(&mut report, &file).await
    };
    // What was found before something failed is said as well.
    ctx.print(&report, || report.text(ctx))?;
    looked?;
    Ok(report.exit())
}

/// Where actions are executed, and whether that can be reached from here.
async fn executor_stands(report: &mut Report, config: &Config) {
    let Some(place) = &config.executor else {
        let text = "actions are executed in-process: the secrets of their targets lie in the gate's own process, and whoever takes it \
                    over can use them. An executor of its own holds them apart: docs/how-to/executor.md";
        report.say(Level::See, text.to_owned());
        return;
    };
    let url = &place.url;
    match place.remote.refresh().await {
        Ok(targets) => {
            let targets = counted_as(u64::try_from(targets).unwrap_or(u64::MAX), "target", "targets");
            report.say(Level::Ok, format!("the executor at {url} answers, with {targets}"));
        }
        Err(why) => report.say(
            Level::Bad,
            format!(
                "the executor at {url} cannot be reached from here: {why}. Nothing is executed until it can. Check that it runs, and \
                 the files of [executor]"
            ),
        ),
    }
}

/// `gatehold status`: how whatever people are told through and sign in with stands.
///
/// # Errors
/// When the configuration is wrong, or what a gate kept cannot be read.
pub async fn status(ctx: &Ctx, file: &ConfigLookedAt) -> Result<Exit, Failure> {
    let config = Config::require(&looked_at(ctx, file.config.as_deref()))?;
    let mut report = Report::default();
    let described = config.channels.described();
    if described.is_empty() {
        report.say(Level::See, channel::NOBODY.to_owned());
    }
    channels_stand(&mut report, &config, &described).await?;
    provider_stands(&mut report, &config).await;
    executor_stands(&mut report, &config).await;
    glass::stands(&mut report, &config).await?;
    ctx.print(&report, || report.text(ctx))?;
    Ok(report.exit())
}

async fn look_at(report: &mut Report, file: &Path) -> Result<(), Failure> {
    let config = Config::require(file)?;
    report.say(Level::Ok, format!("{} is whole", file.display()));
    match config.root {
        Some(root) => report.say(Level::Ok, format!("the root is pinned: {root}")),
        None => report.say(
            Level::See,
            "the root is not pinned; only a development gate starts like this".to_owned(),
        ),
    }
    if let Some(place) = &config.identity_provider {
        let (told, what) = place.leavers();
        let level = if told { Level::Ok } else { Level::See };
        report.say(level, what.to_owned());
    }
    provider_stands(report, &config).await;
    executor_stands(report, &config).await;
    let described = config.channels.described();
    channels(report, &config, &described);
    channels_stand(report, &config, &described).await?;
    facts::facts(report, &config).await;
    let now = Timestamp::from_millis(crate::ambient::now_millis());
    controls::controls(report, &config.resources, now);
    journal(report, &config)?;
    let anchors = open_anchors(&config)?;
    let store = open_store(&config.store, Some(anchors.clone())).await?;
    let head = store
        .head()
        .await
        .map_err(|fault| Failure::fault(fault, "repair the store"))?;
    report.say(
        Level::Ok,
        format!(
            "the store answers: {}, time {}",
            counted_as(head.size, "leaf", "leaves"),
            head.time
        ),
    );
    if head.size == 0 {
        report.say(
            Level::See,
            "no gate is founded in it; run `gatehold init finish`".to_owned(),
        );
    } else {
        trust(report, store.as_ref(), config.root, &described).await?;
        rows(report, store.as_ref()).await?;
        leases::leases(report, &config, store.as_ref()).await?;
    }
    anchors.compare(store.as_ref()).await.map_err(|fault| {
        Failure::verification(
            fault,
            "restore the newest copy, or run `gatehold ledger rejoin`",
        )
    })?;
    report.say(
        Level::Ok,
        format!("no anchor in {} disagrees", config.anchors.display()),
    );
    let behind = crate::ambient::now_millis() - head.time.millis();
    if behind < 0 {
        report.say(
            Level::See,
            format!("this machine's clock is {} ms behind the store's", -behind),
        );
    }
    if config.tls.is_none() {
        report.say(
            Level::See,
            "no TLS: only loopback, or a proxy in front, can reach it".to_owned(),
        );
    }
    for absent in ABSENT {
        report.say(Level::See, format!("absent: {absent}"));
    }
    Ok(())
}
