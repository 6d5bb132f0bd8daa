//! One value, one byte form; checked against another implementation.

use gatehold_core::json::canonical::{self, CanonicalError, INT_MAX, Int, Object, Value};
use gatehold_core::json::scan::{Limits, Problem};
use proptest::prelude::*;

pub(crate) fn unhex(text: &str) -> Vec<u8> {
    let digits: Vec<u8> = text
        .chars()
        .map(|c| u8::try_from(c.to_digit(16).unwrap()).unwrap())
        .collect();
    digits
        .chunks(2)
        .map(|pair| pair[0] << 4 | pair[1])
        .collect()
}

#[test]
fn b01_agrees_with_the_python_package() {
    assert_eq!(agreeing(include_str!("corpus/rfc8785.tsv")), 500);
}

/// How many pairs there are, each of an input and what the package makes of it; fails at one that we make otherwise.
pub(crate) fn agreeing(corpus: &str) -> usize {
    let mut rows = 0;
    for line in corpus.lines() {
        let (input, wanted) = line.split_once('\t').unwrap();
        let (input, wanted) = (unhex(input), unhex(wanted));
        let value = canonical::parse(&input, &Limits::RECORD).unwrap();
        let made = value.to_bytes();
        assert_eq!(
            String::from_utf8_lossy(&made),
            String::from_utf8_lossy(&wanted)
        );
        assert_eq!(
            canonical::parse_canonical(&made, &Limits::RECORD).unwrap(),
            value
        );
        assert_eq!(
            canonical::parse_canonical(&input, &Limits::RECORD).is_ok(),
            input == wanted
        );
        rows += 1;
    }
    rows
}

#[test]
fn sorts_by_utf16_code_units() {
    // The example of RFC 8785 section 3.2.3: U+1F600 (surrogates, 0xD83D) sorts before U+FB33.
    let text = "{\"\u{20ac}\":1,\"\\r\":2,\"\u{fb33}\":3,\"1\":4,\"\u{1f600}\":5,\"\u{80}\":6,\"\u{f6}\":7}";
    let value = canonical::parse(text.as_bytes(), &Limits::RECORD).unwrap();
    let wanted = "{\"\\r\":2,\"1\":4,\"\u{80}\":6,\"\u{f6}\":7,\"\u{20ac}\":1,\"\u{1f600}\":5,\"\u{fb33}\":3}";
    assert_eq!(String::from_utf8(value.to_bytes()).unwrap(), wanted);
    assert_eq!(
        value.get("\u{1f600}"),
        Some(&Value::Int(Int::try_from(5).unwrap()))
    );
}

#[test]
fn b01_refuses_numbers_that_could_merge() {
    let rows = [
        "1.0",
        "1e2",
        "1E2",
        "0.0",
        "-0",
        "-0.0",
        "9007199254740992",
        "-9007199254740992",
        "9007199254740993",
        "9223372036854775808",
        "1e-1",
        "123456789012345678901234567890",
    ];
    for row in rows {
        let error =
            canonical::parse(format!("[{row}]").as_bytes(), &Limits::RECORD).expect_err(row);
        assert_eq!(error.offset, 1);
        assert!(
            matches!(
                error.problem,
                Problem::NotAnInteger(_) | Problem::IntegerTooLarge(_) | Problem::MinusZero
            ),
            "{row}: {error}"
        );
    }
    for row in ["0", "9007199254740991", "-9007199254740991", "-1"] {
        assert_eq!(
            canonical::parse(row.as_bytes(), &Limits::RECORD)
                .unwrap()
                .to_bytes(),
            row.as_bytes()
        );
    }
}

#[test]
fn refuses_other_spellings_when_asked() {
    for (row, offset) in [
        ("{\"a\": 1}", 5),
        ("{\"b\":1,\"a\":2}", 2),
        ("\"\\u0061\"", 1),
        ("\"\\/\"", 1),
        ("\"\\u001F\"", 6),
        (" 1", 0),
        ("1 ", 1),
    ] {
        let error = canonical::parse_canonical(row.as_bytes(), &Limits::RECORD).expect_err(row);
        assert_eq!(error, CanonicalError::NotCanonical { offset }, "{row}");
    }
    assert_eq!(
        Object::from_members(vec![("a".into(), Value::Null), ("a".into(), Value::Null)]),
        Err(CanonicalError::DuplicateName("a".into()))
    );
    assert!(Int::try_from(INT_MAX + 1).is_err() && Int::try_from(i64::MIN).is_err());
}

fn values() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::Bool),
        (-INT_MAX..=INT_MAX).prop_map(|n| Value::Int(Int::try_from(n).unwrap())),
        any::<String>().prop_map(Value::String),
    ];
    leaf.prop_recursive(5, 64, 6, |inner| {
        prop_oneof![
            proptest::collection::vec(inner.clone(), 0..6).prop_map(Value::Array),
            proptest::collection::btree_map(any::<String>(), inner, 0..6).prop_map(|map| {
                Value::Object(Object::from_members(map.into_iter().collect()).unwrap())
            }),
        ]
    })
}

proptest! {
    #[test]
    fn bytes_and_values_correspond(left in values(), right in values()) {
        let bytes = left.to_bytes();
        prop_assert_eq!(&canonical::parse(&bytes, &Limits::RECORD).unwrap(), &left);
        prop_assert_eq!(left == right, bytes == right.to_bytes());
        prop_assert_eq!(canonical::to_bytes(&canonical::from_value::<Untyped>(left.clone()).unwrap()).unwrap(), bytes);
    }
}

/// A `Value` through serde and back, to exercise both directions of the bridge.
#[derive(serde::Deserialize, serde::Serialize)]
#[serde(untagged)]
enum Untyped {
    Null(()),
    Bool(bool),
    Int(i64),
    String(String),
    Array(Vec<Untyped>),
    Object(std::collections::HashMap<String, Untyped>),
}
