//! D9: who can append leaves past the gate, with rows and a tree head to match, takes away no stop and no pause.

use gatehold_core::commit::{
    AttachmentDraft, Guard, LeafDraft, LeafKind, RowChange, RowIndex, RowKey, Table, Write,
};
use gatehold_core::decide::{ActKind, Pause};
use gatehold_core::entry::{Entry, Event};
use gatehold_core::hash::Hash;
use gatehold_core::ids::{RequestId, TaskId};
use gatehold_core::json::canonical;
use gatehold_core::request::State;
use gatehold_core::signal::StoppedBy;
use gatehold_core::stops::Stops;
use gatehold_core::trust::{Evidence, Executed};
use gatehold_gate::{Gate, Trust};
use gatehold_sim::postgres_server::PostgresServer;

use crate::shop::audited::Audited;
use crate::shop::{Person, Shop};

pub const LIFT: &str =
    r#"{"everything":false,"resources":[],"targets":[],"tasks":[],"workloads":["deploy-bot"]}"#;
const RESUME: &str = r#"{"workload":"deploy-bot"}"#;

/// What restricts in a case.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Restraint {
    Stop,
    Pause,
}

/// How somebody with the database tries to take it away.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Way {
    /// A leaf of the kind that restricts, with less in it.
    SameKind,
    /// A leaf about something else that names the row.
    OtherKind,
    /// An approval that was used before.
    UsedApproval,
    /// A change that nobody approved.
    NoApproval,
    /// One that is not the one its leaf names.
    OtherEvidence,
}

const WAYS: [Way; 5] = [
    Way::SameKind,
    Way::OtherKind,
    Way::UsedApproval,
    Way::NoApproval,
    Way::OtherEvidence,
];

impl Way {
    /// What is said about the leaf.
    const fn said(self) -> &'static str {
        match self {
            Self::SameKind | Self::OtherKind => "approvals up to it",
            Self::UsedApproval => "does so once",
            Self::NoApproval => "approved by enough people",
            Self::OtherEvidence => "not the one the leaf names",
        }
    }
}

impl Restraint {
    pub fn key(self) -> RowKey {
        match self {
            Self::Stop => RowKey::new(Table::Stops, &"main"),
            Self::Pause => RowKey::new(Table::Workload, &"deploy-bot"),
        }
    }

    pub fn free(self) -> Vec<u8> {
        match self {
            Self::Stop => canonical::to_bytes(&Stops::default()).unwrap(),
            Self::Pause => canonical::to_bytes(&Pause { code: None }).unwrap(),
        }
    }

    pub const fn change(self) -> (&'static str, &'static str) {
        match self {
            Self::Stop => ("stop.lift", LIFT),
            Self::Pause => ("workload.resume", RESUME),
        }
    }

    pub const fn code(self) -> &'static str {
        match self {
            Self::Stop => "workload_stopped",
            Self::Pause => "workload_paused",
        }
    }

    fn event(self) -> Event {
        match self {
            Self::Stop => Event::Stops {
                by: StoppedBy::Human(Person::Reviewer.id()),
                added: Stops::default(),
                stops: Stops::default(),
            },
            Self::Pause => Event::Paused {
                workload: "deploy-bot".to_owned(),
                code: "suspicious".to_owned(),
            },
        }
    }

    /// People restrict through the gate.
    async fn set(self, shop: &Shop) {
        let human = shop.human(Person::Reviewer);
        match self {
            Self::Stop => {
                let stops = Stops {
                    workloads: ["deploy-bot".parse().unwrap()].into(),
                    ..Stops::default()
                };
                shop.gate.stop(&human, stops, "odd").await.unwrap();
            }
            Self::Pause => {
                let task = shop.task().await;
                let held = shop.submit(&task, "shop.write", "DELETE FROM a").await;
                let id = held.unwrap().record.id;
                shop.gate
                    .act(&human, id, ActKind::Suspicious, "odd", "signed")
                    .await
                    .unwrap();
            }
        }
    }

    /// People loosen through the gate; gives the evidence of it and the request.
    pub async fn end(self, shop: &Shop) -> (RequestId, Vec<u8>) {
        let (descriptor, payload) = self.change();
        let record = shop.change(descriptor, payload, Person::Owner).await;
        assert_eq!(record.state, State::Completed);
        let stored = shop.stored().await;
        let last = stored
            .iter()
            .rfind(|leaf| Entry::from_bytes(&leaf.record).unwrap().request == Some(record.id));
        let given = &last.unwrap().attachments;
        let evidence = given.iter().find(|given| given.name == "evidence").unwrap();
        (record.id, evidence.bytes.clone().unwrap())
    }
}

