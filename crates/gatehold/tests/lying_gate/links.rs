//! The chain of trust: the root that is pinned, and the links that follow from it.

use gatehold_client::wire::Base64Bytes;
use gatehold_core::hash::Hash;
use serde_json::{Value, json};

use crate::behind::{held, packed, unpacked};
use crate::gate::Gate;

/// The root that a development gate was founded with.
pub fn honest_root(gate: &Gate) -> String {
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
