//! SQL as it was approved: one statement, verbatim, with its parameters apart. Nothing here decides by reading SQL; the
//! target's own parser sees one statement or refuses.

pub(crate) mod postgres;
pub(crate) mod sqlite;

use gatehold_core::json::lexeme::Lexeme;
use gatehold_core::json::payload::{self, Json};
use gatehold_core::json::scan::Limits;
use gatehold_core::wording::{counted, grouped};

use crate::call::{Call, Caps, Mode, Precondition};
use crate::outcome::{Ending, Execution, Stop, code};
use crate::table::Table;

/// Caps a database target enforces.
pub(crate) const CAPS: &[&str] = &["bytes", "rows"];

/// One statement with its bounds, read before any target is touched.
pub(crate) struct Plan {
    pub(crate) sql: String,
    pub(crate) params: Vec<Param>,
    pub(crate) mode: Mode,
    pub(crate) caps: Caps,
    /// Exactly this many rows must be written.
    pub(crate) rows_exact: Option<u64>,
}

/// A value that stands apart from the statement's text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Param {
    Null,
    Bool(bool),
    Number(Lexeme),
    Text(String),
}

impl Plan {
    /// Reads the approved bytes.
    pub(crate) fn read(call: &Call, bytes_max: usize) -> Result<Self, Stop> {
        let caps = call.caps(CAPS, bytes_max)?;
        let rows_exact = match (call.precondition()?, call.mode) {
            (None, _) => None,
            (Some(Precondition::Rows(count)), Mode::Write) => Some(count),
            (Some(_), _) => {
                let text = "a database knows the precondition `rows=N` for changes only";
                return Err(Stop::failed(code::PRECONDITION, text));
            }
        };
        let (sql, params) = match call.media_type.as_str() {
            "application/sql" => (text(&call.payload)?, Vec::new()),
            "application/json" => statement(&call.payload)?,
            other => {
                let text =
                    format!("a database takes application/sql or application/json, not `{other}`");
                return Err(unusable(text));
            }
        };
        // SQLite stops reading at a NUL: what stands behind it was shown and would not run.
        if sql.contains('\0') {
            return Err(unusable("the statement holds a NUL character"));
        }
        Ok(Self {
            sql,
            params,
            mode: call.mode,
            caps,
            rows_exact,
        })
    }

    /// Whether what a transaction wrote may be committed.
    pub(crate) fn check_written(&self, written: u64) -> Result<(), Stop> {
        if let Some(exact) = self.rows_exact
            && exact != written
        {
            let text = format!(
                "{} would have been written, {} were approved",
                counted(written, "row"),
                grouped(exact)
            );
            return Err(Stop::failed(code::PRECONDITION, text));
        }
        match self.caps.rows {
            Some(cap) if written > cap => Err(Stop::failed(
                code::CAP,
                format!(
                    "{} would have been written, at most {} were approved",
                    counted(written, "row"),
                    grouped(cap)
                ),
            )),
            _ => Ok(()),
        }
    }

    /// Whether anything depends on knowing how many rows were written.
    pub(crate) fn counts_rows(&self) -> bool {
        self.caps.rows.is_some() || self.rows_exact.is_some()
    }
}

/// The call was made.
pub(crate) fn completed(table: Table, affected: Option<u64>) -> Execution {
    let quantity = affected.unwrap_or(table.rows());
    let (body, truncated) = table.finish(affected);
    Execution {
        ending: Ending::Completed,
        code: code::OK,
        quantity: Some(quantity),
        status: None,
        media_type: "application/json".to_owned(),
        body,
        truncated,
    }
}

fn unusable(text: impl Into<String>) -> Stop {
    Stop::failed(code::PAYLOAD, text)
}

fn text(bytes: &[u8]) -> Result<String, Stop> {
    String::from_utf8(bytes.to_vec()).map_err(|_| unusable("the statement is not UTF-8"))
}

/// `{"sql": "...", "params": [...]}`, and no other member.
fn statement(bytes: &[u8]) -> Result<(String, Vec<Param>), Stop> {
    let json = payload::parse(bytes, &Limits::PAYLOAD)
        .map_err(|error| unusable(format!("the payload is not strict JSON: {error}")))?;
    let members = json
        .as_object()
        .ok_or_else(|| unusable("write {\"sql\": …, \"params\": […]}"))?;
    let mut sql = None;
    let mut params = Vec::new();
    for (name, value) in members {
        match (name.as_str(), value) {
            ("sql", Json::String(text)) => sql = Some(text.clone()),
            ("params", Json::Array(values)) => {
                params = values.iter().map(param).collect::<Result<_, _>>()?;
            }
            _ => {
                let text = format!("member `{name}` is not known or not of its type");
                return Err(unusable(text));
            }
        }
    }
    let sql = sql.ok_or_else(|| unusable("member `sql` is missing"))?;
    Ok((sql, params))
}

fn param(value: &Json) -> Result<Param, Stop> {
    match value {
        Json::Null => Ok(Param::Null),
        Json::Bool(value) => Ok(Param::Bool(*value)),
        Json::Number(lexeme) => Ok(Param::Number(lexeme.clone())),
        Json::String(text) => Ok(Param::Text(text.clone())),
        Json::Array(_) | Json::Object(_) => Err(unusable(
            "a parameter is null, a truth value, a number or text; write structures as JSON text",
        )),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::call::tests::call;

    fn read(media_type: &str, payload: &str) -> Result<Plan, &'static str> {
        let call = call(Mode::Write, media_type, payload.as_bytes());
        Plan::read(&call, 1000).map_err(|stop| stop.code)
    }

    #[test]
    fn the_statement_is_taken_as_it_is() {
        let sql = "UPDATE t SET a = 'x; y' -- \u{e9}\n";
        assert_eq!(read("application/sql", sql).unwrap().sql, sql);
        let json = r#"{"params":[null,true,1.50,"x"],"sql":"SELECT ?"}"#;
        let plan = read("application/json", json).unwrap();
        assert_eq!(plan.sql, "SELECT ?");
        let number = Param::Number(Lexeme::new("1.50").unwrap());
        let wanted = [
            Param::Null,
            Param::Bool(true),
            number,
            Param::Text("x".to_owned()),
        ];
        assert_eq!(plan.params, wanted);
    }

    #[test]
    fn refuses_what_two_readers_could_take_differently() {
        for (media_type, payload) in [
            ("text/plain", "SELECT 1"),
            ("application/sql; charset=utf-16", "SELECT 1"),
            ("application/sql", "SELECT 1\0; DROP TABLE t"),
            ("application/json", r#"{"sql":"SELECT 1\u0000;x"}"#),
            (
                "application/json",
                r#"{"sql":"SELECT 1","sql":"DROP TABLE t"}"#,
            ),
            ("application/json", r#"{"sql":"SELECT 1","s\u0071l":"x"}"#),
            ("application/json", r#"{"sql":"SELECT 1","expect":1}"#),
            ("application/json", r#"{"sql":1}"#),
            ("application/json", r#"{"params":[]}"#),
            ("application/json", r#"{"sql":"x","params":[[1]]}"#),
            ("application/json", r#"{"sql":"x","params":{}}"#),
            ("application/json", r#"["SELECT 1"]"#),
            ("application/json", "SELECT 1"),
        ] {
            assert_eq!(
                read(media_type, payload).err(),
                Some(code::PAYLOAD),
                "{payload}"
            );
        }
        let bytes = call(Mode::Write, "application/sql", b"SELECT '\xff'");
        assert!(Plan::read(&bytes, 1000).is_err());
    }
}
