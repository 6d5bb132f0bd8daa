//! A gate for tests: `core::decide` with real signatures, and a store double that applies its writes and keeps leaves
//! as an auditor gets them. Policy's answers are given by the test.

#![allow(
    dead_code,
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "tests; every test file uses a part of it"
)]

use std::collections::{BTreeMap, BTreeSet};

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use gatehold_audit::{Base64, Hex, LedgerAttachment, LedgerLeaf, References, RowClaim, Trusted};
use gatehold_core::action::{Action, DescriptorRef, Envelope, PayloadRef};
use gatehold_core::approved::Approved;
use gatehold_core::assurance::Assurance;
use gatehold_core::checkpoint::{Checkpoint, Requirement};
use gatehold_core::commit::{Guard, LeafDraft, LeafKind, Receipt, RowKey, Table, Write};
use gatehold_core::decide::{
    self, Act, ActBy, ActKind, Claims, Command, Counters, Described, Fresh, Opened, Pause, Record,
    Redeem, Rendered, Report, Revoke, Settings, StopChange, Submission, SubmittedReview, TaskNow,
    TaskStart, Versioned, World,
};
use gatehold_core::delegation::{Lending, Moment};
use gatehold_core::directory::{Baseline, Directory, Lifecycle};
use gatehold_core::entry::Entry;
use gatehold_core::hash::Hash;
use gatehold_core::ids::{GrantId, HumanId, RequestId, TaskId};
use gatehold_core::json::canonical;
use gatehold_core::refusal::Refusal;
use gatehold_core::request::state::Event as Step;
use gatehold_core::request::{Outcome, RequestRecord};
use gatehold_core::requester::Requester;
use gatehold_core::restraints::{Loosening, Restraints, says_it_loosens};
use gatehold_core::review::{
    Answers, REVIEW_TYPE, ReviewAct, ReviewContext, ReviewerRef, UnverifiedReview,
};
use gatehold_core::signed_body::SignedBody;
use gatehold_core::ssh::sshsig::{sign_software, software_key};
use gatehold_core::stops::Stops;
use gatehold_core::task::{Chain as TaskChain, StepLabels, Task};
use gatehold_core::tier::{Tier, TierReport};
use gatehold_core::time::Timestamp;
use gatehold_core::trust::change::{HumanEnrol, NhiCreate, RecordErase, TeamSet};
use gatehold_core::trust::delegation::DELEGATION_TYPE;
use gatehold_core::trust::recovery::{RECOVERY_NAMESPACE, RECOVERY_TYPE, RecoverySignature};
use gatehold_core::trust::revocation::{KeyRevocation, REVOCATION_TYPE, RevocationSignature};
use gatehold_core::trust::root::ROOT_TYPE;
use gatehold_core::trust::{
    AttestationRoots, Chain, Change, DelegationReason, DelegationStatement, ENROL_NAMESPACE,
    Evidence, ROOT_NAMESPACE, RootHuman, RootKey, RootSignature, RootStatement, SAFE_NAMESPACE,
    SUBMIT_NAMESPACE, SignedDelegation, SignedRevocation, SignedRoot, SubmitSignature,
};
use gatehold_core::trust::{Recovery, SignedRecovery};
use gatehold_core::verdict::{Evaluated, Reason, Trace, Verdict};
use gatehold_core::workload::{WorkloadAssurance, WorkloadKind};
use gatehold_ledger::{Anchor, Frontier, LogSigner, Origin, SignedTreeHead};
use gatehold_proof::{
    Algorithm, PublicUrl, RequestToSign, SigningKey, SubmitEvidence, sign_request,
};
use gatehold_render::{Field, PayloadKind, RenderInput, render};
use sha2::{Digest as _, Sha256};

pub const ORIGIN: &str = "dev.gate.example/log";
pub const START: i64 = 1_795_226_732_000;
/// The key of RFC 8037, appendix A.
pub const JWK: &str =
    r#"{"crv":"Ed25519","kty":"OKP","x":"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"}"#;

/// A person with a key on disk.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Who {
    Ann,
    Bob,
    Cid,
    Dan,
}

