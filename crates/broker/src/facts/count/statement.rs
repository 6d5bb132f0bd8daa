//! What a statement asks about, if it is of the few forms that are understood whole: one table, and a condition of columns,
//! literals and allow-listed operators. Everything else is not understood, and then nothing is asked of the database.
//!
//! The statement itself is never sent anywhere before people decided: what is asked is written anew from what was understood.

use std::iter::Peekable;
use std::vec::IntoIter;

use super::token::{Token, tokens};

/// Deepest nesting of a condition, and most comparisons in it.
const DEPTH_MAX: usize = 16;
const COMPARISONS_MAX: usize = 64;

/// Which rows a statement is about.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Rows {
    pub(crate) schema: Option<Name>,
    pub(crate) table: Name,
    pub(crate) condition: Option<Condition>,
    /// At most so many of them.
    pub(crate) limit: Option<u64>,
}

/// A name as written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Name {
    pub(crate) text: String,
    /// It keeps its case.
    pub(crate) quoted: bool,
}

/// A condition on one row.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Condition {
    Both(Box<Condition>, Box<Condition>),
    Either(Box<Condition>, Box<Condition>),
    Not(Box<Condition>),
    IsNull(Name),
    Compared(Name, Operator, Value),
}

/// The operators that are understood.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Operator {
    Equal,
    Unequal,
    Less,
    AtMost,
    Greater,
    AtLeast,
}

impl Operator {
    pub(crate) const fn as_str(self) -> &'static str {
        match self {
            Self::Equal => "=",
            Self::Unequal => "<>",
            Self::Less => "<",
            Self::AtMost => "<=",
            Self::Greater => ">",
            Self::AtLeast => ">=",
        }
    }
}

/// What a column is compared with.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Value {
    Column(Name),
    Text(String),
    /// Digits, perhaps with a sign and a point.
    Number(String),
    Bool(bool),
}

/// Reads a statement. Nothing when it is of another form.
pub(crate) fn read(sql: &str) -> Option<Rows> {
    let mut reader = Reader {
        tokens: tokens(sql)?.into_iter().peekable(),
        comparisons: 0,
    };
    let rows = reader.statement()?;
    if reader.tokens.next_if_eq(&Token::Mark(";")).is_some() {
        // One at its end changes nothing.
    }
    reader.tokens.next().is_none().then_some(rows)
}

struct Reader {
    tokens: Peekable<IntoIter<Token>>,
    comparisons: usize,
}

impl Reader {
    fn statement(&mut self) -> Option<Rows> {
        let (schema, table);
        if self.word("select") {
            self.columns()?;
            self.must("from")?;
            (schema, table) = self.table()?;
        } else if self.word("delete") {
            self.must("from")?;
            (schema, table) = self.table()?;
        } else if self.word("update") {
            (schema, table) = self.table()?;
            self.must("set")?;
            self.assignments()?;
            let condition = self.condition_if_any()?;
            return Some(Rows {
                schema,
                table,
                condition,
                limit: None,
            });
        } else {
            return None;
        }
        let condition = self.condition_if_any()?;
        let limit = if self.word("limit") {
            Some(self.count()?)
        } else {
            None
        };
        Some(Rows {
            schema,
            table,
            condition,
            limit,
        })
    }

    /// `*`, or names of columns: nothing that computes.
    fn columns(&mut self) -> Option<()> {
        if self.mark("*") {
            return Some(());
        }
        loop {
            self.name()?;
            if !self.mark(",") {
                return Some(());
            }
        }
    }

    fn table(&mut self) -> Option<(Option<Name>, Name)> {
        let first = self.name()?;
        if self.mark(".") {
            return Some((Some(first), self.name()?));
        }
        Some((None, first))
    }

    /// `a = 1, b = c`: what is written does not matter to which rows are, but it must end where we think it does.
    fn assignments(&mut self) -> Option<()> {
        loop {
            self.name()?;
            if !self.mark("=") {
                return None;
            }
            if !self.word("null") && !self.word("default") {
                self.value()?;
            }
            if !self.mark(",") {
                return Some(());
            }
        }
    }

    fn condition_if_any(&mut self) -> Option<Option<Condition>> {
        if self.word("where") {
            self.either(0).map(Some)
        } else {
            Some(None)
        }
    }

    fn either(&mut self, depth: usize) -> Option<Condition> {
        let mut left = self.both(depth)?;
        while self.word("or") {
            left = Condition::Either(Box::new(left), Box::new(self.both(depth)?));
        }
        Some(left)
    }

    fn both(&mut self, depth: usize) -> Option<Condition> {
        let mut left = self.one(depth)?;
        while self.word("and") {
            left = Condition::Both(Box::new(left), Box::new(self.one(depth)?));
        }
        Some(left)
    }

