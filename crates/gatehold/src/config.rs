//! `gatehold.toml`: read strictly, checked whole, every mistake told at once with file, key and remedy.
//!
//! `raw` is the file as written and never leaves this module; the rest of the program sees [`Config`], where every path
//! is resolved, every file that must be there was read, and every number is within its bounds.

mod check;
mod identity_provider;
mod raw;
#[cfg(test)]
mod reference;
mod section;

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use clap::{Args, Subcommand};
use gatehold_broker::{Calendars, Channels, Described, Lookups, OnCall, Remote, Targets};
use gatehold_core::decide::Settings;
use gatehold_core::hash::Hash;
use gatehold_core::ids::Origin;
use gatehold_core::time::Timestamp;
use gatehold_gate::{CatalogEntry, SessionLimits, SignalRules};
use gatehold_server::listen::{ListenLimits, ListenSettings, TlsSettings};

use crate::context::Ctx;
use crate::exit::{Exit, Failure};
use crate::screen::counted;

pub use identity_provider::{IdentityProviderPlace, ScimPlace};

/// The usual name of the file.
const FILE: &str = "gatehold.toml";

/// A configuration that can be used.
#[derive(Debug)]
pub struct Config {
    /// Where to listen.
    pub listen: SocketAddr,
    /// Where metrics and health are.
    pub operations: Option<SocketAddr>,
    /// Where what only stops is, besides.
    pub safety: Option<SocketAddr>,
    /// What clients sign.
    pub public_url: String,
    /// Certificate, key, and whether clients need one.
    pub tls: Option<TlsSettings>,
    /// A proxy in front terminates TLS.
    pub behind_proxy: bool,
    /// Where everything durable lives.
    pub store: StorePlace,
    /// Folder of the anchors.
    pub anchors: PathBuf,
    /// Folder of tree heads and tiles; one process of several writes it.
    pub published: Option<PathBuf>,
    /// The name of this process's anchor in the folder.
    pub anchor_name: String,
    /// Seed of the log key.
    pub log_key: PathBuf,
    /// The pinned root.
    pub root: Option<Hash>,
    /// What can be called.
    pub targets: Targets,
    /// Where actions are executed, when that is a process of its own.
    pub executor: Option<ExecutorPlace>,
    /// Who is asked before a decision.
    pub lookups: Lookups,
    /// Working hours, holidays and freezes: a file that is read while the gate runs.
    pub calendar: Option<PathBuf>,
    /// On which ways people are told.
    pub channels: Channels,
    /// Who is on call: a file that is read while the gate runs.
    pub on_call: Option<PathBuf>,
    /// What is known about resources.
    pub resources: Vec<CatalogEntry>,
    /// Who may stop workloads from outside.
    pub signals: Vec<SignalRules>,
    /// Limits of the gate.
    pub settings: Settings,
    /// Limits of the listener.
    pub listen_limits: ListenLimits,
    /// After so many seconds without news an execution is Unknown.
    pub execution_seconds_max: u32,
    /// How long people stay signed in at the console.
    pub sessions: SessionLimits,
    /// Who vouches for its people; with it there is a console.
    pub identity_provider: Option<IdentityProviderPlace>,
}

/// An executor in a process of its own, as its gate finds it.
#[derive(Debug, Clone)]
pub struct ExecutorPlace {
    /// Its address.
    pub url: String,
    /// How it is spoken to.
    pub remote: Arc<Remote>,
}

/// The configuration of an executor in a process of its own.
#[derive(Debug)]
pub struct ExecutorConfig {
    /// Where it listens, for whom.
    pub listen: ListenSettings,
    /// Whose gate it executes for.
    pub origin: Origin,
    /// What workloads call there.
    pub public_url: String,
    /// The pinned root.
    pub root: Hash,
    /// What it has verified and spent.
    pub state: PathBuf,
    /// What it executes at.
    pub targets: Targets,
    /// What its own operator says of resources.
    pub resources: Vec<CatalogEntry>,
}

impl ExecutorConfig {
    /// Whether a file is an executor's, and not a gate's: only that one has a folder of what it has spent.
    #[must_use]
    pub fn is_in(path: &Path) -> bool {
        let text = std::fs::read_to_string(path).unwrap_or_default();
        let table = text.parse::<toml::Table>();
        table.is_ok_and(|table| table.contains_key("state_folder"))
    }