impl Who {
    pub fn id(self) -> HumanId {
        format!("{self:?}@corp.example")
            .to_lowercase()
            .parse()
            .unwrap()
    }

    pub fn seed(self) -> [u8; 32] {
        [self as u8 + 1; 32]
    }

    pub fn line(self) -> String {
        software_key(&self.seed()).to_line()
    }

    pub fn thumbprint(self) -> Hash {
        Hash::from_bytes(software_key(&self.seed()).thumbprint())
    }
}

pub struct Gate {
    pub leaves: Vec<LedgerLeaf>,
    pub rows: BTreeMap<RowKey, (u64, Vec<u8>)>,
    pub chain: Chain,
    pub restraints: Restraints,
    pub now: i64,
    pub root: Hash,
    draws: u8,
    frontier: Frontier,
}

/// SHA-256 under the name the checkpoint of these tests has.
pub fn requirement(seats: u8) -> Requirement {
    let checkpoint = format!(
        r#"
name = "production-change"
title = "A change in production"
owner = "platform"
rationale = "What runs for customers changes only when people have looked"
justification = "impact"
eligible = {{ teams = ["reviewers"], humans = [] }}
alternatives = [{{ seats = {seats}, factor = "software" }}]
separate = false
criteria = [{{ id = "intent", text = "Is this what was meant?", kind = "yes", required = true }}]
decide_within_seconds = 900
spend_within_seconds = 1800
escalation = []
limits = {{ ttl_seconds = 900, uses = 1, caps = {{ rows = 100 }} }}
requires = []
"#
    );
    let checkpoint: Checkpoint = toml::from_str(&checkpoint).unwrap();
    Requirement::new(vec![checkpoint]).unwrap()
}

impl Gate {
    /// A gate with a root of three, the team `reviewers`, one workload and no more.
    pub fn founded() -> Self {
        let mut gate = Self::bare();
        let create = NhiCreate {
            id: "deploy-bot".parse().unwrap(),
            kind: WorkloadKind::AiAgent,
            jwk: JWK.to_owned(),
            owner: Who::Ann.id(),
            backup: Who::Ann.id(),
            custodians: [Who::Ann.id()].into(),
            assurance: WorkloadAssurance::Pop,
            teams: BTreeSet::new(),
            baseline: Baseline::default(),
            lifecycle: Lifecycle::Active,
            not_after: Timestamp::from_millis(START + 1_000_000_000_000),
        };
        gate.change("nhi.create", &canonical::to_bytes(&create).unwrap());
        gate
    }

    fn bare() -> Self {
        let bundle = b"the first bundle".to_vec();
        let humans = [Who::Ann, Who::Bob, Who::Cid];
        let statement = RootStatement {
            type_: ROOT_TYPE.to_owned(),
            origin: ORIGIN.parse().unwrap(),
            created_at: Timestamp::from_millis(START),
            humans: humans
                .map(|who| RootHuman {
                    human: who.id(),
                    keys: vec![RootKey {
                        key: who.line(),
                        assurance: Assurance::Software,
                        attestation: None,
                    }],
                })
                .to_vec(),
            teams: [(
                "reviewers".parse().unwrap(),
                [Who::Bob.id(), Who::Cid.id()].into(),
            )]
            .into(),
            bundle: Change::bundle_hash(&bundle),
            log_key: signer().log_key().to_string(),
            recovery_keys: OFFLINE.map(|seed| software_key(&seed).to_line()).to_vec(),
            attestation_roots: AttestationRoots::default(),
            consoles: Vec::new(),
        };
        let statement = String::from_utf8(canonical::to_bytes(&statement).unwrap()).unwrap();
        let sign = |who: Who| RootSignature {
            key: who.line(),
            signature: sign_software(&who.seed(), ROOT_NAMESPACE, statement.as_bytes()).unwrap(),
        };
        let offline = OFFLINE.map(|seed| RootSignature {
            key: software_key(&seed).to_line(),
            signature: sign_software(&seed, ROOT_NAMESPACE, statement.as_bytes()).unwrap(),
        });
        let root = SignedRoot {
            signatures: humans.map(sign).into_iter().chain(offline).collect(),
            statement,
        };
        let mut gate = Self {
            leaves: vec![],
            rows: BTreeMap::new(),
            chain: Chain::default(),
            restraints: Restraints::default(),
            now: START,
            root: root.hash(),
            draws: 0,
            frontier: Frontier::new(),
        };
        let write = decide::found(&Evidence::Root(root), bundle, &gate.fresh(), gate.time());
        gate.commit(write.unwrap());
        gate
    }

