//! A text of several statements as the statements it is made of, each as its exact bytes. The lexer says where they end, a parser of
//! the database says how many there are and that each, read alone, is what it is in the whole; where they do not agree nothing is
//! split.

use sqlparser::ast::Statement;

use super::effect::Effect;
use super::lexer::{self, Token, Trouble};
use super::reading::{self, Database, NoReading};

/// Longest text, bytes.
pub const SQL_BYTES_MAX: usize = 1024 * 1024;
/// Most statements of one text.
pub const STATEMENTS_MAX: usize = 200;
/// What belongs to a transaction or a connection, by its first word.
const OF_A_SESSION: [&str; 25] = [
    "ABORT",
    "BEGIN",
    "CHECKPOINT",
    "CLOSE",
    "COMMIT",
    "DEALLOCATE",
    "DECLARE",
    "DISCARD",
    "END",
    "EXECUTE",
    "FETCH",
    "LISTEN",
    "LOAD",
    "LOCK",
    "MOVE",
    "PRAGMA",
    "PREPARE",
    "RELEASE",
    "RESET",
    "ROLLBACK",
    "SAVEPOINT",
    "SET",
    "START",
    "UNLISTEN",
    "USE",
];

/// Functions whose work is for the rest of a connection, or rests on what it did before.
const OF_A_SESSION_CALLED: [&str; 10] = [
    "SET_CONFIG",
    "PG_ADVISORY_LOCK",
    "PG_ADVISORY_LOCK_SHARED",
    "PG_TRY_ADVISORY_LOCK",
    "PG_TRY_ADVISORY_LOCK_SHARED",
    "CURRVAL",
    "LASTVAL",
    "GET_LOCK",
    "LAST_INSERT_ID",
    "LAST_INSERT_ROWID",
];

/// A database whose statements can be told apart.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SqlDialect {
    /// PostgreSQL.
    PostgreSql,
    /// SQLite.
    Sqlite,
    /// MySQL and MariaDB.
    MySql,
}

impl SqlDialect {
    const fn database(self) -> Database {
        match self {
            Self::PostgreSql => Database::PostgreSql,
            Self::Sqlite => Database::Sqlite,
            Self::MySql => Database::MySql,
        }
    }
}

/// One statement.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SqlStatement<'a> {
    /// Its bytes, without the semicolon and the space around it.
    pub text: &'a str,
    /// Whether it is a query that writes nothing, as far as a parser can tell. No protection rests on this.
    pub reads: bool,
}

/// Why a text is not split. Statements count from 1.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum NotSplit {
    /// There is nothing in it.
    #[error("there is no SQL statement")]
    Empty,
    /// Too much of it.
    #[error("it is more than a parser reads at once: 1 MiB, 200 statements, or some 1,000 words")]
    TooLong,
    /// Databases, or readers, do not agree where something ends.
    #[error("it cannot be told where a statement ends: {0}")]
    Ambiguous(&'static str),
    /// Something is never closed.
    #[error("{0} is never closed")]
    Unfinished(&'static str),
    /// No parser reads it.
    #[error("statement {0} is none that this database would read alone")]
    Unread(usize),
    /// Semicolons and parser do not agree.
    #[error("semicolons and the grammar of this database do not agree on what the statements are")]
    Disagree,
    /// It belongs to a transaction or a connection.
    #[error(
        "statement {0} ({1}) is about a transaction or a connection, and each statement has its own"
    )]
    OfASession(usize, &'static str),
}

/// The statements of a text, in order.
///
/// # Errors
/// When they cannot be told apart for certain, or could not be executed each by itself.
pub fn split_sql(sql: &str, dialect: SqlDialect) -> Result<Vec<SqlStatement<'_>>, NotSplit> {
    if sql.len() > SQL_BYTES_MAX {
        return Err(NotSplit::TooLong);
    }
    let (pieces, troubles) = lexer::pieces(sql);
    for trouble in troubles {
        match trouble {
            Trouble::Comment => {}
            Trouble::Ambiguous(why) => return Err(NotSplit::Ambiguous(why)),
            Trouble::Unfinished(what) => return Err(NotSplit::Unfinished(what)),
        }
    }
    match pieces.len() {
        0 => return Err(NotSplit::Empty),
        1..=STATEMENTS_MAX => {}
        _ => return Err(NotSplit::TooLong),
    }
    let mut statements = Vec::with_capacity(pieces.len());
    let mut alone = Vec::with_capacity(pieces.len());
    for (number, text) in (1..).zip(pieces) {
        let (tokens, _) = lexer::lex(text);
        if let Some(word) = of_a_session(&tokens) {
            return Err(NotSplit::OfASession(number, word));
        }
        let statement = one(text, &tokens, dialect).ok_or(NotSplit::Unread(number))?;
        if locks(&statement) {
            return Err(NotSplit::OfASession(number, "SELECT … FOR UPDATE"));
        }
        statements.push(SqlStatement {
            text,
            reads: reads(&statement),
        });
        alone.push(statement.to_string());
    }
    let (tokens, _) = lexer::lex(sql);
    let whole = reading::read(sql, &tokens, Some(dialect.database()));
    let whole = whole.map_err(|why| match why {
        NoReading::TooDeep => NotSplit::TooLong,
        NoReading::Refused | NoReading::Differ(..) => NotSplit::Disagree,
    })?;
    let whole: Vec<String> = whole.statements.iter().map(ToString::to_string).collect();
    if whole != alone {
        return Err(NotSplit::Disagree);
    }
    Ok(statements)
}