    /// Reads and checks a file. Relative paths are taken from its folder.
    ///
    /// # Errors
    /// Every mistake in it.
    pub fn require(path: &Path) -> Result<Self, Failure> {
        let read = std::fs::read_to_string(path).map_err(|error| {
            vec![Mistake {
                file: path.display().to_string(),
                key: "(file)".to_owned(),
                why: format!("{error}; name another with --config"),
            }]
        });
        let checked = read.and_then(|text| check::check_executor(path, &text));
        checked.map_err(|mistakes| Failure {
            exit: Exit::Usage,
            causes: mistakes.iter().map(ToString::to_string).collect(),
            next: "correct these and start it again".to_owned(),
        })
    }
}

/// Where everything durable lives.
#[derive(Debug, Clone)]
pub enum StorePlace {
    /// One SQLite file.
    Sqlite(PathBuf),
    /// A PostgreSQL database; its connection string holds a password and is not printed.
    Postgres(Secret),
}

/// Text that is not printed.
#[derive(Clone)]
pub struct Secret(pub String);

impl std::fmt::Debug for Secret {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Secret(…)")
    }
}

/// One mistake.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{file}: `{key}`: {why}")]
pub struct Mistake {
    /// Which file.
    pub file: String,
    /// Which key.
    pub key: String,
    /// What is wrong and what to write instead.
    pub why: String,
}

/// Which file is read.
#[derive(Debug, Clone, Args)]
pub struct ConfigFile {
    /// The gate's configuration.
    #[arg(
        short,
        long,
        default_value = FILE,
        env = "GATEHOLD_CONFIG",
        hide_env_values = true
    )]
    pub config: PathBuf,
}

/// Which file is looked at.
#[derive(Debug, Clone, Args)]
pub struct ConfigLookedAt {
    /// The gate's configuration. Without it gatehold.toml here, in the client's folder, or of a `gatehold dev` that runs.
    #[arg(short, long, env = "GATEHOLD_CONFIG", hide_env_values = true)]
    pub config: Option<PathBuf>,
}

/// `gatehold config …`.
#[derive(Debug, Subcommand)]
pub enum ConfigCommand {
    /// Say everything that is wrong with the configuration.
    Check(ConfigLookedAt),
}

impl Config {
    /// The revocation journal of this process: beside its anchor, outside the store's own folder.
    #[must_use]
    pub fn journal(&self) -> PathBuf {
        self.anchors.join(format!("{}.journal", self.anchor_name))
    }

    /// Where this process keeps how its channels stand, for operators.
    #[must_use]
    pub fn channels_kept(&self) -> PathBuf {
        self.anchors.join(format!("{}.channels", self.anchor_name))
    }

    /// Reads and checks a file. Relative paths are taken from its folder.
    ///
    /// # Errors
    /// Every mistake in it.
    pub fn load(path: &Path) -> Result<Self, Vec<Mistake>> {
        let text = std::fs::read_to_string(path).map_err(|error| {
            vec![Mistake {
                file: path.display().to_string(),
                key: "(file)".to_owned(),
                why: format!("{error}; name another with --config, or run `gatehold init new`"),
            }]
        })?;
        check::check(path, &text)
    }

    /// As [`Config::load`], as a failure of a command.
    ///
    /// # Errors
    /// Every mistake in it.
    pub fn require(path: &Path) -> Result<Self, Failure> {
        if matches!(path.try_exists(), Ok(false)) {
            return Err(Failure::usage(
                format!("no gate is configured here: there is no {}", path.display()),
                "start one with `gatehold dev`, found one with `gatehold init new`, or name its configuration with --config",
            ));
        }
        Self::load(path).map_err(|mistakes| Failure {
            exit: Exit::Usage,
            causes: mistakes.iter().map(ToString::to_string).collect(),
            next: "correct these and run `gatehold config check`".to_owned(),
        })
    }
}

/// The file to look at: the given one, gatehold.toml here, or in the folder that every other command speaks from. So what is
/// verified is the ledger of the gate that is spoken to, and never that of a development gate that happens to run.
#[must_use]
pub fn looked_at(ctx: &Ctx, given: Option<&Path>) -> PathBuf {
    let here = PathBuf::from(FILE);
    if let Some(given) = given {
        return given.to_owned();
    }
    if here.exists() {
        return here;
    }
    let named = ctx.home.is_some();
    crate::profile::home(ctx.home.as_deref())
        .map(|folder| folder.join(FILE))
        .ok()
        .filter(|file| named || file.exists())
        .unwrap_or(here)
}

