//! The only thread that writes: takes what is queued, commits it as one transaction, then releases the answers.
//!
//! After any fault the connection is thrown away and nothing is decided until a new one opens and passes its checks. It
//! must never answer for a batch whose commit it did not see succeed.

use std::path::PathBuf;
use std::sync::Arc;

use gatehold_core::time::Timestamp;
use gatehold_gate::ports::store::{
    BrowserSession, SESSIONS_OF_ONE_MAX, SUBSCRIPTIONS_OF_ONE_MAX, StoreFault, StoredSubscription,
};
use rusqlite::{Connection, TransactionBehavior, params};

use super::columns::{after_attachments, first_attachment, int};
use super::fault::{damaged, fault};
use super::fold_back::{FoldBack, start_over};
use super::{connect, transaction};
use crate::after_commit::{Answers, Release};
use crate::batch::evaluate;
use crate::clock::Shown;
use crate::queue::{CommitJob, Jobs, Side, SideJob};

pub(super) struct Writer {
    pub path: PathBuf,
    pub pages_max: Option<u32>,
    pub jobs: Jobs,
    pub shown: Arc<Shown>,
    pub release: Arc<Release>,
    pub fold_back: FoldBack,
    /// `None` after a fault, until it could be opened again.
    pub connection: Option<Connection>,
    pub damaged: bool,
}

impl Writer {
    /// Runs until every caller's end of the queue is gone.
    pub fn run(mut self) {
        while let Some(taken) = self.jobs.next_blocking() {
            match self.batch(&taken.commits, &taken.sides) {
                Ok(answers) => {
                    taken.release(answers);
                    if let Some(connection) = &self.connection {
                        self.fold_back.after_batch(connection);
                    }
                }
                Err(fault) => {
                    tracing::error!(%fault, "a batch failed; the database is opened anew before the next");
                    self.connection = None;
                    self.damaged |= matches!(fault, StoreFault::Damaged(_));
                    taken.refuse(&fault);
                }
            }
        }
    }

    fn batch(
        &mut self,
        commits: &[CommitJob],
        sides: &[SideJob],
    ) -> Result<Vec<Answers>, StoreFault> {
        self.reopen()?;
        let connection = self
            .connection
            .as_mut()
            .ok_or_else(|| damaged("no connection"))?;
        let transaction = connection
            .transaction_with_behavior(TransactionBehavior::Immediate)
            .map_err(fault)?;
        let head = connect::head(&transaction)?;
        let now = self.shown.at_least(head.time);
        let writes = commits.iter().flat_map(|job| &job.writes);
        let known = transaction::load(&transaction, writes).map_err(fault)?;
        let evaluated = evaluate(commits, head.frontier, now, known, &self.release);
        if evaluated.saves() {
            transaction::save(&transaction, &evaluated.staged, &evaluated.frontier, now)
                .map_err(fault)?;
        }
        for side in sides {
            apply_side(&transaction, &side.side, now.millis()).map_err(fault)?;
        }
        transaction.commit().map_err(lost)?;
        let answers = evaluated.told(commits, &self.release);
        if sides
            .iter()
            .any(|side| matches!(side.side, Side::Erase { .. }))
        {
            // The erased bytes also stand in older frames of the log. If readers are in the way a later round gets it.
            let _ = start_over(connection);
        }
        Ok(answers)
    }

    fn reopen(&mut self) -> Result<(), StoreFault> {
        if self.connection.is_some() {
            return Ok(());
        }
        let mut connection = connect::writer(&self.path, self.pages_max)?;
        connect::check_size(&connection)?;
        if self.damaged {
            let found: String = connection
                .query_row("PRAGMA quick_check(1)", [], |row| row.get(0))
                .map_err(fault)?;
            if found != "ok" {
                return Err(damaged(format!(
                    "{found}; restore a backup and run `gatehold ledger rejoin`"
                )));
            }
        }
        start_over(&connection)?;
        self.fold_back.watch(&mut connection)?;
        self.damaged = false;
        self.connection = Some(connection);
        Ok(())
    }
}

