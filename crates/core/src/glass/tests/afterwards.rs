//! How often, and who looks at it afterwards.

use super::*;
use crate::commit::{Guard, LeafKind, UniqueKey, Write};
use crate::correction::CorrectionText;
use crate::decide::{
    LookAfterwards, glass_overdue, glass_overdue_key, look_afterwards, post_review_key,
};
use crate::entry::Event;

/// An opening that these signed.
fn opening(number: u8, signers: &[&str], at: Timestamp) -> Opening {
    Opening {
        request: RequestId::from_bytes([number; 16]),
        glass: Hash::of(&[number]),
        incident: "INC-7".to_owned(),
        signers: humans(signers),
        involved: humans(signers),
        at,
        post_review: offered().post_review,
        review_by: at.plus_seconds(7 * 86_400),
        reviewed: BTreeMap::new(),
    }
}

fn day(of: u32) -> Timestamp {
    NOW.plus_seconds(of * GLASS_WINDOW_SECONDS)
}

#[test]
fn a25_one_gate_opens_four_times_a_day() {
    let mut openings = Openings::default();
    for (number, signers) in [
        (0, ["a", "b"]),
        (1, ["c", "d"]),
        (2, ["e", "f"]),
        (3, ["g", "h"]),
    ] {
        assert_eq!(openings.may_open(&humans(&["y", "z"]), NOW), Ok(()));
        openings.add(opening(number, &signers, NOW));
    }
    assert_eq!(openings.total(), 4);
    let others = humans(&["y", "z"]);
    assert_eq!(openings.may_open(&others, NOW), Err(NotOpened::TooMany));
    assert_eq!(openings.may_open(&others, day(1)), Ok(()));
}

#[test]
fn one_person_opens_twice_a_day() {
    let mut openings = Openings::default();
    openings.add(opening(0, &["gus", "gia"], NOW));
    openings.add(opening(1, &["gus", "hal"], NOW));
    let pair = |second| humans(&["ann", second]);
    let often = Err(NotOpened::TooManyOfOne);
    assert_eq!(openings.may_open(&pair("gus"), NOW), often);
    assert_eq!(openings.may_open(&pair("hal"), NOW), Ok(()));
    assert_eq!(openings.may_open(&pair("gus"), day(1)), Ok(()));
}

#[test]
fn a25_what_nobody_has_looked_at_closes_the_glass_and_is_never_forgotten() {
    let mut openings = Openings::default();
    openings.add(opening(0, &["gus", "gia"], NOW));
    let others = humans(&["y", "z"]);
    assert_eq!(openings.may_open(&others, day(7)), Ok(()));
    let late = day(8);
    let overdue = NotOpened::Overdue(RequestId::from_bytes([0; 16]));
    assert_eq!(openings.may_open(&others, late), Err(overdue));
    openings.add(opening(1, &["hal", "ann"], late));
    assert_eq!(openings.open().count(), 2);
}

impl House {
    /// The first opening, and what somebody says of it.
    fn said(&self, name: &str) -> PostReviewStatement {
        let opening = self.openings.openings().iter().next().unwrap();
        PostReviewStatement {
            type_: POST_REVIEW_TYPE.to_owned(),
            gate: self.directory.origin.clone(),
            request: opening.request,
            glass: opening.glass,
            judgement: Judgement::Justified,
            text_hash: CorrectionText::hash_of(&words("it was right")),
            human: human(name),
            key: print(name, false),
            issued_at: NOW,
        }
    }

    fn look(&self, name: &str, words: &[u8], now: Timestamp) -> Result<Write, Refusal> {
        self.look_signed(looked(&self.said(name), name), words, now)
    }

    fn look_signed(
        &self,
        review: UnverifiedPostReview,
        words: &[u8],
        now: Timestamp,
    ) -> Result<Write, Refusal> {
        let look = LookAfterwards {
            review,
            text: words.to_vec(),
        };
        let (stops, pause) = (Versioned::<Stops>::default(), Versioned::<Pause>::default());
        let settings = Settings::default();
        look_afterwards(&look, &self.world(&stops, &pause, &settings), &fresh(), now)
    }

