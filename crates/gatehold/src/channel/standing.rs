//! How the channels of a running gate stand, in a file beside its journal: operators look at it when nobody was told. It decides
//! nothing, and a gate that cannot write it goes on.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::Read as _;
use std::path::{Path, PathBuf};

use gatehold_broker::Described;
use gatehold_core::time::Timestamp;
use gatehold_server::{ChannelStanding, ChannelsSeen};
use serde::{Deserialize, Serialize};

use crate::exit::Failure;
use crate::screen::counted;

/// Longest file that is read, in bytes.
const BYTES_MAX: u64 = 1 << 20;

/// What is in the file.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Kept {
    /// When it was otherwise before.
    pub since: Timestamp,
    /// What the gate has seen since it began.
    pub seen: ChannelsSeen,
}

/// Keeps it, whenever it is otherwise.
#[derive(Debug)]
pub struct Keeper {
    file: PathBuf,
    last: Option<ChannelsSeen>,
}

impl Keeper {
    /// In this file.
    #[must_use]
    pub const fn new(file: PathBuf) -> Self {
        Self { file, last: None }
    }

    /// Keeps what was seen now.
    pub fn keep(&mut self, seen: Option<ChannelsSeen>, now: Timestamp) {
        let Some(seen) = seen.filter(|seen| self.last.as_ref() != Some(seen)) else {
            return;
        };
        let kept = Kept { since: now, seen };
        let written = serde_json::to_vec(&kept).map_err(|error| error.to_string());
        let written = written.and_then(|bytes| {
            let kept = crate::files::replace_secret(&self.file, &bytes);
            kept.map_err(|failure| failure.causes.join("; "))
        });
        if let Err(error) = written {
            tracing::warn!(error, "how the channels stand cannot be kept for operators");
        }
        // Also when it could not be written: the log says so once a change, not once a second.
        self.last = Some(kept.seen);
    }
}

/// What a gate kept there; nothing when none has yet.
///
/// # Errors
/// When it cannot be read, or is not what a gate writes.
pub fn read(file: &Path) -> Result<Option<Kept>, Failure> {
    let mut bytes = Vec::new();
    match File::open(file) {
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(None),
        opened => opened
            .and_then(|opened| opened.take(BYTES_MAX).read_to_end(&mut bytes))
            .map_err(|error| Failure::file(file, &error))?,
    };
    serde_json::from_slice(&bytes).map(Some).map_err(|error| {
        let next = "remove it; a running gate writes it again";
        Failure::usage(format!("{}: {error}", file.display()), next)
    })
}

/// How one channel stands, for operators.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Stands {
    /// The operator's name for it.
    pub name: String,
    /// `webhook`, `chat`, `mail` or `push`.
    pub kind: &'static str,
    /// Whether a server takes connections where it goes, as seen from here now; nothing where nobody can tell.
    pub reachable: Option<bool>,
    /// Why not.
    pub unreachable: Option<String>,
    /// What a gate that ran here last saw of it; nothing before one did.
    pub standing: Option<ChannelStanding>,
}

/// How well a channel works.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Works {
    /// It took something last.
    Yes,
    /// Nobody knows.
    Unknown,
    /// It fails.
    No,
}

/// How the channels stand, each with what was found of its server.
#[must_use]
pub fn stand<E: std::fmt::Display>(
    described: &[Described],
    kept: Option<&Kept>,
    mut reached: BTreeMap<String, Result<(), E>>,
) -> Vec<Stands> {
    let each = described.iter().map(|one| {
        let reached = reached.remove(&one.name);
        Stands {
            name: one.name.clone(),
            kind: one.kind,
            reachable: reached.as_ref().map(Result::is_ok),
            unreachable: reached.and_then(Result::err).map(|why| why.to_string()),
            standing: kept.and_then(|kept| kept.seen.channels.get(&one.name).cloned()),
        }
    });
    each.collect()
}

impl Stands {
    /// How well it works.
    #[must_use]
    pub fn works(&self) -> Works {
        let standing = self.standing.as_ref();
        let fails = standing.is_some_and(|standing| standing.failing_since.is_some());
        if fails || self.reachable == Some(false) {
            return Works::No;
        }
        match standing.and_then(|standing| standing.last_delivered) {
            Some(_) => Works::Yes,
            None => Works::Unknown,
        }
    }

    /// In one line, with what to do next.
    #[must_use]
    pub fn line(&self) -> String {
        let name = &self.name;
        let mut parts = match &self.standing {
            Some(standing) => seen(standing),
            None => vec!["nobody knows: no gate that ran here has seen it yet".to_owned()],
        };
        if let Some(why) = &self.unreachable {
            parts.push(format!("its server cannot be reached from here: {why}"));
        }
        let said = parts.join("; ");
        let next = match self.works() {
            Works::No => format!(
                ". Check that its server runs and that the channel is right, and try `gatehold channel test {name}`: what waits is \
                 tried again by itself, for a day"
            ),
            Works::Yes | Works::Unknown => String::new(),
        };
        format!("channel `{name}` ({}): {said}{next}", self.kind)
    }
}

/// What a gate has seen of a channel.
fn seen(standing: &ChannelStanding) -> Vec<String> {
    let mut parts = Vec::new();
    if let Some(since) = standing.failing_since {
        parts.push(format!("it FAILS since {since}"));
    }
    parts.push(match standing.last_delivered {
        Some(at) => format!("took something last at {at}"),
        None => "has taken nothing since the gate began".to_owned(),
    });
    if let Some(failure) = &standing.last_failure {
        parts.push(format!("failed last at {}: {}", failure.at, failure.why));
    }
    parts.push(match standing.undelivered {
        0 => "nothing waits for it".to_owned(),
        waiting => format!("{} undelivered", counted(waiting, "notice")),
    });
    parts
}
