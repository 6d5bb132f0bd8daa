use std::num::{NonZeroU8, NonZeroU32};

use proptest::prelude::*;

use super::*;
use crate::checkpoint::{CheckpointLimits, Eligible, Justification, floors};
use crate::signer::{KeyKind, Signer};
use crate::tier::Tier;
use Assurance::{Attested, Present, Software, Verified};

const TEAMS: [&str; 3] = ["owners", "reviewers", "security"];

fn alternative(seats: u8, factor: Assurance) -> Alternative {
    Alternative {
        seats: NonZeroU8::new(seats).unwrap(),
        factor,
    }
}

fn checkpoint(
    name: &str,
    teams: &[&str],
    alternatives: Vec<Alternative>,
    separate: bool,
) -> Checkpoint {
    Checkpoint {
        name: name.parse().unwrap(),
        title: name.to_owned(),
        owner: "security".to_owned(),
        rationale: "because".to_owned(),
        justification: Justification::Impact,
        eligible: Eligible {
            teams: teams.iter().map(|team| team.parse().unwrap()).collect(),
            humans: BTreeSet::new(),
        },
        alternatives,
        separate,
        criteria: vec![],
        decide_within_seconds: NonZeroU32::new(600).unwrap(),
        spend_within_seconds: NonZeroU32::new(900).unwrap(),
        escalation: vec![],
        limits: CheckpointLimits {
            ttl_seconds: NonZeroU32::new(900).unwrap(),
            uses: NonZeroU32::MIN,
            caps: BTreeMap::new(),
        },
        requires: BTreeSet::new(),
        signer: Signer::Any,
    }
}

fn reviewer(name: usize, assurance: Assurance, teams: &[&str]) -> Reviewer {
    Reviewer {
        human: format!("p{name}@corp.example").parse().unwrap(),
        strength: Strength::of(KeyKind::Ssh, assurance),
        teams: teams.iter().map(|team| team.parse().unwrap()).collect(),
        through: vec![],
    }
}

/// What somebody who is away gave, by their number.
fn through(from: usize, teams: &[&str]) -> Through {
    Through {
        delegation: Hash::of(&[u8::try_from(from).unwrap()]),
        from: format!("p{from}@corp.example").parse().unwrap(),
        teams: teams.iter().map(|team| team.parse().unwrap()).collect(),
        checkpoints: None,
        until: crate::time::Timestamp::from_millis(9),
    }
}

fn deciding_for(name: usize, away: &[usize]) -> Reviewer {
    Reviewer {
        through: away
            .iter()
            .map(|from| through(*from, &["owners"]))
            .collect(),
        ..reviewer(name, Verified, &[])
    }
}

fn is_filled(checkpoints: Vec<Checkpoint>, floors: &[Alternative], reviewers: &[Reviewer]) -> bool {
    filled(&Requirement::new(checkpoints).unwrap(), floors, reviewers).is_filled()
}

const ANY: &[Alternative] = floors(Tier::Green, true);

#[test]
fn a09_one_person_fills_one_seat_however_often_they_sign() {
    let two = || {
        vec![checkpoint(
            "a",
            &["owners"],
            vec![alternative(2, Software)],
            false,
        )]
    };
    let same = [
        reviewer(1, Present, &["owners"]),
        reviewer(1, Verified, &["owners"]),
    ];
    assert!(!is_filled(two(), ANY, &same));
    let both = [
        reviewer(1, Present, &["owners"]),
        reviewer(2, Present, &["owners"]),
    ];
    assert!(is_filled(two(), ANY, &both));
}

#[test]
fn separate_checkpoints_share_nobody() {
    let points = |separate| {
        vec![
            checkpoint("a", &["owners"], vec![alternative(1, Software)], separate),
            checkpoint(
                "b",
                &["owners", "security"],
                vec![alternative(1, Software)],
                false,
            ),
        ]
    };
    let one = [reviewer(1, Present, &["owners"])];
    assert!(is_filled(points(false), ANY, &one));
    assert!(!is_filled(points(true), ANY, &one));
    // The owner must be kept for the checkpoint that only owners may fill.
    let other = [one[0].clone(), reviewer(2, Present, &["security"])];
    assert!(is_filled(points(true), ANY, &other));
}

fn owners(seats: u8) -> Vec<Checkpoint> {
    let seats = vec![alternative(seats, Software)];
    vec![checkpoint("a", &["owners"], seats, false)]
}

