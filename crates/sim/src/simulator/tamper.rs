//! Somebody with database access. They can write anything into any row and append leaves; they cannot sign for anybody.
//!
//! Where processes compare rows with leaves, no edit may have any effect. Where they do not, core alone must hold what
//! signatures can hold: the rows of requests and grants are edited then, and no others.

use std::collections::BTreeMap;

use gatehold_core::checkpoint::Requirement;
use gatehold_core::commit::{AttachmentDraft, LeafDraft, LeafKind, RowKey, Table};
use gatehold_core::decide::Pause;
use gatehold_core::entry::{Entry, Event};
use gatehold_core::grant::{Grant, GrantState};
use gatehold_core::ids::{GrantId, RequestId};
use gatehold_core::json::canonical;
use gatehold_core::request::{DecidedBy, RequestRecord, State};
use gatehold_core::requester::Requester;
use gatehold_core::review::UnverifiedReview;
use gatehold_core::stops::Stops;
use gatehold_core::task::{Task, TaskState};
use gatehold_core::trust::Evidence;
use gatehold_core::verdict::Verdict;
use serde::Serialize;

use super::Simulator;
use super::found::root;
use super::oracle::{Checked, Tampered};
use super::people::everybody;
use super::process::Process;
use super::rules::Rules;

impl Simulator {
    /// One act of somebody with database access.
    pub(super) fn tamper(&mut self) -> Checked {
        match self.seed.below(20) {
            0..12 => self.edit_request(),
            12 => self.edit_directory(),
            13 | 14 => self.forge_link(),
            15 => return self.swap_root(),
            16 | 17 => self.put_back(),
            _ if self.checks_rows => self.edit_around(),
            _ => self.edit_request(),
        }
        Ok(())
    }

    /// The operator notices.
    pub(super) fn repair(&mut self) {
        self.shelf.repair();
        self.edited.clear();
        self.journal.line("rows are repaired".to_owned());
    }

    fn edit(&mut self, key: RowKey, body: &impl Serialize) {
        let Ok(bytes) = canonical::to_bytes(body) else {
            return;
        };
        self.journal.line(format!("somebody edits {key}"));
        let known = self.shelf.row(&key).is_some();
        self.reach(if known { "edit" } else { "insert" });
        self.shelf.tamper(&key, bytes);
        self.edited.insert(key);
    }

    /// Where nobody compares the row with its leaf, what follows from it is not the gate's to see.
    fn mark(&mut self, id: RequestId, ways: &[Tampered]) {
        let unseen = |way: &&Tampered| **way == Tampered::PutBack || !self.checks_rows;
        if let Some(request) = self.oracle.requests.get_mut(&id) {
            request.tampered.extend(ways.iter().filter(unseen));
        }
    }

    fn edit_request(&mut self) {
        let Some(id) = self.some_request(|request| {
            !matches!(
                request.state,
                State::Completed | State::Failed | State::Unknown
            )
        }) else {
            return;
        };
        let key = RowKey::new(Table::Request, &id);
        let record: Option<RequestRecord> = self.shelf.row(&key).and_then(|row| row.read());
        let Some(mut record) = record else {
            return;
        };
        let ways: &[Tampered] = match self.seed.below(9) {
            0 | 1 => {
                self.claim_it_was_approved(&mut record);
                &[Tampered::Decided]
            }
            2 | 3 => {
                self.collect_reviews(&mut record);
                &[Tampered::Reviews]
            }
            4 => {
                self.weaken(&mut record);
                &[Tampered::Requirement]
            }
            5 => {
                self.widen(&mut record);
                &[Tampered::Times]
            }
            6 => {
                self.change_requester(&mut record);
                &[Tampered::Requester]
            }
            7 => {
                record.held = None;
                record.state = State::Allowed;
                self.claim_it_was_approved(&mut record);
                record.state = State::Allowed;
                record.decided_by = Some(DecidedBy::Policy);
                &[Tampered::Unheld]
            }
            _ => {
                // Collected, and said to be enough.
                self.collect_reviews(&mut record);
                self.claim_it_was_approved(&mut record);
                &[Tampered::Reviews, Tampered::Decided]
            }
        };
        self.mark(id, ways);
        self.journal.line(format!("{id} is made {ways:?}"));
        self.edit(key, &record);
    }

