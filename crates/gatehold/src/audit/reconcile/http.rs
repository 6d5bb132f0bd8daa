//! Access logs of servers of HTTP, in two closed forms: the "combined" line of nginx and Apache with one more field in quotes, and one
//! object of JSON a line. Of the path the query is never shown: it may hold what nobody else should read.

use gatehold_core::reconcile::{Access, moment};
use gatehold_core::time::Timestamp;
use serde::Deserialize;

use super::lines::Line;
use super::{Event, Named, Seen};

/// What a server answers to whom it does not let in.
const REFUSED: [u16; 2] = [401, 403];
/// What it answers to what it could not read or did not wait for; then the line has no method and no path.
const NOT_READ: [u16; 8] = [400, 408, 414, 431, 494, 495, 496, 497];
/// How months are written.
const MONTHS: [&str; 12] = [
    "Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec",
];
/// Fields of the combined form: the request, what it was referred by, by which program, and the name of the gate's request.
const QUOTED: usize = 4;

/// One access, however it was written.
struct Hit {
    time: Option<Timestamp>,
    from: String,
    user: String,
    /// Method and path; nothing where the server could not read them.
    act: Option<(String, String)>,
    status: u16,
    request: String,
}

/// What is read of an object. A name that stands there twice is an error.
#[derive(Deserialize)]
struct Raw {
    time: String,
    method: String,
    uri: String,
    status: Status,
    remote_addr: String,
    remote_user: Option<String>,
    request_id: Option<String>,
}

/// Servers write it as a number, or as a text.
#[derive(Deserialize)]
#[serde(untagged)]
enum Status {
    Number(u16),
    Text(String),
}

/// Reads a line.
pub fn line(line: &Line) -> Option<Event> {
    let Some(bytes) = &line.bytes else {
        return Some(Event::Unreadable(line.number, "it is too long"));
    };
    let text = String::from_utf8_lossy(bytes);
    let text = text.trim_end_matches('\r');
    if text.is_empty() {
        return None;
    }
    let hit = if text.starts_with('{') {
        object(text)
    } else {
        combined(text)
    };
    let Some(hit) = hit else {
        return Some(if line.ended {
            Event::Unreadable(line.number, "it is no line of the two forms that are read")
        } else {
            Event::Unfinished(line.number)
        });
    };
    Some(event(hit, line.number))
}

fn event(hit: Hit, line: u64) -> Event {
    let Some(at) = hit.time else {
        return Event::Unreadable(line, "its time has no zone that everybody reads the same");
    };
    if REFUSED.contains(&hit.status) {
        return Event::Refused(at);
    }
    let Some((method, path)) = hit.act else {
        return if NOT_READ.contains(&hit.status) {
            Event::Refused(at)
        } else {
            Event::Unreadable(line, "it does not say what was asked for")
        };
    };
    let what = format!("{method} {path} ({})", hit.status);
    let named = (!["", "-"].contains(&&*hit.request)).then(|| Named {
        request: hit.request,
        act: Some((method, path.clone())),
        done: (200..300).contains(&hit.status),
    });
    let anonymous = ["", "-"].contains(&&*hit.user);
    let name = if anonymous {
        hit.from.clone()
    } else {
        hit.user
    };
    Event::Seen(Box::new(Seen {
        line,
        access: Access {
            name,
            at: Some(at),
            login: false,
            certificate: None,
        },
        from: hit.from,
        session: line.to_string(),
        number: None,
        place: path,
        what,
        named,
        asks: false,
    }))
}

fn object(text: &str) -> Option<Hit> {
    let raw: Raw = serde_json::from_str(text).ok()?;
    let status = match raw.status {
        Status::Number(status) => status,
        Status::Text(text) => status(&text)?,
    };
    let read = !raw.method.is_empty() && raw.method != "-";
    Some(Hit {
        time: moment(&raw.time),
        from: raw.remote_addr,
        user: raw.remote_user.unwrap_or_default(),
        act: read.then(|| (raw.method, without_query(&raw.uri))),
        status,
        request: raw.request_id.unwrap_or_default(),
    })
}

/// `10.1.2.3 - ann [23/Nov/2026:01:20:00 +0000] "GET /v1/orders HTTP/1.1" 200 12 "-" "curl/8" "req_…"`
fn combined(text: &str) -> Option<Hit> {
    let (before, rest) = text.split_once(" [")?;
    let (from, user) = before.split_once(' ')?;
    // Who `identd` says it is, and who the server knows. A name may hold spaces.
    let (_identd, user) = user.split_once(' ')?;
    let (time, rest) = rest.split_once("] ")?;
    let (request, rest) = quoted(rest)?;
    let rest = rest.strip_prefix(' ')?;
    let (status_text, rest) = rest.split_once(' ')?;
    let (bytes, mut rest) = rest.split_once(' ')?;
    if bytes != "-" && !bytes.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    let mut last = String::new();
    for field in 1..QUOTED {
        let (text, behind) = quoted(rest)?;
        rest = if field + 1 == QUOTED {
            behind
        } else {
            behind.strip_prefix(' ')?
        };
        last = text;
    }
    if !rest.is_empty() {
        return None;
    }
    Some(Hit {
        time: time_of(time),
        from: from.to_owned(),
        user: user.to_owned(),
        act: request_line(&request),
        status: status(status_text)?,
        request: last,
    })
}