    fn overdue(&self, glass: Hash, now: Timestamp) -> Result<Write, Refusal> {
        let opening = self.openings.openings().iter().next().unwrap();
        let (stops, pause) = (Versioned::<Stops>::default(), Versioned::<Pause>::default());
        let settings = Settings::default();
        let world = self.world(&stops, &pause, &settings);
        glass_overdue((opening.request, glass), &world, &fresh(), now)
    }

    /// Somebody looks, and it counts or not.
    fn counts(&mut self, name: &str) -> Result<(), PostReviewError> {
        let review = looked(&self.said(name), name);
        let verified = VerifiedPostReview::verify(&review, &self.directory)?;
        let teams = self.directory.teams_of(&human(name));
        self.openings.post_reviewed(&verified, &teams)
    }
}

fn words(text: &str) -> Vec<u8> {
    let text = CorrectionText {
        text: text.to_owned(),
        salt: "salt".to_owned(),
    };
    text.to_bytes().unwrap()
}

fn looked(statement: &PostReviewStatement, name: &str) -> UnverifiedPostReview {
    let bytes = canonical::to_bytes(statement).unwrap();
    UnverifiedPostReview {
        signature: sign_software(&seed(name, false), POST_REVIEW_TYPE, &bytes).unwrap(),
        statement: String::from_utf8(bytes).unwrap(),
    }
}

fn opened() -> House {
    let house = House::new();
    let signed = house.signed(|_| {});
    house.opened(signed).0
}

#[test]
fn two_people_who_had_no_part_in_it_look_at_it() {
    let mut house = opened();
    assert_eq!(house.counts("ada"), Ok(()));
    assert_eq!(
        house.openings.openings().open().count(),
        1,
        "one is not two"
    );
    assert_eq!(house.counts("ada"), Err(PostReviewError::Again));
    assert_eq!(house.counts("abe"), Ok(()));
    assert_eq!(house.openings.openings().open().count(), 0);
}

#[test]
fn whoever_had_a_part_in_the_incident_does_not() {
    let mut house = opened();
    for name in ["gus", "rex", "ann"] {
        assert_eq!(house.counts(name), Err(PostReviewError::Involved), "{name}");
    }
    // Ada signs another opening of the same incident.
    let review = looked(&house.said("ada"), "ada");
    let verified = VerifiedPostReview::verify(&review, &house.directory).unwrap();
    let teams = house.directory.teams_of(&human("ada"));
    let mut openings = house.openings.openings().clone();
    openings.add(opening(9, &["ada", "hal"], NOW));
    let refused = openings.reviewed(&verified, &teams);
    assert_eq!(refused, Err(PostReviewError::Involved));
}

#[test]
fn whom_no_checkpoint_names_for_it_does_not() {
    let mut house = opened();
    assert_eq!(house.counts("hal"), Err(PostReviewError::NotEntitled));
}

#[test]
fn a_look_is_signed_as_one_by_whoever_looks_at_this_gate() {
    let house = opened();
    let said = house.said("ada");
    let verify = |statement: &PostReviewStatement, by: &str| {
        VerifiedPostReview::verify(&looked(statement, by), &house.directory)
    };
    assert!(verify(&said, "ada").is_ok());
    let other = |what| Some(PostReviewError::Other(what));
    let mut changed = said.clone();
    changed.type_ = crate::correction::CORRECTION_TYPE.to_owned();
    assert_eq!(verify(&changed, "ada").err(), other("kind of document"));
    let mut changed = said.clone();
    changed.gate = "dev.other.example".parse().unwrap();
    assert_eq!(verify(&changed, "ada").err(), other("gate"));
    let mut changed = said.clone();
    changed.key = print("abe", false);
    assert_eq!(verify(&changed, "abe").err(), Some(PostReviewError::Key));
    let forged = verify(&said, "abe").err();
    assert!(matches!(forged, Some(PostReviewError::Signature(_))));
    let mut production = house.directory.clone();
    production.origin = "gate.example".parse().unwrap();
    let mut there = said;
    there.gate = production.origin.clone();
    let review = looked(&there, "ada");
    let software = VerifiedPostReview::verify(&review, &production).err();
    assert_eq!(software, Some(PostReviewError::Software));
}

