//! What the engine answers, and above all what it never answers.

use std::sync::Arc;

use gatehold_core::checkpoint::floors;
use gatehold_core::effect::EffectClass;
use gatehold_core::hash::Hash;
use gatehold_core::known::Known;
use gatehold_core::seats::filled;
use gatehold_core::tier::Tier;
use gatehold_core::verdict::Verdict;
use gatehold_policy::{Engine, EnginePool, explain};

use crate::kit::{
    bundle, bundle_of, files, forget_sensitivity, outcome, permit_all, question, rule,
};

/// The outcome of the calm question about a descriptor under these rules.
fn asked(rules: &str, descriptor: &str) -> (String, Vec<String>, Vec<String>) {
    let bundle = bundle(rules);
    let evaluated = Engine::new(Arc::clone(&bundle)).evaluate(&question(&bundle, descriptor));
    let trace = evaluated.trace();
    let codes = trace
        .reasons
        .iter()
        .map(|reason| reason.code.clone())
        .collect();
    (outcome(evaluated.verdict()), codes, trace.errors.clone())
}

const HOLD_ONE: &str = "@checkpoint(\"one\")";
const HOLD_TWO: &str = "@checkpoint(\"two\")";

#[test]
fn a03_nothing_is_permitted_by_silence() {
    let rules = rule(
        "other",
        "",
        "permit (principal is Human, action, resource) when { context.tier == \"green\" };",
    );
    assert_eq!(asked(&rules, "x.read").0, "deny");
    assert_eq!(asked(&rules, "x.read").1, ["no_permit"]);
}

#[test]
fn a06_holds_add_up_and_a_forbid_beats_them() {
    let one = rule("h1", HOLD_ONE, "forbid (principal, action, resource);");
    let two = rule(
        "h2",
        HOLD_TWO,
        "forbid (principal, action == Action::\"x.write\", resource);",
    );
    let no = rule(
        "no",
        "",
        "forbid (principal, action == Action::\"x.write\", resource);",
    );
    let rules = [permit_all(), one, two].concat();
    assert_eq!(asked(&rules, "x.read").0, "one");
    assert_eq!(asked(&rules, "x.write").0, "one two");
    let with_no = rules + &no;
    assert_eq!(asked(&with_no, "x.write").0, "deny");
    assert_eq!(asked(&with_no, "x.write").1, ["forbidden:no"]);
    assert_eq!(
        asked(&with_no, "x.read").0,
        "one",
        "the other action is not concerned"
    );
}

#[test]
fn a05_the_order_of_rules_and_files_changes_nothing() {
    let rules = [
        permit_all(),
        rule(
            "h1",
            HOLD_ONE,
            "forbid (principal, action, resource) when { context.effects.contains(\"state_change\") };",
        ),
        rule(
            "h2",
            HOLD_TWO,
            "forbid (principal, action, resource) when { context.duration_seconds > 60 };",
        ),
        rule(
            "no",
            "",
            "forbid (principal, action, resource) when { context.tier == \"red\" };",
        ),
    ];
    let expected: Vec<String> = ["x.read", "x.write"]
        .map(|d| asked(&rules.concat(), d).0)
        .into();
    for turn in 0..rules.len() {
        let mut turned = rules.to_vec();
        turned.rotate_left(turn);
        let got: Vec<String> = ["x.read", "x.write"]
            .map(|d| asked(&turned.concat(), d).0)
            .into();
        assert_eq!(got, expected);
        turned.reverse();
        let mut split = files(&turned[..2].concat());
        split.insert("a-first.cedar".to_owned(), turned[2..].concat());
        let bundle = bundle_of(split).unwrap();
        let engine = Engine::new(Arc::clone(&bundle));
        let got: Vec<String> = ["x.read", "x.write"]
            .map(|d| outcome(engine.evaluate(&question(&bundle, d)).verdict()))
            .into();
        assert_eq!(got, expected);
    }
}

#[test]
fn a16_whatever_errs_never_allows() {
    // 2^63 - 1 plus something: strict validation does not see it (threat A16).
    let overflow = "when { 9223372036854775807 + context.duration_seconds > 0 };";
    let permit = permit_all()
        + &rule(
            "errs",
            "",
            &format!("permit (principal, action, resource) {overflow}"),
        );
    let forbid = permit_all()
        + &rule(
            "errs",
            "",
            &format!("forbid (principal, action, resource) {overflow}"),
        );
    let hold = permit_all()
        + &rule(
            "errs",
            HOLD_ONE,
            &format!("forbid (principal, action, resource) {overflow}"),
        );
    for (rules, expected) in [(permit, "deny"), (forbid, "deny"), (hold, "one")] {
        let (got, _, errors) = asked(&rules, "x.read");
        assert_eq!((got.as_str(), errors.len()), (expected, 1), "{rules}");
    }
}

