//! What rendering needs to know, and nothing it could be lied to with: labels come from the descriptor, values from the
//! stored action.

/// How a payload is to be read, as the descriptor says.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum PayloadKind {
    /// One JSON document: tool parameters, an API body.
    Json,
    /// SQL text.
    Sql,
    /// `message/http` (a whole request) or the body of one, by media type.
    Http,
    /// A JSON array of strings, executed without a shell.
    Argv,
    /// Nobody described it: never inspectable.
    Opaque,
}

/// A line of the action panel: our label, and where or what the value is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Field<'a> {
    /// Ours, from the descriptor.
    pub label: &'a str,
    /// A value of the envelope, or an RFC 6901 pointer into the payload.
    pub value: &'a str,
}

/// Everything that [`crate::render`] reads.
#[derive(Debug, Clone, Copy)]
pub struct RenderInput<'a> {
    /// As the envelope names it.
    pub media_type: &'a str,
    /// As the descriptor says.
    pub kind: PayloadKind,
    /// Fields of the envelope: label and value.
    pub envelope: &'a [Field<'a>],
    /// Members of a JSON payload that the descriptor describes: label and pointer.
    pub described: &'a [Field<'a>],
    /// The stored payload.
    pub payload: &'a [u8],
}
