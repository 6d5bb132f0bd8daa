//! Properties of every reader of logs: whatever bytes it is given it does not panic, says of no line that does not exist, and reads back
//! what a server would have written.

use proptest::prelude::*;

use super::csvlog::Csvlog;
use super::lines::Lines;
use super::{Event, Form, http, jsonlog, sshd};

/// What a reader says of a file, each with the line that it says it of.
fn events(form: Form, file: &[u8]) -> Vec<Event> {
    let mut lines = Lines::new(file);
    let (mut csvlog, mut events) = (Csvlog::default(), Vec::new());
    while let Some(line) = lines.next().unwrap() {
        events.extend(match form {
            Form::Csvlog => csvlog.line(line),
            Form::Jsonlog => jsonlog::line(&line),
            Form::Sshd => sshd::line(&line),
            Form::Access => http::line(&line),
        });
    }
    events.extend(csvlog.end());
    events
}

const fn line_of(event: &Event) -> Option<u64> {
    match event {
        Event::Seen(seen) => Some(seen.line),
        Event::Unreadable(line, _) | Event::Unfinished(line) => Some(*line),
        Event::Refused(_) | Event::Nothing(_) => None,
    }
}

/// The lines of those who were there.
fn seen(events: &[Event]) -> Vec<(u64, &str)> {
    let seen = events.iter().filter_map(|event| match event {
        Event::Seen(seen) => Some((seen.line, seen.access.name.as_str())),
        _ => None,
    });
    seen.collect()
}

const FORMS: [Form; 4] = [Form::Csvlog, Form::Jsonlog, Form::Sshd, Form::Access];

/// Lines that nearly are some: parts of each form, and what ends one.
fn nearly() -> impl Strategy<Value = Vec<u8>> {
    let part = prop_oneof![
        Just(b"2026-11-23 01:20:00.123 UTC,".to_vec()),
        Just(b"2026-11-23T01:20:00Z server sshd[7]: Accepted publickey for a from ::1 port 5 ssh2: K S ID i (serial 7) CA K S".to_vec()),
        Just(b"10.1.2.3 - - [23/Nov/2026:02:20:00 +0100] \"GET / HTTP/1.1\" 200 1 \"-\" \"-\" \"-\"".to_vec()),
        Just(b"{\"timestamp\":\"2026-11-23 01:20:00 UTC\",\"user\":\"".to_vec()),
        Just(b"\"".to_vec()),
        Just(b"\\".to_vec()),
        Just(b",".to_vec()),
        Just(b"\n".to_vec()),
        Just(b"\r\n".to_vec()),
        proptest::collection::vec(any::<u8>(), 0..20),
    ];
    proptest::collection::vec(part, 0..40).prop_map(|parts| parts.concat())
}

/// One record of csvlog as the server writes it: every text in quotes, which are doubled within.
fn csv(user: &str, message: &str) -> String {
    let quoted = |text: &str| format!("\"{}\"", text.replace('"', "\"\""));
    format!(
        "2026-11-23 01:20:00.123 UTC,{},\"orders\",7,\"127.0.0.1:5\",65f.7,3,\"SELECT\",2026-11-23 01:19:00 UTC,3/4,0,LOG,00000,{},,,,,,,,,\"psql\",\
         \"client backend\",,0\n",
        quoted(user),
        quoted(message)
    )
}

proptest! {
    #[test]
    fn whatever_the_bytes_are_every_line_that_is_named_exists(file in nearly()) {
        let lines = file.split(|byte| *byte == b'\n').count();
        let lines = u64::try_from(lines).unwrap();
        for form in FORMS {
            for event in events(form, &file) {
                if let Some(line) = line_of(&event) {
                    prop_assert!((1..=lines).contains(&line), "{form:?} {event:?}");
                }
            }
        }
    }

    #[test]
    fn what_csvlog_wrote_is_read_back_with_its_line(
        records in proptest::collection::vec(("[a-z\"\u{e9}]{1,9}", "(?s)[^\u{0}]{0,40}"), 0..20)
    ) {
        let (mut file, mut wanted, mut line) = (String::new(), Vec::new(), 1);
        for (user, message) in &records {
            let record = csv(user, message);
            wanted.push((line, user.as_str()));
            line += u64::try_from(record.matches('\n').count()).unwrap();
            file += &record;
        }
        let events = events(Form::Csvlog, file.as_bytes());
        prop_assert_eq!(seen(&events), wanted);
        prop_assert_eq!(events.len(), records.len());
    }

    #[test]
    fn what_jsonlog_wrote_is_read_back_with_its_line(
        records in proptest::collection::vec(("\\PC{1,9}", any::<String>()), 0..20)
    ) {
        let mut file = String::new();
        for (user, message) in &records {
            let record = serde_json::json!({ "timestamp": "2026-11-23 01:20:00.123 UTC", "user": user, "message": message,
                "error_severity": "LOG", "session_id": "65f.7", "line_num": 3 });
            file += &format!("{record}\n");
        }
        let wanted: Vec<(u64, &str)> = (1..).zip(records.iter().map(|(user, _)| user.as_str())).collect();
        let events = events(Form::Jsonlog, file.as_bytes());
        prop_assert_eq!(seen(&events), wanted);
    }

    #[test]
    fn what_a_client_says_of_itself_never_names_a_request(agent in "[^\n\r]{0,60}", path in "/[!-~]{0,30}") {
        // As nginx escapes what a client wrote.
        let escaped = |text: &str| -> String {
            text.chars().map(|one| match one {
                '"' => "\\x22".to_owned(),
                '\\' => "\\x5C".to_owned(),
                one if one.is_control() => format!("\\x{:02X}", u32::from(one)),
                one => one.to_string(),
            }).collect()
        };
        let line = format!(
            "10.1.2.3 - - [23/Nov/2026:02:20:00 +0100] \"GET {} HTTP/1.1\" 200 1 \"-\" \"{}\" \"req_1\"\n",
            escaped(&path), escaped(&agent)
        );
        let events = events(Form::Access, line.as_bytes());
        match events.as_slice() {
            [Event::Seen(seen)] => {
                let named = seen.named.as_ref();
                prop_assert_eq!(named.map(|named| named.request.as_str()), Some("req_1"));
            }
            other => prop_assert!(false, "{other:?}"),
        }
    }
}
