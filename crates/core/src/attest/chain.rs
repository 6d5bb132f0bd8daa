//! Who vouches for an authenticator's certificate: a pinned root, directly or through one pinned intermediate.
//!
//! Trust comes from what the operator pinned and from nothing that travels with an attestation. It must never extend a
//! path by more than one intermediate, nor use a certificate outside its validity.

use crate::time::Timestamp;

use super::AttestError;
use super::certificate::Certificate;

/// The certificates an operator pinned: roots by name, and intermediates, which mean nothing without a root.
///
/// Any CA certificate may be pinned as a root, so a maker whose hierarchy is deeper is pinned at its FIDO authority.
#[derive(Debug, Clone, Default)]
pub struct Anchors {
    roots: Vec<Root>,
    intermediates: Vec<Vec<u8>>,
}

#[derive(Debug, Clone)]
struct Root {
    name: String,
    certificate: Vec<u8>,
}

impl Anchors {
    /// No anchors: nothing can be attested.
    #[must_use]
    pub const fn none() -> Self {
        Self {
            roots: Vec::new(),
            intermediates: Vec::new(),
        }
    }

    /// Pins a root (DER) under a name that records will show.
    pub fn pin_root(&mut self, name: &str, certificate: &[u8]) -> Result<(), AttestError> {
        check_authority("the pinned root", certificate)?;
        self.roots.push(Root {
            name: name.to_owned(),
            certificate: certificate.to_vec(),
        });
        Ok(())
    }

    /// Adds an intermediate (DER), because an OpenSSH attestation carries the authenticator's own certificate only.
    pub fn add_intermediate(&mut self, certificate: &[u8]) -> Result<(), AttestError> {
        check_authority("the intermediate", certificate)?;
        self.intermediates.push(certificate.to_vec());
        Ok(())
    }

    /// The name of the root that vouches for `leaf` at `now`.
    pub(super) fn vouch_for(
        &self,
        leaf: &Certificate<'_>,
        now: Timestamp,
    ) -> Result<&str, AttestError> {
        if !leaf.is_valid_at(now) {
            return Err(AttestError::Certificate {
                whose: "the authenticator",
                why: "it is outside its validity",
            });
        }
        if let Some(root) = self.root_of(leaf, 0, now) {
            return Ok(root);
        }
        let usable = |bytes| {
            Certificate::parse(bytes)
                .ok()
                .filter(|c| c.as_authority(0).is_ok() && c.is_valid_at(now))
        };
        self.intermediates
            .iter()
            .filter_map(|bytes| usable(bytes))
            .filter(|intermediate| leaf.is_issued_by(intermediate))
            .find_map(|intermediate| self.root_of(&intermediate, 1, now))
            .ok_or(AttestError::Untrusted)
    }

    fn root_of(
        &self,
        certificate: &Certificate<'_>,
        intermediates: u8,
        now: Timestamp,
    ) -> Option<&str> {
        self.roots.iter().find_map(|root| {
            let authority = Certificate::parse(&root.certificate).ok()?;
            let vouches = authority.as_authority(intermediates).is_ok()
                && authority.is_valid_at(now)
                && certificate.is_issued_by(&authority);
            vouches.then_some(root.name.as_str())
        })
    }
}

fn check_authority(whose: &'static str, certificate: &[u8]) -> Result<(), AttestError> {
    let refused = |why| AttestError::Certificate { whose, why };
    Certificate::parse(certificate)
        .map_err(|why| refused(why.0))?
        .as_authority(0)
        .map_err(refused)
}
