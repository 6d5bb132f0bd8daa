//! Tidy: what the documents promise about the code, checked as ordinary tests of this crate.
//! Each module is one promise. A list of exceptions may only shrink; a test fails when an entry is no longer needed.
//! Nothing here builds or runs the product.
#![expect(
    clippy::expect_used,
    clippy::panic,
    reason = "these are tests; clippy takes the functions they call for production code"
)]

mod decisions;
mod dependencies;
mod direction;
mod evidence;
mod formats;
mod guarded;
mod invariants;
mod links;
mod purity;
mod requirements;
mod sizes;
mod sources;
mod threats;
mod tree;
mod words;

/// Fails with every problem at once, one a line, or passes when there is none.
#[track_caller]
fn report(problems: Vec<String>) {
    assert!(problems.is_empty(), "\n  {}\n", problems.join("\n  "));
}
