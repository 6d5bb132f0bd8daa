use std::collections::{BTreeMap, BTreeSet};
use std::num::{NonZeroU8, NonZeroU32};

use super::*;
use crate::assurance::Assurance;
use crate::hash::Hash;
use crate::limits::Limits;
use crate::signer::Signer;
use crate::time::Timestamp;

const SOUND: &str = r#"
name = "production-change"
title = "A change in production"
owner = "owners"
rationale = "What runs for customers changes only when a person has looked"
justification = "impact"
eligible = { teams = ["owners", "reviewers"], humans = [] }
alternatives = [{ seats = 1, factor = "verified" }]
separate = false
criteria = [
  { id = "intent", text = "Is this what was meant?", kind = "yes", required = true },
  { id = "window", text = "When?", kind = { choice = ["now", "tonight"] }, required = false },
]
decide_within_seconds = 900
spend_within_seconds = 1800
escalation = [{ after_seconds = 300, teams = ["owners"] }]
limits = { ttl_seconds = 900, uses = 1, caps = { rows = 100 } }
requires = ["sensitivity"]
"#;

fn sound() -> Checkpoint {
    toml::from_str(SOUND).unwrap()
}

fn named(name: &str) -> Checkpoint {
    Checkpoint {
        name: name.parse().unwrap(),
        ..sound()
    }
}

#[test]
fn every_member_is_written_down_and_nothing_else() {
    assert_eq!(sound().check(), []);
    let names = [
        "name",
        "title",
        "owner",
        "rationale",
        "justification",
        "eligible",
        "alternatives",
        "separate",
        "criteria",
        "decide_within_seconds",
        "spend_within_seconds",
        "escalation",
        "limits",
        "requires",
    ];
    for name in names {
        let mut table: toml::Table = SOUND.parse().unwrap();
        let value = table.remove(name).unwrap();
        assert!(
            table.clone().try_into::<Checkpoint>().is_err(),
            "without {name}"
        );
        // Threat A17: a key with one character changed must not be taken.
        table.insert(format!("{name}s"), value);
        assert!(table.try_into::<Checkpoint>().is_err(), "{name}s");
    }
}

#[test]
fn a_definition_without_a_signer_keeps_its_hash_and_one_with_it_has_another() {
    // Golden: the hash that this definition had before there was a `signer`.
    let known = "sha256:2dbd610edb40bfda1f6e2c5c4752ee6fced3f4dc1389bc97d607abfe63ff6e83";
    assert_eq!(sound().definition_hash().to_string(), known);
    let with =
        |signer: &str| toml::from_str::<Checkpoint>(&format!("signer = {signer:?}\n{SOUND}"));
    assert_eq!(with("any").unwrap(), sound());
    let (cli, passkey) = (with("cli").unwrap(), with("passkey").unwrap());
    assert_eq!(cli.signer, Signer::Cli);
    let hashes = [&sound(), &cli, &passkey].map(Checkpoint::definition_hash);
    assert!(hashes[0] != hashes[1] && hashes[0] != hashes[2] && hashes[1] != hashes[2]);
    for unknown in ["", "CLI", "terminal", "ssh"] {
        assert!(with(unknown).is_err(), "{unknown}");
    }
}

#[test]
fn whoever_is_admitted_at_several_checkpoints_signs_so_that_it_counts_at_all_of_them() {
    let at = |name: &str, signer| Checkpoint {
        signer,
        ..named(name)
    };
    let all = [
        at("plain", Signer::Any),
        at("terminal", Signer::Cli),
        at("browser", Signer::Passkey),
    ];
    let requirement = Requirement::new(all.to_vec()).unwrap();
    let signer = |names: &[&str]| requirement.signer(|one| names.contains(&one.name.as_str()));
    assert_eq!(signer(&["plain"]), Signer::Any);
    assert_eq!(signer(&["plain", "terminal"]), Signer::Cli);
    assert_eq!(signer(&["plain", "browser"]), Signer::Passkey);
    // Nobody can fill both; either kind counts at one of them.
    assert_eq!(signer(&["terminal", "browser"]), Signer::Any);
    assert_eq!(signer(&[]), Signer::Any);
}

