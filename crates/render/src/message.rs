//! An electronic message (RFC 5322): who receives it, its headers, its parts with what is attached.
//!
//! What two mail programs could read differently makes it uninspectable. Parts that are text are shown as they are
//! read, those that are not by type, size and hash.

mod parts;

use std::collections::BTreeSet;

use crate::display::{Block, BlockKind, Flag, Line, Run, RunKind};
use crate::escape::{LineFeeds, behind, escape, escape_short, named};
use crate::findings::Findings;
use crate::recipients::{self, Recipients};
use crate::{decode, form, opaque, scripts};
use parts::Part;

/// Headers that may stand once; mail programs disagree which of two counts.
const ONCE: [&str; 13] = [
    "from",
    "sender",
    "reply-to",
    "to",
    "cc",
    "bcc",
    "subject",
    "date",
    "message-id",
    "mime-version",
    "content-type",
    "content-transfer-encoding",
    "content-disposition",
];

pub(crate) fn blocks(bytes: &[u8], internal: &[String], findings: &mut Findings) -> Vec<Block> {
    look_at_lines(bytes, findings);
    let (head, body) = split(bytes);
    let Ok(head) = std::str::from_utf8(head) else {
        findings.raise(Flag::Uninspectable);
        findings.note_text(Flag::Malformed, "the head of the message is not UTF-8");
        return opaque::blocks("message/rfc822", bytes, findings);
    };
    let headers = unfold(head);
    let mut who = Recipients::new(internal);
    let (mut receivers, mut others) = (Vec::new(), Vec::new());
    let mut names = BTreeSet::new();
    for (name, value) in &headers {
        let lower = name.to_ascii_lowercase();
        if ONCE.contains(&lower.as_str()) && !names.insert(lower.clone()) {
            findings.raise(Flag::Uninspectable);
            let mut note = vec![Run::new(RunKind::Text, "a header twice: ")];
            note.extend(escape_short(name, findings));
            findings.note(Flag::Ambiguous, note);
        }
        if recipients::receiving().contains(lower.as_str()) {
            let label = label(&lower);
            receivers.extend(who.lines(label, value, findings));
            receivers.extend(encoded_words(value, findings));
        } else if ["from", "sender", "reply-to"].contains(&lower.as_str()) {
            others.extend(who.other(label(&lower), value, findings));
            others.extend(encoded_words(value, findings));
        } else {
            others.extend(header(name, value, findings));
        }
    }
    look_at_replies(&headers, findings);
    if who.count() == 0 {
        findings.note_text(Flag::OddRecipient, "the message names no recipient");
    }
    receivers.insert(0, who.total());
    let block = |title: &str, lines| Block {
        kind: BlockKind::Payload,
        title: title.to_owned(),
        lines,
    };
    let mut blocks = vec![block("Recipients", receivers), block("Message", others)];
    blocks.extend(parts::blocks(&Part::of(&headers, body), findings));
    blocks
}

const fn label(name: &str) -> &'static str {
    match name.as_bytes() {
        b"to" => "to",
        b"cc" => "copy to",
        b"bcc" => "hidden copy to",
        b"from" => "from",
        b"sender" => "sent by",
        b"reply-to" => "replies go to",
        _ => "resent to",
    }
}

/// Head and body, at the first empty line.
fn split(bytes: &[u8]) -> (&[u8], &[u8]) {
    let at = |needle: &[u8]| {
        bytes
            .windows(needle.len())
            .position(|window| window == needle)
            .map(|at| (at, at + needle.len()))
    };
    let (end, start) = [at(b"\r\n\r\n"), at(b"\n\n")]
        .into_iter()
        .flatten()
        .min()
        .unwrap_or((bytes.len(), bytes.len()));
    (
        bytes.get(..end).unwrap_or(bytes),
        bytes.get(start..).unwrap_or_default(),
    )
}

