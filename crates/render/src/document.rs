//! Documents with a reader of their own: a member of a JSON payload whose values mean more than they say one by one.
//!
//! A reader first says which values are never shown, then shows what it understands. What it does not understand is
//! listed among the members that the descriptor does not describe, so nothing of a document is passed over.

mod spans;

use std::collections::BTreeSet;

use gatehold_core::json::payload::Json;

use crate::display::{Block, BlockKind, Flag, Line, Run, RunKind};
use crate::escape::{LineFeeds, behind, escape, escape_short};
use crate::findings::Findings;
use crate::input::{Member, RenderInput, Shape};
use crate::leaves::scalars;
use crate::{hidden, iam, json, kubernetes, scripts, terraform};

/// A shorter text stands in too many places by chance.
const SECRET_LENGTH_MIN: usize = 8;
/// Stands unmarked, and says what is masked in another place.
const ELSEWHERE: &str = "masked elsewhere";
/// Texts that are looked for inside of others; more are found only where they stand alone.
const SECRETS_KEPT_MAX: usize = 64;

/// What was shown of the documents of a payload.
#[derive(Default)]
pub(crate) struct Reading {
    pub(crate) blocks: Vec<Block>,
    pub(crate) understood: Understood,
}

/// Values that a reader has shown, or has said what they are.
#[derive(Default)]
pub(crate) struct Understood(BTreeSet<*const Json>);

impl Understood {
    pub(crate) fn add(&mut self, value: &Json) {
        scalars(value, &mut |scalar| {
            self.0.insert(std::ptr::from_ref(scalar));
        });
    }

    /// What only marks other values: truth values, and nothing that says anything by itself.
    pub(crate) fn add_marks(&mut self, value: &Json) {
        scalars(value, &mut |scalar| {
            if matches!(scalar, Json::Bool(_) | Json::Array(_) | Json::Object(_)) {
                self.0.insert(std::ptr::from_ref(scalar));
            }
        });
    }

    pub(crate) fn holds(&self, value: &Json) -> bool {
        self.0.contains(&std::ptr::from_ref(value))
    }
}

/// Whether members of this shape have a reader.
pub(crate) const fn is(shape: Shape) -> bool {
    matches!(
        shape,
        Shape::TerraformPlan | Shape::Kubernetes | Shape::IamPolicy
    )
}