    pub fn time(&self) -> Timestamp {
        Timestamp::from_millis(self.now)
    }

    pub fn directory(&self) -> Directory {
        self.chain.directory().unwrap().clone()
    }

    pub fn fresh(&mut self) -> Fresh {
        self.draws += 1;
        let id = [self.draws; 16];
        Fresh {
            request: RequestId::from_bytes(id),
            grant: GrantId::from_bytes(id),
            task: TaskId::from_bytes(id),
            seed: [self.draws; 32],
        }
    }

    /// Applies a write as a store does, guards on versions included.
    pub fn commit(&mut self, write: Write) -> Receipt {
        for guard in &write.guards {
            if let Guard::Version(key, version) = guard {
                let found = self.rows.get(key).map_or(0, |(version, _)| *version);
                assert_eq!(found, *version, "{key:?}");
            }
        }
        assert!(
            write
                .deadline
                .is_none_or(|deadline| self.time() <= deadline)
        );
        for row in write.rows {
            let slot = self.rows.entry(row.key).or_default();
            *slot = (slot.0 + 1, row.body);
        }
        let index = self.append(write.leaf);
        Receipt {
            index,
            leaf: self.leaves.last().unwrap().leaf.clone().try_into().unwrap(),
            time: self.time(),
        }
    }

    /// Appends a leaf whatever it says: also those that no decision would write.
    pub fn append(&mut self, draft: LeafDraft) -> u64 {
        let index = self.leaves.len() as u64;
        let entry = Entry::from_bytes(&draft.record).unwrap();
        if says_it_loosens(&entry) {
            let evidence = Evidence::from_bytes(&draft.attachments[0].bytes).unwrap();
            let approved = Loosening::verify(&entry, &evidence, &self.directory()).ok();
            let _ = self.restraints.add(index, &entry, approved.as_ref());
        } else {
            let _ = self.restraints.add(index, &entry, None);
        }
        if matches!(
            draft.kind,
            LeafKind::Root | LeafKind::Trust | LeafKind::QuorumLost
        ) {
            let bytes = &draft.attachments[0].bytes;
            let _ = self
                .chain
                .add(index, &Evidence::from_bytes(bytes).unwrap(), None);
        }
        let leaf = LedgerLeaf {
            index,
            leaf: draft.bytes().to_vec(),
            time: self.time(),
            salt: draft.salt.to_vec(),
            record: draft.record,
            attachments: draft
                .attachments
                .into_iter()
                .map(|attachment| LedgerAttachment {
                    name: attachment.name.to_owned(),
                    salt: Some(Hex(attachment.salt.to_vec())),
                    bytes: Some(Base64(attachment.bytes)),
                    erased_by: None,
                })
                .collect(),
        };
        self.frontier
            .push(gatehold_ledger::leaf_hash(&leaf.leaf))
            .unwrap();
        self.leaves.push(leaf);
        index
    }

    pub fn head(&self) -> SignedTreeHead {
        head_of(&self.leaves)
    }

    /// The tree head and an anchor over everything.
    pub fn references(&self) -> References {
        let anchor = Anchor {
            size: self.frontier.size(),
            root: self.frontier.root(),
        };
        References {
            tree_heads: vec![self.head().to_string()],
            anchors: vec![anchor.to_string()],
            leaf_hashes: vec![],
        }
    }

    pub fn leaf_hashes(&self) -> Vec<gatehold_ledger::Hash> {
        let hash = |leaf: &LedgerLeaf| gatehold_ledger::leaf_hash(&leaf.leaf);
        self.leaves.iter().map(hash).collect()
    }

