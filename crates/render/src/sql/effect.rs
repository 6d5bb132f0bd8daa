//! What a parsed statement touches: tables written and read, columns written, its condition.

use std::collections::BTreeSet;
use std::ops::ControlFlow;

use sqlparser::ast::{
    Assignment, AssignmentTarget, BinaryOperator, Expr, FromTable, Insert, ObjectName,
    OnConflictAction, OnInsert, Query, Select, Statement, TableFactor, TableObject, TableWithJoins,
    Value, ValueWithSpan, Visit, Visitor,
};

/// What one statement does, with everything inside it.
#[derive(Debug, Default)]
pub(super) struct Effect {
    /// Tables whose rows it adds, changes or removes.
    pub(super) writes: BTreeSet<String>,
    /// Columns it sets; empty when it sets none, or all without naming them.
    pub(super) columns: BTreeSet<String>,
    /// Whether rows are added without naming columns.
    pub(super) every_column: bool,
    /// Every relation it names.
    pub(super) names: BTreeSet<String>,
    /// Names that the statement itself gives to queries.
    pub(super) defined: BTreeSet<String>,
    /// Tables and views that it makes, changes, empties or removes.
    pub(super) structure: BTreeSet<String>,
    /// Of each UPDATE and DELETE.
    pub(super) conditions: Vec<(&'static str, Condition)>,
    /// Parameters whose values are nowhere in the text.
    pub(super) unbound: BTreeSet<String>,
    /// `SELECT … INTO`.
    pub(super) makes: BTreeSet<String>,
}

/// The condition of an UPDATE or DELETE.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Condition {
    None,
    /// It has one that cannot be false; others may be as wide and are not found.
    AlwaysTrue,
    Some,
}

impl Condition {
    fn of(selection: Option<&Expr>) -> Self {
        match selection {
            None => Condition::None,
            Some(expression) if is_always_true(expression) => Condition::AlwaysTrue,
            Some(_) => Condition::Some,
        }
    }
}

/// `1 = 1`, `a = a`, `TRUE`, `a LIKE '%'`, and whatever is true when one of these is.
fn is_always_true(expression: &Expr) -> bool {
    match expression {
        Expr::Nested(inner) => is_always_true(inner),
        Expr::Value(value) => match &value.value {
            Value::Boolean(truth) => *truth,
            Value::Number(number, _) => !number.trim_matches(['0', '.']).is_empty(),
            _ => false,
        },
        Expr::BinaryOp { left, op, right } => match op {
            BinaryOperator::Or => is_always_true(left) || is_always_true(right),
            BinaryOperator::And => is_always_true(left) && is_always_true(right),
            BinaryOperator::Eq | BinaryOperator::GtEq | BinaryOperator::LtEq => left == right,
            BinaryOperator::NotEq | BinaryOperator::Lt | BinaryOperator::Gt => {
                left != right && matches!((&**left, &**right), (Expr::Value(_), Expr::Value(_)))
            }
            _ => false,
        },
        Expr::Like {
            negated: false,
            pattern,
            ..
        }
        | Expr::ILike {
            negated: false,
            pattern,
            ..
        } => matches!(&**pattern, Expr::Value(text)
            if matches!(&text.value, Value::SingleQuotedString(text) if text.chars().all(|c| c == '%'))),
        _ => false,
    }
}

impl Effect {
    pub(super) fn of(statement: &Statement) -> Self {
        let mut effect = Self::default();
        let ControlFlow::Continue(()) = statement.visit(&mut effect);
        effect
    }

    fn wrote(&mut self, table: &TableFactor) {
        if let TableFactor::Table { name, .. } = table {
            self.writes.insert(name.to_string());
        }
    }

    fn wrote_joined(&mut self, tables: &[TableWithJoins]) {
        for table in tables {
            self.wrote(&table.relation);
        }
    }

    fn set(&mut self, assignments: &[Assignment]) {
        for assignment in assignments {
            match &assignment.target {
                AssignmentTarget::ColumnName(name) => {
                    self.columns.insert(name.to_string());
                }
                AssignmentTarget::Tuple(names) => {
                    self.columns.extend(names.iter().map(ObjectName::to_string));
                }
            }
        }
    }

    fn insert(&mut self, insert: &Insert) {
        if let TableObject::TableName(name) = &insert.table {
            self.writes.insert(name.to_string());
        }
        self.columns
            .extend(insert.columns.iter().map(ObjectName::to_string));
        self.set(&insert.assignments);
        self.every_column |= insert.columns.is_empty() && insert.assignments.is_empty();
        match &insert.on {
            Some(OnInsert::DuplicateKeyUpdate(assignments)) => self.set(assignments),
            Some(OnInsert::OnConflict(on)) => {
                if let OnConflictAction::DoUpdate(update) = &on.action {
                    self.set(&update.assignments);
                }
            }
            _ => {}
        }
    }
}

impl Visitor for Effect {
    type Break = std::convert::Infallible;

    fn pre_visit_statement(&mut self, statement: &Statement) -> ControlFlow<Self::Break> {
        match statement {
            Statement::Insert(insert) => self.insert(insert),
            Statement::Update(update) => {
                self.wrote(&update.table.relation);
                // MySQL changes rows of joined tables too.
                for join in &update.table.joins {
                    self.wrote(&join.relation);
                }
                self.set(&update.assignments);
                self.conditions
                    .push(("UPDATE", Condition::of(update.selection.as_ref())));
            }
            Statement::Delete(delete) => {
                let (FromTable::WithFromKeyword(from) | FromTable::WithoutKeyword(from)) =
                    &delete.from;
                if delete.tables.is_empty() {
                    self.wrote_joined(from);
                } else {
                    let names = delete.tables.iter().map(ObjectName::to_string);
                    self.writes.extend(names);
                }
                self.conditions
                    .push(("DELETE", Condition::of(delete.selection.as_ref())));
            }
            Statement::Merge(merge) => self.wrote(&merge.table),
            Statement::Drop { names, .. } => {
                let names = names.iter().map(ObjectName::to_string);
                self.structure.extend(names);
            }
            Statement::Truncate(truncate) => {
                let names = truncate
                    .table_names
                    .iter()
                    .map(|table| table.name.to_string());
                self.structure.extend(names);
            }
            Statement::CreateTable(table) => {
                self.structure.insert(table.name.to_string());
            }
            Statement::CreateView(view) => {
                self.structure.insert(view.name.to_string());
            }
            Statement::AlterTable(table) => {
                self.structure.insert(table.name.to_string());
            }
            _ => {}
        }
        ControlFlow::Continue(())
    }

    fn pre_visit_query(&mut self, query: &Query) -> ControlFlow<Self::Break> {
        if let Some(with) = &query.with {
            let names = with.cte_tables.iter().map(|cte| cte.alias.name.to_string());
            self.defined.extend(names);
        }
        ControlFlow::Continue(())
    }

    fn pre_visit_select(&mut self, select: &Select) -> ControlFlow<Self::Break> {
        if let Some(into) = &select.into {
            self.makes.insert(into.to_string());
        }
        ControlFlow::Continue(())
    }

    fn pre_visit_relation(&mut self, relation: &ObjectName) -> ControlFlow<Self::Break> {
        self.names.insert(relation.to_string());
        ControlFlow::Continue(())
    }

    fn pre_visit_value(&mut self, value: &ValueWithSpan) -> ControlFlow<Self::Break> {
        if let Value::Placeholder(name) = &value.value {
            self.unbound.insert(name.clone());
        }
        ControlFlow::Continue(())
    }
}
