//! What an encoded value says once the encoding is undone: beside the value as sent, never instead of it.
//!
//! Base64, hexadecimal, percent-encoding, character references, backslash escapes, JSON in a string, gzip and zlib, to
//! three layers. What is still encoded below that, decodes to no text, or would grow too large is called
//! uninspectable: a reviewer is never left to guess what a blob does.

mod compressed;
mod escapes;
mod layers;

use gatehold_core::json::payload;
use gatehold_core::json::scan::Limits;
use gatehold_core::wording::counted;

use crate::display::{Flag, Line, Run, RunKind};
use crate::escape::{LineFeeds, escape, escape_short, named};
use crate::findings::Findings;
use crate::leaves::leaves;
use crate::{json, scripts};
use layers::{Layer, Undone};

const LAYERS_MAX: usize = 3;
/// A blob that is no text and longer than a hash or a signature cannot be waved through.
const BLOB_BYTES_MAX: usize = 64;
const HEAD_BYTES_SHOWN: usize = 16;
const MARGIN: &str = "    ";

/// Lines below a value: what it says decoded. Nothing when it is not encoded.
pub(crate) fn beside(text: &str, findings: &mut Findings) -> Vec<Line> {
    let mut lines = Vec::new();
    look(text, Part::Value, &mut Vec::new(), findings, &mut lines);
    lines
}

/// The same for the words of a longer text, in which only words are encoded.
pub(crate) fn beside_words(text: &str, findings: &mut Findings) -> Vec<Line> {
    let mut lines = Vec::new();
    look(text, Part::Words, &mut Vec::new(), findings, &mut lines);
    lines
}

/// The same for bytes that are no text: compressed ones.
pub(crate) fn beside_bytes(bytes: &[u8], findings: &mut Findings) -> Vec<Line> {
    let mut lines = Vec::new();
    if let Some(layer) = compressed::kind(bytes) {
        inflate(bytes, layer, &[], findings, &mut lines);
    } else if let Some(text) = layers::utf16(bytes) {
        findings.note_text(Flag::Encoded, Layer::Utf16.name());
        let head = head(&[Layer::Utf16], None, findings);
        show(
            text.as_bytes(),
            vec![Layer::Utf16],
            head,
            true,
            findings,
            &mut lines,
        );
    }
    lines
}

/// One decoded value that somebody else found and undid, such as a part of a message.
pub(crate) fn beside_decoded(layer: Layer, bytes: &[u8], findings: &mut Findings) -> Vec<Line> {
    let mut lines = Vec::new();
    if findings.spend_decoded(bytes.len()) {
        let head = head(&[layer], None, findings);
        show(bytes, vec![layer], head, true, findings, &mut lines);
    } else {
        too_much(findings);
    }
    lines
}

pub(crate) use layers::Layer as Encoding;
pub(crate) use layers::base64 as from_base64;

#[derive(Clone, Copy, PartialEq, Eq)]
enum Part {
    Value,
    Words,
}

fn look(
    text: &str,
    part: Part,
    path: &mut Vec<Layer>,
    findings: &mut Findings,
    lines: &mut Vec<Line>,
) {
    let found = match part {
        Part::Value if is_json(text) => {
            return members(text, path, findings, lines);
        }
        Part::Value => layers::undo(text),
        Part::Words => layers::undo_words(text),
    };
    for undone in found {
        if path.len() >= LAYERS_MAX {
            return too_deep(findings);
        }
        one(undone, path, findings, lines);
    }
}

fn one(undone: Undone<'_>, path: &[Layer], findings: &mut Findings, lines: &mut Vec<Line>) {
    findings.note_text(Flag::Encoded, undone.layer.name());
    if !findings.spend_decoded(undone.bytes.len()) {
        return too_much(findings);
    }
    let path: Vec<Layer> = path.iter().copied().chain([undone.layer]).collect();
    if let Some(layer) = compressed::kind(&undone.bytes) {
        if path.len() >= LAYERS_MAX {
            return too_deep(findings);
        }
        return inflate(&undone.bytes, layer, &path, findings, lines);
    }
    if let Some(text) = layers::utf16(&undone.bytes) {
        let path: Vec<Layer> = path.into_iter().chain([Layer::Utf16]).collect();
        let head = head(&path, undone.of, findings);
        return show(text.as_bytes(), path, head, true, findings, lines);
    }
    let head = head(&path, undone.of, findings);
    show(&undone.bytes, path, head, undone.sure, findings, lines);
}

