//! A person's signing key: `ssh-keygen` for real ones (file, agent or security key), a generated seed for development.
//!
//! Nothing here decides what is signed; callers hand in bytes that they have shown first. Every signature is verified
//! before it leaves, so that a wrong key is found here and not at the gate.

use std::io::{ErrorKind, Write as _};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use gatehold_core::hash::{Hash, hex, unhex};
use gatehold_core::ids::Origin;
use gatehold_core::ssh::{self, SshPublicKey};

use crate::exit::Failure;
use crate::profile::{KeyPlace, Person};

/// A key that can sign, and its public half.
#[derive(Debug)]
pub struct HumanKey {
    public: SshPublicKey,
    secret: Secret,
}

enum Secret {
    Seed([u8; 32]),
    Ssh(PathBuf),
}

impl std::fmt::Debug for Secret {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Seed(_) => f.write_str("Seed(…)"),
            Self::Ssh(path) => write!(f, "Ssh({})", path.display()),
        }
    }
}

impl HumanKey {
    /// The key of a person.
    ///
    /// # Errors
    /// When its file cannot be read, or a seed stands where people are real.
    pub fn of(person: &Person, origin: &Origin) -> Result<Self, Failure> {
        match &person.key {
            KeyPlace::Seed(path) if origin.is_dev() => {
                let seed = read_seed(path)?;
                Ok(Self {
                    public: ssh::sshsig::software_key(&seed),
                    secret: Secret::Seed(seed),
                })
            }
            KeyPlace::Seed(_) => Err(Failure::usage(
                "seeds are for development gates",
                "set `key_file` to an SSH key, best one on a security key (sk-ssh-ed25519)",
            )),
            KeyPlace::Ssh(path) => Self::from_file(path),
        }
    }

    /// A key from a drawer: an SSH key file, or at a development gate a generated seed.
    ///
    /// # Errors
    /// When the file cannot be read.
    pub fn offline(path: &Path, origin: &Origin) -> Result<Self, Failure> {
        if origin.is_dev()
            && let Ok(seed) = read_seed(path)
        {
            return Ok(Self {
                public: ssh::sshsig::software_key(&seed),
                secret: Secret::Seed(seed),
            });
        }
        Self::from_file(path)
    }

    /// The key in an SSH key file, or whose public half is in it.
    ///
    /// # Errors
    /// When there is no readable public key beside it.
    pub fn from_file(path: &Path) -> Result<Self, Failure> {
        Ok(Self {
            public: read_public(path)?.1,
            secret: Secret::Ssh(path.to_owned()),
        })
    }

    /// The thumbprint under which the gate knows it.
    #[must_use]
    pub fn thumbprint(&self) -> Hash {
        Hash::from_bytes(self.public.thumbprint())
    }

    /// The line of its public half.
    #[must_use]
    pub fn line(&self) -> String {
        self.public.to_line()
    }

    /// Whether the key itself asks its holder to touch it before it signs.
    #[must_use]
    pub const fn asks_for_touch(&self) -> bool {
        self.public.is_security_key()
    }

    /// Whether signing needs no person: a generated seed.
    #[must_use]
    pub const fn is_generated(&self) -> bool {
        matches!(self.secret, Secret::Seed(_))
    }

    /// Signs bytes for a purpose. `ssh-keygen` may ask for a touch, a PIN or a passphrase on the terminal.
    ///
    /// # Errors
    /// When the key does not sign, or signs as another key.
    pub fn sign(&self, namespace: &str, message: &[u8]) -> Result<String, Failure> {
        let armored = match &self.secret {
            Secret::Seed(seed) => ssh::sign_software(seed, namespace, message)
                .map_err(|error| Failure::fault(error, "generate the development keys anew"))?,
            Secret::Ssh(path) => ssh_keygen_sign(path, namespace, message)?,
        };
        ssh::verify(armored.as_bytes(), message, namespace, &self.public)
            .map(drop)
            .map_err(|error| {
                Failure::fault(
                    format!("the new signature does not verify: {error}"),
                    "check that key and .pub file belong together",
                )
            })?;
        Ok(armored)
    }
}

