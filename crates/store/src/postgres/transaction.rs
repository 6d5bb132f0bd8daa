//! One batch as one transaction in two round trips: lock and read everything it names; save the survivors and commit.
//!
//! The head row's lock alone orders batches, of all processes. No statement can fail because of what a write says, so an
//! error means that PostgreSQL itself is in trouble.

use futures_util::future::{BoxFuture, FutureExt as _, join, join_all, try_join3, try_join4};
use gatehold_core::commit::LeafBytes;
use gatehold_core::time::Timestamp;
use gatehold_gate::ports::store::StoreFault;
use gatehold_ledger::Frontier;
use tokio_postgres::types::ToSql;
use tokio_postgres::{Client, Config, Error, Row};

use super::columns::{Columns, Found, Named, count, get, int, time};
use super::fault::{damaged, fault};
use super::opened::ViewStatements;
use super::session::{check_durable, connect, statements};
use crate::batch::{Known, Staged};
use crate::form::OUTBOX_MAX;
use crate::form::Prepared;

statements! {
    Statements {
        lock_head: "SELECT size, frontier, time FROM gatehold.head FOR UPDATE",
        clock: CLOCK,
        rows: "SELECT place, version, first_leaf FROM gatehold.state_row
            JOIN unnest($1::text[], $2::text[]) WITH ORDINALITY AS asked (kind, id, place) USING (kind, id)",
        counters: "SELECT place, value FROM gatehold.counter
            JOIN unnest($1::text[]) WITH ORDINALITY AS asked (key, place) USING (key)",
        unique: "SELECT place, forget FROM gatehold.unique_key
            JOIN unnest($1::text[]) WITH ORDINALITY AS asked (key, place) USING (key)",
        leaves: "SELECT place FROM gatehold.leaf
            JOIN unnest($1::bytea[]) WITH ORDINALITY AS asked (leaf, place) USING (leaf)",
        save_leaves: "INSERT INTO gatehold.leaf (number, leaf, salt, record, time)
            SELECT *, $5 FROM unnest($1::bigint[], $2::bytea[], $3::bytea[], $4::bytea[])",
        save_attachments: "INSERT INTO gatehold.attachment (leaf, place, name, salt, bytes)
            SELECT * FROM unnest($1::bigint[], $2::integer[], $3::text[], $4::bytea[], $5::bytea[])",
        save_rows: "INSERT INTO gatehold.state_row
            (kind, id, version, first_leaf, last_leaf, state, due, owner, belongs_to, body)
            SELECT * FROM unnest($1::text[], $2::text[], $3::bigint[], $4::bigint[], $5::bigint[], $6::text[],
            $7::bigint[], $8::text[], $9::text[], $10::bytea[])
            ON CONFLICT (kind, id) DO UPDATE SET version = excluded.version, last_leaf = excluded.last_leaf,
            state = excluded.state, due = excluded.due, owner = excluded.owner, belongs_to = excluded.belongs_to,
            body = excluded.body",
        save_counters: "INSERT INTO gatehold.counter (key, value) SELECT * FROM unnest($1::text[], $2::bigint[])
            ON CONFLICT (key) DO UPDATE SET value = excluded.value",
        save_unique: "INSERT INTO gatehold.unique_key (key, leaf, forget)
            SELECT * FROM unnest($1::text[], $2::bigint[], $3::bigint[])
            ON CONFLICT (key) DO UPDATE SET leaf = excluded.leaf, forget = excluded.forget",
        save_outbox: "INSERT INTO gatehold.outbox (dedup, topic, body, time)
            SELECT dedup, topic, body, $4::bigint FROM unnest($1::text[], $2::text[], $3::text[])
            WITH ORDINALITY AS message (dedup, topic, body, place) ORDER BY place",
        trim_outbox: "DELETE FROM gatehold.outbox
            WHERE number <= (SELECT max(number) FROM gatehold.outbox) - $1::bigint",
        save_head: "UPDATE gatehold.head SET size = $1, frontier = $2, time = $3",
        forget: "DELETE FROM gatehold.unique_key
            WHERE key IN (SELECT key FROM gatehold.unique_key WHERE forget < $1 LIMIT 64)",
    }
}

/// Its own statement: within the locking one it could be evaluated before the lock is granted.
pub(super) const CLOCK: &str = "SELECT floor(extract(epoch FROM clock_timestamp()) * 1000)::bigint";

/// The writer's connection.
pub(super) struct WriteSession {
    pub client: Client,
    statements: Statements,
    pub views: ViewStatements,
}

/// What the first round trip read, under the lock.
pub(super) struct Loaded<'w> {
    pub frontier: Frontier,
    pub head_time: Timestamp,
    /// The server's clock, read after the lock was taken.
    pub clock: Timestamp,
    pub known: Known<'w>,
}

/// Why the second round trip did not end well.
pub(super) enum Unfinished {
    /// The transaction was refused as a whole: nothing is stored.
    RolledBack(StoreFault),
    /// The commit may have been sent, and its answer never came.
    Lost(StoreFault),
}

impl WriteSession {
    pub async fn open(config: &Config) -> Result<Self, StoreFault> {
        let client = connect(config).await?;
        check_durable(&client).await?;
        let statements = Statements::prepare(&client).await?;
        let views = ViewStatements::prepare(&client).await?;
        Ok(Self {
            client,
            statements,
            views,
        })
    }