fn apply_side(connection: &Connection, side: &Side, now: i64) -> rusqlite::Result<()> {
    match side {
        Side::Erase {
            leaf,
            name,
            erased_by,
        } => {
            connection
                .prepare_cached("DELETE FROM opened_view")?
                .execute([])?;
            connection
                .prepare_cached(
                    "UPDATE attachment SET salt = NULL, bytes = NULL, erased_by = ?4
                 WHERE number >= ?1 AND number < ?2 AND name = ?3 AND erased_by IS NULL",
                )?
                .execute(params![
                    first_attachment(*leaf),
                    after_attachments(*leaf),
                    name,
                    int(*erased_by)
                ])?
        }
        Side::Acknowledge(message) => connection
            .prepare_cached("DELETE FROM outbox WHERE number = ?1")?
            .execute([int(*message)])?,
        Side::Lease {
            name,
            holder,
            seconds,
        } => connection
            .prepare_cached(
                "INSERT INTO lease (name, holder, expires) VALUES (?1, ?2, ?3)
                 ON CONFLICT (name) DO UPDATE SET holder = ?2, expires = ?3 WHERE holder = ?2 OR expires <= ?4",
            )?
            .execute(params![name, holder, Timestamp::from_millis(now).plus_seconds(*seconds).millis(), now])?,
        Side::PutOpened(view) => {
            connection
                .prepare_cached("DELETE FROM opened_view WHERE expires < ?1")?
                .execute([now])?;
            connection
                .prepare_cached(
                    "INSERT INTO opened_view (review_nonce, request, view, expires) VALUES (?1, ?2, ?3, ?4)
                     ON CONFLICT (review_nonce) DO NOTHING",
                )?
                .execute(params![view.review_nonce, view.request, view.view, view.expires.millis()])?
        }
        Side::PutSession(session) => put_session(connection, session, now)?,
        Side::UseSession(id, at) => connection
            .prepare_cached(
                "UPDATE browser_session SET last_used = max(last_used, ?2) WHERE id = ?1",
            )?
            .execute(params![&id.as_bytes()[..], at.millis()])?,
        Side::EndSession(id) => connection
            .prepare_cached("DELETE FROM browser_session WHERE id = ?1")?
            .execute([&id.as_bytes()[..]])?,
        Side::PutSubscription(subscription) => put_subscription(connection, subscription)?,
        Side::EndSubscription(id, human) => connection
            .prepare_cached("DELETE FROM push_subscription WHERE id = ?1 AND human = ?2")?
            .execute(params![&id.as_bytes()[..], human])?,
    };
    Ok(())
}

fn put_subscription(
    connection: &Connection,
    subscription: &StoredSubscription,
) -> rusqlite::Result<usize> {
    connection
        .prepare_cached(
            "INSERT INTO push_subscription (id, human, endpoint, p256dh, auth, server_key, created)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7) ON CONFLICT (id) DO UPDATE SET human = ?2, endpoint = ?3, p256dh = ?4,
             auth = ?5, server_key = ?6, created = ?7",
        )?
        .execute(params![
            &subscription.id.as_bytes()[..],
            subscription.human,
            subscription.endpoint,
            subscription.p256dh,
            subscription.auth,
            &subscription.server_key.as_bytes()[..],
            subscription.created.millis(),
        ])?;
    connection
        .prepare_cached(
            "DELETE FROM push_subscription WHERE id IN
             (SELECT id FROM push_subscription WHERE human = ?1 ORDER BY created DESC, id DESC LIMIT -1 OFFSET ?2)",
        )?
        .execute(params![subscription.human, SUBSCRIPTIONS_OF_ONE_MAX])
}

fn put_session(
    connection: &Connection,
    session: &BrowserSession,
    now: i64,
) -> rusqlite::Result<usize> {
    connection
        .prepare_cached(
            "DELETE FROM browser_session WHERE expires < ?1 OR id IN
             (SELECT id FROM browser_session WHERE human = ?2 ORDER BY created DESC, id DESC LIMIT -1 OFFSET ?3)",
        )?
        .execute(params![now, session.human, SESSIONS_OF_ONE_MAX - 1])?;
    connection
        .prepare_cached(
            "INSERT INTO browser_session (id, human, csrf, how, created, last_used, expires, narrowed, provider)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9) ON CONFLICT (id) DO NOTHING",
        )?
        .execute(params![
            &session.id.as_bytes()[..],
            session.human,
            &session.csrf.as_bytes()[..],
            session.how,
            session.created.millis(),
            session.last_used.millis(),
            session.expires.millis(),
            session.without,
            session.provider.as_ref().map(|provider| &provider.as_bytes()[..])
        ])
}

/// A commit that fails may still be in the write-ahead log: nobody may be told that it is not.
fn lost(error: rusqlite::Error) -> StoreFault {
    tracing::error!(%error, "a commit failed");
    StoreFault::OutcomeUnknown
}