    pub fn trusted(&self) -> Trusted {
        Trusted {
            pinned_root: Some(self.root),
            log_key: None,
        }
    }

    pub fn row_claims(&self) -> Vec<RowClaim> {
        self.rows
            .iter()
            .map(|(key, (version, body))| RowClaim {
                row: key.to_string(),
                version: *version,
                body: Base64(body.clone()),
            })
            .collect()
    }

    pub fn request(&self, id: RequestId) -> (RequestRecord, u64) {
        let (version, body) = &self.rows[&RowKey::new(Table::Request, &id)];
        (canonical::from_canonical_bytes(body).unwrap(), *version)
    }

    fn value<T: serde::de::DeserializeOwned + Default>(&self, key: &RowKey) -> Versioned<T> {
        self.rows
            .get(key)
            .map_or_else(Versioned::default, |(version, body)| Versioned {
                value: canonical::from_canonical_bytes(body).unwrap(),
                version: *version,
            })
    }

    /// Decides in the world of now.
    pub fn run(
        &mut self,
        id: Option<RequestId>,
        command: Command,
        evaluated: Option<&Evaluated>,
    ) -> Result<u64, Refusal> {
        let fresh = self.fresh();
        self.run_with(id, command, evaluated, None, &fresh)
    }

    fn run_with(
        &mut self,
        id: Option<RequestId>,
        command: Command,
        evaluated: Option<&Evaluated>,
        shown: Option<&Rendered>,
        fresh: &Fresh,
    ) -> Result<u64, Refusal> {
        let directory = self.directory();
        let loaded = id.map(|id| self.request(id));
        let action = id.map(|id| self.action(id));
        let task = match (&command, &loaded) {
            (Command::Submit(submission), _) => submission.action.envelope().task,
            (_, Some((record, _))) => record.envelope.task,
            _ => None,
        };
        let task = task.map(|task| {
            let (version, body) = &self.rows[&RowKey::new(Table::Task, &task)];
            TaskNow {
                task: Versioned {
                    value: canonical::from_canonical_bytes::<Task>(body).unwrap(),
                    version: *version,
                },
                chain: TaskChain::default(),
            }
        });
        let name = match (&command, &loaded) {
            (Command::Submit(submission), _) => submission.requester.name(),
            (Command::Redeem(_), Some((record, _))) if resumes(record) => "deploy-bot".to_owned(),
            (_, Some((record, _))) => record.requester.name(),
            _ => "deploy-bot".to_owned(),
        };
        let pause: Versioned<Pause> = self.value(&RowKey::new(Table::Workload, &name));
        let stops: Versioned<Stops> = self.value(&RowKey::new(Table::Stops, &"main"));
        let grant = loaded.as_ref().and_then(|(record, _)| {
            let (version, body) = &self.rows[&RowKey::new(Table::Grant, &record.grant?)];
            Some((canonical::from_canonical_bytes(body).unwrap(), *version))
        });
        let world = World {
            policy: evaluated,
            directory: &directory,
            stops: &stops,
            pause: &pause,
            restraints: &self.restraints,
            task: task.as_ref(),
            counters: Counters::default(),
            rendered: shown,
            findings: None,
            habits: None,
            settings: &Settings::default(),
        };
        let record = match &loaded {
            None => Record::Absent,
            Some((record, version)) => Record::Request {
                record,
                version: *version,
                action: action.as_ref(),
                grant: grant.as_ref().map(|(grant, version)| (grant, *version)),
            },
        };
        let (write, sealed) = decide::decide(record, command, &world, fresh, self.time())?;
        let receipt = self.commit(write);
        sealed.open(&receipt).unwrap();
        self.now += 1_000;
        Ok(receipt.index)
    }

    pub fn action(&self, id: RequestId) -> Action {
        let submission = self.submission(id);
        let (record, _) = self.request(id);
        let payload = submission.attachment("payload").unwrap().to_vec();
        Action::rebuild(
            submission.attachment("envelope").unwrap(),
            payload,
            record.digest,
        )
        .unwrap()
    }

