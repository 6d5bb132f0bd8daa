//! What was seen on the way: flags for policy, and the warnings block for people.
//!
//! Everything that raises a flag also writes a line, so that no flag is set where a reviewer cannot see why.

use std::collections::{BTreeMap, BTreeSet};

use gatehold_core::json::ident::Hazard;

use crate::display::{Flag, Line, Run, RunKind};

const CODES_SHOWN_MAX: usize = 8;
const NOTES_SHOWN_MAX: usize = 16;

#[derive(Default)]
pub(crate) struct Findings {
    found: BTreeMap<Flag, Found>,
}

#[derive(Default)]
struct Found {
    characters: u64,
    codes: BTreeSet<u32>,
    notes: BTreeSet<Vec<Note>>,
    notes_left_out: u64,
}

type Note = (RunKind, String);

impl Findings {
    pub(crate) fn raise(&mut self, flag: Flag) {
        self.found.entry(flag).or_default();
    }

    /// `count` occurrences of one character.
    pub(crate) fn character(&mut self, flag: Flag, code: u32, count: usize) {
        let found = self.found.entry(flag).or_default();
        found.characters += u64::try_from(count).unwrap_or(u64::MAX);
        if found.codes.len() < CODES_SHOWN_MAX {
            found.codes.insert(code);
        }
    }

    /// A line of its own under the flag. Requester text in it is already escaped.
    pub(crate) fn note(&mut self, flag: Flag, runs: Vec<Run>) {
        let found = self.found.entry(flag).or_default();
        let note: Vec<Note> = runs.into_iter().map(|run| (run.kind, run.text)).collect();
        if found.notes.contains(&note) {
            return;
        }
        if found.notes.len() < NOTES_SHOWN_MAX {
            found.notes.insert(note);
        } else {
            found.notes_left_out += 1;
        }
    }

    pub(crate) fn note_text(&mut self, flag: Flag, text: impl Into<String>) {
        self.note(flag, vec![Run::new(RunKind::Text, text)]);
    }

    pub(crate) fn flags(&self) -> BTreeSet<Flag> {
        self.found.keys().copied().collect()
    }

    pub(crate) fn lines(&self) -> Vec<Line> {
        let mut lines = Vec::new();
        for (flag, found) in &self.found {
            let mut sentence = sentence(*flag).to_owned();
            if found.characters > 0 {
                let codes: Vec<String> =
                    found.codes.iter().map(|code| name(*flag, *code)).collect();
                let more = if found.codes.len() == CODES_SHOWN_MAX {
                    " and perhaps others"
                } else {
                    ""
                };
                let times = counted(found.characters, "time");
                sentence.push_str(&format!(" ({times}: {}{more})", codes.join(", ")));
            }
            lines.push(Line::of(RunKind::Warning, sentence));
            for note in &found.notes {
                let mut runs = vec![Run::new(RunKind::Text, "  ")];
                runs.extend(
                    note.iter()
                        .map(|(kind, text)| Run::new(*kind, text.clone())),
                );
                lines.push(Line { runs });
            }
            if found.notes_left_out > 0 {
                let text = format!("  and {} more like these", found.notes_left_out);
                lines.push(Line::of(RunKind::Text, text));
            }
        }
        lines
    }
}

/// `1 line`, `2 lines`.
pub(crate) fn counted(number: u64, what: &str) -> String {
    format!("{number} {what}{}", if number == 1 { "" } else { "s" })
}

pub(crate) fn flag_of(hazard: Hazard) -> Flag {
    match hazard {
        Hazard::Control => Flag::Control,
        Hazard::Bidi => Flag::Bidi,
        Hazard::ZeroWidth => Flag::ZeroWidth,
        Hazard::Tag => Flag::Tag,
        Hazard::VariationSelector => Flag::VariationSelector,
        Hazard::Separator => Flag::Separator,
        Hazard::Space => Flag::OddSpace,
        Hazard::Private => Flag::Private,
    }
}

fn name(flag: Flag, code: u32) -> String {
    if flag == Flag::InvalidUtf8 {
        format!("0x{code:02X}")
    } else {
        format!("U+{code:04X}")
    }
}

/// The product's voice; each sentence says what it means for the reader.
fn sentence(flag: Flag) -> &'static str {
    match flag {
        Flag::Uninspectable => "UNINSPECTABLE: nobody can tell by reading what this does",
        Flag::TooLargeToShow => {
            "Too large to show in full: a person may not release this; ask for smaller steps"
        }
        Flag::InvalidUtf8 => "Bytes that are not UTF-8 text",
        Flag::Bidi => "Characters that reorder text on other screens",
        Flag::RightToLeft => {
            "Right-to-left letters: a terminal may order them otherwise; the exact bytes decide"
        }
        Flag::Control => "Control characters",
        Flag::ZeroWidth => "Invisible characters",
        Flag::Tag => "Tag characters: invisible text",
        Flag::VariationSelector => "Variation selectors: invisible, can carry hidden bytes",
        Flag::Separator => "Line or paragraph separators that are no line feed",
        Flag::OddSpace => "Spaces that are not the space bar's",
        Flag::Private => "Characters without a public meaning",
        Flag::Combining => "Stacked or dangling combining marks",
        Flag::OwnMarks => "Characters that look like this display's own marks",
        Flag::Padding => "Padding: long stretches of white space, counted below",
        Flag::LongLine => "Lines longer than 200 columns, wrapped",
        Flag::MixedScript => "Words that mix alphabets",
        Flag::Confusable => "Words that look like another word",
        Flag::Punycode => "Encoded international host names (xn--)",
        Flag::Encoded => "Values that are encoded once more, shown as sent",
        Flag::Malformed => "Not what its descriptor says",
        Flag::NotDescribed => "Members that the descriptor does not describe, listed apart",
        Flag::Absent => "Described members that are not in the payload",
        Flag::HugeNumber => "Very large or very long numbers",
        Flag::Ambiguous => "Databases disagree about what this text means",
        Flag::SeveralStatements => "More than one statement",
        Flag::NoWhere => "Changes rows without a WHERE condition",
        Flag::BeyondRows => "Does more than read or change rows",
        Flag::CallsFunctions => "Calls functions; what they do is not shown here",
        Flag::Comments => "Comments, shown as sent",
        Flag::HttpSmuggling => "Two readers could understand this HTTP message differently",
        Flag::HttpPath => "The path climbs or hides",
        Flag::HttpCredentials => "The message carries credentials",
        Flag::InlineProgram => "A program is given to an interpreter as an argument",
    }
}
