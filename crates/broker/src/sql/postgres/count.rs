//! Counts rows of one table, for a fact before a decision. The statement is ours: names are quoted and qualified, texts are bound,
//! operators are the catalogue's own, and before it is sent the catalogue must show that nothing in it can run anything: an
//! ordinary table without children and without row security, and columns of built-in types that nothing computes.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::time::Duration;

use tokio_postgres::Transaction;
use tokio_postgres::types::ToSql;

use super::quote::identifier as quoted;
use super::{PostgresTarget, session};
use crate::facts::count::statement::{Condition, Name, Rows, Value};
use crate::facts::count::{TOO_MUCH, Table};

/// Plans that cost more are not carried out: the estimate of the server, in its own unit.
const COST_MAX: f64 = 1_000_000.0;

/// Types whose values compare without anything that a user could have defined, by how a text becomes one of them.
const TYPES: &[(u32, &str)] = &[
    (16, "bool"),
    (20, "int8"),
    (21, "int2"),
    (23, "int4"),
    (25, "text"),
    (1042, "bpchar"),
    (1043, "text"),
    (1082, "date"),
    (1114, "timestamp"),
    (1184, "timestamptz"),
    (1700, "numeric"),
    (2950, "uuid"),
];

/// An ordinary table, on which nothing but itself is read.
const PLAIN: &str = "SELECT c.oid FROM pg_catalog.pg_class c \
    JOIN pg_catalog.pg_namespace n ON n.oid OPERATOR(pg_catalog.=) c.relnamespace \
    WHERE n.nspname OPERATOR(pg_catalog.=) $1::pg_catalog.text::pg_catalog.name \
    AND c.relname OPERATOR(pg_catalog.=) $2::pg_catalog.text::pg_catalog.name \
    AND c.relkind OPERATOR(pg_catalog.=) 'r'::pg_catalog.\"char\" AND NOT c.relrowsecurity AND NOT c.relhassubclass";

/// Its columns that nothing computes.
const COLUMNS: &str = "SELECT a.attname::pg_catalog.text, a.atttypid FROM pg_catalog.pg_attribute a \
    WHERE a.attrelid OPERATOR(pg_catalog.=) $1 AND a.attnum OPERATOR(pg_catalog.>) 0::pg_catalog.int2 \
    AND NOT a.attisdropped AND a.attgenerated OPERATOR(pg_catalog.=) ''::pg_catalog.\"char\"";

/// Whether the role could do more than read.
const POWERFUL: &str = "SELECT r.rolsuper OR r.rolbypassrls OR r.rolcreaterole OR r.rolreplication \
    FROM pg_catalog.pg_roles r WHERE r.rolname OPERATOR(pg_catalog.=) current_user";

/// How many rows these are.
pub(crate) async fn count(
    target: &PostgresTarget,
    table: &Table,
    rows: &Rows,
    limit: Duration,
) -> Result<u64, String> {
    let no_connection = |_| "there is no connection to the database".to_owned();
    let door = session::door(target, limit).await.map_err(no_connection)?;
    let mut session = door.open(limit).await.map_err(no_connection)?;
    let refused = |_| "the database does not answer that".to_owned();
    let transaction = session.client.build_transaction().read_only(true);
    let transaction = transaction.start().await.map_err(refused)?;
    let settled = transaction.batch_execute("SET LOCAL search_path = pg_catalog, pg_temp");
    settled.await.map_err(refused)?;
    let powerful = transaction
        .query_one(POWERFUL, &[])
        .await
        .map_err(refused)?;
    if powerful.try_get::<_, bool>(0).unwrap_or(true) {
        return Err("the role that counts may do more than read; give it a plain one".to_owned());
    }
    let columns = columns(&transaction, table).await?;
    let (sql, texts) = written(table, rows, &columns)?;
    let params: Vec<&(dyn ToSql + Sync)> = texts.iter().map(|text| text as _).collect();
    let plan = transaction
        .query(&format!("EXPLAIN {sql}"), &params)
        .await
        .map_err(refused)?;
    let plan = plan
        .first()
        .and_then(|row| row.try_get::<_, String>(0).ok());
    if plan
        .and_then(|plan| cost(&plan))
        .is_none_or(|cost| cost > COST_MAX)
    {
        return Err(TOO_MUCH.to_owned());
    }
    let found = transaction
        .query_one(&sql, &params)
        .await
        .map_err(refused)?;
    let found: i64 = found.try_get(0).map_err(refused)?;
    u64::try_from(found).map_err(|_| "the database counted less than nothing".to_owned())
}

