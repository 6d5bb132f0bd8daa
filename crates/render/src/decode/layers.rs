//! One layer of encoding, recognised and undone.

use base64::Engine as _;
use base64::alphabet::{STANDARD, URL_SAFE};
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};

use super::escapes;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Layer {
    Json,
    Percent,
    Html,
    Backslash,
    Base64,
    Hex,
    Gzip,
    Zlib,
    QuotedPrintable,
    Utf16,
}

impl Layer {
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Layer::Json => "JSON in a string",
            Layer::Percent => "percent-encoding",
            Layer::Html => "HTML character references",
            Layer::Backslash => "backslash escapes",
            Layer::Base64 => "base64",
            Layer::Hex => "hexadecimal",
            Layer::Gzip => "gzip",
            Layer::Zlib => "zlib",
            Layer::QuotedPrintable => "quoted-printable",
            Layer::Utf16 => "UTF-16",
        }
    }
}

pub(super) struct Undone<'a> {
    pub(super) layer: Layer,
    /// The word that was undone, when it is not the whole.
    pub(super) of: Option<&'a str>,
    pub(super) bytes: Vec<u8>,
    /// Whether it surely was encoded.
    pub(super) sure: bool,
}

/// Shorter words are words.
const BASE64_LENGTH_MIN: usize = 12;
const BASE64_PADDED_LENGTH_MIN: usize = 8;
const HEX_LENGTH_MIN: usize = 16;
/// A word of that length in the alphabet of base64 is taken for base64 whatever it decodes to.
const BLOB_LENGTH_MIN: usize = 24;

/// The outermost layer of a value: one that covers it whole, or its encoded words.
pub(super) fn undo(text: &str) -> Vec<Undone<'_>> {
    let whole = |layer, bytes: Vec<u8>| {
        (bytes != text.as_bytes()).then_some(Undone {
            layer,
            of: None,
            bytes,
            sure: true,
        })
    };
    let covering = whole(Layer::Percent, percent(text))
        .or_else(|| whole(Layer::Html, escapes::html(text).into_bytes()))
        .or_else(|| whole(Layer::Backslash, escapes::backslash(text)));
    match covering {
        Some(undone) => vec![undone],
        None => undo_words(text),
    }
}

/// The encoded words of a text.
pub(super) fn undo_words(text: &str) -> Vec<Undone<'_>> {
    text.split(|c: char| c.is_whitespace() || "\"'`(),;|<>[]{}$:.&?\\".contains(c))
        .map(behind_equals)
        .filter_map(|word| {
            let (word, mut undone) = word_or_piece(word)?;
            undone.of = (word.len() < text.len()).then_some(word);
            Some(undone)
        })
        .collect()
}

/// A word, or a piece of it behind a prefix such as `sha256-`, when the piece says more.
fn word_or_piece(word: &str) -> Option<(&str, Undone<'_>)> {
    let whole = word_of(word);
    if whole.as_ref().is_some_and(says_something) {
        return whole.map(|undone| (word, undone));
    }
    let mut pieces = word
        .split(['-', '_', '/', '+'])
        .filter(|piece| piece.len() < word.len());
    let piece = pieces.find_map(|piece| {
        let undone = word_of(piece).filter(says_something)?;
        Some((piece, undone))
    });
    // `sha256-` and the like: two alphabets in one word are none.
    let behind = || {
        let (_, behind) = word.split_once('-')?;
        Some((behind, word_of(behind)?))
    };
    piece
        .or_else(|| whole.map(|undone| (word, undone)))
        .or_else(behind)
}

/// Whether it is more than a blob.
fn says_something(undone: &Undone<'_>) -> bool {
    std::str::from_utf8(&undone.bytes).is_ok_and(is_readable)
        || super::compressed::kind(&undone.bytes).is_some()
        || utf16(&undone.bytes).is_some()
}

/// `name=value` is looked at for its value; `=` at the end is padding.
fn behind_equals(word: &str) -> &str {
    let body = word.trim_end_matches('=');
    match body.rfind('=') {
        Some(at) => word.get(at + 1..).unwrap_or(word),
        None => word,
    }
}

