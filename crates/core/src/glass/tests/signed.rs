//! What is signed, by whom, and for what.

use super::*;
use crate::directory::Suspended;

#[test]
fn two_people_with_offline_keys_open_what_is_offered() {
    let house = House::new();
    let glass = house.verify(&house.signed(|_| {})).unwrap();
    let signers: Vec<_> = glass.signers().cloned().collect();
    assert_eq!(signers, [human("gia"), human("gus")]);
    assert_eq!(glass.offer().after_seconds, 300);
    let involved = glass.involved(&house.record.requester, &house.directory);
    assert_eq!(involved, humans(&["ann", "bob", "gus", "gia", "rex"]));
}

#[test]
fn what_is_signed_is_about_one_request_as_it_stands() {
    type Changed = (&'static str, fn(&mut GlassStatement));
    let house = House::new();
    let changes: [Changed; 8] = [
        ("kind of document", |it| {
            it.type_ = "gatehold/review/v1".to_owned();
        }),
        ("gate", |it| it.gate = "dev.other.example".parse().unwrap()),
        ("request", |it| it.request = RequestId::from_bytes([8; 16])),
        ("submission", |it| it.request_hash = Hash::of(b"other")),
        ("action", |it| it.digest = Hash::of(b"other")),
        ("rendering", |it| it.display_hash = Hash::of(b"other")),
        ("requirement", |it| it.requirement_hash = Hash::of(b"other")),
        (TIME_TO_SPEND, |it| {
            it.spend_by = it.spend_by.plus_seconds(1);
        }),
    ];
    for (what, change) in changes {
        let refused = house.verify(&house.signed(change));
        assert_eq!(refused.err(), Some(GlassError::Other(what)), "{what}");
    }
}

#[test]
fn a25_one_person_is_not_two() {
    let house = House::new();
    let alone = house.statement(&["gus"]);
    for hands in [&[("gus", "gus")][..], &[("gus", "gus"), ("gus", "gus")]] {
        let refused = house.verify(&by(&alone, hands));
        assert_eq!(refused.err(), Some(GlassError::People), "{hands:?}");
    }
    let nobody = house.statement(&[]);
    assert_eq!(
        house.verify(&by(&nobody, &[])).err(),
        Some(GlassError::People)
    );
}

#[test]
fn everybody_who_is_named_signs_and_nobody_else() {
    let mut house = House::new();
    let mut wider = offered();
    wider.people.insert(human("hal"));
    house.record = record(&one(checkpoint("production", Some(wider))));
    let pair = house.statement(&["gus", "gia"]);
    let three = [("gus", "gus"), ("gia", "gia"), ("hal", "hal")];
    assert_eq!(
        house.verify(&by(&pair, &three)).err(),
        Some(GlassError::People),
        "gus and gia did not know of hal"
    );
    let all = house.statement(&["gus", "gia", "hal"]);
    assert_eq!(
        house.verify(&by(&all, &three[..2])).err(),
        Some(GlassError::People),
        "hal has not signed"
    );
    assert!(house.verify(&by(&all, &three)).is_ok());
}

#[test]
fn whom_a_checkpoint_does_not_name_does_not_sign() {
    let house = House::new();
    let pair = house.statement(&["gus", "hal"]);
    let refused = house.verify(&by(&pair, &[("gus", "gus"), ("hal", "hal")]));
    assert_eq!(refused.err(), Some(GlassError::People));
}

#[test]
fn nobody_breaks_the_glass_for_what_is_theirs() {
    let house = House::new();
    let pair = house.statement(&["ann", "gus"]);
    let refused = house.verify(&by(&pair, &[("ann", "ann"), ("gus", "gus")]));
    assert_eq!(refused.err(), Some(GlassError::OwnRequest));
}

#[test]
fn a_key_signs_for_whoever_has_it() {
    let house = House::new();
    let pair = house.statement(&["gus", "gia"]);
    // Gia would be two people.
    let refused = house.verify(&by(&pair, &[("gus", "gia"), ("gia", "gia")]));
    assert_eq!(refused.err(), Some(GlassError::Key(human("gus"))));
    let mut forged = by(&pair, &[("gus", "gus"), ("gia", "gia")]);
    forged.signatures[0].signature = forged.signatures[1].signature.clone();
    let refused = house.verify(&forged).err();
    assert!(
        matches!(&refused, Some(GlassError::Signature { human: of, .. }) if *of == human("gus")),
        "{refused:?}"
    );
}

#[test]
fn a_key_with_which_people_review_breaks_no_glass() {
    let house = House::new();
    let pair = house.statement(&["gus", "gia"]);
    let mut signed = by(&pair, &[("gus", "gus"), ("gia", "gia")]);
    let statement = signed.statement.clone();
    signed.signatures[0] = GlassSignature {
        human: human("gus"),
        key: print("gus", false),
        signature: sign_software(&seed("gus", false), GLASS_TYPE, statement.as_bytes()).unwrap(),
    };
    assert_eq!(
        house.verify(&signed).err(),
        Some(GlassError::Key(human("gus")))
    );
}

#[test]
fn whoever_left_breaks_no_glass() {
    let mut house = House::new();
    let signed = house.signed(|_| {});
    let gone = Some(GlassError::Key(human("gus")));
    let suspended = Suspended {
        id: Hash::of(b"gone"),
        removed: false,
        leaf: 6,
    };
    house.directory.suspended.insert(human("gus"), suspended);
    assert_eq!(house.verify(&signed).err(), gone, "their provider says so");
    house.directory.suspended.clear();
    assert!(house.verify(&signed).is_ok());
    let known = house.directory.humans.get_mut(&human("gus")).unwrap();
    known.keys.clear();
    assert_eq!(
        house.verify(&signed).err(),
        gone,
        "no key is left of theirs"
    );
}

#[test]
fn a25_where_a_checkpoint_says_nothing_the_glass_is_whole() {
    let house = House::held_at(&one(checkpoint("production", None)));
    let refused = house.verify(&house.signed(|_| {}));
    assert_eq!(refused.err(), Some(GlassError::NotOffered));
}

#[test]
fn what_one_of_two_checkpoints_does_not_offer_neither_does() {
    let two = [
        checkpoint("production", Some(offered())),
        checkpoint("privacy", None),
    ];
    let house = House::held_at(&Requirement::new(two.into()).unwrap());
    let refused = house.verify(&house.signed(|_| {}));
    assert_eq!(refused.err(), Some(GlassError::NotOffered));
}

#[test]
fn only_the_kinds_and_resources_that_are_listed_are_offered() {
    let mut other_kind = offered();
    other_kind.descriptors = ["db.read".parse().unwrap()].into();
    let mut elsewhere = offered();
    elsewhere.resources = ["crm/".parse().unwrap(), "shop".parse().unwrap()].into();
    for offered in [other_kind, elsewhere] {
        let house = House::held_at(&one(checkpoint("production", Some(offered))));
        let refused = house.verify(&house.signed(|_| {}));
        assert_eq!(refused.err(), Some(GlassError::NotOffered));
    }
}

#[test]
fn two_checkpoints_offer_the_least_of_each() {
    let mut narrow = offered();
    narrow.people = humans(&["gia", "hal"]);
    narrow.after_seconds = seconds(500);
    narrow.limits.ttl_seconds = seconds(60);
    narrow.post_review.teams = ["privacy".parse().unwrap()].into();
    narrow.post_review_within_seconds = seconds(60);
    let two = [
        checkpoint("production", Some(offered())),
        checkpoint("privacy", Some(narrow)),
    ];
    let requirement = Requirement::new(two.into()).unwrap();
    let offer = requirement.break_glass(action().envelope()).unwrap();
    assert_eq!(offer.people, humans(&["gia"]), "one is too few");
    assert_eq!(
        (offer.after_seconds, offer.post_review_within_seconds),
        (500, 60)
    );
    assert_eq!(offer.limits.ttl_seconds, seconds(60));
    assert_eq!(offer.post_review.teams.len(), 2);
}

#[test]
fn the_gate_itself_is_not_behind_glass() {
    let house = House::new();
    let mut envelope = house.record.envelope.clone();
    envelope.target = GATE_TARGET.parse().unwrap();
    let question = GlassQuestion {
        envelope: &envelope,
        ..house.question()
    };
    let refused = VerifiedGlass::verify(&house.signed(|_| {}), &question);
    assert_eq!(refused.err(), Some(GlassError::OwnChange));
}

#[test]
fn what_is_riskier_by_now_was_not_signed_for() {
    let house = House::new();
    let question = GlassQuestion {
        tier: Tier::Red,
        ..house.question()
    };
    let signed = house.signed(|_| {});
    let refused = VerifiedGlass::verify(&signed, &question);
    assert_eq!(refused.err(), Some(GlassError::Tier));
    let red = house.signed(|statement| statement.tier = Tier::Red);
    assert!(VerifiedGlass::verify(&red, &question).is_ok());
}

#[test]
fn it_is_good_for_a_quarter_of_an_hour_at_most() {
    let house = House::new();
    let long = house.signed(|statement| statement.use_by = NOW.plus_seconds(901));
    assert_eq!(house.verify(&long).err(), Some(GlassError::Time));
    let question = GlassQuestion {
        now: NOW.plus_seconds(601),
        ..house.question()
    };
    let late = VerifiedGlass::verify(&house.signed(|_| {}), &question);
    assert_eq!(late.err(), Some(GlassError::Time));
}

#[test]
fn what_nobody_can_read_is_refused() {
    let house = House::new();
    let form = |signed: &SignedGlass| matches!(house.verify(signed), Err(GlassError::Form(_)));
    assert!(form(
        &house.signed(|it| it.nonce = "n".repeat(REVIEW_BYTES_MAX))
    ));
    assert!(form(&house.signed(|it| it.incident = String::new())));
    assert!(form(
        &house.signed(|it| it.incident = "INC\u{202e}7".to_owned())
    ));
    let crowd = |it: &mut GlassStatement| {
        it.responders = (0..65).map(|at| human(&format!("p{at}"))).collect();
    };
    assert!(form(&house.signed(crowd)));
}

#[test]
fn limits_are_the_least_of_what_could_be_approved_what_is_offered_and_what_was_signed() {
    let house = House::new();
    let approvable = house.record.limits.clone();
    let least = |change: fn(&mut Limits)| {
        let signed = house.signed(|statement| change(&mut statement.limits));
        house.verify(&signed).unwrap().limits(&approvable)
    };
    let offered = least(|_| {});
    assert_eq!((offered.ttl_seconds, offered.caps["rows"]), (120, 10));
    assert!(offered.within(&approvable) && offered.uses == 1);
    let signed = least(|limits| {
        limits.ttl_seconds = 30;
        limits.caps.insert("rows".to_owned(), 3);
    });
    assert_eq!((signed.ttl_seconds, signed.caps["rows"]), (30, 3));
    let wide = least(|limits| {
        limits.ttl_seconds = 86_400;
        limits.caps.insert("rows".to_owned(), 1_000_000);
        limits.uses = 9;
    });
    assert_eq!(wide, offered, "nobody signs for more");
}
