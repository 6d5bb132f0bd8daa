//! `log_destination = 'jsonlog'` of PostgreSQL from version 15 on: one record a line.

use serde::Deserialize;

use super::Event;
use super::lines::Line;
use super::postgres::{self, Record};

/// What is read of a record. A name that stands there twice is an error.
#[derive(Deserialize)]
struct Raw {
    timestamp: Option<String>,
    user: Option<String>,
    dbname: Option<String>,
    remote_host: Option<String>,
    remote_port: Option<u32>,
    session_id: Option<String>,
    line_num: Option<u64>,
    ps: Option<String>,
    error_severity: Option<String>,
    state_code: Option<String>,
    message: Option<String>,
    application_name: Option<String>,
}

/// Reads a line.
pub fn line(line: &Line) -> Option<Event> {
    let Some(bytes) = &line.bytes else {
        return Some(Event::Unreadable(line.number, "it is too long"));
    };
    if bytes.iter().all(u8::is_ascii_whitespace) {
        return None;
    }
    // Statements stand there in whatever encoding their database has.
    let text = String::from_utf8_lossy(bytes);
    let Ok(raw) = serde_json::from_str::<Raw>(&text) else {
        return Some(if line.ended {
            Event::Unreadable(line.number, "it is no record of jsonlog")
        } else {
            Event::Unfinished(line.number)
        });
    };
    let of = |field: &'_ Option<String>| field.clone().unwrap_or_default();
    let port = raw.remote_port.map(|port| format!(":{port}"));
    let from = of(&raw.remote_host) + &port.unwrap_or_default();
    let record = Record {
        time: &of(&raw.timestamp),
        user: &of(&raw.user),
        database: &of(&raw.dbname),
        from: &from,
        session: &of(&raw.session_id),
        number: raw.line_num,
        tag: &of(&raw.ps),
        severity: &of(&raw.error_severity),
        state: &of(&raw.state_code),
        message: &of(&raw.message),
        application: &of(&raw.application_name),
    };
    Some(postgres::event(&record, line.number))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(text: &str, ended: bool) -> Option<Event> {
        line(&Line {
            number: 3,
            bytes: Some(text.as_bytes().to_vec()),
            ended,
        })
    }

    const LOGIN: &str = r#"{"timestamp":"2026-11-23 01:20:00.123 UTC","user":"ann","dbname":"orders","pid":7,"remote_host":"127.0.0.1",
        "remote_port":5,"session_id":"65f.7","line_num":3,"ps":"authentication","session_start":"2026-11-23 01:19:00 UTC",
        "error_severity":"LOG","message":"connection authorized: user=ann database=orders","backend_type":"client backend","query_id":0}"#;

    #[test]
    fn a_record_says_who_and_not_what() {
        let Some(Event::Seen(seen)) = of(LOGIN, true) else {
            panic!("nobody is seen");
        };
        assert_eq!((seen.line, seen.access.login), (3, true));
        assert_eq!((&*seen.access.name, &*seen.from), ("ann", "127.0.0.1:5"));
        assert_eq!((&*seen.place, seen.number), ("orders", Some(3)));
        let statement = LOGIN
            .replace("connection authorized:", "statement: SELECT 'secret'")
            .replace("authentication", "SELECT");
        let Some(Event::Seen(seen)) = of(&statement, true) else {
            panic!("nobody is seen");
        };
        assert_eq!((seen.access.login, &*seen.what), (false, "SELECT"));
        assert!(!format!("{seen:?}").contains("secret"));
        let refused = LOGIN
            .replace("\"LOG\"", "\"FATAL\"")
            .replace("\"message\"", "\"state_code\":\"28P01\",\"message\"");
        assert!(matches!(of(&refused, true), Some(Event::Refused(_))));
        let nobody = LOGIN.replace("\"user\":\"ann\",", "");
        assert!(matches!(of(&nobody, true), Some(Event::Nothing(Some(_)))));
    }

    #[test]
    fn what_is_no_record_is_told() {
        let twice = LOGIN.replace("\"pid\":7", "\"user\":\"bob\"");
        let behind = format!("{LOGIN} {LOGIN}");
        let local = LOGIN.replace(".123 UTC", " CET");
        for odd in [&*twice, &*behind, &*local, "{}", "[]", "null", "2026", "\0"] {
            let read = of(odd, true);
            assert!(matches!(read, Some(Event::Unreadable(3, _))), "{odd}");
        }
        let torn = LOGIN.get(..80).unwrap();
        assert!(matches!(of(torn, false), Some(Event::Unfinished(3))));
        assert!(of(" \r", true).is_none());
    }
}
