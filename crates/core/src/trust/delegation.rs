//! Delegation: a person who is away says, signed, who decides for them, for which of their own teams and until when. And its
//! early end: the safe direction, which either of them or two others can take at once.
//!
//! A link is verified without a clock, so the times in it are only compared with each other here. Whether it gives anything
//! is asked of each request, at each moment, by [`crate::delegation::Lending`].

use core::fmt;
use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};

use super::{SAFE_NAMESPACE, TrustError, bad_signature};
use crate::assurance::Assurance;
use crate::delegation::Delegation;
use crate::directory::Directory;
use crate::hash::Hash;
use crate::ids::{CheckpointName, HumanId, Origin, TaskId, TeamId};
use crate::json::canonical;
use crate::request::record::stated;
use crate::time::Timestamp;

/// The `type` member of a delegation, and the purpose that is signed for.
pub const DELEGATION_TYPE: &str = "gatehold/delegation/v1";
/// The `type` member of its early end.
pub const DELEGATION_END_TYPE: &str = "gatehold/delegation-end/v1";
/// Longest time from signing to the end of a delegation, in seconds: 30 days.
pub const DELEGATION_SECONDS_MAX: u32 = 30 * 86_400;
/// Most delegations of one person that are not over.
pub const DELEGATIONS_OF_ONE_MAX: usize = 8;
/// Longest reason, in bytes.
pub const REASON_BYTES_MAX: usize = 1_000;
/// How long a signed delegation may be on its way, in seconds.
const ON_ITS_WAY_SECONDS_MAX: u32 = 3_600;
/// Seconds by which the clock of whoever signs may be ahead.
const AHEAD_SECONDS_MAX: u32 = 60;
/// Longest statement or signature, in bytes.
const BYTES_MAX: usize = 16 << 10;
/// Most teams or checkpoints of one delegation.
const LIST_MAX: usize = 32;

/// Exactly what whoever is away signs. No member is optional, and none is personal text.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DelegationStatement {
    /// [`DELEGATION_TYPE`].
    #[serde(rename = "type")]
    pub type_: String,
    /// At which gate.
    pub gate: Origin,
    /// Who is away, and signs.
    pub from: HumanId,
    /// Thumbprint of the key that signs.
    pub key: Hash,
    /// Who decides for them.
    pub to: HumanId,
    /// For these teams, all of which they are in themselves.
    pub teams: BTreeSet<TeamId>,
    /// In this task alone; null for any.
    #[serde(deserialize_with = "stated")]
    pub task: Option<TaskId>,
    /// At checkpoints of these names alone; null for any that the teams decide at.
    #[serde(deserialize_with = "stated")]
    pub checkpoints: Option<BTreeSet<CheckpointName>>,
    /// Not before this time.
    pub not_before: Timestamp,
    /// Nor after this one.
    pub not_after: Timestamp,
    /// Hash of the [`DelegationReason`].
    pub reason: Hash,
    /// Drawn by the client: two delegations are never the same.
    pub nonce: String,
    /// When it was signed.
    pub created_at: Timestamp,
}

impl DelegationStatement {
    /// Whether it was signed just now and is not over.
    #[must_use]
    pub fn is_of(&self, now: Timestamp) -> bool {
        let late = now > self.created_at.plus_seconds(ON_ITS_WAY_SECONDS_MAX);
        let early = self.created_at > now.plus_seconds(AHEAD_SECONDS_MAX);
        !late && !early && now <= self.not_after
    }
}

/// Why somebody is away, in their words. Personal text: an attachment, named by its hash and erasable alone.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DelegationReason {
    /// Their words; may be empty.
    pub text: String,
    /// Drawn by the client, so that the hash in the statement cannot be guessed after erasure.
    pub salt: String,
}

impl DelegationReason {
    /// The attachment's bytes.
    ///
    /// # Errors
    /// Never for text; the type says so because serialisation can.
    pub fn to_bytes(&self) -> Result<Vec<u8>, TrustError> {
        Ok(canonical::to_bytes(self)?)
    }

    /// The hash that goes into the statement.
    #[must_use]
    pub fn hash_of(bytes: &[u8]) -> Hash {
        Hash::tagged("gatehold/delegation-reason/v1", &[bytes])
    }

