//! A small log with a fixed key, for the tests. Everything in it follows from its size alone.

#![allow(dead_code, reason = "each test binary uses a part of it")]
#![expect(clippy::unwrap_used, clippy::indexing_slicing, reason = "tests")]

use gatehold_ledger::{
    Frontier, Hash, LogSigner, Opening, Origin, Receipt, SignedTreeHead, prove_inclusion,
};

pub const ORIGIN: &str = "dev.gate.example/log";

pub struct SampleLog {
    pub openings: Vec<Opening>,
    pub hashes: Vec<Hash>,
}

impl SampleLog {
    pub fn of(size: usize) -> Self {
        let openings: Vec<_> = (0..size as u64).map(opening).collect();
        let hashes = openings
            .iter()
            .map(|opening| opening.leaf().hash())
            .collect();
        Self { openings, hashes }
    }

    pub fn leaves(&self) -> Vec<[u8; 35]> {
        self.openings
            .iter()
            .map(|opening| opening.leaf().to_bytes())
            .collect()
    }

    pub fn root(&self, size: usize) -> Hash {
        Frontier::over(&self.hashes[..size]).root()
    }

    pub fn head(&self, size: usize) -> SignedTreeHead {
        SignedTreeHead::sign(size as u64, self.root(size), &signer(1)).unwrap()
    }

    pub fn receipt(&self, index: usize) -> Receipt {
        let size = self.hashes.len();
        let proof = prove_inclusion(&self.hashes[..], index as u64, size as u64).unwrap();
        Receipt::issue(
            self.openings[index].clone(),
            index as u64,
            proof,
            &self.head(size),
        )
        .unwrap()
    }
}

pub fn signer(seed: u8) -> LogSigner {
    LogSigner::from_seed(Origin::new(ORIGIN).unwrap(), &[seed; 32])
}

fn opening(number: u64) -> Opening {
    let mut salt = [0x5a; 32];
    salt[..8].copy_from_slice(&number.to_be_bytes());
    let record = format!(r#"{{"number":{number},"text":"record"}}"#).into_bytes();
    Opening {
        kind: (number % 5) as u16,
        salt,
        record,
    }
}
