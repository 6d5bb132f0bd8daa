//! Web Push: a message that only one browser can read (RFC 8291, in the encoding of RFC 8188), and how a push service knows who
//! sends it (VAPID, RFC 8292). The push service between sees neither what is said nor how long it is: all messages are as long.
//!
//! It proves nothing about a decision: that stands in the ledger.

use std::fmt;

use aws_lc_rs::aead::{AES_128_GCM, Aad, LessSafeKey, Nonce, UnboundKey};
use aws_lc_rs::agreement::{ECDH_P256, PrivateKey, UnparsedPublicKey, agree};
use aws_lc_rs::hkdf::{HKDF_SHA256, KeyType, Prk, Salt};
use zeroize::Zeroizing;

use crate::base64url;
use crate::jws;
use crate::key::{Algorithm, KeyError, SigningKey, WorkloadKey};

/// Bytes of a message before it is encrypted, always: shorter ones are padded. Push services take 4096 encrypted.
pub const MESSAGE_BYTES: usize = 3_072;
/// An uncompressed point of P-256.
const POINT_BYTES: usize = 65;
/// What a browser adds, so that a push service that knows its key cannot write to it.
const AUTH_BYTES: usize = 16;
/// Record size: a message is one record.
const RECORD_BYTES: u32 = 4_096;
/// Ends the last record of a message; zeros follow.
const LAST_RECORD: u8 = 2;
/// How long a push service believes one signature. At most a day is allowed.
const VAPID_SECONDS: i64 = 3_600;

/// Why nothing was encrypted or signed. Never a part of a secret.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum PushError {
    /// The key of a browser is none.
    #[error("`p256dh` is an uncompressed point of P-256: 65 bytes in base64url")]
    Point,
    /// The secret of a browser has another length.
    #[error("`auth` is 16 bytes in base64url")]
    Auth,
    /// The gate's key is none.
    #[error("it holds no key of 32 bytes in base64url; make one with `gatehold channel key FILE`")]
    Key,
    /// There is no room for it.
    #[error("the message is longer than {MESSAGE_BYTES} bytes")]
    Size,
    /// The library did not do it.
    #[error("encrypting failed inside the cryptographic library; try again")]
    Library,
}

/// What a browser gave, so that messages can be encrypted to it. It prints nothing.
#[derive(Clone, PartialEq, Eq)]
pub struct BrowserKeys {
    point: [u8; POINT_BYTES],
    auth: [u8; AUTH_BYTES],
}

impl fmt::Debug for BrowserKeys {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("BrowserKeys")
    }
}

impl BrowserKeys {
    /// Reads the two texts that `PushSubscription.toJSON()` gives.
    ///
    /// # Errors
    /// When one has another form or length, or the first is no point of the curve.
    pub fn parse(p256dh: &str, auth: &str) -> Result<Self, PushError> {
        // The lengths are checked first: nothing long is ever decoded.
        let point = (p256dh.len() == 87).then(|| base64url::decode(p256dh));
        let point: [u8; POINT_BYTES] = point
            .flatten()
            .and_then(|point| point.try_into().ok())
            .ok_or(PushError::Point)?;
        let Some(([4, x @ ..], y)) = point.split_first_chunk::<33>() else {
            return Err(PushError::Point);
        };
        let y = y.try_into().map_err(|_| PushError::Point)?;
        WorkloadKey::from_p256(*x, y).map_err(|_| PushError::Point)?;
        let auth = (auth.len() == 22).then(|| base64url::decode(auth));
        let auth = auth.flatten().and_then(|auth| auth.try_into().ok());
        Ok(Self {
            point,
            auth: auth.ok_or(PushError::Auth)?,
        })
    }

    /// The point as text, as it came.
    #[must_use]
    pub fn p256dh(&self) -> String {
        base64url::encode(&self.point)
    }

    /// The secret as text, as it came.
    #[must_use]
    pub fn auth(&self) -> String {
        base64url::encode(&self.auth)
    }

    /// Encrypts a message to this browser, padded to [`MESSAGE_BYTES`]. Key and salt must be drawn for it and used for nothing else.
    ///
    /// # Errors
    /// When it is too long, or the 32 bytes are no key: draw others then.
    pub fn seal(
        &self,
        message: &[u8],
        key: &[u8; 32],
        salt: &[u8; 16],
    ) -> Result<Vec<u8>, PushError> {
        if message.len() > MESSAGE_BYTES {
            return Err(PushError::Size);
        }
        let mut record = Vec::with_capacity(RECORD_BYTES as usize);
        record.extend_from_slice(message);
        record.push(LAST_RECORD);
        record.resize(MESSAGE_BYTES + 1, 0);
        self.sealed(record, key, salt)
    }

