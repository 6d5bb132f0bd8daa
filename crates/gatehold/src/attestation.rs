//! Attestations of security keys on the command line: the challenge a key is made with, the file that `ssh-keygen` writes
//! beside it, and the makers whose word counts. What a key counts as is decided by the chain, not here.

use std::path::{Path, PathBuf};

use clap::Args;
use gatehold_core::assurance::Assurance;
use gatehold_core::attest::{self, pem_certificates};
use gatehold_core::hash::{hex, unhex};
use gatehold_core::ids::{HumanId, Origin};
use gatehold_core::ssh::SshPublicKey;
use gatehold_core::time::Timestamp;
use gatehold_core::trust::{AttestationRoots, PinnedRoot, RootKey, attestation_challenge};

use crate::context::Ctx;
use crate::exit::{Exit, Failure};

/// Larger files are no attestation.
const BLOB_BYTES_MAX: usize = 16 << 10;

/// Arguments of `gatehold human challenge`.
#[derive(Debug, Args)]
pub struct Challenge {
    /// Who is going to make a key.
    pub human: HumanId,
    /// Where the challenge goes.
    #[arg(long)]
    pub out: PathBuf,
    /// The gate's origin; that of the profile when it is left out.
    #[arg(long)]
    pub origin: Option<Origin>,
}

/// Writes the challenge that a security key is made with.
///
/// # Errors
/// When there is no origin, or the file cannot be written.
pub fn challenge(ctx: &Ctx, challenge: &Challenge) -> Result<Exit, Failure> {
    let origin = match &challenge.origin {
        Some(origin) => origin.clone(),
        None => ctx.profile()?.origin,
    };
    let hash = attestation_challenge(&origin, &challenge.human)
        .map_err(|error| Failure::usage(error, "correct the name"))?;
    let out = &challenge.out;
    std::fs::write(out, hash.as_bytes()).map_err(|error| Failure::file(out, &error))?;
    let next = format!(
        "ssh-keygen -t ed25519-sk -O verify-required -O challenge={} -O write-attestation=ATTESTATION -f KEY",
        out.display()
    );
    ctx.wrote(out, &next)?;
    Ok(Exit::Done)
}

/// An attestation file, as a statement carries it.
///
/// # Errors
/// When it cannot be read or is far too large.
pub fn read(path: &Path) -> Result<String, Failure> {
    let bytes = std::fs::read(path).map_err(|error| Failure::file(path, &error))?;
    if bytes.len() > BLOB_BYTES_MAX {
        return Err(Failure::usage(
            format!("{} is no attestation", path.display()),
            "give the file of `ssh-keygen -O write-attestation=FILE`",
        ));
    }
    Ok(hex(&bytes))
}

/// The makers that are to be pinned, from PEM or DER files.
///
/// # Errors
/// When a file cannot be read, or its certificate cannot vouch for anything.
pub fn pins(
    roots: &[(String, PathBuf)],
    intermediates: &[PathBuf],
) -> Result<AttestationRoots, Failure> {
    let mut pinned = AttestationRoots::default();
    for (name, path) in roots {
        let all = certificates(path)?;
        pinned.roots.extend(all.iter().map(|der| PinnedRoot {
            name: name.clone(),
            certificate: hex(der),
        }));
    }
    for path in intermediates {
        let all = certificates(path)?;
        pinned.intermediates.extend(all.iter().map(|der| hex(der)));
    }
    pinned
        .anchors()
        .map_err(|error| Failure::usage(error, "pin CA certificates of makers of security keys"))?;
    Ok(pinned)
}

fn certificates(path: &Path) -> Result<Vec<Vec<u8>>, Failure> {
    let bytes = std::fs::read(path).map_err(|error| Failure::file(path, &error))?;
    let pem = std::str::from_utf8(&bytes).ok().and_then(pem_certificates);
    Ok(pem.unwrap_or_else(|| vec![bytes]))
}

/// What a key counts as when nothing is said: the most that its kind can prove.
#[must_use]
pub const fn most(key: &SshPublicKey, attested: bool) -> Assurance {
    match (key.is_security_key(), attested) {
        (false, _) => Assurance::Software,
        (true, false) => Assurance::Verified,
        (true, true) => Assurance::Attested,
    }
}

/// Gives the attestation in a file to the one of a person's keys that it speaks of.
///
/// # Errors
/// When it holds for none of them.
pub fn attach(
    path: &Path,
    (origin, human): (&Origin, &HumanId),
    keys: &mut [RootKey],
    pinned: &AttestationRoots,
    now: Timestamp,
) -> Result<(), Failure> {
    let blob = read(path)?;
    let bytes = unhex(&blob).unwrap_or_default();
    let challenge = attestation_challenge(origin, human)
        .map_err(|error| Failure::usage(error, "correct the name"))?;
    let anchors = pinned
        .anchors()
        .map_err(|error| Failure::usage(error, "correct the pinned certificates"))?;
    let mut cause = format!("{human} has no key it could speak of");
    for named in keys {
        let key = SshPublicKey::from_line(&named.key)
            .map_err(|error| Failure::usage(error, "give another key"))?;
        match attest::verify(&bytes, challenge.as_bytes(), &key, &anchors, now) {
            Ok(_) => {
                named.attestation = Some(blob);
                return Ok(());
            }
            Err(error) => cause = error.to_string(),
        }
    }
    Err(Failure::verification(
        format!("{}: {cause}", path.display()),
        format!(
            "make the key with the challenge of `gatehold human challenge {human} --origin {origin} --out FILE`"
        ),
    ))
}
