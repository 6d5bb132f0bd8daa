//! Words that are not what they look like: mixed alphabets, lookalikes, encoded host names, values in an encoding.
//!
//! Only warnings come from here; nothing is normalised, decoded or replaced.

use gatehold_core::json::payload;
use gatehold_core::json::scan::Limits;
use unicode_security::MixedScript as _;
use unicode_security::confusable_detection::skeleton;

use crate::display::{Flag, Run, RunKind};
use crate::escape::escape_short;
use crate::findings::Findings;

/// Warns about the words of one value.
pub(crate) fn look_at(text: &str, findings: &mut Findings) {
    if text.to_ascii_lowercase().contains("xn--") {
        findings.raise(Flag::Punycode);
    }
    if text.is_ascii() {
        return;
    }
    // A value without spaces is a name; in prose, a foreign word is just a foreign word.
    let is_name = !text.contains(char::is_whitespace);
    for word in text
        .split(|c: char| !c.is_alphanumeric())
        .filter(|word| !word.is_ascii())
    {
        let flag = if !word.is_single_script() {
            Flag::MixedScript
        } else if is_name || word.chars().any(is_styled) {
            Flag::Confusable
        } else {
            continue;
        };
        let twin = twin(word);
        if twin.is_none() && flag == Flag::Confusable {
            continue;
        }
        let mut runs = escape_short(word, findings);
        let foreign: Vec<String> = word
            .chars()
            .filter(|c| !c.is_ascii())
            .take(8)
            .map(|c| format!("U+{:04X}", u32::from(c)))
            .collect();
        runs.push(Run::new(
            RunKind::Text,
            format!(" has {}", foreign.join(", ")),
        ));
        if let Some(twin) = twin {
            runs.push(Run::new(RunKind::Text, "; it looks like "));
            runs.extend(escape_short(&twin, findings));
            runs.push(Run::new(RunKind::Text, ", and is not"));
        }
        findings.note(flag, runs);
    }
}

/// Warns when a value is text in yet another encoding, which the target may undo and this display does not.
pub(crate) fn look_for_encoding(text: &str, findings: &mut Findings) {
    if let Some(encoding) = encoding(text) {
        findings.note_text(Flag::Encoded, encoding);
    }
}

/// The ASCII word that this one resembles, if each of its other letters resembles one (UTS #39).
fn twin(word: &str) -> Option<String> {
    let twin: String = word
        .chars()
        .flat_map(|c| {
            if c.is_ascii() {
                vec![c]
            } else {
                skeleton(&c.to_string()).collect()
            }
        })
        .collect();
    twin.is_ascii().then_some(twin)
}

/// Fullwidth and mathematical letters: Latin in a costume.
fn is_styled(character: char) -> bool {
    ('\u{ff01}'..='\u{ff5e}').contains(&character)
        || ('\u{1d400}'..='\u{1d7ff}').contains(&character)
}

fn encoding(text: &str) -> Option<&'static str> {
    let bytes = text.as_bytes();
    let all = |good: fn(&u8) -> bool| bytes.iter().all(good);
    let any = |good: fn(&u8) -> bool| bytes.iter().any(good);
    if text.trim_start().starts_with(['{', '[']) && payload::parse(bytes, &Limits::PAYLOAD).is_ok()
    {
        return Some("JSON inside a string");
    }
    let percent = bytes.windows(3).any(
        |three| matches!(three, [b'%', high, low] if high.is_ascii_hexdigit() && low.is_ascii_hexdigit()),
    );
    if percent {
        return Some("percent-encoding");
    }
    if text.contains("&#")
        || ["&lt;", "&gt;", "&amp;", "&quot;"]
            .iter()
            .any(|entity| text.contains(entity))
    {
        return Some("HTML character references");
    }
    if [r"\u", r"\x", r"\0", r"\e["]
        .iter()
        .any(|escape| text.contains(escape))
    {
        return Some("backslash escapes");
    }
    if bytes.len() < 24 {
        return None;
    }
    if all(u8::is_ascii_hexdigit) {
        // Hashes and ids are hex too; text in hex is printable when decoded.
        return hides_text(bytes).then_some("text in hexadecimal");
    }
    let base64 = all(|byte| byte.is_ascii_alphanumeric() || b"+/-_=".contains(byte));
    let varied = any(u8::is_ascii_uppercase)
        && any(u8::is_ascii_lowercase)
        && any(|b| b.is_ascii_digit() || *b == b'=');
    (base64 && varied).then_some("probably base64")
}

fn hides_text(hex: &[u8]) -> bool {
    hex.len().is_multiple_of(2)
        && hex.chunks(2).all(|pair| {
            let byte = std::str::from_utf8(pair)
                .ok()
                .and_then(|pair| u8::from_str_radix(pair, 16).ok());
            byte.is_some_and(|byte| (b' '..=b'~').contains(&byte) || byte == b'\n')
        })
}
