//! The four digest words: what two people read to each other to know that they look at the same request.
//!
//! They are the same on every surface and carry 44 bits: enough against mistakes and swapped screens, never a substitute
//! for the digest, which alone is signed.

use std::sync::LazyLock;

use crate::hash::Hash;

/// The list as a file: a word a line after remarks that begin with `#`, so that a page can compute the words itself.
pub const LIST: &str = include_str!("words.txt");

/// The words by number. The file starts with a remark.
static WORDS: LazyLock<Vec<&str>> =
    LazyLock::new(|| LIST.lines().filter(|line| !line.starts_with('#')).collect());

/// The words of one request: 11 bits each from the front of `SHA-256("gatehold/words/v1" || 0x00 || digest || nonce)`.
#[must_use]
pub fn words(digest: &[u8; 32], request_nonce: &[u8; 32]) -> [&'static str; 4] {
    first(&Hash::tagged("gatehold/words/v1", &[digest, request_nonce]))
}

/// The eight words of one key, for whoever made it and whoever has it enrolled: from the front of
/// `SHA-256("gatehold/key-words/v1" || 0x00 || thumbprint)`. Nothing that the gate draws is in them, so somebody could look for a
/// key of their own with the same words: 88 bits are too many to find one.
#[must_use]
pub fn of_key(thumbprint: &Hash) -> [&'static str; 8] {
    first(&Hash::tagged(
        "gatehold/key-words/v1",
        &[thumbprint.as_bytes()],
    ))
}

/// The first words of a hash, 11 bits each.
fn first<const N: usize>(hash: &Hash) -> [&'static str; N] {
    let bits = |at: usize| {
        let byte = hash.as_bytes().get(at / 8).copied().unwrap_or_default();
        u64::from(byte >> (7 - at % 8) & 1)
    };
    core::array::from_fn(|place| {
        let number = (place * 11..place * 11 + 11).fold(0, |number, at| number << 1 | bits(at));
        word(number)
    })
}

/// The list has a word for each of the 2,048 values of 11 bits; a test holds it to that.
fn word(number: u64) -> &'static str {
    let position = usize::try_from(number).unwrap_or(usize::MAX);
    WORDS.get(position).copied().unwrap_or("missing")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_list_is_that_of_the_bip() {
        let list: String = WORDS.iter().flat_map(|word| [word, "\n"]).collect();
        let wanted = "2f5eed53a4727b4bf8880d8f3f199efc90e58503646d9ff8eff3a2ed3b24dbda";
        assert_eq!(Hash::of(list.as_bytes()).hex(), wanted);
        assert_eq!(
            (word(0), word(2047), word(2048)),
            ("abandon", "zoo", "missing")
        );
    }

    #[test]
    fn known_answers() {
        // Computed with Python's hashlib from the formula in the design.
        assert_eq!(
            words(&[0; 32], &[0; 32]),
            ["squirrel", "expand", "outside", "emerge"]
        );
        assert_eq!(
            words(&[0xab; 32], &[0x17; 32]),
            ["help", "cat", "fury", "injury"]
        );
        assert_ne!(words(&[0; 32], &[1; 32]), words(&[0; 32], &[0; 32]));
        let key = Hash::from_bytes([0; 32]);
        assert_eq!(
            of_key(&key),
            [
                "under", "morning", "save", "victory", "spy", "face", "advice", "invite"
            ]
        );
    }
}
