//! The headers of an HTTP message, one a line; the secrets in them counted and hashed, not shown.

use std::collections::BTreeSet;
use std::ops::{Range, RangeInclusive};

use crate::display::{Flag, Line, Run, RunKind};
use crate::escape::{escape_short, named};
use crate::findings::Findings;
use crate::http::{authority, smuggling};
use crate::{decode, form, hidden, host, scripts};

const CREDENTIAL_HEADERS: [&str; 7] = [
    "authorization",
    "proxy-authorization",
    "cookie",
    "x-api-key",
    "api-key",
    "x-auth-token",
    "x-amz-security-token",
];
/// Only what is surely a token is hidden: a header is no place to keep things from a reviewer.
const TOKEN_LENGTHS: RangeInclusive<usize> = 8..=4096;

pub(super) struct Headers<'a> {
    /// Where the next line begins in the payload.
    at: usize,
    names: BTreeSet<String>,
    pub(super) media_type: String,
    host: Option<&'a str>,
}

impl<'a> Headers<'a> {
    pub(super) fn behind(first: &str) -> Self {
        Self {
            at: first.len() + 2,
            names: BTreeSet::new(),
            media_type: String::new(),
            host: None,
        }
    }

    pub(super) fn line(&mut self, line: &'a str, findings: &mut Findings) -> Vec<Line> {
        let (name, value) = line.split_once(':').unwrap_or((line, ""));
        let at = self.at + line.len() - value.len();
        self.at += line.len() + 2;
        header(name, line, findings);
        let lower = name.to_ascii_lowercase();
        if !self.names.insert(lower.clone()) {
            let mut note = vec![Run::new(RunKind::Text, "a header twice: ")];
            note.extend(escape_short(name, findings));
            findings.raise(Flag::Uninspectable);
            findings.note(Flag::HttpSmuggling, note);
        }
        match lower.as_str() {
            "content-type" => value.trim().clone_into(&mut self.media_type),
            "host" => {
                self.host = Some(value.trim());
                return host::lines("  Host", value.trim(), findings);
            }
            "content-encoding" if value.trim() != "identity" => {
                findings.note_text(Flag::Encoded, "the body, by its Content-Encoding");
            }
            _ => {}
        }
        let secrets = secrets(&lower, value);
        let colon = if line.contains(':') { ":" } else { "" };
        if secrets.is_empty() {
            scripts::look_at(value, findings);
        }
        let mut lines = named(form::margin(), name, colon, findings, |head, findings| {
            hidden::lines(head, value, &secrets, findings)
        });
        if secrets.is_empty() {
            lines.extend(decode::beside(value, findings));
        }
        for range in secrets {
            findings.hide(range.start + at..range.end + at);
        }
        lines
    }

    pub(super) fn check(&self, first: &str, findings: &mut Findings) {
        if self.names.contains("content-length") && self.names.contains("transfer-encoding") {
            smuggling("both Content-Length and Transfer-Encoding", findings);
        }
        let target = first.split(' ').nth(1).unwrap_or("");
        let named = authority(target);
        match (self.host, named) {
            (None, None) => findings.note_text(Flag::HttpHost, "no host is named"),
            (Some(host), Some(named)) if !host.eq_ignore_ascii_case(named) => {
                smuggling(
                    "the target and the Host header name different hosts",
                    findings,
                );
            }
            _ => {}
        }
    }
}

/// Where the secrets of a header stand in its value: the token behind a scheme, the values of cookies, a key alone.
fn secrets(name: &str, value: &str) -> Vec<Range<usize>> {
    if !CREDENTIAL_HEADERS.contains(&name) {
        return Vec::new();
    }
    let token = |word: &str| {
        TOKEN_LENGTHS.contains(&word.len())
            && word
                .bytes()
                .all(|byte| byte.is_ascii_alphanumeric() || b"._~+/=-".contains(&byte))
    };
    let start = |word: &str| word.as_ptr().addr() - value.as_ptr().addr();
    let words: Vec<&str> = if name == "cookie" {
        value
            .split("; ")
            .filter_map(|pair| pair.split_once('=').map(|(_, value)| value))
            .collect()
    } else {
        let mut words: Vec<&str> = value.split(' ').filter(|word| !word.is_empty()).collect();
        if words.len() > 2 {
            return Vec::new();
        }
        words.drain(..words.len().saturating_sub(1));
        words
    };
    words
        .into_iter()
        .filter(|word| token(word))
        .map(|word| start(word)..start(word) + word.len())
        .collect()
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
