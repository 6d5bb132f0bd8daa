//! SSH: a certificate of the workload's own key for each lease, for one principal and one command, that ends by itself.
//!
//! Nothing secret is handed out, and nothing stands at a server. What is known of a certificate stands in two files of this machine: the log
//! of what was certified, written before anything is signed, and the revocation list, which the server reads at every login. A
//! certificate is `Gone` once its serial number stands in that list as it was read back: nobody logs in with it any more, and who is logged
//! in goes on.

pub(crate) mod book;
mod files;
pub(crate) mod found;
pub(crate) mod issue;
pub(crate) mod names;
pub(crate) mod plan;
pub(crate) mod remove;
mod revoked;

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;
use std::time::Duration;

use gatehold_core::hash::Hash;
use gatehold_core::lease::Recipe;
use gatehold_core::ssh::{SecretKeyError, SshPublicKey, SshSecretKey};

use crate::secret::{SecretError, read_whole};
pub(crate) use files::Files;
use names::{Command, Principal};

/// What its recipes say of their broker.
pub(crate) const BROKER: &str = "ssh";
/// The part of a recipe that holds the authority's public key: a list revokes by authority and serial number.
const AUTHORITY: &str = "authority";
/// The part of a recipe that names the list on which its servers look.
const LIST: &str = "list";
/// What stands in front of the principal in an entitlement.
const ENTITLEMENT: &str = "principal ";
/// Most certificates that are kept account of: no more are made than the list has room for.
const CERTIFICATES_MAX: usize = 50_000;
/// How long a certificate is kept account of after its end, in seconds: the clock of a server may be late.
const KEPT_SECONDS: u32 = 86_400;

/// What certifies, and whom.
#[derive(Debug)]
pub(crate) struct CertificateTarget {
    /// Where the authority's private key is: it is read for each certificate.
    pub(crate) authority_file: PathBuf,
    /// Its public half when the configuration was read.
    pub(crate) authority: SshPublicKey,
    /// Whom it certifies as.
    pub(crate) principals: BTreeSet<Principal>,
    /// Which commands; any, where there is no list.
    pub(crate) commands: Option<BTreeSet<Command>>,
    /// Where a certificate is used from: networks, with commas between.
    pub(crate) source_addresses: String,
    /// Where the workload logs in.
    pub(crate) hosts: Vec<String>,
    /// The revocation list and the log beside it.
    pub(crate) files: Files,
    /// How long another process is waited for that writes them.
    pub(crate) lock_timeout: Duration,
}

impl CertificateTarget {
    /// The way to take a certificate away.
    fn recipe(&self, handle: &str, principal: &str, authority: &SshPublicKey) -> Recipe {
        Recipe {
            broker: BROKER.to_owned(),
            handle: handle.to_owned(),
            entitlement: format!("{ENTITLEMENT}{principal}"),
            parts: BTreeMap::from([
                (AUTHORITY.to_owned(), authority.to_line()),
                (LIST.to_owned(), self.files.name()),
            ]),
        }
    }

    /// No call takes longer as a whole.
    fn call_limit(&self) -> Duration {
        /// Writing the files that are written here, on a slow disk.
        const WRITING: Duration = Duration::from_secs(10);
        self.lock_timeout.saturating_add(WRITING)
    }
}

/// Why there is no private key to certify with. Says where to look, never what was found.
#[derive(Debug, thiserror::Error)]
pub(crate) enum AuthorityError {
    #[error("{0}")]
    File(#[from] SecretError),
    #[error("{0}")]
    Key(#[from] SecretKeyError),
}

/// Reads the authority's private key, from a file that not everybody may read.
pub(crate) fn authority(file: &std::path::Path) -> Result<SshSecretKey, AuthorityError> {
    let bytes = read_whole(file)?;
    Ok(SshSecretKey::from_openssh(&bytes)?)
}

/// The serial number of a certificate: 63 bits of the hash of its name, and never 0, which a server takes for none.
pub(crate) fn serial(handle: &str) -> u64 {
    let hash = Hash::tagged("gatehold/ssh/serial/v1", &[handle.as_bytes()]);
    let first = hash.as_bytes().first_chunk::<8>();
    let number = first.map_or(0, |bytes| u64::from_be_bytes(*bytes));
    (number >> 1).max(1)
}
