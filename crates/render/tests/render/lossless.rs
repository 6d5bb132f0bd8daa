//! Every byte is there, once, and comes back; the same input always gives the same display.

use gatehold_render::{
    BlockKind, Display, Field, Flag, Member, PAYLOAD_BYTES_SHOWN_MAX, PayloadKind, RenderInput,
    RunKind, Shape, recover, render, represents,
};
use proptest::prelude::*;

pub(crate) const KINDS: [PayloadKind; 8] = [
    PayloadKind::Json,
    PayloadKind::Sql,
    PayloadKind::Http,
    PayloadKind::Argv,
    PayloadKind::Shell,
    PayloadKind::Diff,
    PayloadKind::Message,
    PayloadKind::Opaque,
];
const MEDIA: [&str; 4] = [
    "application/json",
    "message/http",
    "application/x-www-form-urlencoded",
    "text/plain",
];

pub(crate) fn show(kind: PayloadKind, media_type: &str, payload: &[u8]) -> Display {
    let envelope = [Field {
        label: "Target",
        value: "pg:prod-eu/orders",
    }];
    let described = [Member {
        label: "Amount",
        pointer: "/a",
        shape: Shape::Plain,
    }];
    render(&RenderInput {
        media_type,
        kind,
        envelope: &envelope,
        described: &described,
        internal: &["acme.example".to_owned()],
        payload,
    })
}

