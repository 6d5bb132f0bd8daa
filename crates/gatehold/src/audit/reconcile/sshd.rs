//! What `sshd` logs of who was let in, as `auth.log` and `journalctl -o short-iso` have it. What a client chose stands behind what the
//! server says first, so no name that somebody tried can pass for a login.

use gatehold_core::reconcile::{Access, Shown, moment};
use gatehold_core::time::Timestamp;

use super::lines::Line;
use super::{Event, Seen};

/// How months begin in a log without years.
const MONTHS: [&str; 12] = [
    "Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec",
];

/// Reads a line.
pub fn line(line: &Line) -> Option<Event> {
    let Some(bytes) = &line.bytes else {
        return Some(Event::Unreadable(line.number, "it is too long"));
    };
    let text = String::from_utf8_lossy(bytes);
    let text = text.trim_end();
    if text.is_empty() {
        return None;
    }
    let Some((at, rest)) = time(text) else {
        return Some(if line.ended {
            Event::Unreadable(line.number, "it does not begin with a time")
        } else {
            Event::Unfinished(line.number)
        });
    };
    let nothing = Some(Event::Nothing(at));
    let Some((tag, message)) = rest.split_once(": ") else {
        return nothing;
    };
    let Some((_host, tag)) = tag.rsplit_once(' ') else {
        return nothing;
    };
    let Some(process) = process(tag) else {
        return nothing;
    };
    if message.starts_with("Failed ") {
        return Some(at.map_or(Event::Nothing(None), Event::Refused));
    }
    let Some(accepted) = message.strip_prefix("Accepted ") else {
        return nothing;
    };
    // What it says of a key before it has decided, where it logs more than usual.
    if accepted.starts_with("key ") || accepted.starts_with("certificate ") {
        return nothing;
    }
    Some(match login(accepted, at, line.number, process) {
        Some(seen) => Event::Seen(Box::new(seen)),
        None => Event::Unreadable(line.number, "somebody was let in, and it does not say who"),
    })
}

/// When, and what stands behind it. A log without years says no time.
fn time(text: &str) -> Option<(Option<Timestamp>, &str)> {
    let (first, rest) = text.split_once(' ')?;
    if let Some(at) = moment(first) {
        return Some((Some(at), rest));
    }
    if !MONTHS.contains(&first) {
        return None;
    }
    let (_day, rest) = rest.trim_start().split_once(' ')?;
    let (_clock, rest) = rest.split_once(' ')?;
    Some((None, rest))
}

/// The number of a process of the server of SSH.
fn process(tag: &str) -> Option<&str> {
    let (name, number) = tag.strip_suffix(']')?.split_once('[')?;
    ["sshd", "sshd-session", "sshd-auth"]
        .contains(&name)
        .then_some(number)
}

/// `publickey for deploy from 10.1.2.3 port 5 ssh2: ED25519-CERT SHA256:… ID gh_… (serial 7) CA ED25519 SHA256:…`
fn login(accepted: &str, at: Option<Timestamp>, line: u64, process: &str) -> Option<Seen> {
    let (method, rest) = accepted.split_once(' ')?;
    let rest = rest.strip_prefix("for ")?;
    let (user, rest) = rest.split_once(" from ")?;
    let (from, rest) = rest.split_once(' ')?;
    let detail = rest.split_once("ssh2: ").map_or("", |(_, detail)| detail);
    let certificate = certificate(detail);
    let key = detail.split(' ').nth(1).unwrap_or(method);
    let (name, shown) = match certificate {
        Some((name, shown)) => (name.to_owned(), Some(shown)),
        None => (key.to_owned(), None),
    };
    Some(Seen {
        line,
        access: Access {
            name,
            at,
            login: true,
            certificate: shown,
        },
        from: from.to_owned(),
        session: process.to_owned(),
        number: None,
        place: user.to_owned(),
        what: format!("logged in by {method} as {user}"),
        named: None,
        asks: false,
    })
}