fn ssh_keygen_sign(path: &Path, namespace: &str, message: &[u8]) -> Result<String, Failure> {
    let mut ssh_keygen = Command::new("ssh-keygen");
    // Quiet is only the line that says it signs; what it asks and why it does not sign it says all the same.
    ssh_keygen
        .args(["-q", "-Y", "sign", "-n", namespace, "-f"])
        .arg(path);
    signed_by(ssh_keygen, path, message)
}

/// What a program that signs what it reads answers to this message.
fn signed_by(mut program: Command, path: &Path, message: &[u8]) -> Result<String, Failure> {
    let no_program = |error: std::io::Error| {
        Failure::fault(
            format!("ssh-keygen: {error}"),
            "install OpenSSH 8.2 or newer; approving signs with `ssh-keygen -Y sign`",
        )
    };
    let mut child = program
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        // Prompts and errors are the person's to see: touch, PIN, passphrase.
        .stderr(Stdio::inherit())
        .spawn()
        .map_err(no_program)?;
    if let Some(mut stdin) = child.stdin.take() {
        match stdin.write_all(message) {
            // It ended without reading, so it has a reason, and its exit code says that it did not sign.
            Err(error) if error.kind() == ErrorKind::BrokenPipe => {}
            written => written.map_err(no_program)?,
        }
    }
    let output = child.wait_with_output().map_err(no_program)?;
    if !output.status.success() {
        return Err(Failure::fault(
            format!("`ssh-keygen -Y sign -f {}` did not sign", path.display()),
            "plug in the key, load it into ssh-agent, or correct `key_file`",
        ));
    }
    String::from_utf8(output.stdout)
        .map_err(|error| Failure::fault(error, "update OpenSSH: the signature is not text"))
}

/// The public key line of an SSH key file, without its comment, and the key.
///
/// # Errors
/// When neither `FILE.pub` nor the file is a public key of an accepted type.
pub fn read_public(path: &Path) -> Result<(String, SshPublicKey), Failure> {
    let beside = path.with_added_extension("pub");
    let file = if beside.exists() {
        beside
    } else {
        path.to_owned()
    };
    let text = std::fs::read_to_string(&file).map_err(|error| Failure::file(&file, &error))?;
    let mut words = text.split_whitespace();
    let line = match (words.next(), words.next()) {
        (Some(kind), Some(blob)) => format!("{kind} {blob}"),
        _ => String::new(),
    };
    let key = SshPublicKey::from_line(&line).map_err(|error| {
        Failure::usage(
            format!("{}: {error}", file.display()),
            "give an SSH public key: ed25519, ecdsa-p256, or one of their sk- forms",
        )
    })?;
    Ok((line, key))
}

/// Makes a development key and writes its seed, readable by its owner alone. Gives the public line.
///
/// # Errors
/// When there is no randomness or the file cannot be written.
pub fn generate_seed(path: &Path) -> Result<String, Failure> {
    let seed = crate::ambient::random()
        .map_err(|error| Failure::fault(error, "check the system's random source"))?;
    crate::files::write_secret(path, format!("{}\n", hex(&seed)).as_bytes())?;
    Ok(ssh::sshsig::software_key(&seed).to_line())
}

fn read_seed(path: &Path) -> Result<[u8; 32], Failure> {
    let text = std::fs::read_to_string(path).map_err(|error| Failure::file(path, &error))?;
    unhex(text.trim())
        .and_then(|bytes| bytes.try_into().ok())
        .ok_or_else(|| {
            Failure::usage(
                format!("{} is not a seed of 64 hex digits", path.display()),
                "start `gatehold dev` anew",
            )
        })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// More than a pipe holds, so that writing it fails for certain once nobody reads.
    const MESSAGE_BYTES: usize = 1 << 20;

    #[test]
    fn a_program_that_ends_without_reading_did_not_sign() {
        let message = vec![b'm'; MESSAGE_BYTES];
        let failed = signed_by(Command::new("false"), Path::new("bob"), &message).unwrap_err();
        assert_eq!(
            failed.causes,
            ["`ssh-keygen -Y sign -f bob` did not sign".to_owned()]
        );
    }
}
