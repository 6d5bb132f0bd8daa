//! Writes to a SQLite store as fast as it can and prints every receipt, until it is killed.
//!
//! The other half of the test that kills it: what stands on its standard output was acknowledged.

use std::error::Error;
use std::io::Write as _;
use std::sync::Arc;

use gatehold_core::hash::hex;
use gatehold_gate::ports::store::Store as _;
use gatehold_sim::conformance::{Draft, numbered};
use gatehold_store::sqlite::{SqliteOptions, SqliteStore};
use tokio::task::JoinSet;

const CALLERS: u64 = 32;

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let path = std::env::args_os().nth(1).ok_or("name the database file")?;
    let store = Arc::new(SqliteStore::open(SqliteOptions::new(path))?);
    let mut callers = JoinSet::new();
    for caller in 0..CALLERS {
        callers.spawn(write(Arc::clone(&store), caller));
    }
    while let Some(ended) = callers.join_next().await {
        ended?.map_err(|error| error.to_string())?;
    }
    Ok(())
}

async fn write(store: Arc<SqliteStore>, caller: u64) -> Result<(), Box<dyn Error + Send + Sync>> {
    let key = numbered(caller);
    let mut version = store.row(&key).await?.map_or(0, |row| row.version);
    loop {
        let draft = Draft::new().row(&key, version, "{}").write();
        for answer in store.commit(vec![draft]).await? {
            let receipt = answer?;
            version += 1;
            // One write call a line: a killed process leaves whole lines behind, and at most one torn one.
            let line = format!(
                "{} {} {version} {}\n",
                receipt.index,
                key.id,
                hex(&receipt.leaf)
            );
            std::io::stdout().write_all(line.as_bytes())?;
        }
    }
}