    /// The state says redeemable, and there is a grant to go with it.
    fn claim_it_was_approved(&mut self, record: &mut RequestRecord) {
        record.state = State::Redeemable;
        record.decided_by = Some(DecidedBy::Human);
        record.closing = None;
        let grant = Grant {
            id: GrantId::from_bytes(self.seed.bytes()),
            request: record.id,
            digest: record.digest,
            workload: record.envelope.workload.clone(),
            key: record.requester.key(),
            task: record.envelope.task,
            limits: record.limits.clone(),
            created_at: self.shelf.now(),
            expires_at: self.shelf.now().plus_seconds(86_400),
            uses: 0,
            state: GrantState::Active,
            reason: "decided".to_owned(),
            decided_by: DecidedBy::Human,
            lease: None,
        };
        record.grant = Some(grant.id);
        self.edit(RowKey::new(Table::Grant, &grant.id), &grant);
    }

    /// Everything anybody ever signed about this request, and something about another.
    fn collect_reviews(&mut self, record: &mut RequestRecord) {
        let overheard: Vec<UnverifiedReview> = self
            .overheard
            .iter()
            .filter_map(|intent| match intent {
                super::work::Intent::Review { review, .. } => Some(review.clone()),
                _ => None,
            })
            .collect();
        let about = record.id.to_string();
        for mut review in overheard {
            if self.seed.per_mille(300) {
                review.authority = self.some_authority();
            }
            if review.context.contains(&about) || self.seed.per_mille(100) {
                record.reviews.push(review);
            }
        }
        if self.seed.per_mille(200) {
            record.reviews.reverse();
        }
    }

    /// What somebody was shown that they may do for others, with whatever review.
    fn some_authority(&mut self) -> Option<String> {
        let leaves = self.shelf.leaves().iter();
        let kept = leaves.filter_map(|leaf| leaf.attachment("authority"));
        let kept: Vec<&[u8]> = kept.collect();
        let bytes = self.seed.pick(&kept)?.to_vec();
        String::from_utf8(bytes).ok()
    }

    /// A requirement that one person can meet.
    fn weaken(&mut self, record: &mut RequestRecord) {
        let weak = Rules::first(self.oracle.realm.dev);
        let evaluated = weak.evaluate("db.write", &Default::default(), None);
        let Verdict::Hold(requirement) = evaluated.verdict() else {
            return;
        };
        let requirement: Requirement = requirement.clone();
        if let Some(held) = &mut record.held {
            // With its own hash, or under the hash that people signed.
            if self.seed.per_mille(500) {
                held.requirement_hash = requirement.requirement_hash();
            }
            held.requirement = requirement;
        }
    }

    /// More of everything, for longer.
    fn widen(&mut self, record: &mut RequestRecord) {
        record.limits.ttl_seconds = 80_000;
        record.limits.caps.insert("rows".to_owned(), 1_000_000);
        record.limits.not_after = record.limits.not_after.plus_seconds(80_000);
        record.spend_by = record.spend_by.plus_seconds(80_000);
        if let Some(held) = &mut record.held {
            held.decide_by = held.decide_by.plus_seconds(80_000);
        }
        let Some(id) = record.grant else {
            return;
        };
        let key = RowKey::new(Table::Grant, &id);
        let grant: Option<Grant> = self.shelf.row(&key).and_then(|row| row.read());
        if let Some(mut grant) = grant {
            grant.limits = record.limits.clone();
            grant.expires_at = grant.expires_at.plus_seconds(80_000);
            self.edit(key, &grant);
        }
    }

