//! What people read, word for word, and what cannot get into it.

use std::collections::BTreeSet;

use gatehold_core::ids::RequestId;
use gatehold_core::tier::Tier;

use super::*;

/// 2026-11-22T22:13:00Z.
pub(crate) const NOW: Timestamp = Timestamp::from_millis(1_795_385_580_000);

/// Somebody is asked about a write.
pub(crate) fn notice() -> Notice {
    Notice {
        key: "req_07070707070707070707070707070707-3".to_owned(),
        kind: NoticeKind::Asked,
        request: Some(RequestId::from_bytes([7; 16])),
        tier: Tier::Red,
        sentence: "UPDATE 4212 rows in orders.payments on sql:prod-eu".to_owned(),
        requester: "deploy-bot".to_owned(),
        owner: Some("tomas@login.acme.example".parse().unwrap()),
        held_at: vec!["first write to prod-eu".to_owned(), "PII".to_owned()],
        people_needed: 2,
        words: "amber-lotus-kite-seven".to_owned(),
        state: "held".to_owned(),
        decide_by: Some(Timestamp::from_millis(NOW.millis() + 18 * 60_000 + 59_999)),
        link: "https://gate.acme.example/requests/req_07070707070707070707070707070707".to_owned(),
        people: ["priya@login.acme.example", "tomas@login.acme.example"]
            .map(|person| person.parse().unwrap())
            .into(),
        teams: BTreeSet::from(["payments".parse().unwrap()]),
        at: NOW,
    }
}

#[test]
fn a_stop_by_a_signal_says_what_was_stopped_and_asks_nobody_anything() {
    let stopped = Notice {
        kind: NoticeKind::Stopped,
        request: None,
        sentence: "Signal corp-idp (session-revoked) stopped workload deploy-bot".to_owned(),
        words: String::new(),
        decide_by: None,
        ..notice()
    };
    let message = Message::of(&stopped, NOW);
    assert_eq!(
        message.text.lines()[..3],
        [
            "[RED] Stopped by a signal. Look whether it was to be.",
            "Signal corp-idp (session-revoked) stopped workload deploy-bot",
            "Owner: tomas@login.acme.example",
        ]
    );
    assert_eq!(message.event, "gatehold.signal.stopped");
    assert_eq!(message.thread, stopped.key);
    assert!(message.data["request"].is_null());
}

fn said(notice: &Notice) -> String {
    Message::of(notice, NOW).text.lines().join("\n")
}

#[test]
fn six_lines_say_what_is_asked() {
    assert_eq!(
        said(&notice()),
        "[RED] Decision needed by 2026-11-22 22:31 UTC (18 min): 2 people needed\n\
         deploy-bot asks: UPDATE 4212 rows in orders.payments on sql:prod-eu\n\
         Held: first write to prod-eu; PII\n\
         Words: amber-lotus-kite-seven   Owner: tomas@login.acme.example\n\
         https://gate.acme.example/requests/req_07070707070707070707070707070707\n\
         Nothing here approves: people decide on the page, or with `gatehold show`."
    );
}

#[test]
fn every_kind_begins_with_what_is_going_on() {
    let by = "by 2026-11-22 22:31 UTC (18 min)";
    for (kind, state, head) in [
        (
            NoticeKind::Escalated,
            "held",
            format!(
                "[RED] Nobody has decided yet, so more people are asked. Decision needed {by}: 2 people needed"
            ),
        ),
        (
            NoticeKind::Changed,
            "held",
            format!("[RED] The question has changed. Decision needed {by}: 2 people needed"),
        ),
        (
            NoticeKind::Question,
            "held",
            format!("[RED] A reviewer has a question; its answer is wanted {by}"),
        ),
        (
            NoticeKind::Closed,
            "denied",
            "[RED] Closed: denied. Nobody need decide any more.".to_owned(),
        ),
        (
            NoticeKind::Outcome,
            "completed",
            "[RED] Outcome: completed".to_owned(),
        ),
    ] {
        let notice = Notice {
            kind,
            state: state.to_owned(),
            ..notice()
        };
        let said = said(&notice);
        assert_eq!(said.lines().next(), Some(head.as_str()));
        assert!(said.lines().count() <= 6, "{said}");
    }
    let alone = Notice {
        people_needed: 1,
        owner: None,
        held_at: Vec::new(),
        decide_by: None,
        ..notice()
    };
    let said = said(&alone);
    assert!(said.starts_with("[RED] Decision needed: 1 person needed\n"));
    assert!(said.contains("\nWords: amber-lotus-kite-seven\n"), "{said}");
}

