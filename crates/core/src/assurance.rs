//! How much a review's signature says about the human behind it: software < present < verified < attested.
//!
//! The level of one review is the lower of two things: what was established when the key was enrolled, and what the
//! authenticator says of this signature. It must never come out higher than either.

use serde::{Deserialize, Serialize};

use crate::ssh::SkFlags;

/// The assurance of a key at enrolment, of one review, or the factor a checkpoint demands. Ordered from weak to strong.
///
/// `Present` and `Verified` without `Attested` cannot be distinguished from software that lies, and are printed so.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Assurance {
    /// A plain SSH or file key: whoever can read the file can sign. Counts only under an origin that begins with `dev.`.
    Software,
    /// An authenticator says that someone touched it.
    Present,
    /// An authenticator says that someone gave a PIN or a fingerprint.
    Verified,
    /// As `Verified`, by an authenticator whose make was proven at enrolment against a pinned root.
    Attested,
}

impl Assurance {
    /// The assurance of one signature: the minimum of the level its key was enrolled at and what its flags allow.
    ///
    /// No flags (a plain key) or no user presence allow `Software`; presence alone allows `Present`; presence with
    /// verification sets no bound of its own, so that a key enrolled as `Attested` gives `Attested`. Verification
    /// without presence is not a thing an honest authenticator reports and counts as no presence.
    // INVARIANT(assurance-never-rises): neither a lying authenticator nor a forgotten enrolment check lifts a review.
    #[must_use]
    pub fn of_signature(enrolled: Self, flags: Option<SkFlags>) -> Self {
        let allowed = match flags {
            None
            | Some(SkFlags {
                user_presence: false,
                ..
            }) => Self::Software,
            Some(SkFlags {
                user_presence: true,
                user_verification: false,
            }) => Self::Present,
            Some(SkFlags {
                user_presence: true,
                user_verification: true,
            }) => Self::Attested,
        };
        enrolled.min(allowed)
    }

    /// The word used in policies, records and on screens.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Software => "software",
            Self::Present => "present",
            Self::Verified => "verified",
            Self::Attested => "attested",
        }
    }

    /// Whether a lie by software would look the same; screens and dossiers print it beside the level.
    #[must_use]
    pub const fn is_distinguishable_from_software(self) -> bool {
        matches!(self, Self::Attested)
    }
}

impl std::fmt::Display for Assurance {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.as_str())
    }
}

#[cfg(test)]
mod tests {
    use super::Assurance::{self, Attested, Present, Software, Verified};
    use super::SkFlags;

    #[test]
    fn the_level_is_the_minimum_of_enrolment_and_flags() {
        let (none, up, uv, both) = (
            Some(SkFlags {
                user_presence: false,
                user_verification: false,
            }),
            Some(SkFlags {
                user_presence: true,
                user_verification: false,
            }),
            Some(SkFlags {
                user_presence: false,
                user_verification: true,
            }),
            Some(SkFlags {
                user_presence: true,
                user_verification: true,
            }),
        );
        let table = [
            // enrolled, no flags at all, neither, UP, UV alone, UP and UV
            (Software, [Software, Software, Software, Software, Software]),
            (Present, [Software, Software, Present, Software, Present]),
            (Verified, [Software, Software, Present, Software, Verified]),
            (Attested, [Software, Software, Present, Software, Attested]),
        ];
        for (enrolled, expected) in table {
            let got =
                [None, none, up, uv, both].map(|flags| Assurance::of_signature(enrolled, flags));
            assert_eq!(got, expected, "enrolled {enrolled}");
        }
    }

    #[test]
    fn the_order_is_the_order_of_the_design() {
        assert!(Software < Present && Present < Verified && Verified < Attested);
        for level in [Software, Present, Verified, Attested] {
            assert_eq!(
                serde_json::to_string(&level).unwrap(),
                format!("\"{level}\"")
            );
        }
    }
}
