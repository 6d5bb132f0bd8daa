//! What an identity provider says of people between two sign-ins: that they are gone, and that they are back. Both are links of
//! the chain. It takes away and gives back, and never gives: who is enrolled and in which team, people decide.

use std::sync::Arc;

use gatehold_core::commit::Table;
use gatehold_core::decide::{reinstate, suspend};
use gatehold_core::directory::Directory;
use gatehold_core::guard;
use gatehold_core::hash::{Hash, hex};
use gatehold_core::ids::HumanId;
use gatehold_core::request::State;
use gatehold_core::requester::Requester;
use gatehold_core::trust::suspension::{REINSTATEMENT_TYPE, SUSPENSION_TYPE};
use gatehold_core::trust::{Reinstatement, SignedReinstatement, Suspension};
use gatehold_ledger::LogSigner;
use serde::Deserialize;

use crate::drive::TRIES;
use crate::error::GateError;
use crate::gate::{Active, Gate};
use crate::safe_act::SafeAct;

/// How somebody stands at this gate, as far as their identity provider has a say in it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Provisioned {
    /// Nobody enrolled them: nothing could be taken from them.
    Stranger,
    /// The provider took nothing from them.
    Active,
    /// It deactivated or removed them.
    Gone(Gone),
}

/// What took somebody's force.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Gone {
    /// Which suspension stands: an end of another one ends nothing.
    pub suspension: Hash,
    /// Whether the provider has removed them, and not only deactivated.
    pub removed: bool,
    /// Whether no key of theirs has force: people may have enrolled one since.
    pub wholly: bool,
}

impl Provisioned {
    fn of(human: &HumanId, directory: &Directory) -> Self {
        match directory.suspended.get(human) {
            Some(suspended) => Self::Gone(Gone {
                suspension: suspended.id,
                removed: suspended.removed,
                wholly: directory.is_suspended(human),
            }),
            None if directory.humans.contains_key(human) => Self::Active,
            None => Self::Stranger,
        }
    }

    /// Whether the provider has removed them.
    #[must_use]
    pub const fn is_removed(self) -> bool {
        matches!(self, Self::Gone(Gone { removed: true, .. }))
    }

    /// Whether it has taken nothing from them.
    #[must_use]
    pub const fn is_active(self) -> bool {
        matches!(self, Self::Active | Self::Stranger)
    }
}

/// What became of an "active".
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[must_use]
pub enum Reinstated {
    /// Nothing of theirs is taken now.
    Back,
    /// The provider has said since that they are gone, and that stands.
    GoneSince,
}

/// What became of a "gone".
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[must_use]
pub enum Taken {
    /// No key that they had has force, whatever "active" is on its way.
    Gone,
    /// They were gone already, and this was said too often within the hour: nothing is written. What stood stands, and an "active"
    /// that is on its way may end it.
    TooOften,
}

/// When a "gone" was heard.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Heard {
    /// By the call that is answered now.
    Now,
    /// Before, and it was taken then.
    InJournal,
}

/// As much of a request as says who would gain by it.
#[derive(Deserialize)]
struct Asked {
    requester: Requester,
}

impl Asked {
    fn gives(&self, human: &HumanId) -> bool {
        match &self.requester {
            Requester::Human { beneficiaries, .. } => beneficiaries.contains(human),
            Requester::Workload { .. } => false,
        }
    }
}

/// What the gate says with the log key: of what a provider told it, and of nothing else.
#[derive(Debug)]
pub struct OwnWord(LogSigner);

impl OwnWord {
    /// With the key that the root names.
    #[must_use]
    pub const fn new(signer: LogSigner) -> Self {
        Self(signer)
    }
}

/// How everybody stood at one moment.
pub struct Suspensions(Arc<Active>);

impl Suspensions {
    /// How one of them did.
    #[must_use]
    pub fn of(&self, human: &HumanId) -> Provisioned {
        Provisioned::of(human, &self.0.directory)
    }
}

impl Gate {
    /// How everybody stands now, for whoever hears of somebody: an "active" ends what stood then, and nothing that came since.
    ///
    /// # Errors
    /// When the store does not answer.
    pub async fn suspensions(&self) -> Result<Suspensions, GateError> {
        Ok(Suspensions(self.current().await?))
    }

    /// How somebody stands.
    ///
    /// # Errors
    /// When the store does not answer.
    pub async fn provisioned(&self, human: &HumanId) -> Result<Provisioned, GateError> {
        let active = self.current().await?;
        Ok(Provisioned::of(human, &active.directory))
    }

    /// Everybody of one issuer, and how they stand.
    ///
    /// # Errors
    /// When the store does not answer.
    pub async fn provisioned_by(
        &self,
        issuer: &str,
    ) -> Result<Vec<(HumanId, Provisioned)>, GateError> {
        let active = self.current().await?;
        let directory = &active.directory;
        let theirs = directory.humans.keys();
        let theirs = theirs.filter(|human| human.issuer() == issuer);
        Ok(theirs
            .map(|human| (human.clone(), Provisioned::of(human, directory)))
            .collect())
    }

