//! `log_destination = 'csvlog'` of PostgreSQL: one record after the other, each of one line or of several, because a field in quotes may
//! hold line ends. Statements are never shown: they hold what people search for.

use gatehold_core::reconcile::moment;

use super::Event;
use super::lines::{LINE_BYTES_MAX, Line};
use super::postgres::{self, Record};

/// Fields of a record in the oldest version that is still read; newer ones have more behind them.
const FIELDS_MIN: usize = 23;
/// Puts records together, line by line.
#[derive(Debug, Default)]
pub struct Csvlog {
    held: Vec<u8>,
    /// The line at which the held record begins.
    began: u64,
    open: bool,
    /// Whether a record was given up: what follows is read on from the first line that can begin one.
    lost: bool,
}

impl Csvlog {
    /// Reads a line; gives what a record says that ends with it.
    pub fn line(&mut self, line: Line) -> Option<Event> {
        let Some(bytes) = line.bytes else {
            return Some(self.give_up(line.number, "it is too long"));
        };
        if self.lost {
            if !begins(&bytes) {
                return None;
            }
            self.lost = false;
        }
        if self.open {
            self.held.push(b'\n');
        } else {
            self.began = line.number;
        }
        self.held.extend_from_slice(&bytes);
        let odd = bytes.iter().filter(|byte| **byte == b'"').count() % 2 == 1;
        self.open ^= odd;
        if self.open {
            return (self.held.len() > LINE_BYTES_MAX)
                .then(|| self.give_up(line.number, "its record is too long"));
        }
        let held = std::mem::take(&mut self.held);
        let read = read(&held, self.began);
        if !line.ended && matches!(read, Event::Unreadable(..)) {
            return Some(Event::Unfinished(self.began));
        }
        Some(read)
    }

    /// Ends a file.
    pub fn end(&mut self) -> Option<Event> {
        let unfinished = self.open.then_some(Event::Unfinished(self.began));
        *self = Self::default();
        unfinished
    }

    fn give_up(&mut self, line: u64, why: &'static str) -> Event {
        let began = if self.open { self.began } else { line };
        *self = Self {
            lost: true,
            ..Self::default()
        };
        Event::Unreadable(began, why)
    }
}

/// Whether a line can begin a record: a time, and then a field.
fn begins(line: &[u8]) -> bool {
    let first = line.split(|byte| *byte == b',').next().unwrap_or_default();
    first.len() < line.len() && std::str::from_utf8(first).is_ok_and(|text| moment(text).is_some())
}

fn read(record: &[u8], line: u64) -> Event {
    if record.iter().all(u8::is_ascii_whitespace) {
        return Event::Nothing(None);
    }
    let Some(fields) = fields(record) else {
        return Event::Unreadable(line, "its fields cannot be told apart");
    };
    let field = |number: usize| fields.get(number).map_or("", String::as_str);
    if fields.len() < FIELDS_MIN {
        return Event::Unreadable(line, "it has too few fields for a record of csvlog");
    }
    let record = Record {
        time: field(0),
        user: field(1),
        database: field(2),
        from: field(4),
        session: field(5),
        number: field(6).parse().ok(),
        tag: field(7),
        severity: field(11),
        state: field(12),
        message: field(13),
        application: field(22),
    };
    postgres::event(&record, line)
}

/// The fields of one record; quotes are doubled in a field that has quotes around it.
fn fields(record: &[u8]) -> Option<Vec<String>> {
    let mut all = Vec::new();
    let mut field = Vec::new();
    let (mut quoted, mut closed) = (false, false);
    let mut bytes = record.iter().copied().peekable();
    while let Some(byte) = bytes.next() {
        match byte {
            b'"' if quoted && bytes.peek() == Some(&b'"') => {
                bytes.next();
                field.push(b'"');
            }
            b'"' if quoted => (quoted, closed) = (false, true),
            b'"' if field.is_empty() && !closed => quoted = true,
            b',' if !quoted => {
                all.push(text(&mut field));
                closed = false;
            }
            // Nothing stands before or behind the quotes of a field, but the end of a line from elsewhere.
            b'\r' if !quoted && bytes.peek().is_none() => {}
            b'"' => return None,
            _ if closed => return None,
            other => field.push(other),
        }
    }
    all.push(text(&mut field));
    (!quoted).then_some(all)
}

