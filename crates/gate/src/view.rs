//! Builds the view: everything a reviewer is shown besides the exact action. Facts, claims and unknowns never mix.

use gatehold_core::action::Action;
use gatehold_core::checkpoint::{Checkpoint, Requirement};
use gatehold_core::commit::Table;
use gatehold_core::decide::Claims;
use gatehold_core::descriptor::ExecutorKind;
use gatehold_core::json::canonical;
use gatehold_core::request::{HeldAt, RequestRecord, State};
use gatehold_core::task::StepLabels;
use gatehold_core::verdict::Trace;
use gatehold_core::view::{Fact, SoFar, Source, Terms, View};
use gatehold_core::wording::counted;

use crate::conversation::Asked;
use crate::error::GateError;
use crate::gate::{Active, Gate};
use crate::load::Loaded;
use crate::ports::store::RowQuery;
use crate::question::Answered;
use crate::stored::body;

/// How many earlier steps are shown.
const LATEST: usize = 10;
/// Characters of a claim in the view; the whole of it is beside the view, under its `claims_head`.
const CLAIM_SHOWN: usize = 300;
/// Characters of a question or an answer in the view: all of it, unless it is full of what is shown by its number.
const TURN_SHOWN: usize = gatehold_core::decide::TEXT_BYTES_MAX;

/// What follows a team that an escalation asks later.
pub const NOT_ASKED_YET: &str = " (not asked yet)";

impl Gate {
    pub(crate) async fn build_view(
        &self,
        record: &RequestRecord,
        held: &HeldAt,
        loaded: &Loaded,
        answered: &Answered,
        action: &Action,
        claims: &Claims,
    ) -> Result<View, GateError> {
        let mut unlike_baseline = answered.findings.unlike_baseline.clone();
        let mut facts = facts(answered, claims, &self.questions(record).await?);
        if let Some(habits) = &answered.habits {
            let workload = &record.envelope.workload;
            let holds = self.holds_now(habits, workload, loaded.now).await?;
            unlike_baseline.extend(holds.unlike());
            facts.extend(holds.facts);
        }
        Ok(View {
            type_: "gatehold/view/v1".to_owned(),
            request: record.id,
            sentence: record.sentence.clone(),
            why: why(answered.evaluated.trace()),
            tier: answered.evaluated.trace().tier.clone(),
            change: self.in_words(record.id, action, &loaded.active).await?,
            unlike_baseline,
            narrower: answered.narrower.clone(),
            requester: record.requester.clone(),
            terms: self.terms(record, held, &loaded.active),
            so_far: self.so_far(record, loaded).await?,
            facts,
            claims_head: record.claims_head,
            criteria: held.requirement.criteria().into_iter().cloned().collect(),
            checkpoints: checkpoints_shown(&held.requirement, held.escalated_seconds),
            // The floor that the next review is counted by.
            people_needed: held.requirement.people_needed(
                answered.evaluated.trace().tier.tier,
                loaded.active.directory.origin.is_dev(),
                record.requester.people_min(),
            ),
            reason_demanded: record.demands_reason(answered.evaluated.trace().tier.tier),
            decide_by: held.decide_by,
            spend_by: record.spend_by,
            page_files: self.inner.parts.page_files,
        })
    }

    fn terms(&self, record: &RequestRecord, held: &HeldAt, active: &Active) -> Terms {
        let limits = held
            .requirement
            .limits()
            .map_or_else(|| record.limits.clone(), |most| most.narrow(&record.limits));
        // Of the limits that are shown and signed, wherever each is from: a checkpoint may name a cap of its own.
        let kept = self.caps_kept_at(record, active);
        let mut not_enforced: Vec<String> = limits
            .caps
            .keys()
            .filter(|cap| !kept.contains(cap))
            .cloned()
            .collect();
        let descriptors = active.bundle.descriptors();
        let descriptor = descriptors.get(&record.envelope.descriptor.id);
        let brokered =
            descriptor.filter(|descriptor| descriptor.executor.kind == ExecutorKind::Broker);
        let target = record.envelope.target.as_str();
        let issued = brokered.and_then(|_| self.issuer().terms(target));
        let (kind, revocation) = match &issued {
            Some(terms) => {
                // What bounds every credential, and this target cannot keep.
                let missing = ["uses", "not_after", "session_end"]
                    .into_iter()
                    .filter(|limit| !terms.enforces.iter().any(|name| name == limit));
                not_enforced.extend(missing.map(str::to_owned));
                ("credential", terms.class.name())
            }
            None if descriptor.is_some() => ("held_execution", "immediate"),
            None => ("held_execution", "unknown"),
        };
        Terms {
            limits,
            kind: kind.to_owned(),
            revocation: revocation.to_owned(),
            not_enforced,
        }
    }

