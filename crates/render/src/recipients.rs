//! Who receives something: every address on a line of its own, those outside the organisation marked, and those that
//! are written to be taken for somebody else.

use std::collections::{BTreeMap, BTreeSet};

use gatehold_core::json::payload::Json;
use gatehold_core::wording::counted;

use crate::display::{Block, BlockKind, Flag, Line, Run, RunKind};
use crate::escape::{LineFeeds, behind, escape, escape_short};
use crate::findings::Findings;
use crate::{punycode, scripts};

/// One recipient: what is read first, and where it goes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Mailbox {
    pub(crate) name: String,
    pub(crate) address: String,
}

/// One of the organisation's own domains, in the forms that addresses are compared with: worked out once, however many
/// recipients there are.
struct Own {
    /// In lower case.
    domain: String,
    /// Its characters, in lower case.
    letters: Vec<char>,
    /// What it looks like.
    looks: String,
    /// Between dots, with dots for hyphens.
    labels: String,
}

/// Recipients of one message so far.
pub(crate) struct Recipients {
    internal: Vec<Own>,
    count: u64,
    external: u64,
    /// Addresses under what they look like.
    seen: BTreeMap<String, String>,
}

/// The recipients of a described member: a text or a list of texts.
pub(crate) fn of_json(
    label: &str,
    value: &Json,
    internal: &[String],
    findings: &mut Findings,
) -> Vec<Block> {
    let texts: Option<Vec<&str>> = match value {
        Json::String(text) => Some(vec![text]),
        Json::Array(elements) => elements.iter().map(Json::as_str).collect(),
        _ => None,
    };
    let Some(texts) = texts else {
        findings.raise(Flag::Uninspectable);
        findings.note_text(Flag::Malformed, "recipients that are no list of texts");
        return Vec::new();
    };
    let mut recipients = Recipients::new(internal);
    let mut lines = Vec::new();
    for text in texts {
        lines.extend(recipients.lines("to", text, findings));
    }
    lines.insert(0, recipients.total());
    vec![Block {
        kind: BlockKind::Payload,
        title: format!("{label}: recipients"),
        lines,
    }]
}

impl Own {
    fn of(domain: &str) -> Self {
        Self {
            domain: domain.to_ascii_lowercase(),
            letters: domain.to_lowercase().chars().collect(),
            looks: scripts::looks(domain),
            labels: labels(domain),
        }
    }
}

impl Recipients {
    pub(crate) fn new(internal: &[String]) -> Self {
        Self {
            internal: internal.iter().map(|domain| Own::of(domain)).collect(),
            count: 0,
            external: 0,
            seen: BTreeMap::new(),
        }
    }

    pub(crate) const fn count(&self) -> u64 {
        self.count
    }

    pub(crate) fn total(&self) -> Line {
        let said = if self.internal.is_empty() {
            "; which domains are the organisation's own is not described".to_owned()
        } else {
            format!(", {} outside the organisation", self.external)
        };
        let text = format!("{}{said}", counted(self.count, "recipient"));
        Line::of(RunKind::Text, text)
    }

    /// A line for each address of a list.
    pub(crate) fn lines(&mut self, label: &str, list: &str, findings: &mut Findings) -> Vec<Line> {
        let mut lines = Vec::new();
        for mailbox in mailboxes(list) {
            self.count += 1;
            lines.extend(self.one(label, &mailbox, findings));
        }
        lines
    }

    /// An address that is no recipient: of the sender, or for replies.
    pub(crate) fn other(&self, label: &str, list: &str, findings: &mut Findings) -> Vec<Line> {
        let mut lines = Vec::new();
        for mailbox in mailboxes(list) {
            self.look_at(&mailbox, findings);
            lines.extend(shown(label, &mailbox, false, findings));
        }
        lines
    }

