//! Trusted rendering: stored bytes and a descriptor's view in, text runs out.
//!
//! What a reviewer signs is what this crate shows. It is pure and deterministic, shows every byte of a payload or says
//! that it cannot, and never lets a requester's text speak in our voice: requester text stands only in runs of kind
//! `Value`, `Changed`, `Name` and `Chip`, without control, bidirectional or invisible characters and without the marks that we
//! draw ourselves. It never resolves, fetches or runs what it shows; what it decodes stands beside what was sent.
//!
//! A surface concatenates the runs of a line; it adds colour, gutter and wrapping, and nothing else.

mod argv;
mod chars;
mod decode;
mod diff;
mod display;
mod document;
mod escape;
mod exact;
mod findings;
mod form;
mod hidden;
mod host;
mod http;
mod iam;
mod input;
mod json;
mod kubernetes;
mod leaves;
mod message;
mod money;
mod opaque;
mod page;
mod punycode;
mod recipients;
mod scripts;
mod shell;
mod sql;
mod terminal;
mod terraform;
mod text;

pub use display::{
    Block, BlockKind, Counts, Display, DisplayError, Flag, Line, Run, RunKind, Version,
};
pub use exact::{recover, represents};
pub use input::{Field, Member, PayloadKind, RenderInput, Shape};
pub use page::{CHANGE_BYTES_SHOWN_MAX, PAYLOAD_BYTES_SHOWN_MAX, render, render_change};
pub use sql::{NotSplit, SQL_BYTES_MAX, STATEMENTS_MAX, SqlDialect, SqlStatement, split_sql};
pub use terminal::{to_plain, to_terminal};