/// The word by which a statement is about a connection. Functions are found by their names wherever they are called; one of one's own
/// that is called like them is refused too.
fn of_a_session(tokens: &[Token<'_>]) -> Option<&'static str> {
    let word = |at: usize, word: &str| tokens.get(at).is_some_and(|token| token.is(word));
    let first = OF_A_SESSION.into_iter().find(|first| word(0, first));
    let passing = || {
        let at = if word(1, "OR") { 3 } else { 1 };
        let at = at + usize::from(word(at, "LOCAL") || word(at, "GLOBAL"));
        let mut words = ["TEMP", "TEMPORARY"].into_iter();
        words.find(|passing| word(0, "CREATE") && word(at, passing))
    };
    let called = || {
        let found = |name: &&str| {
            tokens.windows(2).any(|pair| match pair {
                [Token::Name(quoted), Token::Symbol('(')] => {
                    quoted.trim_matches('"').eq_ignore_ascii_case(name)
                }
                [token, Token::Symbol('(')] => token.is(name),
                _ => false,
            })
        };
        OF_A_SESSION_CALLED.into_iter().find(found)
    };
    first.or_else(passing).or_else(called)
}

/// Whether it is a query that locks what it finds: the locks end with it, before anything could be done under them.
fn locks(statement: &Statement) -> bool {
    matches!(statement, Statement::Query(query) if !query.locks.is_empty())
}

/// The one statement that a text is.
fn one(text: &str, tokens: &[Token<'_>], dialect: SqlDialect) -> Option<Statement> {
    let read = reading::read(text, tokens, Some(dialect.database())).ok()?;
    let mut statements = read.statements;
    let statement = statements.pop()?;
    statements.is_empty().then_some(statement)
}

fn reads(statement: &Statement) -> bool {
    let effect = Effect::of(statement);
    let nothing = effect.writes.is_empty() && effect.makes.is_empty();
    matches!(statement, Statement::Query(_)) && nothing && effect.structure.is_empty()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn texts(sql: &str) -> Result<Vec<(&str, bool)>, NotSplit> {
        let split = split_sql(sql, SqlDialect::PostgreSql)?;
        Ok(split.iter().map(|one| (one.text, one.reads)).collect())
    }

    #[test]
    fn a_semicolon_in_a_text_a_name_or_a_comment_ends_nothing() {
        let sql = " SELECT ';', 'it''s;' AS \"a;b\" -- one; two\n FROM t ;\n\n/* ; */ UPDATE t SET a = 1\n;;\n-- nothing\n";
        let wanted = [
            ("SELECT ';', 'it''s;' AS \"a;b\" -- one; two\n FROM t", true),
            ("/* ; */ UPDATE t SET a = 1", false),
        ];
        assert_eq!(texts(sql).unwrap(), wanted);
    }

    #[test]
    fn a_query_that_writes_is_none_that_reads() {
        let sql = "WITH gone AS (DELETE FROM t RETURNING a) SELECT a FROM gone; SELECT 1; INSERT INTO t VALUES (1)";
        let reads: Vec<bool> = texts(sql).unwrap().into_iter().map(|one| one.1).collect();
        assert_eq!(reads, [false, true, false]);
    }

    #[test]
    fn what_cannot_be_told_apart_is_not_split() {
        for sql in [
            "",
            " ; -- nothing\n;",
            "SELECT 'a",
            "SELECT 1 /* ",
            "DO $$ BEGIN DELETE FROM t; END $$",
            "SELECT 1; \\! id",
            "SELECT 1; nonsense here",
            "CREATE RULE r AS ON INSERT TO t DO (SELECT 1; SELECT 2)",
        ] {
            assert!(texts(sql).is_err(), "{sql}");
        }
        let many = "SELECT 1;".repeat(STATEMENTS_MAX + 1);
        assert_eq!(texts(&many), Err(NotSplit::TooLong));
    }

    #[test]
    fn no_transaction_spans_statements() {
        for (sql, number, word) in [
            ("BEGIN; DELETE FROM t; COMMIT", 1, "BEGIN"),
            ("SELECT 1; start transaction", 2, "START"),
            ("SELECT 1; SELECT 2; /* */ Rollback", 3, "ROLLBACK"),
            ("SET ROLE admin; SELECT 1", 1, "SET"),
            (
                "SELECT 1; SELECT set_config('role', 'admin', false)",
                2,
                "SET_CONFIG",
            ),
            (
                "SELECT pg_catalog.pg_advisory_lock (7)",
                1,
                "PG_ADVISORY_LOCK",
            ),
            ("INSERT INTO t VALUES (currval('s'))", 1, "CURRVAL"),
            ("CREATE TEMP TABLE t (id int)", 1, "TEMP"),
            (
                "SELECT * FROM t WHERE id = 7 FOR UPDATE; UPDATE t SET a = 1",
                1,
                "SELECT … FOR UPDATE",
            ),
        ] {
            assert_eq!(texts(sql), Err(NotSplit::OfASession(number, word)), "{sql}");
        }
        // What stands in a text or takes its locks for itself spans nothing.
        for sql in [
            "SELECT 'set_config(1)'",
            "UPDATE t SET a = 1 WHERE id IN (SELECT id FROM t FOR UPDATE SKIP LOCKED)",
            "CREATE TABLE temp (lastval int)",
            "SELECT lastval FROM temp",
        ] {
            assert!(texts(sql).is_ok(), "{sql}");
        }
    }
}
