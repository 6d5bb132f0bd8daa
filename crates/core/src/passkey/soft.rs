//! A passkey in software, for tests: it signs whatever client data and flags it is told.
//!
//! What it can do shows what unattested flags are worth. It must never be compiled into a product.

use p256::ecdsa::signature::Signer as _;
use sha2::{Digest as _, Sha256};

use super::{Assertion, PasskeyPublicKey, Registration, WebOrigin};
use crate::hash::Hash;
use crate::ssh::key::P256Point;
use crate::ssh::soft::{SoftVendor, p256_secret};

/// User presence and user verification.
pub const UP_UV: u8 = 0x05;

/// Make and model of an authenticator that does not say.
const NO_MODEL: [u8; 16] = [0; 16];
/// The flag that attested credential data follows.
const FLAG_ATTESTED_CREDENTIAL: u8 = 0x40;

/// One credential on an imagined authenticator.
pub struct SoftPasskey {
    secret: p256::ecdsa::SigningKey,
    origin: WebOrigin,
    credential: Vec<u8>,
}

/// What a test may turn about one signature.
#[derive(Debug, Clone)]
pub struct Ceremony {
    /// The `type` of the client data.
    pub kind: String,
    /// The origin it names.
    pub origin: String,
    /// Members put behind those every browser writes, each beginning with a comma.
    pub extra: String,
    /// Authenticator flags.
    pub flags: u8,
    /// The relying party whose hash is signed.
    pub relying_party: String,
}

impl SoftPasskey {
    /// A passkey of a page's origin, from a seed.
    #[must_use]
    pub fn new(seed: [u8; 32], origin: WebOrigin) -> Self {
        Self {
            secret: p256_secret(seed),
            origin,
            credential: Sha256::digest(seed).to_vec(),
        }
    }

    /// The key to enrol.
    #[must_use]
    pub fn public_key(&self) -> PasskeyPublicKey {
        PasskeyPublicKey {
            relying_party: self.origin.relying_party().clone(),
            point: P256Point::of(&self.secret),
            credential: self.credential.clone(),
        }
    }

    /// What an honest browser and authenticator do.
    #[must_use]
    pub fn honest(&self) -> Ceremony {
        Ceremony {
            kind: "webauthn.get".to_owned(),
            origin: self.origin.as_str().to_owned(),
            extra: String::new(),
            flags: UP_UV,
            relying_party: self.origin.relying_party().as_str().to_owned(),
        }
    }

    /// An assertion over a challenge, as an honest browser makes it.
    #[must_use]
    pub fn sign(&self, challenge: &Hash) -> Assertion {
        self.sign_as(challenge, &self.honest())
    }

    /// An assertion as told.
    #[must_use]
    pub fn sign_as(&self, challenge: &Hash, ceremony: &Ceremony) -> Assertion {
        use base64::Engine as _;
        let challenge =
            base64::engine::general_purpose::URL_SAFE_NO_PAD.encode(challenge.as_bytes());
        let client_data = format!(
            r#"{{"type":"{}","challenge":"{challenge}","origin":"{}","crossOrigin":false{}}}"#,
            ceremony.kind, ceremony.origin, ceremony.extra
        );
        self.sign_client_data(client_data.as_bytes(), ceremony)
    }

    /// An assertion over any client data.
    #[must_use]
    pub fn sign_client_data(&self, client_data: &[u8], ceremony: &Ceremony) -> Assertion {
        let mut data = Sha256::digest(ceremony.relying_party.as_bytes()).to_vec();
        data.push(ceremony.flags);
        data.extend_from_slice(&[0; 4]);
        let mut signed = data.clone();
        signed.extend_from_slice(&Sha256::digest(client_data));
        let signature: p256::ecdsa::Signature = self.secret.sign(&signed);
        Assertion::of(&data, client_data, signature.to_der().as_bytes())
    }

    /// Authenticator data that names this key, with these flags besides the one that says so.
    #[must_use]
    pub fn credential_data(&self, model: [u8; 16], flags: u8) -> Vec<u8> {
        let mut data = Sha256::digest(self.origin.relying_party().as_str()).to_vec();
        data.push(flags | FLAG_ATTESTED_CREDENTIAL);
        data.extend_from_slice(&[0; 4]);
        data.extend_from_slice(&model);
        data.extend_from_slice(
            &u16::try_from(self.credential.len())
                .unwrap_or(0)
                .to_be_bytes(),
        );
        data.extend_from_slice(&self.credential);
        let point = P256Point::of(&self.secret);
        let (x, y) = point.as_bytes().split_at(33);
        data.extend_from_slice(&super::registration::COSE_HEAD);
        data.extend_from_slice(x.split_at(1).1);
        data.extend_from_slice(&super::registration::COSE_Y);
        data.extend_from_slice(y);
        data
    }

    /// What an honest browser returns for a new credential that nobody vouches for.
    #[must_use]
    pub fn register(&self, challenge: &Hash) -> Registration {
        let client_data = self.create_data(challenge);
        let data = self.credential_data(NO_MODEL, UP_UV);
        Registration::of(&attestation_object("none", None, &data), &client_data)
    }

    /// The same, vouched for by a maker, over this authenticator data.
    #[must_use]
    pub fn register_attested(
        &self,
        challenge: &Hash,
        maker: &SoftVendor,
        data: &[u8],
    ) -> Registration {
        let client_data = self.create_data(challenge);
        let mut signed = data.to_vec();
        signed.extend_from_slice(&Sha256::digest(&client_data));
        let statement = (maker.batch_signature(&signed), maker.leaf_certificate());
        let object = attestation_object("packed", Some(&statement), data);
        Registration::of(&object, &client_data)
    }

    fn create_data(&self, challenge: &Hash) -> Vec<u8> {
        use base64::Engine as _;
        let challenge =
            base64::engine::general_purpose::URL_SAFE_NO_PAD.encode(challenge.as_bytes());
        format!(
            r#"{{"type":"webauthn.create","challenge":"{challenge}","origin":"{}","crossOrigin":false}}"#,
            self.origin
        )
        .into_bytes()
    }
}

/// CTAP2 canonical CBOR of an attestation object; signature and certificate when it is `packed`.
#[must_use]
pub fn attestation_object(
    format: &str,
    packed: Option<&(Vec<u8>, Vec<u8>)>,
    authenticator_data: &[u8],
) -> Vec<u8> {
    let mut out = minicbor::Encoder::new(Vec::new());
    let written = (|| {
        out.map(3)?.str("fmt")?.str(format)?.str("attStmt")?;
        match packed {
            Some((signature, certificate)) => out
                .map(3)?
                .str("alg")?
                .i8(-7)?
                .str("sig")?
                .bytes(signature)?
                .str("x5c")?
                .array(1)?
                .bytes(certificate)?,
            None => out.map(0)?,
        };
        out.str("authData")?.bytes(authenticator_data).map(drop)
    })();
    let _: Result<(), minicbor::encode::Error<core::convert::Infallible>> = written;
    out.into_writer()
}