    /// Takes the lock and reads everything the batch names.
    pub async fn begin<'w>(
        &self,
        writes: impl Iterator<Item = &'w Prepared>,
    ) -> Result<Loaded<'w>, StoreFault> {
        let (client, s) = (&self.client, &self.statements);
        let named = Named::of(writes);
        let row_keys: [&(dyn ToSql + Sync); 2] = [&named.row_kinds, &named.row_ids];
        // Joined futures are polled, hence sent, in the order they stand in: the lock first.
        let (begun, found) = join(
            try_join3(
                client.batch_execute("BEGIN ISOLATION LEVEL READ COMMITTED READ WRITE"),
                client.query_one(&s.lock_head, &[]),
                client.query_one(&s.clock, &[]),
            ),
            try_join4(
                client.query(&s.rows, &row_keys),
                client.query(&s.counters, &[&named.counter_keys]),
                client.query(&s.unique, &[&named.unique_keys]),
                client.query(&s.leaves, &[&named.leaves]),
            ),
        )
        .await;
        let ((), head, clock) = begun.map_err(fault)?;
        let (rows, counters, unique, leaves) = found.map_err(fault)?;
        let (frontier, head_time) = read_head(&head)?;
        let found = Found {
            rows,
            counters,
            unique,
            leaves,
        };
        Ok(Loaded {
            frontier,
            head_time,
            clock: time(&clock, 0)?,
            known: named.known(&found)?,
        })
    }

    /// Ends a transaction that changed nothing.
    pub async fn roll_back(&self) -> Result<(), StoreFault> {
        self.client.batch_execute("ROLLBACK").await.map_err(fault)
    }

    /// Saves what the survivors change and commits.
    pub async fn finish(
        &self,
        staged: &Staged<'_>,
        frontier: &Frontier,
        now: Timestamp,
    ) -> Result<(), Unfinished> {
        let columns = Columns::of(staged);
        let (size, bytes, now) = (int(frontier.size()), frontier.to_bytes(), now.millis());
        let mut statements = self.saves(&columns, &now);
        let head: Vec<&(dyn ToSql + Sync)> = vec![&size, &bytes, &now];
        statements.push(self.execute(&self.statements.save_head, head));
        let commit = self.client.batch_execute("COMMIT");
        statements.push(async { commit.await.map(|()| 0) }.boxed());
        // A dozen futures are polled, hence sent, in order: the commit last. A statement that fails before it turns the
        // commit into a rollback, and its own error tells.
        let results = join_all(statements).await;
        let Some(error) = results.into_iter().find_map(Result::err) else {
            return Ok(());
        };
        if refused(&error) {
            Err(Unfinished::RolledBack(fault(error)))
        } else {
            Err(Unfinished::Lost(fault(error)))
        }
    }

    /// Whether a leaf is stored, asked behind the head's lock: a commit still under way is waited for.
    pub async fn is_stored(&self, leaf: &LeafBytes) -> Result<bool, StoreFault> {
        let leaves = [&leaf[..]];
        let leaves = &leaves[..];
        let (client, s) = (&self.client, &self.statements);
        client.batch_execute("BEGIN").await.map_err(fault)?;
        client.query_one(&s.lock_head, &[]).await.map_err(fault)?;
        let found = client.query(&s.leaves, &[&leaves]).await.map_err(fault)?;
        self.roll_back().await?;
        Ok(!found.is_empty())
    }

    fn saves<'a>(
        &'a self,
        c: &'a Columns<'a>,
        now: &'a i64,
    ) -> Vec<BoxFuture<'a, Result<u64, Error>>> {
        let s = &self.statements;
        let all: [(bool, _, Vec<&'a (dyn ToSql + Sync)>); 8] = [
            (
                c.leaves.is_empty(),
                &s.save_leaves,
                vec![&c.leaf_numbers, &c.leaves, &c.leaf_salts, &c.records, now],
            ),
            (
                c.names.is_empty(),
                &s.save_attachments,
                vec![&c.attached_to, &c.places, &c.names, &c.salts, &c.bytes],
            ),
            (
                c.ids.is_empty(),
                &s.save_rows,
                vec![
                    &c.kinds,
                    &c.ids,
                    &c.versions,
                    &c.first_leaves,
                    &c.last_leaves,
                    &c.states,
                    &c.dues,
                    &c.owners,
                    &c.groups,
                    &c.bodies,
                ],
            ),
            (
                c.counters.is_empty(),
                &s.save_counters,
                vec![&c.counters, &c.values],
            ),
            (
                c.unique.is_empty(),
                &s.save_unique,
                vec![&c.unique, &c.unique_leaves, &c.forgets],
            ),
            (
                c.dedups.is_empty(),
                &s.save_outbox,
                vec![&c.dedups, &c.topics, &c.messages, now],
            ),
            (c.dedups.is_empty(), &s.trim_outbox, vec![&OUTBOX_MAX]),
            (false, &s.forget, vec![now]),
        ];
        let needed = all.into_iter().filter(|(empty, ..)| !empty);
        needed
            .map(|(_, statement, params)| self.execute(statement, params))
            .collect()
    }

    fn execute<'a>(
        &'a self,
        statement: &'a tokio_postgres::Statement,
        params: Vec<&'a (dyn ToSql + Sync)>,
    ) -> BoxFuture<'a, Result<u64, Error>> {
        async move { self.client.execute(statement, &params).await }.boxed()
    }
}

/// The head row's columns size, frontier, time.
pub(super) fn read_head(row: &Row) -> Result<(Frontier, Timestamp), StoreFault> {
    let frontier =
        Frontier::from_bytes(get(row, 1)?).map_err(|error| damaged(error.to_string()))?;
    if count(row, 0)? != frontier.size() {
        return Err(damaged("the head row's size is not that of its frontier"));
    }
    Ok((frontier, time(row, 2)?))
}

/// Whether the server itself refused a statement and lives on; only then is it certain that nothing was stored.
pub(super) fn refused(error: &Error) -> bool {
    let severity = error
        .as_db_error()
        .and_then(|error| error.parsed_severity());
    severity == Some(tokio_postgres::error::Severity::Error)
}
