//! Threat B9 from the terminal's side: a gate that was taken over lies to whoever asks it, with hashes to match. What follows from
//! the root that the client pinned it cannot make, so `gatehold show` and `gatehold approve` name the lie and nothing is signed.
//!
//! The gate is real. A liar stands where its public URL leads, passes everything on, and changes what the gate answers.

#![expect(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "a test may panic"
)]

mod behind;
mod gate;

use behind::{asked_otherwise, held, lied, packed, unpacked};
use gate::Gate;
use gatehold_client::wire::Base64Bytes;
use gatehold_core::effect::{EffectClass, Reversibility};
use gatehold_core::hash::Hash;
use gatehold_core::known::Known;
use gatehold_core::tier::{TierInputs, TierReport, tier};
use gatehold_core::workload::WorkloadAssurance;
use serde_json::{Value, json};

#[test]
fn b09_show_and_approve_name_what_a_lying_gate_changed() {
    let (behind, request) = held();
    let show = ["show", &request, "--as", "reviewer"];
    let honest = behind.gate.run(&show);
    let page = String::from_utf8_lossy(&honest.stdout).into_owned();
    assert!(honest.status.success(), "{honest:?}");
    let root = honest_root(&behind.gate);
    assert!(
        page.contains(&format!("from the root that you pinned, {root}")),
        "{page}"
    );

    type About = fn(&mut Value, &mut Value);
    let lies: [(About, &str); 13] = [
        (
            |view, _| view["reason_demanded"] = false.into(),
            "its tier demands that you say why, and the view does not",
        ),
        (
            |view, _| view["sentence"] = "deploy-bot wants to read one order".into(),
            "the sentence is not the one that the descriptor makes",
        ),
        (
            |view, _| view["people_needed"] = 1.into(),
            "the gate says that 1 must approve, and the checkpoints ask for 2",
        ),
        (
            |view, _| {
                view["tier"]["tier"] = "green".into();
                view["people_needed"] = 1.into();
            },
            "the tier is not the one that its own inputs make",
        ),
        (
            |view, _| {
                for input in view["tier"]["inputs"].as_array_mut().unwrap() {
                    input["raised"] = false.into();
                    if input["name"] == "effect" {
                        input["value"] = "read".into();
                    }
                }
                view["tier"]["tier"] = "green".into();
                view["people_needed"] = 1.into();
            },
            "an effect that the descriptor names is not among the effects shown",
        ),
        (
            |view, _| {
                for input in view["tier"]["inputs"].as_array_mut().unwrap() {
                    if input["name"] == "reversibility" {
                        input["value"] = "read_only".into();
                    }
                }
            },
            "whether it can be taken back is not shown as the descriptor says",
        ),
        (
            |view, _| view["criteria"] = Value::Array(Vec::new()),
            "the questions are not those of the checkpoints",
        ),
        (
            |view, _| view["checkpoints"][0][1] = "interns".into(),
            "who may decide is not who the checkpoints name",
        ),
        (
            |view, _| view["checkpoints"][0][0] = "harmless".into(),
            "what holds it is in no bundle that people approved",
        ),
        (
            |_, context| context["requirement_hash"] = Hash::of(b"weaker").to_string().into(),
            "what holds it is in no bundle that people approved",
        ),
        (
            |view, _| view["terms"]["limits"]["caps"]["rows"] = 1_000.into(),
            "the limits are wider than what was asked for",
        ),
        (
            |_, context| context["policy"] = Hash::of(b"a bundle of its own").to_string().into(),
            "the gate goes by another bundle than the one that people approved last",
        ),
        (
            |_, context| {
                context["reviewer"]["authority_hash"] = Hash::of(b"somebody").to_string().into();
            },
            "what you are entitled to here is not what would be signed",
        ),
    ];
    let answers = behind.gate.answers(&request, "reviewer");
    let approve = [
        "approve",
        &request,
        "--as",
        "reviewer",
        "--criteria",
        &answers,
    ];
    for (about, named) in lies {
        behind.lies("/open", lied(about));
        for command in [&show[..], &approve] {
            let said = behind.caught(command);
            assert!(said.contains(named), "{named}: {said}");
        }
    }

    // The descriptor of the gate's choice, though it renders the same bytes.
    behind.lies("/open", |opened| {
        let mut descriptor = unpacked(opened, "descriptor");
        descriptor["sentence"] = "{workload} wants to look at one order".into();
        opened["descriptor"] = packed(&descriptor).1;
    });
    let said = behind.caught(&show);
    let named = "the descriptor is not the one in the bundle that people approved";
    assert!(said.contains(named), "{said}");

    // Nothing of all this was signed.
    behind.is_honest();
    let page = behind.gate.json(&["inbox", "--as", "reviewer"]);
    assert_eq!(page["items"][0]["signed"], false, "{page}");
}

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

