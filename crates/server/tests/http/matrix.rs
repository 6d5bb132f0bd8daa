//! Who gets through which door: every endpoint and every page, called as it should be by every kind of caller. The doors are the
//! router's own, so that a new one is red until somebody says who may. And: reviewing lets nobody write what decides.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;

use gatehold_core::commit::Table;
use gatehold_core::descriptor::ExecutorKind;
use gatehold_core::directory::Directory;
use gatehold_core::hash::Hash;
use gatehold_core::ids::{HumanId, RequestId};
use gatehold_core::json::canonical;
use gatehold_core::request::{RequestRecord, State};
use gatehold_core::requester::Requester;
use gatehold_gate::ports::store::{RowQuery, Store};
use serde_json::json;

use crate::support::House;
use crate::support::call::Call;
use crate::support::knock::signed::change;
use crate::support::knock::{Door, Kind, enrolment, house_of, knock};
use crate::support::people::Person;
use crate::walk::accepting;

const FILE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/reference/doors.md");

/// What each kind of caller is told at each door.
async fn matrix() -> Vec<(Door, Vec<String>)> {
    let mut rows: Vec<(Door, Vec<String>)> = Door::all()
        .into_iter()
        .map(|door| (door, Vec::new()))
        .collect();
    for kind in Kind::ALL {
        let house = house_of(kind).await;
        for (door, told) in &mut rows {
            told.push(knock(&house, door, kind).await);
        }
    }
    rows.sort_by_key(|(door, _)| {
        let name = door.name();
        let (method, path) = name.split_once(' ').unwrap();
        (path.to_owned(), method.to_owned())
    });
    rows
}

fn table(rows: &[(Door, Vec<String>)]) -> String {
    let mut text = String::new();
    for (door, told) in rows {
        let _ = writeln!(text, "| `{}` | {} |", door.name(), told.join(" | "));
    }
    text
}

#[tokio::test]
async fn a21_who_gets_through_which_door_is_what_is_written() {
    let rows = matrix().await;
    let text = std::fs::read_to_string(FILE).unwrap();
    let (before, rest) = text.split_once("<!-- doors -->\n").unwrap();
    let (written, after) = rest.split_once("<!-- /doors -->").unwrap();
    let mut head: Vec<&str> = written.lines().take(2).collect();
    head.push("");
    let known = format!("{}{}", head.join("\n"), table(&rows));
    if accepting() {
        let text = format!("{before}<!-- doors -->\n{known}<!-- /doors -->{after}");
        std::fs::write(FILE, text).unwrap();
        return;
    }
    assert!(
        known == written,
        "docs/reference/doors.md is not what the doors say; run the tests with GATEHOLD_ACCEPT=1 and read the difference\n{known}"
    );
}

/// Whatever is written: rules that hold for all doors of a kind.
#[tokio::test]
async fn a10_a21_no_kind_of_caller_gets_through_anothers_door() {
    for (door, told) in matrix().await {
        let [nobody, workload, point, bystander, reviewer, owner] = told.as_slice() else {
            panic!("{told:?}")
        };
        let people = [bystander, reviewer, owner];
        let name = door.name();
        match &door {
            Door::Api(one) if !one.secured => {
                assert!(told.iter().all(|one| one == "200"), "{name} {told:?}");
            }
            Door::Api(one) => {
                assert_eq!(nobody, "401 unsigned", "{name}");
                let of_people = ["people", "reviews"].contains(&one.tag.as_str());
                let login = one.path == "/v1/sessions";
                for machine in [workload, point] {
                    let refused =
                        machine == "403 wrong_principal" || login && machine.starts_with("401");
                    assert_eq!(refused, of_people, "{name} {told:?}");
                }
                let of_machines = one.tag == "tasks"
                    || [
                        "POST /v1/requests",
                        "POST /v1/requests/{id}/redeem",
                        "POST /v1/requests/{id}/rekey",
                    ]
                    .contains(&name.as_str());
                for person in people {
                    let refused = person == "403 wrong_principal";
                    assert_eq!(refused, of_machines, "{name} {told:?}");
                }
            }
            Door::Page(page) if !page.open => {
                let strange = if page.method == "GET" {
                    "303 to sign in"
                } else {
                    "403"
                };
                for stranger in [nobody, workload, point] {
                    assert_eq!(stranger, strange, "{name}");
                }
            }
            // What anybody may call, and whoever signs in by it.
            Door::Page(_) => assert_eq!((nobody, nobody), (workload, point), "{name}"),
        }
        // A seat is what it takes to decide, and whoever asked has none.
        let decides = [
            "POST /v1/requests/{id}/reviews",
            "POST /v1/requests/{id}/acts",
            "POST /requests/{id}/review",
            "POST /requests/{id}/act",
            "POST /requests/{id}/claim",
        ];
        if decides.contains(&name.as_str()) {
            assert!(
                ["200", "303"].contains(&reviewer.as_str()),
                "{name} {reviewer}"
            );
            for without in [bystander, owner] {
                assert!(without.starts_with('4'), "{name} {without}");
            }
        }
    }
}