    /// Whether these bytes are the reason of that hash.
    ///
    /// # Errors
    /// [`TrustError::Form`].
    pub fn check(bytes: &[u8], signed: Hash) -> Result<(), TrustError> {
        let reason: Self = canonical::from_canonical_bytes(bytes)?;
        let long = reason.text.len() > REASON_BYTES_MAX || bytes.len() > BYTES_MAX;
        if guard!("delegation-reason-short", long) {
            return Err(TrustError::Form(format!(
                "a reason has at most {REASON_BYTES_MAX} bytes"
            )));
        }
        if guard!("delegation-reason", Self::hash_of(bytes) != signed) {
            return Err(TrustError::Form(
                "the reason is not the one that was signed".to_owned(),
            ));
        }
        Ok(())
    }
}

impl fmt::Debug for DelegationReason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "DelegationReason({} bytes)", self.text.len())
    }
}

/// A delegation with its signature.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SignedDelegation {
    /// Canonical JSON of a [`DelegationStatement`].
    pub statement: String,
    /// The signature of whoever is away: an armored SSHSIG, or a passkey's assertion.
    pub signature: String,
}

impl SignedDelegation {
    /// Its name: the hash of what was signed.
    #[must_use]
    pub fn id(&self) -> Hash {
        Hash::tagged(DELEGATION_TYPE, &[self.statement.as_bytes()])
    }

    /// The statement; nothing is verified.
    ///
    /// # Errors
    /// [`TrustError::Form`].
    pub fn read(&self) -> Result<DelegationStatement, TrustError> {
        let long = self.statement.len() > BYTES_MAX || self.signature.len() > BYTES_MAX;
        if guard!("delegation-short", long) {
            return Err(TrustError::Form(format!(
                "statement and signature may have {BYTES_MAX} bytes each"
            )));
        }
        Ok(canonical::from_canonical_bytes(self.statement.as_bytes())?)
    }

    /// Whether it has force under this directory.
    ///
    /// # Errors
    /// [`TrustError`] says why not.
    pub fn check(&self, directory: &Directory) -> Result<(), TrustError> {
        self.apply(directory, 0).map(drop)
    }

    /// The directory with it.
    // INVARIANT(exact-signer): only the key that the statement names, of the person it names, and only signed as a delegation.
    pub(super) fn apply(&self, before: &Directory, leaf: u64) -> Result<Directory, TrustError> {
        let statement = self.read()?;
        let other = statement.type_ != DELEGATION_TYPE || statement.gate != before.origin;
        if guard!("delegation-own-gate", other) {
            return Err(TrustError::Form(
                "it is for another gate or of another type".to_owned(),
            ));
        }
        self.signed(&statement, before)?;
        check_scope(&statement, before)?;
        let mut directory = before.clone();
        directory.version = before.version.saturating_add(1);
        // What was over when this was signed gives nothing any more, and would fill the directory.
        directory.delegations.retain(|_, given| {
            given.from != statement.from || given.not_after >= statement.created_at
        });
        let own = directory.delegations.values();
        let own = own.filter(|given| given.from == statement.from).count();
        if guard!("delegation-few", own >= DELEGATIONS_OF_ONE_MAX) {
            return Err(TrustError::Contradiction(format!(
                "{} has {DELEGATIONS_OF_ONE_MAX} delegations already; end one first",
                statement.from
            )));
        }
        let given = Delegation {
            from: statement.from,
            key: statement.key,
            to: statement.to,
            teams: statement.teams,
            task: statement.task,
            checkpoints: statement.checkpoints,
            not_before: statement.not_before,
            not_after: statement.not_after,
            leaf,
        };
        directory.delegations.insert(self.id(), given);
        Ok(directory)
    }

    /// Signed by the key that it names, as a review would have to be.
    fn signed(
        &self,
        statement: &DelegationStatement,
        before: &Directory,
    ) -> Result<(), TrustError> {
        let enrolled = before
            .key(&statement.from, &statement.key)
            .ok_or(TrustError::NotApproved)?;
        let message = self.statement.as_bytes();
        let flags = match before.signed(enrolled, &self.signature, message, DELEGATION_TYPE) {
            Ok(flags) => flags,
            Err(error) if guard!("delegation-signature", true) => {
                return Err(bad_signature(&statement.from, &error));
            }
            Err(_) => None,
        };
        // A key whose reviews do not count hands on nothing either.
        let plain = Assurance::of_signature(enrolled.assurance, flags) == Assurance::Software;
        if guard!("delegation-software", plain && !before.origin.is_dev()) {
            return Err(TrustError::Signature {
                who: statement.from.to_string(),
                why: "software keys count only at a development gate; sign with a security key or a passkey".to_owned(),
            });
        }
        Ok(())
    }
}