/// A lie about the inputs of the tier that is whole: the table is made of them anew, and the people needed with it.
fn graded(about: impl Fn(&mut TierInputs)) -> impl Fn(&mut Value) {
    lied(move |view, _| {
        let honest: TierReport = serde_json::from_value(view["tier"].clone()).unwrap();
        let mut inputs = honest.read().unwrap();
        about(&mut inputs);
        let report = tier(&inputs);
        assert!(report.is_as_printed());
        view["tier"] = serde_json::to_value(&report).unwrap();
    })
}

#[test]
fn b09_the_tier_is_made_again_and_a_gate_only_raises_it() {
    let (behind, request) = held();
    let show = ["show", &request, "--as", "reviewer"];
    let page = behind.gate.run(&show);
    let page = String::from_utf8_lossy(&page.stdout).into_owned();
    assert!(
        page.contains("anomaly and untrusted content by the gate's books"),
        "{page}"
    );

    type About = fn(&mut TierInputs);
    let lies: [(About, &str); 9] = [
        (
            |inputs| inputs.effects = [EffectClass::Read].into(),
            "an effect that the descriptor names is not among the effects shown",
        ),
        (
            |inputs| {
                inputs.environment = Known::unknown();
                inputs.effects.remove(&EffectClass::ProductionChange);
            },
            "an effect that the descriptor names is not among the effects shown",
        ),
        (
            |inputs| inputs.reversibility = Known::some(Reversibility::ReadOnly),
            "whether it can be taken back is not shown as the descriptor says",
        ),
        (
            |inputs| inputs.quantity = Known::some(0),
            "how much it touches is not what the descriptor reads",
        ),
        (
            |inputs| inputs.external_recipients = Known::unknown(),
            "whether anybody outside receives something is not what the descriptor reads",
        ),
        (
            |inputs| inputs.assurance = WorkloadAssurance::Attested,
            "the assurance of who asks is not the one in the tier",
        ),
        (
            |inputs| inputs.elevation = Known::some(false),
            "whether it is beyond the baseline is not what the key directory says",
        ),
        (
            |inputs| inputs.elevation = Known::unknown(),
            "whether it is beyond the baseline is not what the key directory says",
        ),
        (
            |inputs| inputs.inspectable = false,
            "whether the payload can be inspected is not shown as it is",
        ),
    ];
    for (about, named) in lies {
        behind.lies("/open", graded(about));
        let said = behind.caught(&show);
        assert!(said.contains(named), "{named}: {said}");
    }

    // Flags that do not follow from the values beside them, whatever tier they would make.
    let named = "the tier is not the one that its own inputs make";
    for (tier, people) in [("green", 1), ("amber", 1), ("red", 2)] {
        behind.lies(
            "/open",
            lied(move |view, _| {
                for input in view["tier"]["inputs"].as_array_mut().unwrap() {
                    input["raised"] = false.into();
                }
                view["tier"]["tier"] = tier.into();
                view["people_needed"] = people.into();
            }),
        );
        let said = behind.caught(&show);
        assert!(said.contains(named), "{tier}: {said}");
    }
    behind.lies(
        "/open",
        lied(|view, _| {
            let inputs = view["tier"]["inputs"].as_array_mut().unwrap();
            inputs.retain(|input| input["name"] != "blast_radius");
        }),
    );
    let said = behind.caught(&show);
    assert!(said.contains(named), "{said}");
    behind.lies(
        "/open",
        lied(|view, _| view["unlike_baseline"] = Value::Array(Vec::new())),
    );
    let said = behind.caught(&show);
    assert!(
        said.contains("something unlike the baseline is not shown"),
        "{said}"
    );

    // What only the gate can know it may raise, and is believed.
    behind.lies(
        "/open",
        graded(|inputs| {
            inputs.effects.insert(EffectClass::DataRelease);
            inputs.anomaly = Known::some(true);
        }),
    );
    let raised = behind.gate.json(&show);
    assert_eq!(raised["view"]["tier"]["tier"], "red", "{raised}");
}

