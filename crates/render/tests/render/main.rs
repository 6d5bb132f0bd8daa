//! Rendering from outside: golden cases, and properties over arbitrary bytes.

#![expect(clippy::unwrap_used, clippy::panic, reason = "tests")]

mod bounded;
mod corpus;
mod documents;
mod hidden;
mod lossless;
mod quiet;
mod words;
