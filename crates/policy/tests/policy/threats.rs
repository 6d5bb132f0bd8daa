//! Policy's part of the threats of deciding, over every bundle of a small model and over every key and blank of a file.

use std::sync::Arc;

use gatehold_core::verdict::Verdict;
use gatehold_policy::Engine;

use crate::kit::{HEADER, bundle_of, checkpoint, descriptor, files, outcome, question, rule};

const DESCRIPTORS: [&str; 2] = ["x.read", "x.write"];

/// One rule of the model: what it does, and to which descriptor.
#[derive(Clone, Copy)]
struct Model {
    id: &'static str,
    effect: &'static str,
    on: &'static str,
}

const MODEL: [Model; 6] = [
    model("p-read", "permit", "x.read"),
    model("p-write", "permit", "x.write"),
    model("no-write", "forbid", "x.write"),
    model("one-read", "one", "x.read"),
    model("one-write", "one", "x.write"),
    model("two-write", "two", "x.write"),
];

const fn model(id: &'static str, effect: &'static str, on: &'static str) -> Model {
    Model { id, effect, on }
}

/// What the model says: nothing permitted is denied, a forbid denies, and holds add up.
fn expected(rules: &[Model], descriptor: &str) -> String {
    let says = |effect: &str| {
        rules
            .iter()
            .any(|rule| rule.on == descriptor && rule.effect == effect)
    };
    if !says("permit") || says("forbid") {
        return "deny".to_owned();
    }
    match (says("one"), says("two")) {
        (true, true) => "one two".to_owned(),
        (true, false) => "one".to_owned(),
        (false, true) => "two".to_owned(),
        (false, false) => "allow".to_owned(),
    }
}

/// What the engine says; nothing where there is no such bundle.
fn verdicts(rules: &[Model]) -> Option<[Verdict; 2]> {
    let text: String = rules.iter().map(written).collect();
    let bundle = bundle_of(files(&text)).ok()?;
    let engine = Engine::new(Arc::clone(&bundle));
    Some(DESCRIPTORS.map(|name| engine.evaluate(&question(&bundle, name)).verdict().clone()))
}

fn written(model: &Model) -> String {
    let (word, annotation) = match model.effect {
        "permit" => ("permit", String::new()),
        "forbid" => ("forbid", String::new()),
        at => ("forbid", format!("@checkpoint(\"{at}\")")),
    };
    let body = format!(
        "{word} (principal, action == Action::\"{}\", resource);",
        model.on
    );
    rule(model.id, &annotation, &body)
}

fn every_subset() -> impl Iterator<Item = Vec<Model>> {
    (0_u32..1 << MODEL.len()).map(|chosen| {
        let numbered = (0_u32..).zip(MODEL);
        numbered
            .filter(|(at, _)| chosen & (1 << at) != 0)
            .map(|(_, model)| model)
            .collect()
    })
}

#[test]
fn a03_in_every_small_bundle_no_rule_is_deny() {
    let mut tried = 0;
    for rules in every_subset() {
        let Some(verdicts) = verdicts(&rules) else {
            continue;
        };
        tried += 1;
        for (name, verdict) in DESCRIPTORS.iter().zip(&verdicts) {
            assert_eq!(outcome(verdict), expected(&rules, name));
        }
    }
    assert!(tried >= 60, "only {tried} bundles could be read");
}

#[test]
fn a05_another_checkpoint_never_weakens_any_small_bundle() {
    for rules in every_subset() {
        let Some(before) = verdicts(&rules) else {
            continue;
        };
        for more in MODEL.iter().filter(|model| model.effect != "permit") {
            if rules.iter().any(|rule| rule.id == more.id) {
                continue;
            }
            let Some(after) = verdicts(&[rules.as_slice(), &[*more]].concat()) else {
                continue;
            };
            for (before, after) in before.iter().zip(&after) {
                assert!(after.at_least(before), "{} made it looser", more.id);
            }
        }
    }
}

#[test]
fn a06_the_most_restrictive_wins_in_whatever_order() {
    for rules in every_subset() {
        let mut turned = rules.clone();
        turned.reverse();
        assert_eq!(verdicts(&rules), verdicts(&turned));
    }
}

/// Every file of the kit that has keys.
fn keyed() -> Vec<(&'static str, String)> {
    vec![
        ("bundle.toml", HEADER.to_owned()),
        ("checkpoints/one.toml", checkpoint("one", "")),
        (
            "descriptors/x.read.toml",
            descriptor("x.read", "read", "read_only"),
        ),
    ]
}

fn with(path: &str, text: &str) -> Option<[Verdict; 2]> {
    let rules = [MODEL[0], MODEL[1], MODEL[4]];
    let rules: String = rules.iter().map(written).collect();
    let mut files = files(&rules);
    files.insert(path.to_owned(), text.to_owned());
    let bundle = bundle_of(files).ok()?;
    let engine = Engine::new(Arc::clone(&bundle));
    Some(DESCRIPTORS.map(|name| engine.evaluate(&question(&bundle, name)).verdict().clone()))
}

#[test]
fn a17_no_key_of_any_file_may_be_misspelt() {
    for (path, text) in keyed() {
        assert!(with(path, &text).is_some(), "{path} is sound");
        let table: toml::Table = text.parse().unwrap();
        for key in table.keys() {
            let shorter: String = key.chars().skip(1).collect();
            for typo in [format!("{key}x"), shorter] {
                let misspelt = text.replacen(&format!("\n{key} ="), &format!("\n{typo} ="), 1);
                assert_ne!(misspelt, text, "{path}: {key}");
                assert!(
                    with(path, &misspelt).is_none(),
                    "{path}: `{typo}` was taken"
                );
            }
        }
        let more = format!("{text}\nbypass = []\n");
        assert!(
            with(path, &more).is_none(),
            "{path}: an unknown key was taken"
        );
    }
}

#[test]
fn a18_no_blank_means_anybody_for_ever() {
    let mut tried = 0;
    for (path, text) in keyed() {
        let before = with(path, &text).unwrap();
        let table: toml::Table = text.parse().unwrap();
        for (key, value) in &table {
            let blanks: &[toml::Value] = match value {
                toml::Value::String(_) => &[toml::Value::String(String::new())],
                toml::Value::Integer(_) => &[toml::Value::Integer(0)],
                toml::Value::Array(_) => &[toml::Value::Array(vec![])],
                toml::Value::Table(_) => &[toml::Value::Table(toml::Table::new())],
                _ => &[],
            };
            for blank in blanks {
                let mut blanked = table.clone();
                blanked.insert(key.clone(), blank.clone());
                let mut left_out = table.clone();
                left_out.remove(key);
                for changed in [blanked, left_out] {
                    tried += 1;
                    let text = toml::to_string(&changed).unwrap();
                    let Some(after) = with(path, &text) else {
                        continue;
                    };
                    for (before, after) in before.iter().zip(&after) {
                        assert!(after.at_least(before), "{path}: a blank `{key}` loosens");
                    }
                }
            }
        }
    }
    assert!(tried > 60, "{tried}");
}
