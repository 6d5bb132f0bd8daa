//! Who is there when a gate begins, and what it starts with: the root of three, the team, the checkpoint, the one workload.

use std::collections::{BTreeMap, BTreeSet};

use gatehold_core::assurance::Assurance;
use gatehold_core::checkpoint::{Checkpoint, Requirement};
use gatehold_core::decide::{self};
use gatehold_core::directory::{Baseline, Lifecycle};
use gatehold_core::hash::Hash;
use gatehold_core::ids::HumanId;
use gatehold_core::json::canonical;
use gatehold_core::restraints::Restraints;
use gatehold_core::ssh::sshsig::{sign_software, software_key};
use gatehold_core::time::Timestamp;
use gatehold_core::trust::change::NhiCreate;
use gatehold_core::trust::root::ROOT_TYPE;
use gatehold_core::trust::{
    AttestationRoots, Chain, Change, Evidence, ROOT_NAMESPACE, RootHuman, RootKey, RootSignature,
    RootStatement, SignedRoot,
};
use gatehold_core::workload::{WorkloadAssurance, WorkloadKind};
use gatehold_ledger::{Frontier, LogSigner, Origin};

use super::{Gate, JWK, ORIGIN, START};

/// A person with a key on disk.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Who {
    Ann,
    Bob,
    Cid,
    Dan,
    Eve,
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
}

/// The offline keys' seeds.
pub(super) const OFFLINE: [[u8; 32]; 2] = [[201; 32], [202; 32]];

pub fn signer() -> LogSigner {
    LogSigner::from_seed(Origin::new(ORIGIN).unwrap(), &[42; 32])
}
