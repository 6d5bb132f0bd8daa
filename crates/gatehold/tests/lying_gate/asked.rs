//! Who asked, and for whom: what `request_hash` is over, and what the key directory under the pinned root says of them.

use gatehold_core::hash::Hash;
use serde_json::{Value, json};

use crate::behind::{asked_otherwise, held, lied, packed, unpacked};

#[test]
fn b09_who_asked_and_for_whom_is_made_again_from_what_request_hash_is_over() {
    let (behind, request) = held();
    let show = ["show", &request, "--as", "reviewer"];
    let honest = behind.gate.json(&show);
    assert_eq!(honest["view"]["requester"]["workload"]["id"], "deploy-bot");

    // The hash of something else, or something else under the hash.
    behind.lies(
        "/open",
        lied(|_, context| context["request_hash"] = Hash::of(b"another").to_string().into()),
    );
    let named = "request_hash is not that of what was asked";
    let said = behind.caught(&show);
    assert!(said.contains(named), "{said}");
    behind.lies("/open", |opened| {
        let mut asked = unpacked(opened, "asked");
        asked["requester"]["workload"]["owner"] = "mallory@evil.example".into();
        opened["asked"] = packed(&asked).1;
    });
    let said = behind.caught(&show);
    assert!(said.contains(named), "{said}");

    // Everything with hashes to match: first of what was asked alone, then of the view alone.
    type About = fn(&mut Value, &mut Value);
    let apart: [(About, &str); 9] = [
        (
            |asked, _| asked["digest"] = Hash::of(b"another").to_string().into(),
            "another action was asked for than is shown",
        ),
        (
            |asked, _| asked["task"] = Value::Null,
            "it was asked within another task than is shown",
        ),
        (
            |asked, _| asked["claims_root"] = Hash::of(b"another").to_string().into(),
            "the requester said something else when it asked",
        ),
        (
            |asked, _| asked["request_nonce"] = Hash::of(b"another").to_string().into(),
            "request_nonce is not that of what was asked",
        ),
        (
            |asked, _| asked["submitted_at"] = 4_000_000_000_000_i64.into(),
            "it was asked later than it was opened",
        ),
        (
            |asked, _| asked["key"] = Hash::of(b"another").to_string().into(),
            "it was asked with another key than the requester's",
        ),
        (
            |asked, _| asked["requester"]["workload"]["owner"] = "mallory@evil.example".into(),
            "who asked, or for whom, is not whom the view names",
        ),
        (
            |_, view| view["requester"]["workload"]["backup"] = "mallory@evil.example".into(),
            "who asked, or for whom, is not whom the view names",
        ),
        (
            |_, view| {
                let initiator = json!({ "human": "mallory@evil.example", "attested": false });
                view["requester"]["workload"]["initiator"] = initiator;
            },
            "who asked, or for whom, is not whom the view names",
        ),
    ];
    for (about, named) in apart {
        behind.lies("/open", asked_otherwise(about));
        let said = behind.caught(&show);
        assert!(said.contains(named), "{named}: {said}");
    }

    // Then of both, so that only the key directory under the pinned root says otherwise.
    let mallory = "mallory@evil.example";
    let another = Hash::of(b"another").to_string();
    let point = json!({ "id": "gateway", "owner": mallory, "proposer": mallory });
    let attested = json!({ "human": mallory, "attested": true });
    let both: [(&'static str, Value, &str); 9] = [
        ("owner", mallory.into(), "another owner of deploy-bot"),
        ("backup", mallory.into(), "another backup of deploy-bot"),
        ("kind", "ci_job".into(), "another kind of deploy-bot"),
        (
            "assurance",
            "attested".into(),
            "another assurance of deploy-bot",
        ),
        (
            "custodians",
            json!([mallory]),
            "another holders of the key of deploy-bot",
        ),
        (
            "proposer",
            mallory.into(),
            "another proposer of the key of deploy-bot",
        ),
        ("key", another.into(), "another key of deploy-bot"),
        ("point", point, "another enforcement point of deploy-bot"),
        (
            "initiator",
            attested,
            "no enforcement point speaks for deploy-bot",
        ),
    ];
    for (member, value, named) in both {
        behind.lies(
            "/open",
            asked_otherwise(move |asked, view| {
                if member == "key" {
                    asked["key"] = value.clone();
                }
                for document in [asked, view] {
                    document["requester"]["workload"][member] = value.clone();
                }
            }),
        );
        let said = behind.caught(&show);
        assert!(said.contains(named), "{named}: {said}");
    }
    behind.lies(
        "/open",
        asked_otherwise(|asked, view| {
            for document in [asked, view] {
                document["requester"]["workload"]["id"] = "harmless-bot".into();
            }
        }),
    );
    let said = behind.caught(&show);
    assert!(
        said.contains("who asks is not whom the action names"),
        "{said}"
    );
    assert!(said.contains("knows no workload harmless-bot"), "{said}");
}
