//! The adversarial corpus: each `.case` file is an action and the exact plain text a reviewer reads.
//!
//! Above the line `---` stand `kind:`, `media:`, any `envelope: Label = value` and `described: Label = /pointer`, and
//! `payload:` with the rest in the escapes of the exact block (line breaks mean nothing). Below it, the rendering.
//! After a wanted change, copy the files that the failure names over the old ones and read the diff.

use std::fmt::Write as _;
use std::fs;
use std::path::Path;

use gatehold_render::{Display, Field, PayloadKind, RenderInput, recover, render, to_plain};

struct Case {
    kind: PayloadKind,
    media: String,
    envelope: Vec<(String, String)>,
    described: Vec<(String, String)>,
    payload: Vec<u8>,
}

fn read(text: &str) -> Case {
    let mut case = Case {
        kind: PayloadKind::Opaque,
        media: String::new(),
        envelope: Vec::new(),
        described: Vec::new(),
        payload: Vec::new(),
    };
    let (head, payload) = text.split_once("payload:").unwrap();
    for line in head.lines() {
        let (key, value) = line.split_once(": ").unwrap();
        let pair = || {
            let (label, rest) = value.split_once(" = ").unwrap();
            let rest = String::from_utf8(unescape(rest)).unwrap();
            (label.to_owned(), rest)
        };
        match key {
            "kind" => case.kind = kind(value),
            "media" => case.media = value.to_owned(),
            "envelope" => case.envelope.push(pair()),
            "described" => case.described.push(pair()),
            other => panic!("unknown key {other}"),
        }
    }
    let joined: String = payload.lines().map(str::trim_start).collect();
    case.payload = match joined
        .strip_prefix("repeat ")
        .and_then(|rest| rest.split_once(' '))
    {
        Some((times, piece)) => unescape(piece).repeat(times.parse().unwrap()),
        None => unescape(&joined),
    };
    case
}

fn kind(name: &str) -> PayloadKind {
    match name {
        "json" => PayloadKind::Json,
        "sql" => PayloadKind::Sql,
        "http" => PayloadKind::Http,
        "argv" => PayloadKind::Argv,
        "opaque" => PayloadKind::Opaque,
        other => panic!("unknown kind {other}"),
    }
}

fn unescape(text: &str) -> Vec<u8> {
    let mut bytes = Vec::new();
    let mut rest = text.bytes();
    while let Some(byte) = rest.next() {
        bytes.push(match byte {
            b'\\' => match rest.next().unwrap() {
                b'n' => b'\n',
                b'x' => {
                    let digits = [rest.next().unwrap(), rest.next().unwrap()];
                    u8::from_str_radix(std::str::from_utf8(&digits).unwrap(), 16).unwrap()
                }
                plain => plain,
            },
            plain => plain,
        });
    }
    bytes
}

fn fields(pairs: &[(String, String)]) -> Vec<Field<'_>> {
    pairs
        .iter()
        .map(|(label, value)| Field { label, value })
        .collect()
}

fn rendered(case: &Case) -> Display {
    render(&RenderInput {
        media_type: &case.media,
        kind: case.kind,
        envelope: &fields(&case.envelope),
        described: &fields(&case.described),
        payload: &case.payload,
    })
}

#[test]
fn every_case_renders_as_written() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/corpus");
    let new = Path::new(env!("CARGO_TARGET_TMPDIR")).join("corpus");
    fs::create_dir_all(&new).unwrap();
    let mut differing = String::new();
    let mut cases = 0;
    for entry in fs::read_dir(&folder).unwrap() {
        let path = entry.unwrap().path();
        let text = fs::read_to_string(&path).unwrap();
        let (head, wanted) = text.split_once("\n---\n").unwrap_or((&text, ""));
        let case = read(head);
        let display = rendered(&case);
        assert_eq!(recover(&display).is_some(), case.payload.len() <= 64 << 10);
        assert_eq!(
            Display::from_bytes(&display.to_bytes().unwrap()).unwrap(),
            display
        );
        let made = to_plain(&display);
        if made != wanted {
            let copy = new.join(path.file_name().unwrap());
            fs::write(&copy, format!("{head}\n---\n{made}")).unwrap();
            writeln!(differing, "{}", copy.display()).unwrap();
        }
        cases += 1;
    }
    assert!(cases >= 60, "{cases} cases");
    assert!(differing.is_empty(), "these differ:\n{differing}");
}