#[test]
fn a02_quorum_zero_or_nobody_does_not_parse_or_does_not_check() {
    assert!(toml::from_str::<Checkpoint>(&SOUND.replace("seats = 1", "seats = 0")).is_err());
    assert!(toml::from_str::<Checkpoint>(&SOUND.replace("seats = 1, ", "")).is_err());
    for (bad, member) in [
        (
            SOUND.replace("[{ seats = 1, factor = \"verified\" }]", "[]"),
            "alternatives",
        ),
        (
            SOUND
                .replace("[\"owners\", \"reviewers\"]", "[]")
                .replace("teams = [\"owners\"]", "teams = []"),
            "eligible",
        ),
        (
            SOUND.replace("after_seconds = 300", "after_seconds = 900"),
            "escalation",
        ),
        (
            SOUND.replace("300, teams = [\"owners\"]", "300, teams = [\"security\"]"),
            "escalation",
        ),
        (SOUND.replace("= 1800", "= 600"), "spend_within_seconds"),
        (SOUND.replace("seats = 1", "seats = 200"), "alternatives"),
        (SOUND.replace("\"window\"", "\"intent\""), "criteria"),
        // The question on red would be answered with it, or it by that question's answer.
        (SOUND.replace("\"window\"", "\"fact.target\""), "criteria"),
        (SOUND.replace("[\"now\", \"tonight\"]", "[]"), "criteria"),
    ] {
        let checkpoint: Checkpoint = toml::from_str(&bad).unwrap();
        assert!(
            checkpoint
                .check()
                .iter()
                .any(|problem| problem.member == member),
            "{member}: {:?}",
            checkpoint.check()
        );
        assert!(Requirement::new(vec![checkpoint]).is_err());
    }
}

#[test]
fn the_hash_covers_every_word() {
    let changes: [fn(&mut Checkpoint); 9] = [
        |c| c.title.push('.'),
        |c| c.rationale.push('.'),
        |c| c.eligible.teams = BTreeSet::from(["security".parse().unwrap()]),
        |c| c.alternatives[0].seats = NonZeroU8::new(2).unwrap(),
        |c| c.alternatives[0].factor = Assurance::Attested,
        |c| c.separate = true,
        |c| c.criteria[0].text.push('?'),
        |c| c.limits.uses = NonZeroU32::new(2).unwrap(),
        |c| c.requires = BTreeSet::new(),
    ];
    let hashes: BTreeSet<Hash> = changes
        .iter()
        .map(|change| {
            let mut changed = sound();
            change(&mut changed);
            changed.definition_hash()
        })
        .chain([sound().definition_hash()])
        .collect();
    assert_eq!(hashes.len(), changes.len() + 1);
}

#[test]
fn a_requirement_is_a_union_without_order() {
    let (a, b) = (named("a"), named("b"));
    let one = Requirement::new(vec![a.clone(), b.clone(), a.clone()]).unwrap();
    let other = Requirement::new(vec![b.clone(), a.clone()]).unwrap();
    assert_eq!(one, other);
    assert_eq!(one.requirement_hash(), other.requirement_hash());
    assert_eq!(one.checkpoints().len(), 2);
    assert_eq!(one.criteria().len(), 2, "equal questions are asked once");
    assert_eq!(Requirement::new(vec![]), Err(RequirementError::Empty));

    let json = serde_json::to_string(&one).unwrap();
    assert_eq!(serde_json::from_str::<Requirement>(&json).unwrap(), one);
    assert!(serde_json::from_str::<Requirement>("[]").is_err());

    let only_a = Requirement::new(vec![a]).unwrap();
    assert!(only_a.is_covered_by(&one.hashes()));
    assert!(!one.is_covered_by(&only_a.hashes()));
    let renamed = Checkpoint {
        title: "Something else".to_owned(),
        ..b
    };
    assert!(
        !Requirement::new(vec![renamed])
            .unwrap()
            .is_covered_by(&one.hashes()),
        "the name is the same, the words are not"
    );
}

#[test]
fn deadlines_and_limits_are_the_least_of_all() {
    let mut tight = named("tight");
    tight.decide_within_seconds = NonZeroU32::new(400).unwrap();
    tight.limits = CheckpointLimits {
        ttl_seconds: NonZeroU32::new(60).unwrap(),
        uses: NonZeroU32::new(5).unwrap(),
        caps: BTreeMap::from([("bytes".to_owned(), 7)]),
    };
    let both = Requirement::new(vec![named("wide"), tight]).unwrap();
    assert_eq!(
        (both.decide_within_seconds(), both.spend_within_seconds()),
        (400, 1800)
    );
    let asked = Limits {
        ttl_seconds: 600,
        uses: 3,
        caps: BTreeMap::from([("rows".to_owned(), 500)]),
        not_before: Timestamp::from_millis(0),
        not_after: Timestamp::from_millis(9),
    };
    let least = both.limits().unwrap().narrow(&asked);
    assert_eq!((least.ttl_seconds, least.uses), (60, 1));
    assert_eq!(
        least.caps,
        BTreeMap::from([("bytes".to_owned(), 7), ("rows".to_owned(), 100)])
    );
    assert!(least.within(&asked));
}

#[test]
fn escalation_only_widens_who_is_asked() {
    let checkpoint = sound();
    let asked = |seconds| {
        checkpoint
            .asked_after(seconds)
            .into_iter()
            .map(ToString::to_string)
            .collect::<Vec<_>>()
    };
    assert_eq!(asked(0), ["reviewers"]);
    assert_eq!(asked(300), ["owners", "reviewers"]);
    assert_eq!(
        (
            checkpoint.next_escalation(0),
            checkpoint.next_escalation(300)
        ),
        (Some(300), None)
    );
}