    fn one(&mut self, label: &str, mailbox: &Mailbox, findings: &mut Findings) -> Vec<Line> {
        self.look_at(mailbox, findings);
        let lower = mailbox.address.to_lowercase();
        let twin = self
            .seen
            .entry(scripts::looks(&mailbox.address))
            .or_insert_with(|| lower.clone());
        if *twin != lower {
            let twin = twin.clone();
            odd(&mailbox.address, " looks like ", Some(&twin), findings);
        }
        let external = domain(&mailbox.address)
            .is_some_and(|domain| !self.internal.is_empty() && !self.is_own(domain));
        if external {
            self.external += 1;
            findings.raise(Flag::External);
        }
        shown(label, mailbox, external, findings)
    }

    fn look_at(&self, mailbox: &Mailbox, findings: &mut Findings) {
        let Mailbox { name, address } = mailbox;
        scripts::look_at(address, findings);
        scripts::look_at(name, findings);
        let claimed = name.contains('@') && !same(name.trim_matches(['"', '\'', ' ']), address);
        if claimed {
            odd(name, " is only the name of ", Some(address), findings);
        }
        if address.matches('@').count() > 1 || address.contains(['%', '!', '|']) {
            odd(address, " goes through another server", None, findings);
        }
        let Some(domain) = domain(address) else {
            return;
        };
        if self.is_own(domain) {
            return;
        }
        let shown = punycode::host(&domain.to_ascii_lowercase());
        let shown = shown.as_deref().unwrap_or(domain);
        let looks = scripts::looks(shown);
        let letters: Vec<char> = domain.to_lowercase().chars().collect();
        let labels = labels(domain);
        // `acme.example.evil.test` and `acme-example.test` hold the labels of `acme.example`.
        let near = self.internal.iter().find(|own| {
            own.looks == looks
                || is_one_apart(&own.letters, &letters)
                || labels.contains(&own.labels)
        });
        if let Some(own) = near {
            odd(address, " is not of ", Some(&own.domain), findings);
        }
    }

    /// One of the organisation's own domains, or one below it.
    fn is_own(&self, domain: &str) -> bool {
        let domain = domain.to_ascii_lowercase();
        self.internal.iter().any(|own| {
            domain
                .strip_suffix(own.domain.as_str())
                .is_some_and(|rest| rest.is_empty() || rest.ends_with('.'))
        })
    }
}

fn shown(label: &str, mailbox: &Mailbox, external: bool, findings: &mut Findings) -> Vec<Line> {
    let head = Line::labelled(label, Vec::new()).runs;
    let rows = |text: &str, findings: &mut Findings| {
        escape(text.as_bytes(), RunKind::Value, LineFeeds::Shown, findings)
    };
    let mut lines = behind(head, rows(&mailbox.address, findings));
    if let Some(last) = lines.last_mut().filter(|_| external) {
        let mark = "  outside the organisation";
        last.runs.push(Run::new(RunKind::Warning, mark));
    }
    if !mailbox.name.is_empty() {
        let head = vec![Run::new(RunKind::Text, "    called ")];
        lines.extend(behind(head, rows(&mailbox.name, findings)));
    }
    lines
}

fn odd(one: &str, says: &str, other: Option<&str>, findings: &mut Findings) {
    let mut runs = escape_short(one, findings);
    runs.push(Run::new(RunKind::Text, says));
    if let Some(other) = other {
        runs.extend(escape_short(other, findings));
    }
    findings.note(Flag::OddRecipient, runs);
}

fn same(one: &str, other: &str) -> bool {
    one.to_lowercase() == other.to_lowercase()
}

fn domain(address: &str) -> Option<&str> {
    address.rsplit_once('@').map(|(_, domain)| domain)
}

/// The labels of a domain, each between dots; a hyphen parts them too.
fn labels(domain: &str) -> String {
    format!(".{}.", domain.to_ascii_lowercase().replace('-', "."))
}

