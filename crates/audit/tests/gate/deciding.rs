//! What people sign about a request, and what becomes of it.

use gatehold_core::action::Action;
use gatehold_core::approved::Approved;
use gatehold_core::commit::{Receipt, RowKey, Table};
use gatehold_core::decide::{
    self, Act, ActBy, ActKind, Command, Counters, FlagChange, Fresh, Opened, Record, Redeem,
    Report, Revoke, Settings, StopBy, StopChange, SubmittedReview, TaskNow, Versioned, World,
};
use gatehold_core::delegation::{Lending, Moment};
use gatehold_core::hash::Hash;
use gatehold_core::ids::{GrantId, RequestId, TaskId};
use gatehold_core::json::canonical;
use gatehold_core::request::state::Event as Step;
use gatehold_core::request::{Outcome, RequestRecord};
use gatehold_core::review::{
    Answers, REVIEW_TYPE, ReviewAct, ReviewContext, ReviewerRef, UnverifiedReview,
};
use gatehold_core::signal::{HeardSignal, Signal};
use gatehold_core::ssh::sshsig::sign_software;
use gatehold_core::stops::Stops;
use gatehold_core::task::{Chain as TaskChain, Task};
use gatehold_core::tier::Tier;
use gatehold_core::trust::SubmitSignature;
use gatehold_core::verdict::Evaluated;

use super::{Gate, Who};

impl Gate {
    /// What a reviewer would sign now.
    pub fn context(&self, id: RequestId, who: Who, act: ReviewAct, nonce: &str) -> ReviewContext {
        let (record, _) = self.request(id);
        let held = record.held.clone().unwrap();
        let directory = self.directory();
        let moment = Moment {
            now: self.time(),
            task: record.envelope.task,
        };
        let lending = Lending::new(&directory, &held.requirement, &record.requester, moment);
        ReviewContext {
            type_: REVIEW_TYPE.to_owned(),
            gate: directory.origin.clone(),
            request: id,
            request_hash: record.request_hash,
            digest: record.digest,
            display_hash: record.display_hash,
            view_hash: Hash::tagged("gatehold/view/v1", &[b"view"]),
            requirement_hash: held.requirement_hash,
            policy: directory.bundle,
            act,
            limits: record.limits.clone(),
            answers_hash: answers_about(&record).hash().unwrap(),
            reasoned: answers_about(&record).say_why(),
            reviewer: ReviewerRef {
                issuer: who.id().issuer().to_owned(),
                subject: who.id().subject().to_owned(),
                key: who.thumbprint(),
                authority_hash: lending
                    .authority(&who.id(), &who.thumbprint())
                    .map_or_else(|| Hash::of(b""), |authority| authority.hash()),
            },
            review_nonce: nonce.to_owned(),
            issued_at: self.time(),
            decide_by: held.decide_by,
            spend_by: record.spend_by,
        }
    }

    pub fn review(&mut self, id: RequestId, who: Who, act: ReviewAct, now: &Evaluated) -> u64 {
        let nonce = format!("review-{}", self.draws);
        let context = self.context(id, who, act, &nonce);
        let (record, _) = self.request(id);
        let submitted = SubmittedReview {
            review: signed(&context, who),
            answers: answers_about(&record),
            opened: Opened {
                review_nonce: nonce,
                view_hash: context.view_hash,
                claims_head: record.claims_head,
                view: b"view".to_vec(),
            },
        };
        self.run(Some(id), Command::Review(Box::new(submitted)), Some(now))
            .unwrap()
    }

    pub fn redeem(&mut self, id: RequestId, now: &Evaluated) -> u64 {
        self.redeem_with(id, now, None)
    }

    pub(super) fn redeem_with(
        &mut self,
        id: RequestId,
        now: &Evaluated,
        submit: Option<SubmitSignature>,
    ) -> u64 {
        let redeem = Redeem {
            plan: None,
            key: self.request(id).0.requester.key(),
            nonce: format!("redeem-{}", self.draws).into(),
            submit,
        };
        self.run(Some(id), Command::Redeem(redeem), Some(now))
            .unwrap()
    }