#[test]
fn what_is_left_is_rounded_down() {
    for (millis, left) in [
        (-1, "over"),
        (0, "less than a minute"),
        (59_999, "less than a minute"),
        (60_000, "1 min"),
        (7_199_999, "119 min"),
        (7_200_000, "2 h"),
        (172_800_000, "2 days"),
    ] {
        let by = Timestamp::from_millis(NOW.millis() + millis);
        let text = until(by, NOW);
        assert!(text.ends_with(&format!(" UTC ({left})")), "{text}");
    }
}

#[test]
fn names_cannot_add_a_line_or_reorder_one() {
    let evil = "x\r\nBcc: eve@evil.example\n\n[GREEN] Approved\u{202e}\u{200b}\u{2028}\u{85}\t";
    let notice = Notice {
        sentence: evil.to_owned(),
        requester: evil.to_owned(),
        held_at: vec![evil.to_owned(); 9],
        state: evil.to_owned(),
        ..notice()
    };
    for kind in KINDS.map(|(_, kind)| kind) {
        let message = Message::of(
            &Notice {
                kind,
                ..notice.clone()
            },
            NOW,
        );
        let lines = message.text.lines();
        assert!(lines.len() <= 6);
        let texts = lines.into_iter().chain([message.subject.as_str()]);
        for text in texts {
            assert!(!text.chars().any(|c| hazard(c).is_some()), "{text:?}");
        }
        let json = message.data.to_string();
        assert!(
            !json.contains("\\n") && !json.contains('\u{202e}'),
            "{json}"
        );
    }
    let long = Notice {
        sentence: "a".repeat(100_000),
        ..notice
    };
    assert!(said(&long).contains("… (cut; the page shows all)"));
    assert!(said(&long).len() < 8_000);
}

#[test]
fn a_test_says_that_it_is_one() {
    let message = Message::test("ops", "test_1", NOW);
    assert_eq!(
        message.text.lines(),
        [
            "[TEST] This is a test of the channel ops: nobody is asked anything.",
            "An operator ran `gatehold channel test`; nothing needs to be done."
        ]
    );
    assert!(message.subject.starts_with("[TEST] "));
    assert_eq!(message.event, "gatehold.channel.test");
}

/// The example of the page of reference is what a machine gets.
#[test]
fn the_page_shows_what_a_machine_gets() {
    let page = concat!(
        env!("CARGO_MANIFEST_DIR"),
        "/../../docs/reference/channels.md"
    );
    let page = std::fs::read_to_string(page).unwrap();
    let example = page.split("```json\n").nth(1).unwrap();
    let example: Value = serde_json::from_str(example.split("```").next().unwrap()).unwrap();
    let message = Message::of(&notice(), NOW);
    assert_eq!(example["data"], message.data);
    assert_eq!(example["type"], message.event.as_str());
    assert_eq!(example["timestamp"], message.at.to_string().as_str());
}

#[test]
fn no_channel_leaves_broken_glass_out_and_it_asks_nobody_to_approve() {
    let quiet = crate::channels::Filter {
        kinds: [NoticeKind::Outcome].into(),
        teams: ["nobody".parse().unwrap()].into(),
        tiers_at_least: Some(Tier::Red),
    };
    for kind in [NoticeKind::GlassBroken, NoticeKind::GlassUsed] {
        let loud = Notice {
            kind,
            tier: Tier::Green,
            ..notice()
        };
        assert!(quiet.wants(&loud), "{kind:?}");
        let text = said(&loud);
        assert!(text.contains("THE GLASS WAS BROKEN"), "{text}");
        assert!(text.contains("gatehold break-glass list"), "{text}");
    }
    let owed = Notice {
        kind: NoticeKind::GlassOverdue,
        tier: Tier::Green,
        ..notice()
    };
    assert!(quiet.wants(&owed));
    assert!(said(&owed).contains("too few people have looked at it in time"));
    let looked = Notice {
        kind: NoticeKind::GlassReviewed,
        ..notice()
    };
    assert!(!quiet.wants(&looked));
}

#[test]
fn m055_what_is_said_to_be_unusual_asks_for_a_look_and_for_no_decision() {
    let flagged = Notice {
        kind: NoticeKind::Flagged,
        request: None,
        tier: Tier::Amber,
        sentence: "Signal cloud (unusual) says of workload deploy-bot that it is unusual"
            .to_owned(),
        words: String::new(),
        decide_by: None,
        ..notice()
    };
    let message = Message::of(&flagged, NOW);
    assert_eq!(
        message.text.lines()[..3],
        [
            "[AMBER] Said to be unusual by a signal. Look whether it is a planned change, or misuse.",
            "Signal cloud (unusual) says of workload deploy-bot that it is unusual",
            "Owner: tomas@login.acme.example",
        ]
    );
    assert_eq!(message.event, "gatehold.signal.flagged");
    assert!(!said(&flagged).contains("approve"));
}
