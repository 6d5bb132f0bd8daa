//! A result set as JSON, row by row, never longer than its cap: `{"columns", "rows", "affected", "truncated"}`.
//!
//! Numbers that a reader of JSON could round are written as text; bytes as `{"base64": …}`. Nothing is dropped inside a
//! row: a row that does not fit is left out whole.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

/// Integers beyond this are rounded by readers that know only doubles.
const EXACT_MAX: u64 = (1 << 53) - 1;
/// Room for everything after the rows.
const TAIL_BYTES: usize = 64;

/// One value of a row.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Cell {
    Null,
    Bool(bool),
    /// A numeral that is valid JSON and that nobody rounds.
    Number(String),
    Text(String),
    Bytes(Vec<u8>),
    List(Vec<Cell>),
}

impl Cell {
    pub(crate) fn integer(value: i64) -> Self {
        if value.unsigned_abs() <= EXACT_MAX {
            Self::Number(value.to_string())
        } else {
            Self::Text(value.to_string())
        }
    }

    pub(crate) fn real(value: f64) -> Self {
        match serde_json::to_string(&value) {
            Ok(text) if value.is_finite() => Self::Number(text),
            _ => Self::Text(value.to_string()),
        }
    }

    fn write(&self, out: &mut Vec<u8>) {
        match self {
            Self::Null => out.extend_from_slice(b"null"),
            Self::Bool(value) => out.extend_from_slice(value.to_string().as_bytes()),
            Self::Number(text) => out.extend_from_slice(text.as_bytes()),
            Self::Text(text) => write_text(text, out),
            Self::Bytes(bytes) => {
                out.extend_from_slice(b"{\"base64\":");
                write_text(&STANDARD.encode(bytes), out);
                out.push(b'}');
            }
            Self::List(cells) => write_list(cells, out),
        }
    }
}

/// Rows being written.
pub(crate) struct Table {
    out: Vec<u8>,
    bytes_max: usize,
    rows: u64,
    truncated: bool,
}

impl Table {
    /// Begins with the columns: name and type, where the target knows one.
    pub(crate) fn new<'a>(
        columns: impl IntoIterator<Item = (&'a str, Option<String>)>,
        bytes_max: usize,
    ) -> Self {
        let mut out = b"{\"columns\":[".to_vec();
        for (index, (name, type_)) in columns.into_iter().enumerate() {
            if index > 0 {
                out.push(b',');
            }
            out.extend_from_slice(b"{\"name\":");
            write_text(name, &mut out);
            out.extend_from_slice(b",\"type\":");
            type_.map_or(Cell::Null, Cell::Text).write(&mut out);
            out.push(b'}');
        }
        out.extend_from_slice(b"],\"rows\":[");
        Self {
            out,
            bytes_max,
            rows: 0,
            truncated: false,
        }
    }

    /// Adds a row; false when it did not fit, and then no later one is added either.
    pub(crate) fn push(&mut self, cells: &[Cell]) -> bool {
        if self.truncated {
            return false;
        }
        let before = self.out.len();
        if self.rows > 0 {
            self.out.push(b',');
        }
        write_list(cells, &mut self.out);
        if self.out.len() + TAIL_BYTES > self.bytes_max {
            self.out.truncate(before);
            self.truncated = true;
            return false;
        }
        self.rows += 1;
        true
    }

    /// Says that there would have been more.
    pub(crate) fn cut(&mut self) {
        self.truncated = true;
    }

    /// How many rows are in it.
    pub(crate) fn rows(&self) -> u64 {
        self.rows
    }

    /// The document and whether something is missing. A cap too small even for the columns leaves nothing.
    pub(crate) fn finish(mut self, affected: Option<u64>) -> (Vec<u8>, bool) {
        let affected = affected.map_or("null".to_owned(), |count| count.to_string());
        let tail = format!(
            "],\"affected\":{affected},\"truncated\":{}}}",
            self.truncated
        );
        self.out.extend_from_slice(tail.as_bytes());
        if self.out.len() > self.bytes_max {
            return (Vec::new(), true);
        }
        (self.out, self.truncated)
    }
}

fn write_list(cells: &[Cell], out: &mut Vec<u8>) {
    out.push(b'[');
    for (index, cell) in cells.iter().enumerate() {
        if index > 0 {
            out.push(b',');
        }
        cell.write(out);
    }
    out.push(b']');
}

fn write_text(text: &str, out: &mut Vec<u8>) {
    // Text always has a JSON form.
    out.extend_from_slice(serde_json::to_string(text).unwrap_or_default().as_bytes());
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn writes_every_value_exactly() {
        let mut table = Table::new([("a\"b", Some("int8".to_owned())), ("c", None)], 10_000);
        let cells = [
            Cell::integer(9_007_199_254_740_991),
            Cell::integer(-9_007_199_254_740_992),
            Cell::integer(i64::MIN),
            Cell::real(0.1),
            Cell::real(f64::NAN),
            Cell::Text("é\u{202e}\"\n".to_owned()),
            Cell::Bytes(vec![0, 255]),
            Cell::List(vec![Cell::Null, Cell::Bool(true)]),
        ];
        assert!(table.push(&cells));
        let (body, truncated) = table.finish(Some(3));
        assert!(!truncated);
        let read: serde_json::Value = serde_json::from_slice(&body).unwrap();
        let rows = serde_json::json!([[
            9_007_199_254_740_991_i64,
            "-9007199254740992",
            "-9223372036854775808",
            0.1,
            "NaN",
            "é\u{202e}\"\n",
            {"base64": "AP8="},
            [null, true]
        ]]);
        assert_eq!(read["rows"], rows);
        assert_eq!(
            read["columns"][0],
            serde_json::json!({"name": "a\"b", "type": "int8"})
        );
        assert_eq!(read["affected"], 3);
    }

    #[test]
    fn never_passes_its_cap_and_stays_whole() {
        for cap in 0..400 {
            let mut table = Table::new([("text", None)], cap);
            let fits = (0..20).all(|_| table.push(&[Cell::Text("0123456789".to_owned())]));
            let (body, truncated) = table.finish(None);
            assert!(body.len() <= cap);
            assert_eq!(truncated, !fits, "cap {cap}");
            assert!(body.is_empty() || serde_json::from_slice::<serde_json::Value>(&body).is_ok());
        }
    }
}
