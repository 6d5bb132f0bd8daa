//! What a record of PostgreSQL's log says, however it was written down. Statements are never shown: they hold what people search for.

use gatehold_core::reconcile::{Access, moment};

use super::{Event, Named, Seen};

/// What the server says to somebody whom it does not let in: no such role or password, no such database, no right to connect, no room,
/// not now.
const REFUSED: [&str; 6] = ["28000", "28P01", "3D000", "42501", "53300", "57P03"];
/// How a message begins that somebody has just been let in.
const LET_IN: [&str; 3] = [
    "connection authorized:",
    "connection authenticated:",
    "replication connection authorized:",
];
/// What a session of the gate calls itself when it executes: this, and the request.
const APPLICATION: &str = "gatehold ";
/// Where the message of a login says what the session calls itself.
const APPLICATION_NAME: &str = " application_name=";
/// What a session is doing that has said nothing yet, or says nothing more.
const QUIET: [&str; 4] = ["", "authentication", "idle", "startup"];
/// How a statement begins that asks, or that begins and ends a transaction.
const ASKING: [&str; 9] = [
    "BEGIN", "COMMIT", "END", "EXPLAIN", "ROLLBACK", "SELECT", "SET", "START", "WITH",
];
/// Words of a change.
const CHANGING: [&str; 15] = [
    "ALTER", "ANALYZE", "CALL", "COPY", "CREATE", "DELETE", "DO", "DROP", "EXECUTE", "GRANT",
    "INSERT", "INTO", "MERGE", "TRUNCATE", "UPDATE",
];
/// Digits of a request with what stands before them.
const REQUEST_BYTES: usize = 36;

/// One record, as it was written.
#[derive(Debug, Default)]
pub struct Record<'a> {
    pub time: &'a str,
    pub user: &'a str,
    pub database: &'a str,
    pub from: &'a str,
    pub session: &'a str,
    pub number: Option<u64>,
    /// What the session was doing: `SELECT`, `authentication`.
    pub tag: &'a str,
    pub severity: &'a str,
    pub state: &'a str,
    pub message: &'a str,
    pub application: &'a str,
}

/// What it says. It begins at this line.
pub fn event(record: &Record<'_>, line: u64) -> Event {
    let Some(at) = moment(record.time) else {
        return Event::Unreadable(
            line,
            "its time has no zone that everybody reads the same: set log_timezone = 'UTC'",
        );
    };
    if record.user.is_empty() {
        return Event::Nothing(Some(at));
    }
    if record.severity == "FATAL" && REFUSED.contains(&record.state) {
        return Event::Refused(at);
    }
    let login = LET_IN.iter().any(|begin| record.message.starts_with(begin));
    let what = match (login, record.tag) {
        (true, _) => "logged in".to_owned(),
        (false, "") => "was logged".to_owned(),
        (false, tag) => tag.to_owned(),
    };
    Event::Seen(Box::new(Seen {
        line,
        access: Access {
            name: record.user.to_owned(),
            at: Some(at),
            login,
            certificate: None,
        },
        from: record.from.to_owned(),
        session: record.session.to_owned(),
        number: record.number,
        place: record.database.to_owned(),
        what,
        named: named(record, login),
        asks: login || asks(record),
    }))
}

/// Whether what is logged only asks, as far as anybody can tell who does not know the database: a function may do more.
fn asks(record: &Record<'_>) -> bool {
    let message = record.message;
    if let Some(audited) = message.strip_prefix("AUDIT: ") {
        return audited.split(',').nth(3) == Some("READ");
    }
    // With its time where that is logged: `duration: 0.1 ms  statement: ...`.
    let timed = message.strip_prefix("duration: ");
    let timed = timed.and_then(|timed| timed.split_once(" ms  "));
    let message = timed.map_or(message, |(_, message)| message);
    let prepared = ["parse ", "bind ", "execute "]
        .into_iter()
        .find_map(|step| message.strip_prefix(step)?.split_once(": "));
    let sql = message.strip_prefix("statement: ");
    match sql.or(prepared.map(|(_, sql)| sql)) {
        Some(sql) => only_reads(sql),
        None => QUIET.contains(&record.tag),
    }
}

