//! Somebody whom an identity provider vouches for and who has no key with force: they may have a new key looked at, and nothing
//! else. They are not signed in. What is said of the key is what others check before they have it enrolled.
//!
//! Kept by one process for ten minutes and lost with it: then they sign in again.

use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use gatehold_core::directory::Directory;
use gatehold_core::guard;
use gatehold_core::hash::{Hash, hex};
use gatehold_core::ids::HumanId;
use gatehold_core::time::Timestamp;
use gatehold_core::trust::change::HumanEnrol;
use gatehold_core::words;

use crate::gate::Gate;
use crate::openid::Vouched;

/// How long somebody may take to make a key.
pub const NEWCOMER_SECONDS: u32 = 600;
/// Keys that are looked at for one sign-in: each is a signature to verify.
const TRIES: u8 = 5;
/// Newcomers at once; the one whose time is over first goes first.
const NEWCOMERS_MAX: usize = 256;

/// Newcomers by the hash of what their page holds.
#[derive(Debug, Default)]
pub struct Newcomers(Mutex<BTreeMap<Hash, Newcomer>>);

#[derive(Debug)]
struct Newcomer {
    human: HumanId,
    until: Timestamp,
    tries: u8,
}

/// A key that is proven and has no force.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Shown {
    /// Its fingerprint, as whoever has it enrolled reads it.
    pub fingerprint: String,
    /// Its eight words, for both to read to each other.
    pub words: String,
}

/// Why a key is not looked at, or does not hold.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum NotShown {
    /// It is another page, or it is over.
    #[error("this page is over; sign in again, and make the passkey within ten minutes")]
    Over,
    /// Somebody else's.
    #[error("the proof is of another person than the one who signed in")]
    Another,
    /// It does not hold.
    #[error("{0}")]
    Unproven(String),
}

impl Newcomers {
    /// Lets somebody have a key looked at; gives what their page holds. What they were given before is over.
    pub fn welcome(&self, vouched: &Vouched, secret: [u8; 32], now: Timestamp) -> String {
        let human = vouched.human().clone();
        let mut all = self.all();
        all.retain(|_, newcomer| newcomer.until >= now && newcomer.human != human);
        if all.len() >= NEWCOMERS_MAX
            && let Some(first) = all
                .iter()
                .min_by_key(|(_, newcomer)| newcomer.until)
                .map(|(name, _)| *name)
        {
            all.remove(&first);
        }
        let token = hex(&secret);
        let newcomer = Newcomer {
            human,
            until: now.plus_seconds(NEWCOMER_SECONDS),
            tries: TRIES,
        };
        all.insert(Hash::of(token.as_bytes()), newcomer);
        token
    }

    /// Looks at a key that a newcomer made. Nothing is kept of it, and nothing has force by it.
    ///
    /// # Errors
    /// What is wrong, for the person at the page.
    pub fn look(
        &self,
        directory: &Directory,
        token: &str,
        proof: &HumanEnrol,
        now: Timestamp,
    ) -> Result<Shown, NotShown> {
        let human = self.try_once(token, now)?;
        if guard!("newcomer-own-key", proof.human != human) {
            return Err(NotShown::Another);
        }
        let key = proof.check(directory, now);
        let key = key.map_err(|error| NotShown::Unproven(error.to_string()))?;
        Ok(Shown {
            fingerprint: key.fingerprint(),
            words: words::of_key(&key.thumbprint()).join(" "),
        })
    }

    /// Whose page it is. Every look counts, whatever it comes to.
    fn try_once(&self, token: &str, now: Timestamp) -> Result<HumanId, NotShown> {
        let mut all = self.all();
        let newcomer = all.get_mut(&Hash::of(token.as_bytes()));
        let newcomer = newcomer.ok_or(NotShown::Over)?;
        if guard!("newcomer-in-time", now > newcomer.until) {
            return Err(NotShown::Over);
        }
        if guard!("newcomer-tries", newcomer.tries == 0) {
            return Err(NotShown::Over);
        }
        newcomer.tries = newcomer.tries.saturating_sub(1);
        Ok(newcomer.human.clone())
    }

    fn all(&self) -> MutexGuard<'_, BTreeMap<Hash, Newcomer>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Gate {
    /// Lets somebody who is vouched for and has no key have one looked at.
    ///
    /// # Errors
    /// When the store does not tell the time.
    pub async fn welcome(
        &self,
        newcomers: &Newcomers,
        vouched: &Vouched,
    ) -> Result<String, crate::error::GateError> {
        let now = self.now().await?;
        Ok(newcomers.welcome(vouched, self.inner.parts.entropy.bytes(), now))
    }
}
