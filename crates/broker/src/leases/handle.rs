//! The names of what one gate makes: which gate and which grant it belongs to, whatever kind of target it stands at.

use gatehold_core::hash::{Hash, hex};
use gatehold_core::ids::GrantId;
use serde::{Deserialize, Serialize};

/// How much of the hash of what only one gate has is in its names.
const GATE_BYTES: usize = 4;
/// What a grant's id begins with where it is not a part of a name.
const GRANT: &str = "grt_";
/// Digits of a grant's id.
const GRANT_DIGITS: usize = 32;

/// What a credential is called at its target: 44 bytes, letters, digits and underscores.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Handle(String);

impl Handle {
    pub(crate) fn as_str(&self) -> &str {
        &self.0
    }
}

/// What the names of one gate's credentials begin with.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub(crate) struct Prefix(String);

impl From<Prefix> for String {
    fn from(prefix: Prefix) -> Self {
        prefix.0
    }
}

impl TryFrom<String> for Prefix {
    type Error = &'static str;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        let digits = text
            .strip_prefix("gh_")
            .and_then(|rest| rest.strip_suffix('_'))
            .unwrap_or_default();
        if digits.len() != 2 * GATE_BYTES || !digits.bytes().all(is_digit) {
            return Err("it is not what the names of a gate's credentials begin with");
        }
        Ok(Self(text))
    }
}

/// Of a hexadecimal number, as names have it.
const fn is_digit(byte: u8) -> bool {
    matches!(byte, b'0'..=b'9' | b'a'..=b'f')
}

impl Prefix {
    /// Of the gate that this names and no other.
    pub(crate) fn of(gate: &str) -> Self {
        let hash = Hash::of(gate.as_bytes());
        let first: Vec<u8> = hash.as_bytes().iter().copied().take(GATE_BYTES).collect();
        Self(format!("gh_{}_", hex(&first)))
    }

    pub(crate) fn as_str(&self) -> &str {
        &self.0
    }

    /// Of a grant: its id whole.
    pub(crate) fn handle(&self, grant: GrantId) -> Handle {
        let id = grant.to_string();
        Handle(format!("{}{}", self.0, id.trim_start_matches(GRANT)))
    }

    /// The grant of a name, if this gate can have made it.
    pub(crate) fn grant(&self, handle: &str) -> Option<GrantId> {
        let digits = handle.strip_prefix(&self.0)?;
        let plain = digits.bytes().all(is_digit);
        if digits.len() != GRANT_DIGITS || !plain {
            return None;
        }
        format!("{GRANT}{digits}").parse().ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_told_of_another_gate_is_a_prefix_or_nothing() {
        let ours = Prefix::of("https://a.example");
        assert_eq!(Prefix::try_from(ours.as_str().to_owned()), Ok(ours));
        for wrong in [
            "",
            "gh_",
            "gh__",
            "gh_0123456_",
            "gh_012345678_",
            "gh_0123456X_",
            "gh_01234567",
        ] {
            assert!(Prefix::try_from(wrong.to_owned()).is_err(), "{wrong}");
        }
    }

    #[test]
    fn c06_a_handle_names_one_grant_of_one_gate() {
        let (ours, other) = (
            Prefix::of("https://a.example"),
            Prefix::of("https://b.example"),
        );
        let grant = GrantId::from_bytes([0xab; 16]);
        let handle = ours.handle(grant);
        assert_eq!(handle.as_str().len(), 44);
        assert_eq!(ours.grant(handle.as_str()), Some(grant));
        assert_eq!(other.grant(handle.as_str()), None);
        let short = handle.as_str().get(..43).unwrap();
        for wrong in [
            short.to_owned(),
            format!("{short}B"),
            format!("{short}g"),
            format!("{}0", handle.as_str()),
            format!(" {}", handle.as_str()),
            "postgres".to_owned(),
            String::new(),
        ] {
            assert_eq!(ours.grant(&wrong), None, "{wrong}");
        }
    }
}