/// Whether every part of a text begins as a question does, and holds no word of a change outside quotes.
fn only_reads(sql: &str) -> bool {
    // Where a backslash or a dollar sign may begin or end a quotation, nobody can tell what is quoted.
    let unclear = |part: &str| !part.is_empty() && !part.starts_with(|c: char| c.is_ascii_digit());
    if sql.contains('\\') || sql.split('$').skip(1).any(unclear) || sql.contains("$$") {
        return false;
    }
    let outside: Vec<&str> = sql.split('\'').step_by(2).collect();
    let outside = outside.join(" ").to_ascii_uppercase();
    outside.split(';').all(|statement| {
        let mut words = statement
            .split(|c: char| !c.is_ascii_alphanumeric() && c != '_')
            .filter(|word| !word.is_empty());
        match words.next() {
            None => true,
            Some(first) => ASKING.contains(&first) && !words.any(|word| CHANGING.contains(&word)),
        }
    })
}

/// The request that the session says it is for.
fn named(record: &Record<'_>, login: bool) -> Option<Named> {
    let said = record.application.strip_prefix(APPLICATION).or_else(|| {
        // At a login the name is not in its own place yet.
        let behind = record.message.split_once(APPLICATION_NAME);
        let said = behind.filter(|_| login)?.1.strip_prefix(APPLICATION)?;
        Some(said.get(..REQUEST_BYTES).unwrap_or(said))
    });
    said.map(|request| Named {
        request: request.to_owned(),
        act: None,
        done: false,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn asked(message: &str, tag: &str) -> bool {
        asks(&Record {
            message,
            tag,
            ..Record::default()
        })
    }

    #[test]
    fn m023_a_question_is_told_from_a_change() {
        for message in [
            "statement: START TRANSACTION READ ONLY",
            "statement: SET statement_timeout = 5; SET lock_timeout = 5",
            "execute s0: SELECT a FROM t WHERE b OPERATOR(pg_catalog.=) $1",
            "execute <unnamed>: EXPLAIN SELECT count(*) FROM ONLY t",
            "duration: 0.1 ms  execute s0: WITH x AS (SELECT 'DELETE') SELECT * FROM x",
            "AUDIT: SESSION,1,1,READ,SELECT,,,\"SELECT a\"",
            "disconnection: session time: 0:00:00.001",
        ] {
            assert!(asked(message, "idle"), "{message}");
        }
        for message in [
            "statement: INSERT INTO t VALUES (1)",
            "statement: SELECT 1; DELETE FROM t",
            "statement: SELECT * INTO u FROM t",
            "execute s0: WITH x AS (UPDATE t SET a = 1 RETURNING a) SELECT * FROM x",
            "execute s0: EXPLAIN ANALYZE SELECT f()",
            "statement: SELECT E'\\', 'x'; DELETE FROM t; SELECT '",
            "statement: SELECT $$'$$; DELETE FROM t; SELECT $$'$$",
            "statement: SELECT $a$'$a$; DELETE FROM t --'",
            "statement: COPY t TO PROGRAM 'x'",
            "duration: 0.1 ms  statement: DROP TABLE t",
            "AUDIT: SESSION,1,1,WRITE,INSERT,,,\"INSERT INTO t\"",
            "statement: \u{0}",
            "statement: VACUUM",
        ] {
            let found = asked(message, "idle");
            assert_eq!(found, message == "statement: \u{0}", "{message}");
        }
        assert!(!asked("something else", "UPDATE"));
    }

    #[test]
    fn m023_a_login_says_for_which_request_it_is() {
        let request = "req_01010101010101010101010101010101";
        let login = format!(
            "connection authorized: user=g database=d application_name=gatehold {request} SSL enabled"
        );
        let of = |message: &str, application: &str, login| {
            let record = Record {
                message,
                application,
                ..Record::default()
            };
            named(&record, login).map(|named| named.request)
        };
        assert_eq!(of(&login, "", true).as_deref(), Some(request));
        assert_eq!(of(&login, "", false), None, "only a login says it so");
        let named = format!("gatehold {request}");
        assert_eq!(of("statement: x", &named, false).as_deref(), Some(request));
        assert_eq!(of("statement: x", "gatehold", false), None);
    }
}
