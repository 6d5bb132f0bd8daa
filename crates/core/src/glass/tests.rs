//! The glass by hand: a gate with people, offline keys and one held request, and every way to open more than was offered.

use std::collections::{BTreeMap, BTreeSet};
use std::num::{NonZeroU8, NonZeroU32};

use super::*;
use crate::action::{Action, DescriptorRef, PayloadRef};
use crate::approved::subject;
use crate::assurance::Assurance;
use crate::checkpoint::{
    Alternative, BreakGlass, Checkpoint, CheckpointLimits, Eligible, Justification,
};
use crate::decide::{
    BreakGlassNow, CallNonce, Command, Counters, Fresh, Pause, Record, Redeem, Release, Sealed,
    Settings, Versioned, World, decide,
};
use crate::directory::{EnrolledKey, GlassKey, Human, KeyProof, Lifecycle, Workload};
use crate::entry::Entry;
use crate::ids::{GrantId, TaskId};
use crate::person_key::PersonKey;
use crate::refusal::Refusal;
use crate::request::{HeldAt, RequestRecord, State};
use crate::restraints::Restraints;
use crate::review::Answers;
use crate::ssh::sshsig::{sign_software, software_key};
use crate::stops::Stops;
use crate::tier::TierReport;
use crate::trust::AttestationRoots;
use crate::verdict::{Evaluated, Trace, Verdict};
use crate::workload::{WorkloadAssurance, WorkloadKind};

mod afterwards;
mod opened;
mod signed;

/// When the request was held.
const HELD: Timestamp = Timestamp::from_millis(1_790_000_000_000);
/// When it is opened: long enough after that.
const NOW: Timestamp = HELD.plus_seconds(400);

/// Everybody, by the first byte of their keys. Ann owns the workload and bob stands in; gus, gia and hal have offline keys; ada, abe
/// and rex may look at things afterwards.
const PEOPLE: [(&str, u8); 8] = [
    ("ann", 1),
    ("bob", 2),
    ("gus", 3),
    ("gia", 4),
    ("hal", 5),
    ("ada", 6),
    ("abe", 7),
    ("rex", 8),
];

fn human(name: &str) -> HumanId {
    HumanId::new("corp.example", name).unwrap()
}

fn humans(names: &[&str]) -> BTreeSet<HumanId> {
    names.iter().map(|name| human(name)).collect()
}

fn seed(name: &str, offline: bool) -> [u8; 32] {
    let (_, number) = PEOPLE.iter().find(|(known, _)| *known == name).unwrap();
    [number + if offline { 100 } else { 0 }; 32]
}

fn print(name: &str, offline: bool) -> Hash {
    PersonKey::from(software_key(&seed(name, offline))).thumbprint()
}

fn seconds(seconds: u32) -> NonZeroU32 {
    NonZeroU32::new(seconds).unwrap()
}

fn offered() -> BreakGlass {
    BreakGlass {
        people: humans(&["gus", "gia", "ann"]),
        descriptors: ["db.write".parse().unwrap()].into(),
        resources: ["shop/".parse().unwrap()].into(),
        after_seconds: seconds(300),
        limits: CheckpointLimits {
            ttl_seconds: seconds(120),
            uses: NonZeroU32::MIN,
            caps: [("rows".to_owned(), 10)].into(),
        },
        post_review: Eligible {
            teams: ["auditors".parse().unwrap()].into(),
            humans: BTreeSet::new(),
        },
        post_review_within_seconds: seconds(86_400),
    }
}

fn checkpoint(name: &str, break_glass: Option<BreakGlass>) -> Checkpoint {
    Checkpoint {
        name: name.parse().unwrap(),
        title: name.to_owned(),
        owner: "owners".to_owned(),
        rationale: "because".to_owned(),
        justification: Justification::Impact,
        eligible: Eligible {
            teams: ["reviewers".parse().unwrap()].into(),
            humans: BTreeSet::new(),
        },
        alternatives: vec![Alternative {
            seats: NonZeroU8::MIN,
            factor: Assurance::Software,
        }],
        signer: crate::signer::Signer::Any,
        separate: false,
        criteria: vec![],
        decide_within_seconds: seconds(900),
        spend_within_seconds: seconds(1_800),
        escalation: vec![],
        limits: CheckpointLimits {
            ttl_seconds: seconds(900),
            uses: NonZeroU32::MIN,
            caps: [("rows".to_owned(), 100)].into(),
        },
        requires: BTreeSet::new(),
        break_glass,
    }
}