#[test]
fn a_required_unknown_holds_at_every_checkpoint_for_it() {
    let missing = rule(
        "m",
        HOLD_TWO,
        "forbid (principal, action, resource) when { context.conditions.context_missing };",
    );
    let asks = rule(
        "a",
        "@checkpoint(\"asks\")",
        "forbid (principal, action, resource);",
    );
    let rules = [permit_all(), missing, asks].concat();
    assert_eq!(
        asked(&rules, "x.read").0,
        "asks two",
        "facts.rows is unknown, which `asks` requires"
    );

    let bundle = bundle(&rules);
    let mut known = question(&bundle, "x.read");
    known.context.facts.insert(
        "rows".to_owned(),
        gatehold_core::context::TypedValue::Integer(3),
    );
    assert_eq!(
        outcome(Engine::new(bundle).evaluate(&known).verdict()),
        "asks"
    );
}

#[test]
fn a_question_that_contradicts_itself_is_denied() {
    let bundle = bundle(&permit_all());
    let engine = Engine::new(Arc::clone(&bundle));
    let read = question(&bundle, "x.read");
    let write = question(&bundle, "x.write");
    assert_eq!(engine.evaluate(&write).verdict(), &Verdict::Allow);

    let mut low = write.clone();
    low.context.tier = Tier::Green;
    let mut harmless = write.clone();
    harmless.context.effects = [EffectClass::Read].into();
    let mut elsewhere = write.clone();
    elsewhere.context.environment = Known::unknown();
    let mut clear = write.clone();
    clear.context.inspectable = false;
    clear.context.tier = Tier::Red;
    let mut smuggled = read.clone();
    smuggled.context.fields.insert(
        "other".to_owned(),
        gatehold_core::context::TypedValue::Bool(true),
    );
    let mut changed = read.clone();
    changed.descriptor_hash = Hash::of(b"older");
    let mut strange = read.clone();
    strange.descriptor = "x.other".parse().unwrap();
    for (what, input) in [
        ("a tier below its table", low),
        ("effects without the descriptor's", harmless),
        ("effects that do not follow", elsewhere),
        ("conditions that do not follow", clear),
        ("fields nobody declared", smuggled),
        ("another definition of the descriptor", changed),
        ("no descriptor", strange),
    ] {
        assert_eq!(engine.evaluate(&input).verdict(), &Verdict::Deny, "{what}");
    }
    let mut advised = read;
    advised.context.tier = Tier::Red;
    let evaluated = engine.evaluate(&advised);
    assert_eq!(
        (evaluated.verdict(), evaluated.trace().tier.tier),
        (&Verdict::Allow, Tier::Red)
    );
}

#[test]
fn the_trace_names_what_answered() {
    let rules = permit_all() + &rule("h1", HOLD_ONE, "forbid (principal, action, resource);");
    let bundle = bundle(&rules);
    let input = question(&bundle, "x.read");
    let pool = EnginePool::new(Arc::clone(&bundle), 3);
    let evaluated = pool.evaluate(&input);
    let trace = evaluated.trace();
    assert_eq!(trace.bundle, bundle.hash());
    assert_eq!(trace.input, input.hash().unwrap());
    assert_eq!(trace.rules, ["h1", "permit-all"]);
    assert_eq!(trace.reasons[0].code, "checkpoint:one");
    assert_eq!(trace.tier.inputs.len(), 6);

    let explanation = explain::explain(&bundle, &input);
    assert_eq!(explanation.evaluated, evaluated);
    assert!(
        explanation
            .rules
            .iter()
            .all(|rule| rule.said == explain::Said::Applied)
    );
}

#[test]
fn a_hold_is_never_met_by_nobody() {
    let rules = permit_all() + &rule("h1", HOLD_ONE, "forbid (principal, action, resource);");
    let bundle = bundle(&rules);
    let mut input = question(&bundle, "x.write");
    forget_sensitivity(&mut input);
    let evaluated = Engine::new(bundle).evaluate(&input);
    let Verdict::Hold(requirement) = evaluated.verdict() else {
        panic!("held")
    };
    for tier in [Tier::Green, Tier::Amber, Tier::Red] {
        for dev in [false, true] {
            assert!(!filled(requirement, floors(tier, dev), &[]).is_filled());
        }
    }
}

#[test]
fn a_descriptor_adds_its_questions_to_every_checkpoint() {
    let mut files =
        files(&(permit_all() + &rule("h1", HOLD_ONE, "forbid (principal, action, resource);")));
    files.insert(
        "criteria/extra.toml".to_owned(),
        "id = \"extra\"\nversion = 1\nowner = \"o\"\ncriteria = [{ id = \"why\", text = \"Why?\", kind = \"text\", required = true }]\n".to_owned(),
    );
    let write =
        files["descriptors/x.write.toml"].replace("criteria = []", "criteria = [\"extra\"]");
    files.insert("descriptors/x.write.toml".to_owned(), write);
    let bundle = bundle_of(files).unwrap();
    let engine = Engine::new(Arc::clone(&bundle));
    let questions =
        |descriptor: &str| match engine.evaluate(&question(&bundle, descriptor)).verdict() {
            Verdict::Hold(requirement) => requirement.criteria().len(),
            other => panic!("{other:?}"),
        };
    assert_eq!((questions("x.read"), questions("x.write")), (0, 1));
}
