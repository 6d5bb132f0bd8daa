//! The anchor: what this process last answered for, kept outside the database, so that a database restored from yesterday
//! or rewritten underneath is noticed.
//!
//! One file per process in a directory that the database's backups do not cover. It is replaced by rename once a batch
//! before the batch's answers leave, and synced within a second. Until the anchors have been compared with the store,
//! nothing is let out.

mod compare;
mod file;

use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use gatehold_core::commit::{LeafDraft, LeafKind};
use gatehold_core::decide::{DELEGATION_END, KEY_REVOKE, PERSON_SUSPEND, TASK_ENDED};
use gatehold_core::entry::{Entry, Event};
use gatehold_core::review::ReviewAct;
use gatehold_gate::ports::store::StoreFault;
use gatehold_ledger::{Anchor, AnchorParseError, AnchorViolation};

use self::file::Syncer;
use crate::after_commit::AfterCommit;

/// This process's anchor and the directory it shares with those of others.
pub struct Anchors {
    directory: PathBuf,
    name: String,
    state: Mutex<State>,
    syncer: Syncer,
    safe: SafeDirection,
}

/// Tells whether releasing a write with this leaf can only stop something.
pub type SafeDirection = Box<dyn Fn(&LeafDraft) -> bool + Send + Sync>;

#[derive(Default)]
struct State {
    /// The anchors and the store have been found to tell one history.
    compared: bool,
    last: Option<Anchor>,
    /// The last batch could not be anchored.
    failed: bool,
}

impl Anchors {
    /// Uses a directory, which must exist, under a name of this process that stays the same over restarts.
    ///
    /// # Errors
    /// The name is not usable, the directory cannot be written, or no thread can be started.
    pub fn open(directory: impl Into<PathBuf>, name: &str) -> Result<Arc<Self>, AnchorFault> {
        Self::open_with(directory, name, Box::new(stops))
    }

    /// The same with another idea of what is safe to release when the anchor cannot be written.
    ///
    /// # Errors
    /// As [`Anchors::open`].
    pub fn open_with(
        directory: impl Into<PathBuf>,
        name: &str,
        safe: SafeDirection,
    ) -> Result<Arc<Self>, AnchorFault> {
        let allowed = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-';
        if name.is_empty() || name.len() > 64 || !name.chars().all(allowed) {
            return Err(AnchorFault::Name);
        }
        let directory = directory.into();
        file::try_writing(&directory, name)?;
        let syncer = Syncer::start(&directory, name)?;
        Ok(Arc::new(Self {
            directory,
            name: name.to_owned(),
            state: Mutex::default(),
            syncer,
            safe,
        }))
    }

    /// Syncs what is left: after this nothing of it is at work, and its folder may go.
    pub fn finish(&self) {
        self.syncer.finish();
    }

    /// The directory.
    #[must_use]
    pub fn directory(&self) -> &Path {
        &self.directory
    }

