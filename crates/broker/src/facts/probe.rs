//! Whether whoever is asked for facts answers, for those who look after a gate: with the credentials and in the time of a real
//! question, about nothing that anybody asked for.

use std::time::Duration;

use futures_util::future::join_all;

use super::Lookups;
use super::count::Count;
use super::count::statement::{Name, Rows};

/// Stands in every place of a question: a number that nobody gave.
pub(super) const NOBODYS: &str = "gatehold-doctor";

/// How one source was found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Probed {
    /// Its name, as it stands beside a fact.
    pub name: String,
    /// How it answers; else why what it would say is UNKNOWN.
    pub answer: Result<String, String>,
}

impl Lookups {
    /// Asks each of them once, all at the same time.
    pub async fn probe(&self) -> Vec<Probed> {
        let systems = self.systems().map(async |lookup| Probed {
            name: lookup.name(),
            answer: in_time(lookup.timeout(), lookup.probe()).await,
        });
        let counts = self.counts().map(async |count| Probed {
            name: count.name(),
            answer: in_time(count.timeout, count.probe()).await,
        });
        let (mut probed, counts) = (join_all(systems).await, join_all(counts).await);
        probed.extend(counts);
        probed
    }
}

async fn in_time(
    limit: Duration,
    asked: impl Future<Output = Result<String, String>>,
) -> Result<String, String> {
    let asked = tokio::time::timeout(limit, asked).await;
    asked.unwrap_or_else(|_elapsed| Err("there was no answer in time".to_owned()))
}

impl Count {
    /// Counts the first of its tables: that takes the connection, the role and the table of every question.
    async fn probe(&self) -> Result<String, String> {
        let table = self.tables.first().ok_or("it may count no table")?;
        let whole = |text: &String| Name {
            text: text.clone(),
            quoted: true,
        };
        let rows = Rows {
            schema: Some(whole(&table.schema)),
            table: whole(&table.name),
            condition: None,
            limit: None,
        };
        match self.found(table, &rows).await {
            Err(why) if why != super::count::TOO_MUCH => Err(why),
            _ => Ok("answers".to_owned()),
        }
    }
}
