//! Numbers compare by exact value and never grow with their exponent.

use std::cmp::Ordering;

use gatehold_core::json::lexeme::Lexeme;
use proptest::prelude::*;

fn number(text: &str) -> Lexeme {
    Lexeme::new(text).unwrap_or_else(|error| panic!("{text}: {error}"))
}

#[test]
fn spellings_of_one_value() {
    let rows: &[&[&str]] = &[
        &["100", "1e2", "100.0", "1.00E+2", "1000e-1", "0.1e3"],
        &["0", "-0", "0.0", "0e999999999999999999", "-0.00e-5"],
        &["-12.5", "-1.25e1", "-125e-1", "-12.50"],
        &[
            "9007199254740993",
            "9007199254740993.0",
            "9.007199254740993e15",
        ],
        &[
            "1e999999999999999999",
            "10e999999999999999998",
            "1000e+0000000999999999999999996",
        ],
    ];
    for row in rows {
        for left in *row {
            for right in *row {
                assert!(number(left).same_value(&number(right)), "{left} {right}");
            }
        }
    }
    assert!(!number("9007199254740993").same_value(&number("9007199254740992")));
    assert!(!number("1").same_value(&number("-1")));
    assert!(!number("1e-400").same_value(&number("0")));
}

#[test]
fn order() {
    let rising = [
        "-1e999999999999999999",
        "-2e10",
        "-1e10",
        "-10.5",
        "-10",
        "-1e-999999999999999999",
        "0",
        "1e-999999999999999999",
        "0.5",
        "1",
        "1.5",
        "9",
        "10",
        "99.99",
        "100",
        "9007199254740992",
        "9007199254740993",
        "1e400",
    ];
    for (i, left) in rising.iter().enumerate() {
        for (j, right) in rising.iter().enumerate() {
            assert_eq!(
                number(left).decimal().cmp(&number(right).decimal()),
                i.cmp(&j),
                "{left} {right}"
            );
        }
    }
}

#[test]
fn conversions_are_exact_or_nothing() {
    let rows: &[(&str, u32, Option<i64>)] = &[
        ("0", 0, Some(0)),
        ("-0.0", 4, Some(0)),
        ("1e2", 0, Some(100)),
        ("100.00", 0, Some(100)),
        ("12.5", 0, None),
        ("12.5", 1, Some(125)),
        ("12.5", 4, Some(125_000)),
        ("0.0001", 4, Some(1)),
        ("0.00001", 4, None),
        ("9223372036854775807", 0, Some(i64::MAX)),
        ("9223372036854775808", 0, None),
        ("-9223372036854775808", 0, Some(i64::MIN)),
        ("-9223372036854775809", 0, None),
        ("922337203685477.5807", 4, Some(i64::MAX)),
        ("922337203685477.5808", 4, None),
        ("1e18", 0, Some(10_i64.pow(18))),
        ("1e19", 0, None),
        ("1e999999999999999999", 0, None),
        ("1e-999999999999999999", 9, None),
        ("123456789012345678901234567890", 0, None),
        ("1", 19, None),
        ("0", u32::MAX, Some(0)),
        ("1", u32::MAX, None),
        ("9007199254740993", 0, Some(9_007_199_254_740_993)),
    ];
    for (text, digits, wanted) in rows {
        assert_eq!(
            number(text).decimal().to_scaled(*digits),
            *wanted,
            "{text} with {digits}"
        );
    }
    assert_eq!(number("1e2").decimal().to_i64(), Some(100));
}

#[test]
fn refuses_other_spellings() {
    for text in [
        "",
        "+1",
        "01",
        "1.",
        ".5",
        "1e",
        " 1",
        "1 ",
        "1x",
        "--1",
        "0x1",
        "NaN",
        "1e1000000000000000000",
    ] {
        assert!(Lexeme::new(text).is_err(), "{text}");
    }
}

proptest! {
    #[test]
    fn integers_agree_with_i64(left in any::<i64>(), right in any::<i64>(), zeros in 0usize..5) {
        let spelled = number(&format!("{left}.{}", "0".repeat(zeros + 1)));
        prop_assert_eq!(spelled.decimal().to_i64(), Some(left));
        prop_assert_eq!(number(&left.to_string()).decimal().cmp(&number(&right.to_string()).decimal()), left.cmp(&right));
    }

    #[test]
    fn shifting_the_point_keeps_the_value(digits in "[1-9][0-9]{0,30}", shift in 0i64..60) {
        let plain = number(&format!("{digits}{}", "0".repeat(usize::try_from(shift).unwrap())));
        let shifted = number(&format!("{digits}e{shift}"));
        prop_assert!(plain.same_value(&shifted));
        prop_assert_eq!(plain.decimal().cmp(&shifted.decimal()), Ordering::Equal);
        let further = number(&format!("{digits}e{}", shift + 1));
        prop_assert!(!plain.same_value(&further));
    }
}
