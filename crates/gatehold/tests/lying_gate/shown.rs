//! What is shown: the sentence, the checkpoints, the limits, the descriptor, and of which files its pages are made.

use gatehold_core::hash::Hash;
use serde_json::Value;

use crate::behind::{held, lied, packed, unpacked};
use crate::links::honest_root;

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