    /// The provider says that somebody is gone: the safe direction. What they signed counts no more, their sessions end, and
    /// what waits for them waits for others. It is said anew although it stands: an "active" that is still on its way names the
    /// suspension that it ends, and does not end this one. There is a limit to that, of each person. A stranger for whom no key is
    /// asked for has nothing that could be taken, and nothing is written.
    ///
    /// # Errors
    /// When neither the store nor the journal takes it.
    pub async fn suspend(&self, human: &HumanId, removed: bool) -> Result<Taken, GateError> {
        let suspended = self.suspend_stored(human, removed, Heard::Now).await;
        let known = self.with_directory(|directory| directory.humans.contains_key(human));
        // The journal holds nothing of strangers: they could fill it. Nobody is enrolled while the store refuses.
        if let (Err(GateError::Store(_)), false) = (&suspended, known) {
            return suspended;
        }
        let act = || SafeAct::Suspend {
            human: human.clone(),
            removed,
        };
        match self.or_keep(suspended, act).await {
            // On the device: it is in force here, and nothing is decided before it is in the ledger.
            Err(GateError::Journaled) => Ok(Taken::Gone),
            other => other,
        }
    }

    pub(crate) async fn suspend_stored(
        &self,
        human: &HumanId,
        removed: bool,
        heard: Heard,
    ) -> Result<Taken, GateError> {
        let mut counts = heard == Heard::Now;
        for _ in 0..TRIES {
            // Asked before the directory is read: a key that was applied in between is in it.
            let asked_for = self.is_new_and_asked_for(human).await?;
            let loaded = self.load("", None, None).await?;
            let directory = &loaded.active.directory;
            let stands = directory.suspended.get(human);
            let known = directory.humans.contains_key(human) || stands.is_some();
            if !known && !asked_for {
                return Ok(Taken::Gone);
            }
            let suspension = Suspension {
                type_: SUSPENSION_TYPE.to_owned(),
                gate: directory.origin.clone(),
                human: human.clone(),
                // Whoever was removed stays so.
                removed: removed || stands.is_some_and(|stands| stands.removed),
                nonce: hex(&self.inner.parts.entropy.bytes()),
            };
            // By the directory that the write is guarded by: what is said for the first time is never one too many, whatever
            // "active" is written meanwhile.
            if counts && suspension.is_said_again(directory) {
                counts = false;
                let often = self.inner.said_again.is_too_often(human, loaded.now);
                if guard!("suspension-again", often) {
                    return Ok(Taken::TooOften);
                }
            }
            let fresh = self.fresh(loaded.now);
            let write = suspend(&suspension, directory, &fresh, loaded.now)?;
            if self.commit_plain(write).await?.is_some() {
                self.people_changed().await?;
                return Ok(Taken::Gone);
            }
        }
        Err(self.overtaken().await)
    }

    /// Whether somebody who was never enrolled would be, by what is asked for and not applied yet.
    async fn is_new_and_asked_for(&self, human: &HumanId) -> Result<bool, GateError> {
        let active = self.current().await?;
        if active.directory.humans.contains_key(human) {
            return Ok(false);
        }
        let mut found = false;
        // In one pass, in the order of what was asked for: a request that changes its state meanwhile is not passed by.
        let states = [State::Held, State::Redeemable, State::Allowed].map(State::name);
        let whole = self.each_of(Table::Request, &states, |row| {
            // One that cannot be read may be theirs: what is written for nothing takes nothing from anybody.
            let asked = serde_json::from_slice::<Asked>(&row.body);
            found |= asked.map_or(true, |asked| asked.gives(human));
        });
        found |= !whole.await?;
        Ok(guard!("suspension-before-first-key", found))
    }

    /// The provider says that somebody is back: this suspension of theirs ends. It gives back what the chain of trust gave them,
    /// and no more. Who is suspended by another one by then was said to be gone since, and stays so.
    ///
    /// # Errors
    /// When the gate's word is not that of the root's log key, or the store does not answer.
    pub async fn reinstate(
        &self,
        human: &HumanId,
        suspension: &Hash,
        word: &OwnWord,
    ) -> Result<Reinstated, GateError> {
        self.journal_first().await?;
        for _ in 0..TRIES {
            let loaded = self.load("", None, None).await?;
            let directory = &loaded.active.directory;
            let Some(stands) = directory.suspended_by(human) else {
                return Ok(Reinstated::Back);
            };
            if guard!("reinstatement-as-heard", stands != *suspension) {
                return Ok(Reinstated::GoneSince);
            }
            let statement = Reinstatement {
                type_: REINSTATEMENT_TYPE.to_owned(),
                gate: directory.origin.clone(),
                human: human.clone(),
                suspension: *suspension,
            };
            let signed = SignedReinstatement::sign(&statement, |message| word.0.sign_word(message));
            let signed = signed.map_err(GateError::damaged)?;
            let fresh = self.fresh(loaded.now);
            let write = reinstate(&signed, directory, &fresh, loaded.now)?;
            if self.commit_plain(write).await?.is_some() {
                self.people_changed().await?;
                return Ok(Reinstated::Back);
            }
        }
        Err(self.overtaken().await)
    }

    async fn people_changed(&self) -> Result<(), GateError> {
        self.read_on().await?;
        self.inner.decided.notify_waiters();
        Ok(())
    }

    /// Whether somebody was suspended by an act that is only in the journal yet.
    pub(crate) fn is_suspended_in_journal(&self, human: &HumanId) -> bool {
        let kept = self.kept_acts();
        let mut kept = kept.iter();
        let suspended =
            kept.any(|act| matches!(act, SafeAct::Suspend { human: whose, .. } if whose == human));
        guard!("suspended-in-journal", suspended)
    }
}
