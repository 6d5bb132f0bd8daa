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
pub(crate) mod ways;

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;
use std::time::Duration;

use gatehold_core::json::ident::check_identifier;
pub(crate) use gatehold_core::lease::certificate_serial as serial;
use gatehold_core::lease::{RECIPE_TEXT_BYTES_MAX, Recipe};
use gatehold_core::ssh::{SecretKeyError, SshPublicKey, SshSecretKey};
use serde::{Deserialize, Serialize};

use crate::secret::{SecretError, read_whole};
pub(crate) use files::Files;
use names::{Command, Principal};

/// What its recipes say of their broker.
pub(crate) const BROKER: &str = "ssh";
/// The part of a recipe that holds the authority's public key: a list revokes by authority and serial number.
const AUTHORITY: &str = "authority";
/// The part of a recipe that names the list on which its servers look.
const LIST: &str = "list";
/// The part of a recipe that says to people where that list is; left out where it does not fit. Nothing is ever done by it.
const LIST_FILE: &str = "krl_file";
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
    /// What it certifies.
    pub(crate) gives: Certificates,
    /// Where a certificate is used from: networks, with commas between.
    pub(crate) source_addresses: String,
    /// Where the workload logs in.
    pub(crate) hosts: Vec<String>,
    /// The revocation list and the log beside it.
    pub(crate) files: Files,
    /// How long another process is waited for that writes them.
    pub(crate) lock_timeout: Duration,
}

/// What has to be known to plan a certificate.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Certificates {
    /// The authority's public half when the configuration was read.
    pub(crate) authority: SshPublicKey,
    /// Which revocation list, as recipes name it.
    pub(crate) list: String,
    /// Where that is, for people.
    pub(crate) list_file: String,
    /// Whom it certifies as.
    pub(crate) principals: BTreeSet<Principal>,
    /// Which commands; any, where there is no list.
    pub(crate) commands: Option<BTreeSet<Command>>,
}

impl Certificates {
    /// The way to take a certificate away.
    fn recipe(&self, handle: &str, principal: &str, authority: &SshPublicKey) -> Recipe {
        let mut parts = BTreeMap::from([
            (AUTHORITY.to_owned(), authority.to_line()),
            (LIST.to_owned(), self.list.clone()),
        ]);
        if check_identifier(&self.list_file, RECIPE_TEXT_BYTES_MAX).is_ok() {
            parts.insert(LIST_FILE.to_owned(), self.list_file.clone());
        }
        Recipe {
            broker: BROKER.to_owned(),
            handle: handle.to_owned(),
            entitlement: format!("{ENTITLEMENT}{principal}"),
            parts,
        }
    }

    /// Whether the list that this recipe was made for is the one that is written here.
    fn is_of(&self, recipe: &Recipe) -> bool {
        recipe.parts.get(LIST) == Some(&self.list)
    }

    /// Which file is to be named again before it can be taken away, if it is another.
    pub(crate) fn missing(&self, target_id: &str, recipe: &Recipe) -> Option<String> {
        if self.is_of(recipe) {
            return None;
        }
        let now = &self.list_file;
        let file = recipe.parts.get(LIST_FILE);
        let before = file.map_or("another list", String::as_str);
        Some(format!(
            "`krl_file` of target {target_id} is {now}, and its servers read {before} when it was made: name that one again until it is gone"
        ))
    }
}

impl CertificateTarget {
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