#[test]
fn whoever_decides_for_somebody_fills_their_seat_and_no_second_one() {
    assert!(is_filled(owners(1), ANY, &[deciding_for(1, &[8])]));
    let for_two = [deciding_for(1, &[8, 9])];
    assert!(!is_filled(owners(2), ANY, &for_two), "one person, one seat");
    let two = [deciding_for(1, &[8]), deciding_for(2, &[9])];
    assert!(is_filled(owners(2), ANY, &two));
}

#[test]
fn two_who_decide_for_the_same_person_fill_one_seat() {
    let same = [deciding_for(1, &[8]), deciding_for(2, &[8])];
    assert!(is_filled(owners(1), ANY, &same));
    assert!(!is_filled(owners(2), ANY, &same));
    // Whoever could stand for another as well leaves the place to whoever could not.
    for people in [
        [deciding_for(1, &[8, 9]), deciding_for(2, &[8])],
        [deciding_for(1, &[8]), deciding_for(2, &[8, 9])],
    ] {
        assert!(is_filled(owners(2), ANY, &people));
    }
}

#[test]
fn where_whoever_was_away_decides_nobody_stands_for_them() {
    let both = [deciding_for(1, &[8]), reviewer(8, Verified, &["owners"])];
    assert!(is_filled(owners(1), ANY, &both));
    assert!(!is_filled(owners(2), ANY, &both));
}

#[test]
fn floors_are_demanded_beside_the_alternatives() {
    let point = || {
        vec![checkpoint(
            "a",
            &["owners"],
            vec![alternative(1, Software)],
            false,
        )]
    };
    let one = |assurance| [reviewer(1, assurance, &["owners"])];
    for (tier, assurance, expected) in [
        (Tier::Green, Software, false),
        (Tier::Green, Present, true),
        (Tier::Amber, Present, false),
        (Tier::Amber, Verified, true),
        (Tier::Red, Verified, false),
        (Tier::Red, Attested, true),
    ] {
        let got = is_filled(point(), floors(tier, false), &one(assurance));
        assert_eq!(got, expected, "{tier} {assurance}");
    }
    let two = [one(Verified)[0].clone(), reviewer(2, Verified, &["owners"])];
    assert!(is_filled(point(), floors(Tier::Red, false), &two));
    assert!(!is_filled(point(), floors(Tier::Red, true), &one(Attested)));
    assert!(!is_filled(point(), &[], &two), "no floors is not no demand");
}

#[test]
fn b09_a_checkpoint_that_demands_a_terminal_takes_no_passkey_however_good() {
    let demands = |signer| Checkpoint {
        signer,
        ..checkpoint("a", &["owners"], vec![alternative(1, Present)], false)
    };
    let signs = |kind, assurance| Reviewer {
        strength: Strength::of(kind, assurance),
        ..reviewer(1, assurance, &["owners"])
    };
    let green = floors(Tier::Green, false);
    for (signer, kind, expected) in [
        (Signer::Any, KeyKind::Ssh, true),
        (Signer::Any, KeyKind::Passkey, true),
        (Signer::Cli, KeyKind::Ssh, true),
        (Signer::Cli, KeyKind::Passkey, false),
        (Signer::Passkey, KeyKind::Ssh, false),
        (Signer::Passkey, KeyKind::Passkey, true),
    ] {
        let got = is_filled(vec![demands(signer)], green, &[signs(kind, Attested)]);
        assert_eq!(got, expected, "{signer} {kind:?}");
    }
    // A strong passkey lends nothing to a weak SSH key, at the checkpoint or at the floor.
    let weak = [
        signs(KeyKind::Ssh, Present),
        signs(KeyKind::Passkey, Attested),
    ];
    let amber = floors(Tier::Amber, false);
    assert!(is_filled(vec![demands(Signer::Cli)], green, &weak));
    assert!(!is_filled(vec![demands(Signer::Cli)], amber, &weak));
    assert!(is_filled(vec![demands(Signer::Any)], amber, &weak));
}

