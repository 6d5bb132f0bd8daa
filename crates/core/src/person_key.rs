//! What a person signs with: an SSH key in a terminal, or a passkey in a browser. Either is written as one line, and the
//! key that is enrolled decides how a signature is read: nothing in the signature does.

use core::fmt;

use crate::hash::Hash;
use crate::passkey::{Assertion, PASSKEY_ES256, PasskeyError, PasskeyPublicKey, WebOrigin};
use crate::ssh::key::{KeyError, SshPublicKey};
use crate::ssh::sshsig::{self, SkFlags, SshsigError};

/// Why a person's signature does not count.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SignatureError {
    /// Of an SSH key.
    #[error(transparent)]
    Ssh(#[from] SshsigError),
    /// Of a passkey.
    #[error(transparent)]
    Passkey(#[from] PasskeyError),
}

/// Why a line is no person's key.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum PersonKeyError {
    /// As an SSH key.
    #[error(transparent)]
    Ssh(#[from] KeyError),
    /// As a passkey.
    #[error(transparent)]
    Passkey(#[from] PasskeyError),
}

/// A key that a person may be enrolled with.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum PersonKey {
    /// Signs SSHSIGs.
    Ssh(SshPublicKey),
    /// Signs WebAuthn assertions.
    Passkey(PasskeyPublicKey),
}

impl PersonKey {
    /// Reads the line of either kind.
    ///
    /// # Errors
    /// [`PersonKeyError`] of the kind that its first word names.
    pub fn from_line(line: &str) -> Result<Self, PersonKeyError> {
        if line.split(' ').next() == Some(PASSKEY_ES256) {
            return Ok(Self::Passkey(PasskeyPublicKey::from_line(line)?));
        }
        Ok(Self::Ssh(SshPublicKey::from_line(line)?))
    }

    /// The line.
    #[must_use]
    pub fn to_line(&self) -> String {
        match self {
            Self::Ssh(key) => key.to_line(),
            Self::Passkey(key) => key.to_line(),
        }
    }

    /// The name of this key in records, contexts and directories.
    #[must_use]
    pub fn thumbprint(&self) -> Hash {
        match self {
            Self::Ssh(key) => Hash::from_bytes(key.thumbprint()),
            Self::Passkey(key) => key.thumbprint(),
        }
    }

    /// What lists and pages call it: an SSH key's fingerprint, or the passkey's host and thumbprint.
    #[must_use]
    pub fn fingerprint(&self) -> String {
        match self {
            Self::Ssh(key) => key.fingerprint(),
            Self::Passkey(key) => {
                format!("passkey of {} {}", key.relying_party(), key.thumbprint())
            }
        }
    }

    /// The SSH key, if it is one.
    #[must_use]
    pub const fn as_ssh(&self) -> Option<&SshPublicKey> {
        match self {
            Self::Ssh(key) => Some(key),
            Self::Passkey(_) => None,
        }
    }

    /// The passkey, if it is one.
    #[must_use]
    pub const fn as_passkey(&self) -> Option<&PasskeyPublicKey> {
        match self {
            Self::Ssh(_) => None,
            Self::Passkey(key) => Some(key),
        }
    }

    /// Whether this key signed `message` for the purpose that `namespace` names; what its authenticator saw, if it has one.
    /// A passkey counts only on pages of `consoles`.
    ///
    /// # Errors
    /// [`SignatureError`] names the first thing that does not fit.
    // INVARIANT(exact-signer): the enrolled key chooses the form, the caller the purpose; the signature chooses neither.
    pub fn verify(
        &self,
        signature: &str,
        message: &[u8],
        namespace: &str,
        consoles: &[WebOrigin],
    ) -> Result<Option<SkFlags>, SignatureError> {
        match self {
            Self::Ssh(key) => {
                let signed = sshsig::verify(signature.as_bytes(), message, namespace, key)?;
                Ok(signed.flags())
            }
            Self::Passkey(key) => {
                let assertion = Assertion::from_text(signature)?;
                let challenge = PasskeyPublicKey::challenge(namespace, message);
                let signed = key.verify(&assertion, &challenge, consoles)?;
                Ok(Some(signed.flags()))
            }
        }
    }
}

impl From<SshPublicKey> for PersonKey {
    fn from(key: SshPublicKey) -> Self {
        Self::Ssh(key)
    }
}

impl From<PasskeyPublicKey> for PersonKey {
    fn from(key: PasskeyPublicKey) -> Self {
        Self::Passkey(key)
    }
}

impl fmt::Display for PersonKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.to_line())
    }
}

impl fmt::Debug for PersonKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Ssh(key) => key.fmt(f),
            Self::Passkey(key) => key.fmt(f),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{PersonKey, SignatureError};
    use crate::hash::Hash;
    use crate::passkey::soft::SoftPasskey;
    use crate::passkey::{PasskeyError, PasskeyPublicKey, WebOrigin};
    use crate::ssh::sshsig::{SshsigError, sign_software, software_key};

    const NAMESPACE: &str = "gatehold/review/v1";
    const MESSAGE: &[u8] = b"what was shown";

    fn console() -> WebOrigin {
        WebOrigin::new("https://gate.acme.internal").unwrap()
    }

    #[test]
    fn either_kind_signs_in_its_own_form_and_not_in_the_other() {
        let passkey = SoftPasskey::new([7; 32], console());
        let by_passkey = passkey
            .sign(&PasskeyPublicKey::challenge(NAMESPACE, MESSAGE))
            .to_text()
            .unwrap();
        let by_ssh = sign_software(&[7; 32], NAMESPACE, MESSAGE).unwrap();
        let keys = [
            PersonKey::Passkey(passkey.public_key()),
            PersonKey::from(software_key(&[7; 32])),
        ];
        let consoles = [console()];
        let check =
            |key: &PersonKey, signature: &str| key.verify(signature, MESSAGE, NAMESPACE, &consoles);
        let [browser, terminal] = &keys;
        assert!(
            check(browser, &by_passkey)
                .unwrap()
                .unwrap()
                .user_verification
        );
        assert_eq!(check(terminal, &by_ssh), Ok(None));
        assert!(matches!(
            check(browser, &by_ssh),
            Err(SignatureError::Passkey(PasskeyError::Form(..)))
        ));
        assert_eq!(
            check(terminal, &by_passkey),
            Err(SignatureError::Ssh(SshsigError::Magic))
        );
        // Without a console nobody's passkey counts.
        assert_eq!(
            browser.verify(&by_passkey, MESSAGE, NAMESPACE, &[]),
            Err(PasskeyError::Other("a page of another origin").into())
        );
        for key in &keys {
            assert_eq!(&PersonKey::from_line(&key.to_line()).unwrap(), key);
        }
        let ssh = Hash::from_bytes(software_key(&[7; 32]).thumbprint());
        assert_eq!(terminal.thumbprint(), ssh);
    }
}
