//! The pack that ships: it is sound, its golden tests pass, lint finds nothing to fix.

use std::path::PathBuf;
use std::sync::Arc;

use gatehold_policy::lint::{Level, Options, lint};
use gatehold_policy::{Bundle, golden};

fn folder() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../policies/default")
}

fn bundle() -> Arc<Bundle> {
    match Bundle::load(&folder()) {
        Ok(bundle) => Arc::new(bundle),
        Err(problems) => panic!(
            "{}",
            problems
                .iter()
                .map(ToString::to_string)
                .collect::<Vec<_>>()
                .join("\n")
        ),
    }
}

#[test]
fn golden_tests_pass() {
    let results = golden::run(&bundle());
    let failed: Vec<String> = results
        .iter()
        .filter(|result| !result.passed())
        .map(golden::CaseResult::line)
        .collect();
    assert!(failed.is_empty(), "{}", failed.join("\n"));
    assert!(results.len() > 50);
}

#[test]
fn lint_says_which_rules_hold_nothing_yet_and_nothing_else() {
    let teams = [("owners", 3), ("reviewers", 3), ("security", 3)];
    let options = Options {
        today: Some("2026-11-21".to_owned()),
        teams: Some(
            teams
                .iter()
                .map(|(team, people)| (team.parse().unwrap(), *people))
                .collect(),
        ),
    };
    let findings = lint(&bundle(), &options);
    // What it says against values that nothing computes yet is said to hold nothing yet, and nothing else is wrong.
    let found: Vec<(&str, &str)> = findings
        .iter()
        .map(|finding| (finding.code, finding.about.as_str()))
        .collect();
    let never = ["hold-exception", "hold-untrusted"];
    assert_eq!(
        found,
        never.map(|rule| ("never_computed", rule)),
        "{findings:#?}"
    );
}

#[test]
fn every_hold_asks_for_intent_context_and_safety() {
    let bundle = bundle();
    // What changes the gate itself has questions of its own.
    let held = bundle
        .checkpoints()
        .values()
        .filter(|checkpoint| !checkpoint.name.as_str().starts_with("gate-"));
    let mut looked_at = 0;
    for checkpoint in held {
        for wanted in ["intent", "business_context", "operational_safety"] {
            let asked = checkpoint
                .criteria
                .iter()
                .any(|criterion| criterion.id.as_str() == wanted && criterion.required);
            assert!(asked, "{} does not ask for {wanted}", checkpoint.name);
        }
        looked_at += 1;
    }
    assert!(looked_at >= 15, "only {looked_at}");
}

#[test]
fn overdue_and_understaffed_is_found() {
    let options = Options {
        today: Some("2030-01-01".to_owned()),
        teams: Some([("owners".parse().unwrap(), 1)].into()),
    };
    let findings = lint(&bundle(), &options);
    let has = |level, code| {
        findings
            .iter()
            .any(|finding| finding.level == level && finding.code == code)
    };
    assert!(has(Level::Warning, "attestation_overdue"));
    assert!(has(Level::Error, "team_unknown"));
    assert!(has(Level::Error, "nobody_can_decide"));
}

#[test]
fn one_byte_string_carries_all_of_it() {
    let bundle = bundle();
    let again = Bundle::from_bytes(&bundle.to_bytes()).unwrap();
    assert_eq!(again.hash(), bundle.hash());
    assert_eq!(again.to_bytes(), bundle.to_bytes());
    let mut spaced = bundle.to_bytes();
    spaced.push(b' ');
    assert!(Bundle::from_bytes(&spaced).is_err(), "one spelling only");
}
