//! A host name: which part somebody registered, and whether it is written to mislead.

use crate::display::{Flag, Line, Run, RunKind};
use crate::escape::{LineFeeds, behind, escape, escape_short};
use crate::findings::Findings;
use crate::scripts;

/// The lines of an authority: `host` or `host:port`, with what is registrable.
pub(crate) fn lines(label: &str, authority: &str, findings: &mut Findings) -> Vec<Line> {
    scripts::look_at(authority, findings);
    let head = vec![
        Run::new(RunKind::Label, label),
        Run::new(RunKind::Text, ": "),
    ];
    let rows = escape(
        authority.as_bytes(),
        RunKind::Value,
        LineFeeds::Shown,
        findings,
    );
    let mut lines = behind(head, rows);
    let host = of(authority).to_ascii_lowercase();
    if is_address(&host) {
        return lines;
    }
    for (odd, what) in [
        (
            is_odd_address(&host),
            "a number that some programs read as an address",
        ),
        (authority.contains('@'), "something before @ in the host"),
        (host.ends_with('.'), "a dot at the end"),
        (
            host.is_empty() || !host.bytes().all(is_plain),
            "characters that no host name has",
        ),
    ] {
        if odd {
            findings.note_text(Flag::HttpHost, what);
        }
    }
    let registered = psl::domain_str(host.trim_end_matches('.'));
    let margin: String = label.chars().take_while(|c| *c == ' ').collect();
    let mut runs = vec![
        Run::new(RunKind::Label, format!("{margin}  registrable part")),
        Run::new(RunKind::Text, ": "),
    ];
    match registered {
        Some(registered) => runs.extend(escape_short(registered, findings)),
        None => runs.push(Run::new(RunKind::Text, "none")),
    }
    lines.push(Line { runs });
    lines
}

/// The host of an authority, without user information and port.
pub(crate) fn of(authority: &str) -> &str {
    let host = authority
        .rsplit_once('@')
        .map_or(authority, |(_, host)| host);
    if host.starts_with('[') {
        return host
            .find(']')
            .and_then(|end| host.get(..=end))
            .unwrap_or(host);
    }
    host.split(':').next().unwrap_or(host)
}

fn is_plain(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'.' || byte == b'_'
}

fn is_address(host: &str) -> bool {
    let inside = host
        .strip_prefix('[')
        .and_then(|inside| inside.strip_suffix(']'));
    match inside {
        Some(inside) => inside.parse::<core::net::Ipv6Addr>().is_ok(),
        None => host.parse::<core::net::Ipv4Addr>().is_ok(),
    }
}

/// `2130706433`, `0x7f.1`, `017700000001`: no name, and no address as people write it.
fn is_odd_address(host: &str) -> bool {
    let number = |part: &str| {
        let digits = part.strip_prefix("0x").unwrap_or(part);
        !digits.is_empty()
            && digits.bytes().all(|byte| byte.is_ascii_hexdigit())
            && (part.starts_with("0x") || digits.bytes().all(|byte| byte.is_ascii_digit()))
    };
    host.trim_end_matches('.')
        .rsplit('.')
        .next()
        .is_some_and(number)
}
