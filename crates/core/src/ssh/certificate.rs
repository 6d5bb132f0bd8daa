//! An SSH user certificate (OpenSSH `PROTOCOL.certkeys`): one public key, one principal, one command, from given addresses, for a
//! time that ends by itself.
//!
//! It is the whole of what a workload gets, so everything that OpenSSH would read as "any" is refused here: no principal is every
//! principal, no command is a shell. It has no extensions: no terminal, no forwarding, no rc file (threat C7).

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use super::key::SshPublicKey;
use super::secret_key::SshSecretKey;
use super::wire::Writer;

/// What the name of a key's algorithm becomes in a certificate.
const ED25519_CERT: &str = "ssh-ed25519-cert-v01@openssh.com";
const ECDSA_P256_CERT: &str = "ecdsa-sha2-nistp256-cert-v01@openssh.com";
const SK_ED25519_CERT: &str = "sk-ssh-ed25519-cert-v01@openssh.com";
const SK_ECDSA_P256_CERT: &str = "sk-ecdsa-sha2-nistp256-cert-v01@openssh.com";
/// Of a user, not of a host.
const USER: u32 = 1;

/// What is certified. Nothing is left to a default.
#[derive(Debug, Clone, Copy)]
pub struct UserCertificate<'a> {
    /// Random, so that nobody chooses what the authority signs.
    pub nonce: [u8; 32],
    /// Whose key it is.
    pub key: &'a SshPublicKey,
    /// By which it is revoked; a server takes 0 for none.
    pub serial: u64,
    /// What the server logs.
    pub key_id: &'a str,
    /// The one name under which it logs in.
    pub principal: &'a str,
    /// The one command that is run, whatever the client asks for.
    pub command: &'a str,
    /// Where it may come from: networks with their prefix, with commas between.
    pub source_addresses: &'a str,
    /// From when on, in seconds since 1970.
    pub valid_after: u64,
    /// The first second in which it is not valid.
    pub valid_before: u64,
}

/// Why nothing is certified.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum CertificateError {
    /// It would be valid for everybody.
    #[error("a certificate names exactly one principal")]
    Principal,
    /// It would give a shell.
    #[error("a certificate names the one command that it runs")]
    Command,
    /// It would be valid from anywhere.
    #[error("a certificate names the addresses that it is used from")]
    Source,
    /// It could not be revoked or recognised.
    #[error("a certificate has a serial number and a key id")]
    Name,
    /// It would be valid at no time, or for ever.
    #[error("a certificate begins before it ends, and ends")]
    Window,
}

impl UserCertificate<'_> {
    /// The certificate in its one-line form, as in a `-cert.pub` file.
    ///
    /// # Errors
    /// [`CertificateError`]: something would be left open.
    pub fn sign(&self, authority: &SshSecretKey) -> Result<String, CertificateError> {
        self.check()?;
        let mut options = Writer::new();
        // By name in order, as the format asks.
        option(&mut options, "force-command", self.command);
        option(&mut options, "source-address", self.source_addresses);
        let mut principals = Writer::new();
        principals.string(self.principal.as_bytes());
        let algorithm = algorithm(self.key);
        let mut body = Writer::new();
        body.string(algorithm.as_bytes()).string(&self.nonce);
        self.key.write_parts(&mut body);
        body.raw(&self.serial.to_be_bytes())
            .u32(USER)
            .string(self.key_id.as_bytes())
            .string(&principals.into_bytes())
            .raw(&self.valid_after.to_be_bytes())
            .raw(&self.valid_before.to_be_bytes())
            .string(&options.into_bytes())
            // No extensions; and what is reserved is empty.
            .string(b"")
            .string(b"")
            .string(&authority.public_key().to_wire());
        let mut body = body.into_bytes();
        let mut signature = Writer::new();
        signature.string(&authority.sign(&body));
        body.extend_from_slice(&signature.into_bytes());
        Ok(format!("{algorithm} {}", STANDARD.encode(body)))
    }

    /// Whether it leaves nothing open.
    ///
    /// # Errors
    /// [`CertificateError`].
    pub fn check(&self) -> Result<(), CertificateError> {
        // What a server reads as a string of C ends at a NUL, and a list at a comma.
        let cut = |text: &str| text.is_empty() || text.contains('\0');
        let principal = cut(self.principal) || self.principal.contains(',');
        if guard!("certificate-principal", principal) {
            return Err(CertificateError::Principal);
        }
        if guard!("certificate-command", cut(self.command)) {
            return Err(CertificateError::Command);
        }
        if guard!("certificate-source", cut(self.source_addresses)) {
            return Err(CertificateError::Source);
        }
        if guard!(
            "certificate-name",
            self.serial == 0 || self.key_id.is_empty()
        ) {
            return Err(CertificateError::Name);
        }
        let endless = self.valid_before == u64::MAX;
        if guard!(
            "certificate-window",
            self.valid_after >= self.valid_before || endless
        ) {
            return Err(CertificateError::Window);
        }
        Ok(())
    }
}

/// A critical option: a server that does not know it refuses the certificate.
fn option(options: &mut Writer, name: &str, value: &str) {
    let mut data = Writer::new();
    data.string(value.as_bytes());
    options.string(name.as_bytes()).string(&data.into_bytes());
}

const fn algorithm(key: &SshPublicKey) -> &'static str {
    match key {
        SshPublicKey::Ed25519(_) => ED25519_CERT,
        SshPublicKey::EcdsaP256(_) => ECDSA_P256_CERT,
        SshPublicKey::SkEd25519 { .. } => SK_ED25519_CERT,
        SshPublicKey::SkEcdsaP256 { .. } => SK_ECDSA_P256_CERT,
    }
}

#[cfg(test)]
mod tests;