/// `sure`: that it was encoded at all, rather than a name that happens to look so.
fn show(
    bytes: &[u8],
    mut path: Vec<Layer>,
    head: Vec<Run>,
    sure: bool,
    findings: &mut Findings,
    lines: &mut Vec<Line>,
) {
    match std::str::from_utf8(bytes) {
        Ok(text) if sure || layers::is_readable(text) => {
            scripts::look_at(text, findings);
            let rows = escape(bytes, RunKind::Value, LineFeeds::Shown, findings);
            lines.extend(json::quoted(head, rows));
            look(text, Part::Value, &mut path, findings, lines);
        }
        _ => {
            let shown = bytes.get(..HEAD_BYTES_SHOWN).unwrap_or(bytes);
            let hex: Vec<String> = shown.iter().map(|byte| format!("{byte:02x}")).collect();
            let mut runs = head;
            let count = bytes.len();
            runs.push(Run::new(
                RunKind::Text,
                format!("{} that are no text, beginning ", counted(count, "byte")),
            ));
            runs.push(Run::new(RunKind::Chip, hex.join(" ")));
            lines.push(Line { runs });
            if count > BLOB_BYTES_MAX {
                findings.raise(Flag::Uninspectable);
                findings.note_text(Flag::Encoded, "a value that decodes to no text");
            }
        }
    }
}

fn inflate(
    bytes: &[u8],
    layer: Layer,
    path: &[Layer],
    findings: &mut Findings,
    lines: &mut Vec<Line>,
) {
    findings.note_text(Flag::Encoded, layer.name());
    let path: Vec<Layer> = path.iter().copied().chain([layer]).collect();
    match compressed::inflate(bytes, layer, findings.decoded_left()) {
        Ok(inflated) => {
            if !findings.spend_decoded(inflated.bytes.len()) {
                return too_much(findings);
            }
            if inflated.more_behind {
                findings.raise(Flag::Uninspectable);
                findings.note_text(
                    Flag::Encoded,
                    "something follows the compressed part; some programs read on",
                );
            }
            let head = head(&path, None, findings);
            show(&inflated.bytes, path, head, true, findings, lines);
        }
        Err(why) => {
            findings.raise(Flag::Uninspectable);
            findings.note_text(Flag::Encoded, why);
        }
    }
}

fn is_json(text: &str) -> bool {
    text.trim_start().starts_with(['{', '['])
        && payload::parse(text.as_bytes(), &Limits::PAYLOAD).is_ok()
}

/// JSON in a string: each member with its value, decoded on.
fn members(text: &str, path: &mut Vec<Layer>, findings: &mut Findings, lines: &mut Vec<Line>) {
    findings.note_text(Flag::Encoded, Layer::Json.name());
    if path.len() >= LAYERS_MAX {
        return too_deep(findings);
    }
    if !findings.spend_decoded(text.len()) {
        return too_much(findings);
    }
    let Ok(document) = payload::parse(text.as_bytes(), &Limits::PAYLOAD) else {
        return;
    };
    path.push(Layer::Json);
    leaves(&document, &mut |leaf| {
        let mut runs = head(path, None, findings);
        let name = match leaf.own(&mut runs) {
            "" => "/",
            own => own,
        };
        lines.extend(named(runs, name, " = ", findings, |head, findings| {
            json::scalar_lines(head, leaf.value, findings)
        }));
        if let Some(inner) = leaf.value.as_str() {
            scripts::look_at(inner, findings);
            look(inner, Part::Value, path, findings, lines);
        }
    });
    path.pop();
}

/// `decoded by us, base64, then gzip: `
fn head(path: &[Layer], of: Option<&str>, findings: &mut Findings) -> Vec<Run> {
    let names: Vec<&str> = path.iter().map(|layer| layer.name()).collect();
    let mut runs = vec![
        Run::new(RunKind::Text, MARGIN),
        Run::new(
            RunKind::Label,
            format!("decoded by us, {}", names.join(", then ")),
        ),
    ];
    if let Some(word) = of {
        runs.push(Run::new(RunKind::Text, " of "));
        let short: String = word.chars().take(24).collect();
        runs.extend(escape_short(&short, findings));
        if short.len() < word.len() {
            runs.push(Run::new(RunKind::Mark, crate::chars::SKIPPED));
        }
    }
    runs.push(Run::new(RunKind::Text, ": "));
    runs
}

fn too_deep(findings: &mut Findings) {
    findings.raise(Flag::Uninspectable);
    findings.note_text(Flag::Encoded, "still encoded after three layers");
}

fn too_much(findings: &mut Findings) {
    findings.raise(Flag::Uninspectable);
    findings.note_text(Flag::Encoded, "more is encoded than is decoded here");
}