    /// Somebody else asked, or nobody who could be excluded.
    fn change_requester(&mut self, record: &mut RequestRecord) {
        let at = self.seed.index(self.agents.len());
        let thief = self
            .agents
            .get(at)
            .map(|agent| (agent.id.clone(), agent.key));
        let nobody = super::people::human("nobody");
        if let (
            Requester::Workload {
                id,
                key,
                owner,
                backup,
                proposer,
                initiator,
                ..
            },
            Some((name, own)),
        ) = (&mut record.requester, thief)
        {
            if self.seed.per_mille(500) {
                *id = name;
                *key = own;
            } else {
                *owner = nobody.clone();
                *backup = nobody.clone();
                *proposer = nobody;
                *initiator = None;
            }
        }
        if self.seed.per_mille(500) {
            record.request_hash = record.computed_request_hash();
        }
    }

    /// A row is put back, whole, to an earlier version of itself, and its grant with it.
    fn put_back(&mut self) {
        let Some(id) = self.some_request(|request| request.version > 1) else {
            return;
        };
        let before = 1 + self.seed.index(2);
        let key = RowKey::new(Table::Request, &id);
        if !self.shelf.tamper_back(&key, before) {
            return;
        }
        self.journal
            .line(format!("somebody puts {key} back by {before}"));
        self.reach("put-back");
        self.edited.insert(key.clone());
        self.mark(id, &[Tampered::PutBack]);
        let record: Option<RequestRecord> = self.shelf.row(&key).and_then(|row| row.read());
        let grants: Vec<RowKey> = self
            .shelf
            .rows()
            .filter(|(key, row)| {
                key.table == Table::Grant
                    && row.read::<Grant>().is_some_and(|grant| grant.request == id)
            })
            .map(|(key, _)| key.clone())
            .collect();
        for grant in grants {
            let named = record.as_ref().and_then(|record| record.grant);
            let back = named.is_some_and(|named| named.to_string() == grant.id);
            let steps = if back { 1 } else { 0 };
            self.shelf.tamper_back(&grant, steps);
            self.edited.insert(grant);
        }
    }

    fn edit_directory(&mut self) {
        let key = RowKey::new(Table::Directory, &"main");
        let version = self.oracle.realm.version + self.seed.below(3);
        self.journal
            .line(format!("somebody sets {key} to version {version}"));
        self.reach("edited-version");
        self.shelf.tamper_version(&key, version);
        self.edited.insert(key);
    }

    /// Rows that no signature protects; only their leaves do.
    fn edit_around(&mut self) {
        match self.seed.below(3) {
            0 => {
                let key = RowKey::new(Table::Stops, &"main");
                if self.shelf.row(&key).is_some() {
                    self.edit(key, &Stops::default());
                }
            }
            1 => {
                let paused: Vec<String> = self.oracle.paused.iter().cloned().collect();
                if let Some(name) = self.seed.pick(&paused) {
                    let key = RowKey::new(Table::Workload, name);
                    self.edit(key, &Pause { code: None });
                }
            }
            _ => {
                let tasks: Vec<_> = self.oracle.tasks.keys().copied().collect();
                let Some(id) = self.seed.pick(&tasks).copied() else {
                    return;
                };
                let key = RowKey::new(Table::Task, &id);
                let task: Option<Task> = self.shelf.row(&key).and_then(|row| row.read());
                if let Some(mut task) = task {
                    task.state = TaskState::Open;
                    task.boundary = None;
                    self.edit(key, &task);
                }
            }
        }
    }

