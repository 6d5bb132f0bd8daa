//! The readers, each with what must hold when it accepts. True when it accepted.

use gatehold_audit::{Dossier, Export, Trusted, verify_dossier};
use gatehold_core::action::Action;
use gatehold_core::checkpoint::Checkpoint;
use gatehold_core::descriptor::Descriptor;
use gatehold_core::entry::Entry;
use gatehold_core::hash::Hash;
use gatehold_core::json::{canonical, payload, scan::Limits};
use gatehold_core::review::ReviewContext;
use gatehold_core::signed_body::SignedBody;
use gatehold_core::ssh::sshsig::UnverifiedSshsig;
use gatehold_core::trust::{Evidence, RootStatement};
use gatehold_ledger::{Anchor, LogKey, Receipt, SignedNote, TreeHead};
use gatehold_proof::{PublicUrl, RequestParts, SubmitEvidence, UnverifiedRequestSignature};
use gatehold_render::{Display, Member, PayloadKind, RenderInput, Shape, render};

pub struct Reader {
    pub name: &'static str,
    pub read: fn(&[u8]) -> bool,
}

macro_rules! readers {
    ($($name:ident),+ $(,)?) => {
        pub const READERS: &[Reader] = &[$(Reader { name: stringify!($name), read: $name }),+];
    };
}

readers!(
    envelope,
    payload_json,
    review_context,
    sshsig,
    signature_headers,
    submit_evidence,
    signed_body,
    receipt,
    note,
    tree_head,
    anchor,
    log_key,
    record,
    root_statement,
    evidence,
    dossier,
    export,
    checkpoint,
    descriptor,
    display,
    rendering,
);

fn text(bytes: &[u8]) -> Option<&str> {
    core::str::from_utf8(bytes).ok()
}

/// Strictly canonical forms: what is read is written back the same.
fn same(read: Option<Vec<u8>>, bytes: &[u8]) -> bool {
    read.inspect(|written| assert_eq!(written, bytes, "two spellings of one value"))
        .is_some()
}

fn envelope(bytes: &[u8]) -> bool {
    let Ok(read) = canonical::from_bytes::<gatehold_core::action::Envelope>(bytes) else {
        return false;
    };
    let written = canonical::to_bytes(&read).unwrap();
    assert_eq!(
        canonical::from_canonical_bytes::<gatehold_core::action::Envelope>(&written),
        Ok(read)
    );
    // Whatever the payload, an accepted action is found again under its digest and under no other bytes.
    if let Ok(action) = Action::parse(bytes, b"SELECT 1".to_vec()) {
        let again = Action::rebuild(
            action.envelope_bytes(),
            b"SELECT 1".to_vec(),
            action.digest(),
        );
        assert_eq!(again.as_ref(), Ok(&action));
        assert!(
            Action::rebuild(
                action.envelope_bytes(),
                b"SELECT 2".to_vec(),
                action.digest()
            )
            .is_err()
        );
    }
    true
}

fn payload_json(bytes: &[u8]) -> bool {
    let Ok(read) = payload::parse(bytes, &Limits::PAYLOAD) else {
        return false;
    };
    // Read twice, read the same; and never looser than a lenient reader.
    assert_eq!(payload::parse(bytes, &Limits::PAYLOAD).as_ref(), Ok(&read));
    assert!(core::str::from_utf8(bytes).is_ok());
    let _ = read.pointer("/a/0");
    true
}

fn review_context(bytes: &[u8]) -> bool {
    let read: Option<ReviewContext> = canonical::from_canonical_bytes(bytes).ok();
    same(read.map(|context| context.to_bytes().unwrap()), bytes)
}

fn sshsig(bytes: &[u8]) -> bool {
    UnverifiedSshsig::parse(bytes).is_ok()
}

/// `content-digest`, `signature-input` and `signature`, a line each.
fn signature_headers(bytes: &[u8]) -> bool {
    let mut lines = bytes.split(|byte| *byte == b'\n');
    let names = [
        "content-digest",
        "signature-input",
        "signature",
        "idempotency-key",
    ];
    let mut headers = http::HeaderMap::new();
    for name in names {
        if let Some(line) = lines.next().filter(|line| !line.is_empty()) {
            let Ok(value) = http::HeaderValue::from_bytes(line) else {
                return false;
            };
            headers.append(name, value);
        }
    }
    let url = PublicUrl::parse("https://gate.example").unwrap();
    let parts = RequestParts::collect("POST", &url, "/v1/requests", &headers, b"{}");
    parts.is_ok_and(|parts| UnverifiedRequestSignature::parse(parts).is_ok())
}

fn submit_evidence(bytes: &[u8]) -> bool {
    same(
        SubmitEvidence::from_bytes(bytes)
            .ok()
            .map(|read| read.to_bytes()),
        bytes,
    )
}

fn signed_body(bytes: &[u8]) -> bool {
    let Ok(body) = SignedBody::read(bytes) else {
        return false;
    };
    assert!(!body.asks(Hash::of(b"no action"), Hash::of(b"no claims")));
    true
}

