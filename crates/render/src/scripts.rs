//! Words that are not what they look like: mixed alphabets, lookalikes, encoded host names.
//!
//! Only warnings come from here; nothing is normalised or replaced.

use unicode_security::MixedScript as _;
use unicode_security::confusable_detection::skeleton;

use crate::display::{Flag, Run, RunKind};
use crate::escape::escape_short;
use crate::findings::Findings;
use crate::punycode;

/// Shorter words look alike by chance.
const KNOWN_LENGTH_MIN: usize = 4;

/// Warns about the words of one value.
pub(crate) fn look_at(text: &str, findings: &mut Findings) {
    look_at_punycode(text, findings);
    look_at_known(text, findings);
    if !text.is_ascii() {
        // A value without spaces is a name; in prose, a foreign word is just a foreign word.
        look_at_foreign(text, !text.contains(char::is_whitespace), findings);
    }
}

fn look_at_foreign(text: &str, is_name: bool, findings: &mut Findings) {
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

/// Remembers the words of the envelope, so that a payload cannot name something that only looks like them.
pub(crate) fn know(value: &str, findings: &mut Findings) {
    for word in words(value).filter(|word| word.chars().count() >= KNOWN_LENGTH_MIN) {
        findings.know(looks(word), word);
    }
}

/// What a word looks like, whatever the case: `0rders` and `orders` look alike.
pub(crate) fn looks(word: &str) -> String {
    skeleton(&word.to_lowercase())
        .collect::<String>()
        .to_lowercase()
}

fn look_at_known(text: &str, findings: &mut Findings) {
    for word in words(text).filter(|word| word.chars().count() >= KNOWN_LENGTH_MIN) {
        let Some(known) = findings.known(&looks(word)) else {
            continue;
        };
        if known.to_lowercase() != word.to_lowercase() {
            let known = known.to_owned();
            let mut runs = escape_short(word, findings);
            runs.push(Run::new(RunKind::Text, " looks like "));
            runs.extend(escape_short(&known, findings));
            runs.push(Run::new(RunKind::Text, " of this action, and is not"));
            findings.note(Flag::Confusable, runs);
        }
    }
}

/// Encoded host names, with what a browser shows for them.
fn look_at_punycode(text: &str, findings: &mut Findings) {
    let lower = text.to_ascii_lowercase();
    if !lower.contains("xn--") {
        return;
    }
    findings.raise(Flag::Punycode);
    let name = |c: char| !(c.is_ascii_alphanumeric() || c == '-' || c == '.');
    for host in lower.split(name).filter(|word| word.contains("xn--")) {
        let mut runs = escape_short(host, findings);
        match punycode::host(host) {
            Some(shown) => {
                runs.push(Run::new(RunKind::Text, " is shown as "));
                runs.extend(escape_short(&shown, findings));
                look_at_foreign(&shown, true, findings);
            }
            None => runs.push(Run::new(RunKind::Text, " is no valid name")),
        }
        findings.note(Flag::Punycode, runs);
    }
}

fn words(text: &str) -> impl Iterator<Item = &str> {
    text.split(|c: char| !(c.is_alphanumeric() || c == '_'))
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
