//! Claims: the moment something gets out. Everything the product promises about it is asked again here, of the truth.

use std::collections::BTreeSet;

use gatehold_core::assurance::Assurance;
use gatehold_core::commit::{RowKey, Table};
use gatehold_core::entry::Event;
use gatehold_core::ids::HumanId;
use gatehold_core::limits::Limits;
use gatehold_core::request::{DecidedBy, RequestRecord, State};
use gatehold_core::review::ReviewAct;
use gatehold_core::stops::Stops;
use gatehold_core::tier::Tier;
use gatehold_core::time::Timestamp;
use gatehold_core::trust::{Change, SignedRevocation};
use gatehold_core::verdict::Verdict;

use super::seats::{Approver, filled};
use super::{Checked, Commit, Oracle, Request, Signed, Tampered, holds};
use crate::simulator::work::Intent;

/// What a claim says of itself.
pub(super) struct Said<'a> {
    limits: &'a Limits,
    reviewers: &'a [HumanId],
}

impl Oracle {
    pub(super) fn claimed(&mut self, record: &RequestRecord, commit: &Commit<'_>) -> Checked {
        let Event::Claimed {
            digest,
            limits,
            reviewers,
            trace,
            grant,
            lease,
            ..
        } = &commit.entry.event
        else {
            return Ok(());
        };
        self.trace_is_true(trace)?;
        let Some(request) = self.requests.get(&record.id).cloned() else {
            return Ok(());
        };
        holds(
            *digest == request.action.digest(),
            "signed-is-exact",
            || format!("{} was claimed for other bytes", record.id),
        )?;
        let said = Said { limits, reviewers };
        self.spent(&request, commit)?;
        self.may_be_released(&request, record, Some(&said), commit)?;
        self.leased(&request, (*grant, lease.as_deref()), limits, commit)
    }

    /// A change of the gate was applied.
    pub(super) fn applied(&mut self, record: &RequestRecord, commit: &Commit<'_>) -> Checked {
        let Some(request) = self.requests.get(&record.id).cloned() else {
            return Ok(());
        };
        let Some(author) = request.human.clone() else {
            return holds(false, "chain-gives-force", || {
                "a workload changed the gate".to_owned()
            });
        };
        self.spent(&request, commit)?;
        self.may_be_released(&request, record, None, commit)?;
        let authored = self
            .authored
            .contains(&(author.clone(), request.action.digest()));
        holds(authored, "chain-gives-force", || {
            format!("{author} never signed {}", request.id)
        })?;
        let at = (commit.entry.at, commit.time);
        let approvers = self.approvers(&request, record, record.tier, at);
        let people: BTreeSet<&HumanId> = approvers.iter().map(|approver| &approver.human).collect();
        holds(people.len() >= 2, "chain-gives-force", || {
            format!(
                "{} changed the gate with {} people",
                request.id,
                people.len()
            )
        })?;
        let change = Change::of(&request.action);
        let Ok(change) = change else {
            return holds(false, "chain-gives-force", || {
                "an unreadable change".to_owned()
            });
        };
        match &change {
            Change::StopLift(lifted) => self.lift(lifted, request.leaf),
            Change::WorkloadResume(resume) => {
                let name = resume.workload.to_string();
                let key = RowKey::new(Table::Workload, &name);
                let resumed = commit.write.rows.iter().any(|row| row.key == key);
                let since = self.paused_at.get(&name);
                let since = since.is_some_and(|paused| *paused > request.leaf);
                holds(!(since && resumed), "restraint-outlives-row", || {
                    format!("{name} was paused after {} was asked for", request.id)
                })?;
            }
            _ => {
                if let Change::HumanEnrol(new) = &change {
                    self.asked_since(&request, new)?;
                }
                self.realm.apply(&change, &author, commit.leaf)?;
            }
        }
        Ok(())
    }

    /// What was said since the lift was asked for is stopped all the same.
    fn lift(&mut self, lifted: &Stops, asked: u64) {
        let later = self.said.iter().filter(|(leaf, _)| *leaf > asked);
        let later = later.fold(Stops::default(), |all, (_, said)| all.and(said));
        self.stops = self.stops.without(&lifted.without(&later));
    }

    /// Whether a revocation was signed by its subject or by two others, all with force.
    #[must_use]
    pub fn would_have_force(&self, revocation: &SignedRevocation) -> bool {
        let Some((human, _)) = subject(revocation) else {
            return false;
        };
        let signers: BTreeSet<&HumanId> = self
            .revoked
            .iter()
            .filter(|(signer, statement)| {
                *statement == revocation.statement && self.realm.is_there(signer)
            })
            .map(|(signer, _)| signer)
            .collect();
        let others = signers.iter().filter(|signer| ***signer != human).count();
        signers.contains(&human) || others >= 2
    }

