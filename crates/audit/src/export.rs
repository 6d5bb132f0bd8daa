//! The export of a ledger: one JSON document a line. First what to compare with, then the leaves in order, then, if
//! given, the rows of the database. Reading believes nothing; verifying comes after.

use std::io::BufRead;

use serde::{Deserialize, Serialize};

use crate::leaf::{Base64, LedgerLeaf};
use crate::verify::References;

/// The first line's `export` member.
pub const EXPORT_TYPE: &str = "gatehold/export/v1";
/// Longest line read, in bytes: the largest leaf with all its attachments in base64.
pub const LINE_BYTES_MAX: u64 = 160 << 20;
/// Most tree heads, and most anchors, read from one export.
pub const REFERENCES_MAX: usize = 4_096;

/// One line.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum Line {
    /// The first line: `EXPORT_TYPE`.
    Export(String),
    /// A signed tree head.
    TreeHead(String),
    /// An anchor file.
    Anchor(String),
    /// Leaf hashes of the tiles of level 0, concatenated, in base64.
    LeafHashes(Base64),
    /// A leaf.
    Leaf(Box<LedgerLeaf>),
    /// A row as the database holds it.
    Row(RowClaim),
}

/// A row as it was found. The ledger says what it should be.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RowClaim {
    /// Table and id, such as `request/req_…`.
    pub row: String,
    /// How often it was changed.
    pub version: u64,
    /// Its body.
    pub body: Base64,
}

/// What follows the references.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ExportItem {
    /// A leaf.
    Leaf(Box<LedgerLeaf>),
    /// A row.
    Row(RowClaim),
}

/// An export that cannot be read.
#[derive(Debug, thiserror::Error)]
pub enum ExportError {
    /// The file cannot be read.
    #[error("line {line} of the export cannot be read: {error}")]
    Read {
        /// Which line, from 1.
        line: u64,
        /// Why.
        error: std::io::Error,
    },
    /// A line is longer than any export writes.
    #[error(
        "line {0} of the export is longer than {LINE_BYTES_MAX} bytes; export the ledger again"
    )]
    TooLong(u64),
    /// A line is not of the form.
    #[error("line {line} of the export is not of its form: {why}; export the ledger again")]
    Form {
        /// Which line, from 1.
        line: u64,
        /// What is wrong.
        why: String,
    },
}

/// An export being read.
#[derive(Debug)]
pub struct Export<R> {
    reader: R,
    line: u64,
    references: References,
    first: Option<Line>,
}

impl<R: BufRead> Export<R> {
    /// Reads up to the first leaf.
    ///
    /// # Errors
    /// [`ExportError`].
    pub fn open(reader: R) -> Result<Self, ExportError> {
        let mut export = Self {
            reader,
            line: 0,
            references: References::default(),
            first: None,
        };
        match export.next_line()? {
            Some(Line::Export(version)) if version == EXPORT_TYPE => {}
            _ => {
                return Err(export.form(format!(
                    "it must begin with {{\"export\":\"{EXPORT_TYPE}\"}}"
                )));
            }
        }
        while let Some(line) = export.next_line()? {
            match line {
                Line::TreeHead(note) => export.references.tree_heads.push(note),
                Line::Anchor(text) => export.references.anchors.push(text),
                Line::LeafHashes(bytes) => export.leaf_hashes(&bytes.0)?,
                Line::Export(_) => return Err(export.form("a second beginning")),
                other @ (Line::Leaf(_) | Line::Row(_)) => {
                    export.first = Some(other);
                    break;
                }
            }
            let most = export
                .references
                .tree_heads
                .len()
                .max(export.references.anchors.len());
            if most > REFERENCES_MAX {
                return Err(export.form(format!(
                    "at most {REFERENCES_MAX} tree heads or anchors are read"
                )));
            }
        }
        Ok(export)
    }

    /// What the export brings to compare with. An auditor adds their own.
    pub const fn references(&mut self) -> &mut References {
        &mut self.references
    }

    /// The next leaf or row.
    ///
    /// # Errors
    /// [`ExportError`].
    pub fn next_item(&mut self) -> Result<Option<ExportItem>, ExportError> {
        let line = match self.first.take() {
            Some(line) => Some(line),
            None => self.next_line()?,
        };
        match line {
            None => Ok(None),
            Some(Line::Leaf(leaf)) => Ok(Some(ExportItem::Leaf(leaf))),
            Some(Line::Row(row)) => Ok(Some(ExportItem::Row(row))),
            Some(_) => Err(self.form("tree heads and anchors come before the leaves")),
        }
    }

    fn next_line(&mut self) -> Result<Option<Line>, ExportError> {
        self.line = self.line.saturating_add(1);
        let mut bytes = Vec::new();
        let mut limited = std::io::Read::take(&mut self.reader, LINE_BYTES_MAX);
        let read = limited
            .read_until(b'\n', &mut bytes)
            .map_err(|error| ExportError::Read {
                line: self.line,
                error,
            })?;
        if read == 0 {
            return Ok(None);
        }
        if bytes.pop() != Some(b'\n') {
            return Err(
                if u64::try_from(read).unwrap_or(u64::MAX) >= LINE_BYTES_MAX {
                    ExportError::TooLong(self.line)
                } else {
                    self.form("the file was cut")
                },
            );
        }
        serde_json::from_slice(&bytes)
            .map(Some)
            .map_err(|error| self.form(error.to_string()))
    }

    fn leaf_hashes(&mut self, bytes: &[u8]) -> Result<(), ExportError> {
        let (hashes, rest) = bytes.as_chunks::<32>();
        if !rest.is_empty() {
            return Err(self.form("leaf hashes have 32 bytes each"));
        }
        let hashes = hashes.iter().map(|hash| gatehold_ledger::Hash(*hash));
        self.references.leaf_hashes.extend(hashes);
        Ok(())
    }

    fn form(&self, why: impl Into<String>) -> ExportError {
        ExportError::Form {
            line: self.line,
            why: why.into(),
        }
    }
}

impl Line {
    /// The line as it stands in a file, with its end.
    ///
    /// # Errors
    /// Never for these types; serialisation says it can fail.
    pub fn to_text(&self) -> Result<String, serde_json::Error> {
        let mut text = serde_json::to_string(self)?;
        text.push('\n');
        Ok(text)
    }

    /// How an export begins.
    #[must_use]
    pub fn beginning() -> Self {
        Self::Export(EXPORT_TYPE.to_owned())
    }
}
