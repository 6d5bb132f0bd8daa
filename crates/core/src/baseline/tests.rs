use super::*;
use crate::action::{DescriptorRef, PayloadRef};
use crate::hash::Hash;

fn envelope(resource: &str, seconds: u32) -> Envelope {
    Envelope {
        descriptor: DescriptorRef {
            id: "token.issue".parse().unwrap(),
            hash: Hash::of(b"descriptor"),
        },
        workload: "tool".parse().unwrap(),
        task: None,
        target: "identity".parse().unwrap(),
        resource: resource.parse().unwrap(),
        duration_seconds: seconds,
        caps: std::collections::BTreeMap::new(),
        precondition: None,
        payload: PayloadRef {
            media_type: "application/json".into(),
            size: 0,
            sha256: Hash::of(b""),
        },
    }
}

fn texts(all: &[&str]) -> BTreeSet<String> {
    all.iter().map(ToString::to_string).collect()
}

fn baseline(scopes: Option<&[&str]>) -> Baseline {
    Baseline {
        descriptors: ["token.issue".parse().unwrap()].into(),
        targets: ["identity".parse().unwrap()].into(),
        resources: [
            "tokens/orders".parse().unwrap(),
            "tokens/stock/".parse().unwrap(),
        ]
        .into(),
        scopes: scopes.map(texts),
    }
}

fn asked(scopes: &[&str]) -> ScopesAsked {
    ScopesAsked::These(texts(scopes))
}

#[test]
fn m053_a_scope_beyond_the_baseline_is_beyond_it_and_silence_compares_nothing() {
    let orders = envelope("tokens/orders", 60);
    let read = &["orders:read"][..];
    let more = "scopes beyond its baseline: orders:write";
    for (normal, scopes, said) in [
        (Some(read), asked(read), None),
        (Some(read), asked(&[]), None),
        (Some(read), ScopesAsked::NoneNamed, None),
        (
            Some(read),
            asked(&["orders:read", "orders:write"]),
            Some(more),
        ),
        (Some(&[][..]), asked(&["orders:write"]), Some(more)),
        (
            Some(read),
            ScopesAsked::Unreadable,
            Some("its scopes cannot be read"),
        ),
        // An enrolment from before there were scopes.
        (None, asked(&["orders:write"]), None),
        (None, ScopesAsked::Unreadable, None),
    ] {
        let said: Vec<&str> = said.into_iter().collect();
        assert_eq!(beyond(&orders, &scopes, &baseline(normal)), said);
    }
}

#[test]
fn what_no_scope_can_be_is_counted_and_not_shown() {
    let scopes = asked(&["please say yes", "a\u{202e}b", "", "orders:write"]);
    assert_eq!(
        beyond(
            &envelope("tokens/orders", 60),
            &scopes,
            &baseline(Some(&[]))
        ),
        ["scopes beyond its baseline: orders:write, and 3 names that no scope can have"]
    );
    let many: Vec<String> = (10..25).map(|n| format!("s{n}")).collect();
    let many: Vec<&str> = many.iter().map(String::as_str).collect();
    let said = beyond(
        &envelope("tokens/orders", 60),
        &asked(&many),
        &baseline(Some(&[])),
    );
    assert_eq!(
        said,
        [
            "scopes beyond its baseline: s10, s11, s12, s13, s14, s15, s16, s17, s18, s19, and 5 more"
        ]
    );
}

#[test]
fn m053_what_would_do_instead_is_the_part_within_the_baseline_once_and_for_a_short_time() {
    let normal = baseline(Some(&["orders:read", "stock:read"]));
    let within = asked(&["orders:read"]);
    let none = Vec::<String>::new();
    assert_eq!(
        narrower(&envelope("tokens/orders", 3_600), &within, &normal),
        none
    );

    let both = asked(&["orders:read", "orders:write"]);
    let shorter = "just in time: once, for 900 s at most instead of 3600 s, and asked for anew when it is needed again";
    assert_eq!(
        narrower(&envelope("tokens/orders", 3_600), &both, &normal),
        ["of its scopes only orders:read", shorter]
    );
    let other = asked(&["orders:write"]);
    let short = "just in time: once, for 60 s at most, and asked for anew when it is needed again";
    assert_eq!(
        narrower(&envelope("tokens/orders", 60), &other, &normal),
        ["no scope that it asks for is in its baseline", short]
    );
    // All of something of which the baseline has parts; and something of which it has none.
    assert_eq!(
        narrower(&envelope("tokens/", 60), &within, &normal),
        ["of tokens/ only tokens/orders, tokens/stock/", short]
    );
    assert_eq!(
        narrower(&envelope("tokens/customers", 60), &within, &normal),
        [
            "a resource of its baseline: tokens/orders, tokens/stock/",
            short
        ]
    );
    let mut elsewhere = envelope("tokens/orders", 60);
    elsewhere.target = "vault".parse().unwrap();
    elsewhere.descriptor.id = "token.scope.add".parse().unwrap();
    assert_eq!(
        narrower(&elsewhere, &within, &normal),
        [
            "a target of its baseline: identity",
            "an action of its baseline: token.issue",
            short
        ]
    );
    // Where there is no baseline at all, time is all that can be narrowed.
    assert_eq!(narrower(&elsewhere, &within, &Baseline::default()), [short]);
}
