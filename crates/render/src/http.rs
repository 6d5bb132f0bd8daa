//! HTTP: a whole message (`message/http`) split as strictly as it can be, or a body by its media type.
//!
//! What two servers could split differently (bare line feeds, folded or repeated headers, two body lengths) is flagged
//! and makes the message uninspectable. Nothing is decoded.

use std::collections::BTreeSet;

use crate::display::{Block, BlockKind, Flag, Line, Run, RunKind};
use crate::escape::{LineFeeds, behind, escape, escape_short, named};
use crate::findings::Findings;
use crate::input::Field;
use crate::{form, json, opaque, scripts, text};

const CREDENTIAL_HEADERS: [&str; 5] = [
    "authorization",
    "proxy-authorization",
    "cookie",
    "x-api-key",
    "x-auth-token",
];

pub(crate) fn blocks(
    media_type: &str,
    bytes: &[u8],
    described: &[Field<'_>],
    findings: &mut Findings,
) -> Vec<Block> {
    if essence(media_type) == "message/http" {
        return message(bytes, described, findings);
    }
    body(media_type, bytes, described, findings)
}

fn body(
    media_type: &str,
    bytes: &[u8],
    described: &[Field<'_>],
    findings: &mut Findings,
) -> Vec<Block> {
    let essence = essence(media_type);
    if bytes.is_empty() {
        let lines = vec![Line::of(RunKind::Text, "empty")];
        return vec![Block {
            kind: BlockKind::Payload,
            title: "Body".to_owned(),
            lines,
        }];
    }
    if essence == "application/json" || essence.ends_with("+json") {
        return json::blocks(bytes, described, findings);
    }
    let Ok(readable) = std::str::from_utf8(bytes) else {
        return opaque::blocks(bytes, findings);
    };
    if essence == "application/x-www-form-urlencoded" {
        let lines = form::pairs(readable, "a field", findings);
        return vec![Block {
            kind: BlockKind::Payload,
            title: "Form, as sent".to_owned(),
            lines,
        }];
    }
    if essence.starts_with("text/") || essence.ends_with("+xml") || essence == "application/xml" {
        scripts::look_at(readable, findings);
        let lines = text::numbered(bytes, findings);
        return vec![Block {
            kind: BlockKind::Payload,
            title: "Body, as text".to_owned(),
            lines,
        }];
    }
    opaque::blocks(bytes, findings)
}

fn message(bytes: &[u8], described: &[Field<'_>], findings: &mut Findings) -> Vec<Block> {
    let end = bytes.windows(4).position(|four| four == b"\r\n\r\n");
    let head = end
        .and_then(|end| bytes.get(..end))
        .and_then(|head| std::str::from_utf8(head).ok());
    let (Some(head), Some(end)) = (head, end) else {
        smuggling(
            "no head of UTF-8 lines that ends in an empty line",
            findings,
        );
        return opaque::blocks(bytes, findings);
    };
    let without_pairs = head.replace("\r\n", "");
    if without_pairs.contains(['\r', '\n']) {
        smuggling("a bare carriage return or line feed in the head", findings);
    }
    let mut lines = head.split("\r\n");
    let mut shown = request_line(lines.next().unwrap_or(""), findings);
    let mut media_type = String::new();
    let mut names = BTreeSet::new();
    for line in lines {
        let (name, value) = line.split_once(':').unwrap_or((line, ""));
        header(name, line, findings);
        let lower = name.to_ascii_lowercase();
        if lower == "content-type" {
            media_type = value.trim().to_owned();
        }
        if !names.insert(lower) {
            let mut note = vec![Run::new(RunKind::Text, "a header twice: ")];
            note.extend(escape_short(name, findings));
            findings.raise(Flag::Uninspectable);
            findings.note(Flag::HttpSmuggling, note);
        }
        scripts::look_at(value, findings);
        let colon = if line.contains(':') { ":" } else { "" };
        shown.extend(named("  ", name, colon, findings, |head, findings| {
            behind(
                head,
                escape(value.as_bytes(), RunKind::Value, LineFeeds::Shown, findings),
            )
        }));
    }
    if names.contains("content-length") && names.contains("transfer-encoding") {
        smuggling("both Content-Length and Transfer-Encoding", findings);
    }
    let mut blocks = vec![Block {
        kind: BlockKind::Payload,
        title: "Request".to_owned(),
        lines: shown,
    }];
    blocks.extend(body(
        &media_type,
        bytes.get(end + 4..).unwrap_or_default(),
        described,
        findings,
    ));
    blocks
}

fn request_line(line: &str, findings: &mut Findings) -> Vec<Line> {
    let parts: Vec<&str> = line.split(' ').collect();
    let [method, target, version] = parts.as_slice() else {
        smuggling("the first line is not `method target version`", findings);
        return value("first line", line, findings);
    };
    if !matches!(*version, "HTTP/1.1" | "HTTP/1.0" | "HTTP/2" | "HTTP/3") {
        smuggling("unknown HTTP version", findings);
    }
    let mut lines = value("method", method, findings);
    lines.extend(value("target", target, findings));
    lines.extend(value("version", version, findings));
    let (path, query) = target.split_once('?').unwrap_or((target, ""));
    look_at_path(path, findings);
    if target.contains('#') {
        smuggling("a fragment in the target", findings);
    }
    if !query.is_empty() {
        lines.push(Line::of(RunKind::Label, "query, as sent"));
        lines.extend(form::pairs(query, "a query name", findings));
    }
    lines.push(Line::of(RunKind::Label, "headers"));
    lines
}

fn look_at_path(path: &str, findings: &mut Findings) {
    let lower = path.to_ascii_lowercase();
    let rest = lower
        .split_once("://")
        .map_or(lower.as_str(), |(_, rest)| rest);
    let signs: [(&str, bool); 6] = [
        (
            "a step up (..)",
            rest.split('/')
                .any(|step| step.split(';').next() == Some("..") || step.contains("%2e")),
        ),
        ("a path parameter (;)", rest.contains(';')),
        (
            "an encoded or doubled slash",
            rest.contains("%2f") || rest.contains("//") || rest.contains("%5c"),
        ),
        ("a backslash", rest.contains('\\')),
        ("double percent-encoding", rest.contains("%25")),
        (
            "user information before the host (@)",
            lower.contains("://") && rest.contains('@'),
        ),
    ];
    for (sign, found) in signs {
        if found {
            findings.note_text(Flag::HttpPath, sign);
        }
    }
}

fn header(name: &str, line: &str, findings: &mut Findings) {
    let token = |byte: u8| byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte);
    if line.starts_with([' ', '\t']) {
        smuggling("a folded header line", findings);
    } else if !line.contains(':') || name.is_empty() || !name.bytes().all(token) {
        smuggling("a header line without a proper name", findings);
    }
    if CREDENTIAL_HEADERS
        .iter()
        .any(|credential| name.trim().eq_ignore_ascii_case(credential))
    {
        findings.note(
            Flag::HttpCredentials,
            escape_short(name, &mut Findings::default()),
        );
    }
}

fn value(label: &str, text: &str, findings: &mut Findings) -> Vec<Line> {
    scripts::look_at(text, findings);
    scripts::look_for_encoding(text, findings);
    let head = vec![
        Run::new(RunKind::Label, label),
        Run::new(RunKind::Text, ": "),
    ];
    behind(
        head,
        escape(text.as_bytes(), RunKind::Value, LineFeeds::Shown, findings),
    )
}

fn smuggling(why: &str, findings: &mut Findings) {
    findings.raise(Flag::Uninspectable);
    findings.note_text(Flag::HttpSmuggling, why);
}

/// The media type without parameters, lower case.
fn essence(media_type: &str) -> String {
    media_type
        .split(';')
        .next()
        .unwrap_or("")
        .trim()
        .to_ascii_lowercase()
}