/// Names and values, folded lines joined.
pub(crate) fn unfold(head: &str) -> Vec<(String, String)> {
    let mut headers: Vec<(String, String)> = Vec::new();
    for line in head.split('\n') {
        let line = line.strip_suffix('\r').unwrap_or(line);
        if line.starts_with([' ', '\t'])
            && let Some((_, value)) = headers.last_mut()
        {
            value.push_str(line);
            continue;
        }
        if line.is_empty() {
            continue;
        }
        let (name, value) = line.split_once(':').unwrap_or((line, ""));
        headers.push((name.trim().to_owned(), value.trim().to_owned()));
    }
    headers
}

fn header(name: &str, value: &str, findings: &mut Findings) -> Vec<Line> {
    let token = |byte: u8| byte.is_ascii_graphic() && byte != b':';
    if name.is_empty() || !name.bytes().all(token) {
        findings.raise(Flag::Uninspectable);
        findings.note_text(Flag::Malformed, "a header without a proper name");
    }
    scripts::look_at(value, findings);
    let mut lines = named(form::margin(), name, ": ", findings, |head, findings| {
        let rows = escape(value.as_bytes(), RunKind::Value, LineFeeds::Shown, findings);
        behind(head, rows)
    });
    lines.extend(encoded_words(value, findings));
    lines
}

/// `=?utf-8?B?…?=`: what a mail program shows instead.
fn encoded_words(value: &str, findings: &mut Findings) -> Vec<Line> {
    let mut lines = Vec::new();
    let mut rest = value;
    while let Some((_, from)) = rest.split_once("=?") {
        let mut pieces = from.splitn(4, '?');
        let (charset, method, text) = (pieces.next(), pieces.next(), pieces.next());
        let behind = pieces.next();
        rest = from;
        let (Some(charset), Some(method), Some(text), Some(behind)) =
            (charset, method, text, behind)
        else {
            continue;
        };
        if !behind.starts_with('=') {
            continue;
        }
        rest = behind;
        let (layer, bytes) = match method {
            "B" | "b" => (decode::Encoding::Base64, decode::from_base64(text)),
            "Q" | "q" => (
                decode::Encoding::QuotedPrintable,
                Some(parts::quoted_printable(text.replace('_', " ").as_bytes())),
            ),
            _ => (decode::Encoding::Base64, None),
        };
        let plain = ["utf-8", "us-ascii"]
            .iter()
            .any(|known| charset.eq_ignore_ascii_case(known));
        findings.note_text(Flag::Encoded, "words of a header");
        match bytes.filter(|_| plain) {
            Some(bytes) => lines.extend(decode::beside_decoded(layer, &bytes, findings)),
            None => {
                findings.raise(Flag::Uninspectable);
                findings.note_text(Flag::Encoded, "words of a header that cannot be decoded");
            }
        }
    }
    lines
}

/// Line ends and dots that end a message for one server and not for another.
fn look_at_lines(bytes: &[u8], findings: &mut Findings) {
    let mut ambiguous = |why: &str| {
        findings.raise(Flag::Uninspectable);
        findings.note_text(Flag::Ambiguous, why);
    };
    let pairs = bytes.windows(2).filter(|pair| *pair == b"\r\n").count();
    let count = |byte: u8| bytes.iter().filter(|each| **each == byte).count();
    if count(b'\r') > pairs || pairs > 0 && count(b'\n') > pairs {
        ambiguous("lines that end in different ways: servers disagree where lines end");
    }
    let dot = |line: &[u8]| line == b"." || line == b".\r";
    if bytes.split(|byte| *byte == b'\n').any(dot) {
        ambiguous("a line of one dot: some servers end the message there");
    }
}

/// Replies that go elsewhere than the message came from.
fn look_at_replies(headers: &[(String, String)], findings: &mut Findings) {
    let domain = |wanted: &str| {
        let (_, value) = headers
            .iter()
            .find(|(name, _)| name.eq_ignore_ascii_case(wanted))?;
        let mailbox = recipients::mailboxes(value).into_iter().next()?;
        let (_, domain) = mailbox.address.rsplit_once('@')?;
        Some(domain.to_ascii_lowercase())
    };
    if let (Some(from), Some(reply)) = (domain("from"), domain("reply-to"))
        && from != reply
    {
        findings.note_text(
            Flag::OddRecipient,
            "replies go to another domain than the sender's",
        );
    }
}
