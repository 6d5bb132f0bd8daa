//! What the terminal can do: whether a stream takes colour, and how many columns there are.

use std::io::IsTerminal;

use crate::ambient::{text_variable, variable};

/// Columns where nobody says.
const COLUMNS: usize = 80;
/// More are not believed.
const COLUMNS_MAX: usize = 10_000;

/// Whether a stream takes colour: a terminal that can, and whose user wants it.
#[must_use]
pub fn takes_colour(stream: &impl IsTerminal) -> bool {
    let can = text_variable("TERM").is_none_or(|kind| kind != "dumb");
    can && variable("NO_COLOR").is_none() && stream.is_terminal()
}

/// The columns to print in: what `COLUMNS` says, what the terminal says, or the usual number.
#[must_use]
pub fn columns() -> usize {
    let said = text_variable("COLUMNS").and_then(|columns| columns.parse().ok());
    let asked = || {
        let size = rustix::termios::tcgetwinsize(std::io::stdout()).ok()?;
        Some(usize::from(size.ws_col))
    };
    said.filter(|columns| *columns > 0)
        .or_else(asked)
        .filter(|columns| *columns > 0)
        .map_or(COLUMNS, |columns| columns.min(COLUMNS_MAX))
}
