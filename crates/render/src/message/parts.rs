//! The parts of a message: text as it is read, everything else by type, name, size and hash.

use std::collections::BTreeSet;

use crate::display::{Block, BlockKind, Flag, Line, Run, RunKind};
use crate::escape::{LineFeeds, behind, escape, escape_short};
use crate::findings::Findings;
use crate::message::unfold;
use crate::{decode, opaque, scripts, text};

const PARTS_MAX: usize = 64;
const DEPTH_MAX: usize = 4;

/// Headers of a part that say how it is read; mail programs disagree which of two counts.
const ONCE: [&str; 4] = [
    "content-type",
    "content-transfer-encoding",
    "content-disposition",
    "content-id",
];

/// One part: its headers, as far as they matter, and its bytes as sent.
pub(super) struct Part<'a> {
    media_type: String,
    encoding: String,
    disposition: String,
    body: &'a [u8],
}

impl<'a> Part<'a> {
    pub(super) fn of(headers: &[(String, String)], body: &'a [u8]) -> Self {
        let value = |wanted: &str| {
            headers
                .iter()
                .find(|(name, _)| name.eq_ignore_ascii_case(wanted))
                .map_or_else(String::new, |(_, value)| value.clone())
        };
        Self {
            media_type: value("content-type"),
            encoding: value("content-transfer-encoding").to_ascii_lowercase(),
            disposition: value("content-disposition"),
            body,
        }
    }

    fn essence(&self) -> String {
        let essence = self.media_type.split(';').next().unwrap_or("").trim();
        if essence.is_empty() {
            return "text/plain".to_owned();
        }
        essence.to_ascii_lowercase()
    }

    fn file_name(&self) -> Option<String> {
        parameter(&self.disposition, "filename").or_else(|| parameter(&self.media_type, "name"))
    }

    /// Says what two mail programs could read differently in the headers that say how the part is read.
    fn look_at_parameters(&self, findings: &mut Findings) {
        for value in [&self.media_type, &self.disposition] {
            let mut names = BTreeSet::new();
            let (parameters, whole) = parameters(value);
            for (name, _) in parameters {
                // RFC 2231: a name in pieces or in another character set, of which programs take one or the other.
                if name.contains('*') {
                    findings.raise(Flag::Uninspectable);
                    findings.note_text(Flag::Encoded, "a parameter in pieces or another encoding");
                }
                if !names.insert(name) {
                    findings.raise(Flag::Uninspectable);
                    findings.note_text(Flag::Ambiguous, "a parameter of a part twice");
                }
            }
            if !whole {
                findings.raise(Flag::Uninspectable);
                findings.note_text(Flag::Malformed, "a quoted parameter that never ends");
            }
        }
    }

    /// The bytes that a reader gets. `None` when the encoding cannot be undone.
    fn decoded(&self) -> Option<Vec<u8>> {
        match self.encoding.as_str() {
            "" | "7bit" | "8bit" | "binary" => Some(self.body.to_vec()),
            "quoted-printable" => Some(quoted_printable(self.body)),
            "base64" => {
                let kept: Vec<u8> = self
                    .body
                    .iter()
                    .copied()
                    .filter(|byte| !byte.is_ascii_whitespace())
                    .collect();
                decode::from_base64(std::str::from_utf8(&kept).ok()?)
            }
            _ => None,
        }
    }
}

pub(super) fn blocks(message: &Part<'_>, findings: &mut Findings) -> Vec<Block> {
    let mut blocks = Vec::new();
    open(message, 0, &mut blocks, findings);
    blocks
}

fn open(part: &Part<'_>, depth: usize, blocks: &mut Vec<Block>, findings: &mut Findings) {
    if blocks.len() == PARTS_MAX || depth > DEPTH_MAX {
        findings.raise(Flag::Uninspectable);
        return findings.note_text(Flag::Malformed, "more parts than are shown");
    }
    part.look_at_parameters(findings);
    if !part.essence().starts_with("multipart/") {
        let number = blocks.len() + 1;
        return blocks.push(leaf(part, number, findings));
    }
    let Some(boundary) = parameter(&part.media_type, "boundary").filter(|text| !text.is_empty())
    else {
        findings.raise(Flag::Uninspectable);
        return findings.note_text(Flag::Malformed, "parts without a boundary between them");
    };
    let (inner, outside, closed) = split(part.body, boundary.as_bytes());
    if outside {
        findings.note_text(Flag::Comments, "text outside the parts of the message");
    }
    if !closed {
        findings.raise(Flag::Uninspectable);
        findings.note_text(Flag::Malformed, "the last part never ends");
    }
    for bytes in inner {
        let (head, body) = super::split(bytes);
        // Without headers, a part begins with its empty line.
        let bare = [&b"\r\n"[..], b"\n"]
            .iter()
            .find_map(|end| bytes.strip_prefix(*end));
        let (head, body) = bare.map_or((head, body), |body| (&b""[..], body));
        let headers = unfold(&String::from_utf8_lossy(head));
        look_at_names(&headers, findings);
        open(&Part::of(&headers, body), depth + 1, blocks, findings);
    }
}

/// A part says once how it is read.
fn look_at_names(headers: &[(String, String)], findings: &mut Findings) {
    let mut names = BTreeSet::new();
    for (name, _) in headers {
        let lower = name.to_ascii_lowercase();
        if ONCE.contains(&lower.as_str()) && !names.insert(lower) {
            findings.raise(Flag::Uninspectable);
            findings.note_text(Flag::Ambiguous, "a header of a part twice");
        }
    }
}