    /// What redeeming would let out, for a row and an action that may be anything; nothing is written.
    pub fn attempt(
        &self,
        row: &RequestRecord,
        action: &Action,
        now: &Evaluated,
        receipt: impl FnOnce(&mut [u8; 35]),
    ) -> Option<Approved> {
        let directory = self.directory();
        let id = self.rows.keys().find(|key| key.table == Table::Task);
        let (version, body) = &self.rows[id.unwrap()];
        let task = TaskNow {
            task: Versioned {
                value: canonical::from_canonical_bytes::<Task>(body).unwrap(),
                version: *version,
            },
            chain: TaskChain::default(),
        };
        let (pause, stops) = (Versioned::default(), Versioned::default());
        let world = World {
            policy: Some(now),
            directory: &directory,
            stops: &stops,
            pause: &pause,
            restraints: &self.restraints,
            task: Some(&task),
            counters: Counters::default(),
            rendered: None,
            findings: None,
            habits: None,
            settings: &Settings::default(),
        };
        let grant = row.grant.and_then(|grant| {
            let (version, body) = self.rows.get(&RowKey::new(Table::Grant, &grant))?;
            Some((canonical::from_canonical_bytes(body).unwrap(), *version))
        });
        let record = Record::Request {
            record: row,
            version: 1,
            action: Some(action),
            grant: grant.as_ref().map(|(grant, version)| (grant, *version)),
        };
        let redeem = Command::Redeem(Redeem {
            plan: None,
            key: self.workload_key(),
            nonce: "attempt".to_owned().into(),
            submit: None,
        });
        let fresh = Fresh {
            request: row.id,
            grant: GrantId::from_bytes([9; 16]),
            task: TaskId::from_bytes([9; 16]),
            seed: [9; 32],
        };
        let (write, sealed) = decide::decide(record, redeem, &world, &fresh, self.time()).ok()?;
        let mut leaf = write.leaf.bytes();
        receipt(&mut leaf);
        let receipt = Receipt {
            index: 0,
            leaf,
            time: self.time(),
        };
        match sealed.open(&receipt) {
            Ok(decide::Release::Approved(approved, _)) => Some(*approved),
            _ => None,
        }
    }

    pub fn report(&mut self, id: RequestId, step: Step) -> u64 {
        let report = Report {
            step,
            outcome: Outcome {
                code: "ok".to_owned(),
                quantity: Some(1),
                result: Hash::of(b"1 row"),
                at: self.time(),
            },
            result: b"1 row".to_vec(),
        };
        self.run(Some(id), Command::Report(report), None).unwrap()
    }

    pub fn act(&mut self, id: RequestId, by: ActBy, kind: ActKind, text: &str) -> u64 {
        let act = Act {
            by,
            kind,
            text: text.to_owned(),
            channel: "signed".to_owned(),
        };
        self.run(Some(id), Command::Act(act), None).unwrap()
    }

    pub fn expire(&mut self, id: RequestId) -> u64 {
        self.now += 2_000_000;
        self.run(Some(id), Command::Expire, None).unwrap()
    }

    pub fn revoke(&mut self, id: RequestId, who: Who) -> u64 {
        let revoke = Revoke {
            human: Some(who.id()),
            code: "revoked",
        };
        self.run(Some(id), Command::Revoke(revoke), None).unwrap()
    }

    pub fn stop(&mut self, who: Who) -> u64 {
        let add = Stops {
            targets: ["sql:other".parse().unwrap()].into(),
            ..Stops::default()
        };
        let change = StopChange {
            by: StopBy::Human(who.id()),
            add,
            reason: "odd writes".to_owned(),
        };
        self.run(None, Command::Stop(Box::new(change)), None)
            .unwrap()
    }
}

impl Gate {
    /// A signal says of the workload that it is unusual, for so many seconds.
    pub fn flag(&mut self, seconds: u32) -> u64 {
        let signal = Signal {
            name: "cloud".to_owned(),
            issuer: "https://cloud.example".to_owned(),
            token_id: "j1".to_owned(),
            event: "urn:gatehold:event:unusual".to_owned(),
            token: Hash::of(b"token"),
        };
        let change = FlagChange {
            workload: "deploy-bot".parse().unwrap(),
            seconds,
            heard: HeardSignal {
                signal,
                known_until: self.time().plus_seconds(seconds),
                token: Some(b"token".to_vec()),
            },
        };
        self.run(None, Command::Flag(Box::new(change)), None)
            .unwrap()
    }
}

/// What is answered, on red also about the action itself.
fn answers_about(record: &RequestRecord) -> Answers {
    let mut answers = answers();
    if record.tier == Tier::Red {
        let fact = record.fact_challenge();
        answers.criteria.insert(fact.id, fact.answer);
    }
    answers
}

pub fn answers() -> Answers {
    Answers {
        criteria: [("intent".to_owned(), "yes".to_owned())].into(),
        justification: "looked at the plan".to_owned(),
        salt: "salt".to_owned(),
    }
}

pub fn signed(context: &ReviewContext, who: Who) -> UnverifiedReview {
    let bytes = context.to_bytes().unwrap();
    let signature = sign_software(&who.seed(), REVIEW_TYPE, &bytes).unwrap();
    UnverifiedReview::new(String::from_utf8(bytes).unwrap(), signature)
}