/// Bytes that are worth trying: arbitrary, text with hazards, and things near each payload kind.
pub(crate) fn payloads() -> impl Strategy<Value = Vec<u8>> {
    prop_oneof![
        proptest::collection::vec(any::<u8>(), 0..600),
        any::<String>().prop_map(String::into_bytes),
        "[ \n\r\t\\\\a\u{200b}\u{202e}\u{301}\u{27e8}\u{21a9}\u{5d0}\u{1b}]{0,400}".prop_map(String::into_bytes),
        "(\\{\"a\":[0-9e.-]{1,4},\"b\":\"[a\u{202e}\\\\n]{0,9}\"\\}|\\[\"sh\",\"-c\",\"[^\"\\\\]{0,20}\"\\])"
            .prop_map(String::into_bytes),
        "(UPDATE|DELETE FROM|SELECT|DO) t[ ;'\"$#/*()a-zWHERE-]{0,80}".prop_map(String::into_bytes),
        "GET /[a-z./;%?&=]{0,20} HTTP/1.1\r\n([A-Za-z:-]{1,12}(\r\n|\n)){0,4}\r\n[a-z&=]{0,20}"
            .prop_map(String::into_bytes),
        "GET / HTTP/1.1\r\nHost: a.example\r\n(Authorization|Cookie): [A-Za-z =;.\u{e9}]{0,60}\r\n\r\n"
            .prop_map(String::into_bytes),
        "[a-z \\-'\"$(){}`|&;<>*#=\n\\\\]{0,120}".prop_map(String::into_bytes),
        "(diff --git a/[a-z]{1,2} b/[a-z]{1,2}\n)?(--- a/[a-z]\n\\+\\+\\+ b/[a-z]\n)?(@@ -1(,[0-3])? \\+1 @@\n)?([ +\\-\\\\][a-z]{0,3}\n){0,6}"
            .prop_map(String::into_bytes),
        "(To|From|Subject|Content-Type): [a-z@<>,;\"=?/. ]{0,40}(\r\n|\n)(\r\n|\n)?[a-z.=\n-]{0,40}"
            .prop_map(String::into_bytes),
        "[a-zA-Z0-9+/%=&;#x\\\\u{}\"\\[\\]:,]{0,90}".prop_map(String::into_bytes),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    #[test]
    fn every_byte_comes_back(payload in payloads(), kind in 0usize..8, media in 0usize..4) {
        let display = show(KINDS[kind], MEDIA[media], &payload);
        prop_assert!(represents(&display, &payload));
        if !display.flags.contains(&Flag::Hidden) {
            prop_assert_eq!(recover(&display), Some(payload.clone()));
        }
        let bytes = display.to_bytes().unwrap();
        prop_assert_eq!(&Display::from_bytes(&bytes).unwrap(), &display);
        prop_assert_eq!(show(KINDS[kind], MEDIA[media], &payload).to_bytes().unwrap(), bytes);
        prop_assert_eq!(display.counts.uninspectable, display.flags.contains(&Flag::Uninspectable));
        prop_assert_eq!(display.flags.is_empty(), display.block(BlockKind::Warnings).is_none());
    }

    #[test]
    fn exact_bytes_are_plain_ascii_without_loose_spaces(payload in payloads()) {
        let display = show(PayloadKind::Opaque, "x/y", &payload);
        for line in &display.block(BlockKind::Exact).unwrap().lines {
            let text: String = line.runs.iter().map(|run| run.text.as_str()).collect();
            prop_assert!(text.bytes().all(|byte| (b' '..=b'~').contains(&byte)));
            prop_assert!(!text.starts_with(' ') && !text.ends_with(' ') && !text.contains("  "));
            prop_assert!(text.len() <= 96);
        }
    }

    #[test]
    fn different_payloads_have_different_displays(left in payloads(), right in payloads()) {
        let same = show(PayloadKind::Json, "j", &left) == show(PayloadKind::Json, "j", &right);
        prop_assert_eq!(same, left == right);
    }

    #[test]
    fn b07_requester_text_never_speaks_as_ours(name in "[a-z\u{202e}\n\u{21a9} ]{1,20}", value in any::<String>()) {
        // Our own words do not depend on what the requester writes: take away Name, Value and Chip, and only
        // layout and warnings differ from the rendering of a harmless document of the same shape.
        let quote = |text: &str| String::from_utf8(
            gatehold_core::json::canonical::to_bytes(text).unwrap()).unwrap();
        let payload = format!("{{{}:{}}}", quote(&name), quote(&value));
        let display = show(PayloadKind::Json, "application/json", payload.as_bytes());
        let block = display.block(BlockKind::NotDescribed);
        for run in block.iter().flat_map(|block| &block.lines).flat_map(|line| &line.runs) {
            if matches!(run.kind, RunKind::Text | RunKind::Label | RunKind::Warning) {
                let ours = ["  ", " = ", "    ", ": ", " of "].contains(&run.text.as_str())
                    || run.text.starts_with("decoded by us, ")
                    || run.text.contains(" bytes that are no text, beginning ");
                prop_assert!(ours, "{:?}", run);
            }
        }
    }
}

#[test]
fn too_large_is_said_and_not_shown() {
    let payload = vec![b'a'; PAYLOAD_BYTES_SHOWN_MAX + 1];
    let display = show(PayloadKind::Sql, "application/sql", &payload);
    assert!(display.flags.contains(&Flag::TooLargeToShow) && display.counts.uninspectable);
    assert_eq!(recover(&display), None);
    let just_fits = show(PayloadKind::Sql, "application/sql", &payload[1..]);
    assert!(!just_fits.flags.contains(&Flag::TooLargeToShow));
    assert_eq!(recover(&just_fits).unwrap(), &payload[1..]);
}

#[test]
fn the_worst_payload_still_has_bytes() {
    // One run per byte is the worst there is; it must stay within the limits of canonical documents.
    let payload = b"a\x00".repeat(PAYLOAD_BYTES_SHOWN_MAX / 2);
    for kind in [PayloadKind::Json, PayloadKind::Opaque] {
        let display = show(kind, "text/plain", &payload);
        assert_eq!(
            Display::from_bytes(&display.to_bytes().unwrap()).unwrap(),
            display
        );
    }
    let hazards = "a\u{202e}".repeat(PAYLOAD_BYTES_SHOWN_MAX / 4);
    let display = show(PayloadKind::Sql, "application/sql", hazards.as_bytes());
    assert_eq!(
        Display::from_bytes(&display.to_bytes().unwrap()).unwrap(),
        display
    );
}

#[test]
fn stored_displays_are_read_strictly() {
    let display = show(PayloadKind::Json, "application/json", b"{\"a\":1}");
    let text = String::from_utf8(display.to_bytes().unwrap()).unwrap();
    assert!(Display::from_bytes(text.replace("display/v1", "display/v2").as_bytes()).is_err());
    assert!(Display::from_bytes(format!("{text} ").as_bytes()).is_err());
    let forged = text.replace("pg:prod-eu/orders", "pg:\u{202e}prod");
    assert!(matches!(
        Display::from_bytes(forged.as_bytes()),
        Err(gatehold_render::DisplayError::Hazard { code: 0x202e })
    ));
}