fn one(checkpoint: Checkpoint) -> Requirement {
    Requirement::new(vec![checkpoint]).unwrap()
}

fn directory() -> Directory {
    let ordinary = |name: &str| {
        let key = EnrolledKey {
            key: software_key(&seed(name, false)).into(),
            assurance: Assurance::Software,
            proof: KeyProof::File,
            leaf: 0,
        };
        let keys = [(print(name, false), key)].into();
        (human(name), Human { keys })
    };
    let offline = |name: &&str| {
        let key = GlassKey {
            human: human(name),
            key: software_key(&seed(name, true)),
            leaf: 5,
        };
        (print(name, true), key)
    };
    let bot = Workload {
        kind: WorkloadKind::AiAgent,
        key: Hash::of(b"bot"),
        jwk: String::new(),
        owner: human("ann"),
        backup: human("bob"),
        custodians: BTreeSet::new(),
        proposer: human("ann"),
        assurance: WorkloadAssurance::Pop,
        teams: BTreeSet::new(),
        baseline: crate::directory::Baseline::default(),
        lifecycle: Lifecycle::Active,
        not_after: NOW.plus_seconds(1_000_000),
        leaf: 1,
    };
    let auditors = humans(&["ada", "abe", "gus", "rex", "ann"]);
    Directory {
        version: 1,
        chain: Hash::of(b"chain"),
        named: 1,
        origin: "dev.gate.example".parse().unwrap(),
        root: Hash::of(b"root"),
        bundle: Hash::of(b"bundle"),
        humans: PEOPLE.iter().map(|(name, _)| ordinary(name)).collect(),
        teams: [("auditors".parse().unwrap(), auditors)].into(),
        workloads: [("bot".parse().unwrap(), bot)].into(),
        points: BTreeMap::new(),
        delegations: BTreeMap::new(),
        suspended: BTreeMap::new(),
        last_gone: BTreeMap::new(),
        log_key: String::new(),
        glass: ["gus", "gia", "hal", "ann"].iter().map(offline).collect(),
        recovery: vec![],
        attestation_roots: AttestationRoots::default(),
        consoles: vec![],
        quorum_lost: vec![],
    }
}

fn requester() -> Requester {
    Requester::Workload {
        id: "bot".parse().unwrap(),
        kind: WorkloadKind::AiAgent,
        key: Hash::of(b"bot"),
        owner: human("ann"),
        backup: human("bob"),
        custodians: BTreeSet::new(),
        proposer: human("ann"),
        assurance: WorkloadAssurance::Pop,
        point: None,
        initiator: None,
        delegators: BTreeSet::new(),
        drafters: BTreeSet::new(),
    }
}

fn action() -> Action {
    let payload = b"{}".to_vec();
    let envelope = Envelope {
        descriptor: DescriptorRef {
            id: "db.write".parse().unwrap(),
            hash: Hash::of(b"descriptor"),
        },
        workload: "bot".parse().unwrap(),
        task: None,
        target: "db".parse().unwrap(),
        resource: "shop/orders".parse().unwrap(),
        duration_seconds: 300,
        caps: [("rows".to_owned(), 50)].into(),
        precondition: None,
        payload: PayloadRef {
            media_type: "application/json".to_owned(),
            size: 2,
            sha256: Hash::of(&payload),
        },
    };
    let envelope = canonical::to_bytes(&envelope).unwrap();
    Action::parse(&envelope, payload).unwrap()
}

