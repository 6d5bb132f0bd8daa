//! Typed structs across the serde bridge.

use std::collections::BTreeMap;

use gatehold_core::json::canonical::{self, CanonicalError};
use serde::{Deserialize, Serialize};

#[derive(Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Everything {
    zeta: u64,
    alpha: Option<String>,
    pair: (i8, bool),
    unit: (),
    newtype: Name,
    kinds: Vec<Kind>,
    map: BTreeMap<String, u16>,
    by_kind: BTreeMap<Plain, char>,
    tagged: Tagged,
}

#[derive(Debug, PartialEq, Serialize, Deserialize)]
struct Name(String);

#[derive(Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Kind {
    Unit,
    Newtype(i64),
    Tuple(u8, u8),
    Struct { b: u8, a: u8 },
}

#[derive(Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
enum Plain {
    Left,
    Right,
}

#[derive(Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
enum Tagged {
    Http { status: u16 },
}

fn sample() -> Everything {
    Everything {
        zeta: 9_007_199_254_740_991,
        alpha: None,
        pair: (-1, true),
        unit: (),
        newtype: Name("n".into()),
        kinds: vec![
            Kind::Unit,
            Kind::Newtype(-5),
            Kind::Tuple(1, 2),
            Kind::Struct { b: 1, a: 2 },
        ],
        map: BTreeMap::from([("\u{fb33}".into(), 1), ("\u{1f600}".into(), 2)]),
        by_kind: BTreeMap::from([(Plain::Left, 'l'), (Plain::Right, 'r')]),
        tagged: Tagged::Http { status: 200 },
    }
}

const BYTES: &str = "{\"alpha\":null,\"by_kind\":{\"Left\":\"l\",\"Right\":\"r\"},\"kinds\":[\"unit\",{\"newtype\":-5},\
    {\"tuple\":[1,2]},{\"struct\":{\"a\":2,\"b\":1}}],\"map\":{\"\u{1f600}\":2,\"\u{fb33}\":1},\"newtype\":\"n\",\
    \"pair\":[-1,true],\"tagged\":{\"kind\":\"http\",\"status\":200},\"unit\":null,\"zeta\":9007199254740991}";

#[test]
fn there_and_back() {
    let bytes = canonical::to_bytes(&sample()).unwrap();
    assert_eq!(String::from_utf8(bytes.clone()).unwrap(), BYTES);
    assert_eq!(
        canonical::from_canonical_bytes::<Everything>(&bytes).unwrap(),
        sample()
    );
    let spaced = format!(" {BYTES}\n");
    assert_eq!(
        canonical::from_bytes::<Everything>(spaced.as_bytes()).unwrap(),
        sample()
    );
    assert_eq!(
        canonical::from_canonical_bytes::<Everything>(spaced.as_bytes()),
        Err(CanonicalError::NotCanonical { offset: 0 })
    );
}

#[test]
fn refuses_what_it_cannot_carry() {
    assert_eq!(canonical::to_bytes(&1.5_f64), Err(CanonicalError::Float));
    assert_eq!(canonical::to_bytes(&[1.0_f32]), Err(CanonicalError::Float));
    assert_eq!(
        canonical::to_bytes(&u64::MAX),
        Err(CanonicalError::IntegerTooLarge(i128::from(u64::MAX)))
    );
    assert!(canonical::to_bytes(&-9_007_199_254_740_992_i64).is_err());
    assert_eq!(
        canonical::to_bytes(&BTreeMap::from([(1, 2)])),
        Err(CanonicalError::KeyNotText)
    );
    assert_eq!(
        canonical::to_bytes(&BTreeMap::from([((), 2)])),
        Err(CanonicalError::KeyNotText)
    );
    #[derive(Serialize)]
    struct Twice {
        a: u8,
        #[serde(flatten)]
        rest: BTreeMap<String, u8>,
    }
    let twice = Twice {
        a: 1,
        rest: BTreeMap::from([("a".into(), 2)]),
    };
    assert_eq!(
        canonical::to_bytes(&twice),
        Err(CanonicalError::DuplicateName("a".into()))
    );
}

#[test]
fn refuses_second_spellings_of_one_type() {
    let from = |text: &str| canonical::from_bytes::<Kind>(text.as_bytes());
    assert_eq!(from("\"unit\"").unwrap(), Kind::Unit);
    for text in [
        "{\"unit\":null}",
        "\"newtype\"",
        "{\"newtype\":1,\"unit\":null}",
        "{}",
        "{\"tuple\":[1]}",
        "{\"tuple\":[1,2,3]}",
        "{\"struct\":[1,2]}",
        "{\"newtype\":1.0}",
        "{\"newtype\":\"1\"}",
        "{\"other\":1}",
        "[\"unit\"]",
        "null",
        "{\"tuple\":[256,1]}",
    ] {
        let error = from(text).expect_err(text);
        assert!(error.to_string().contains("; "), "{error}");
    }
    assert_eq!(
        canonical::from_bytes::<f64>(b"1"),
        Err(CanonicalError::Float)
    );
    assert!(
        canonical::from_bytes::<Everything>(BYTES.replacen("{", "{\"more\":1,", 1).as_bytes())
            .is_err()
    );
    #[derive(Debug, PartialEq, Deserialize)]
    struct Point {
        x: u8,
    }
    assert_eq!(
        canonical::from_bytes::<Point>(b"{\"x\":1}").unwrap(),
        Point { x: 1 }
    );
    assert!(canonical::from_bytes::<Point>(b"[1]").is_err());
}
