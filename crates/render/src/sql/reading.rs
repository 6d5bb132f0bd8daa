//! What parsers of several databases make of a text, and whether they agree.

use sqlparser::ast::Statement;
use sqlparser::dialect::{Dialect, MySqlDialect, PostgreSqlDialect, SQLiteDialect};
use sqlparser::parser::Parser;

use super::lexer::Token;
use super::metered::Metered;

/// How deep a parser may nest.
const DEPTH_MAX: usize = 48;
/// Tokens that can make a tree one level deeper. What walks a tree walks it recursively, so its depth is bounded here.
const CHAIN_MAX: usize = 1_000;
/// A database whose grammar is known.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Database {
    PostgreSql,
    Sqlite,
    MySql,
}

impl Database {
    const ALL: [Database; 3] = [Database::PostgreSql, Database::Sqlite, Database::MySql];

    pub(super) const fn name(self) -> &'static str {
        match self {
            Database::PostgreSql => "PostgreSQL",
            Database::Sqlite => "SQLite",
            Database::MySql => "MySQL",
        }
    }

    /// As the parameter `dialect` of `application/sql` names it.
    pub(super) fn named(dialect: &str) -> Option<Self> {
        match dialect {
            "postgresql" => Some(Database::PostgreSql),
            "sqlite" => Some(Database::Sqlite),
            "mysql" => Some(Database::MySql),
            _ => None,
        }
    }

    fn dialect(self) -> &'static dyn Dialect {
        match self {
            Database::PostgreSql => &PostgreSqlDialect {},
            Database::Sqlite => &SQLiteDialect {},
            Database::MySql => &MySqlDialect {},
        }
    }

    fn read(self, sql: &str, tokens: usize) -> Option<Vec<Statement>> {
        Parser::new(&Metered::new(self.dialect(), tokens))
            .with_recursion_limit(DEPTH_MAX)
            .try_with_sql(sql)
            .ok()?
            .parse_statements()
            .ok()
    }
}

/// What the text means, as far as it means one thing.
#[derive(Debug)]
pub(super) struct Reading {
    pub(super) statements: Vec<Statement>,
    pub(super) read_by: Vec<Database>,
    pub(super) not_read_by: Vec<Database>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum NoReading {
    /// Too long a chain of words and operators.
    TooDeep,
    /// Nobody reads it, or the database it is for does not.
    Refused,
    /// These two read it, and differently.
    Differ(Database, Database),
}

/// Reads for one database when it is known, else for all; all that can read it must read the same.
pub(super) fn read(
    sql: &str,
    tokens: &[Token<'_>],
    target: Option<Database>,
) -> Result<Reading, NoReading> {
    if chain(tokens) > CHAIN_MAX {
        return Err(NoReading::TooDeep);
    }
    let asked = target.map_or_else(|| Database::ALL.to_vec(), |only| vec![only]);
    let mut reading: Option<Reading> = None;
    let mut not_read_by = Vec::new();
    for database in asked {
        let Some(statements) = database.read(sql, tokens.len()) else {
            not_read_by.push(database);
            continue;
        };
        match &mut reading {
            None => {
                reading = Some(Reading {
                    statements,
                    read_by: vec![database],
                    not_read_by: Vec::new(),
                });
            }
            Some(first) if first.statements == statements => first.read_by.push(database),
            Some(first) => {
                let before = first.read_by.first().copied().unwrap_or(database);
                return Err(NoReading::Differ(before, database));
            }
        }
    }
    let mut reading = reading.ok_or(NoReading::Refused)?;
    reading.not_read_by = not_read_by;
    Ok(reading)
}

/// Rows of literals are wide and flat; every other word or operator may stand one level below the one before.
fn chain(tokens: &[Token<'_>]) -> usize {
    let flat = |token: &&Token<'_>| {
        matches!(
            token,
            Token::Text | Token::Number | Token::Symbol(',' | '(' | ')' | '.')
        ) || ["NULL", "TRUE", "FALSE", "DEFAULT"]
            .iter()
            .any(|word| token.is(word))
    };
    tokens.iter().filter(|token| !flat(token)).count()
}

#[cfg(test)]
mod tests {
    use super::super::lexer::lex;
    use super::*;

    fn of(sql: &str) -> Result<(), NoReading> {
        let (tokens, _) = lex(sql);
        read(sql, &tokens, None).map(drop)
    }

    #[test]
    fn what_is_tried_several_ways_at_each_level_nests_a_little() {
        let nested = |levels: usize, close: &str| {
            let open = "position(a IN ".repeat(levels);
            of(&format!("SELECT {open}b{}", close.repeat(levels)))
        };
        assert_eq!(nested(3, ")"), Ok(()));
        // What never closes is tried anew at every level.
        assert_eq!(nested(40, ""), Err(NoReading::Refused));
        // Beside each other they are read once each.
        let beside = "position('a' IN b), position('c' IN d), (position('e' IN (f)))";
        assert_eq!(
            of(&format!("SELECT {}1", format!("{beside}, ").repeat(60))),
            Ok(())
        );
    }

    #[test]
    fn the_meter_changes_nothing_else() {
        for database in Database::ALL {
            for sql in [
                "SELECT a AS \"b\", `c` FROM d AS e LEFT JOIN f USING (g) WHERE h = 'i' -- j",
                "INSERT INTO t (a, b) VALUES (1, 'x'), (2, E'y\\n') ON CONFLICT (a) DO UPDATE SET b = excluded.b RETURNING *",
                "UPDATE t SET a = a + 1 WHERE b NOTNULL LIMIT 1, 2",
                "SELECT x'00', $1, :a, ?, a->>'b' @> c::jsonb, \"d\" FROM e ORDER BY 1 DESC NULLS LAST",
                "CREATE TABLE t (a int PRIMARY KEY, b text[] DEFAULT '{}')",
                "REPLACE INTO t SET a = 1",
                "COMMENT ON TABLE t IS 'x'",
                "LOCK TABLES t WRITE",
                "SELECT !a, b ~ 'c', d << 2, e ! FROM f",
            ] {
                let plain = Parser::new(database.dialect())
                    .with_recursion_limit(DEPTH_MAX)
                    .try_with_sql(sql)
                    .and_then(|mut parser| parser.parse_statements())
                    .ok();
                assert_eq!(
                    database.read(sql, lex(sql).0.len()),
                    plain,
                    "{database:?}: {sql}"
                );
            }
        }
    }
}
