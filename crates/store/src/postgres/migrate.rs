//! The schema, in numbered steps that never change once released.
//!
//! Refuses a database that a newer program has migrated, and one whose steps are not those of this program: a table that
//! is almost the one we think it is would be worse than none.

use gatehold_core::hash::Hash;
use gatehold_gate::ports::store::StoreFault;
use gatehold_ledger::Frontier;
use tokio_postgres::{Client, Transaction};

use super::fault::{damaged, fault};

const STEPS: [&str; 6] = [
    include_str!("migrations/0001_first.sql"),
    include_str!("migrations/0002_sessions.sql"),
    include_str!("migrations/0003_narrowed_sessions.sql"),
    include_str!("migrations/0004_vouched_sessions.sql"),
    include_str!("migrations/0005_notices.sql"),
    include_str!("migrations/0006_subscriptions.sql"),
];

/// Of processes that start together, one migrates. Any number does, as long as it stays.
const LOCK: i64 = 0x4748_4c44;

/// Brings the schema to what this program knows.
pub(super) async fn migrate(client: &mut Client) -> Result<(), StoreFault> {
    let transaction = client.transaction().await.map_err(fault)?;
    transaction
        .execute("SELECT pg_advisory_xact_lock($1)", &[&LOCK])
        .await
        .map_err(fault)?;
    let applied = applied(&transaction).await?;
    for (step, sum) in applied.iter().enumerate() {
        let Some(sql) = STEPS.get(step) else {
            return Err(StoreFault::Unavailable(format!(
                "the database's schema has {} steps and this program knows {}; run a newer gatehold",
                applied.len(),
                STEPS.len()
            )));
        };
        if *sum != checksum(sql) {
            return Err(damaged(format!(
                "step {} of the schema is not the one this program was built with; check which program made the database",
                step + 1
            )));
        }
    }
    for (step, sql) in STEPS.iter().enumerate().skip(applied.len()) {
        apply(&transaction, step, sql).await?;
    }
    transaction.commit().await.map_err(fault)
}

async fn applied(transaction: &Transaction<'_>) -> Result<Vec<String>, StoreFault> {
    let exists = transaction
        .query_one("SELECT to_regclass('gatehold.migration') IS NOT NULL", &[])
        .await
        .and_then(|row| row.try_get::<_, bool>(0))
        .map_err(fault)?;
    if !exists {
        // A role that may not create schemas is fine once somebody else has.
        transaction
            .batch_execute(
                "CREATE SCHEMA IF NOT EXISTS gatehold;
                 CREATE TABLE gatehold.migration (step integer PRIMARY KEY, checksum text NOT NULL);",
            )
            .await
            .map_err(fault)?;
    }
    let rows = transaction
        .query(
            "SELECT step, checksum FROM gatehold.migration ORDER BY step",
            &[],
        )
        .await
        .map_err(fault)?;
    let mut sums = Vec::new();
    for (place, row) in (1..).zip(rows) {
        let step: i32 = row.try_get(0).map_err(fault)?;
        if step != place {
            return Err(damaged(format!("step {place} of the schema is missing")));
        }
        sums.push(row.try_get(1).map_err(fault)?);
    }
    Ok(sums)
}

async fn apply(transaction: &Transaction<'_>, step: usize, sql: &str) -> Result<(), StoreFault> {
    transaction.batch_execute(sql).await.map_err(fault)?;
    if step == 0 {
        transaction
            .execute(
                "INSERT INTO gatehold.head (size, frontier, time) VALUES (0, $1, 0)",
                &[&Frontier::new().to_bytes()],
            )
            .await
            .map_err(fault)?;
    }
    let number = i32::try_from(step + 1).unwrap_or(i32::MAX);
    transaction
        .execute(
            "INSERT INTO gatehold.migration (step, checksum) VALUES ($1, $2)",
            &[&number, &checksum(sql)],
        )
        .await
        .map(drop)
        .map_err(fault)
}

fn checksum(sql: &str) -> String {
    Hash::of(sql.as_bytes()).to_string()
}
