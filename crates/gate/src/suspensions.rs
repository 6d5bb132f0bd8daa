//! What an identity provider says of people between two sign-ins: that they are gone, and that they are back. Both are links of
//! the chain. It takes away and gives back, and never gives: who is enrolled and in which team, people decide.

use gatehold_core::decide::{reinstate, suspend};
use gatehold_core::directory::Directory;
use gatehold_core::guard;
use gatehold_core::hash::hex;
use gatehold_core::ids::HumanId;
use gatehold_core::trust::suspension::{REINSTATEMENT_TYPE, SUSPENSION_TYPE};
use gatehold_core::trust::{Reinstatement, SignedReinstatement, Suspension};
use gatehold_ledger::LogSigner;

use crate::drive::TRIES;
use crate::error::GateError;
use crate::gate::Gate;
use crate::safe_act::SafeAct;

/// How somebody stands at this gate, as far as their identity provider has a say in it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Provisioned {
    /// Nobody enrolled them: nothing could be taken from them.
    Stranger,
    /// The provider took nothing from them.
    Active,
    /// It deactivated them.
    Deactivated,
    /// It removed them.
    Removed,
}

impl Provisioned {
    fn of(human: &HumanId, directory: &Directory) -> Self {
        if !directory.humans.contains_key(human) {
            return Self::Stranger;
        }
        match directory.suspended.get(human) {
            Some(suspended) if suspended.removed => Self::Removed,
            Some(_) => Self::Deactivated,
            None => Self::Active,
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

impl Gate {
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
    /// what waits for them waits for others. A stranger has nothing that could be taken, and nothing is written.
    ///
    /// # Errors
    /// When neither the store nor the journal takes it.
    pub async fn suspend(&self, human: &HumanId, removed: bool) -> Result<(), GateError> {
        let suspended = self.suspend_stored(human, removed).await;
        let act = || SafeAct::Suspend {
            human: human.clone(),
            removed,
        };
        match self.or_keep(suspended, act).await {
            // On the device: it is in force here, and nothing is decided before it is in the ledger.
            Err(GateError::Journaled) => Ok(()),
            other => other,
        }
    }

    pub(crate) async fn suspend_stored(
        &self,
        human: &HumanId,
        removed: bool,
    ) -> Result<(), GateError> {
        for _ in 0..TRIES {
            let loaded = self.load("", None, None).await?;
            let directory = &loaded.active.directory;
            let stands = directory.suspended.get(human);
            // A key that was enrolled since then has force: it is said again.
            let covered = directory.is_suspended(human)
                && stands.is_some_and(|stands| stands.removed == removed);
            if covered || !directory.humans.contains_key(human) {
                return Ok(());
            }
            let suspension = Suspension {
                type_: SUSPENSION_TYPE.to_owned(),
                gate: directory.origin.clone(),
                human: human.clone(),
                removed,
                nonce: hex(&self.inner.parts.entropy.bytes()),
            };
            let fresh = self.fresh(loaded.now);
            let write = suspend(&suspension, directory, &fresh, loaded.now)?;
            if self.commit_plain(write).await?.is_some() {
                return self.people_changed().await;
            }
        }
        Err(self.overtaken().await)
    }

    /// The provider says that somebody is back. It gives back what the chain of trust gave them, and no more.
    ///
    /// # Errors
    /// When the gate's word is not that of the root's log key, or the store does not answer.
    pub async fn reinstate(&self, human: &HumanId, word: &OwnWord) -> Result<(), GateError> {
        self.journal_first().await?;
        for _ in 0..TRIES {
            let loaded = self.load("", None, None).await?;
            let directory = &loaded.active.directory;
            let Some(suspended) = directory.suspended.get(human) else {
                return Ok(());
            };
            let statement = Reinstatement {
                type_: REINSTATEMENT_TYPE.to_owned(),
                gate: directory.origin.clone(),
                human: human.clone(),
                suspension: suspended.id,
            };
            let signed = SignedReinstatement::sign(&statement, |message| word.0.sign_word(message));
            let signed = signed.map_err(GateError::damaged)?;
            let fresh = self.fresh(loaded.now);
            let write = reinstate(&signed, directory, &fresh, loaded.now)?;
            if self.commit_plain(write).await?.is_some() {
                return self.people_changed().await;
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
