//! How much of a promise is tried in a run. Continuous integration tries a share under a fresh seed, which it prints; the
//! nightly run sets `GATEHOLD_PROMISES=full`. `GATEHOLD_SEED=N` replays one seed.

#![allow(
    dead_code,
    clippy::print_stdout,
    clippy::unwrap_used,
    clippy::disallowed_methods,
    reason = "tests: every test file uses a part of it, and a failing run must say its seed"
)]

use std::hash::{BuildHasher as _, RandomState};

/// The full count in the nightly run, a share of it otherwise.
pub fn count(share: u64, full: u64) -> u64 {
    match std::env::var("GATEHOLD_PROMISES").as_deref() {
        Ok("full") => full,
        _ => share,
    }
}

/// Numbers from one seed.
pub struct Seed(u64);

impl Seed {
    /// The seed of the environment, or one that nobody has seen. Its value is printed: it replays the run.
    pub fn of(promise: &str) -> Self {
        let given = std::env::var("GATEHOLD_SEED").ok();
        let given = given.and_then(|text| text.parse().ok());
        let seed = given.unwrap_or_else(|| RandomState::new().hash_one(promise));
        println!("{promise}: GATEHOLD_SEED={seed} replays this run");
        Self(seed)
    }

    /// The next number (splitmix64).
    pub fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    /// A number below `end`.
    pub fn below(&mut self, end: usize) -> usize {
        usize::try_from(self.next() % (end as u64)).unwrap()
    }

    /// One of these.
    pub fn pick<'a, T>(&mut self, from: &'a [T]) -> &'a T {
        let at = self.below(from.len());
        from.get(at).unwrap()
    }

    /// The bytes with one thing changed: a bit, a byte, a byte more or less, two swapped, a piece cut or doubled.
    pub fn mutate(&mut self, bytes: &[u8]) -> Vec<u8> {
        let mut changed = bytes.to_vec();
        if changed.is_empty() {
            return vec![u8::try_from(self.below(256)).unwrap()];
        }
        let at = self.below(changed.len());
        let other = self.below(changed.len());
        let byte = u8::try_from(self.below(256)).unwrap();
        match self.below(8) {
            0 | 1 => {
                if let Some(place) = changed.get_mut(at) {
                    *place ^= 1 << (byte & 7);
                }
            }
            2 => {
                if let Some(place) = changed.get_mut(at) {
                    *place = byte;
                }
            }
            3 => changed.insert(at, byte),
            4 => drop(changed.remove(at)),
            5 => changed.swap(at, other),
            6 => changed.truncate(at),
            _ => {
                let piece = changed.get(at.min(other)..at.max(other)).unwrap().to_vec();
                let rest = changed.split_off(at);
                changed.extend(piece);
                changed.extend(rest);
            }
        }
        changed
    }

    /// The same for text; what is no text is turned into one.
    pub fn mutate_text(&mut self, text: &str) -> String {
        String::from_utf8_lossy(&self.mutate(text.as_bytes())).into_owned()
    }
}
