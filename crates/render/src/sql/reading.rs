//! What parsers of several databases make of a text, and whether they agree.

use sqlparser::ast::Statement;
use sqlparser::dialect::{Dialect, MySqlDialect, PostgreSqlDialect, SQLiteDialect};
use sqlparser::parser::Parser;

use super::lexer::Token;

/// How deep a parser may nest.
const DEPTH_MAX: usize = 48;
/// Tokens that can make a tree one level deeper. What walks a tree walks it recursively, so its depth is bounded here.
const CHAIN_MAX: usize = 1_000;
/// How deep `POSITION (` may nest: the parser reads what stands in each twice, so that the work doubles with each level.
const POSITION_DEPTH_MAX: usize = 3;

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

    fn read(self, sql: &str) -> Option<Vec<Statement>> {
        let dialect: &dyn Dialect = match self {
            Database::PostgreSql => &PostgreSqlDialect {},
            Database::Sqlite => &SQLiteDialect {},
            Database::MySql => &MySqlDialect {},
        };
        Parser::new(dialect)
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
    if chain(tokens) > CHAIN_MAX || position_depth(tokens) > POSITION_DEPTH_MAX {
        return Err(NoReading::TooDeep);
    }
    let asked = target.map_or_else(|| Database::ALL.to_vec(), |only| vec![only]);
    let mut reading: Option<Reading> = None;
    let mut not_read_by = Vec::new();
    for database in asked {
        let Some(statements) = database.read(sql) else {
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

/// How deep brackets that belong to `POSITION` stand within each other.
fn position_depth(tokens: &[Token<'_>]) -> usize {
    let mut open: Vec<bool> = Vec::new();
    let (mut depth, mut deepest) = (0_usize, 0_usize);
    let mut named = false;
    for token in tokens {
        match token {
            Token::Symbol('(') => {
                open.push(named);
                depth = depth.saturating_add(usize::from(named));
                deepest = deepest.max(depth);
            }
            Token::Symbol(')') => {
                let closed = open.pop().unwrap_or(false);
                depth = depth.saturating_sub(usize::from(closed));
            }
            _ => {}
        }
        named = token.is("POSITION");
    }
    deepest
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

    #[test]
    fn what_is_read_twice_at_each_level_nests_a_little() {
        let nested = |levels: usize| {
            let sql = format!(
                "SELECT {}b{}",
                "Position (a IN ".repeat(levels),
                ")".repeat(levels)
            );
            let (tokens, _) = lex(&sql);
            read(&sql, &tokens, None).map(drop)
        };
        assert_eq!(nested(POSITION_DEPTH_MAX), Ok(()));
        assert_eq!(nested(POSITION_DEPTH_MAX + 1), Err(NoReading::TooDeep));
        assert_eq!(nested(40), Err(NoReading::TooDeep));
        // Beside each other they are read once each.
        let beside = "SELECT position('a' IN b), position('c' IN d), (position('e' IN (f))), position('g' IN h)";
        let (tokens, _) = lex(beside);
        assert_eq!(position_depth(&tokens), 1);
        assert!(read(beside, &tokens, None).is_ok());
    }
}