    /// Whether the last batch was anchored. While it is not, nothing but safe-direction acts leaves the store.
    #[must_use]
    pub fn holds(&self) -> bool {
        let state = self.state();
        state.compared && !state.failed
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl AfterCommit for Anchors {
    fn committed(&self, head: Anchor) -> Result<(), String> {
        let mut state = self.state();
        let anchored = self.anchor(&mut state, head);
        state.failed = anchored.is_err();
        anchored
    }

    fn safe_direction(&self, leaf: &LeafDraft) -> bool {
        (self.safe)(leaf)
    }
}

impl Anchors {
    fn anchor(&self, state: &mut State, head: Anchor) -> Result<(), String> {
        if !state.compared {
            return Err("the anchors have not been compared with the store".to_owned());
        }
        if let Some(last) = state.last {
            // A store that goes back under a running process: somebody swapped the database.
            last.check(head.size, |size| {
                if size == head.size {
                    Some(head.root)
                } else {
                    Some(last.root)
                }
            })
            .map_err(|violation| violation.to_string())?;
        }
        self.syncer.check().map_err(|fault| fault.to_string())?;
        file::replace(&self.directory, &self.name, &head).map_err(|fault| fault.to_string())?;
        state.last = Some(head);
        self.syncer.wake();
        Ok(())
    }
}

/// Stops, endings, denials and revoked keys: releasing them can never let anything out. What a leaf says decides, where
/// its kind alone does not; what cannot be read is no stop.
fn stops(leaf: &LeafDraft) -> bool {
    match leaf.kind {
        LeafKind::Stop | LeafKind::Closing => true,
        LeafKind::Review | LeafKind::Trust | LeafKind::Task => Entry::from_bytes(&leaf.record)
            .is_ok_and(|entry| match entry.event {
                Event::Reviewed { act, .. } => act == ReviewAct::Deny,
                Event::Trust { what, .. } => {
                    [KEY_REVOKE, DELEGATION_END, PERSON_SUSPEND].contains(&what.as_str())
                }
                Event::Task { what, .. } => what == TASK_ENDED,
                _ => false,
            }),
        _ => false,
    }
}

/// Why the anchors cannot be used, or do not agree with the store.
#[derive(Debug, thiserror::Error)]
pub enum AnchorFault {
    /// The name would not make a file name.
    #[error(
        "an anchor's name has 1 to 64 lower-case letters, digits and hyphens; set another name for this process"
    )]
    Name,
    /// The directory or a file in it.
    #[error("{}: {error}; make the anchor directory readable and writable for this process alone", path.display())]
    File {
        /// Which file.
        path: PathBuf,
        /// What the system said.
        error: std::io::Error,
    },
    /// A file is not an anchor.
    #[error("{}: {error}", path.display())]
    Unreadable {
        /// Which file.
        path: PathBuf,
        /// Why.
        error: AnchorParseError,
    },
    /// More files than any number of processes leaves behind.
    #[error("more than 1,000 anchors in {}; remove those of processes that are gone", .0.display())]
    TooMany(PathBuf),
    /// The store and an anchor tell different histories.
    #[error("{}: {violation}", path.display())]
    Violated {
        /// Which anchor.
        path: PathBuf,
        /// How they differ.
        violation: AnchorViolation,
    },
    /// Every anchor agrees: a rejoin would only hide something.
    #[error("every anchor agrees with the store; start without rejoining")]
    NothingToRejoin,
    /// The rejoin was not written.
    #[error("the rejoin was refused: {0}; run it again")]
    Refused(String),
    /// The store did not answer.
    #[error(transparent)]
    Store(#[from] StoreFault),
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use gatehold_core::hash::Hash;
    use gatehold_core::time::Timestamp;

    use super::*;

    fn leaf(kind: LeafKind, event: Event) -> LeafDraft {
        let entry = Entry {
            at: Timestamp::from_millis(0),
            request: None,
            version: 0,
            from: None,
            to: None,
            row: None,
            rows: BTreeMap::new(),
            event,
            attachments: BTreeMap::new(),
        };
        LeafDraft {
            kind,
            salt: [0; 32],
            record: entry.to_bytes().unwrap(),
            attachments: Vec::new(),
        }
    }

    fn trust(what: &str) -> Event {
        Event::Trust {
            directory: 2,
            what: what.to_owned(),
            evidence: Hash::of(b""),
            trace: None,
        }
    }

    #[test]
    fn a_revoked_key_and_an_ended_task_are_let_out_and_an_enrolment_is_not() {
        let task = |what: &str| Event::Task {
            task: "tsk_0193b5f0a4c07000a1b2c3d4e5f60718".parse().unwrap(),
            what: what.to_owned(),
            purpose: Hash::of(b""),
            requester: "agent".to_owned(),
        };
        for (kind, event, safe) in [
            (LeafKind::Trust, trust("key.revoke"), true),
            (LeafKind::Trust, trust("person.suspend"), true),
            (LeafKind::Trust, trust("person.reinstate"), false),
            (LeafKind::Trust, trust("human.enrol"), false),
            (LeafKind::QuorumLost, trust("key.revoke"), false),
            (LeafKind::Task, task("ended"), true),
            (LeafKind::Task, task("started"), false),
            (LeafKind::Execution, task("ended"), false),
        ] {
            assert_eq!(
                stops(&leaf(kind, event.clone())),
                safe,
                "{kind:?} {event:?}"
            );
        }
    }

    #[test]
    fn what_cannot_be_read_is_no_stop() {
        let mut unread = leaf(LeafKind::Trust, trust("key.revoke"));
        unread.record.push(b'!');
        assert!(!stops(&unread));
    }
}
