//! RFC 6901 over payloads.

use gatehold_core::json::payload::{self, Json};
use gatehold_core::json::scan::Limits;

#[test]
fn the_examples_of_the_rfc_and_what_leads_nowhere() {
    let text = br#"{"foo":["bar","baz"],"":0,"a/b":1,"c%d":2,"e^f":3,"g|h":4,"i\\j":5,"k\"l":6," ":7,"m~n":8,"01":9}"#;
    let document = payload::parse(text, &Limits::PAYLOAD).unwrap();
    let number = |pointer: &str| {
        document
            .pointer(pointer)
            .and_then(Json::as_number)
            .map(|n| n.as_str().to_owned())
    };
    for (pointer, wanted) in [
        ("/", "0"),
        ("/a~1b", "1"),
        ("/c%d", "2"),
        ("/e^f", "3"),
        ("/g|h", "4"),
        ("/i\\j", "5"),
        ("/k\"l", "6"),
        ("/ ", "7"),
        ("/m~0n", "8"),
        ("/01", "9"),
    ] {
        assert_eq!(number(pointer).as_deref(), Some(wanted), "{pointer}");
    }
    assert_eq!(document.pointer(""), Some(&document));
    assert_eq!(
        document.pointer("/foo/1").and_then(Json::as_str),
        Some("baz")
    );
    for pointer in [
        "foo",
        "/foo/2",
        "/foo/-",
        "/foo/01",
        "/foo/+1",
        "/foo/",
        "/foo/1/x",
        "/m~n",
        "/m~",
        "/m~2n",
        "/nope",
        "/foo/99999999999999999999",
    ] {
        assert_eq!(document.pointer(pointer), None, "{pointer}");
    }
    assert_eq!(payload::escape_token("a/b~c"), "a~1b~0c");
}

#[test]
fn keeps_order_and_spelling() {
    let document =
        payload::parse(b"{\"b\":1.0,\"a\":1e2,\"z\":[true,null]}", &Limits::PAYLOAD).unwrap();
    let members = document.as_object().unwrap();
    assert_eq!(
        members
            .iter()
            .map(|(name, _)| name.as_str())
            .collect::<Vec<_>>(),
        ["b", "a", "z"]
    );
    assert_eq!(members[0].1.as_number().unwrap().as_str(), "1.0");
    assert_eq!(members[2].1.as_array().unwrap()[0].as_bool(), Some(true));
}
