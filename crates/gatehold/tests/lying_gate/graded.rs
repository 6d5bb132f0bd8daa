//! The tier, and the inputs that it is made of.

use gatehold_core::effect::{EffectClass, Reversibility};
use gatehold_core::known::Known;
use gatehold_core::tier::{TierInputs, TierReport, tier};
use gatehold_core::workload::WorkloadAssurance;
use serde_json::Value;

use crate::behind::{held, lied};

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

    behind.lies(
        "/open",
        lied(|view, _| view["narrower"] = Value::Array(vec!["all of it".into()])),
    );
    let said = behind.caught(&show);
    assert!(
        said.contains("what would do instead is not what the baseline gives"),
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