    pub fn submission(&self, id: RequestId) -> &LedgerLeaf {
        let named = |leaf: &&LedgerLeaf| {
            String::from_utf8_lossy(&leaf.record).contains(&id.to_string())
                && leaf.attachment("envelope").is_some()
        };
        self.leaves.iter().find(named).unwrap()
    }

    /// Policy's answer as the test wants it.
    pub fn answer(&self, verdict: Verdict, tier: Tier) -> Evaluated {
        let code = match &verdict {
            Verdict::Allow => "permitted",
            Verdict::Deny => "no_permit",
            Verdict::Hold(_) => "checkpoint:production-change",
        };
        let trace = Trace {
            bundle: self.directory().bundle,
            input: Hash::of(b"input"),
            rules: vec!["production-change".to_owned()],
            reasons: vec![Reason {
                code: code.to_owned(),
                text: "A rule says so.".to_owned(),
            }],
            errors: vec![],
            tier: TierReport {
                tier,
                inputs: vec![],
            },
        };
        Evaluated::new(verdict, trace)
    }

    pub fn task(&mut self) -> TaskId {
        let start = TaskStart {
            workload: "deploy-bot".parse().unwrap(),
            key: self.workload_key(),
            nonce: format!("nonce-{}", self.draws).into(),
            purpose: "repair the failed deployment".to_owned(),
            on_behalf_of: None,
            attested: false,
            boundary: None,
        };
        let fresh = self.fresh();
        self.run_with(
            None,
            Command::StartTask(Box::new(start)),
            None,
            None,
            &fresh,
        )
        .unwrap();
        fresh.task
    }

    pub fn workload_key(&self) -> Hash {
        self.directory().workloads[&"deploy-bot".parse().unwrap()].key
    }

    /// The workload asks for a write; policy answers as given.
    pub fn submit(&mut self, task: TaskId, sql: &str, verdict: Verdict, tier: Tier) -> RequestId {
        let envelope = envelope(
            "sql.write",
            "deploy-bot",
            Some(task),
            "sql:shop",
            sql.as_bytes(),
        );
        let requester = Requester::Workload {
            id: "deploy-bot".parse().unwrap(),
            kind: WorkloadKind::AiAgent,
            key: self.workload_key(),
            owner: Who::Ann.id(),
            backup: Who::Ann.id(),
            custodians: [Who::Ann.id()].into(),
            proposer: Who::Ann.id(),
            assurance: WorkloadAssurance::Pop,
            point: None,
            initiator: None,
            delegators: BTreeSet::new(),
            drafters: BTreeSet::new(),
        };
        let evaluated = self.answer(verdict, tier);
        self.submitted(&envelope, sql.as_bytes(), requester, &evaluated, None)
    }

    fn submitted(
        &mut self,
        envelope: &Envelope,
        payload: &[u8],
        requester: Requester,
        evaluated: &Evaluated,
        by_human: Option<&SubmitSignature>,
    ) -> RequestId {
        let bytes = canonical::to_bytes(envelope).unwrap();
        let action = Action::parse(&bytes, payload.to_vec()).unwrap();
        let body = by_human
            .is_none()
            .then(|| SignedBody::write(&action, &claims()));
        let proof = match (by_human, &body) {
            (Some(submit), _) => canonical::to_bytes(submit).unwrap(),
            (None, body) => signed_call(body.as_deref().unwrap(), self.time()),
        };
        let rendered = rendered(envelope, payload);
        let fresh = self.fresh();
        let submission = Submission {
            action,
            described: Described {
                descriptor: envelope.descriptor.clone(),
                media_types: [envelope.payload.media_type.clone()].into(),
                reads_only: false,
                sentence: format!("Change {} at {}", envelope.resource, envelope.target),
                intent: Hash::of(b"intent"),
            },
            claims: claims(),
            requester,
            proof,
            body,
            nonce: format!("nonce-{}", self.draws).into(),
            idempotency: None,
            labels: StepLabels::default(),
        };
        let command = Command::Submit(Box::new(submission));
        self.run_with(None, command, Some(evaluated), Some(&rendered), &fresh)
            .unwrap();
        fresh.request
    }

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