#[test]
fn answers_must_be_the_ones_that_let_a_review_count() {
    let requirement = Requirement::new(vec![sound()]).unwrap();
    let open = |answers: &[(&str, &str)]| {
        let answers = answers
            .iter()
            .map(|(id, answer)| ((*id).to_owned(), (*answer).to_owned()))
            .collect();
        requirement
            .unanswered(&answers)
            .iter()
            .map(|criterion| criterion.id.clone())
            .collect::<Vec<_>>()
    };
    assert_eq!(open(&[]), ["intent"]);
    assert_eq!(open(&[("intent", "no")]), ["intent"]);
    assert_eq!(
        open(&[("intent", "yes"), ("window", "next year")]),
        ["window"]
    );
    assert!(open(&[("intent", "yes"), ("window", "now")]).is_empty());
}

#[test]
fn the_claim_beside_a_criterion_is_part_of_the_hash_and_none_leaves_it_as_it_was() {
    // As it was before a criterion could name one.
    let before = "sha256:2dbd610edb40bfda1f6e2c5c4752ee6fced3f4dc1389bc97d607abfe63ff6e83";
    assert_eq!(sound().definition_hash().to_string(), before);
    let mut with = sound();
    with.criteria.first_mut().unwrap().claim = Some("rollback_plan".to_owned());
    assert_ne!(with.definition_hash(), sound().definition_hash());
    assert_eq!(with.check(), []);
    let written = SOUND.replace(
        "kind = \"yes\", required = true }",
        "kind = \"yes\", required = true, claim = \"rollback_plan\" }",
    );
    assert_eq!(toml::from_str::<Checkpoint>(&written).unwrap(), with);
    let bytes = crate::json::canonical::to_bytes(&with).unwrap();
    let again: Checkpoint = crate::json::canonical::from_canonical_bytes(&bytes).unwrap();
    assert_eq!(again, with);
    with.criteria.first_mut().unwrap().claim = Some("\u{202e}".to_owned());
    assert_eq!(with.check().len(), 1);
}

const GLASS: &str = r#"
[break_glass]
people = ["gus@corp.example", "gia@corp.example"]
descriptors = ["db.write"]
resources = ["shop/orders", "crm/"]
after_seconds = 300
limits = { ttl_seconds = 120, uses = 1, caps = { rows = 10 } }
post_review = { teams = ["auditors"], humans = [] }
post_review_within_seconds = 86400
"#;

fn behind_glass(changed: &[(&str, &str)]) -> Result<Checkpoint, toml::de::Error> {
    let glass = changed.iter().fold(GLASS.to_owned(), |glass, (from, to)| {
        assert!(glass.contains(from), "{from}");
        glass.replace(from, to)
    });
    toml::from_str(&format!("{SOUND}{glass}"))
}

#[test]
fn break_glass_is_off_unless_it_is_written_down_whole() {
    let offered = behind_glass(&[]).unwrap();
    assert_eq!(offered.check(), []);
    assert_eq!(sound().break_glass, None);
    assert_ne!(sound().definition_hash(), offered.definition_hash());
    for member in [
        "people",
        "descriptors",
        "resources",
        "after_seconds",
        "limits",
        "post_review =",
        "post_review_within_seconds",
    ] {
        let without: Vec<&str> = GLASS
            .lines()
            .filter(|line| !line.starts_with(member))
            .collect();
        let text = format!("{SOUND}{}", without.join("\n"));
        assert!(toml::from_str::<Checkpoint>(&text).is_err(), "{member}");
    }
    assert!(behind_glass(&[("after_seconds", "after_second")]).is_err());
}

#[test]
fn break_glass_is_never_blank_and_always_less() {
    for (from, to) in [
        (
            "[\"gus@corp.example\", \"gia@corp.example\"]",
            "[\"gus@corp.example\"]",
        ),
        ("descriptors = [\"db.write\"]", "descriptors = []"),
        ("[\"shop/orders\", \"crm/\"]", "[]"),
        ("[\"shop/orders\", \"crm/\"]", "[\"/\"]"),
        ("after_seconds = 300", "after_seconds = 900"),
        ("ttl_seconds = 120", "ttl_seconds = 900"),
        ("uses = 1", "uses = 2"),
        ("rows = 10", "rows = 101"),
        ("{ rows = 10 }", "{}"),
        ("{ rows = 10 }", "{ rows = 10, bytes = 10 }"),
        ("teams = [\"auditors\"]", "teams = []"),
        ("= 86400", "= 604801"),
    ] {
        let found = behind_glass(&[(from, to)]).unwrap().check();
        let [problem] = found.as_slice() else {
            panic!("{to}: {found:?}");
        };
        assert_eq!(problem.member, "break_glass", "{to}");
    }
}