/// A field in quotes, and what stands behind it. What a client wrote is escaped with a backslash, so no quote of theirs ends it.
fn quoted(text: &str) -> Option<(String, &str)> {
    let inside = text.strip_prefix('"')?;
    let mut escaped = false;
    for (at, byte) in inside.bytes().enumerate() {
        match byte {
            _ if escaped => escaped = false,
            b'\\' => escaped = true,
            b'"' => {
                let field = inside.get(..at)?.to_owned();
                return Some((field, inside.get(at.saturating_add(1)..)?));
            }
            _ => {}
        }
    }
    None
}

/// Method and path of `GET /v1/orders?q=1 HTTP/1.1`.
fn request_line(text: &str) -> Option<(String, String)> {
    let mut words = text.split(' ');
    let (method, uri, version) = (words.next()?, words.next()?, words.next()?);
    let plain = !method.is_empty() && method.bytes().all(|byte| byte.is_ascii_uppercase());
    let whole = plain && version.starts_with("HTTP/") && words.next().is_none();
    whole.then(|| (method.to_owned(), without_query(uri)))
}

fn without_query(uri: &str) -> String {
    uri.split(['?', '#']).next().unwrap_or_default().to_owned()
}

fn status(text: &str) -> Option<u16> {
    let plain = text.len() == 3 && text.bytes().all(|byte| byte.is_ascii_digit());
    plain.then(|| text.parse().ok()).flatten()
}

/// `23/Nov/2026:01:20:00 +0000`
fn time_of(text: &str) -> Option<Timestamp> {
    let (date, rest) = text.split_once(':')?;
    let mut date = date.splitn(3, '/');
    let (day, month, year) = (date.next()?, date.next()?, date.next()?);
    let month = MONTHS.iter().position(|name| *name == month)?;
    let month = month.saturating_add(1);
    moment(&format!("{year}-{month:02}-{day} {rest}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    const LINE: &str = r#"10.1.2.3 - - [23/Nov/2026:02:20:00 +0100] "POST /api/v1/orders?key=hush HTTP/1.1" 201 12 "-" "gatehold" "req_1""#;
    const OBJECT: &str = r#"{"time":"2026-11-23T02:20:00+01:00","method":"POST","uri":"/api/v1/orders?key=hush","status":201,"remote_addr":"10.1.2.3","remote_user":"","request_id":"req_1"}"#;

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

    #[test]
    fn both_forms_say_the_same() {
        for text in [LINE, OBJECT] {
            let seen = seen(text);
            let at = seen.access.at.unwrap();
            assert_eq!(at.millis(), 1_795_396_800_000, "{text}");
            assert_eq!((seen.line, &*seen.access.name), (3, "10.1.2.3"), "{text}");
            let named = seen.named.as_ref().unwrap();
            assert_eq!((&*named.request, named.done), ("req_1", true));
            let act = ("POST".to_owned(), "/api/v1/orders".to_owned());
            assert_eq!(named.act.as_ref(), Some(&act));
            assert!(!format!("{seen:?}").contains("hush"), "no query is shown");
        }
        let known = LINE.replace("- - [", "- monitor of ann [");
        assert_eq!(seen(&known).access.name, "monitor of ann");
        let text = OBJECT.replace("201", "\"404\"");
        assert!(!seen(&text).named.unwrap().done);
        assert!(seen(&LINE.replace("req_1", "-")).named.is_none());
    }

    #[test]
    fn what_a_client_wrote_never_passes_for_another_field() {
        // A quote of theirs is escaped by the server, as \" or as \x22.
        for agent in [
            r#"x\" \"req_2"#,
            r"x\x22 \x22req_2",
            r"\\",
            r#"\\\" 200 1 \"-\" \"a"#,
        ] {
            let seen = seen(&LINE.replace("\"gatehold\"", &format!("\"{agent}\"")));
            assert_eq!(seen.named.unwrap().request, "req_1", "{agent}");
        }
        for odd in [
            LINE.replace("\"gatehold\"", "\"x\" \"req_2\""),
            LINE.replace("\"gatehold\"", "\"x\\\""),
            LINE.replace(" \"req_1\"", ""),
            LINE.replace("201 12", "201"),
            LINE.replace("201", "2o1"),
            LINE.replace(":02:20", ":25:20"),
            LINE.replace("+0100", "CET"),
            LINE.replace("POST /", "POST  /"),
            OBJECT.replace("\"status\":201", "\"status\":201,\"method\":\"GET\""),
            OBJECT.replace("POST", "-"),
            format!("{OBJECT} x"),
            "\u{0}\u{fffd}".to_owned(),
        ] {
            assert!(matches!(of(&odd), Some(Event::Unreadable(3, _))), "{odd}");
        }
    }

    #[test]
    fn whom_the_server_did_not_let_in_or_not_understand_was_not_there() {
        for refused in [
            LINE.replace("201", "401"),
            OBJECT.replace("201", "403"),
            LINE.replace("POST /api/v1/orders?key=hush HTTP/1.1", "\\x16\\x03")
                .replace("201", "400"),
            LINE.replace("POST /api/v1/orders?key=hush HTTP/1.1", "-")
                .replace("201", "408"),
        ] {
            assert!(matches!(of(&refused), Some(Event::Refused(_))), "{refused}");
        }
    }
}
