//! What verification found wrong, and what it could not look at. Both name their leaf; neither is ever a panic.

use std::fmt;

use gatehold_core::ids::RequestId;
use serde::Serialize;

/// A stable name for what is wrong.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Code {
    /// Nothing outside the leaves to compare them with.
    NothingToCompare,
    /// A tree head or anchor cannot be read, or is not signed by the log.
    Reference,
    /// Two roots are vouched for at one size.
    Fork,
    /// A leaf, or one of a range, is not what was logged.
    LeafDiffers,
    /// Leaves that were vouched for are gone.
    TailMissing,
    /// A leaf stands at another place than it says.
    Position,
    /// A leaf's bytes are no leaf.
    LeafForm,
    /// A record is not the one its leaf commits to.
    Opening,
    /// A record is not of its form, or of another kind than its leaf says.
    Record,
    /// The store's time goes back.
    Time,
    /// An attachment is not the one its record commits to, or is gone without an erasure.
    Attachment,
    /// An erasure was not approved, or does not name what is gone.
    Erasure,
    /// A link of the chain of trust does not verify.
    Chain,
    /// A leaf was taken under another version of the key directory than the chain gives.
    Directory,
    /// A leaf does not follow the request's last one.
    Order,
    /// A change that the request machine does not have.
    Transition,
    /// The recorded row does not follow from the leaves.
    Row,
    /// Another bundle than the active one decided, or the verdict contradicts its grounds.
    Policy,
    /// Action, rendering, claims or request hash do not match.
    Action,
    /// The requester's identity does not match the directory.
    Requester,
    /// The task does not permit it.
    Task,
    /// It happened although it was stopped.
    Stop,
    /// A review does not verify, or is about something else.
    Review,
    /// It was let out without enough people.
    Quorum,
    /// Limits were widened.
    Limits,
    /// It happened after its deadline, or expired before.
    Deadline,
    /// A correction does not verify, or names another leaf than it says.
    Correction,
    /// The glass was broken by too few, too often or too early, or a look afterwards does not count.
    Glass,
}

impl Code {
    /// The name in JSON and on screens.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::NothingToCompare => "nothing_to_compare",
            Self::Reference => "reference",
            Self::Fork => "fork",
            Self::LeafDiffers => "leaf_differs",
            Self::TailMissing => "tail_missing",
            Self::Position => "position",
            Self::LeafForm => "leaf_form",
            Self::Opening => "opening",
            Self::Record => "record",
            Self::Time => "time",
            Self::Attachment => "attachment",
            Self::Erasure => "erasure",
            Self::Chain => "chain",
            Self::Directory => "directory",
            Self::Order => "order",
            Self::Transition => "transition",
            Self::Row => "row",
            Self::Policy => "policy",
            Self::Action => "action",
            Self::Requester => "requester",
            Self::Task => "task",
            Self::Stop => "stop",
            Self::Review => "review",
            Self::Quorum => "quorum",
            Self::Limits => "limits",
            Self::Deadline => "deadline",
            Self::Correction => "correction",
            Self::Glass => "glass",
        }
    }
}

/// One thing that is wrong.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Finding {
    /// The leaf it is about: exactly this one, unless `last` says that it is one of several.
    pub leaf: Option<u64>,
    /// The last leaf of a range, when no single one can be named.
    pub last: Option<u64>,
    /// The request it belongs to.
    pub request: Option<RequestId>,
    /// A stable name.
    pub code: Code,
    /// What is wrong, in one sentence.
    pub text: String,
}

impl Finding {
    /// About one leaf.
    #[must_use]
    pub fn at(leaf: u64, code: Code, text: impl Into<String>) -> Self {
        Self {
            leaf: Some(leaf),
            last: None,
            request: None,
            code,
            text: text.into(),
        }
    }

    /// About the ledger as a whole.
    #[must_use]
    pub fn whole(code: Code, text: impl Into<String>) -> Self {
        Self {
            leaf: None,
            last: None,
            request: None,
            code,
            text: text.into(),
        }
    }

    /// By what is most telling first: single leaves in order, then ranges, then the ledger as a whole.
    pub(crate) fn order(&self) -> (bool, u64, Code) {
        let range = self.last.is_some() || self.leaf.is_none();
        (range, self.leaf.unwrap_or(u64::MAX), self.code)
    }

    pub(crate) fn of(mut self, request: Option<RequestId>) -> Self {
        self.request = request;
        self
    }
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (self.leaf, self.last) {
            (Some(first), Some(last)) if last > first => write!(f, "leaves {first} to {last}")?,
            (Some(leaf), _) => write!(f, "leaf {leaf}")?,
            (None, _) => f.write_str("ledger")?,
        }
        if let Some(request) = &self.request {
            write!(f, ", {request}")?;
        }
        write!(f, ": {} ({})", self.text, self.code.as_str())
    }
}

/// Something that could not be looked at. It proves nothing either way.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Gap {
    /// The leaf it is about.
    pub leaf: Option<u64>,
    /// What was not checked, and why.
    pub text: String,
}

impl fmt::Display for Gap {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.leaf {
            Some(leaf) => write!(f, "leaf {leaf}: {}", self.text),
            None => f.write_str(&self.text),
        }
    }
}
