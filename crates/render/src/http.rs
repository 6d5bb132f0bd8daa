//! HTTP: a whole message (`message/http`) split as strictly as it can be, or a body by its media type.
//!
//! What two servers could split differently (bare line feeds, folded or repeated headers, two body lengths) is flagged
//! and makes the message uninspectable. Credentials are counted and hashed, not shown.

mod headers;

use gatehold_core::json::payload;
use gatehold_core::json::scan::Limits;

use crate::display::{Block, BlockKind, Flag, Line, Run, RunKind};
use crate::escape::{LineFeeds, behind, escape};
use crate::findings::Findings;
use crate::input::RenderInput;
use crate::{decode, form, host, json, opaque, scripts, text};

pub(crate) fn blocks(input: &RenderInput<'_>, findings: &mut Findings) -> Vec<Block> {
    if essence(input.media_type) == "message/http" {
        return message(input, findings);
    }
    body(input.media_type, input.payload, input, findings)
}

fn body(
    media_type: &str,
    bytes: &[u8],
    input: &RenderInput<'_>,
    findings: &mut Findings,
) -> Vec<Block> {
    let essence = essence(media_type);
    let block = |title: &str, lines| {
        vec![Block {
            kind: BlockKind::Payload,
            title: title.to_owned(),
            lines,
        }]
    };
    if bytes.is_empty() {
        return block("Body", vec![Line::of(RunKind::Text, "empty")]);
    }
    if essence == "application/json" || essence.ends_with("+json") {
        let mut blocks = json::blocks(bytes, input, findings);
        blocks.extend(path_of(bytes, findings));
        return blocks;
    }
    let Ok(readable) = std::str::from_utf8(bytes) else {
        return opaque::blocks(&essence, bytes, findings);
    };
    if essence == "application/x-www-form-urlencoded" {
        let lines = form::pairs(readable, "a field", findings);
        return block("Form, as sent", lines);
    }
    if essence.starts_with("text/") || essence.ends_with("+xml") || essence == "application/xml" {
        scripts::look_at(readable, findings);
        if essence == "text/html" || essence.contains("xhtml") || essence.contains("svg") {
            findings.raise(Flag::Markup);
        }
        let mut blocks = block("Body, as text", text::numbered(bytes, findings));
        blocks.extend(opaque::decoded(decode::beside_words(readable, findings)));
        return blocks;
    }
    opaque::blocks(&essence, bytes, findings)
}

/// A call that is described as JSON names its path in a member: its parts, as a server splits them.
fn path_of(bytes: &[u8], findings: &mut Findings) -> Option<Block> {
    let document = payload::parse(bytes, &Limits::PAYLOAD).ok()?;
    let member = |pointer| document.pointer(pointer).and_then(payload::Json::as_str);
    member("/method")?;
    let target = member("/path")?;
    if !findings.secrets_in(target).is_empty() {
        // Where the member stands it is hidden; taken apart it would be shown.
        findings.raise(Flag::Uninspectable);
        findings.note_text(
            Flag::Malformed,
            "path not taken apart, a secret stands in it",
        );
        return None;
    }
    Some(Block {
        kind: BlockKind::Payload,
        title: "Path and query".to_owned(),
        lines: findings.again(|findings| target_lines(target, findings)),
    })
}

fn message(input: &RenderInput<'_>, findings: &mut Findings) -> Vec<Block> {
    let bytes = input.payload;
    let end = bytes.windows(4).position(|four| four == b"\r\n\r\n");
    let head = end
        .and_then(|end| bytes.get(..end))
        .and_then(|head| std::str::from_utf8(head).ok());
    let (Some(head), Some(end)) = (head, end) else {
        smuggling(
            "no head of UTF-8 lines that ends in an empty line",
            findings,
        );
        return opaque::blocks(input.media_type, bytes, findings);
    };
    let without_pairs = head.replace("\r\n", "");
    if without_pairs.contains(['\r', '\n']) {
        smuggling("a bare carriage return or line feed in the head", findings);
    }
    let mut lines = head.split("\r\n");
    let first = lines.next().unwrap_or("");
    let mut shown = request_line(first, findings);
    shown.push(Line::of(RunKind::Label, "headers"));
    let mut headers = headers::Headers::behind(first);
    for line in lines {
        shown.extend(headers.line(line, findings));
    }
    headers.check(first, findings);
    let mut blocks = vec![Block {
        kind: BlockKind::Payload,
        title: "Request".to_owned(),
        lines: shown,
    }];
    blocks.extend(body(
        &headers.media_type,
        bytes.get(end + 4..).unwrap_or_default(),
        input,
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
    lines.extend(plain("target", target, findings));
    lines.extend(value("version", version, findings));
    if let Some(authority) = authority(target) {
        lines.extend(findings.again(|findings| host::lines("host", authority, findings)));
    }
    if target.contains('#') {
        smuggling("a fragment in the target", findings);
    }
    lines.extend(findings.again(|findings| target_lines(target, findings)));
    lines
}

/// The authority of an absolute target.
fn authority(target: &str) -> Option<&str> {
    let (_, rest) = target
        .split_once("://")
        .filter(|(scheme, _)| scheme.bytes().all(|byte| byte.is_ascii_alphanumeric()))?;
    rest.split(['/', '?', '#']).next()
}

/// Path and query of a target.
fn target_lines(target: &str, findings: &mut Findings) -> Vec<Line> {
    let (path, query) = target.split_once('?').unwrap_or((target, ""));
    look_at_path(path, findings);
    let mut lines = Vec::new();
    if let Some(authority) = authority(path) {
        let at = path.find(authority).unwrap_or(0) + authority.len();
        lines.extend(value("path", path.get(at..).unwrap_or(""), findings));
    } else {
        lines.extend(value("path", path, findings));
    }
    if !query.is_empty() {
        lines.push(Line::of(RunKind::Label, "query, as sent"));
        lines.extend(form::pairs(query, "a query name", findings));
    }
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

fn value(label: &str, text: &str, findings: &mut Findings) -> Vec<Line> {
    let mut lines = plain(label, text, findings);
    lines.extend(decode::beside(text, findings));
    lines
}

fn plain(label: &str, text: &str, findings: &mut Findings) -> Vec<Line> {
    scripts::look_at(text, findings);
    let head = vec![
        Run::new(RunKind::Label, label),
        Run::new(RunKind::Text, ": "),
    ];
    let rows = escape(text.as_bytes(), RunKind::Value, LineFeeds::Shown, findings);
    behind(head, rows)
}

pub(crate) fn smuggling(why: &str, findings: &mut Findings) {
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
