//! Characters that can lie to a reader, and identifiers without them.
//!
//! The one table of hazards: identifiers refuse these characters, the renderer shows them as chips. It is a fixed
//! table, not a Unicode library, so that stored displays do not change with an upgrade.

use std::fmt;

/// Why a character may not appear in an identifier and is never shown as itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Hazard {
    /// C0, DEL and C1: may drive a terminal.
    Control,
    /// Changes the order in which text is displayed.
    Bidi,
    /// Takes no room.
    ZeroWidth,
    /// U+E0000–E0FFF: invisible text, known from prompt smuggling.
    Tag,
    /// Selects another picture for its neighbour, and can carry hidden bytes.
    VariationSelector,
    /// Line or paragraph separator.
    Separator,
    /// A space that is not U+0020, or a character drawn as one.
    Space,
    /// Private use or noncharacter: means whatever a font says.
    Private,
}

impl fmt::Display for Hazard {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Hazard::Control => "control character",
            Hazard::Bidi => "bidirectional control",
            Hazard::ZeroWidth => "zero-width character",
            Hazard::Tag => "tag character",
            Hazard::VariationSelector => "variation selector",
            Hazard::Separator => "line or paragraph separator",
            Hazard::Space => "space other than U+0020",
            Hazard::Private => "private-use character or noncharacter",
        })
    }
}

/// The hazard of a character, if it has one. U+0020 has none.
#[must_use]
pub fn hazard(character: char) -> Option<Hazard> {
    Some(match character {
        '\0'..='\u{1f}' | '\u{7f}'..='\u{9f}' => Hazard::Control,
        '\u{61c}' | '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}' => {
            Hazard::Bidi
        }
        '\u{ad}'
        | '\u{34f}'
        | '\u{17b4}'
        | '\u{17b5}'
        | '\u{180e}'
        | '\u{200b}'..='\u{200d}'
        | '\u{2060}'..='\u{2065}'
        | '\u{206a}'..='\u{206f}'
        | '\u{feff}'
        | '\u{fff0}'..='\u{fffb}'
        | '\u{1bca0}'..='\u{1bca3}'
        | '\u{1d173}'..='\u{1d17a}' => Hazard::ZeroWidth,
        '\u{180b}'..='\u{180d}'
        | '\u{180f}'
        | '\u{fe00}'..='\u{fe0f}'
        | '\u{e0100}'..='\u{e01ef}' => Hazard::VariationSelector,
        '\u{e0000}'..='\u{e0fff}' => Hazard::Tag,
        '\u{2028}' | '\u{2029}' => Hazard::Separator,
        '\u{a0}'
        | '\u{115f}'
        | '\u{1160}'
        | '\u{1680}'
        | '\u{2000}'..='\u{200a}'
        | '\u{202f}'
        | '\u{205f}'
        | '\u{2800}'
        | '\u{3000}'
        | '\u{3164}'
        | '\u{ffa0}' => Hazard::Space,
        '\u{e000}'..='\u{f8ff}' | '\u{fdd0}'..='\u{fdef}' | '\u{f0000}'..='\u{10ffff}' => {
            Hazard::Private
        }
        other if u32::from(other) & 0xfffe == 0xfffe => Hazard::Private,
        _ => return None,
    })
}

/// Why a text is not an identifier.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum IdentError {
    /// Nothing there.
    #[error("the identifier is empty; give it a name")]
    Empty,
    /// Longer than its field allows.
    #[error("the identifier is longer than {limit} bytes; shorten it")]
    TooLong {
        /// The limit that was passed.
        limit: usize,
    },
    /// A character that can lie to a reader.
    #[error("the identifier has a {hazard}, U+{code:04X}, at byte {offset}; remove it")]
    Hazard {
        /// Offset into the text, from 0.
        offset: usize,
        /// The code point.
        code: u32,
        /// Why it is refused.
        hazard: Hazard,
    },
    /// Begins or ends with U+0020.
    #[error("the identifier begins or ends with a space, U+0020, at byte {offset}; remove it")]
    OuterSpace {
        /// Offset into the text, from 0.
        offset: usize,
    },
}

/// Refuses an identifier that is empty, too long, has a [`Hazard`], or begins or ends with a space.
///
/// # Errors
/// The first offence, naming its code point.
pub fn check_identifier(text: &str, max_bytes: usize) -> Result<(), IdentError> {
    if text.is_empty() {
        return Err(IdentError::Empty);
    }
    if text.len() > max_bytes {
        return Err(IdentError::TooLong { limit: max_bytes });
    }
    for (offset, character) in text.char_indices() {
        if let Some(hazard) = hazard(character) {
            return Err(IdentError::Hazard {
                offset,
                code: u32::from(character),
                hazard,
            });
        }
    }
    if text.starts_with(' ') {
        return Err(IdentError::OuterSpace { offset: 0 });
    }
    if text.ends_with(' ') {
        return Err(IdentError::OuterSpace {
            offset: text.len() - 1,
        });
    }
    Ok(())
}