/// A configuration that nothing is wrong with.
#[derive(Debug, serde::Serialize)]
struct Checked {
    file: String,
    public_url: String,
    listen: String,
    store: String,
    targets: usize,
    /// Where actions are executed.
    executor: String,
    resources: usize,
    lookups: usize,
    /// Who may stop workloads from outside.
    signals: Vec<String>,
    /// Who vouches for people at the console.
    identity_provider: Option<String>,
    /// Who tells this gate of people who are gone.
    leavers: Option<&'static str>,
    /// Why the calendar, or a part of it, is unknown now.
    calendar_unknown: Option<String>,
    /// On which ways people are told; without any, nobody is.
    channels: Vec<Described>,
    /// Why it is unknown now who is on call, for a team or for all.
    on_call_unknown: Option<String>,
}

/// Runs a config command.
///
/// # Errors
/// Every mistake.
pub fn run(ctx: &Ctx, command: &ConfigCommand) -> Result<Exit, Failure> {
    let ConfigCommand::Check(file) = command;
    let file = looked_at(ctx, file.config.as_deref());
    let config = Config::require(&file)?;
    let store = match &config.store {
        StorePlace::Sqlite(path) => format!("sqlite {}", path.display()),
        StorePlace::Postgres(_) => "postgres".to_owned(),
    };
    // Not a mistake that keeps a gate from starting: what it would say is UNKNOWN until the file can be read.
    let calendar = config.calendar.as_deref();
    let now = Timestamp::from_millis(crate::ambient::now_millis());
    let calendar_unknown = calendar.and_then(|file| Calendars::check(file, now).err());
    let checked = Checked {
        file: file.display().to_string(),
        public_url: config.public_url.to_string(),
        listen: config.listen.to_string(),
        store,
        targets: config.targets.ids().count(),
        executor: crate::executing::said(&config),
        resources: config.resources.len(),
        lookups: config.lookups.len(),
        signals: config.signals.into_iter().map(|one| one.name).collect(),
        leavers: config
            .identity_provider
            .as_ref()
            .map(|place| place.leavers().1),
        identity_provider: config.identity_provider.map(|place| place.issuer),
        calendar_unknown,
        channels: config.channels.described(),
        on_call_unknown: config
            .on_call
            .and_then(|file| crate::on_call::unknown(&OnCall::look(&file, now))),
    };
    ctx.print(&checked, || lines(ctx, &checked))?;
    Ok(Exit::Done)
}

fn lines(ctx: &Ctx, checked: &Checked) -> String {
    let nothing = ctx
        .screen
        .paint(crate::screen::Style::Green, "nothing is wrong with it");
    let unknown = |what: &str, why: &Option<String>| {
        let said = why.as_ref().map(|why| {
            let word = ctx.screen.paint(crate::screen::Style::Amber, "UNKNOWN");
            format!("{what} is {word}: {}\n", crate::screen::plain(why))
        });
        said.unwrap_or_default()
    };
    let channels = if checked.channels.is_empty() {
        ctx.screen
            .paint(crate::screen::Style::Amber, crate::channel::NOBODY)
    } else {
        crate::channel::summary(&checked.channels)
    };
    let console = checked.identity_provider.as_ref().map(|issuer| {
        let leavers = checked.leavers.unwrap_or_default();
        format!("console: people sign in at {issuer}\n{leavers}\n")
    });
    let signals = match checked.signals.as_slice() {
        [] => String::new(),
        names => format!(
            "signals: {} may stop workloads or have them held\n",
            names.join(", ")
        ),
    };
    format!(
        "{}: {} on {}, {}, {}, {}, {}\n{}{signals}{channels}\n{}{}{nothing}\n",
        checked.file,
        checked.public_url,
        checked.listen,
        checked.store,
        counted(checked.targets, "target"),
        counted(checked.resources, "resource"),
        counted(checked.lookups, "look-up"),
        console.unwrap_or_default(),
        unknown("the calendar", &checked.calendar_unknown),
        unknown("who is on call", &checked.on_call_unknown),
    )
}