/// Every way to give each person to one separate checkpoint or to the shared ones.
fn brute_force(checkpoints: &[Checkpoint], floors: &[Alternative], people: &[Reviewer]) -> bool {
    let mut distinct: BTreeMap<&HumanId, Reviewer> = BTreeMap::new();
    for person in people {
        let entry = distinct
            .entry(&person.human)
            .or_insert_with(|| person.clone());
        entry.strength = entry.strength.or(person.strength);
        entry.teams.extend(person.teams.iter().cloned());
    }
    let people: Vec<Reviewer> = distinct.into_values().collect();
    let places = checkpoints.len() + 1;
    (0..places.pow(u32::try_from(people.len()).unwrap())).any(|code| {
        let place = |person: usize| code / places.pow(u32::try_from(person).unwrap()) % places;
        checkpoints.iter().enumerate().all(|(index, checkpoint)| {
            let home = if checkpoint.separate {
                index
            } else {
                places - 1
            };
            let count = |wanted: &Alternative| {
                people
                    .iter()
                    .enumerate()
                    .filter(|(at, person)| {
                        place(*at) == home
                            && person.strength.at(checkpoint.signer) >= Some(wanted.factor)
                            && checkpoint.admits(&person.human, &person.teams)
                    })
                    .count()
                    >= usize::from(wanted.seats.get())
            };
            checkpoint.alternatives.iter().any(count) && floors.iter().any(count)
        })
    })
}

fn any_assurance() -> impl Strategy<Value = Assurance> {
    prop_oneof![
        Just(Software),
        Just(Present),
        Just(Verified),
        Just(Attested)
    ]
}

fn any_kind() -> impl Strategy<Value = KeyKind> {
    prop_oneof![Just(KeyKind::Ssh), Just(KeyKind::Passkey)]
}

fn any_signer() -> impl Strategy<Value = Signer> {
    prop_oneof![
        3 => Just(Signer::Any),
        1 => Just(Signer::Cli),
        1 => Just(Signer::Passkey)
    ]
}

fn any_teams() -> impl Strategy<Value = Vec<&'static str>> {
    proptest::sample::subsequence(TEAMS.to_vec(), 1..=2)
}

fn any_alternatives() -> impl Strategy<Value = Vec<Alternative>> {
    proptest::collection::vec((1_u8..=3, any_assurance()), 1..=2).prop_map(|each| {
        each.into_iter()
            .map(|(seats, factor)| alternative(seats, factor))
            .collect()
    })
}

fn any_checkpoints() -> impl Strategy<Value = Vec<Checkpoint>> {
    let one = (any_teams(), any_alternatives(), any::<bool>(), any_signer());
    proptest::collection::vec(one, 1..=3).prop_map(|each| {
        each.into_iter()
            .enumerate()
            .map(|(at, (teams, alternatives, separate, signer))| Checkpoint {
                signer,
                ..checkpoint(&format!("c{at}"), &teams, alternatives, separate)
            })
            .collect()
    })
}

/// People of whom some decide for others. Those who are away are numbered apart from most who are not.
fn any_deciding() -> impl Strategy<Value = Vec<Reviewer>> {
    let given = proptest::collection::vec((3_usize..8, any_teams()), 0..=2);
    proptest::collection::vec((0_usize..5, any_assurance(), any_teams(), given), 0..=5).prop_map(
        |each| {
            each.into_iter()
                .map(|(name, assurance, teams, given)| Reviewer {
                    through: given
                        .into_iter()
                        .filter(|(from, _)| *from != name)
                        .map(|(from, teams)| through(from, &teams))
                        .collect(),
                    ..reviewer(name, assurance, &teams)
                })
                .collect()
        },
    )
}

/// Every way in which those who are away are replaced by one of those who decide for them, or by nobody: with the person who is
/// away, entitled by themselves, in the place of whoever decides for them.
fn every_place_taken(people: &[Reviewer]) -> Vec<Vec<Reviewer>> {
    let here: BTreeSet<&HumanId> = people.iter().map(|person| &person.human).collect();
    let mut takers: BTreeMap<&HumanId, BTreeSet<&HumanId>> = BTreeMap::new();
    for person in people {
        for through in person
            .through
            .iter()
            .filter(|one| !here.contains(&one.from))
        {
            takers
                .entry(&through.from)
                .or_default()
                .insert(&person.human);
        }
    }
    let alone = people.iter().map(|person| Reviewer {
        through: vec![],
        ..person.clone()
    });
    let mut ways = vec![alone.collect::<Vec<_>>()];
    for (from, by) in takers {
        let taken = by.into_iter().map(|taker| {
            let theirs = people.iter().filter(|person| person.human == *taker);
            let best = theirs.clone().map(|person| person.strength);
            let best = best.reduce(Strength::or);
            let given = theirs.flat_map(|person| &person.through);
            let given = given.filter(|through| through.from == *from);
            Reviewer {
                human: from.clone(),
                strength: best.unwrap(),
                teams: given.flat_map(|through| through.teams.clone()).collect(),
                through: vec![],
            }
        });
        let taken: Vec<Reviewer> = taken.collect();
        let with = |way: &Vec<Reviewer>| {
            let way = way.clone();
            taken.clone().into_iter().map(move |person| {
                let mut way = way.clone();
                way.push(person);
                way
            })
        };
        let more: Vec<_> = ways.iter().flat_map(with).collect();
        ways.extend(more);
    }
    ways
}

