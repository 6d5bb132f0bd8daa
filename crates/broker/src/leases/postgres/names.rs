//! Names of roles: bounded as the server bounds them.

use gatehold_core::json::ident::check_identifier;
use serde::{Deserialize, Serialize};

use crate::leases::handle::Handle;
use crate::sql::postgres::quote;

/// Longest name that PostgreSQL keeps. It cuts a longer one silently, and so two names become one (threat C6): here they are refused.
const NAME_BYTES_MAX: usize = 63;

/// A role's name, exactly as it stands in the catalogue.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub(crate) struct Name(String);

impl From<Name> for String {
    fn from(name: Name) -> Self {
        name.0
    }
}

impl TryFrom<String> for Name {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        Self::new(&text)
    }
}

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

impl From<&Handle> for Name {
    /// Shorter than the server cuts.
    fn from(handle: &Handle) -> Self {
        Self(handle.as_str().to_owned())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

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