    pub(super) fn key_revoked(&mut self, intent: &Intent) -> Checked {
        let Intent::RevokeKey { revocation } = intent else {
            return holds(false, "chain-gives-force", || {
                "a revocation nobody sent".to_owned()
            });
        };
        let Some((human, key)) = subject(revocation) else {
            return holds(false, "chain-gives-force", || {
                "an unreadable revocation".to_owned()
            });
        };
        holds(
            self.would_have_force(revocation),
            "chain-gives-force",
            || format!("a key of {human} was revoked by too few"),
        )?;
        if let Some(keys) = self.realm.humans.get_mut(&human) {
            keys.remove(&key);
        }
        self.realm.version += 1;
        Ok(())
    }

    // INVARIANT(single-release): counted here, over both processes and every crash.
    fn spent(&mut self, request: &Request, commit: &Commit<'_>) -> Checked {
        let Intent::Redeem { call, .. } = commit.intent else {
            return holds(false, "single-release", || {
                "a claim nobody asked for".to_owned()
            });
        };
        holds(call.key == request.key, "own-key", || {
            format!("{} was claimed by a stranger", request.id)
        })?;
        let claims = self.requests.get_mut(&request.id).map(|request| {
            request.claims += 1;
            request.claims
        });
        holds(claims == Some(1), "single-release", || {
            format!("{} was claimed again", request.id)
        })?;
        self.in_time(request, commit)
    }

    // INVARIANT(in-time): by the store's clock, against what was fixed at submission and at the decision.
    fn in_time(&self, request: &Request, commit: &Commit<'_>) -> Checked {
        let ends = request.grant.map_or(request.spend_by, |(_, ends)| ends);
        let longer = request.excused(&[Tampered::Times]);
        let other_grant = longer || request.excused(&Tampered::STATE);
        holds(
            (longer || commit.time <= request.spend_by) && (other_grant || commit.time <= ends),
            "in-time",
            || format!("{} was claimed after its time", request.id),
        )?;
        let task = request
            .action
            .envelope()
            .task
            .and_then(|task| self.tasks.get(&task));
        let last = task.and_then(|task| task.task.boundary.as_ref());
        holds(
            last.is_none_or(|last| commit.time <= last.not_after),
            "in-time",
            || format!("{} was claimed after the time of its task", request.id),
        )
    }

    /// The one question: did enough of the right people sign exactly this, or does policy let it through without them?
    // INVARIANT(genuine-quorum): asked of signatures, keys, teams and policy as they really are at the commit.
    pub(super) fn may_be_released(
        &self,
        request: &Request,
        record: &RequestRecord,
        said: Option<&Said<'_>>,
        commit: &Commit<'_>,
    ) -> Checked {
        let id = request.id;
        if let Some(said) = said {
            self.all_are_there(request, said.reviewers)?;
        }
        let living = match &request.human {
            Some(human) => self.realm.has_force(human, &request.key),
            None => self.realm.acting(&request.key, commit.time).is_some(),
        };
        // A decision may come when the requester has lost its key; a use may not.
        let uses = matches!(commit.intent, Intent::Redeem { .. });
        if uses {
            self.unhindered(request)?;
        }
        holds(living || !uses, "world-guarded", || {
            format!("{id} was let out to a key without force")
        })?;
        let verdict = self.verdict(request, commit.rules);
        let at = (commit.entry.at, commit.time);
        let tier = verdict.trace().tier.tier;
        let approvers = self.approvers(request, record, tier, at);
        match verdict.verdict() {
            Verdict::Deny => {
                return holds(false, "genuine-quorum", || format!("policy denies {id}"));
            }
            Verdict::Allow => {}
            Verdict::Hold(now) => {
                holds(
                    filled(self, now, tier, &approvers),
                    "genuine-quorum",
                    || format!("{id} was let out with empty seats"),
                )?;
                let held = record.held.as_ref();
                let covered =
                    held.is_some_and(|held| now.is_covered_by(&held.requirement.hashes()));
                holds(covered, "genuine-quorum", || {
                    format!("{id}: nobody signed for what policy asks now")
                })?;
            }
        }
        if let Some(held) = &request.held {
            let other = [Tampered::Requirement, Tampered::Unheld, Tampered::PutBack];
            let met = request.excused(&other) || filled(self, &held.requirement, tier, &approvers);
            let denied = held.denied && !request.excused(&Tampered::STATE);
            holds(met && !denied, "genuine-quorum", || {
                format!("{id} was let out against those who held it")
            })?;
        }
        said.map_or(Ok(()), |said| {
            self.as_said(request, record, said, &approvers, at)
        })
    }

