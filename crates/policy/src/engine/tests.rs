//! What the engine hands to Cedar is what the schema describes: the slice leaves parts out, never gets one wrong.

use std::path::Path;
use std::sync::Arc;

use cedar_policy::{Entities, Request, Schema};

use super::*;

#[test]
fn every_question_of_the_default_pack_conforms_to_the_schema() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../policies/default");
    let bundle = Arc::new(Bundle::load(&folder).unwrap());
    let (schema, _) = Schema::from_cedarschema_str(bundle.schema_text()).unwrap();
    let names = Names::new(&bundle);
    assert!(bundle.cases().len() > 50);
    for case in bundle.cases() {
        let input = case.input(&bundle).unwrap();
        let descriptor = &bundle.descriptors()[&case.descriptor];
        let asked = Asked::new(&names, &input, descriptor).unwrap();
        let whole = asked.pose_whole().unwrap();
        let (principal, action, resource) = (
            whole.request.principal().unwrap(),
            whole.request.action().unwrap(),
            whole.request.resource().unwrap(),
        );
        Request::new(
            principal.clone(),
            action.clone(),
            resource.clone(),
            whole.request.context().unwrap().clone(),
            Some(&schema),
        )
        .unwrap_or_else(|error| panic!("{}: {error}", case.name));
        Entities::from_entities(whole.entities.iter().cloned(), Some(&schema))
            .unwrap_or_else(|error| panic!("{}: {error}", case.name));
    }
}

/// The codes and the sentences beside those of the checkpoints, for a calm use of this descriptor that was changed.
fn unknowns(descriptor: &str, change: impl Fn(&mut PolicyInput)) -> Vec<(String, String)> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../policies/default");
    let bundle = Arc::new(Bundle::load(&folder).unwrap());
    let case = bundle.cases().iter().find(|case| {
        case.descriptor.as_str() == descriptor && case.expected == crate::golden::Expected::Allow
    });
    let mut input = case.unwrap().input(&bundle).unwrap();
    change(&mut input);
    input.context = input.context.derived();
    let evaluated = Engine::new(bundle).evaluate(&input);
    assert_eq!(evaluated.trace().errors, [""; 0]);
    let reasons = evaluated.trace().reasons.iter();
    reasons
        .filter(|reason| !reason.code.starts_with("checkpoint:"))
        .map(|reason| (reason.code.clone(), reason.text.clone()))
        .collect()
}

fn no_cap(input: &mut PolicyInput) {
    input.context.caps.clear();
    input.context.quantity = gatehold_core::known::Known::unknown();
}

fn nobody_knows_how_sensitive(input: &mut PolicyInput) {
    input.context.sensitivity = gatehold_core::known::Known::unknown();
    input.resource.sensitivity = gatehold_core::known::Known::unknown();
}

#[test]
fn a_hold_says_which_cap_was_not_given_and_that_it_would_pass_with_one() {
    assert_eq!(unknowns("sql.read", |_| {}), []);
    assert_eq!(
        unknowns("sql.read", no_cap),
        [(
            "unknown:caps.rows".to_owned(),
            "No cap `rows` is given, so it may touch any number of rows: ask again with --cap rows=NUMBER. With --cap rows=1 nobody needs to \
             decide."
                .to_owned()
        )]
    );
    let high = unknowns("sql.read", |input| {
        input.context.caps.insert("rows".to_owned(), 90_000);
        input.context.quantity = gatehold_core::known::Known::some(90_000);
        input.context.sensitivity =
            gatehold_core::known::Known::some(gatehold_core::effect::Sensitivity::Confidential);
        input.resource.sensitivity = input.context.sensitivity.clone();
    });
    assert_eq!(high[0].0, "high:caps.rows");
    assert!(high[0].1.contains("up to 90,000 rows"), "{high:?}");
}

#[test]
fn a_hold_names_everything_that_nobody_said_and_nothing_that_changes_nothing() {
    let both = unknowns("sql.read", |input| {
        no_cap(input);
        nobody_knows_how_sensitive(input);
    });
    let codes: Vec<&str> = both.iter().map(|(code, _)| code.as_str()).collect();
    assert_eq!(codes, ["unknown:caps.rows", "unknown:sensitivity"]);
    assert!(
        both.iter().all(|(_, text)| text
            .ends_with("With --cap rows=1 and sensitivity internal nobody needs to decide.")),
        "{both:?}"
    );
    // A stranger's anomaly holds it all the same: what is promised is no more than what comes true.
    let still = unknowns("sql.read", |input| {
        no_cap(input);
        input.context.conditions.anomaly = gatehold_core::known::Known::some(true);
    });
    assert_eq!(still.len(), 1);
    assert!(still[0].1.ends_with("--cap rows=NUMBER."), "{still:?}");
}