/// The id of a certificate and what it said. The id is whatever its authority wrote, so it ends where the last serial number begins.
fn certificate(detail: &str) -> Option<(&str, Shown)> {
    let (_key, rest) = detail.split_once(" ID ")?;
    let (id, rest) = rest.rsplit_once(" (serial ")?;
    let (serial, rest) = rest.split_once(") CA ")?;
    let mut words = rest.split(' ');
    let authority = words.nth(1)?.trim_end_matches(',');
    let shown = Shown {
        serial: serial.parse().ok()?,
        authority: authority.to_owned(),
    };
    Some((id, shown))
}

#[cfg(test)]
mod tests {
    use super::*;

    const TIME: &str = "2026-11-23T01:20:00.123456+00:00 server ";

    fn of(text: &str) -> Option<Event> {
        line(&Line {
            number: 3,
            bytes: Some(text.as_bytes().to_vec()),
            ended: true,
        })
    }

    fn seen(text: &str) -> Seen {
        match of(text) {
            Some(Event::Seen(seen)) => *seen,
            other => panic!("{text}: {other:?}"),
        }
    }

    const CERTIFICATE: &str = "sshd-session[12]: Accepted publickey for deploy from 10.1.2.3 port 5 ssh2: ED25519-CERT SHA256:key \
        ID gh_1 (serial 7) CA ED25519 SHA256:authority";

    #[test]
    fn who_was_let_in_is_read_with_the_certificate() {
        let login = seen(&format!("{TIME}{CERTIFICATE}"));
        assert_eq!((login.line, login.access.name.as_str()), (3, "gh_1"));
        assert_eq!(login.from, "10.1.2.3");
        assert!(login.access.at.is_some());
        let shown = login.access.certificate.unwrap();
        assert_eq!(
            (shown.serial, shown.authority.as_str()),
            (7, "SHA256:authority")
        );
        let key = seen(&format!(
            "{TIME}sshd[12]: Accepted publickey for root from ::1 port 5 ssh2: RSA SHA256:key"
        ));
        assert_eq!(
            (key.access.name.as_str(), key.access.certificate),
            ("SHA256:key", None)
        );
        let password = seen(
            "Nov  3 01:20:00 server sshd[12]: Accepted password for root from ::1 port 5 ssh2",
        );
        assert_eq!(
            (password.access.name.as_str(), password.access.at),
            ("password", None)
        );
    }

    #[test]
    fn what_somebody_tried_is_no_login() {
        for quiet in [
            format!(
                "{TIME}sshd[12]: Invalid user x: Accepted publickey for root from ::1 port 5 ssh2"
            ),
            format!("{TIME}cron[12]: Accepted publickey for root from ::1 port 5 ssh2"),
            format!("{TIME}sshd[12]: Server listening on 0.0.0.0 port 22."),
            format!(
                "{TIME}sshd[12]: Accepted certificate ID \"gh_1 for x from y\" (serial 7) signed by ED25519 CA SHA256:a via z"
            ),
        ] {
            assert!(matches!(of(&quiet), Some(Event::Nothing(_))), "{quiet}");
        }
        let failed = format!(
            "{TIME}sshd[12]: Failed password for invalid user Accepted from ::1 port 5 ssh2"
        );
        assert!(matches!(of(&failed), Some(Event::Refused(_))));
        // Another authority writes what it likes into the id.
        let id = "gh_1 (serial 7) CA ED25519 SHA256:authority";
        let forged = seen(&format!(
            "{TIME}sshd[12]: Accepted publickey for deploy from ::1 port 5 ssh2: ED25519-CERT SHA256:key ID {id} (serial 9) CA RSA SHA256:theirs"
        ));
        assert_eq!(forged.access.name, id);
        assert_eq!(
            forged.access.certificate.unwrap().authority,
            "SHA256:theirs"
        );
        let unclear = format!("{TIME}sshd[12]: Accepted somebody");
        assert!(matches!(of(&unclear), Some(Event::Unreadable(3, _))));
        assert!(matches!(
            of("\u{0}\u{fffd}nonsense"),
            Some(Event::Unreadable(3, _))
        ));
    }
}
