//! Our own JSON: one strict scanner, two trees.
//!
//! [`payload::Json`] keeps a stranger's document as it was written: members in source order, numbers as lexemes.
//! [`canonical::Value`] is what we write and sign ourselves: integers only, RFC 8785, one byte form per value.
//! Nothing here may ever round a number, drop a member, merge two names or repair invalid text: bytes that two readers
//! could understand differently are refused with the offset where it went wrong. `serde_json` is not used on these paths,
//! because it keeps the last of two duplicate names and reads large integers as floats.

pub mod canonical;
pub mod ident;
pub mod lexeme;
pub mod payload;
pub mod scan;
