//! A forger who holds the database and the log's key: rewrites records and attachments so that everything opens, and
//! signs a new tree head over the result. What they do not hold is anybody's key.

#![allow(
    dead_code,
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "tests; every test file uses a part of it"
)]

use gatehold_audit::{Base64, LedgerLeaf};
use gatehold_core::entry::Entry;
use gatehold_core::hash::Hash;
use gatehold_ledger::{Leaf, attachment_commitment};

/// The record of a leaf.
pub fn entry(leaf: &LedgerLeaf) -> Entry {
    Entry::from_bytes(&leaf.record).unwrap()
}

/// Writes another record into a leaf, so that it opens.
pub fn rewrite(leaf: &mut LedgerLeaf, change: impl FnOnce(&mut Entry)) {
    let mut entry = entry(leaf);
    change(&mut entry);
    leaf.record = entry.to_bytes().unwrap();
    let kind = Leaf::from_bytes(&leaf.leaf).unwrap().kind;
    let salt = leaf.salt.clone().try_into().unwrap();
    leaf.leaf = Leaf::commit(kind, &salt, &leaf.record).to_bytes().to_vec();
}

/// Puts other bytes into an attachment, so that it opens.
pub fn replace(leaf: &mut LedgerLeaf, name: &str, bytes: Vec<u8>) {
    let given = leaf.attachments.iter_mut().find(|given| given.name == name);
    let given = given.unwrap();
    let salt = given.salt.clone().unwrap().0.try_into().unwrap();
    let commitment = Hash::from_bytes(attachment_commitment(&salt, &bytes).0);
    given.bytes = Some(Base64(bytes));
    rewrite(leaf, |entry| {
        entry.attachments.insert(name.to_owned(), commitment);
    });
}

/// Gives every leaf the index of its place.
pub fn renumber(leaves: &mut [LedgerLeaf]) {
    for (index, leaf) in leaves.iter_mut().enumerate() {
        leaf.index = index as u64;
        leaf.time = leaves_time();
    }
}

fn leaves_time() -> gatehold_core::time::Timestamp {
    gatehold_core::time::Timestamp::from_millis(1_795_226_732_000)
}
