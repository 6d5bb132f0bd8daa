//! What was seen on the way: flags for policy, and the warnings block for people.
//!
//! Everything that raises a flag also writes a line, so that no flag is set where a reviewer cannot see why.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::Range;

use gatehold_core::json::ident::Hazard;
use gatehold_core::json::payload::Json;
use gatehold_core::wording::{counted, grouped};

use crate::display::{Flag, Line, Run, RunKind};
use crate::hidden;
use crate::leaves::scalars;

const CODES_SHOWN_MAX: usize = 8;
const NOTES_SHOWN_MAX: usize = 16;
/// All that is decoded of one payload.
const DECODED_BYTES_MAX: usize = 64 << 10;
/// Each decoded value counts for at least so much.
const DECODED_BYTES_MIN: usize = 256;

#[derive(Default)]
pub(crate) struct Findings {
    found: BTreeMap<Flag, Found>,
    /// What is shown now is shown a second time: its characters were counted.
    again: bool,
    decoded: usize,
    hidden: Vec<Range<usize>>,
    secrets: Vec<String>,
    known: BTreeMap<String, String>,
    /// Values of the document that are never shown, with why.
    masks: BTreeMap<*const Json, &'static str>,
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
        if self.again {
            return;
        }
        found.characters += u64::try_from(count).unwrap_or(u64::MAX);
        if found.codes.len() < CODES_SHOWN_MAX {
            found.codes.insert(code);
        }
    }

    /// Shows part of the payload a second time, split or named: its characters are not counted twice.
    pub(crate) fn again<T>(&mut self, show: impl FnOnce(&mut Self) -> T) -> T {
        let before = std::mem::replace(&mut self.again, true);
        let shown = show(self);
        self.again = before;
        shown
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

    /// Bytes that may still be decoded.
    pub(crate) fn decoded_left(&self) -> usize {
        DECODED_BYTES_MAX.saturating_sub(self.decoded)
    }

    /// False when so much may not be decoded any more.
    pub(crate) fn spend_decoded(&mut self, bytes: usize) -> bool {
        let cost = bytes.max(DECODED_BYTES_MIN);
        let fits = cost <= self.decoded_left();
        if fits {
            self.decoded += cost;
        }
        fits
    }

    /// Bytes of the payload that are a credential: counted and hashed, not shown.
    pub(crate) fn hide(&mut self, range: Range<usize>) {
        self.raise(Flag::Hidden);
        self.hidden.push(range);
    }

    /// A secret that must not be shown in any value.
    pub(crate) fn keep(&mut self, secret: &str) {
        self.secrets.push(secret.to_owned());
    }

    /// Every value in it is shown as what it is, never as what it says.
    pub(crate) fn mask(&mut self, value: &Json, why: &'static str) {
        scalars(value, &mut |scalar| {
            self.raise(Flag::Hidden);
            self.masks.entry(std::ptr::from_ref(scalar)).or_insert(why);
        });
    }

    /// Why a value is not shown.
    pub(crate) fn masked(&self, value: &Json) -> Option<&'static str> {
        self.masks.get(&std::ptr::from_ref(value)).copied()
    }

    /// How many values are not shown.
    pub(crate) fn masks(&self) -> usize {
        self.masks.len()
    }

    /// Where secrets stand in a value.
    pub(crate) fn secrets_in(&self, text: &str) -> Vec<Range<usize>> {
        let places = self
            .secrets
            .iter()
            .flat_map(|secret| hidden::places(text.as_bytes(), secret.as_bytes()));
        merged(places.collect())
    }

    /// What is hidden, in order, without overlaps.
    pub(crate) fn hidden(&self) -> Vec<Range<usize>> {
        merged(self.hidden.clone())
    }

    /// A word of the envelope, under what it looks like.
    pub(crate) fn know(&mut self, looks: String, word: &str) {
        self.known.entry(looks).or_insert_with(|| word.to_owned());
    }

    /// The word of the envelope that looks like this.
    pub(crate) fn known(&self, looks: &str) -> Option<&str> {
        self.known.get(looks).map(String::as_str)
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
                let text = format!("  and {} more like these", grouped(found.notes_left_out));
                lines.push(Line::of(RunKind::Text, text));
            }
        }
        lines
    }
}

fn merged(mut ranges: Vec<Range<usize>>) -> Vec<Range<usize>> {
    ranges.sort_by_key(|range| (range.start, range.end));
    let mut merged: Vec<Range<usize>> = Vec::new();
    for range in ranges {
        match merged.last_mut() {
            Some(last) if range.start < last.end => last.end = last.end.max(range.end),
            _ => merged.push(range),
        }
    }
    merged
}

/// `1 line`, `2 lines`.
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
        Flag::Encoded => "Values that are encoded once more: shown as sent, and decoded by us",
        Flag::Exposed => "A secret is shown: it could not be cut out",
        Flag::Hidden => "Credentials: counted and hashed, not shown",
        Flag::Malformed => "Not what its descriptor says",
        Flag::NotDescribed => "Members that the descriptor does not describe, listed apart",
        Flag::Absent => "Described members that are not in the payload",
        Flag::HugeNumber => "Very large or very long numbers",
        Flag::Ambiguous => "Readers disagree about what this text means",
        Flag::SeveralStatements => "More than one statement",
        Flag::NoWhere => "Changes rows without a WHERE condition",
        Flag::BeyondRows => "Does more than read or change rows",
        Flag::CallsFunctions => "Calls functions; what they do is not shown here",
        Flag::Comments => "Comments, shown as sent",
        Flag::HttpSmuggling => "Two readers could understand this HTTP message differently",
        Flag::HttpHost => "The host is not what it seems",
        Flag::HttpPath => "The path climbs or hides",
        Flag::HttpCredentials => "The message carries credentials",
        Flag::InlineProgram => "A program is given to an interpreter",
        Flag::SeveralCommands => "More than one command",
        Flag::ShellExpansion => "The shell puts something else in place of parts of this",
        Flag::ShellProgram => "A shell program, not a plain list of commands",
        Flag::Redirect => "Files are read or written by redirection",
        Flag::HereDocument => "Lines of this text are the input of a command",
        Flag::Symlink => "Symbolic links: what is written there is written elsewhere",
        Flag::FileMode => "Permissions change, or a file may be executed",
        Flag::FilePlace => "Files in places that run by themselves or lie outside",
        Flag::BinaryFile => "Files that are not shown as text",
        Flag::Destroys => "Something is destroyed",
        Flag::KnownLater => "Values that nobody knows before it is done",
        Flag::HostAccess => "Reaches the machine that it runs on",
        Flag::RunsAsRoot => "Runs as root",
        Flag::ImageTag => "Images by name: another may be behind it tomorrow",
        Flag::GrantsRights => "Rights that lead to more",
        Flag::Wildcard => "Rights beyond what is named",
        Flag::PayeeChanged => "Somebody else is paid than before",
        Flag::AccountCheck => "Accounts whose check digits do not fit: mistyped, or made up",
        Flag::OddAmount => "Sums that are no payment",
        Flag::External => "Recipients outside the organisation",
        Flag::OddRecipient => "Recipients that may not be whom they seem",
        Flag::Attachment => "Something is attached",
        Flag::Markup => "HTML: a reader's program shows it in another way",
    }
}