/// Appends a leaf and puts the row that it names, as the store itself does it.
async fn write_past(shop: &Shop, what: Restraint, way: Way, used: &(RequestId, Vec<u8>)) {
    let (key, body) = (what.key(), what.free());
    let mut evidence = None;
    let mut named = None;
    let (mut request, mut kind) = (None, LeafKind::Stop);
    let mut event = what.event();
    match way {
        Way::SameKind => {}
        Way::OtherKind => {
            kind = LeafKind::Refusal;
            event = Event::Refused {
                principal: Hash::of(b"x"),
                code: "unknown_principal".to_owned(),
                count: 1,
            };
        }
        Way::UsedApproval => {
            request = Some(used.0);
            evidence = Some(used.1.clone());
        }
        Way::NoApproval | Way::OtherEvidence => {
            let (descriptor, payload) = what.change();
            let record = shop.propose(descriptor, payload, Person::Owner).await;
            request = Some(record.id);
            let Evidence::Executed(signed) = Evidence::from_bytes(&used.1).unwrap() else {
                panic!("not a change");
            };
            let executed = Executed::new(record, payload.as_bytes(), signed.submit.clone());
            let forged = Evidence::Executed(Box::new(executed));
            if way == Way::OtherEvidence {
                named = Some(Evidence::from_bytes(&used.1).unwrap().hash().unwrap());
            }
            evidence = Some(forged.to_bytes().unwrap());
        }
    }
    if let Some(bytes) = &evidence {
        let own = Evidence::from_bytes(bytes).unwrap().hash().unwrap();
        kind = LeafKind::Outcome;
        event = Event::Trust {
            directory: shop.gate.directory().version,
            what: what.change().0.to_owned(),
            evidence: named.unwrap_or(own),
            trace: None,
        };
    }
    let attachments: Vec<_> = evidence
        .into_iter()
        .map(|bytes| AttachmentDraft {
            name: "evidence",
            salt: [7; 32],
            bytes,
        })
        .collect();
    let entry = Entry {
        at: shop.gate.now().await.unwrap(),
        request,
        version: 0,
        from: None,
        to: None,
        row: None,
        rows: [(key.to_string(), Hash::of(&body))].into(),
        event,
        attachments: attachments
            .iter()
            .map(|draft| (draft.name.to_owned(), draft.commitment()))
            .collect(),
    };
    let version = shop.store.row(&key).await.unwrap().unwrap().version;
    let write = Write {
        guards: vec![Guard::Version(key.clone(), version)],
        deadline: None,
        rows: vec![RowChange {
            key,
            body,
            index: RowIndex::default(),
        }],
        counters: vec![],
        leaf: LeafDraft {
            kind,
            salt: [way as u8 + 1; 32],
            record: entry.to_bytes().unwrap(),
            attachments,
        },
        outbox: vec![],
    };
    let answers = shop.store().commit(vec![write]).await.unwrap();
    answers.into_iter().next().unwrap().unwrap();
}

pub async fn read(shop: &Shop, gate: &Gate, task: TaskId) -> (State, Vec<String>) {
    let input = shop.asked(Some(task), "shop.read", "SELECT 1", false);
    let caller = shop.asking(&input).await;
    let record = gate.submit(&caller, input).await.unwrap().record;
    (record.state, record.reasons)
}

async fn nothing_is_taken_away(shop: &Shop, what: Restraint, ways: &[Way]) {
    let task = shop.task().await;
    what.set(shop).await;
    let used = what.end(shop).await;
    // One that has read nothing of what comes.
    let beside = shop.beside(None).await;
    assert_eq!(read(shop, &beside, task).await.0, State::Allowed);
    what.set(shop).await;
    assert!(Audited::of(shop).await.report().is_sound());
    let denied = (State::Denied, vec![what.code().to_owned()]);
    for way in ways {
        write_past(shop, what, *way, &used).await;
        let after = shop.beside(None).await;
        for gate in [&beside, &shop.gate, &after] {
            assert_eq!(read(shop, gate, task).await, denied, "{what:?} {way:?}");
            let (refused, findings) = gate.row_findings();
            let said = findings.iter().any(|what| what.contains("says less"));
            assert!(refused > 0 && said, "{what:?} {way:?} {findings:?}");
            assert!(gate.standing().await.unwrap().chain_findings > 0, "{way:?}");
            let said = gate.chain_findings().await;
            let said = said.iter().any(|what| what.contains(way.said()));
            assert!(said, "{what:?} {way:?} {:?}", gate.chain_findings().await);
        }
        assert!(!Audited::of(shop).await.report().is_sound(), "{way:?}");
        // The doctor says it too, before any gate has told it.
        let trust = Trust::read(shop.store(), None).await.unwrap();
        let said = trust.findings.iter().any(|what| what.contains("says less"));
        assert!(said, "{what:?} {way:?} {:?}", trust.findings);
    }
    assert!(shop.gate.tick().await.unwrap().tampering > 0);
    // What people approve still counts, wherever it is read.
    what.end(shop).await;
    let after = shop.beside(None).await;
    for gate in [&beside, &shop.gate, &after] {
        assert_eq!(read(shop, gate, task).await.0, State::Allowed, "{what:?}");
    }
}

#[tokio::test]
async fn d09_a_leaf_past_the_gate_takes_no_stop_away_in_memory() {
    for way in WAYS {
        let shop = Shop::in_memory().await;
        nothing_is_taken_away(&shop, Restraint::Stop, &[way]).await;
    }
}

#[tokio::test]
async fn d09_a_leaf_past_the_gate_resumes_nobody_in_memory() {
    for way in WAYS {
        let shop = Shop::in_memory().await;
        nothing_is_taken_away(&shop, Restraint::Pause, &[way]).await;
    }
}

#[tokio::test]
async fn d09_leaves_past_the_gate_take_nothing_away_in_sqlite() {
    for what in [Restraint::Stop, Restraint::Pause] {
        nothing_is_taken_away(&Shop::open().await, what, &WAYS).await;
    }
}

#[tokio::test]
async fn d09_leaves_past_the_gate_take_nothing_away_in_postgresql() {
    let server = PostgresServer::start();
    for (what, name) in [(Restraint::Stop, "stop"), (Restraint::Pause, "pause")] {
        let shop = Shop::in_postgres(&server.create_database(name).await).await;
        nothing_is_taken_away(&shop, what, &WAYS).await;
    }
}
