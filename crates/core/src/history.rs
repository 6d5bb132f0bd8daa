//! Whether a stored row is the one its ledger says it is. A row is a claim; its leaf committed to its hash.
//!
//! [`row_follows`] compares one row with the leaf of the write that last changed it, which is cheap enough for every
//! load. [`History`] replays all leaves of a request, which is what an auditor does: only it sees a row that was put
//! back, whole, to an earlier version of itself.

use crate::commit::{RowKey, Table};
use crate::entry::Entry;
use crate::hash::Hash;
use crate::ids::RequestId;
use crate::request::State;
use crate::request::state::TRANSITIONS;

/// A row, or a leaf, that does not follow from the ledger: somebody changed the database.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Broken {
    /// The leaf that is said to have written the row is about something else, or about another version.
    #[error("{row} was not written by the leaf it names")]
    Leaf {
        /// Which row.
        row: String,
    },
    /// The row is not what was written.
    #[error("{row} is not what its leaf says was written")]
    Body {
        /// Which row.
        row: String,
    },
    /// Two leaves cannot both be true.
    #[error("the leaves of {request} contradict each other at version {version}: {what}")]
    Leaves {
        /// Which request.
        request: RequestId,
        /// The version that the later leaf claims.
        version: u64,
        /// What is wrong.
        what: &'static str,
    },
}

/// Compares a row with the leaf that its store says wrote it.
///
/// # Errors
/// [`Broken`] when the row is another than the one that was written.
// INVARIANT(fold-equals-row): every write puts the hash of every row it writes into its leaf.
pub fn row_follows(key: &RowKey, version: u64, body: &[u8], last: &Entry) -> Result<(), Broken> {
    let row = || key.to_string();
    let written = match (key.table, &last.request) {
        (Table::Request, Some(request)) if request.to_string() == key.id => {
            if guard!("history-version", last.version != version) {
                return Err(Broken::Leaf { row: row() });
            }
            last.row
        }
        (Table::Request, _) => None,
        (_, _) => last.rows.get(&row()).copied(),
    };
    let written = written.ok_or_else(|| Broken::Leaf { row: row() })?;
    if guard!("history-row", written != Hash::of(body)) {
        return Err(Broken::Body { row: row() });
    }
    Ok(())
}

/// A request as its leaves tell it, in the order of the ledger.
#[derive(Debug, Clone)]
pub struct History {
    request: RequestId,
    version: u64,
    state: Option<State>,
    row: Option<Hash>,
}

impl History {
    /// Before the first leaf.
    #[must_use]
    pub const fn of(request: RequestId) -> Self {
        Self {
            request,
            version: 0,
            state: None,
            row: None,
        }
    }

    /// Adds the next leaf about this request.
    ///
    /// # Errors
    /// [`Broken`] when it does not follow the ones before it.
    pub fn add(&mut self, entry: &Entry) -> Result<(), Broken> {
        let broken = |what| Broken::Leaves {
            request: self.request,
            version: entry.version,
            what,
        };
        if entry.request != Some(self.request) {
            return Err(broken("it is about another request"));
        }
        if guard!(
            "history-order",
            entry.version != self.version.saturating_add(1)
        ) {
            return Err(broken("the version is not the next"));
        }
        if guard!("history-from", entry.from != self.state) {
            return Err(broken("it starts from another state"));
        }
        let (Some(to), Some(row)) = (entry.to, entry.row) else {
            return Err(broken("it names no state and row"));
        };
        // A change of the gate itself is claimed and completed in one write.
        let applied = matches!(
            (self.state, to),
            (Some(State::Redeemable | State::Allowed), State::Completed)
        );
        let known = self.state.is_none_or(|from| {
            let mut table = TRANSITIONS.iter();
            table.any(|(left, _, right)| (*left, *right) == (from, to))
        });
        // INVARIANT(terminal-stays-terminal): no transition starts at a terminal state, so no leaf follows one.
        if guard!("history-transition", !(known || applied)) {
            return Err(broken("there is no such transition"));
        }
        self.version = entry.version;
        self.state = Some(to);
        self.row = Some(row);
        Ok(())
    }

    /// Whether this is the row that the leaves so far amount to.
    ///
    /// # Errors
    /// [`Broken`] when it is another.
    pub fn ends_in(&self, version: u64, body: &[u8]) -> Result<(), Broken> {
        let row = || RowKey::new(Table::Request, &self.request).to_string();
        if guard!("history-last", self.version != version) {
            return Err(Broken::Leaf { row: row() });
        }
        if guard!("history-end", self.row != Some(Hash::of(body))) {
            return Err(Broken::Body { row: row() });
        }
        Ok(())
    }

    /// Where the request stands.
    #[must_use]
    pub const fn state(&self) -> Option<State> {
        self.state
    }

    /// How many leaves are about it.
    #[must_use]
    pub const fn version(&self) -> u64 {
        self.version
    }
}
