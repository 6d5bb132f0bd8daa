//! The display: blocks of lines of runs, its flags and counts, and its one byte form.
//!
//! `display_bytes` are stored and their hash is signed, so the form is canonical and versioned; a change of what is
//! shown for the same input is a new version.

use std::collections::BTreeSet;

use gatehold_core::json::canonical::{self, CanonicalError};
use gatehold_core::json::ident;
use gatehold_core::wording::{counted, grouped};
use serde::{Deserialize, Serialize};

/// Everything a reviewer is shown of an action.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Display {
    /// The form of this display.
    pub version: Version,
    /// Top to bottom.
    pub blocks: Vec<Block>,
    /// What is unusual, for policy and for the banner. Each is also a line of the warnings block.
    pub flags: BTreeSet<Flag>,
    /// For the header.
    pub counts: Counts,
}

/// The form of a display; readers refuse what they do not know.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Version {
    /// The first.
    #[serde(rename = "gatehold/display/v1")]
    V1,
}

/// A titled part of the display.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Block {
    /// What it is, for surfaces that place or colour it.
    pub kind: BlockKind,
    /// Ours.
    pub title: String,
    /// Top to bottom.
    pub lines: Vec<Line>,
}

/// What a block is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum BlockKind {
    /// What is unusual; present only when something is.
    Warnings,
    /// The envelope.
    Action,
    /// The payload as a person reads it.
    Payload,
    /// Members of the payload that the descriptor does not describe.
    NotDescribed,
    /// Every byte of the payload, escaped without loss.
    Exact,
}

/// One line: its runs stand next to each other.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Line {
    /// Left to right, always.
    pub runs: Vec<Run>,
}

/// A stretch of text of one origin.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Run {
    /// Whose words these are.
    pub kind: RunKind,
    /// Without control, bidirectional, invisible or line-breaking characters.
    pub text: String,
}

/// Whose words a run is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RunKind {
    /// Ours: plain words.
    Text,
    /// Ours: the label of a value.
    Label,
    /// Ours: something to look at twice.
    Warning,
    /// Ours: layout, such as the mark of a wrapped line.
    Mark,
    /// The requester's: a member name or key that nobody described.
    Name,
    /// The requester's: shown as it is.
    Value,
    /// The requester's: shown as it is, and what differs between a line and the one that takes its place.
    Changed,
    /// The requester's: a character or byte shown by name, because it cannot be seen or would change what is seen.
    Chip,
}

/// Sizes for the header, and whether a person can judge this at all.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Counts {
    /// Bytes of the payload.
    pub bytes: u64,
    /// Lines of the payload: line feeds, and one more when something follows the last.
    pub lines: u64,
    /// Lines of the payload without anything but spaces and tabs.
    pub empty_lines: u64,
    /// Words of the payload: what stands between spaces, tabs and line ends.
    pub words: u64,
    /// Nobody can read what this does; see the warnings for why.
    pub uninspectable: bool,
}

/// What is unusual about an action's bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Flag {
    /// The payload cannot be judged by reading.
    Uninspectable,
    /// Larger than a person may release; the payload is not shown in full.
    TooLargeToShow,
    /// Bytes that are no UTF-8.
    InvalidUtf8,
    /// Characters that reorder text.
    Bidi,
    /// Letters written right to left.
    RightToLeft,
    /// Control characters other than tab, line feed and carriage return.
    Control,
    /// Characters that take no room.
    ZeroWidth,
    /// Tag characters.
    Tag,
    /// Variation selectors.
    VariationSelector,
    /// Line or paragraph separators.
    Separator,
    /// Spaces that are not U+0020.
    OddSpace,
    /// Private-use characters and noncharacters.
    Private,
    /// Stacked or dangling combining marks.
    Combining,
    /// The marks that our own display uses.
    OwnMarks,
    /// Long runs of spaces or of blank lines.
    Padding,
    /// A line longer than 200 columns.
    LongLine,
    /// A word of several scripts.
    MixedScript,
    /// A word that looks like another.
    Confusable,
    /// A host name label in its ASCII encoding, `xn--`.
    Punycode,
    /// A value that is itself encoded: base64, percent-encoding, JSON in a string.
    Encoded,
    /// A secret that could not be hidden.
    Exposed,
    /// Bytes of the payload that are counted and hashed, and not shown.
    Hidden,
    /// The payload is not what its descriptor says.
    Malformed,
    /// Members that the descriptor does not describe.
    NotDescribed,
    /// A member that the descriptor describes is not there.
    Absent,
    /// A number too large or too long to grasp.
    HugeNumber,
    /// Readers disagree about what this text means.
    Ambiguous,
    /// SQL: more than one statement.
    SeveralStatements,
    /// SQL: UPDATE or DELETE without WHERE.
    NoWhere,
    /// SQL: changes structure, rights, files or settings.
    BeyondRows,
    /// SQL: calls functions.
    CallsFunctions,
    /// SQL: comments, or text that only some databases take for one.
    Comments,
    /// HTTP: a message that two readers could understand differently.
    HttpSmuggling,
    /// HTTP: a host that is written in an odd way, or two.
    HttpHost,
    /// HTTP: a path that climbs or hides.
    HttpPath,
    /// HTTP: credentials in the message.
    HttpCredentials,
    /// A program is given to an interpreter: as an argument, through a pipe, by `eval`.
    InlineProgram,
    /// Shell: more than one command.
    SeveralCommands,
    /// Shell: the shell replaces something before anything runs.
    ShellExpansion,
    /// Shell: conditions, loops, functions and what changes the shell itself.
    ShellProgram,
    /// Shell: files read or written by redirection.
    Redirect,
    /// Shell: lines of the script are the input of a command.
    HereDocument,
    /// Diff: a symbolic link.
    Symlink,
    /// Diff: a change of permissions, or a file that may be executed.
    FileMode,
    /// Diff: a file outside the usual, such as hooks, pipelines or the folder above.
    FilePlace,
    /// Diff: a file that is not shown as text.
    BinaryFile,
    /// Something is destroyed, deleted, or destroyed and made again.
    Destroys,
    /// Terraform: values that are known only once it is done.
    KnownLater,
    /// Kubernetes: reaches the node it runs on.
    HostAccess,
    /// Kubernetes: runs as root.
    RunsAsRoot,
    /// Kubernetes: an image that is not named by its digest.
    ImageTag,
    /// Rights that lead to more than they say.
    GrantsRights,
    /// Rights by a pattern: more than is named.
    Wildcard,
    /// Payment: another payee or account than before.
    PayeeChanged,
    /// Payment: an account whose check digits do not fit.
    AccountCheck,
    /// Payment: a sum of nothing, or less.
    OddAmount,
    /// Recipients outside the organisation.
    External,
    /// Recipients that are not whom they seem to be.
    OddRecipient,
    /// Something is attached.
    Attachment,
    /// Text that is shown in another way where it is read: HTML.
    Markup,
}