/// The columns of the table, by name, each with its type.
async fn columns(
    transaction: &Transaction<'_>,
    table: &Table,
) -> Result<BTreeMap<String, &'static str>, String> {
    let refused = |_| "the database does not answer that".to_owned();
    let found = transaction
        .query_opt(PLAIN, &[&table.schema, &table.name])
        .await
        .map_err(refused)?;
    let found = found.ok_or("its table is no ordinary one, or the role may not see it")?;
    let id: u32 = found.try_get(0).map_err(refused)?;
    let mut columns = BTreeMap::new();
    for row in transaction.query(COLUMNS, &[&id]).await.map_err(refused)? {
        let name: String = row.try_get(0).map_err(refused)?;
        let type_: u32 = row.try_get(1).map_err(refused)?;
        if let Some((_, text)) = TYPES.iter().find(|(known, _)| *known == type_) {
            columns.insert(name, *text);
        }
    }
    Ok(columns)
}

/// The statement, and the texts that are bound.
fn written(
    table: &Table,
    rows: &Rows,
    columns: &BTreeMap<String, &'static str>,
) -> Result<(String, Vec<String>), String> {
    let mut sql = format!(
        "SELECT pg_catalog.count(*) FROM ONLY {}.{}",
        quoted(&table.schema),
        quoted(&table.name)
    );
    let mut texts = Vec::new();
    if let Some(condition) = &rows.condition {
        sql.push_str(" WHERE ");
        write(condition, columns, &mut sql, &mut texts)?;
    }
    Ok((sql, texts))
}

fn write(
    condition: &Condition,
    columns: &BTreeMap<String, &'static str>,
    sql: &mut String,
    texts: &mut Vec<String>,
) -> Result<(), String> {
    let mut two = |left: &Condition, word: &str, right: &Condition| {
        sql.push('(');
        write(left, columns, sql, texts)?;
        sql.push_str(word);
        write(right, columns, sql, texts)?;
        sql.push(')');
        Ok(())
    };
    match condition {
        Condition::Both(left, right) => two(left, " AND ", right),
        Condition::Either(left, right) => two(left, " OR ", right),
        Condition::Not(inside) => {
            sql.push_str("(NOT ");
            write(inside, columns, sql, texts)?;
            sql.push(')');
            Ok(())
        }
        Condition::IsNull(name) => {
            let (name, _) = column(name, columns)?;
            let _ = write!(sql, "({name} IS NULL)");
            Ok(())
        }
        Condition::Compared(name, operator, value) => {
            let (name, type_) = column(name, columns)?;
            let value = match value {
                Value::Column(other) => column(other, columns)?.0,
                Value::Number(number) => number.clone(),
                Value::Bool(value) => value.to_string(),
                Value::Text(text) => {
                    texts.push(text.clone());
                    format!("${}::pg_catalog.text::pg_catalog.{type_}", texts.len())
                }
            };
            let _ = write!(
                sql,
                "({name} OPERATOR(pg_catalog.{}) {value})",
                operator.as_str()
            );
            Ok(())
        }
    }
}

fn column(
    name: &Name,
    columns: &BTreeMap<String, &'static str>,
) -> Result<(String, &'static str), String> {
    let text = if name.quoted {
        name.text.clone()
    } else {
        name.text.to_ascii_lowercase()
    };
    let type_ = columns.get(&text);
    let type_ = type_.ok_or("its condition is not of plain columns of that table")?;
    Ok((quoted(&text), type_))
}

/// The upper cost of the first line of a plan: `Aggregate  (cost=1.05..1.06 rows=1 width=8)`.
fn cost(plan: &str) -> Option<f64> {
    let (_, costs) = plan.split_once("cost=")?;
    let (_, upper) = costs.split_once("..")?;
    upper.split_whitespace().next()?.parse().ok()
}