    /// A leaf that looks like a link of the key chain.
    fn forge_link(&mut self) {
        let Some(evidence) = self.forged_evidence() else {
            return;
        };
        let (Ok(bytes), Ok(hash)) = (evidence.to_bytes(), evidence.hash()) else {
            return;
        };
        let attachment = AttachmentDraft {
            name: "evidence",
            salt: self.seed.bytes(),
            bytes,
        };
        let entry = Entry {
            at: self.shelf.now(),
            request: None,
            version: 0,
            from: None,
            to: None,
            row: None,
            rows: BTreeMap::new(),
            event: Event::Trust {
                directory: self.oracle.realm.version + 1,
                what: "forged".to_owned(),
                evidence: hash,
                trace: None,
            },
            attachments: [("evidence".to_owned(), attachment.commitment())].into(),
        };
        let Ok(record) = entry.to_bytes() else {
            return;
        };
        let draft = LeafDraft {
            kind: LeafKind::Trust,
            salt: self.seed.bytes(),
            record,
            attachments: vec![attachment],
        };
        self.shelf.tamper_leaf(&draft);
        let text = format!("{evidence:?}");
        let kind = text.split(['(', ' ']).next().unwrap_or_default();
        self.journal
            .line(format!("somebody appends a link to the key chain: {kind}"));
        self.reach("forged-link");
    }

    fn forged_evidence(&mut self) -> Option<Evidence> {
        if self.seed.per_mille(350) {
            // A link that had force once.
            let links: Vec<Vec<u8>> = self
                .shelf
                .leaves()
                .iter()
                .skip(1)
                .filter(|leaf| leaf.is_trust())
                .filter_map(|leaf| leaf.attachment("evidence").map(<[u8]>::to_vec))
                .collect();
            let again = Evidence::from_bytes(self.seed.pick(&links)?).ok()?;
            // One by somebody who was gone then has force now that they are back, and the oracle would not know of it.
            return match &again {
                Evidence::Revocation(one) if self.oracle.would_have_force(one) => None,
                _ => Some(again),
            };
        }
        if self.seed.per_mille(300) {
            let Some(super::work::Intent::RevokeKey { revocation }) = self.revoke_key() else {
                return None;
            };
            // Only what has no force: the oracle would not know of one that has.
            return (!self.oracle.would_have_force(&revocation))
                .then_some(Evidence::Revocation(revocation));
        }
        // A change that is held and that fewer than two people have approved.
        let few = |request: &super::oracle::Request| {
            request.human.is_some()
                && request.tampered.is_empty()
                && request
                    .held
                    .as_ref()
                    .is_some_and(|held| held.reviewed.len() < 2)
        };
        let id = self.some_request(few)?;
        let row = self.shelf.row(&RowKey::new(Table::Request, &id))?;
        let record: RequestRecord = row.read()?;
        if record.reviews.len() > 1 {
            return None;
        }
        let leaf = self.shelf.leaves().get(row.first_leaf)?;
        let submit = canonical::from_canonical_bytes(leaf.attachment("proof")?).ok()?;
        let payload = leaf.attachment("payload")?.to_vec();
        let executed = gatehold_core::trust::Executed::new(record, &payload, submit);
        Some(Evidence::Executed(Box::new(executed)))
    }

    /// Another root in place of the first leaf's: a process that starts then must not serve.
    fn swap_root(&mut self) -> Checked {
        let thieves = everybody(true, || self.seed.bytes());
        let rules = Rules::first(true);
        let forged = Evidence::Root(root(&self.origin, &thieves, &rules));
        let Ok(bytes) = forged.to_bytes() else {
            return Ok(());
        };
        let mut leaves = self.shelf.leaves().to_vec();
        let first = leaves.first_mut();
        if let Some(attachment) = first.and_then(|leaf| leaf.draft.attachments.first_mut()) {
            attachment.bytes = bytes;
        }
        self.reach("swapped-root");
        let mut process = Process::boot(self.pinned, self.checks_rows, &self.folds);
        process.read_on_in(&leaves);
        self.journal
            .line("somebody swaps the root under a process that starts".to_owned());
        match process.directory() {
            (Some(directory), _) => self.oracle.realm.agrees(directory),
            (None, _) => Ok(()),
        }
    }
}
