//! What an action does to the world, in the few words that policies, tiers and screens share.
//!
//! The words are closed lists: a descriptor that uses another one does not parse. Where a word has a default, it is the
//! worst one: it fills the value of what is unknown, on which policy may never rely.

use std::collections::BTreeSet;

macro_rules! words {
    ($(#[$doc:meta])* $name:ident { $($(#[$vdoc:meta])* $variant:ident = $word:literal),+ $(,)? }) => {
        $(#[$doc])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Serialize, serde::Deserialize)]
        #[serde(rename_all = "snake_case")]
        pub enum $name {
            $($(#[$vdoc])* $variant,)+
        }

        impl $name {
            /// Every word, in the order of the design.
            pub const ALL: &'static [Self] = &[$(Self::$variant),+];

            /// The words themselves, in the same order.
            pub const WORDS: &'static [&'static str] = &[$($word),+];

            /// The word used in policies, records and on screens.
            #[must_use]
            pub const fn as_str(self) -> &'static str {
                match self {
                    $(Self::$variant => $word,)+
                }
            }
        }

        impl core::fmt::Display for $name {
            fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
                f.write_str(self.as_str())
            }
        }
    };
}

pub(crate) use words;

words! {
    /// What kind of thing an action does. One action can be in several classes.
    EffectClass {
        /// Looks and changes nothing.
        Read = "read",
        /// Changes data or configuration.
        StateChange = "state_change",
        /// Lets data out of where it lives.
        DataRelease = "data_release",
        /// Gives somebody or something access.
        AccessGrant = "access_grant",
        /// Changes what an identity may do, whatever the call is named (M214).
        PrivilegeChange = "privilege_change",
        /// Makes a secret readable.
        SecretExposure = "secret_exposure",
        /// Changes something that runs in production.
        ProductionChange = "production_change",
        /// Reaches into another system than the task worked in so far.
        CrossSystem = "cross_system",
        /// Changes a privilege that stays until somebody takes it away.
        StandingPrivilegeChange = "standing_privilege_change",
        /// Runs code the requester chose.
        CodeExecution = "code_execution",
    }
}

words! {
    /// Whether an action can be taken back (OWASP AISVS C9.2.3). Ordered from harmless to final.
    #[derive(Default)]
    Reversibility {
        /// Nothing to take back.
        ReadOnly = "read_only",
        /// We can take it back ourselves.
        Reversible = "reversible",
        /// Somebody else can take it back, if they want to.
        ExternallyReversible = "externally_reversible",
        /// Nobody can.
        #[default]
        Irreversible = "irreversible",
    }
}

words! {
    /// How much harm the data can do in the wrong hands. Ordered from none to much.
    #[derive(Default)]
    Sensitivity {
        /// Anyone may see it.
        Public = "public",
        /// Everyone inside may see it.
        Internal = "internal",
        /// Few may see it: personal data, money.
        Confidential = "confidential",
        /// Hardly anyone may see it: secrets, health.
        #[default]
        Restricted = "restricted",
    }
}

words! {
    /// Which world a resource belongs to. Ordered by what a mistake costs.
    #[derive(Default)]
    Environment {
        /// Somebody's own.
        Development = "development",
        /// Like production, for nobody.
        Staging = "staging",
        /// For real.
        #[default]
        Production = "production",
    }
}

impl EffectClass {
    /// Whether an action of this class makes or widens a privilege (the derived condition `creates_privilege`, M002).
    #[must_use]
    pub const fn creates_privilege(self) -> bool {
        matches!(
            self,
            Self::AccessGrant | Self::PrivilegeChange | Self::StandingPrivilegeChange
        )
    }
}

/// Whether an action does nothing but read.
#[must_use]
pub fn read_alone(effects: &BTreeSet<EffectClass>) -> bool {
    effects.iter().eq([&EffectClass::Read])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn serde_and_display_use_one_word() {
        for class in EffectClass::ALL {
            assert_eq!(
                serde_json::to_string(class).unwrap(),
                format!("\"{class}\"")
            );
        }
        for (json, word) in [
            (
                serde_json::to_string(&Reversibility::ALL).unwrap(),
                Reversibility::ALL
                    .iter()
                    .map(|w| w.as_str())
                    .collect::<Vec<_>>(),
            ),
            (
                serde_json::to_string(&Sensitivity::ALL).unwrap(),
                Sensitivity::ALL.iter().map(|w| w.as_str()).collect(),
            ),
            (
                serde_json::to_string(&Environment::ALL).unwrap(),
                Environment::ALL.iter().map(|w| w.as_str()).collect(),
            ),
        ] {
            assert_eq!(json, serde_json::to_string(&word).unwrap());
        }
    }

    #[test]
    fn nothing_is_not_reading() {
        assert!(!read_alone(&BTreeSet::new()));
        assert!(read_alone(&BTreeSet::from([EffectClass::Read])));
        assert!(!read_alone(&BTreeSet::from([
            EffectClass::Read,
            EffectClass::DataRelease
        ])));
    }
}
