//! The bounds of what a request may carry, and how a breach is said.

use std::collections::BTreeMap;

/// A request is larger than it may be, or names something that cannot be a name.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{member}` {problem}")]
pub struct BoundsError {
    /// The member at fault.
    pub member: &'static str,
    /// What is wrong and what to do.
    pub problem: String,
}

impl BoundsError {
    pub(super) fn new(member: &'static str, problem: impl Into<String>) -> Self {
        Self {
            member,
            problem: problem.into(),
        }
    }
}

/// Longest ordinary text of a claim, an answer or a reason, bytes.
pub const TEXT_BYTES_MAX: usize = 8 * 1024;
/// Longest prompt, bytes.
pub const PROMPT_BYTES_MAX: usize = 256 * 1024;
pub(super) const ENVELOPE_BYTES_MAX: usize = 64 * 1024;
pub(super) const PAYLOAD_BYTES_MAX: usize = 1024 * 1024;
pub(super) const CONTEXT_BYTES_MAX: usize = 16 * 1024;
pub(super) const SIGNATURE_BYTES_MAX: usize = 8 * 1024;
pub(super) const ITEMS_MAX: usize = 32;
pub(super) const NAME_BYTES_MAX: usize = 256;

/// Whether the text can be an id or a leaf number in a path: `[A-Za-z0-9_-]`, 1 to 64 characters.
#[must_use]
pub fn is_id(text: &str) -> bool {
    (1..=64).contains(&text.len())
        && text
            .bytes()
            .all(|b| b.is_ascii_alphanumeric() || b == b'_' || b == b'-')
}

pub(super) fn id(member: &'static str, text: &str) -> Result<(), BoundsError> {
    if is_id(text) {
        Ok(())
    } else {
        Err(BoundsError::new(
            member,
            "is not an id; give it as the gate printed it",
        ))
    }
}

pub(super) fn bytes(
    member: &'static str,
    bytes: &[u8],
    bytes_max: usize,
) -> Result<(), BoundsError> {
    if bytes.len() <= bytes_max {
        return Ok(());
    }
    Err(BoundsError::new(
        member,
        format!(
            "has {} bytes, at most {bytes_max} are allowed; shorten it",
            bytes.len()
        ),
    ))
}

/// Text that must say something.
pub(super) fn required(
    member: &'static str,
    text: &str,
    bytes_max: usize,
) -> Result<(), BoundsError> {
    if text.trim().is_empty() {
        return Err(BoundsError::new(member, "is empty; fill it in"));
    }
    bytes(member, text.as_bytes(), bytes_max)
}

/// Text that may be absent but not empty.
pub(super) fn optional(
    member: &'static str,
    text: Option<&str>,
    bytes_max: usize,
) -> Result<(), BoundsError> {
    text.map_or(Ok(()), |text| required(member, text, bytes_max))
}

pub(super) fn texts(
    member: &'static str,
    texts: &[String],
    bytes_max: usize,
) -> Result<(), BoundsError> {
    if texts.len() > ITEMS_MAX {
        return Err(BoundsError::new(
            member,
            format!("has {} items, at most {ITEMS_MAX} are allowed", texts.len()),
        ));
    }
    texts
        .iter()
        .try_for_each(|text| required(member, text, bytes_max))
}

pub(super) fn map(
    member: &'static str,
    map: &BTreeMap<String, String>,
    bytes_max: usize,
) -> Result<(), BoundsError> {
    if map.len() > ITEMS_MAX {
        return Err(BoundsError::new(
            member,
            format!("has {} entries, at most {ITEMS_MAX} are allowed", map.len()),
        ));
    }
    map.iter().try_for_each(|(name, text)| {
        required(member, name, NAME_BYTES_MAX)?;
        bytes(member, text.as_bytes(), bytes_max)
    })
}
