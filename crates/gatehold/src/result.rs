//! What an execution gave back, for people: the rows of a database in columns, and how many there were in words; anything else
//! as it came. Every character of it is the target's, so all of it is made harmless.

use serde::Deserialize;
use serde_json::Value;

use crate::screen::{counted, plain, table};

/// The result set of a SQL target.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Rows {
    columns: Vec<Column>,
    rows: Vec<Vec<Value>>,
    affected: Option<u64>,
    truncated: bool,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Column {
    name: String,
    #[serde(rename = "type")]
    _type: Option<String>,
}

/// What happened, where the answer is a result set.
#[must_use]
pub fn words(body: &[u8]) -> Option<String> {
    let rows: Rows = serde_json::from_slice(body).ok()?;
    let cut = if rows.truncated {
        ", cut at the limit"
    } else {
        ""
    };
    Some(match rows.affected {
        Some(affected) => format!("{} changed", counted(affected, "row")),
        None => {
            format!("{} read{cut}", counted(rows.rows.len(), "row"))
        }
    })
}

/// The answer, indented.
#[must_use]
pub fn text(body: &[u8], width: usize) -> String {
    let shown = match serde_json::from_slice::<Rows>(body) {
        Ok(rows) if rows.columns.is_empty() => String::new(),
        Ok(rows) => columns(&rows, width),
        Err(_) => String::from_utf8_lossy(body)
            .lines()
            .map(|line| plain(line) + "\n")
            .collect(),
    };
    shown.lines().map(|line| format!("  {line}\n")).collect()
}

/// The rows of a result set as CSV (RFC 4180), under the names of their columns; nothing where there are none. NULL is empty, and
/// an empty text is `""`. Where a terminal reads it every character is made harmless, and nowhere else.
#[must_use]
pub fn csv(body: &[u8], terminal: bool) -> Option<String> {
    let rows: Rows = serde_json::from_slice(body).ok()?;
    let harmless = |text: String| if terminal { plain(&text) } else { text };
    let line = |fields: Vec<String>| fields.join(",") + "\r\n";
    if rows.columns.is_empty() {
        return Some(String::new());
    }
    let names = rows.columns.into_iter();
    let mut text = line(names.map(|column| quoted(&harmless(column.name))).collect());
    for row in &rows.rows {
        let fields = row.iter().map(|value| match value {
            Value::Null => String::new(),
            value => quoted(&harmless(cell(value))),
        });
        text.push_str(&line(fields.collect()));
    }
    Some(text)
}

fn quoted(field: &str) -> String {
    let plain = !field.is_empty() && !field.contains([',', '"', '\r', '\n']);
    if plain {
        return field.to_owned();
    }
    format!("\"{}\"", field.replace('"', "\"\""))
}

fn columns(result: &Rows, width: usize) -> String {
    let names: Vec<String> = result
        .columns
        .iter()
        .map(|column| plain(&column.name))
        .collect();
    let names: Vec<&str> = names.iter().map(String::as_str).collect();
    let cells = |row: &Vec<Value>| row.iter().map(cell).collect();
    let rows: Vec<Vec<String>> = result.rows.iter().map(cells).collect();
    table(&names, &rows, width.saturating_sub(2))
}

fn cell(value: &Value) -> String {
    match value {
        Value::Null => "NULL".to_owned(),
        Value::String(text) => text.clone(),
        other => other.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_result_set_is_a_table_and_nothing_of_it_moves_the_cursor() {
        let body = br#"{"columns":[{"name":"id","type":"INTEGER"},{"name":"log","type":null}],
            "rows":[[991,"a\u001b[2Jb"],[7,null]],"affected":null,"truncated":false}"#;
        assert_eq!(words(body).unwrap(), "2 rows read");
        let shown = "  id   log\n  991  a\u{27e8}U+001B\u{27e9}[2Jb\n  7    NULL\n";
        assert_eq!(text(body, 80), shown);
    }

    #[test]
    fn rows_are_csv_and_null_is_no_empty_text() {
        let body = br#"{"columns":[{"name":"id","type":null},{"name":"a,b","type":null}],
            "rows":[[1,"x\"y\nz"],[null,""],[true,"\u001b"]],"affected":null,"truncated":false}"#;
        let wanted = "id,\"a,b\"\r\n1,\"x\"\"y\nz\"\r\n,\"\"\r\ntrue,\u{1b}\r\n";
        assert_eq!(csv(body, false).unwrap(), wanted);
        assert!(!csv(body, true).unwrap().contains('\u{1b}'));
        assert_eq!(csv(b"hello", false), None);
    }

    #[test]
    fn a_change_is_counted_and_what_is_no_result_set_is_shown_as_it_came() {
        let body = br#"{"columns":[],"rows":[],"affected":1,"truncated":false}"#;
        assert_eq!(words(body).unwrap(), "1 row changed");
        assert_eq!(text(body, 80), "");
        assert_eq!(words(b"hello"), None);
        assert_eq!(text(b"hello\nthere", 80), "  hello\n  there\n");
    }
}
