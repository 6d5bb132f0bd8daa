//! Who and what things are: one type per kind, so that a workload's name does not fit where a reviewer's goes.
//!
//! Numbered ids are `UUIDv7` values with a prefix (`req_…`); they are drawn outside core and handed in. Names are
//! checked identifiers: visible, bounded, without control, bidi or invisible characters.

use core::fmt;
use core::str::FromStr;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::hash::{hex, unhex};
use crate::json::ident::check_identifier;

/// Longest name in bytes; long enough for a SPIFFE ID, short enough to show.
pub const NAME_BYTES_MAX: usize = 256;

/// Text that should name something could not.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum NameError {
    /// A numbered id with the wrong prefix, length or digits.
    #[error("an id of this kind is written `{prefix}` and 32 lower-case hex digits")]
    Id {
        /// The prefix that was expected.
        prefix: &'static str,
    },
    /// A name that is empty, too long or holds a character nobody can see.
    #[error("not a usable name: {0}")]
    Name(String),
    /// A human without both parts.
    #[error("a human is written `subject@issuer`, both parts non-empty")]
    Human,
}

macro_rules! numbered {
    ($(#[$doc:meta])* $name:ident, $prefix:literal) => {
        $(#[$doc])*
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $name([u8; 16]);

        impl $name {
            /// From the 16 bytes of a `UUIDv7` drawn by the caller.
            #[must_use]
            pub const fn from_bytes(bytes: [u8; 16]) -> Self {
                Self(bytes)
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, concat!($prefix, "{}"), hex(&self.0))
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                fmt::Display::fmt(self, f)
            }
        }

        impl FromStr for $name {
            type Err = NameError;

            fn from_str(text: &str) -> Result<Self, NameError> {
                let bytes = text.strip_prefix($prefix).and_then(unhex).and_then(|bytes| bytes.try_into().ok());
                bytes.map(Self).ok_or(NameError::Id { prefix: $prefix })
            }
        }

        text_serde!($name);
    };
}

macro_rules! named {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $name(String);

        impl $name {
            /// The checked text.
            #[must_use]
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                fmt::Debug::fmt(&self.0, f)
            }
        }

        impl FromStr for $name {
            type Err = NameError;

            fn from_str(text: &str) -> Result<Self, NameError> {
                check_identifier(text, NAME_BYTES_MAX).map_err(|error| NameError::Name(error.to_string()))?;
                Ok(Self(text.to_owned()))
            }
        }

        text_serde!($name);
    };
}

macro_rules! text_serde {
    ($name:ident) => {
        impl Serialize for $name {
            fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.collect_str(self)
            }
        }

        impl<'de> Deserialize<'de> for $name {
            fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                let text = String::deserialize(deserializer)?;
                text.parse().map_err(serde::de::Error::custom)
            }
        }
    };
}

numbered!(
    /// One request: one action asked for once.
    RequestId,
    "req_"
);
numbered!(
    /// One grant: what one decision permits.
    GrantId,
    "grt_"
);
numbered!(
    /// One task: a workload's declared unit of work.
    TaskId,
    "tsk_"
);

named!(
    /// A software identity that acts.
    WorkloadId
);
named!(
    /// An enforcement point: a principal that guards decision points and may submit for the workloads it names.
    PointId
);
named!(
    /// A team of humans, as the signed team file names it.
    TeamId
);
named!(
    /// A descriptor's id, such as `sql.write`.
    DescriptorId
);
named!(
    /// A checkpoint's name within a bundle. Never compared to decide anything: definition hashes are.
    CheckpointName
);
named!(
    /// Where an action would be executed, such as `sql:shop`.
    TargetId
);
named!(
    /// The resolved resource, after aliases and links: `shop/orders`.
    ResourceId
);
named!(
    /// The log's origin line, which names the gate.
    Origin
);

impl Origin {
    /// Whether this is a development gate, where `software` keys count. Everything else about it is the same.
    #[must_use]
    pub fn is_dev(&self) -> bool {
        self.0.starts_with("dev.")
    }
}

/// A person, by who vouches for them and the name that issuer never gives to another. Display names are not used
/// (threat A7).
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct HumanId {
    issuer: String,
    subject: String,
}

impl HumanId {
    /// A human from both parts.
    ///
    /// # Errors
    /// [`NameError`] when a part is not a usable name, or the issuer holds an `@`.
    pub fn new(issuer: &str, subject: &str) -> Result<Self, NameError> {
        for part in [issuer, subject] {
            check_identifier(part, NAME_BYTES_MAX)
                .map_err(|error| NameError::Name(error.to_string()))?;
        }
        if issuer.contains('@') {
            return Err(NameError::Human);
        }
        Ok(Self {
            issuer: issuer.to_owned(),
            subject: subject.to_owned(),
        })
    }

    /// Who vouches for the subject.
    #[must_use]
    pub fn issuer(&self) -> &str {
        &self.issuer
    }

    /// The immutable name within the issuer.
    #[must_use]
    pub fn subject(&self) -> &str {
        &self.subject
    }
}

impl fmt::Display for HumanId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}@{}", self.subject, self.issuer)
    }
}

impl fmt::Debug for HumanId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl FromStr for HumanId {
    type Err = NameError;

    fn from_str(text: &str) -> Result<Self, NameError> {
        let (subject, issuer) = text.rsplit_once('@').ok_or(NameError::Human)?;
        Self::new(issuer, subject)
    }
}

text_serde!(HumanId);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbered_ids_round_trip_and_refuse_other_kinds() {
        let id = RequestId::from_bytes([7; 16]);
        assert_eq!(id.to_string(), "req_07070707070707070707070707070707");
        assert_eq!(id.to_string().parse(), Ok(id));
        assert!(
            id.to_string()
                .replace("req_", "grt_")
                .parse::<RequestId>()
                .is_err()
        );
        assert!("req_0707".parse::<RequestId>().is_err());
    }

    #[test]
    fn names_refuse_what_nobody_can_see() {
        for bad in ["", "a\u{202e}b", "a\nb", "a\u{200b}b", " a"] {
            assert!(bad.parse::<WorkloadId>().is_err(), "{bad:?}");
        }
        assert_eq!(
            "spiffe://acme/deploy-bot"
                .parse::<WorkloadId>()
                .unwrap()
                .as_str(),
            "spiffe://acme/deploy-bot"
        );
    }

    #[test]
    fn a07_humans_are_told_apart_by_issuer() {
        let one: HumanId = "ann@corp.example".parse().unwrap();
        let other: HumanId = "ann@evil.example".parse().unwrap();
        assert_ne!(one, other);
        assert_eq!(one.to_string().parse(), Ok(one));
        assert!("ann".parse::<HumanId>().is_err());
        assert!(HumanId::new("a@b", "x").is_err());
    }
}