/// It gives something that is theirs to somebody else who is there, for a time that has an end.
fn check_scope(statement: &DelegationStatement, before: &Directory) -> Result<(), TrustError> {
    let contradiction = |text: String| Err(TrustError::Contradiction(text));
    if guard!("delegation-to-another", statement.from == statement.to) {
        return contradiction("nobody decides for themselves by delegation".to_owned());
    }
    let keys = before.humans.get(&statement.to).map(|human| &human.keys);
    if guard!(
        "delegation-to-known",
        keys.is_none_or(std::collections::BTreeMap::is_empty)
    ) {
        return contradiction(format!("{} has no key that has force", statement.to));
    }
    // Only what is theirs by membership: what somebody has through another is not theirs to hand on.
    let own = before.teams_of(&statement.from);
    let foreign = statement.teams.iter().find(|team| !own.contains(*team));
    if let Some(foreign) = foreign
        && guard!("delegation-own-teams", true)
    {
        return contradiction(format!("{} is not in team {foreign}", statement.from));
    }
    let named = statement.checkpoints.as_ref();
    let blank = statement.teams.is_empty() || named.is_some_and(BTreeSet::is_empty);
    let long = statement.teams.len() > LIST_MAX || named.is_some_and(|set| set.len() > LIST_MAX);
    if guard!("delegation-names-some", blank || long) {
        return Err(TrustError::Form(format!(
            "name 1 to {LIST_MAX} teams, and as many checkpoints or null"
        )));
    }
    let last = statement.created_at.plus_seconds(DELEGATION_SECONDS_MAX);
    let endless = statement.not_after > last;
    if guard!(
        "delegation-ends",
        endless || statement.not_before >= statement.not_after
    ) {
        return Err(TrustError::Form(
            "it begins before it ends, at most 30 days after it was signed".to_owned(),
        ));
    }
    Ok(())
}

/// A delegation is to end now.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DelegationEnd {
    /// [`DELEGATION_END_TYPE`].
    #[serde(rename = "type")]
    pub type_: String,
    /// At which gate.
    pub gate: Origin,
    /// Which, by the hash of its statement.
    pub delegation: Hash,
}

/// One signature over the end of a delegation.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct EndSignature {
    /// Who signs.
    pub human: HumanId,
    /// With which key, by thumbprint.
    pub key: Hash,
    /// Their key's signature over the canonical statement.
    pub signature: String,
}

/// The end of a delegation with its signatures.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SignedDelegationEnd {
    /// Canonical JSON of a [`DelegationEnd`].
    pub statement: String,
    /// The signature of either of the two, or those of two others.
    pub signatures: Vec<EndSignature>,
}

impl SignedDelegationEnd {
    /// Whether it has force under this directory.
    ///
    /// # Errors
    /// [`TrustError`] says why not.
    pub fn check(&self, directory: &Directory) -> Result<(), TrustError> {
        self.apply(directory).map(drop)
    }

    /// The directory without the delegation.
    pub(super) fn apply(&self, before: &Directory) -> Result<Directory, TrustError> {
        let statement: DelegationEnd = canonical::from_canonical_bytes(self.statement.as_bytes())?;
        let other = statement.type_ != DELEGATION_END_TYPE || statement.gate != before.origin;
        if guard!("delegation-end-own-gate", other) {
            return Err(TrustError::Form(
                "it is for another gate or of another type".to_owned(),
            ));
        }
        let given = before.delegations.get(&statement.delegation);
        let given = given.ok_or_else(|| {
            TrustError::Contradiction("there is no such delegation, or it has ended".to_owned())
        })?;
        let mut signers = BTreeSet::new();
        for signature in self.signatures.iter().take(8) {
            let enrolled = before
                .key(&signature.human, &signature.key)
                .ok_or(TrustError::NotApproved)?;
            let message = self.statement.as_bytes();
            let signed = before.signed(enrolled, &signature.signature, message, SAFE_NAMESPACE);
            if let Err(error) = signed
                && guard!("delegation-end-signature", true)
            {
                return Err(bad_signature(&signature.human, &error));
            }
            signers.insert(&signature.human);
        }
        let either = signers.contains(&given.from) || signers.contains(&given.to);
        if guard!("delegation-end-signers", !either && signers.len() < 2) {
            return Err(TrustError::NotApproved);
        }
        let mut directory = before.clone();
        directory.version = before.version.saturating_add(1);
        directory.delegations.remove(&statement.delegation);
        Ok(directory)
    }
}
