//! Lint finds what a sound bundle still gets wrong.

use std::collections::BTreeSet;

use gatehold_policy::lint::{Level, Options, lint};

use crate::kit::{bundle_of, files, permit_all, rule};

fn codes(rules: &str, header: &str) -> BTreeSet<(Level, &'static str)> {
    let mut files = files(rules);
    files.insert("bundle.toml".to_owned(), header.to_owned());
    let bundle = bundle_of(files).unwrap();
    lint(&bundle, &Options::default())
        .into_iter()
        .map(|finding| (finding.level, finding.code))
        .collect()
}

const BOUNDED: &str =
    "permit (principal is Workload, action, resource) when { context.assurance != \"local\" };";

#[test]
fn people_are_not_asked_about_reads_or_routine() {
    let header = crate::kit::HEADER.replace("routine = []", "routine = [\"x.write\"]");
    let sound = rule("p", "", BOUNDED);
    let quiet = codes(&sound, &header);
    assert!(
        quiet.iter().all(|(level, _)| *level == Level::Warning),
        "{quiet:?}"
    );

    let asks = sound.clone()
        + &rule(
            "h",
            "@checkpoint(\"one\")",
            "forbid (principal, action == Action::\"x.read\", resource);",
        );
    let found = codes(&asks, &header);
    assert!(found.contains(&(Level::Error, "read_held")), "{found:?}");
    assert!(found.contains(&(Level::Warning, "name_alone")), "{found:?}");
    assert!(
        found.contains(&(Level::Error, "case_fails")),
        "the kit's case expects allow"
    );

    let routine = sound
        + &rule(
            "h",
            "@checkpoint(\"one\")",
            "forbid (principal, action, resource) when { context.effects.contains(\"state_change\") };",
        );
    assert!(codes(&routine, &header).contains(&(Level::Error, "routine_held")));
    assert!(!codes(&routine, crate::kit::HEADER).contains(&(Level::Error, "routine_held")));
}

#[test]
fn a_boundary_is_drawn_and_checkpoints_are_used() {
    let found = codes(&permit_all(), crate::kit::HEADER);
    assert!(
        found.contains(&(Level::Error, "permits_everything")),
        "{found:?}"
    );
    assert!(
        found.contains(&(Level::Warning, "checkpoint_unused")),
        "{found:?}"
    );
}

#[test]
fn a15_an_outcome_that_loosens_when_something_is_forgotten_is_found() {
    // Sound by syntax: every unknown makes each rule stricter. Yet what is forgotten changes the tier's advice of a
    // rule that forbids only below red, so the outcome loosens; only asking again finds it.
    let rules = rule("p", "", BOUNDED)
        + &rule(
            "low",
            "",
            "forbid (principal, action, resource) when { context.tier == \"amber\" };",
        );
    let found = codes(&rules, crate::kit::HEADER);
    assert!(
        found.contains(&(Level::Error, "unknown_loosens")),
        "{found:?}"
    );
}

#[test]
fn a_rule_on_what_nothing_computes_is_found() {
    let read = |condition: &str| {
        let rules = rule("p", "", BOUNDED)
            + &rule(
                "h",
                "@checkpoint(\"one\")",
                &format!("forbid (principal, action, resource) when {{ {condition} }};"),
            );
        codes(&rules, crate::kit::HEADER).contains(&(Level::Warning, "never_computed"))
    };
    for never in [
        "!context.chain.untrusted.known || context.chain.untrusted.value",
        "!context.conditions.exception.known",
        "context.provenance.prompt_source == \"observed\"",
    ] {
        assert!(read(never), "{never}");
    }
    for computed in [
        "!context.signals.burst.known || context.signals.burst.value",
        "!context.chain.sensitive.known || context.chain.sensitive.value",
        "context.chain.steps > 9",
        "!context.chain.systems.known || context.chain.systems.value > 2",
    ] {
        assert!(!read(computed), "{computed}");
    }
}
