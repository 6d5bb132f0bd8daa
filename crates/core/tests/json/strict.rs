//! What is JSON and what is not, row by row (after the cases of JSONTestSuite), and that every refusal helps.

use gatehold_core::json::payload::{self, Json};
use gatehold_core::json::scan::{Limits, Problem};
use proptest::prelude::*;

fn refused(bytes: &[u8]) -> (usize, Problem) {
    let shown = String::from_utf8_lossy(bytes).into_owned();
    let error = payload::parse(bytes, &Limits::PAYLOAD).expect_err(&shown);
    assert!(
        error.to_string().contains("; "),
        "{error} does not say what to do"
    );
    (error.offset, error.problem)
}

fn accepted(bytes: &[u8]) -> Json {
    payload::parse(bytes, &Limits::PAYLOAD)
        .unwrap_or_else(|error| panic!("{}: {error}", String::from_utf8_lossy(bytes)))
}

#[test]
fn accepts_json() {
    let rows: &[&str] = &[
        "null",
        "true",
        "false",
        "0",
        "-0",
        "-1",
        "10",
        "1.0",
        "1.50",
        "1e2",
        "1E+2",
        "1e-2",
        "0e1",
        "0.0e00",
        "1e000000000000000000000000000005",
        "123456789012345678901234567890",
        "1e999999999999999999",
        "\"\"",
        "\"a\"",
        "\"\\\"\\\\\\/\\b\\f\\n\\r\\t\"",
        "\"\\u0000\"",
        "\"\\uD83D\\uDE00\"",
        "\"\u{7f}\"",
        "\"\u{2028}\"",
        "\"\u{feff}\"",
        "\"\u{10ffff}\"",
        "[]",
        "[ ]",
        "[1,2]",
        "[[[[]]]]",
        "{}",
        "{ }",
        "{\"\":0}",
        "{\"a\":1,\"A\":2}",
        "{\"a\":{\"a\":1}}",
        "{\"a\\u0000b\":1}",
        " \t\r\n1 \t\r\n",
        "{\"__proto__\":1,\"constructor\":2}",
        "[null,1,\"1\",{}]",
        "\"\\uDBFF\\uDFFF\"",
        "\"\u{e9}\"",
    ];
    for row in rows {
        accepted(row.as_bytes());
    }
    assert_eq!(
        accepted(b"\"\\uD83D\\uDE00\""),
        Json::String("\u{1f600}".into())
    );
    assert_eq!(accepted(b"\"\\u0041\""), Json::String("A".into()));
}

#[test]
fn refuses_what_is_not_json() {
    let rows: &[(&[u8], usize)] = &[
        (b"", 0),
        (b" ", 1),
        (b"[", 1),
        (b"]", 0),
        (b"{", 1),
        (b"}", 0),
        (b"[1", 2),
        (b"[1,", 3),
        (b"[1,]", 3),
        (b"[,1]", 1),
        (b"[1,,2]", 3),
        (b"[1 2]", 3),
        (b"[1}", 2),
        (b"{\"a\"}", 4),
        (b"{\"a\":}", 5),
        (b"{\"a\":1,}", 7),
        (b"{\"a\" 1}", 5),
        (b"{a:1}", 1),
        (b"{'a':1}", 1),
        (b"{1:1}", 1),
        (b"{null:1}", 1),
        (b"{\"a\":1 \"b\":2}", 7),
        (b"{\"a\":1", 6),
        (b"{\"a\"", 4),
        (b"{\"a", 3),
        (b"{,}", 1),
        (b"{\"a\":1]", 6),
        (b"tru", 3),
        (b"True", 0),
        (b"TRUE", 0),
        (b"nul", 3),
        (b"nulll", 4),
        (b"NaN", 0),
        (b"Infinity", 0),
        (b"-Infinity", 0),
        (b"undefined", 0),
        (b"falsetrue", 5),
        (b"1 2", 2),
        (b"1]", 1),
        (b"[] []", 3),
        (b"{}{}", 2),
        (b"[]\0", 2),
        (b"[]x", 2),
        (b"+1", 0),
        (b".5", 0),
        (b"1.", 0),
        (b"-", 0),
        (b"--1", 0),
        (b"01", 0),
        (b"-01", 0),
        (b"00", 0),
        (b"1.e1", 0),
        (b"1e", 0),
        (b"1e+", 0),
        (b"1e-", 0),
        (b"0x10", 1),
        (b"1_000", 1),
        (b"1,000", 1),
        (b"1f", 1),
        (b"\xef\xbc\x91", 0),
        (b"[-a]", 1),
        (b"[1e1.5]", 4),
        (b"1e1000000000000000000", 0),
        (b"\"", 1),
        (b"\"a", 2),
        (b"'a'", 0),
        (b"\"\\", 1),
        (b"\"\\\"", 3),
        (b"\"\\x41\"", 1),
        (b"\"\\a\"", 1),
        (b"\"\\u\"", 1),
        (b"\"\\u12\"", 1),
        (b"\"\\u00G0\"", 1),
        (b"\"\\U0041\"", 1),
        (b"\"\\u{41}\"", 1),
        (b"\"\\u+041\"", 1),
        (b"\"\x00\"", 1),
        (b"\"\n\"", 1),
        (b"\"a\tb\"", 2),
        (b"\"\x1f\"", 1),
        (b"\"\\\n\"", 1),
        (b"\"\\uD800\"", 1),
        (b"\"\\uDC00\"", 1),
        (b"\"\\uD800x\"", 1),
        (b"\"\\uD800\\n\"", 1),
        (b"\"\\uD800\\uD800\"", 1),
        (b"\"\\uD800\\u0041\"", 1),
        (b"\"\\uDC00\\uD800\"", 1),
        (b"{\"\\uD800\":1}", 2),
        (b"\xef\xbb\xbf{}", 0),
        (b"[\"\xff\"]", 2),
        (b"\"\xc0\x80\"", 1),
        (b"\"\xed\xa0\x80\"", 1),
        (b"\"\xf4\x90\x80\x80\"", 1),
        (b"\"\xe2\x82\"", 1),
        (b"\xfe\xff\x00{", 0),
        (b"{\x00}", 1),
        (b"/**/1", 0),
        (b"1//x", 1),
        (b"[1]#x", 3),
        (b"\x0c1", 0),
        (b"\x0b1", 0),
        (b"\xc2\xa01", 0),
        (b"\xe2\x80\xa81", 0),
        (b"[1\x0c]", 2),
        (b"\xe2\x81\xa0[]", 0),
        (b"<b>", 0),
        (b"[\x1b]", 1),
        (b"{\"a\":1,\"a\":2}", 7),
        (b"{\"a\":1,\"\\u0061\":1}", 7),
        (b"{\"\":0,\"\":0}", 6),
        (b"[{\"x\":{\"k\":1,\"k\":1}}]", 13),
        (b"{\"\\ud83d\\ude00\":1,\"\xf0\x9f\x98\x80\":1}", 18),
        (b"{\"b\":1,\"a\":2,\"c\":3,\"b\":4,\"a\":5}", 19),
    ];
    assert!(rows.len() >= 80);
    for (row, offset) in rows {
        let (found, problem) = refused(row);
        assert_eq!(
            found,
            *offset,
            "{:?}: {problem}",
            String::from_utf8_lossy(row)
        );
    }
}