#[test]
fn a_look_is_a_leaf_of_its_own_and_changes_no_row() {
    let house = opened();
    let write = house.look("ada", &words("it was right"), NOW).unwrap();
    assert_eq!(write.leaf.kind, LeafKind::PostReview);
    assert_eq!(write.rows, []);
    let opening = house.openings.openings().iter().next().unwrap();
    let once = UniqueKey(post_review_key(opening, &human("ada")));
    assert!(write.guards.contains(&Guard::Absent(once, None)));
    let entry = Entry::from_bytes(&write.leaf.record).unwrap();
    assert!(matches!(
        entry.event,
        Event::PostReviewed {
            judgement: Judgement::Justified,
            ..
        }
    ));
}

#[test]
fn a_look_has_words_and_is_of_today() {
    let house = opened();
    let said = |words: &[u8], now| house.look("ada", words, now).map(drop).err();
    let claims = |error: PostReviewError| Some(Refusal::PostReview(error));
    let late = NOW.plus_seconds(3_601);
    assert_eq!(
        said(&words("it was right"), late),
        claims(PostReviewError::Time)
    );
    assert_eq!(
        said(&words("it was wrong"), NOW),
        claims(PostReviewError::Other("text"))
    );
    let mut silent = house.said("ada");
    silent.text_hash = CorrectionText::hash_of(&words(" "));
    let silent = looked(&silent, "ada");
    let refused = house.look_signed(silent, &words(" "), NOW).map(drop).err();
    assert_eq!(refused, claims(PostReviewError::Words));
}

#[test]
fn a25_what_nobody_looked_at_in_time_is_told_once_a_day_and_not_before() {
    let mut house = opened();
    let opening = house.openings.openings().iter().next().unwrap().clone();
    let glass = opening.glass;
    let early = house.overdue(glass, opening.review_by);
    assert_eq!(early.map(drop).err(), Some(Refusal::Stale));
    let other = house.overdue(Hash::of(b"another"), opening.review_by.plus_seconds(1));
    assert!(matches!(other, Err(Refusal::PostReview(_))));
    for days in [0_u32, 1, 30] {
        let now = opening.review_by.plus_seconds(days * 86_400 + 1);
        let write = house.overdue(glass, now).unwrap();
        assert_eq!(
            (write.leaf.kind, write.rows),
            (LeafKind::PostReview, vec![])
        );
        let once = UniqueKey(glass_overdue_key(&opening, now));
        assert!(once.0.ends_with(&format!(":{days}")), "{once:?}");
        assert_eq!(write.guards, [Guard::Absent(once, None)]);
        let [told] = &write.outbox[..] else {
            panic!("one message");
        };
        assert_eq!(told.body, opening.request.to_string());
        let entry = Entry::from_bytes(&write.leaf.record).unwrap();
        let Event::GlassOverdue { days: said, .. } = entry.event else {
            panic!("that it is overdue");
        };
        assert_eq!(said, days);
    }
    let late = opening.review_by.plus_seconds(1);
    house.counts("ada").unwrap();
    assert!(house.overdue(glass, late).is_ok(), "one is not two");
    house.counts("abe").unwrap();
    assert_eq!(
        house.overdue(glass, late).map(drop).err(),
        Some(Refusal::Stale)
    );
}