fn any_people() -> impl Strategy<Value = Vec<Reviewer>> {
    let one = (0_usize..5, any_kind(), any_assurance(), any_teams());
    proptest::collection::vec(one, 0..=6).prop_map(|each| {
        each.into_iter()
            .map(|(name, kind, assurance, teams)| Reviewer {
                strength: Strength::of(kind, assurance),
                ..reviewer(name, assurance, &teams)
            })
            .collect()
    })
}

proptest! {
    #[test]
    fn agrees_with_trying_everything(
        checkpoints in any_checkpoints(),
        people in any_people(),
        floor in any_alternatives(),
    ) {
        let expected = brute_force(&checkpoints, &floor, &people);
        prop_assert_eq!(is_filled(checkpoints, &floor, &people), expected);
    }

    #[test]
    fn a14_more_reviews_never_unfill(
        checkpoints in any_checkpoints(),
        people in any_people(),
        floor in any_alternatives(),
        one_more in any_people(),
    ) {
        let before = is_filled(checkpoints.clone(), &floor, &people);
        let more: Vec<_> = people.into_iter().chain(one_more).collect();
        prop_assert!(!before || is_filled(checkpoints, &floor, &more));
    }

    /// The invariant `delegation-only-narrows`: what is filled with delegations is filled without any by distinct people
    /// who are entitled themselves, with those who are away in the place of one who decides for them each.
    #[test]
    fn a09_a_delegation_fills_nothing_that_those_who_are_away_could_not(
        checkpoints in any_checkpoints(),
        people in any_deciding(),
        floor in any_alternatives(),
    ) {
        if is_filled(checkpoints.clone(), &floor, &people) {
            let ways = every_place_taken(&people);
            let fills = |way: &Vec<Reviewer>| brute_force(&checkpoints, &floor, way);
            prop_assert!(ways.iter().any(fills));
        }
    }

    /// More reviews by people whom nobody decides for never un-fill, and nobody who decides for others is needed where there is
    /// no delegation.
    #[test]
    fn a14_more_who_decide_for_others_never_unfill(
        checkpoints in any_checkpoints(),
        people in any_people(),
        floor in any_alternatives(),
        more in any_deciding(),
    ) {
        let before = is_filled(checkpoints.clone(), &floor, &people);
        let more: Vec<_> = people.into_iter().chain(more).collect();
        prop_assert!(!before || is_filled(checkpoints, &floor, &more));
    }

    #[test]
    fn a02_nobody_is_never_enough_and_nobody_is_seated_twice(
        checkpoints in any_checkpoints(),
        people in any_people(),
        floor in any_alternatives(),
    ) {
        let requirement = Requirement::new(checkpoints.clone()).unwrap();
        prop_assert!(!filled(&requirement, &floor, &[]).is_filled());
        if let SeatsAnswer::Filled(seated) = filled(&requirement, &floor, &people) {
            prop_assert_eq!(seated.len(), requirement.checkpoints().len());
            for (hash, checkpoint) in requirement.checkpoints() {
                let mine = seated.iter().find(|seated| seated.checkpoint == *hash).unwrap();
                let distinct: BTreeSet<_> = mine.humans.iter().collect();
                prop_assert_eq!(distinct.len(), mine.humans.len());
                if checkpoint.separate {
                    let elsewhere = seated.iter().filter(|other| other.checkpoint != *hash);
                    let shared = elsewhere.flat_map(|other| &other.humans).any(|human| distinct.contains(human));
                    prop_assert!(!shared);
                }
            }
        }
    }
}
