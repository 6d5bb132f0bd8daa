//! Why somebody approves, in their own words: what counts as having said it. Page, terminal and gate ask by these rules and refuse
//! in these words; the page's own module has them too (`reason.js`), and a test holds it to these.

use crate::json::ident::{Hazard, hazard};
use crate::tier::Tier;

/// Fewest letters and digits that say why.
pub const LETTERS_MIN: usize = 3;
/// Most characters that say why.
pub const CHARACTERS_MAX: usize = 2_000;

/// Why some words are no reason.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ReasonError {
    /// There are none, and there have to be.
    #[error("it is RED, and nothing says why you approve it")]
    Missing,
    /// Nobody can read them.
    #[error(
        "nothing that can be seen says why you approve it: there are only blanks and characters that take no room"
    )]
    Unseen,
    /// A sign, no reason.
    #[error("why you approve it is said in fewer than {LETTERS_MIN} letters or digits")]
    Short,
    /// More than anybody reads.
    #[error("why you approve it is said in more than 2,000 characters")]
    Long,
    /// A character that may drive a screen.
    #[error(
        "why you approve it holds the control character U+{0:04X}; only line breaks may stand in it"
    )]
    Control(u32),
}

/// Whether whoever approves at this tier says why. The one rule: gate, count, page, terminal and auditor ask by it.
#[must_use]
pub const fn is_demanded(tier: Tier) -> bool {
    matches!(tier, Tier::Red)
}

/// Whether words can be seen at all.
#[must_use]
pub fn is_seen(text: &str) -> bool {
    text.chars()
        .any(|character| !character.is_whitespace() && hazard(character).is_none())
}

/// The first character that may drive a screen, but for line breaks.
#[must_use]
pub fn control(text: &str) -> Option<char> {
    text.chars()
        .find(|character| *character != '\n' && hazard(*character) == Some(Hazard::Control))
}

/// Whether these words may stand beside an approval: any that can be shown, or none; where they are demanded, words that say
/// something.
///
/// # Errors
/// [`ReasonError`] says what is wrong with them.
pub fn check(text: &str, demanded: bool) -> Result<(), ReasonError> {
    if let Some(character) = control(text) {
        return Err(ReasonError::Control(character.into()));
    }
    if text.chars().nth(CHARACTERS_MAX).is_some() {
        return Err(ReasonError::Long);
    }
    if !demanded {
        return Ok(());
    }
    if text.is_empty() {
        return Err(ReasonError::Missing);
    }
    if !is_seen(text) {
        return Err(ReasonError::Unseen);
    }
    let says = |character: &char| character.is_alphanumeric() && hazard(*character).is_none();
    if text.chars().filter(says).count() < LETTERS_MIN {
        return Err(ReasonError::Short);
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_reason_can_be_read_and_says_something() {
        let letters = |count: usize| "y".repeat(count);
        for (text, demanded, given) in [
            ("", Ok(()), Err(ReasonError::Missing)),
            (" \n", Ok(()), Err(ReasonError::Unseen)),
            ("\u{200b}\u{feff}", Ok(()), Err(ReasonError::Unseen)),
            // Letters, says Unicode; nothing, says the eye.
            (
                "\u{3164}\u{115f}\u{1160}\u{ffa0}",
                Ok(()),
                Err(ReasonError::Unseen),
            ),
            (
                "\u{e0061}\u{e0062}\u{e0063}",
                Ok(()),
                Err(ReasonError::Unseen),
            ),
            ("ok", Ok(()), Err(ReasonError::Short)),
            ("o\u{200b}k", Ok(()), Err(ReasonError::Short)),
            ("... !", Ok(()), Err(ReasonError::Short)),
            ("INC-4711", Ok(()), Ok(())),
            ("本番障害", Ok(()), Ok(())),
            ("first line\nsecond line", Ok(()), Ok(())),
            (&letters(CHARACTERS_MAX), Ok(()), Ok(())),
            (
                &letters(CHARACTERS_MAX + 1),
                Err(ReasonError::Long),
                Err(ReasonError::Long),
            ),
        ] {
            assert_eq!(check(text, false), demanded, "{text:?}");
            assert_eq!(check(text, true), given, "{text:?}");
        }
        for (text, number) in [
            ("clear\u{1b}[2J", 0x1b),
            ("two\r\nlines", 0xd),
            ("a\tb c", 9),
        ] {
            let control = Err(ReasonError::Control(number));
            assert_eq!(
                (check(text, false), check(text, true)),
                (control.clone(), control)
            );
        }
    }

    #[test]
    fn the_words_name_what_is_wrong() {
        assert!(ReasonError::Long.to_string().contains("2,000"));
        let escape = ReasonError::Control(0x1b).to_string();
        assert!(escape.contains("U+001B;"), "{escape}");
    }
}
