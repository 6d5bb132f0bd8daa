//! Signals: what somebody outside, whose keys an operator pinned, says of a workload. A signal stops it, or has what it asks for held
//! for a while, and does nothing else.

use core::fmt;

use serde::{Deserialize, Serialize};

use crate::hash::Hash;
use crate::ids::HumanId;
use crate::time::Timestamp;

/// The token that a stop rests on, by name. The token itself is an attachment of the leaf, where it came with it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Signal {
    /// What the configuration calls whoever sent it.
    pub name: String,
    /// `iss` of the token.
    pub issuer: String,
    /// `jti` of the token.
    pub token_id: String,
    /// URI of its event.
    pub event: String,
    /// Hash of the token as it was sent.
    pub token: Hash,
}

impl Signal {
    /// The key that a token may take once.
    #[must_use]
    pub fn key(&self) -> String {
        // Neither holds a NUL.
        let parts: [&[u8]; 3] = [self.issuer.as_bytes(), b"\0", self.token_id.as_bytes()];
        format!(
            "signal:{}",
            Hash::tagged("gatehold/signal/v1", &parts).hex()
        )
    }
}

/// The longest time for which one signal has what a workload asks for held: four hours.
pub const FLAG_SECONDS_MAX: u32 = 4 * 3_600;

/// A signal said that what a workload does is unusual: until then what it asks for is an anomaly.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Flag {
    /// Who said so.
    pub signal: Signal,
    /// When that was written down.
    pub at: Timestamp,
    /// It ends then, unless it is said again.
    pub until: Timestamp,
}

/// A signal with what is needed to heed it once.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HeardSignal {
    /// Which.
    pub signal: Signal,
    /// Its token is known at least until then.
    pub known_until: Timestamp,
    /// The token as it was sent; nothing where it was kept in the journal meanwhile.
    pub token: Option<Vec<u8>>,
}

/// Who stopped something.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum StoppedBy {
    /// A person.
    Human(HumanId),
    /// Somebody outside, by a token.
    Signal(Box<Signal>),
}

impl fmt::Display for StoppedBy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Human(human) => human.fmt(f),
            Self::Signal(signal) => write!(f, "signal: {}", signal.name),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_has_one_key_whatever_it_is_called_here() {
        let signal = Signal {
            name: "idp".to_owned(),
            issuer: "https://idp.example".to_owned(),
            token_id: "j1".to_owned(),
            event: "urn:x".to_owned(),
            token: Hash::of(b"t"),
        };
        let other = |change: &dyn Fn(&mut Signal)| {
            let mut other = signal.clone();
            change(&mut other);
            other.key()
        };
        assert_eq!(other(&|one| one.name.push('x')), signal.key());
        assert_ne!(other(&|one| one.token_id.push('x')), signal.key());
        let moved = |one: &mut Signal| {
            one.issuer.push('j');
            "1".clone_into(&mut one.token_id);
        };
        assert_ne!(other(&moved), signal.key());
        assert_eq!(
            StoppedBy::Signal(Box::new(signal)).to_string(),
            "signal: idp"
        );
    }
}