/// What is asked in a run: an opening by two, a look at one by somebody, or time that goes by.
#[derive(Debug, Clone)]
enum Turn {
    Open(&'static str, &'static str),
    Look(usize, &'static str),
    Pass(u32),
}

fn turns() -> impl proptest::strategy::Strategy<Value = Vec<Turn>> {
    use proptest::prelude::*;
    let name = || prop::sample::select(vec!["gus", "gia", "hal", "ada", "abe", "rex", "bob"]);
    let hours = prop::sample::select(vec![1_u32, 3_600, 6 * 3_600, 86_399, 86_400, 3 * 86_400]);
    let turn = prop_oneof![
        3 => (name(), name()).prop_map(|(one, other)| Turn::Open(one, other)),
        4 => (0_usize..12, name()).prop_map(|(of, by)| Turn::Look(of, by)),
        2 => hours.prop_map(Turn::Pass),
    ];
    prop::collection::vec(turn, 1..24)
}

/// One opening as somebody would keep it who forgets nothing.
struct Kept {
    signers: BTreeSet<HumanId>,
    at: Timestamp,
    review_by: Timestamp,
    looks: BTreeSet<HumanId>,
}

proptest::proptest! {
    #![proptest_config(proptest::prelude::ProptestConfig::with_cases(48))]

    /// However people open, look and wait: never more than four of a day, never more than two of one person, nothing while a look is
    /// overdue, and no look by whoever had a part in it, was not named for it, or has looked. What is forgotten was of no more use.
    #[test]
    fn a25_in_every_order_the_glass_opens_so_often_and_closes_until_two_others_looked(turns in turns()) {
        let house = House::new();
        let (mut openings, mut all, mut now) = (Openings::default(), Vec::<Kept>::new(), NOW);
        for turn in turns {
            match turn {
                Turn::Pass(seconds) => now = now.plus_seconds(seconds),
                Turn::Open(one, other) => {
                    let signers = humans(&[one, other]);
                    let recent = |kept: &&Kept| now < kept.at.plus_seconds(86_400);
                    let owed = all.iter().any(|kept| kept.looks.len() < 2 && now > kept.review_by);
                    let often = signers.iter().any(|human| {
                        all.iter().filter(recent).filter(|kept| kept.signers.contains(human)).count() >= 2
                    });
                    let may = !owed && !often && all.iter().filter(recent).count() < 4;
                    proptest::prop_assert_eq!(openings.may_open(&signers, now).is_ok(), may);
                    if may {
                        let number = u8::try_from(all.len()).unwrap();
                        let mut new = opening(number, &[one, other], now);
                        new.incident = format!("INC-{number}");
                        let review_by = new.review_by;
                        openings.add(new);
                        all.push(Kept { signers, at: now, review_by, looks: BTreeSet::new() });
                    }
                }
                Turn::Look(of, by) => {
                    let Some(kept) = all.get_mut(of) else { continue };
                    let recent = now < kept.at.plus_seconds(86_400);
                    if kept.looks.len() >= 2 && !recent {
                        continue;
                    }
                    let number = u8::try_from(of).unwrap();
                    let said = PostReviewStatement {
                        type_: POST_REVIEW_TYPE.to_owned(),
                        gate: house.directory.origin.clone(),
                        request: RequestId::from_bytes([number; 16]),
                        glass: Hash::of(&[number]),
                        judgement: Judgement::NotJustified,
                        text_hash: Hash::of(b"text"),
                        human: human(by),
                        key: print(by, false),
                        issued_at: now,
                    };
                    let verified = VerifiedPostReview::verify(&looked(&said, by), &house.directory).unwrap();
                    let teams = house.directory.teams_of(&human(by));
                    let named = teams.iter().any(|team| team.as_str() == "auditors");
                    let may = named && !kept.signers.contains(&human(by)) && !kept.looks.contains(&human(by));
                    proptest::prop_assert_eq!(openings.reviewed(&verified, &teams).is_ok(), may);
                    if may {
                        kept.looks.insert(human(by));
                    }
                }
            }
            let owed = all.iter().filter(|kept| kept.looks.len() < 2).count();
            proptest::prop_assert_eq!(openings.open().count(), owed);
        }
    }
}
