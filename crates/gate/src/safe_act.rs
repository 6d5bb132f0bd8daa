//! An act in the safe direction, as the revocation journal keeps it: what is needed to do it again, and no proof. Who
//! asked was authenticated before it was written, and whether they may is decided again when it reaches the store.

use gatehold_core::hash::Hash;
use gatehold_core::ids::{HumanId, RequestId, TaskId};
use gatehold_core::json::canonical;
use gatehold_core::signal::Signal;
use gatehold_core::stops::Stops;
use gatehold_core::time::Timestamp;
use gatehold_core::trust::{KeyRevocation, SignedRevocation};
use serde::{Deserialize, Serialize};

/// The `form` of an entry.
const FORM: &str = "gatehold/journal-entry/v1";
/// Longest reason that is kept; a stop is worth more than the end of its sentence.
const TEXT_BYTES_MAX: usize = 1_024;

/// Something that only ends, stops or takes away.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "snake_case")]
pub(crate) enum SafeAct {
    /// A human takes away what was allowed.
    Revoke { human: HumanId, request: RequestId },
    /// A human denies what is held, and says that it looks like misuse or not.
    Deny {
        human: HumanId,
        request: RequestId,
        suspicious: bool,
        text: String,
        channel: String,
    },
    /// A human stops something.
    Stop {
        human: HumanId,
        add: Stops,
        reason: String,
    },
    /// Somebody outside says, by a token that was verified, that something is to be stopped.
    Signal {
        signal: Box<Signal>,
        known_until: Timestamp,
        add: Stops,
    },
    /// A key loses its force, by the signatures in it.
    RevokeKey { revocation: SignedRevocation },
    /// An identity provider says that somebody is gone.
    Suspend { human: HumanId, removed: bool },
    /// The requester takes its request back.
    Withdraw { key: Hash, request: RequestId },
    /// A workload ends its task.
    EndTask { key: Hash, task: TaskId },
}

/// An act with what orders and explains it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct KeptAct {
    form: String,
    /// When it was kept, on this machine's clock.
    pub(crate) at: Timestamp,
    pub(crate) act: SafeAct,
}

impl KeptAct {
    pub(crate) fn new(at: Timestamp, act: SafeAct) -> Self {
        let form = FORM.to_owned();
        Self { form, at, act }
    }

    pub(crate) fn to_bytes(&self) -> Result<Vec<u8>, String> {
        canonical::to_bytes(self).map_err(|error| error.to_string())
    }

    pub(crate) fn from_bytes(bytes: &[u8]) -> Result<Self, String> {
        let kept: Self =
            canonical::from_canonical_bytes(bytes).map_err(|error| error.to_string())?;
        if kept.form != FORM {
            return Err(format!("its form is `{}`", kept.form));
        }
        Ok(kept)
    }
}

impl SafeAct {
    /// What to log: a word and an id, never what somebody wrote.
    pub(crate) fn said(&self) -> String {
        match self {
            Self::Revoke { request, .. } => format!("revoke {request}"),
            Self::Deny { request, .. } => format!("deny {request}"),
            Self::Stop { add, .. } | Self::Signal { add, .. } => {
                let add = canonical::to_bytes(add).unwrap_or_default();
                format!("stop {}", String::from_utf8_lossy(&add))
            }
            Self::RevokeKey { revocation } => format!("revoke a key: {}", revocation.statement),
            Self::Suspend { .. } => "suspend a person".to_owned(),
            Self::Withdraw { request, .. } => format!("withdraw {request}"),
            Self::EndTask { task, .. } => format!("end {task}"),
        }
    }

    /// The person who answers for it, where that is one.
    pub(crate) const fn person(&self) -> Option<&HumanId> {
        match self {
            Self::Revoke { human, .. } | Self::Deny { human, .. } | Self::Stop { human, .. } => {
                Some(human)
            }
            Self::RevokeKey { .. }
            | Self::Signal { .. }
            | Self::Suspend { .. }
            | Self::Withdraw { .. }
            | Self::EndTask { .. } => None,
        }
    }

    /// What the configuration calls whoever sent the signal, where it is one.
    pub(crate) fn sender(&self) -> Option<&str> {
        match self {
            Self::Signal { signal, .. } => Some(&signal.name),
            _ => None,
        }
    }

    /// The key that it takes the force of.
    pub(crate) fn revoked_key(&self) -> Option<KeyRevocation> {
        let Self::RevokeKey { revocation } = self else {
            return None;
        };
        canonical::from_canonical_bytes(revocation.statement.as_bytes()).ok()
    }

    /// The machine's key, where no person stands behind it.
    pub(crate) const fn machine(&self) -> Option<&Hash> {
        match self {
            Self::Withdraw { key, .. } | Self::EndTask { key, .. } => Some(key),
            Self::Revoke { .. }
            | Self::Deny { .. }
            | Self::Stop { .. }
            | Self::Signal { .. }
            | Self::RevokeKey { .. }
            | Self::Suspend { .. } => None,
        }
    }

    /// With texts that fit.
    pub(crate) fn shortened(mut self) -> Self {
        match &mut self {
            Self::Deny { text, .. } | Self::Stop { reason: text, .. } => {
                text.truncate(text.floor_char_boundary(TEXT_BYTES_MAX));
            }
            Self::Revoke { .. }
            | Self::Signal { .. }
            | Self::RevokeKey { .. }
            | Self::Suspend { .. }
            | Self::Withdraw { .. }
            | Self::EndTask { .. } => {}
        }
        self
    }
}