fn receipt(bytes: &[u8]) -> bool {
    let read = text(bytes).and_then(|text| Receipt::parse(text).ok());
    same(read.map(|read| read.to_string().into_bytes()), bytes)
}

fn note(bytes: &[u8]) -> bool {
    let read = text(bytes).and_then(|text| SignedNote::parse(text).ok());
    same(read.map(|read| read.to_string().into_bytes()), bytes)
}

fn tree_head(bytes: &[u8]) -> bool {
    let read = text(bytes).and_then(|text| TreeHead::parse(text).ok());
    same(read.map(|read| read.to_string().into_bytes()), bytes)
}

fn anchor(bytes: &[u8]) -> bool {
    let read = text(bytes).and_then(|text| Anchor::parse(text).ok());
    same(read.map(|read| read.to_string().into_bytes()), bytes)
}

fn log_key(bytes: &[u8]) -> bool {
    let read = text(bytes).and_then(|text| LogKey::parse(text).ok());
    same(read.map(|read| read.to_string().into_bytes()), bytes)
}

fn record(bytes: &[u8]) -> bool {
    same(
        Entry::from_bytes(bytes)
            .ok()
            .map(|read| read.to_bytes().unwrap()),
        bytes,
    )
}

/// Members of a team are a set: another order is another statement, with another hash and other signatures, that says the
/// same. What is read says the same when it is written and read again.
fn root_statement(bytes: &[u8]) -> bool {
    let Ok(read) = canonical::from_canonical_bytes::<RootStatement>(bytes) else {
        return false;
    };
    let written = canonical::to_bytes(&read).unwrap();
    assert_eq!(
        canonical::from_canonical_bytes::<RootStatement>(&written),
        Ok(read)
    );
    true
}

fn evidence(bytes: &[u8]) -> bool {
    let Ok(read) = Evidence::from_bytes(bytes) else {
        return false;
    };
    if let Evidence::Root(root) = &read {
        let _ = root.verify();
    }
    same(Some(read.to_bytes().unwrap()), bytes)
}

fn dossier(bytes: &[u8]) -> bool {
    let _ = verify_dossier(bytes, &Trusted::default());
    let Ok(read) = Dossier::from_bytes(bytes) else {
        return false;
    };
    assert_eq!(
        Dossier::from_bytes(&read.to_bytes().unwrap()).unwrap(),
        read
    );
    true
}

fn export(bytes: &[u8]) -> bool {
    let Ok(mut export) = Export::open(bytes) else {
        return false;
    };
    loop {
        match export.next_item() {
            Ok(Some(_)) => {}
            Ok(None) => return true,
            Err(_) => return false,
        }
    }
}

fn checkpoint(bytes: &[u8]) -> bool {
    let read = text(bytes).and_then(|text| toml::from_str::<Checkpoint>(text).ok());
    let Some(read) = read else {
        return false;
    };
    let written = canonical::to_bytes(&read).unwrap();
    let again: Checkpoint = canonical::from_canonical_bytes(&written).unwrap();
    assert_eq!(again.definition_hash(), read.definition_hash());
    true
}

fn descriptor(bytes: &[u8]) -> bool {
    let read = text(bytes).and_then(|text| Descriptor::parse(text).ok());
    let Some(read) = read else {
        return false;
    };
    let again = text(bytes).and_then(|text| Descriptor::parse(text).ok());
    assert_eq!(again.map(|again| again.hash()), Some(read.hash()));
    true
}

fn display(bytes: &[u8]) -> bool {
    let Ok(read) = Display::from_bytes(bytes) else {
        return false;
    };
    same(Some(read.to_bytes().unwrap()), bytes)
}

fn rendering(bytes: &[u8]) -> bool {
    let kinds = [
        PayloadKind::Json,
        PayloadKind::Sql,
        PayloadKind::Http,
        PayloadKind::Argv,
        PayloadKind::Shell,
        PayloadKind::Diff,
        PayloadKind::Message,
        PayloadKind::Opaque,
    ];
    let documents = [
        Shape::TerraformPlan,
        Shape::Kubernetes,
        Shape::IamPolicy,
        Shape::Amount,
    ];
    let member = |shape| Member {
        label: "All",
        pointer: "",
        shape,
    };
    let read_by = documents.map(|shape| (PayloadKind::Json, vec![member(shape)]));
    let kinds = kinds.map(|kind| (kind, Vec::new()));
    for (kind, described) in kinds.into_iter().chain(read_by) {
        let shown = render(&RenderInput {
            media_type: "application/json",
            kind,
            envelope: &[],
            described: &described,
            internal: &[],
            payload: bytes,
        });
        let stored = shown.to_bytes().unwrap();
        assert_eq!(
            Display::from_bytes(&stored).unwrap().to_bytes().unwrap(),
            stored
        );
    }
    true
}
