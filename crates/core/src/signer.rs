//! With what a review is signed: an SSH key in a terminal, or a passkey in a browser. A checkpoint may take one kind alone.
//!
//! What that proves is which kind of key signed. A page of the console cannot make an SSH signature, so one that lies cannot
//! have a review signed where `cli` is demanded. It does not prove that the person read it in Gatehold's own terminal.

use core::fmt;

use serde::{Deserialize, Serialize};

use crate::assurance::Assurance;
use crate::person_key::PersonKey;

/// What a checkpoint takes.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize, Deserialize,
)]
#[serde(rename_all = "snake_case")]
pub enum Signer {
    /// Whatever a person is enrolled with.
    #[default]
    Any,
    /// An SSH key: signed in a terminal.
    Cli,
    /// A passkey: signed on a page of the console.
    Passkey,
}

/// The kind of key that made a signature.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum KeyKind {
    /// Makes SSHSIGs.
    Ssh,
    /// Makes WebAuthn assertions.
    Passkey,
}

impl Signer {
    /// Whether a signature of this kind of key counts.
    #[must_use]
    pub const fn takes(self, kind: KeyKind) -> bool {
        match self {
            Self::Any => true,
            Self::Cli => matches!(kind, KeyKind::Ssh),
            Self::Passkey => matches!(kind, KeyKind::Passkey),
        }
    }

    /// Whether every kind counts: the form in which a definition is written without it, and hashes as it always did.
    #[must_use]
    pub const fn is_any(&self) -> bool {
        matches!(self, Self::Any)
    }

    /// What is demanded, for people; nothing where nothing is.
    #[must_use]
    pub const fn in_words(self) -> Option<&'static str> {
        match self {
            Self::Any => None,
            Self::Cli => Some("signed in a terminal, with an SSH key"),
            Self::Passkey => Some("signed in a browser, with a passkey"),
        }
    }

    /// What somebody does instead who signed with the other kind of key: one sentence.
    #[must_use]
    pub const fn instead(self) -> &'static str {
        match self {
            Self::Cli => {
                "Sign it in a terminal with an SSH key of yours: `gatehold approve REQUEST`."
            }
            Self::Passkey | Self::Any => {
                "Sign it with a passkey of yours on the page of this request; `gatehold show REQUEST` shows the same action."
            }
        }
    }
}

impl fmt::Display for Signer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Any => "any",
            Self::Cli => "cli",
            Self::Passkey => "passkey",
        })
    }
}

impl KeyKind {
    /// The kind of an enrolled key. The enrolled key decides, and nothing that a signature says of itself.
    #[must_use]
    pub const fn of(key: &PersonKey) -> Self {
        match key {
            PersonKey::Ssh(_) => Self::Ssh,
            PersonKey::Passkey(_) => Self::Passkey,
        }
    }
}

/// The most that signatures of one person count for, by the kind of key.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Strength {
    ssh: Option<Assurance>,
    passkey: Option<Assurance>,
}

impl Strength {
    /// Of one signature.
    #[must_use]
    pub const fn of(kind: KeyKind, assurance: Assurance) -> Self {
        match kind {
            KeyKind::Ssh => Self {
                ssh: Some(assurance),
                passkey: None,
            },
            KeyKind::Passkey => Self {
                ssh: None,
                passkey: Some(assurance),
            },
        }
    }

    /// The better of both, for each kind.
    #[must_use]
    pub fn or(self, other: Self) -> Self {
        Self {
            ssh: self.ssh.max(other.ssh),
            passkey: self.passkey.max(other.passkey),
        }
    }

    /// The most of any kind; nothing without a key.
    #[must_use]
    pub fn best(self) -> Option<Assurance> {
        self.ssh.max(self.passkey)
    }

    /// The most where this is demanded; nothing without such a key.
    #[must_use]
    pub fn at(self, signer: Signer) -> Option<Assurance> {
        match signer {
            Signer::Any => self.best(),
            Signer::Cli => self.ssh,
            Signer::Passkey => self.passkey,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use Assurance::{Attested, Software};

    #[test]
    fn a_strong_key_of_the_other_kind_lifts_nothing() {
        let ssh = Strength::of(KeyKind::Ssh, Software);
        let both = ssh.or(Strength::of(KeyKind::Passkey, Attested));
        assert_eq!(both.best(), Some(Attested));
        assert_eq!(both.at(Signer::Any), Some(Attested));
        assert_eq!(both.at(Signer::Cli), Some(Software));
        assert_eq!(both.at(Signer::Passkey), Some(Attested));
        assert_eq!(ssh.at(Signer::Passkey), None);
        assert_eq!(Strength::default().best(), None);
    }

    #[test]
    fn each_demand_takes_its_kind_and_is_spelled_as_it_is_printed() {
        for (signer, ssh, passkey) in [
            (Signer::Any, true, true),
            (Signer::Cli, true, false),
            (Signer::Passkey, false, true),
        ] {
            assert_eq!(signer.takes(KeyKind::Ssh), ssh);
            assert_eq!(signer.takes(KeyKind::Passkey), passkey);
            assert_eq!(
                serde_json::to_string(&signer).unwrap(),
                format!("\"{signer}\"")
            );
            assert_eq!(signer.in_words().is_none(), signer.is_any());
        }
    }
}