fn text(field: &mut Vec<u8>) -> String {
    String::from_utf8_lossy(&std::mem::take(field)).into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn record(user: &str, severity: &str, state: &str, message: &str) -> String {
        format!(
            "2026-11-23 01:20:00.123 UTC,\"{user}\",\"orders\",7,\"127.0.0.1:5\",65f.7,3,\"SELECT\",2026-11-23 01:19:00 UTC,3/4,0,\
             {severity},{state},\"{message}\",,,,,,,,,\"psql\",\"client backend\",,0\n"
        )
    }

    fn all(text: &[u8]) -> Vec<Event> {
        let mut lines = super::super::lines::Lines::new(text);
        let mut csvlog = Csvlog::default();
        let mut events = Vec::new();
        while let Some(line) = lines.next().unwrap() {
            events.extend(csvlog.line(line));
        }
        events.extend(csvlog.end());
        events
    }

    fn seen(event: &Event) -> (u64, &str, bool) {
        match event {
            Event::Seen(seen) => (seen.line, &seen.access.name, seen.access.login),
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn a_record_of_several_lines_is_one_and_says_who_and_not_what() {
        let text = record("ann", "LOG", "00000", "connection authorized: user=ann")
            + &record(
                "bob",
                "LOG",
                "00000",
                "statement: SELECT \"\"secret\"\",\n'x'",
            )
            + &record("", "LOG", "00000", "checkpoint starting")
            + &record("eve", "FATAL", "28P01", "password authentication failed");
        let events = all(text.as_bytes());
        assert_eq!(seen(&events[0]), (1, "ann", true));
        assert_eq!(seen(&events[1]), (2, "bob", false));
        assert!(!format!("{events:?}").contains("secret"), "{events:?}");
        assert!(matches!(events[2], Event::Nothing(Some(_))));
        assert!(matches!(events[3], Event::Refused(_)));
        assert_eq!(events.len(), 4);
    }

    #[test]
    fn hostile_lines_hide_no_record_behind_them() {
        let good = record("ann", "LOG", "00000", "connection authorized: user=ann");
        let forged = good.replace('"', "\"\"");
        let inside = record("eve", "LOG", "00000", &format!("statement: \n{forged}"));
        let events = all((inside + &good).as_bytes());
        assert_eq!(seen(&events[0]).1, "eve", "what is quoted is no record");
        assert_eq!(seen(&events[1]), (4, "ann", true));
        // An endless line, a quote that never closes, and bytes that are no text: each is told, and reading goes on.
        let endless = format!("{}\n{good}", "x".repeat(LINE_BYTES_MAX + 1));
        let events = all(endless.as_bytes());
        assert!(matches!(events[0], Event::Unreadable(1, _)), "{events:?}");
        assert_eq!(seen(&events[1]).0, 2);
        let open = format!("2026,\"{}{good}", "\n".repeat(LINE_BYTES_MAX + 2));
        let events = all(open.as_bytes());
        assert!(matches!(events[0], Event::Unreadable(1, _)));
        assert_eq!(seen(&events[1]).1, "ann");
        let odd = [b"\xff\xfe,\"\"x\0\n", good.as_bytes()].concat();
        let events = all(&odd);
        assert!(matches!(events[0], Event::Unreadable(1, _)));
        assert_eq!(seen(&events[1]).1, "ann");
        let local = good.replace(" UTC,\"", " CET,\"");
        assert!(
            matches!(all(local.as_bytes())[0], Event::Unreadable(1, why) if why.contains("log_timezone"))
        );
        let torn = good.trim_end().rsplit_once("psql").unwrap().0;
        assert!(matches!(all(torn.as_bytes())[0], Event::Unfinished(1)));
    }
}