/// The parts between boundaries, whether there is more before and behind, and whether the last boundary is there.
fn split<'a>(body: &'a [u8], boundary: &[u8]) -> (Vec<&'a [u8]>, bool, bool) {
    let mut parts = Vec::new();
    let (mut start, mut at, mut outside, mut closed) = (None, 0, false, false);
    for line in body.split_inclusive(|byte| *byte == b'\n') {
        let text = line.trim_ascii_end();
        let marked = text
            .strip_prefix(b"--")
            .and_then(|rest| rest.strip_prefix(boundary));
        let end = marked == Some(b"--");
        if !closed && (marked == Some(b"") || end) {
            if let Some(start) = start.replace(at + line.len()) {
                parts.push(body.get(start..at).unwrap_or_default());
            }
            closed = end;
        } else if (start.is_none() || closed) && !text.is_empty() {
            outside = true;
        }
        at += line.len();
    }
    if let Some(start) = start.filter(|_| !closed) {
        parts.push(body.get(start..).unwrap_or_default());
    }
    (parts, outside, closed)
}

fn leaf(part: &Part<'_>, number: usize, findings: &mut Findings) -> Block {
    let mut lines = Vec::new();
    let mut value = |label: &str, text: &str, findings: &mut Findings| {
        scripts::look_at(text, findings);
        let head = Line::labelled(label, Vec::new()).runs;
        let rows = escape(text.as_bytes(), RunKind::Value, LineFeeds::Shown, findings);
        lines.extend(behind(head, rows));
    };
    let essence = part.essence();
    value("type", &essence, findings);
    let name = part.file_name();
    if let Some(name) = &name {
        value("file name", name, findings);
    }
    let decoded = part.decoded();
    let readable = decoded
        .as_deref()
        .and_then(|bytes| std::str::from_utf8(bytes).ok());
    let is_text = essence.starts_with("text/") && readable.is_some();
    if name.is_some() || !is_text || part.disposition.starts_with("attachment") {
        let runs = escape_short(name.as_deref().unwrap_or(&essence), findings);
        findings.note(Flag::Attachment, runs);
    }
    if essence == "text/html" {
        findings.raise(Flag::Markup);
    }
    match (&decoded, readable) {
        (Some(bytes), Some(readable)) if is_text => {
            if bytes != part.body {
                let layer = if part.encoding == "base64" {
                    decode::Encoding::Base64
                } else {
                    decode::Encoding::QuotedPrintable
                };
                findings.note_text(Flag::Encoded, layer.name());
                let said = format!("decoded by us, {}", layer.name());
                lines.push(Line::of(RunKind::Label, said));
            }
            scripts::look_at(readable, findings);
            // Every line of a message ends in CR LF.
            let plain = readable.replace("\r\n", "\n");
            lines.extend(text::numbered(plain.as_bytes(), findings));
            lines.extend(decode::beside_words(readable, findings));
        }
        (Some(bytes), _) => {
            findings.raise(Flag::Uninspectable);
            lines.push(Line::labelled("content", opaque::summary(bytes)));
        }
        (None, _) => {
            findings.raise(Flag::Uninspectable);
            findings.note_text(Flag::Encoded, "a part that cannot be decoded");
            let mut runs = opaque::summary(part.body);
            runs.insert(0, Run::new(RunKind::Text, "as sent, "));
            lines.push(Line::labelled("content", runs));
        }
    }
    Block {
        kind: BlockKind::Payload,
        title: format!("Part {number}"),
        lines,
    }
}

/// A parameter of a header value, quoted or not.
fn parameter(value: &str, wanted: &str) -> Option<String> {
    let (parameters, _) = parameters(value);
    let mut wanted = parameters.into_iter().filter(|(name, _)| name == wanted);
    wanted.next().map(|(_, value)| value)
}

/// The parameters of a header value (RFC 2045 section 5.1), names in lower case: a semicolon within quotes separates nothing.
/// And whether every quote is closed.
fn parameters(value: &str) -> (Vec<(String, String)>, bool) {
    let mut pieces = vec![String::new()];
    let (mut quoted, mut escaped) = (false, false);
    for character in value.chars() {
        match character {
            _ if escaped => escaped = false,
            '\\' if quoted => {
                escaped = true;
                continue;
            }
            '"' => {
                quoted = !quoted;
                continue;
            }
            ';' if !quoted => {
                pieces.push(String::new());
                continue;
            }
            _ => {}
        }
        if let Some(piece) = pieces.last_mut() {
            piece.push(character);
        }
    }
    let named = pieces.iter().skip(1).filter_map(|piece| {
        let (name, value) = piece.split_once('=')?;
        Some((name.trim().to_ascii_lowercase(), value.trim().to_owned()))
    });
    (named.collect(), !quoted)
}

/// `=41` is a byte, `=` at the end of a line joins it with the next.
pub(super) fn quoted_printable(bytes: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(bytes.len());
    let mut rest = bytes;
    while let [first, behind @ ..] = rest {
        let joined = [&b"\r\n"[..], b"\n"]
            .iter()
            .find_map(|end| behind.strip_prefix(*end));
        let byte = behind
            .get(..2)
            .and_then(|pair| std::str::from_utf8(pair).ok())
            .filter(|pair| pair.bytes().all(|byte| byte.is_ascii_hexdigit()))
            .and_then(|pair| u8::from_str_radix(pair, 16).ok());
        match (first, joined, byte) {
            (b'=', Some(joined), _) => rest = joined,
            (b'=', None, Some(byte)) => {
                out.push(byte);
                rest = behind.get(2..).unwrap_or_default();
            }
            _ => {
                out.push(*first);
                rest = behind;
            }
        }
    }
    out
}