    fn one(&mut self, depth: usize) -> Option<Condition> {
        if depth >= DEPTH_MAX {
            return None;
        }
        if self.word("not") {
            return Some(Condition::Not(Box::new(self.one(depth + 1)?)));
        }
        if self.mark("(") {
            let inside = self.either(depth + 1)?;
            return self.mark(")").then_some(inside);
        }
        let column = self.name()?;
        if self.word("is") {
            let not = self.word("not");
            self.must("null")?;
            self.counted()?;
            return Some(negated(not, Condition::IsNull(column)));
        }
        let not = self.word("not");
        if self.word("in") {
            let listed = self.list(&column)?;
            return Some(negated(not, listed));
        }
        if self.word("between") {
            let (least, most);
            least = self.compared(&column, Operator::AtLeast)?;
            self.must("and")?;
            most = self.compared(&column, Operator::AtMost)?;
            let within = Condition::Both(Box::new(least), Box::new(most));
            return Some(negated(not, within));
        }
        if not {
            return None;
        }
        let operator = self.operator()?;
        self.compared(&column, operator)
    }

    fn list(&mut self, column: &Name) -> Option<Condition> {
        if !self.mark("(") {
            return None;
        }
        let mut listed = self.compared(column, Operator::Equal)?;
        while self.mark(",") {
            let more = self.compared(column, Operator::Equal)?;
            listed = Condition::Either(Box::new(listed), Box::new(more));
        }
        self.mark(")").then_some(listed)
    }

    fn compared(&mut self, column: &Name, operator: Operator) -> Option<Condition> {
        self.counted()?;
        Some(Condition::Compared(column.clone(), operator, self.value()?))
    }

    fn counted(&mut self) -> Option<()> {
        self.comparisons += 1;
        (self.comparisons <= COMPARISONS_MAX).then_some(())
    }

    fn operator(&mut self) -> Option<Operator> {
        let known = [
            ("=", Operator::Equal),
            ("<>", Operator::Unequal),
            ("!=", Operator::Unequal),
            ("<=", Operator::AtMost),
            (">=", Operator::AtLeast),
            ("<", Operator::Less),
            (">", Operator::Greater),
        ];
        let found = known.into_iter().find(|(text, _)| self.mark(text));
        found.map(|(_, operator)| operator)
    }

    fn value(&mut self) -> Option<Value> {
        if self.word("true") {
            return Some(Value::Bool(true));
        }
        if self.word("false") {
            return Some(Value::Bool(false));
        }
        let negative = self.mark("-");
        match self.tokens.next()? {
            Token::Number(digits) if negative => Some(Value::Number(format!("-{digits}"))),
            Token::Number(digits) => Some(Value::Number(digits)),
            Token::Text(text) if !negative => Some(Value::Text(text)),
            Token::Name(name) if !negative && !is_reserved(&name) => Some(Value::Column(name)),
            _ => None,
        }
    }

    fn count(&mut self) -> Option<u64> {
        match self.tokens.next()? {
            Token::Number(digits) => digits.parse().ok(),
            _ => None,
        }
    }

    fn name(&mut self) -> Option<Name> {
        match self.tokens.next()? {
            Token::Name(name) if !is_reserved(&name) => Some(name),
            _ => None,
        }
    }

    fn word(&mut self, word: &str) -> bool {
        let is = |token: &Token| matches!(token, Token::Name(name) if !name.quoted && name.text.eq_ignore_ascii_case(word));
        self.tokens.next_if(is).is_some()
    }

    fn must(&mut self, word: &str) -> Option<()> {
        self.word(word).then_some(())
    }

    fn mark(&mut self, mark: &str) -> bool {
        let is = |token: &Token| matches!(token, Token::Mark(found) if *found == mark);
        self.tokens.next_if(is).is_some()
    }
}

fn negated(not: bool, condition: Condition) -> Condition {
    if not {
        Condition::Not(Box::new(condition))
    } else {
        condition
    }
}

/// Words that are no names where they stand without quotes: what follows them means something else.
fn is_reserved(name: &Name) -> bool {
    const RESERVED: &[&str] = &[
        "all",
        "and",
        "any",
        "array",
        "as",
        "between",
        "case",
        "cast",
        "collate",
        "cross",
        "default",
        "distinct",
        "else",
        "end",
        "except",
        "exists",
        "false",
        "fetch",
        "for",
        "from",
        "full",
        "group",
        "having",
        "in",
        "inner",
        "intersect",
        "into",
        "is",
        "join",
        "lateral",
        "left",
        "like",
        "limit",
        "natural",
        "not",
        "null",
        "offset",
        "on",
        "only",
        "or",
        "order",
        "outer",
        "returning",
        "right",
        "row",
        "rowid",
        "select",
        "set",
        "some",
        "table",
        "then",
        "true",
        "union",
        "using",
        "values",
        "when",
        "where",
        "window",
        "with",
    ];
    !name.quoted
        && RESERVED
            .iter()
            .any(|word| name.text.eq_ignore_ascii_case(word))
}
