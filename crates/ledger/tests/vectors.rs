//! The RFC 6962 proof vectors of transparency-dev/merkle, valid and broken. Must run every case of both files.

#![expect(clippy::unwrap_used, reason = "tests")]

use base64::{Engine, engine::general_purpose::STANDARD};
use gatehold_ledger::{Hash, verify_consistency, verify_inclusion};
use serde::Deserialize;
use serde::de::DeserializeOwned;

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Inclusion {
    case: String,
    leaf_idx: u64,
    tree_size: u64,
    root: String,
    leaf_hash: String,
    proof: Option<Vec<String>>,
    #[serde(rename = "desc")]
    _desc: String,
    want_err: bool,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Consistency {
    case: String,
    size1: u64,
    size2: u64,
    root1: String,
    root2: String,
    proof: Option<Vec<String>>,
    #[serde(rename = "desc")]
    _desc: String,
    want_err: bool,
}

#[test]
fn inclusion() {
    let cases: Vec<Inclusion> = read(include_str!("data/merkle/inclusion.jsonl"));
    for case in &cases {
        let hashes = proof(&case.proof);
        let ends = Hash::from_base64(&case.leaf_hash).zip(Hash::from_base64(&case.root));
        let verified = hashes.zip(ends).is_some_and(|(proof, (leaf, root))| {
            verify_inclusion(leaf, case.leaf_idx, case.tree_size, &proof, root).is_ok()
        });
        assert_eq!(verified, !case.want_err, "{}", case.case);
    }
    let refused = cases.iter().filter(|case| case.want_err).count();
    assert_eq!((cases.len(), refused), (98, 92));
}

#[test]
fn consistency() {
    let cases: Vec<Consistency> = read(include_str!("data/merkle/consistency.jsonl"));
    for case in &cases {
        let proof = proof(&case.proof);
        let (root1, root2) = (padded(&case.root1), padded(&case.root2));
        let verified = proof.is_some_and(|proof| {
            verify_consistency(case.size1, root1, case.size2, root2, &proof).is_ok()
        });
        assert_eq!(verified, !case.want_err, "{}", case.case);
    }
    let refused = cases.iter().filter(|case| case.want_err).count();
    assert_eq!((cases.len(), refused), (98, 92));
}

fn read<T: DeserializeOwned>(lines: &str) -> Vec<T> {
    lines
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect()
}

/// Some of these cases, a valid one among them, have the words "don't care" as roots. Our roots have 32 bytes, and only
/// whether they are equal matters there.
fn padded(text: &str) -> Hash {
    let mut bytes = STANDARD.decode(text).unwrap();
    bytes.resize(32, 0);
    Hash(bytes.try_into().unwrap())
}

/// A hash of another length cannot even be expressed: it is refused where it is read.
fn proof(texts: &Option<Vec<String>>) -> Option<Vec<Hash>> {
    texts
        .iter()
        .flatten()
        .map(|text| Hash::from_base64(text))
        .collect()
}
