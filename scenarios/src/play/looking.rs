//! What anyone can see afterwards: the database, the web service, the state of a request, the ledger.

use std::time::Duration;

use super::{Stage, wanted};
use crate::scenario::{AskedDatabase, AskedLedger, AskedState, AskedWeb};
use crate::trouble::{Outcome, Trouble, trouble};

impl Stage {
    pub(super) fn database(&self, asked: &AskedDatabase) -> Outcome<()> {
        let database = self
            .databases
            .get(&asked.target)
            .ok_or_else(|| Trouble(format!("no database `{}`", asked.target)))?;
        wanted("rows", &asked.rows, &database.ask(&asked.query)?)
    }

    pub(super) fn web(&self, asked: &AskedWeb) -> Outcome<()> {
        let web = self
            .webs
            .get(&asked.target)
            .ok_or_else(|| Trouble(format!("no web service `{}`", asked.target)))?;
        wanted("calls", &asked.saw, &web.saw())
    }

    pub(super) async fn state(&self, asked: &AskedState) -> Outcome<()> {
        let request = &self.request(&asked.request)?.id;
        let workload = self.workload(&asked.who)?;
        let status = workload.client.status(request, 0).await;
        wanted(
            "state",
            &asked.state,
            &status.map_err(trouble("status"))?.state,
        )
    }

    /// `gatehold audit verify` over the store, and `audit explain` over each dossier as the API gives it.
    pub(super) async fn ledger(&self, asked: &AskedLedger) -> Outcome<()> {
        for name in &asked.dossiers {
            let dossier = self.dossier(name).await?;
            self.gate.verify_dossier(name, &dossier).await?;
        }
        self.gate.verify_ledger().await
    }

    /// The dossier of a request. A new leaf is provable within a second: asked for again until it is.
    async fn dossier(&self, name: &str) -> Outcome<Vec<u8>> {
        let client = &self.person("owner")?.client;
        let request = &self.request(name)?.id;
        let mut again = tokio::time::interval(AGAIN);
        for _ in 0..TRIES {
            again.tick().await;
            match client.dossier(request).await {
                Ok(dossier) => return Ok(dossier),
                Err(error) if error.problem().is_some_and(|problem| problem.status == 404) => {}
                Err(error) => return Err(Trouble(format!("{name}: {error}"))),
            }
        }
        Err(Trouble(format!("{name}: there is no dossier of it")))
    }
}

const AGAIN: Duration = Duration::from_millis(250);
const TRIES: u32 = 40;