/// One letter added, left out, changed, or two swapped.
fn is_one_apart(one: &[char], other: &[char]) -> bool {
    if one.len().abs_diff(other.len()) > 1 || one == other {
        return false;
    }
    let before = one.iter().zip(other).take_while(|(a, b)| a == b).count();
    let after = one
        .iter()
        .rev()
        .zip(other.iter().rev())
        .take_while(|(a, b)| a == b)
        .count();
    let rest = |word: &[char]| word.len().saturating_sub(before + after);
    let (left, right) = (rest(one), rest(other));
    let swapped = left == 2
        && right == 2
        && one.get(before) == other.get(before + 1)
        && one.get(before + 1) == other.get(before);
    left.max(right) <= 1 || swapped
}

/// Splits an address list (RFC 5322): commas outside quotes, comments and angle brackets; groups are opened.
pub(crate) fn mailboxes(list: &str) -> Vec<Mailbox> {
    let mut found = Vec::new();
    let mut piece = String::new();
    let (mut quoted, mut escaped, mut angle, mut depth) = (false, false, false, 0_u32);
    for character in list.chars() {
        let outside = !quoted && !angle && depth == 0;
        match character {
            _ if escaped => escaped = false,
            '\\' if quoted || depth > 0 => escaped = true,
            '"' if depth == 0 => quoted = !quoted,
            '(' if !quoted => depth += 1,
            ')' if !quoted => depth = depth.saturating_sub(1),
            '<' if outside => angle = true,
            '>' if !quoted => angle = false,
            ',' | ';' if outside => {
                found.extend(mailbox(&piece));
                piece.clear();
                continue;
            }
            // The name of a group.
            ':' if outside => {
                piece.clear();
                continue;
            }
            _ => {}
        }
        piece.push(character);
    }
    found.extend(mailbox(&piece));
    found
}

fn mailbox(piece: &str) -> Option<Mailbox> {
    let piece = piece.trim();
    if piece.is_empty() {
        return None;
    }
    let inside = piece
        .rfind('<')
        .and_then(|at| Some((piece.get(..at)?, piece.get(at + 1..)?)));
    Some(match inside {
        Some((name, rest)) => {
            let (address, behind) = rest.split_once('>').unwrap_or((rest, ""));
            let name = format!("{} {}", name.trim(), behind.trim());
            Mailbox {
                name: name.trim().to_owned(),
                address: address.trim().to_owned(),
            }
        }
        None => Mailbox {
            name: String::new(),
            address: piece.to_owned(),
        },
    })
}

/// Headers that say who receives a message.
pub(crate) fn receiving() -> BTreeSet<&'static str> {
    BTreeSet::from(["to", "cc", "bcc", "resent-to", "resent-cc", "resent-bcc"])
}

#[cfg(test)]
mod tests {
    use super::mailboxes;

    fn split(list: &str) -> Vec<(String, String)> {
        mailboxes(list)
            .into_iter()
            .map(|mailbox| (mailbox.name, mailbox.address))
            .collect()
    }

    #[test]
    fn lists_split_where_mail_programs_split_them() {
        let pair = |name: &str, address: &str| (name.to_owned(), address.to_owned());
        assert_eq!(
            split(r#""Smith, Ann" <ann@a.test>, bob@b.test; (c, d) eve@c.test"#),
            [
                pair(r#""Smith, Ann""#, "ann@a.test"),
                pair("", "bob@b.test"),
                pair("", "(c, d) eve@c.test"),
            ]
        );
        assert_eq!(
            split("team: a@a.test, b@b.test;"),
            [pair("", "a@a.test"), pair("", "b@b.test")]
        );
        assert_eq!(
            split("ceo@acme.test <eve@evil.test>"),
            [pair("ceo@acme.test", "eve@evil.test")]
        );
        assert_eq!(split(" , ;"), []);
    }

    #[test]
    fn near_names_are_near() {
        let is_one_apart = |one: &str, other: &str| {
            let letters = |text: &str| text.chars().collect::<Vec<char>>();
            super::is_one_apart(&letters(one), &letters(other))
        };
        for near in ["acmee.test", "acm.test", "acne.test", "amce.test"] {
            assert!(is_one_apart("acme.test", near), "{near}");
        }
        for far in ["acme.test", "other.test", "acmeee.test", "test"] {
            assert!(!is_one_apart("acme.test", far), "{far}");
        }
    }
}
