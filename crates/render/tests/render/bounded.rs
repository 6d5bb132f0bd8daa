//! Whatever comes in, what comes out stays in proportion, says what cannot be inspected, and can be stored.
//!
//! Sizes are counted, never time: a display is made of what was walked, and no payload is walked for each of its parts.

use gatehold_render::{
    BlockKind, Display, Flag, PAYLOAD_BYTES_SHOWN_MAX, PayloadKind, represents, to_plain,
};

use crate::lossless::{KINDS, show};

/// What is shown of a payload that is too large.
const LARGE_DISPLAY_BYTES_MAX: usize = 64 << 10;
/// Bytes of display for each byte of payload, at most.
const GROWTH_MAX: usize = 160;
/// Frame, warnings, and all that may be decoded of one payload.
const FRAME_BYTES_MAX: usize = 640 << 10;
/// Long enough that anything walked for each of its parts would show in the size.
const FILLED_BYTES: usize = 12 << 10;

fn size(display: &Display) -> usize {
    display.to_bytes().unwrap().len()
}

fn fill(piece: &str) -> Vec<u8> {
    piece.repeat(FILLED_BYTES / piece.len()).into_bytes()
}

/// Shapes that would grow, nest or be walked again and again if they were shown carelessly.
fn hostile() -> Vec<Vec<u8>> {
    let name = "n".repeat(30_000);
    let keys = |from: usize, to: usize| {
        let members: Vec<String> = (from..to).map(|key| format!("\"k{key}\":{key}")).collect();
        format!("{{{}}}", members.join(",")).into_bytes()
    };
    let mut payloads = vec![
        keys(0, 4_500),
        format!("{{\"{name}\":[{}1]}}", "1,".repeat(15_000)).into_bytes(),
        format!("{{\"{name}\":[{}[1]]}}", "[1],".repeat(8_000)).into_bytes(),
        format!("{}{}", "[".repeat(60), "]".repeat(60)).into_bytes(),
        format!("GET /?{} HTTP/1.1\r\nHost: a\r\n\r\n", "&".repeat(60_000)).into_bytes(),
        format!("To: {}\r\n\r\n", "a@b,".repeat(15_000)).into_bytes(),
        format!(
            "Content-Type: multipart/mixed; boundary=b\r\n\r\n{}",
            "--b\r\n".repeat(9_000)
        )
        .into_bytes(),
        format!("Subject: {}\r\n\r\n", "=?utf-8?B?QUJD?=".repeat(4_000)).into_bytes(),
        format!("SELECT {}1", "1+".repeat(30_000)).into_bytes(),
        format!("SELECT {}1{}", "(".repeat(30_000), ")".repeat(30_000)).into_bytes(),
        format!("SELECT * FROM {}a{}", "(".repeat(40), ")".repeat(40)).into_bytes(),
        format!("SELECT 1 WHERE {}1", "NOT ".repeat(16_000)).into_bytes(),
        format!("SELECT {}", "CASE WHEN ".repeat(6_000)).into_bytes(),
        // Read twice at each level by the parser: without a bound of its own this never ends.
        format!("SELECT {}1{}", "position(".repeat(40), ")".repeat(40)).into_bytes(),
    ];
    for piece in [
        "a",
        "\u{5d0}",
        "\0a",
        "\u{202e}a",
        "\n",
        " \n",
        "&",
        "&amp;",
        "%41",
        "\\u0041",
        "\\u{",
        "{",
        "{a,",
        "$(",
        "`",
        "'",
        "\"",
        "<<a ",
        "<<a\n",
        "a;",
        "a|",
        "sh -c '",
        "$(a) ",
        "/*",
        "/**/",
        "--\n",
        "$a$",
        ";",
        "x'",
        "=?",
        "--- a\n+++ b\n",
        "diff --git a/x b/x\n",
        "@@ -1 +1 @@\n",
        "QUJDREVGR0hJSktM ",
        "H4sIAAAAAAAA",
        "{\"a\":\"",
        "[",
        "a=b&",
        "a: b\r\n",
        "xn--a.",
        "\u{430}a ",
        "SELECT 1;",
        "UPDATE a SET b=1;",
        "a AND ",
        "((a)",
        "a.b.",
        "[\"a\"],",
    ] {
        payloads.push(fill(piece));
    }
    payloads
}

#[test]
fn what_is_shown_grows_with_the_payload_and_no_faster() {
    let media = |kind| match kind {
        PayloadKind::Http => &["message/http", "application/x-www-form-urlencoded"][..],
        _ => &["text/plain"],
    };
    for payload in hostile() {
        for (kind, media) in KINDS
            .iter()
            .flat_map(|kind| media(*kind).iter().map(|m| (*kind, *m)))
        {
            let display = show(kind, media, &payload);
            let bytes = size(&display);
            let most = payload.len() * GROWTH_MAX + FRAME_BYTES_MAX;
            let begin = String::from_utf8_lossy(&payload[..payload.len().min(40)]);
            assert!(
                bytes <= most,
                "{kind:?} {media} {begin:?}: {bytes} of {most}"
            );
            assert!(represents(&display, &payload), "{kind:?} {begin:?}");
        }
    }
}

#[test]
fn a_mebibyte_is_uninspectable_and_its_edges_are_shown() {
    let right_to_left = "\u{5d0}\u{5d1} ".repeat((1 << 20) / 5).into_bytes();
    let binary: Vec<u8> = (0..=255).cycle().take(1 << 20).collect();
    let mut wide = b"{".to_vec();
    for key in 0..10_000 {
        wide.extend_from_slice(
            format!("\"a rather long name of a key {key:06}\":\"{key:040}\",").as_bytes(),
        );
    }
    wide.extend_from_slice(b"\"z\":0}");
    for payload in [right_to_left, binary, wide] {
        for kind in KINDS {
            let display = show(kind, "text/plain", &payload);
            assert!(size(&display) <= LARGE_DISPLAY_BYTES_MAX, "{kind:?}");
            assert!(display.counts.uninspectable);
            assert!(display.flags.contains(&Flag::TooLargeToShow));
            assert!(display.block(BlockKind::Exact).is_none());
            assert!(!represents(&display, &payload));
            let said = to_plain(&display);
            assert!(said.contains("Too large to show in full"), "{kind:?}");
        }
    }
}

#[test]
fn ten_thousand_keys_that_fit_are_all_named() {
    let mut payload = b"{".to_vec();
    for key in 0..6_000 {
        payload.extend_from_slice(format!("\"{key:04x}\":1,").as_bytes());
    }
    payload.extend_from_slice(b"\"z\":0}");
    assert!(payload.len() <= PAYLOAD_BYTES_SHOWN_MAX);
    let display = show(PayloadKind::Json, "application/json", &payload);
    let block = display.block(BlockKind::NotDescribed).unwrap();
    assert_eq!(block.lines.len(), 6_001);
    assert!(!display.flags.contains(&Flag::Uninspectable));
}

#[test]
fn a_long_name_is_written_once_and_not_for_each_of_its_members() {
    let name = "n".repeat(30_000);
    let payload = format!("{{\"{name}\":[{}1]}}", "1,".repeat(10_000));
    let display = show(PayloadKind::Json, "application/json", payload.as_bytes());
    let lines = &display.block(BlockKind::NotDescribed).unwrap().lines;
    let names = lines
        .iter()
        .flat_map(|line| &line.runs)
        .filter(|run| run.kind == gatehold_render::RunKind::Name)
        .map(|run| run.text.len())
        .sum::<usize>();
    assert!(names < 120_000, "{names} bytes of names");
}