#[test]
fn b09_what_a_gate_says_of_its_pages_is_shown_beside_what_is_in_this_program() {
    let (behind, request) = held();
    let own = gatehold_server::PageFiles::embedded().set().to_string();
    let show = || {
        let shown = behind.gate.run(&["show", &request, "--as", "reviewer"]);
        assert!(shown.status.success(), "{shown:?}");
        String::from_utf8(shown.stdout).unwrap()
    };
    // It is served without anybody who vouches for people, and so without pages.
    assert!(!show().contains("its pages are made of"));
    let doctor = behind.gate.run(&["doctor", "--pages"]);
    assert_eq!(doctor.status.code(), Some(1), "nothing was compared");
    let said = String::from_utf8_lossy(&doctor.stdout).into_owned();
    assert!(
        said.contains("serves no pages: nothing was compared"),
        "{said}"
    );

    let other = Hash::of(b"other pages").to_string();
    for (says, named) in [
        (
            &own,
            format!("its pages are made of the files in this program, {own}"),
        ),
        (
            &other,
            format!("its pages are made of {other}, which are not those in this program, {own}"),
        ),
    ] {
        let says = says.clone();
        behind.lies(
            "/open",
            lied(move |view, _| view["page_files"] = says.clone().into()),
        );
        let page = show();
        assert!(page.contains(&named), "{page}");
    }
}

/// The root that a development gate was founded with.
fn honest_root(gate: &Gate) -> String {
    let statement = std::fs::read(gate.home.join("root.json")).unwrap();
    Hash::tagged("gatehold/root/v1", &[&statement]).to_string()
}

#[test]
fn b09_a_chain_of_trust_that_does_not_lead_from_the_pinned_root_is_refused() {
    let (behind, request) = held();
    let show = ["show", &request, "--as", "reviewer"];
    assert!(behind.gate.run(&show).status.success());

    // Another root, with everything that follows from it.
    behind.forget();
    behind.lies("/trust/links", |links| {
        let mut evidence = unpacked(&links["links"][0], "evidence");
        let statement = evidence["root"]["statement"].as_str().unwrap();
        let other = statement.replace("second@", "mallory@");
        assert_ne!(other, statement);
        evidence["root"]["statement"] = other.into();
        links["links"][0]["evidence"] = packed(&evidence).1;
    });
    let said = behind.caught(&show);
    assert!(said.contains("does not begin at the pinned root"), "{said}");
    assert!(said.contains("`gatehold login --root HASH`"), "{said}");

    // The right root, and a bundle that it does not name.
    behind.lies("/trust/links", |links| {
        let bundle: Base64Bytes =
            serde_json::from_value(links["links"][0]["bundle"].clone()).unwrap();
        let text = String::from_utf8(bundle.0).unwrap();
        let weaker = text.replace("seats = 2", "seats = 1");
        assert_ne!(weaker, text);
        links["links"][0]["bundle"] =
            serde_json::to_value(Base64Bytes(weaker.into_bytes())).unwrap();
    });
    let said = behind.caught(&show);
    assert!(said.contains("the gate does not show bundle "), "{said}");

    // No link at all.
    behind.lies("/trust/links", |links| {
        links["links"] = Value::Array(Vec::new())
    });
    let said = behind.caught(&show);
    assert!(said.contains("it shows no link at all"), "{said}");

    // Links that were seen before are kept, and a gate that has forgotten them is not followed back.
    behind.is_honest();
    assert!(behind.gate.run(&show).status.success());
    behind.lies("/trust/links", |links| {
        links["links"] = Value::Array(Vec::new())
    });
    assert!(behind.gate.run(&show).status.success());
}

