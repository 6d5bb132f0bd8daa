//! Receipts: what verifies, and that nothing else does. A proof moved under another record is refused (threat B11).

mod sample;

use gatehold_ledger::{
    Hash, KeyError, LogKey, NoteError, Opening, RECEIPT_BYTES_MAX, Receipt, ReceiptError,
    SignedTreeHead, TreeHeadError, node_hash,
};
use sample::{ORIGIN, SampleLog, signer};

#[test]
fn every_receipt_verifies_and_shows_its_record() {
    for size in 1..=17 {
        let log = SampleLog::of(size);
        for (index, opening) in log.openings.iter().enumerate() {
            let text = log.receipt(index).to_string();
            let verified = Receipt::parse(&text)
                .unwrap()
                .verify(&signer(1).log_key())
                .unwrap();
            assert_eq!(
                (verified.index(), verified.head().size),
                (index as u64, size as u64)
            );
            assert_eq!(
                (verified.kind(), verified.record()),
                (opening.kind, &opening.record[..])
            );
            assert_eq!(*verified.leaf(), opening.leaf());
        }
    }
}

#[test]
fn a_proof_moved_under_another_record_is_refused() {
    let log = SampleLog::of(7);
    let key = signer(1).log_key();
    for of in 0..7 {
        for under in 0..7 {
            let moved = with_extra_of(
                &log.receipt(of).to_string(),
                &log.receipt(under).to_string(),
            );
            let verified = Receipt::parse(&moved).unwrap().verify(&key);
            assert_eq!(
                verified.is_ok(),
                of == under,
                "proof of {of} under record {under}"
            );
        }
    }
}

#[test]
fn no_bit_of_a_receipt_can_change() {
    let text = SampleLog::of(5).receipt(2).to_string();
    let key = signer(1).log_key();
    let mut refused = 0;
    for position in 0..text.len() {
        for bit in 0..8 {
            let mut bytes = text.clone().into_bytes();
            bytes[position] ^= 1 << bit;
            let verified = String::from_utf8(bytes).is_ok_and(|changed| verifies(&changed, &key));
            assert!(!verified, "bit {bit} of byte {position}");
            refused += 1;
        }
    }
    assert_eq!(refused, text.len() * 8);
}

#[test]
fn no_line_of_a_receipt_can_be_dropped_doubled_or_swapped() {
    let text = SampleLog::of(7).receipt(2).to_string();
    let key = signer(1).log_key();
    let lines: Vec<_> = text.split_inclusive('\n').collect();
    assert!(verifies(&lines.concat(), &key));
    for position in 0..lines.len() {
        let mut dropped = lines.clone();
        dropped.remove(position);
        assert!(
            !verifies(&dropped.concat(), &key),
            "line {position} dropped"
        );
        let mut doubled = lines.clone();
        doubled.insert(position, lines[position]);
        // The same signature twice says nothing new and nothing wrong.
        assert_eq!(
            verifies(&doubled.concat(), &key),
            position == lines.len() - 1,
            "line {position} doubled"
        );
        let mut swapped = lines.clone();
        swapped.swap(position, (position + 1) % lines.len());
        assert!(
            !verifies(&swapped.concat(), &key),
            "line {position} swapped"
        );
    }
}

#[test]
fn another_log_or_key_is_refused() {
    let receipt = SampleLog::of(3).receipt(1);
    let other_key = receipt.verify(&signer(2).log_key());
    assert_eq!(
        other_key,
        Err(ReceiptError::TreeHead(TreeHeadError::Note(
            NoteError::OtherKey
        )))
    );
    let renamed = signer(1)
        .log_key()
        .to_string()
        .replace(ORIGIN, "other.example/log");
    assert_eq!(LogKey::parse(&renamed), Err(KeyError::OtherId));
}

#[test]
fn a_receipt_without_its_record_is_refused() {
    let text = SampleLog::of(3).receipt(1).to_string();
    let without: String = text
        .split_inclusive('\n')
        .filter(|line| !line.starts_with("extra "))
        .collect();
    assert_eq!(Receipt::parse(&without), Err(ReceiptError::NoOpening));
}

#[test]
fn an_endless_receipt_is_refused_unread() {
    let hash = format!("{}\n", Hash([0; 32]).to_base64());
    let endless = format!(
        "c2sp.org/tlog-proof@v1\nextra \nindex 0\n{}",
        hash.repeat(6000)
    );
    assert!(endless.len() > RECEIPT_BYTES_MAX);
    assert_eq!(Receipt::parse(&endless), Err(ReceiptError::TooLong));
}

#[test]
fn a_receipt_that_would_not_verify_is_not_issued() {
    let log = SampleLog::of(3);
    let opening = log.openings[0].clone();
    assert!(Receipt::issue(opening, 0, Vec::new(), &log.head(3)).is_err());
}

/// A record of 1,700 bytes, a long origin and four thousand million leaves.
#[test]
fn a_receipt_stays_within_4_kib() {
    let opening = Opening {
        kind: 1,
        salt: [1; 32],
        record: vec![b'x'; 1700],
    };
    let proof = vec![opening.leaf().hash(); 32];
    let root = proof.iter().fold(opening.leaf().hash(), |hash, sibling| {
        node_hash(*sibling, hash)
    });
    let head = SignedTreeHead::sign(1 << 32, root, &signer(1)).unwrap();
    let receipt = Receipt::issue(opening, (1 << 32) - 1, proof, &head)
        .unwrap()
        .to_string();
    let longer_origin = 2 * (64 - ORIGIN.len());
    assert!(
        receipt.len() + longer_origin <= 4096,
        "{} bytes",
        receipt.len()
    );
}

fn verifies(text: &str, key: &LogKey) -> bool {
    Receipt::parse(text).is_ok_and(|receipt| receipt.verify(key).is_ok())
}

fn with_extra_of(text: &str, other: &str) -> String {
    let extra = other
        .split_inclusive('\n')
        .find(|line| line.starts_with("extra "));
    text.split_inclusive('\n')
        .map(|line| {
            if line.starts_with("extra ") {
                extra.unwrap_or_default()
            } else {
                line
            }
        })
        .collect()
}
