//! The scanner, the two trees and identifiers, from outside.

#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "tests"
)]

mod bridge;
mod canonical;
mod ident;
mod lexeme;
mod live;
mod pointer;
mod strict;