/// The links that this client keeps.
fn kept(gate: &Gate) -> Vec<Value> {
    let root = honest_root(gate).replace("sha256:", "");
    let text = std::fs::read(gate.home.join("trust").join(format!("{root}.json"))).unwrap();
    let kept: Value = serde_json::from_slice(&text).unwrap();
    kept["links"].as_array().unwrap().clone()
}

/// Enrols the workload of a development gate anew, as somebody's CI job, and has people approve that.
fn enrolled_anew(gate: &Gate) {
    let humans = gate.json(&["human", "list", "--as", "owner"]);
    let humans = humans["humans"].as_array().unwrap().iter();
    let owner = humans
        .map(|human| human["human"].as_str().unwrap())
        .find(|human| human.starts_with("owner@"));
    let owner = owner.unwrap().to_owned();
    let jwk = gate.home.join("deploy-bot.pem.jwk");
    let mut enrol = vec![
        "workload",
        "enrol",
        "deploy-bot",
        "--jwk",
        jwk.to_str().unwrap(),
    ];
    enrol.extend(["--owner", &owner, "--backup", &owner, "--kind", "ci_job"]);
    enrol.extend([
        "--baseline-action",
        "sql.read",
        "--baseline-target",
        "sql:shop",
    ]);
    enrol.extend(["--baseline-resource", "shop/", "--as", "owner"]);
    let held = gate.json(&enrol);
    gate.approved(held["request"].as_str().unwrap());
}

#[test]
fn b09_links_that_were_not_seen_yet_cannot_be_left_out_added_or_moved() {
    let (behind, request) = held();
    let show = ["show", &request, "--as", "reviewer"];
    enrolled_anew(&behind.gate);
    // The request was made before: it is shown as its requester was then, and said so.
    let page = behind.gate.run(&show);
    let page = String::from_utf8_lossy(&page.stdout).into_owned();
    assert!(page.contains("people have changed that since"), "{page}");
    let honest = kept(&behind.gate);
    let [.., second, third] = &honest[..] else {
        panic!("a root and two changes: {honest:?}");
    };
    let statement = unpacked(&honest[0], "evidence")["root"]["statement"].clone();
    let statement: Value = serde_json::from_str(statement.as_str().unwrap()).unwrap();
    let origin = &statement["origin"];
    let gone = json!({ "suspension": {
        "type": "gatehold/suspension/v1", "gate": origin, "human": "stranger@elsewhere.example",
        "removed": false, "nonce": "of the liar",
    }});

    let at = honest.len() - 2;
    let (before, after) = (second["leaf"].clone(), third["leaf"].clone());
    type About = Box<dyn Fn(&mut Vec<Value>) + Send>;
    let lies: [(&str, About); 4] = [
        ("left out", Box::new(move |links| drop(links.remove(at)))),
        (
            "in another order",
            Box::new(move |links| {
                links.swap(at, at + 1);
                links[at]["leaf"] = before.clone();
                links[at + 1]["leaf"] = after.clone();
            }),
        ),
        (
            "at another leaf",
            Box::new(move |links| {
                let leaf = links[at]["leaf"].as_u64().unwrap();
                links[at]["leaf"] = (leaf + 1).into();
            }),
        ),
        (
            "added",
            Box::new(move |links| {
                let leaf = links[at]["leaf"].as_u64().unwrap() + 1;
                let evidence = packed(&gone).1;
                links.insert(
                    at + 1,
                    json!({ "leaf": leaf, "evidence": evidence, "bundle": null }),
                );
            }),
        ),
    ];
    for (what, about) in lies {
        behind.forget();
        behind.lies("/trust/links", move |links| {
            // Of the whole chain, and not of what is asked for after a part of it.
            let links = links["links"].as_array_mut().unwrap();
            if links.len() > at + 1 {
                about(links);
            }
        });
        let said = behind.caught(&show);
        // People signed each change under a part of the chain, or else the gate goes by another one than it gave.
        let noticed = [
            "signed it under another chain",
            "the gate goes by another chain of trust",
        ];
        assert!(
            noticed.iter().any(|text| said.contains(text)),
            "{what}: {said}"
        );
    }

    // The newest can be kept from a terminal that never saw it; but whoever signs names the chain that they were shown, and it is
    // not the one that the gate goes by.
    behind.forget();
    behind.lies("/trust/links", |links| {
        links["links"].as_array_mut().unwrap().pop();
    });
    let said = behind.caught(&show);
    assert!(
        said.contains("the gate goes by another chain of trust"),
        "{said}"
    );
    behind.is_honest();
    assert!(behind.gate.run(&show).status.success());
    assert_eq!(kept(&behind.gate), honest);
}

