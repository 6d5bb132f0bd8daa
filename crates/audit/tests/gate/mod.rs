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

pub mod asking;
pub mod changing;
pub mod deciding;
mod founding;

use std::collections::BTreeMap;

use gatehold_audit::{Base64, Hex, LedgerAttachment, LedgerLeaf, References, RowClaim, Trusted};
use gatehold_core::action::Action;
use gatehold_core::commit::{Guard, LeafDraft, LeafKind, Receipt, RowKey, Table, Write};
use gatehold_core::decide::{
    self, Command, Counters, Fresh, Pause, Record, Rendered, Settings, TaskNow, Versioned, World,
};
use gatehold_core::directory::Directory;
use gatehold_core::entry::Entry;
use gatehold_core::hash::Hash;
use gatehold_core::ids::{GrantId, RequestId, TaskId};
use gatehold_core::json::canonical;
use gatehold_core::refusal::Refusal;
use gatehold_core::request::RequestRecord;
use gatehold_core::restraints::{Loosening, Restraints, says_it_loosens};
use gatehold_core::stops::Stops;
use gatehold_core::task::{Chain as TaskChain, Task};
use gatehold_core::time::Timestamp;
use gatehold_core::trust::{Chain, Evidence};
use gatehold_core::verdict::Evaluated;
use gatehold_ledger::{Anchor, Frontier, SignedTreeHead};

use asking::envelope;
use founding::OFFLINE;
pub use founding::{Who, requirement, signer};

pub const ORIGIN: &str = "dev.gate.example/log";

pub const START: i64 = 1_795_226_732_000;

/// The key of RFC 8037, appendix A.
pub const JWK: &str =
    r#"{"crv":"Ed25519","kty":"OKP","x":"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"}"#;

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

impl Gate {
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
}

fn resumes(record: &RequestRecord) -> bool {
    record.envelope.descriptor.id.as_str() == "workload.resume"
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