    fn redeem_with(
        &mut self,
        id: RequestId,
        now: &Evaluated,
        submit: Option<SubmitSignature>,
    ) -> u64 {
        let redeem = Redeem {
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
            human: who.id(),
            add,
            reason: "odd writes".to_owned(),
        };
        self.run(None, Command::Stop(Box::new(change)), None)
            .unwrap()
    }

    /// Ann changes the gate itself; Bob and Cid approve. Returns the leaf that applied it.
    pub fn change(&mut self, descriptor: &str, payload: &[u8]) -> u64 {
        let held = self.answer(Verdict::Hold(requirement(2)), Tier::Amber);
        let (id, submit) = self.ask_change(descriptor, payload);
        self.review(id, Who::Bob, ReviewAct::Approve, &held);
        self.review(id, Who::Cid, ReviewAct::Approve, &held);
        self.redeem_with(id, &held, Some(submit))
    }

    pub fn ask_change(&mut self, descriptor: &str, payload: &[u8]) -> (RequestId, SubmitSignature) {
        let held = self.answer(Verdict::Hold(requirement(2)), Tier::Amber);
        let envelope = envelope(descriptor, "gatehold", None, "gatehold", payload);
        let bytes = canonical::to_bytes(&envelope).unwrap();
        let action = Action::parse(&bytes, payload.to_vec()).unwrap();
        let requester = Requester::Human {
            human: Who::Ann.id(),
            key: Who::Ann.thumbprint(),
            beneficiaries: Change::of(&action)
                .unwrap()
                .beneficiaries(&self.directory()),
        };
        let nonce = format!("submit-{}", self.draws);
        let message = SubmitSignature::message(action.envelope_bytes(), &nonce);
        let submit = SubmitSignature {
            signature: sign_software(&Who::Ann.seed(), SUBMIT_NAMESPACE, message.as_bytes())
                .unwrap(),
            nonce,
        };
        let id = self.submitted(&envelope, payload, requester, &held, Some(&submit));
        (id, submit)
    }

    pub fn enrol(&mut self, who: Who) -> u64 {
        let origin = self.directory().origin;
        let message = HumanEnrol::possession_message(&origin, &who.id(), &who.line()).unwrap();
        let enrol = HumanEnrol {
            human: who.id(),
            key: who.line(),
            assurance: Assurance::Software,
            possession: sign_software(&who.seed(), ENROL_NAMESPACE, &message).unwrap(),
            attestation: None,
            suspension: None,
        };
        self.change("human.enrol", &canonical::to_bytes(&enrol).unwrap())
    }

    pub fn set_team(&mut self, members: &[Who]) -> u64 {
        let set = TeamSet {
            team: "reviewers".parse().unwrap(),
            members: members.iter().map(|who| who.id()).collect(),
        };
        self.change("team.set", &canonical::to_bytes(&set).unwrap())
    }

    /// People have an attachment erased; the store forgets it.
    pub fn erase(&mut self, leaf: u64, name: &str) -> u64 {
        let erase = RecordErase {
            leaf,
            name: name.to_owned(),
        };
        let by = self.change("record.erase", &canonical::to_bytes(&erase).unwrap());
        for name in erase.names() {
            self.forget(leaf, name, by);
        }
        by
    }

    pub fn forget(&mut self, leaf: u64, name: &str, by: u64) {
        let attachments = &mut self.leaves[usize::try_from(leaf).unwrap()].attachments;
        let mut gone = attachments.iter_mut().filter(|given| given.name == name);
        let Some(gone) = gone.find(|given| given.erased_by.is_none()) else {
            return;
        };
        (gone.salt, gone.bytes, gone.erased_by) = (None, None, Some(by));
    }

