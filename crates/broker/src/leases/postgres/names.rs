//! Names of roles: bounded as the server bounds them, and of those that are made, which gate and which grant they belong to.

use gatehold_core::hash::{Hash, hex};
use gatehold_core::ids::GrantId;
use gatehold_core::json::ident::check_identifier;

use crate::sql::postgres::quote;

/// Longest name that PostgreSQL keeps. It cuts a longer one silently, and so two names become one (threat C6): here they are refused.
const NAME_BYTES_MAX: usize = 63;
/// How much of the hash of what only one gate has is in its names.
const GATE_BYTES: usize = 4;
/// What a grant's id begins with where it is not a part of a name.
const GRANT: &str = "grt_";
/// Digits of a grant's id.
const GRANT_DIGITS: usize = 32;

/// A role's name, exactly as it stands in the catalogue.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Name(String);

impl Name {
    /// Visible, and short enough to be kept whole.
    pub(crate) fn new(text: &str) -> Result<Self, String> {
        check_identifier(text, NAME_BYTES_MAX).map_err(|error| error.to_string())?;
        Ok(Self(text.to_owned()))
    }

    pub(crate) fn as_str(&self) -> &str {
        &self.0
    }

    /// As it is written in a statement.
    pub(crate) fn quoted(&self) -> String {
        quote::identifier(&self.0)
    }
}

/// What the names of one gate's roles begin with.
#[derive(Debug, Clone)]
pub(crate) struct Prefix(String);

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

    /// The role of a grant: 44 bytes, the id whole.
    pub(crate) fn handle(&self, grant: GrantId) -> Name {
        let id = grant.to_string();
        Name(format!("{}{}", self.0, id.trim_start_matches(GRANT)))
    }

    /// The grant of a role, if this gate can have made it.
    pub(crate) fn grant(&self, handle: &str) -> Option<GrantId> {
        let digits = handle.strip_prefix(&self.0)?;
        let plain = digits
            .bytes()
            .all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'));
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

    #[test]
    fn c06_a_name_that_the_server_would_cut_is_refused() {
        assert!(Name::new(&"a".repeat(63)).is_ok());
        // 62 bytes and a letter of two: the server would cut it in front of that letter.
        for bad in [
            "a".repeat(64),
            format!("{}é", "a".repeat(62)),
            String::new(),
            "a\0b".to_owned(),
        ] {
            assert!(Name::new(&bad).is_err(), "{bad:?}");
        }
        assert_eq!(Name::new("o\"r").unwrap().quoted(), "\"o\"\"r\"");
    }
}
