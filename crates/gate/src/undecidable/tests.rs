use std::path::Path;

use gatehold_core::signer::Signer;

use super::*;

fn bundle() -> Arc<Bundle> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../policies/default");
    Arc::new(Bundle::load(&folder).unwrap())
}

/// So many people with keys of this level, in these teams.
fn people(dev: bool, number: usize, assurance: Assurance, teams: &[&str]) -> People {
    let humans = (0..number).map(|at| Reviewer {
        human: format!("p{at}@acme.example").parse().unwrap(),
        strength: Strength::of(KeyKind::Ssh, assurance),
        teams: teams.iter().map(|team| team.parse().unwrap()).collect(),
        through: Vec::new(),
    });
    People {
        dev,
        humans: humans.collect(),
    }
}

const ALL: [&str; 3] = ["owners", "reviewers", "security"];

#[test]
fn four_people_with_good_keys_can_decide_everything() {
    let bundle = bundle();
    for (dev, number, assurance) in [
        (false, 4, Assurance::Verified),
        (false, 5, Assurance::Attested),
        (true, 3, Assurance::Software),
    ] {
        let found = people(dev, number, assurance, &ALL).cannot_decide(&bundle);
        assert!(found.is_empty(), "{number}: {found:?}");
    }
}

#[test]
fn three_people_cannot_enrol_a_workload_of_two_of_them() {
    let found = people(false, 3, Assurance::Verified, &ALL).cannot_decide(&bundle());
    let [only] = found.as_slice() else {
        panic!("{found:?}");
    };
    assert_eq!(
        only.to_string(),
        "nobody could ever decide nhi.create: at gate-identity (owners, reviewers, security) it takes 2 people besides the \
         owner and the backup, with keys that count as 1 `attested` or 2 `verified`; there are 1"
    );
}

#[test]
fn two_people_can_decide_nothing() {
    for (dev, assurance) in [(false, Assurance::Attested), (true, Assurance::Software)] {
        let found = people(dev, 2, assurance, &ALL).cannot_decide(&bundle());
        let changes: BTreeSet<&str> = found
            .iter()
            .flat_map(|one| one.changes.iter().map(DescriptorId::as_str))
            .collect();
        assert_eq!(changes, Change::DESCRIPTORS.into(), "{found:?}");
        assert!(found.iter().all(|one| one.why.there() <= 1), "{found:?}");
    }
}

#[test]
fn keys_that_do_not_count_and_people_of_no_team_decide_nothing() {
    let bundle = bundle();
    for nobody in [
        people(false, 9, Assurance::Software, &ALL),
        people(false, 9, Assurance::Present, &ALL),
        people(false, 9, Assurance::Verified, &["strangers"]),
    ] {
        let found = nobody.cannot_decide(&bundle);
        let changes: usize = found.iter().map(|one| one.changes.len()).sum();
        assert_eq!(changes, Change::DESCRIPTORS.len(), "{found:?}");
        assert!(found.iter().all(|one| one.why.there() == 0), "{found:?}");
    }
}

#[test]
fn a_checkpoint_says_what_fills_it_and_how_many_there_are() {
    let bundle = bundle();
    let found = people(false, 4, Assurance::Verified, &ALL).cannot_fill(&bundle);
    assert!(found.is_empty(), "{found:?}");
    let found = people(false, 1, Assurance::Verified, &["strangers"]).cannot_fill(&bundle);
    assert_eq!(found.len(), bundle.checkpoints().len());
    assert!(found.iter().all(|one| one.there == 0), "{found:?}");
    let found = people(false, 9, Assurance::Software, &ALL).cannot_fill(&bundle);
    assert_eq!(found.len(), bundle.checkpoints().len());
    let found = people(false, 1, Assurance::Verified, &ALL).cannot_fill(&bundle);
    let found: Vec<String> = found.iter().map(ToString::to_string).collect();
    assert_eq!(
        found[0],
        "nothing that checkpoint gate-change holds can be approved: it takes 2 `present` of owners, reviewers, security; people \
         whose keys count for that: 1"
    );
    assert_eq!(found.len(), 3);
}

#[test]
fn a_checkpoint_that_takes_a_key_nobody_has_is_filled_by_nobody() {
    let bundle = bundle();
    let known = bundle.checkpoints().values().next().unwrap();
    let ssh = people(false, 9, Assurance::Verified, &ALL);
    for (signer, filled) in [
        (Signer::Any, true),
        (Signer::Cli, true),
        (Signer::Passkey, false),
    ] {
        let checkpoint = Checkpoint {
            signer,
            ..known.clone()
        };
        assert_eq!(ssh.could_fill(&checkpoint), filled, "{signer}");
    }
    let checkpoint = Checkpoint {
        signer: Signer::Passkey,
        ..known.clone()
    };
    let said = ssh.uncovered(&checkpoint).to_string();
    assert!(
        said.contains("signed in a browser, with a passkey, of ") && said.ends_with(": 0"),
        "{said}"
    );
}