/// Reads every document of a payload. `bytes` are those of the whole JSON, at the end of the payload.
pub(crate) fn read(
    whole: &Json,
    bytes: &[u8],
    input: &RenderInput<'_>,
    findings: &mut Findings,
) -> Reading {
    let mut reading = Reading::default();
    let documents: Vec<(&Member<'_>, &Json)> = input
        .described
        .iter()
        .filter(|member| is(member.shape))
        .filter_map(|member| Some((member, whole.pointer(member.pointer)?)))
        .collect();
    for (member, value) in &documents {
        match member.shape {
            Shape::TerraformPlan => terraform::mask(value, findings),
            Shape::Kubernetes => kubernetes::mask(value, findings),
            _ => {}
        }
    }
    hide(whole, bytes, input, findings);
    for (member, value) in documents {
        let title = Line::labelled(member.label, Vec::new())
            .runs
            .first()
            .map_or_else(String::new, |run| run.text.clone());
        let before = reading.blocks.len();
        if value.as_str().is_some() {
            // A text stands in the table, whole.
            reading.understood.add(value);
        }
        let shown = match (member.shape, value) {
            (Shape::TerraformPlan, Json::Object(_)) => {
                terraform::show(value, &mut reading, findings);
                true
            }
            (Shape::IamPolicy, value) => policy(value, whole, input, &mut reading, findings),
            (Shape::Kubernetes, Json::Object(_)) => {
                kubernetes::show(value, &mut reading, findings);
                true
            }
            _ => false,
        };
        if !shown {
            findings.raise(Flag::Uninspectable);
            let mut note = vec![Run::new(RunKind::Text, "no document: ")];
            note.extend(escape_short(member.label, findings));
            findings.note(Flag::Malformed, note);
        }
        for block in reading.blocks.iter_mut().skip(before) {
            block.title = format!("{title}: {}", block.title);
        }
    }
    reading
}

/// A policy, with the one before where the payload has it.
fn policy(
    value: &Json,
    whole: &Json,
    input: &RenderInput<'_>,
    reading: &mut Reading,
    findings: &mut Findings,
) -> bool {
    let Some(policy) = iam::document(value) else {
        return false;
    };
    let of = |shape: Shape| -> Vec<&Json> {
        let members = input
            .described
            .iter()
            .filter(|member| member.shape == shape);
        members
            .filter_map(|member| whole.pointer(member.pointer))
            .collect()
    };
    let before = match (
        of(Shape::IamPolicy).as_slice(),
        of(Shape::IamPolicyBefore).as_slice(),
    ) {
        (_, []) => None,
        ([_], [before]) => match iam::document(before) {
            Some(before) if !json::holds_secret(&before, findings) => Some(before),
            _ => return false,
        },
        _ => return false,
    };
    match value {
        // The text stands among the members; what stands in it is shown a second time.
        Json::String(_) => {
            findings.again(|findings| iam::show(&policy, before.as_ref(), true, reading, findings));
        }
        _ => {
            if iam::show(value, before.as_ref(), false, reading, findings) {
                reading.understood.add(value);
            }
        }
    }
    true
}

/// Hides what is masked, also where it stands without a mark.
fn hide(whole: &Json, bytes: &[u8], input: &RenderInput<'_>, findings: &mut Findings) {
    if findings.masks() == 0 {
        return;
    }
    let mut secrets: BTreeSet<&str> = BTreeSet::new();
    scalars(whole, &mut |value| {
        if findings.masked(value).is_some()
            && let Json::String(text) = value
            && text.len() >= SECRET_LENGTH_MIN
        {
            secrets.insert(text);
        }
    });
    scalars(whole, &mut |value| {
        if value.as_str().is_some_and(|text| secrets.contains(text)) {
            findings.mask(value, ELSEWHERE);
        }
    });
    for secret in secrets.into_iter().take(SECRETS_KEPT_MAX) {
        findings.keep(secret);
        for range in hidden::places(input.payload, secret.as_bytes()) {
            findings.hide(range);
        }
    }
    let start = input.payload.len().saturating_sub(bytes.len());
    for range in spans::of_masked(whole, bytes, findings) {
        findings.hide(start + range.start..start + range.end);
    }
}

/// A text behind a head, without what is masked in it.
pub(crate) fn text_lines(head: Vec<Run>, text: &str, findings: &mut Findings) -> Vec<Line> {
    let secrets = findings.secrets_in(text);
    if secrets.is_empty() {
        scripts::look_at(text, findings);
        let rows = escape(text.as_bytes(), RunKind::Value, LineFeeds::Shown, findings);
        return behind(head, rows);
    }
    not_apart(findings);
    hidden::lines(head, text, &secrets, findings)
}

/// `label: text`
pub(crate) fn labelled(label: &str, text: &str, findings: &mut Findings) -> Vec<Line> {
    text_lines(Line::labelled(label, Vec::new()).runs, text, findings)
}

/// A text in a note, which stands elsewhere in full.
pub(crate) fn short(text: &str, findings: &mut Findings) -> Vec<Run> {
    if findings.secrets_in(text).is_empty() {
        return escape_short(text, findings);
    }
    not_apart(findings);
    vec![Run::new(RunKind::Chip, "\u{27e8}masked\u{27e9}")]
}

fn not_apart(findings: &mut Findings) {
    findings.raise(Flag::Uninspectable);
    findings.note_text(
        Flag::Malformed,
        "a masked value stands inside of one that is not masked",
    );
}

/// Values that are hidden because others like them are: nobody can tell what that was meant to hide.
pub(crate) fn look_for_hidden(value: &Json, findings: &mut Findings) {
    let (mut found, mut within) = (false, false);
    scalars(value, &mut |scalar| match findings.masked(scalar) {
        Some(why) => found |= why == ELSEWHERE,
        None => within |= json::holds_secret(scalar, findings),
    });
    if within {
        not_apart(findings);
    }
    if found {
        findings.raise(Flag::Uninspectable);
        findings.note_text(
            Flag::Hidden,
            "a value that is masked in another place, and not where it stands",
        );
    }
}

/// A value that is shown, where a masked one stands within it, is one that nobody can judge.
pub(crate) fn value_lines(head: Vec<Run>, value: &Json, findings: &mut Findings) -> Vec<Line> {
    if findings.masked(value).is_none() && json::holds_secret(value, findings) {
        not_apart(findings);
    }
    json::value_lines(head, value, findings)
}

pub(crate) fn block(title: impl Into<String>, lines: Vec<Line>) -> Option<Block> {
    (!lines.is_empty()).then(|| Block {
        kind: BlockKind::Payload,
        title: title.into(),
        lines,
    })
}