    /// The record with its delimiter and padding: encrypted, behind the header that says how.
    fn sealed(
        &self,
        mut record: Vec<u8>,
        key: &[u8; 32],
        salt: &[u8; 16],
    ) -> Result<Vec<u8>, PushError> {
        let library = |_| PushError::Library;
        let own = PrivateKey::from_private_key(&ECDH_P256, key).map_err(|_| PushError::Key)?;
        let public = own.compute_public_key().map_err(library)?;
        let input = self.input(&own, public.as_ref())?;
        let prk = Salt::new(HKDF_SHA256, salt).extract(&input[..]);
        let content_key = expanded::<16>(&prk, &[b"Content-Encoding: aes128gcm\0"])?;
        let nonce = expanded::<12>(&prk, &[b"Content-Encoding: nonce\0"])?;
        let cipher = UnboundKey::new(&AES_128_GCM, &content_key[..]).map_err(library)?;
        // One record under a key of its own: the nonce is used once.
        let nonce = Nonce::assume_unique_for_key(*nonce);
        LessSafeKey::new(cipher)
            .seal_in_place_append_tag(nonce, Aad::empty(), &mut record)
            .map_err(library)?;
        let length = u8::try_from(public.as_ref().len()).map_err(|_| PushError::Library)?;
        let mut body = Vec::with_capacity(RECORD_BYTES as usize);
        body.extend_from_slice(salt);
        body.extend_from_slice(&RECORD_BYTES.to_be_bytes());
        body.push(length);
        body.extend_from_slice(public.as_ref());
        body.append(&mut record);
        Ok(body)
    }

    /// What the two keys and the browser's secret make (RFC 8291, 3.4).
    fn input(&self, own: &PrivateKey, public: &[u8]) -> Result<Zeroizing<[u8; 32]>, PushError> {
        let theirs = UnparsedPublicKey::new(&ECDH_P256, &self.point);
        agree(own, theirs, PushError::Point, |shared| {
            let prk = Salt::new(HKDF_SHA256, &self.auth).extract(shared);
            expanded::<32>(&prk, &[b"WebPush: info\0", &self.point, public])
        })
    }
}

/// So many bytes.
struct Length(usize);

impl KeyType for Length {
    fn len(&self) -> usize {
        self.0
    }
}

fn expanded<const N: usize>(prk: &Prk, info: &[&[u8]]) -> Result<Zeroizing<[u8; N]>, PushError> {
    let mut out = Zeroizing::new([0; N]);
    let expanded = prk.expand(info, Length(N));
    let filled = expanded.and_then(|expanded| expanded.fill(&mut out[..]));
    filled.map_err(|_| PushError::Library)?;
    Ok(out)
}

/// The key with which a gate shows push services who it is. Subscriptions are bound to it: whoever has an address and not this key
/// sends nothing there.
#[derive(Debug)]
pub struct VapidKey {
    signing: SigningKey,
    /// As browsers are given it.
    public: String,
}

impl VapidKey {
    /// Reads what [`VapidKey::to_text`] wrote: the form that other programs of Web Push use, too.
    ///
    /// # Errors
    /// When it is anything else.
    pub fn parse(text: &str) -> Result<Self, PushError> {
        let seed = base64url::decode_32(text).map(Zeroizing::new);
        let seed = seed.ok_or(PushError::Key)?;
        let signing =
            SigningKey::from_seed(Algorithm::EcdsaP256, &seed).map_err(|_| PushError::Key)?;
        Self::of(signing)
    }

    /// A new key; `fill` must fill its argument with fresh, secret randomness.
    ///
    /// # Errors
    /// When the random source is broken.
    pub fn generate(fill: impl FnMut(&mut [u8; 32])) -> Result<Self, PushError> {
        let made = SigningKey::generate(Algorithm::EcdsaP256, fill);
        Self::of(made.map_err(|_| PushError::Key)?)
    }

    fn of(signing: SigningKey) -> Result<Self, PushError> {
        let seed = signing.to_seed().map_err(|_| PushError::Library)?;
        let own = PrivateKey::from_private_key(&ECDH_P256, &seed[..]);
        let public = own
            .map_err(|_| PushError::Key)?
            .compute_public_key()
            .map_err(|_| PushError::Library)?;
        Ok(Self {
            public: base64url::encode(public.as_ref()),
            signing,
        })
    }

    /// The secret as text, for a file that only its owner reads.
    ///
    /// # Errors
    /// When the library cannot give it out.
    pub fn to_text(&self) -> Result<Zeroizing<String>, PushError> {
        let seed = self.signing.to_seed().map_err(|_| PushError::Library)?;
        Ok(Zeroizing::new(base64url::encode(&seed[..])))
    }

    /// The public half, as a page gives it to its browser.
    #[must_use]
    pub fn public(&self) -> &str {
        &self.public
    }

    /// The value of `Authorization` for the push service at this origin: who sends, and whom to ask about it.
    ///
    /// # Errors
    /// When the library cannot sign.
    pub fn authorization(
        &self,
        origin: &str,
        contact: &str,
        now_seconds: i64,
    ) -> Result<String, KeyError> {
        let claims = serde_json::json!({
            "aud": origin,
            "exp": now_seconds.saturating_add(VAPID_SECONDS),
            "sub": contact,
        });
        let header = r#"{"typ":"JWT","alg":"ES256"}"#;
        let token = jws::sign(&self.signing, header, &claims.to_string())?;
        Ok(format!("vapid t={token}, k={}", self.public))
    }
}

#[cfg(test)]
mod tests;