fn record(requirement: &Requirement) -> RequestRecord {
    let action = action();
    let nothing = Hash::of(b"");
    let mut record = RequestRecord {
        id: RequestId::from_bytes([7; 16]),
        state: State::Held,
        envelope: action.envelope().clone(),
        digest: action.digest(),
        requester: requester(),
        claims_root: nothing,
        claims_head: nothing,
        purpose: nothing,
        submitted_at: HELD,
        request_nonce: Hash::of(b"nonce"),
        request_hash: nothing,
        intent: nothing,
        tier: Tier::Amber,
        raised: vec![],
        labels: crate::task::StepLabels::default(),
        counted: None,
        sentence: "a change".to_owned(),
        display_hash: Hash::of(b"display"),
        bundle: Hash::of(b"bundle"),
        input: nothing,
        rules: vec![],
        reasons: vec![],
        limits: Limits {
            ttl_seconds: 300,
            uses: 1,
            caps: [("rows".to_owned(), 50)].into(),
            not_before: HELD,
            not_after: HELD.plus_seconds(1_800),
        },
        held: Some(HeldAt::new(requirement, HELD, HELD.plus_seconds(900))),
        spend_by: HELD.plus_seconds(1_800),
        reviews: vec![],
        glass: None,
        claimed_by: None,
        escalations: 0,
        handled: 0,
        turns: vec![],
        decided_by: None,
        grant: None,
        outcome: None,
        closing: None,
    };
    record.request_hash = record.computed_request_hash();
    record
}

fn evaluated(verdict: Verdict, tier: Tier) -> Evaluated {
    let trace = Trace {
        bundle: Hash::of(b"bundle"),
        input: Hash::of(b"input"),
        rules: vec![],
        reasons: vec![],
        errors: vec![],
        tier: TierReport {
            tier,
            inputs: vec![],
        },
    };
    Evaluated::new(verdict, trace)
}

fn answers() -> Answers {
    Answers {
        criteria: BTreeMap::new(),
        justification: "orders are stuck and nobody who decides answers".to_owned(),
        salt: "salt".to_owned(),
    }
}

/// One held request at one gate.
struct House {
    directory: Directory,
    record: RequestRecord,
    openings: Restraints,
}

impl House {
    fn new() -> Self {
        Self::held_at(&one(checkpoint("production", Some(offered()))))
    }

    fn held_at(requirement: &Requirement) -> Self {
        Self {
            directory: directory(),
            record: record(requirement),
            openings: Restraints::default(),
        }
    }

    fn held(&self) -> &HeldAt {
        self.record.held.as_ref().unwrap()
    }