    /// Who is named did sign, once each; and the limits are no wider than anything that bounds them.
    // INVARIANT(narrowing-only-lowers): against the envelope, the checkpoints and every signature that is named.
    fn as_said(
        &self,
        request: &Request,
        record: &RequestRecord,
        said: &Said<'_>,
        approvers: &[Approver],
        at: (Timestamp, Timestamp),
    ) -> Checked {
        let id = request.id;
        let distinct: BTreeSet<&HumanId> = said.reviewers.iter().collect();
        let named = said
            .reviewers
            .iter()
            .all(|human| approvers.iter().any(|approver| approver.human == *human));
        holds(
            named && distinct.len() == said.reviewers.len(),
            "genuine-quorum",
            || format!("{id} names people who did not approve it"),
        )?;
        holds(
            said.reviewers.is_empty() == (record.decided_by != Some(DecidedBy::Human))
                || request.excused(&Tampered::STATE),
            "genuine-quorum",
            || format!("{id} says that people decided, and names none"),
        )?;
        let envelope = request.action.envelope();
        let caps = envelope
            .caps
            .iter()
            .all(|(name, cap)| said.limits.caps.get(name).is_some_and(|given| given <= cap));
        let bounded =
            said.limits.ttl_seconds <= envelope.duration_seconds && said.limits.uses <= 1 && caps;
        holds(bounded, "narrowing-only-lowers", || {
            format!("{id} was let out with more than it asked for")
        })?;
        let by_people = self
            .signed_for(request, record, at)
            .into_iter()
            .all(|signed| {
                !said.reviewers.contains(&signed.human)
                || said.limits.within(&signed.context.limits)
                // The same person may have signed more than once, for other holds.
                || self.signed_for(request, record, at).iter().any(|other| {
                    other.human == signed.human && said.limits.within(&other.context.limits)
                })
            });
        holds(by_people, "narrowing-only-lowers", || {
            format!("{id} was let out with more than its reviewers gave")
        })
    }

    /// Signatures that approve this request as it is held, by keys with force, of people who may.
    fn signed_for<'a>(
        &'a self,
        request: &Request,
        record: &RequestRecord,
        at: (Timestamp, Timestamp),
    ) -> Vec<&'a Signed> {
        let Some(held) = &record.held else {
            return Vec::new();
        };
        let requirement = held.requirement.requirement_hash();
        // Over a row that names another requester people sign for that one, and whoever was left out of the row decides
        // until the request is used. Then the directory still knows who stands behind the workload that the bytes name;
        // on whose behalf its task was begun, it does not.
        let another = request.excused(&[Tampered::Requester]);
        let decides = record.state == State::Redeemable;
        let task = request.action.envelope().task;
        let behind = task.and_then(|task| self.tasks.get(&task)?.task.on_behalf_of.as_ref());
        let left_out = |human: &HumanId| another && (decides || behind == Some(human));
        let counts = |signed: &&Signed| {
            let context = &signed.context;
            let level = self.realm.key(&signed.human, &signed.key);
            context.act == ReviewAct::Approve
                && context.request == request.id
                && (another || context.request_hash == request.request_hash)
                && context.digest == request.action.digest()
                && context.display_hash == request.display_hash
                && context.requirement_hash == requirement
                && context.spend_by == record.spend_by
                && (left_out(&signed.human) || !request.excluded.contains(&signed.human))
                && level.is_some_and(|level| self.realm.dev || level > Assurance::Software)
                && self.might_by(signed, &held.requirement, request, at)
        };
        self.signed.iter().filter(counts).collect()
    }

    /// Who approved it, on red with a reason.
    fn approvers(
        &self,
        request: &Request,
        record: &RequestRecord,
        tier: Tier,
        at: (Timestamp, Timestamp),
    ) -> Vec<Approver> {
        let mut approvers: Vec<Approver> = Vec::new();
        for signed in self.signed_for(request, record, at) {
            if tier == Tier::Red && !signed.context.reasoned {
                continue;
            }
            let Some(assurance) = self.realm.key(&signed.human, &signed.key) else {
                continue;
            };
            let places = self.signed_places(signed, request, at);
            match approvers
                .iter_mut()
                .find(|known| known.human == signed.human)
            {
                Some(known) => {
                    known.signed.push((signed.by_passkey, assurance));
                    known.places.extend(places);
                }
                None => approvers.push(Approver {
                    human: signed.human.clone(),
                    signed: vec![(signed.by_passkey, assurance)],
                    places,
                }),
            }
        }
        approvers
    }
}

/// Whose key a revocation is about.
fn subject(revocation: &SignedRevocation) -> Option<(HumanId, gatehold_core::hash::Hash)> {
    let statement: gatehold_core::trust::KeyRevocation =
        gatehold_core::json::canonical::from_canonical_bytes(revocation.statement.as_bytes())
            .ok()?;
    Some((statement.human, statement.key))
}