#[test]
fn b09_only_links_that_have_force_are_kept() {
    let (behind, request) = held();
    let show = ["show", &request, "--as", "reviewer"];
    assert!(behind.gate.run(&show).status.success());
    let honest = kept(&behind.gate);

    // Nobody signed them, and the number of the last would leave no room for another.
    behind.forget();
    behind.lies("/trust/links", |links| {
        let links = links["links"].as_array_mut().unwrap();
        let again = links.last().unwrap()["evidence"].clone();
        let [one, last] = [u64::MAX - 1, u64::MAX];
        links.push(json!({ "leaf": one, "evidence": again, "bundle": null }));
        links.push(json!({ "leaf": last, "evidence": "bm9uZQ==", "bundle": null }));
    });
    assert!(
        behind.gate.run(&show).status.success(),
        "they have no force"
    );
    assert_eq!(kept(&behind.gate), honest);

    behind.is_honest();
    enrolled_anew(&behind.gate);
    assert!(behind.gate.run(&show).status.success());
    assert_eq!(kept(&behind.gate).len(), honest.len() + 1);
}

#[test]
fn the_first_root_is_trusted_aloud_and_changed_only_by_name() {
    let gate = Gate::start();
    let request = gate.held("UPDATE orders SET status = 'retry' WHERE id = 7");
    let root = honest_root(&gate);
    let path = gate.home.join("client.toml");
    let text = || std::fs::read_to_string(&path).unwrap();
    let pinned = format!("root = \"{root}\"\n");
    assert!(text().contains(&pinned), "a development gate pins its own");

    let without = text().replace(&pinned, "");
    std::fs::write(&path, &without).unwrap();
    let login = gate.run(&["login", "--as", "reviewer"]);
    let said = String::from_utf8_lossy(&login.stderr).into_owned();
    assert!(login.status.success(), "{said}");
    assert!(
        said.contains("nothing was pinned") && said.contains(&root) && said.contains("compare it"),
        "{said}"
    );
    assert_eq!(text(), format!("{pinned}{without}"));
    // Once is enough.
    let again = gate.run(&["login", "--as", "reviewer"]);
    assert!(again.stderr.is_empty(), "{again:?}");

    let other = Hash::of(b"another gate").to_string();
    std::fs::write(&path, text().replace(&root, &other)).unwrap();
    for command in [
        &["show", &request, "--as", "reviewer"][..],
        &["login", "--as", "reviewer"],
    ] {
        let refused = gate.run(command);
        let said = String::from_utf8_lossy(&refused.stderr).into_owned();
        assert_eq!(refused.status.code(), Some(7), "{said}");
        assert!(said.contains("does not begin at the pinned root"), "{said}");
    }
    assert!(text().contains(&other), "a refusal pins nothing");
    let wrong = gate.run(&["login", "--as", "reviewer", "--root", &other]);
    assert_eq!(wrong.status.code(), Some(7), "{wrong:?}");
    let right = gate.run(&["login", "--as", "reviewer", "--root", &root]);
    assert!(right.status.success(), "{right:?}");
    assert_eq!(text(), format!("{pinned}{without}"));
    assert!(
        gate.run(&["show", &request, "--as", "reviewer"])
            .status
            .success()
    );
}