    fn question(&self) -> GlassQuestion<'_> {
        GlassQuestion {
            subject: subject(&self.record, self.held(), &self.directory),
            envelope: &self.record.envelope,
            requirement: &self.held().requirement,
            tier: Tier::Amber,
            requester: &self.record.requester,
            directory: &self.directory,
            now: NOW,
        }
    }

    fn statement(&self, signers: &[&str]) -> GlassStatement {
        let record = &self.record;
        GlassStatement {
            type_: GLASS_TYPE.to_owned(),
            gate: self.directory.origin.clone(),
            request: record.id,
            request_hash: record.request_hash,
            digest: record.digest,
            display_hash: record.display_hash,
            requirement_hash: self.held().requirement_hash,
            tier: record.tier,
            incident: "INC-7".to_owned(),
            responders: humans(&["rex"]),
            signers: humans(signers),
            limits: record.limits.clone(),
            answers_hash: answers().hash().unwrap(),
            nonce: "one".to_owned(),
            created_at: NOW,
            use_by: NOW.plus_seconds(600),
            spend_by: record.spend_by,
        }
    }

    /// What gus and gia sign.
    fn signed(&self, change: impl FnOnce(&mut GlassStatement)) -> SignedGlass {
        let mut statement = self.statement(&["gus", "gia"]);
        change(&mut statement);
        by(&statement, &[("gus", "gus"), ("gia", "gia")])
    }

    fn verify(&self, signed: &SignedGlass) -> Result<VerifiedGlass, GlassError> {
        VerifiedGlass::verify(signed, &self.question())
    }

    fn verdict(&self) -> Evaluated {
        evaluated(
            Verdict::Hold(self.held().requirement.clone()),
            self.record.tier,
        )
    }

    /// Asks core, at some time.
    fn ask(
        &self,
        command: Command,
        policy: &Evaluated,
        grant: Option<&crate::grant::Grant>,
        now: Timestamp,
    ) -> Result<(crate::commit::Write, Sealed), Refusal> {
        let action = action();
        let about = Record::Request {
            record: &self.record,
            version: 1,
            action: Some(&action),
            grant: grant.map(|grant| (grant, 1)),
        };
        let (stops, pause) = (Versioned::<Stops>::default(), Versioned::<Pause>::default());
        let settings = Settings::default();
        let world = World {
            policy: Some(policy),
            ..self.world(&stops, &pause, &settings)
        };
        decide(about, command, &world, &fresh(), now)
    }

    fn world<'a>(
        &'a self,
        stops: &'a Versioned<Stops>,
        pause: &'a Versioned<Pause>,
        settings: &'a Settings,
    ) -> World<'a> {
        World {
            policy: None,
            directory: &self.directory,
            stops,
            pause,
            restraints: &self.openings,
            task: None,
            counters: Counters::default(),
            rendered: None,
            findings: None,
            habits: None,
            settings,
        }
    }

    fn open(&self, glass: SignedGlass) -> Result<(crate::commit::Write, Sealed), Refusal> {
        let opening = BreakGlassNow {
            glass,
            answers: answers(),
        };
        let command = Command::BreakGlass(Box::new(opening));
        self.ask(command, &self.verdict(), None, NOW)
    }

    /// The same, and time goes on with what came of it.
    fn opened(mut self, glass: SignedGlass) -> (Self, crate::grant::Grant) {
        let (write, sealed) = self.open(glass).unwrap();
        let entry = Entry::from_bytes(&write.leaf.record).unwrap();
        self.openings.add(9, &entry, None).unwrap();
        let grant = write.rows.iter().find(|row| row.key.id.starts_with("grt_"));
        let grant = canonical::from_canonical_bytes(&grant.unwrap().body).unwrap();
        self.record = sealed.preview().unwrap().clone();
        (self, grant)
    }

    fn redeem(
        &self,
        grant: &crate::grant::Grant,
        now: Timestamp,
    ) -> Result<(crate::commit::Write, Sealed), Refusal> {
        self.redeem_with(grant, None, now)
    }

    fn redeem_with(
        &self,
        grant: &crate::grant::Grant,
        plan: Option<crate::lease::Plan>,
        now: Timestamp,
    ) -> Result<(crate::commit::Write, Sealed), Refusal> {
        let redeem = Redeem {
            key: Hash::of(b"bot"),
            nonce: CallNonce::from("call".to_owned()),
            submit: None,
            plan,
        };
        self.ask(Command::Redeem(redeem), &self.verdict(), Some(grant), now)
    }
}

fn fresh() -> Fresh {
    Fresh {
        request: RequestId::from_bytes([1; 16]),
        grant: GrantId::from_bytes([2; 16]),
        task: TaskId::from_bytes([3; 16]),
        seed: [4; 32],
    }
}

/// Signatures over a statement: in whose name, and by whose offline key.
fn by(statement: &GlassStatement, hands: &[(&str, &str)]) -> SignedGlass {
    let statement = String::from_utf8(statement.to_bytes().unwrap()).unwrap();
    let signatures = hands.iter().map(|(name, key)| GlassSignature {
        human: human(name),
        key: print(key, true),
        signature: sign_software(&seed(key, true), GLASS_TYPE, statement.as_bytes()).unwrap(),
    });
    SignedGlass {
        signatures: signatures.collect(),
        statement,
    }
}

/// What left: only a claim has proof in it.
fn let_out(sealed: &Sealed) -> bool {
    sealed.preview().is_none()
}

fn released(write: &crate::commit::Write, sealed: Sealed) -> Release {
    let receipt = crate::commit::Receipt {
        index: 9,
        leaf: write.leaf.bytes(),
        time: NOW,
    };
    sealed.open(&receipt).unwrap()
}
