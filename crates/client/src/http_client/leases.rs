//! The calls about what was handed out, of a human.

use std::fmt::Write as _;

use super::call::{Call, path};
use super::{Client, ClientError};
use crate::wire::{LeaseOf, Leases, Revocation};

/// Which leases are wanted; everything that is given must match.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct LeasesWanted {
    /// Where they stand: `active`, `revoking` or `revoked`; without it all that are not known to be gone.
    pub state: Option<String>,
    /// Whose.
    pub workload: Option<String>,
    /// At which target.
    pub target: Option<String>,
    /// In which task.
    pub task: Option<String>,
    /// Older than this leaf.
    pub before: Option<u64>,
}

impl LeasesWanted {
    fn query(&self) -> String {
        let before = self.before.map(|leaf| leaf.to_string());
        let given = [
            ("state", &self.state),
            ("workload", &self.workload),
            ("target", &self.target),
            ("task", &self.task),
            ("before", &before),
        ];
        let mut query = String::new();
        for (name, value) in given {
            let Some(value) = value else { continue };
            let mark = if query.is_empty() { '?' } else { '&' };
            let _ = write!(query, "{mark}{name}={}", escaped(value));
        }
        query
    }
}

/// A value as it stands in a query: whatever is no plain letter or digit by its bytes.
fn escaped(value: &str) -> String {
    let mut text = String::new();
    for byte in value.bytes() {
        match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' => {
                text.push(char::from(byte));
            }
            _ => {
                let _ = write!(text, "%{byte:02X}");
            }
        }
    }
    text
}

impl Client {
    /// What was handed out, newest first.
    ///
    /// # Errors
    /// See [`ClientError`].
    pub async fn leases(&self, wanted: &LeasesWanted) -> Result<Leases, ClientError> {
        let target = format!("/v1/leases{}", wanted.query());
        self.call_json(Call::get(target)).await
    }

    /// What was handed out for a request, by its id or that of its grant.
    ///
    /// # Errors
    /// See [`ClientError`].
    pub async fn lease(&self, id: &str) -> Result<LeaseOf, ClientError> {
        self.call_json(Call::get(path("leases", id, "")?)).await
    }

    /// How soon what is handed out can be gone, by target.
    ///
    /// # Errors
    /// See [`ClientError`].
    pub async fn revocation(&self) -> Result<Revocation, ClientError> {
        self.call_json(Call::get("/v1/revocation".to_owned())).await
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_wanted_stands_in_the_query_and_breaks_out_of_no_value() {
        let wanted = LeasesWanted {
            target: Some("sql:shop&state=revoked é".to_owned()),
            before: Some(7),
            ..LeasesWanted::default()
        };
        let query = "?target=sql%3Ashop%26state%3Drevoked%20%C3%A9&before=7";
        assert_eq!(wanted.query(), query);
        assert_eq!(LeasesWanted::default().query(), "");
    }
}
