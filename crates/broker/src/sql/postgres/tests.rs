//! Against a real PostgreSQL server, and against servers that misbehave.

mod caps;
mod doors;
mod hostile;
mod values;

use std::collections::BTreeMap;

use super::*;
use crate::call::Mode::{self, Read, Write};
use crate::call::tests::call;
use crate::outcome::Ending;
use crate::testing::postgres::Server;
use crate::testing::{self, CANARY};

const SHOP: &str = "CREATE TABLE orders (id int PRIMARY KEY, status text, total numeric(10,2));
    CREATE TABLE lines (order_id int REFERENCES orders ON DELETE CASCADE, sku text);
    CREATE TABLE audit (what text);
    INSERT INTO orders SELECT i, 'open', i / 10.0 FROM generate_series(1, 20) i;
    INSERT INTO lines SELECT id, s FROM orders, (VALUES ('a'), ('b')) v(s);";

const STATE: &str = "SELECT string_agg(t::text, ' ') FROM (SELECT o::text FROM orders o UNION ALL \
    SELECT l::text FROM lines l UNION ALL SELECT a::text FROM audit a ORDER BY 1) t";

fn sql(mode: Mode, sql: &str) -> Call {
    call(mode, "application/sql", sql.as_bytes())
}

fn capped(text: &str, rows: u64) -> Call {
    let mut call = sql(Write, text);
    call.caps = BTreeMap::from([("rows".to_owned(), rows)]);
    call
}

async fn run(target: &PostgresTarget, call: &Call) -> Execution {
    let execution = execute(target, call).await.unwrap_or_else(Execution::from);
    testing::assert_no_canary(&execution);
    execution
}

async fn shop() -> Server {
    let server = Server::start(&[]).await;
    server.admin(SHOP).await;
    server
}
