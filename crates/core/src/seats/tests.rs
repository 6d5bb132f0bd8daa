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
        break_glass: None,
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

/// One seat for an owner and one for security.
fn owners_and_security(separate: bool) -> Vec<Checkpoint> {
    let one = |name, team| checkpoint(name, &[team], vec![alternative(1, Software)], separate);
    vec![one("a", "owners"), one("b", "security")]
}

#[test]
fn a09_one_signature_stands_for_one_person_in_the_whole_requirement() {
    let for_an_owner = |name: usize, teams: &[&str]| Reviewer {
        through: vec![through(8, &["owners"])],
        ..reviewer(name, Verified, teams)
    };
    let security = for_an_owner(1, &["security"]);
    for separate in [false, true] {
        let points = || owners_and_security(separate);
        let alone = std::slice::from_ref(&security);
        assert!(!is_filled(points(), ANY, alone), "as themselves or for one");
        // The other seat is anybody else's, and each of the two is taken by whoever leaves the other.
        let another = [security.clone(), reviewer(2, Verified, &["security"])];
        assert!(is_filled(points(), ANY, &another));
        let owner = [security.clone(), reviewer(2, Verified, &["owners"])];
        assert!(is_filled(points(), ANY, &owner));
    }
    let for_two = Reviewer {
        through: vec![through(8, &["owners"]), through(9, &["security"])],
        ..reviewer(1, Verified, &[])
    };
    assert!(!is_filled(owners_and_security(false), ANY, &[for_two]));
    // What one person gave twice is still one person.
    let for_one = Reviewer {
        through: vec![through(8, &["owners"]), through(8, &["security"])],
        ..reviewer(1, Verified, &[])
    };
    assert!(is_filled(owners_and_security(false), ANY, &[for_one]));
}

#[test]
fn somebody_with_seats_of_their_own_everywhere_stands_as_themselves() {
    let both = Reviewer {
        through: vec![through(8, &["owners"])],
        ..reviewer(1, Verified, &["owners", "security"])
    };
    assert!(is_filled(owners_and_security(false), ANY, &[both]));
}

#[test]
fn many_who_decide_for_others_are_matched_without_trying_every_way() {
    // 16 people with a seat of their own each decide for another owner: 2^16 ways, and the seats of both kinds are all needed.
    let people: Vec<Reviewer> = (0..16)
        .map(|name| Reviewer {
            through: vec![through(100 + name, &["owners"])],
            ..reviewer(name, Verified, &["security"])
        })
        .collect();
    let points = |owners: u8, security: u8| {
        let seats = |seats| vec![alternative(seats, Software)];
        vec![
            checkpoint("a", &["owners"], seats(owners), false),
            checkpoint("b", &["security"], seats(security), false),
        ]
    };
    assert!(is_filled(points(8, 8), ANY, &people));
    assert!(is_filled(points(9, 7), ANY, &people));
    assert!(!is_filled(points(9, 8), ANY, &people));
    assert!(!is_filled(points(9, 1), ANY, &people[..8]));
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

/// Every way in which each of them stands in one capacity: as themselves, or as one of those who are away, entitled by
/// themselves, whom nobody else stands for.
fn every_way_to_stand(people: &[Reviewer]) -> Vec<Vec<Reviewer>> {
    let here: BTreeSet<&HumanId> = people.iter().map(|person| &person.human).collect();
    let mut ways: Vec<Vec<Reviewer>> = vec![vec![]];
    for human in &here {
        let theirs = people.iter().filter(|person| person.human == **human);
        let best = theirs
            .clone()
            .map(|person| person.strength)
            .reduce(Strength::or);
        let standing = |human: &HumanId, teams: BTreeSet<TeamId>| Reviewer {
            human: human.clone(),
            strength: best.unwrap(),
            teams,
            through: vec![],
        };
        let own = theirs.clone().flat_map(|person| person.teams.clone());
        let mut capacities = vec![standing(human, own.collect())];
        let given = theirs.flat_map(|person| &person.through);
        let given = given.filter(|through| !here.contains(&through.from));
        let away: BTreeSet<&HumanId> = given.clone().map(|through| &through.from).collect();
        for from in away {
            let of = given.clone().filter(|through| through.from == *from);
            let teams = of.flat_map(|through| through.teams.clone());
            capacities.push(standing(from, teams.collect()));
        }
        ways = ways
            .iter()
            .flat_map(|way| capacities.iter().map(move |capacity| (way, capacity)))
            .filter(|(way, capacity)| way.iter().all(|one| one.human != capacity.human))
            .map(|(way, capacity)| [way.as_slice(), std::slice::from_ref(capacity)].concat())
            .collect();
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

    /// The invariant `delegation-only-narrows`: what is filled with delegations is filled without any by as many distinct
    /// people who are entitled themselves, with some who are away in the place of one who decides for them each. And nothing
    /// that could be filled so is left open.
    #[test]
    fn a09_a_delegation_fills_nothing_that_those_who_are_away_could_not(
        checkpoints in any_checkpoints(),
        people in any_deciding(),
        floor in any_alternatives(),
    ) {
        let ways = every_way_to_stand(&people);
        let fills = |way: &Vec<Reviewer>| brute_force(&checkpoints, &floor, way);
        let expected = ways.iter().any(fills);
        prop_assert_eq!(is_filled(checkpoints, &floor, &people), expected);
    }

    /// Where not even everybody in every place would be enough, no way to stand is.
    #[test]
    fn what_could_not_be_filled_is_not_filled(
        checkpoints in any_checkpoints(),
        people in any_deciding(),
        floor in any_alternatives(),
    ) {
        let requirement = Requirement::new(checkpoints).unwrap();
        let filled = filled(&requirement, &floor, &people).is_filled();
        let could = could_fill(&requirement, &floor, &people);
        prop_assert!(could || !filled);
        let lent = people.iter().any(|person| !person.through.is_empty());
        prop_assert!(lent || could == filled);
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