#[test]
fn limits_are_inclusive() {
    let limits = Limits {
        depth: 2,
        bytes: 20,
        members: 3,
        string_bytes: 4,
    };
    let parse =
        |text: &str| payload::parse(text.as_bytes(), &limits).map_err(|error| error.problem);
    assert!(parse("[[]]").is_ok());
    assert_eq!(parse("[[[]]]"), Err(Problem::TooDeep { limit: 2 }));
    assert_eq!(parse("{\"a\":[{}]}"), Err(Problem::TooDeep { limit: 2 }));
    assert!(parse("[1,2,3]").is_ok());
    assert_eq!(
        parse("[1,2,3,4]"),
        Err(Problem::TooManyMembers { limit: 3 })
    );
    assert_eq!(
        parse("[[1,2],3]"),
        Err(Problem::TooManyMembers { limit: 3 })
    );
    assert!(parse("\"\\u00e9\\u00e9\"").is_ok());
    assert_eq!(parse("\"abcde\""), Err(Problem::StringTooLong { limit: 4 }));
    assert_eq!(
        parse("{\"abcde\":1}"),
        Err(Problem::StringTooLong { limit: 4 })
    );
    assert_eq!(parse("12345"), Err(Problem::StringTooLong { limit: 4 }));
    assert!(parse("                   1").is_ok());
    assert_eq!(
        parse("                    1"),
        Err(Problem::TooManyBytes { limit: 20 })
    );
}

#[test]
fn deep_documents_are_refused_not_overflowed() {
    let greedy = Limits {
        depth: usize::MAX,
        bytes: usize::MAX,
        members: usize::MAX,
        string_bytes: usize::MAX,
    };
    for open in ["[", "{\"a\":"] {
        let error = payload::parse(open.repeat(100_000).as_bytes(), &greedy).expect_err("too deep");
        assert_eq!(error.problem, Problem::TooDeep { limit: 128 });
    }
}

#[test]
fn a_refusal_shows_no_raw_control() {
    let (_, problem) = refused(b"{\"a\\u001b\\u202e\":1,\"a\\u001b\\u202e\":2}");
    let message = problem.to_string();
    assert!(
        message.contains("u{1b}") && message.contains("u{202e}"),
        "{message}"
    );
}

proptest! {
    #[test]
    fn never_panics_and_points_inside(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
        if let Err(error) = payload::parse(&bytes, &Limits::PAYLOAD) {
            prop_assert!(error.offset <= bytes.len());
        }
    }

    #[test]
    fn never_panics_near_json(text in "[\\[\\]{}:,\"\\\\ue0-9a-fDdnltrs. +-]{0,60}") {
        let ours = payload::parse(text.as_bytes(), &Limits::PAYLOAD);
        // serde_json is laxer in two things only: duplicate names and huge exponents are its own business.
        if ours.is_ok() {
            prop_assert!(serde_json::from_str::<serde::de::IgnoredAny>(&text).is_ok(), "{text}");
        }
    }
}