    async fn so_far(&self, record: &RequestRecord, loaded: &Loaded) -> Result<SoFar, GateError> {
        let chain = loaded.chain(Some(record));
        let mut latest = Vec::new();
        if let Some(task) = &record.envelope.task {
            let query = RowQuery {
                states: [
                    State::Completed,
                    State::Allowed,
                    State::Executing,
                    State::Redeemable,
                    State::Unknown,
                ]
                .map(|state| state.name().to_owned())
                .to_vec(),
                group: Some(task.to_string()),
                limit: 200,
                ..RowQuery::default()
            };
            for row in self
                .store()
                .rows(Table::Request, &query)
                .await?
                .iter()
                .rev()
                .take(LATEST)
            {
                match self.believe(row).await {
                    Ok(()) => {}
                    // Said rather than left out: that a step was tampered with is what a reviewer must know.
                    Err(GateError::Damaged(_)) => {
                        latest.push("UNKNOWN (the record of this step was changed)".to_owned());
                        continue;
                    }
                    Err(error) => return Err(error),
                }
                let step: RequestRecord = body(row)?;
                latest.push(format!("{} ({})", step.sentence, step.state.name()));
            }
        }
        Ok(SoFar {
            steps: chain.steps,
            labels: StepLabels {
                sensitive: chain.sensitive > 0,
                untrusted: chain.untrusted > 0,
                external: chain.external > 0,
            },
            crosses_systems: chain.crosses_systems(),
            latest,
        })
    }
}

fn why(trace: &Trace) -> Vec<(String, String)> {
    trace
        .reasons
        .iter()
        .map(|reason| (reason.code.clone(), reason.text.clone()))
        .collect()
}

/// The checkpoints by name and who may decide there, as a view has them; teams that are asked later say so.
#[must_use]
pub fn checkpoints_shown(
    requirement: &Requirement,
    escalated_seconds: u32,
) -> Vec<(String, String)> {
    let who = |checkpoint: &Checkpoint| {
        let asked = checkpoint.asked_after(escalated_seconds);
        let teams = checkpoint.eligible.teams.iter().map(|team| {
            if asked.contains(team) {
                team.to_string()
            } else {
                format!("{team}{NOT_ASKED_YET}")
            }
        });
        let humans = checkpoint.eligible.humans.iter().map(ToString::to_string);
        let who = teams.chain(humans).collect::<Vec<_>>().join(", ");
        match checkpoint.signer.in_words() {
            None => who,
            Some(how) => format!("{who}; {how}"),
        }
    };
    requirement
        .checkpoints()
        .map(|(_, checkpoint)| (checkpoint.name.to_string(), who(checkpoint)))
        .collect()
}

/// The fewest people who can meet the requirement.
pub(crate) fn people_needed(record: &RequestRecord, held: &HeldAt, dev: bool) -> u32 {
    let people_min = record.requester.people_min();
    held.requirement.people_needed(record.tier, dev, people_min)
}

fn facts(answered: &Answered, claims: &Claims, questions: &[Asked]) -> Vec<Fact> {
    let mut facts = answered.findings.facts.clone();
    for (name, text) in &claims.0 {
        facts.push(claimed(name.clone(), text, CLAIM_SHOWN));
    }
    for asked in questions {
        // An answer means nothing without its question. That it was asked the gate knows itself, from its leaf.
        let label = format!("question {} of {}", asked.number, asked.by);
        facts.push(Fact {
            source: Source::Verified,
            from: "the ledger".to_owned(),
            ..claimed(label, &asked.text, TURN_SHOWN)
        });
        let label = format!("answer to question {}", asked.number);
        let answer = asked.answer.as_ref();
        facts.push(match answer {
            Some(answer) => claimed(label, &answer.text, TURN_SHOWN),
            None => Fact {
                source: Source::Unknown,
                from: "the requester has not answered".to_owned(),
                ..claimed(label, "", TURN_SHOWN)
            },
        });
    }
    facts
}

fn claimed(label: String, text: &str, most: usize) -> Fact {
    let shown: String = text.chars().take(most).collect();
    let cut = if shown.len() < text.len() {
        format!(" … ({} in all)", counted(text.len(), "byte"))
    } else {
        String::new()
    };
    Fact {
        label,
        value: format!("{shown}{cut}"),
        source: Source::Claimed,
        from: "the requester".to_owned(),
        age_seconds: 0,
        refuted: false,
    }
}

/// The stored bytes of a view.
pub(crate) fn bytes(view: &View) -> Result<Vec<u8>, GateError> {
    canonical::to_bytes(view).map_err(GateError::damaged)
}