/// What decides at this gate, apart from who decides for whom while they are away: that is theirs to give, and never more than
/// they have.
fn what_decides(directory: &Directory) -> String {
    let people: Vec<_> = directory
        .humans
        .iter()
        .map(|(human, known)| (human, known.keys.keys().collect::<Vec<_>>()))
        .collect();
    format!(
        "{:?}",
        (
            (directory.root, directory.bundle, people),
            (&directory.teams, &directory.workloads, &directory.points),
            (
                &directory.recovery,
                &directory.consoles,
                &directory.attestation_roots
            ),
        )
    )
}

async fn requests(house: &House) -> BTreeMap<RequestId, RequestRecord> {
    let query = RowQuery {
        limit: 1_000,
        ..RowQuery::default()
    };
    let rows = house.store.rows(Table::Request, &query).await.unwrap();
    let record = |body: &[u8]| canonical::from_canonical_bytes::<RequestRecord>(body).unwrap();
    let records = rows.iter().map(|row| record(&row.body));
    records.map(|record| (record.id, record)).collect()
}

/// Asked of the store, as any decision would.
async fn directory(house: &House) -> Directory {
    house.gate.now().await.unwrap();
    house.gate.overview().await.unwrap();
    house.gate.with_directory(Directory::clone)
}

#[tokio::test]
async fn a21_no_door_lets_a_reviewer_write_policy_role_request_team_or_key() {
    let house = house_of(Kind::Reviewer).await;
    let before = directory(&house).await;
    let mut decides = what_decides(&before);
    let mut known: BTreeMap<RequestId, (Hash, Hash)> = BTreeMap::new();
    let mut own = BTreeSet::new();
    for door in Door::all() {
        let name = door.name();
        let told = knock(&house, &door, Kind::Reviewer).await;
        for (id, record) in requests(&house).await {
            let fixed = (record.digest, record.display_hash);
            assert_eq!(
                known.entry(id).or_insert(fixed),
                &fixed,
                "{name} wrote a request"
            );
            if matches!(record.requester, Requester::Human { .. })
                && record.requester.name() == Person::Reviewer.id().to_string()
                && own.insert(id)
            {
                // What a reviewer asks for themselves waits for others.
                assert_eq!(
                    (name.as_str(), record.state),
                    ("POST /v1/changes", State::Held)
                );
            }
        }
        let after = directory(&house).await;
        if name == "POST /v1/keys/revoke" {
            // The one door that writes keys takes one away: the safe direction.
            assert_eq!(told, "204");
            let (was, is) = (keys(&before), keys(&after));
            assert!(is.is_subset(&was) && was.len() == is.len() + 1, "{is:?}");
            decides = what_decides(&after);
        }
        assert!(what_decides(&after) == decides, "{name} wrote what decides");
    }
    assert_eq!(own.len(), 1, "the change that was asked for");
}

fn keys(directory: &Directory) -> BTreeSet<(HumanId, Hash)> {
    let people = directory.humans.iter();
    people
        .flat_map(|(human, known)| known.keys.keys().map(|key| (human.clone(), *key)))
        .collect()
}

#[tokio::test]
async fn a21_every_change_that_a_reviewer_asks_for_waits_for_others() {
    let house = house_of(Kind::Reviewer).await;
    let decides = what_decides(&directory(&house).await);
    let person = Person::Reviewer;
    let jwk = crate::support::key(b"of the reviewer").public().to_jwk();
    let mut held = BTreeSet::new();
    for descriptor in house.gate.descriptors() {
        if descriptor.executor.kind != ExecutorKind::Gate {
            continue;
        }
        let payload = match descriptor.id.as_str() {
            "team.set" => json!({ "team": "standby", "members": [person.id()] }).to_string(),
            "human.enrol" => enrolment(&house, Person::Bystander),
            "nhi.create" => json!({
                "id": "own-bot", "kind": "ai_agent", "jwk": jwk, "owner": person.id(), "backup": person.id(),
                "custodians": [], "assurance": "pop", "teams": [],
                "baseline": { "descriptors": [], "targets": [], "resources": [] },
                "lifecycle": "active", "not_after": 4_102_444_800_000_i64,
            })
            .to_string(),
            "point.enrol" => json!({ "id": "own-point", "jwk": jwk, "owner": person.id(), "workloads": ["deploy-bot"] }).to_string(),
            "config.change" => json!({ "consoles": ["https://evil.example"] }).to_string(),
            // Of these the payload is refused, and that is no decision either.
            "bundle.activate" | "glass.enrol" | "stop.lift" | "workload.resume" | "record.erase" => {
                "{}".to_owned()
            }
            other => panic!("{other} is a new change of the gate: say here what a reviewer would ask for"),
        };
        let body = change(&house, person, descriptor.id.as_str(), payload.as_bytes());
        let call = Call::new("POST", "/v1/changes", body.to_string());
        let answer = call
            .signed(&house, &person.session_key())
            .send(&house)
            .await;
        match answer.status {
            202 => assert!(held.insert(descriptor.id.to_string())),
            400..=499 => {}
            status => panic!("{}: {status} {}", descriptor.id, answer.head),
        }
        let after = directory(&house).await;
        assert!(
            what_decides(&after) == decides,
            "{} was decided by one",
            descriptor.id
        );
    }
    for wanted in [
        "config.change",
        "human.enrol",
        "nhi.create",
        "point.enrol",
        "team.set",
    ] {
        assert!(held.contains(wanted), "{wanted}: {held:?}");
    }
}