    /// The quorum is lost, and the offline keys put somebody back.
    pub fn recover(&mut self, who: Who) -> u64 {
        let directory = self.directory();
        let recovery = Recovery {
            type_: RECOVERY_TYPE.to_owned(),
            gate: directory.origin.clone(),
            root: directory.root,
            directory: directory.version,
            created_at: self.time(),
            revoke: vec![],
            enrol: vec![RootHuman {
                human: who.id(),
                keys: vec![RootKey {
                    key: who.line(),
                    assurance: Assurance::Software,
                    attestation: None,
                }],
            }],
            teams: [(
                "reviewers".parse().unwrap(),
                [Who::Bob.id(), Who::Cid.id(), who.id()].into(),
            )]
            .into(),
        };
        let statement = String::from_utf8(canonical::to_bytes(&recovery).unwrap()).unwrap();
        let hands = OFFLINE.into_iter().chain([who.seed()]);
        let signatures = hands.map(|seed| RecoverySignature {
            key: software_key(&seed).to_line(),
            signature: sign_software(&seed, RECOVERY_NAMESPACE, statement.as_bytes()).unwrap(),
        });
        let evidence = Evidence::Recovery(SignedRecovery {
            signatures: signatures.collect(),
            statement,
        });
        let write = decide::recover(&evidence, &directory, &self.fresh(), self.time()).unwrap();
        self.commit(write).index
    }

    /// Somebody is away for a minute.
    pub fn delegate(
        &mut self,
        from: Who,
        to: Who,
        change: impl FnOnce(&mut DelegationStatement),
    ) -> u64 {
        let reason = DelegationReason {
            text: "away".to_owned(),
            salt: "ab".to_owned(),
        };
        let reason = reason.to_bytes().unwrap();
        let mut statement = DelegationStatement {
            type_: DELEGATION_TYPE.to_owned(),
            gate: self.directory().origin,
            from: from.id(),
            key: from.thumbprint(),
            to: to.id(),
            teams: ["reviewers".parse().unwrap()].into(),
            task: None,
            checkpoints: None,
            not_before: self.time(),
            not_after: self.time().plus_seconds(60),
            reason: DelegationReason::hash_of(&reason),
            nonce: format!("nonce-{}", self.draws),
            created_at: self.time(),
        };
        change(&mut statement);
        let statement = String::from_utf8(canonical::to_bytes(&statement).unwrap()).unwrap();
        let delegation = SignedDelegation {
            signature: delegation_signed(from, &statement),
            statement,
        };
        let fresh = self.fresh();
        let directory = self.directory();
        let world = World {
            policy: None,
            directory: &directory,
            stops: &self.value(&RowKey::new(Table::Stops, &"main")),
            pause: &Versioned::default(),
            restraints: &self.restraints,
            task: None,
            counters: Counters::default(),
            rendered: None,
            findings: None,
            habits: None,
            settings: &Settings::default(),
        };
        let write = decide::delegate(&delegation, reason, &world, &fresh, self.time()).unwrap();
        self.commit(write).index
    }

    pub fn revoke_key(&mut self, who: Who) -> u64 {
        let statement = KeyRevocation {
            type_: REVOCATION_TYPE.to_owned(),
            gate: self.directory().origin,
            human: who.id(),
            key: who.thumbprint(),
        };
        let statement = String::from_utf8(canonical::to_bytes(&statement).unwrap()).unwrap();
        let revocation = SignedRevocation {
            signatures: vec![RevocationSignature {
                human: who.id(),
                key: who.thumbprint(),
                signature: sign_software(&who.seed(), SAFE_NAMESPACE, statement.as_bytes())
                    .unwrap(),
            }],
            statement,
        };
        let fresh = self.fresh();
        let directory = self.directory();
        let world = World {
            policy: None,
            directory: &directory,
            stops: &self.value(&RowKey::new(Table::Stops, &"main")),
            pause: &Versioned::default(),
            restraints: &self.restraints,
            task: None,
            counters: Counters::default(),
            rendered: None,
            findings: None,
            habits: None,
            settings: &Settings::default(),
        };
        let evidence = Evidence::Revocation(revocation);
        let write = decide::revoke_key(&evidence, &world, &fresh, self.time()).unwrap();
        self.commit(write).index
    }
}

/// A delegation's statement, signed by somebody.
pub fn delegation_signed(by: Who, statement: &str) -> String {
    sign_software(&by.seed(), DELEGATION_TYPE, statement.as_bytes()).unwrap()
}