fn word_of(word: &str) -> Option<Undone<'_>> {
    let undone = |layer, bytes, sure| {
        Some(Undone {
            layer,
            of: None,
            bytes,
            sure,
        })
    };
    let digits = word.strip_prefix("0x").unwrap_or(word);
    if digits.len() >= HEX_LENGTH_MIN && digits.bytes().all(|byte| byte.is_ascii_hexdigit()) {
        // Hashes and ids are hex too; text in hex is readable when decoded.
        let bytes = hex(digits)?;
        let readable = std::str::from_utf8(&bytes).is_ok_and(is_readable);
        let compressed = super::compressed::kind(&bytes).is_some();
        let readable = readable || utf16(&bytes).is_some();
        let blob = bytes.len() > super::BLOB_BYTES_MAX;
        return (readable || compressed || blob).then(|| undone(Layer::Hex, bytes, false))?;
    }
    let body = word.trim_end_matches('=');
    let padded = body.len() < word.len();
    let long_enough =
        body.len() >= BASE64_LENGTH_MIN || padded && word.len() >= BASE64_PADDED_LENGTH_MIN;
    if !long_enough {
        return None;
    }
    let bytes = base64(word)?;
    let readable = std::str::from_utf8(&bytes).is_ok_and(is_readable);
    let any = |good: fn(&u8) -> bool| body.as_bytes().iter().any(good);
    let varied = any(u8::is_ascii_uppercase)
        && any(u8::is_ascii_lowercase)
        && (padded || any(u8::is_ascii_digit));
    let compressed = super::compressed::kind(&bytes).is_some() && varied;
    let readable = readable || utf16(&bytes).is_some();
    let blob = varied && body.len() >= BLOB_LENGTH_MIN;
    (readable || compressed || blob).then(|| undone(Layer::Base64, bytes, false))?
}

/// Text in UTF-16, little end first, as Windows programs take it: every other byte of it is 0.
pub(super) fn utf16(bytes: &[u8]) -> Option<String> {
    let bytes = bytes.strip_prefix(b"\xff\xfe").unwrap_or(bytes);
    let units: Vec<u16> = bytes
        .chunks_exact(2)
        .filter_map(|pair| Some(u16::from_le_bytes(pair.try_into().ok()?)))
        .collect();
    let plain = units.iter().filter(|unit| **unit < 0x80).count();
    if bytes.len() < 8 || !bytes.len().is_multiple_of(2) || plain * 4 < units.len() * 3 {
        return None;
    }
    String::from_utf16(&units)
        .ok()
        .filter(|text| is_readable(text))
}

/// Whether a text is one that a person could have written, rather than bytes that happen to be UTF-8.
pub(super) fn is_readable(text: &str) -> bool {
    let mut all: usize = 0;
    let mut plain: usize = 0;
    for character in text.chars() {
        all += 1;
        match character {
            ' '..='~' | '\n' | '\r' | '\t' | '\u{1b}' => plain += 1,
            '\0'..='\u{1f}' | '\u{7f}'..='\u{9f}' => return false,
            _ => {}
        }
    }
    all > 0 && plain * 4 >= all * 3
}

/// Standard or URL alphabet, padded or not; no other character.
pub(crate) fn base64(word: &str) -> Option<Vec<u8>> {
    let config = GeneralPurposeConfig::new()
        .with_decode_padding_mode(DecodePaddingMode::Indifferent)
        .with_decode_allow_trailing_bits(true);
    let alphabet = if word.contains(['-', '_']) {
        &URL_SAFE
    } else {
        &STANDARD
    };
    GeneralPurpose::new(alphabet, config).decode(word).ok()
}

fn hex(digits: &str) -> Option<Vec<u8>> {
    if !digits.len().is_multiple_of(2) {
        return None;
    }
    let pairs = digits.as_bytes().chunks(2);
    pairs
        .map(|pair| {
            let pair = std::str::from_utf8(pair).ok()?;
            u8::from_str_radix(pair, 16).ok()
        })
        .collect()
}

/// `%41`; everything else stays.
pub(crate) fn percent(text: &str) -> Vec<u8> {
    let mut out = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let [first, behind @ ..] = rest {
        let pair = behind
            .get(..2)
            .filter(|pair| *first == b'%' && pair.iter().all(u8::is_ascii_hexdigit))
            .and_then(|pair| std::str::from_utf8(pair).ok())
            .and_then(|pair| u8::from_str_radix(pair, 16).ok());
        match pair {
            Some(byte) => {
                out.push(byte);
                rest = behind.get(2..).unwrap_or_default();
            }
            None => {
                out.push(*first);
                rest = behind;
            }
        }
    }
    out
}
