//! Views that reviewers opened, through the writer's connection and apart from its decisions: one transaction for a few of
//! them, in which each may fail by itself, and which is given up soon.

use futures_util::future::join;
use gatehold_core::time::Timestamp;
use gatehold_gate::ports::store::{OpenedView, StoreFault};
use tokio_postgres::Error;
use tokio_postgres::error::SqlState;
use tokio_postgres::types::ToSql;

use super::fault::fault;
use super::session::statements;
use super::transaction::{WriteSession, refused};

statements! {
    ViewStatements {
        forget: "DELETE FROM gatehold.opened_view WHERE expires < $1",
        put: "INSERT INTO gatehold.opened_view (review_nonce, request, view, expires)
            VALUES ($1, $2, $3, $4) ON CONFLICT (review_nonce) DO NOTHING",
    }
}

/// Decisions wait meanwhile: for one statement no longer than this, and for none after one that took so long.
const BEGIN: &str =
    "BEGIN ISOLATION LEVEL READ COMMITTED READ WRITE; SET LOCAL statement_timeout = '500ms'";

/// What became of each view, in order.
type Told = Vec<Result<(), StoreFault>>;

impl WriteSession {
    /// Stores views and says of each what became of it. An error says that the connection is of no use any more.
    pub async fn put_opened(
        &self,
        views: &[OpenedView],
        now: Timestamp,
    ) -> Result<Told, StoreFault> {
        let tried = match self.try_opened(views, now).await {
            Ok(told) => self.end_opened().await.map(|()| told),
            Err(error) => Err(error),
        };
        match tried {
            Ok(told) => Ok(told),
            // All of them, and nothing else.
            Err(error) if refused(&error) => {
                self.roll_back().await?;
                let fault = fault(error);
                Ok(views.iter().map(|_| Err(fault.clone())).collect())
            }
            Err(error) => Err(fault(error)),
        }
    }

    async fn try_opened(&self, views: &[OpenedView], now: Timestamp) -> Result<Told, Error> {
        let now = now.millis();
        let forget: [&(dyn ToSql + Sync); 1] = [&now];
        let (begun, forgotten) = join(
            self.client.batch_execute(BEGIN),
            self.client.execute(&self.views.forget, &forget),
        )
        .await;
        begun?;
        forgotten?;
        let mut told = Told::new();
        let mut too_slow = None;
        for view in views {
            if let Some(fault) = &too_slow {
                told.push(Err(StoreFault::clone(fault)));
                continue;
            }
            match self.put(view).await {
                Ok(()) => told.push(Ok(())),
                Err(error) if refused(&error) => {
                    let back = "ROLLBACK TO SAVEPOINT view";
                    self.client.batch_execute(back).await?;
                    let slow = error.code() == Some(&SqlState::QUERY_CANCELED);
                    let fault = fault(error);
                    too_slow = slow.then(|| fault.clone());
                    told.push(Err(fault));
                }
                Err(error) => return Err(error),
            }
        }
        Ok(told)
    }

    async fn put(&self, view: &OpenedView) -> Result<(), Error> {
        let expires = view.expires.millis();
        let params: [&(dyn ToSql + Sync); 4] =
            [&view.review_nonce, &view.request, &view.view, &expires];
        // Joined futures are polled, hence sent, in the order they stand in.
        let (saved, put) = join(
            self.client.batch_execute("SAVEPOINT view"),
            self.client.execute(&self.views.put, &params),
        )
        .await;
        saved?;
        put.map(drop)
    }

    /// A commit is not cut short: then nobody would know what became of it.
    async fn end_opened(&self) -> Result<(), Error> {
        let (set, committed) = join(
            self.client.batch_execute("SET LOCAL statement_timeout = 0"),
            self.client.batch_execute("COMMIT"),
        )
        .await;
        set?;
        committed
    }
}