/// Why bytes are not a display.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum DisplayError {
    /// Not canonical, not of this version, or not of this shape.
    #[error("not a display: {0}")]
    Form(#[from] CanonicalError),
    /// A run holds a character that no display of ours contains.
    #[error("the display has U+{code:04X} in a run; render the action again from its payload")]
    Hazard {
        /// The code point.
        code: u32,
    },
}

impl Display {
    /// `display_bytes`: the canonical form that is stored and hashed.
    ///
    /// # Errors
    /// None for a display made by [`crate::render`].
    pub fn to_bytes(&self) -> Result<Vec<u8>, CanonicalError> {
        canonical::to_bytes(self)
    }

    /// Reads stored `display_bytes`. That they are well-formed says nothing about who made them: compare the hash.
    ///
    /// # Errors
    /// Any other spelling, version or shape, and runs with characters that rendering never lets through.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, DisplayError> {
        let display: Self = canonical::from_canonical_bytes(bytes)?;
        let texts = display.blocks.iter().flat_map(|block| {
            let runs = block
                .lines
                .iter()
                .flat_map(|line| &line.runs)
                .map(|run| &run.text);
            std::iter::once(&block.title).chain(runs)
        });
        match texts
            .flat_map(|text| text.chars())
            .find(|c| ident::hazard(*c).is_some())
        {
            None => Ok(display),
            Some(character) => Err(DisplayError::Hazard {
                code: u32::from(character),
            }),
        }
    }

    /// The first block of a kind.
    #[must_use]
    pub fn block(&self, kind: BlockKind) -> Option<&Block> {
        self.blocks.iter().find(|block| block.kind == kind)
    }
}

impl Counts {
    /// How much the payload is, and how much of it is nothing; the header of every surface.
    #[must_use]
    pub fn in_words(&self) -> String {
        let empty = match self.empty_lines {
            0 => String::new(),
            empty => format!(" ({} empty)", grouped(empty)),
        };
        format!(
            "{}, {}{empty}, {}",
            counted(self.bytes, "byte"),
            counted(self.lines, "line"),
            counted(self.words, "word")
        )
    }
}

impl Line {
    /// A line of one run.
    pub(crate) fn of(kind: RunKind, text: impl Into<String>) -> Self {
        Self {
            runs: vec![Run::new(kind, text)],
        }
    }

    /// A line that begins with one of our labels.
    pub(crate) fn labelled(label: &str, rest: Vec<Run>) -> Self {
        let mut runs = vec![
            Run::new(RunKind::Label, clean(label)),
            Run::new(RunKind::Text, ": "),
        ];
        runs.extend(rest);
        Self { runs }
    }
}

impl Run {
    pub(crate) fn new(kind: RunKind, text: impl Into<String>) -> Self {
        Self {
            kind,
            text: text.into(),
        }
    }
}

/// Labels come from descriptors, which are reviewed; still nothing invisible gets out through one.
fn clean(label: &str) -> String {
    label
        .chars()
        .map(|c| {
            if ident::hazard(c).is_some() {
                '\u{fffd}'
            } else {
                c
            }
        })
        .collect()
}
