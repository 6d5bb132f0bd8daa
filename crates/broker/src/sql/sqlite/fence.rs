//! What a statement may do inside SQLite, by SQLite's own account of it: an allow-list over the authorizer's actions.
//! An action this file does not name is denied.

use rusqlite::hooks::{AuthAction, AuthContext, Authorization};

use crate::call::Mode;

/// Functions that reach out of the database. They are switched off as well; this is the second lock.
const FUNCTIONS_NEVER: &[&str] = &[
    "load_extension",
    "fts3_tokenizer",
    "readfile",
    "writefile",
    "edit",
];

/// Which actions a statement may hold.
#[derive(Debug, Clone, Copy)]
pub(super) struct Fence {
    pub(super) mode: Mode,
    /// Rows are counted, so what removes rows uncounted is denied.
    pub(super) counts_rows: bool,
}

impl Fence {
    pub(super) fn judge(self, context: &AuthContext<'_>) -> Authorization {
        let allowed = reads(&context.action)
            || (self.mode == Mode::Write
                && (writes(&context.action) || (!self.counts_rows && reshapes(&context.action))));
        if allowed {
            Authorization::Allow
        } else {
            Authorization::Deny
        }
    }
}

fn reads(action: &AuthAction<'_>) -> bool {
    match action {
        AuthAction::Select | AuthAction::Read { .. } | AuthAction::Recursive => true,
        AuthAction::Function { function_name } => !FUNCTIONS_NEVER
            .iter()
            .any(|never| never.eq_ignore_ascii_case(function_name)),
        _ => false,
    }
}

fn writes(action: &AuthAction<'_>) -> bool {
    matches!(
        action,
        AuthAction::Insert { .. }
            | AuthAction::Update { .. }
            | AuthAction::Delete { .. }
            | AuthAction::CreateTable { .. }
            | AuthAction::CreateIndex { .. }
            | AuthAction::CreateView { .. }
            | AuthAction::CreateTrigger { .. }
            | AuthAction::DropIndex { .. }
            | AuthAction::DropView { .. }
            | AuthAction::DropTrigger { .. }
            | AuthAction::Reindex { .. }
            | AuthAction::Analyze { .. }
    )
}

/// Rows that vanish with their table, or change with it, are not counted by SQLite.
fn reshapes(action: &AuthAction<'_>) -> bool {
    matches!(
        action,
        AuthAction::DropTable { .. } | AuthAction::AlterTable { .. }
    )
}