fn resumes(record: &RequestRecord) -> bool {
    record.envelope.descriptor.id.as_str() == "workload.resume"
}

/// The offline keys' seeds.
const OFFLINE: [[u8; 32]; 2] = [[201; 32], [202; 32]];

pub fn signer() -> LogSigner {
    LogSigner::from_seed(Origin::new(ORIGIN).unwrap(), &[42; 32])
}

/// The head that the log's key would sign over these leaves.
pub fn head_of(leaves: &[LedgerLeaf]) -> SignedTreeHead {
    let mut frontier = Frontier::new();
    for leaf in leaves {
        frontier
            .push(gatehold_ledger::leaf_hash(&leaf.leaf))
            .unwrap();
    }
    SignedTreeHead::sign(frontier.size(), frontier.root(), &signer()).unwrap()
}

/// What the workload says with everything it asks for.
pub fn claims() -> Claims {
    Claims([("reason".to_owned(), "the deployment failed".to_owned())].into())
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

/// The evidence of a call that the workload signed.
pub fn signed_call(body: &[u8], now: Timestamp) -> Vec<u8> {
    signed_call_to("POST", "/v1/requests", body, now)
}

/// The evidence of any call that the workload signed.
pub fn signed_call_to(method: &str, target: &str, body: &[u8], now: Timestamp) -> Vec<u8> {
    let seed = hex_seed("9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60");
    let key = SigningKey::from_seed(Algorithm::Ed25519, &seed).unwrap();
    let url = PublicUrl::parse("https://gate.example").unwrap();
    let request = RequestToSign {
        method,
        public_url: &url,
        request_target: target,
        idempotency_key: None,
        body,
        created: u64::try_from(now.seconds()).unwrap(),
        life_seconds: 30,
        nonce: "0123456789abcdefABCDEF",
    };
    let headers = sign_request(&key, &request).unwrap();
    let base = format!(
        "\"@method\": {method}\n\"@target-uri\": https://gate.example{target}\n\"content-digest\": {}\n\"@signature-params\": {}",
        headers.content_digest,
        headers.signature_input.strip_prefix("gatehold=").unwrap(),
    );
    let signature = headers
        .signature
        .trim_start_matches("gatehold=:")
        .trim_end_matches(':');
    let signature = STANDARD.decode(signature).unwrap();
    let stored = serde_json::json!({
        "signature": URL_SAFE_NO_PAD.encode(signature),
        "signature_base": base,
        "type": "gatehold/submit-evidence/v1",
    });
    let bytes = stored.to_string().into_bytes();
    SubmitEvidence::from_bytes(&bytes).unwrap();
    bytes
}

fn hex_seed(hex: &str) -> [u8; 32] {
    gatehold_core::hash::unhex(hex).unwrap().try_into().unwrap()
}

fn envelope(
    descriptor: &str,
    workload: &str,
    task: Option<TaskId>,
    target: &str,
    payload: &[u8],
) -> Envelope {
    Envelope {
        descriptor: DescriptorRef {
            id: descriptor.parse().unwrap(),
            hash: Hash::of(descriptor.as_bytes()),
        },
        workload: workload.parse().unwrap(),
        task,
        target: target.parse().unwrap(),
        resource: "shop/orders".parse().unwrap(),
        duration_seconds: 600,
        caps: [("rows".to_owned(), 10)].into(),
        precondition: None,
        payload: PayloadRef {
            media_type: "application/sql".to_owned(),
            size: payload.len() as u64,
            sha256: Hash::from_bytes(Sha256::digest(payload).into()),
        },
    }
}

fn rendered(envelope: &Envelope, payload: &[u8]) -> Rendered {
    let target = envelope.target.to_string();
    let fields = [Field {
        label: "Target",
        value: &target,
    }];
    let display = render(&RenderInput {
        media_type: &envelope.payload.media_type,
        kind: PayloadKind::Sql,
        envelope: &fields,
        described: &[],
        internal: &[],
        payload,
    });
    Rendered::new(display.to_bytes().unwrap(), false, false)
}
