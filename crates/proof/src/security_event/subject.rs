//! Whom an event is about: subject identifiers (RFC 9493), as far as they can name something here.

use crate::strict_json::{Json, JsonError, Object};

/// Longest text of an identifier.
const TEXT_BYTES_MAX: usize = 1024;
/// Most members of a complex subject.
const MEMBERS_MAX: usize = 8;

/// One identifier.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum SubjectId {
    /// `iss_sub`.
    IssuerSubject {
        /// `iss`.
        issuer: String,
        /// `sub`.
        subject: String,
    },
    /// `opaque`.
    Opaque(String),
    /// `uri`.
    Uri(String),
    /// A format that names nobody here, such as `email` or `phone_number`.
    Other,
}

/// The subject of an event.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Subject {
    /// One identifier.
    Simple(SubjectId),
    /// `complex`: several members that together name one thing, such as `user` and `session`.
    Complex(Vec<(String, SubjectId)>),
}

impl Subject {
    pub(super) fn read(mut given: Object) -> Result<Self, JsonError> {
        let format = given.text("format", 64)?;
        if format != "complex" {
            return SubjectId::read(&format, given).map(Self::Simple);
        }
        let members = given.into_members();
        if members.is_empty() || members.len() > MEMBERS_MAX {
            return Err(JsonError::WrongType("sub_id"));
        }
        let read = members.into_iter().map(|(name, member)| {
            let Json::Object(mut member) = member else {
                return Err(JsonError::WrongType("sub_id"));
            };
            let format = member.text("format", 64)?;
            if format == "complex" {
                return Err(JsonError::WrongType("sub_id"));
            }
            Ok((name, SubjectId::read(&format, member)?))
        });
        read.collect::<Result<_, _>>().map(Self::Complex)
    }

    /// The member of a complex subject.
    #[must_use]
    pub fn member(&self, name: &str) -> Option<&SubjectId> {
        match self {
            Self::Simple(_) => None,
            Self::Complex(members) => {
                let mut named = members.iter().filter(|(known, _)| known == name);
                named.next().map(|(_, id)| id)
            }
        }
    }
}

impl SubjectId {
    fn read(format: &str, mut given: Object) -> Result<Self, JsonError> {
        let read = match format {
            "iss_sub" => Self::IssuerSubject {
                issuer: given.text("iss", TEXT_BYTES_MAX)?,
                subject: given.text("sub", TEXT_BYTES_MAX)?,
            },
            "opaque" => Self::Opaque(given.text("id", TEXT_BYTES_MAX)?),
            "uri" => Self::Uri(given.text("uri", TEXT_BYTES_MAX)?),
            _ => return Ok(Self::Other),
        };
        given.finish()?;
        Ok(read)
    }
}
