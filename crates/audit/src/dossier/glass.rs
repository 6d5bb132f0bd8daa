//! Broken glass in a dossier: who let it out without those who decide, for what and why, and what was found afterwards by whom.

use std::fmt;

use gatehold_core::correction::CorrectionText;
use gatehold_core::entry::Event;
use gatehold_core::glass::{Judgement, POST_REVIEWERS_MIN};
use gatehold_core::ids::{HumanId, RequestId};
use gatehold_core::json::canonical;
use gatehold_core::review::Answers;
use gatehold_core::time::Timestamp;
use serde::Serialize;

use super::text::quiet;
use crate::opened::Opened;

/// One opening, and the looks at it that this dossier holds.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct BrokenGlass {
    /// Its leaf.
    pub leaf: u64,
    /// When.
    pub at: Timestamp,
    /// For which incident.
    pub incident: String,
    /// Who signed with offline keys.
    pub signers: Vec<HumanId>,
    /// Why, in their words; nothing where they are erased.
    pub why: Option<String>,
    /// Until when two people had to look at it.
    pub review_by: Timestamp,
    /// Who has.
    pub looks: Vec<LookShown>,
}

/// What somebody found who had no part in it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct LookShown {
    /// Its leaf.
    pub leaf: u64,
    /// When.
    pub at: Timestamp,
    /// Who.
    pub human: HumanId,
    /// What they found.
    pub judgement: Judgement,
    /// In their words; nothing where they are erased.
    pub words: Option<String>,
}

/// Every opening of a request, in the order of the ledger.
pub(super) fn of(request: RequestId, opened: &[Opened]) -> Vec<BrokenGlass> {
    let mut broken: Vec<(_, BrokenGlass)> = Vec::new();
    for leaf in opened {
        match &leaf.entry.event {
            Event::BrokeGlass {
                glass,
                signers,
                incident,
                review_by,
                ..
            } if leaf.entry.request == Some(request) => {
                let answers = leaf.bytes("answers");
                let answers: Option<Answers> =
                    answers.and_then(|bytes| canonical::from_canonical_bytes(bytes).ok());
                let shown = BrokenGlass {
                    leaf: leaf.index,
                    at: leaf.entry.at,
                    incident: incident.clone(),
                    signers: signers.iter().cloned().collect(),
                    why: answers.map(|answers| answers.justification),
                    review_by: *review_by,
                    looks: Vec::new(),
                };
                broken.push((*glass, shown));
            }
            Event::PostReviewed {
                of,
                glass,
                human,
                judgement,
                ..
            } if *of == request => {
                let words = leaf.bytes("text");
                let words = words.and_then(|bytes| CorrectionText::from_bytes(bytes).ok());
                let look = LookShown {
                    leaf: leaf.index,
                    at: leaf.entry.at,
                    human: human.clone(),
                    judgement: *judgement,
                    words: words.map(|words| words.text),
                };
                let mut own = broken.iter_mut();
                if let Some((_, shown)) = own.find(|(name, _)| name == glass) {
                    shown.looks.push(look);
                }
            }
            _ => {}
        }
    }
    broken.into_iter().map(|(_, shown)| shown).collect()
}

/// What a leaf says of it, in a line; nothing where it is about something else.
pub(super) fn step(event: &Event) -> Option<String> {
    Some(match event {
        Event::BrokeGlass {
            signers, incident, ..
        } => {
            let signers: Vec<String> = signers.iter().map(ToString::to_string).collect();
            format!(
                "THE GLASS WAS BROKEN by {} for {incident}",
                signers.join(" and ")
            )
        }
        Event::PostReviewed {
            human, judgement, ..
        } => format!("{human} looked at it: {}", found(*judgement)),
        Event::GlassOverdue { review_by, .. } => {
            format!("too few people had looked at it by {review_by}; everybody was told")
        }
        _ => return None,
    })
}

const fn found(judgement: Judgement) -> &'static str {
    match judgement {
        Judgement::Justified => "it was right",
        Judgement::NotJustified => "it was not right",
    }
}

/// The section of a dossier.
pub(super) fn write(broken: &[BrokenGlass], f: &mut dyn fmt::Write) -> fmt::Result {
    if broken.is_empty() {
        return Ok(());
    }
    writeln!(
        f,
        "\nThe glass was broken: it went on without those who decide about it"
    )?;
    for one in broken {
        let signers: Vec<String> = one.signers.iter().map(ToString::to_string).collect();
        writeln!(
            f,
            "  leaf {}, {}, for {}",
            one.leaf,
            one.at,
            quiet(&one.incident)
        )?;
        writeln!(f, "      signed with offline keys: {}", signers.join(", "))?;
        match &one.why {
            Some(why) => writeln!(f, "      in their words: \"{}\"", quiet(why))?,
            None => writeln!(f, "      their words are not here")?,
        }
        for look in &one.looks {
            let found = found(look.judgement);
            writeln!(
                f,
                "      {} looked at it, leaf {}, {}: {found}",
                look.human, look.leaf, look.at
            )?;
            if let Some(words) = &look.words {
                writeln!(f, "          in their words: \"{}\"", quiet(words))?;
            }
        }
        let missing = POST_REVIEWERS_MIN.saturating_sub(one.looks.len());
        if missing > 0 {
            writeln!(
                f,
                "      {missing} of {POST_REVIEWERS_MIN} had still to look at it, until {}",
                one.review_by
            )?;
        }
    }
    Ok(())
}
