//! Signature-Input and Signature, parsed strictly: one dictionary member, canonical spelling of RFC 8941, a closed set of
//! parameters. Because only the canonical spelling passes, the text after the label *is* the value of `@signature-params`.

use super::{LIFE_SECONDS_MAX, SignatureError, TAG};
use crate::base64url::is_base64url;
use crate::key::Thumbprint;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;

/// The parsed `@signature-params`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Params<'a> {
    /// The inner list with its parameters, exactly as the signature base carries it.
    pub text: &'a str,
    pub covers_idempotency_key: bool,
    pub created: u64,
    pub expires: u64,
    pub nonce: &'a str,
    pub keyid: Thumbprint,
    pub alg: Option<&'a str>,
}

/// Splits `label=value`, checks the label, and returns both.
pub(super) fn label<'a>(
    header: &'static str,
    text: &'a str,
) -> Result<(&'a str, &'a str), SignatureError> {
    let malformed = SignatureError::MalformedHeader(header);
    let (label, value) = text.split_once('=').ok_or(malformed.clone())?;
    let starts_well = label.starts_with(|c: char| c.is_ascii_lowercase() || c == '*');
    let well_formed = label.bytes().all(|b| {
        b.is_ascii_lowercase() || b.is_ascii_digit() || matches!(b, b'_' | b'-' | b'.' | b'*')
    });
    if starts_well && well_formed && label.len() <= LABEL_BYTES_MAX {
        Ok((label, value))
    } else {
        Err(malformed)
    }
}

/// Parses the value of Signature-Input after its label.
pub(super) fn params(text: &str) -> Result<Params<'_>, SignatureError> {
    let inner = text
        .strip_prefix('(')
        .ok_or(SignatureError::MalformedHeader("signature-input"))?;
    let (components, mut rest) = inner
        .split_once(')')
        .ok_or(SignatureError::MalformedHeader("signature-input"))?;
    let covers_idempotency_key = match components {
        COMPONENTS => false,
        COMPONENTS_WITH_KEY => true,
        _ => return Err(SignatureError::Components),
    };
    let (mut created, mut expires, mut nonce, mut keyid, mut alg, mut tag) =
        (None, None, None, None, None, None);
    while !rest.is_empty() {
        if rest.starts_with(',') {
            return Err(SignatureError::NotOneSignature);
        }
        let parameter = rest.strip_prefix(';').ok_or(SignatureError::Parameter)?;
        let (name, value) = parameter.split_once('=').ok_or(SignatureError::Parameter)?;
        rest = match name {
            "created" => once(&mut created, integer(value)?)?,
            "expires" => once(&mut expires, integer(value)?)?,
            "nonce" => once(&mut nonce, string(value)?)?,
            "keyid" => once(&mut keyid, string(value)?)?,
            "alg" => once(&mut alg, string(value)?)?,
            "tag" => once(&mut tag, string(value)?)?,
            _ => return Err(SignatureError::Parameter),
        };
    }
    let missing = SignatureError::MissingParameter;
    let (created, expires) = (
        created.ok_or(missing("created"))?,
        expires.ok_or(missing("expires"))?,
    );
    let nonce: &str = nonce.ok_or(missing("nonce"))?;
    let keyid: &str = keyid.ok_or(missing("keyid"))?;
    if tag.ok_or(missing("tag"))? != TAG {
        return Err(SignatureError::Tag);
    }
    if !is_nonce(nonce) {
        return Err(SignatureError::Parameter);
    }
    // Both are below 10^12, so nothing overflows.
    if expires <= created || expires - created > LIFE_SECONDS_MAX {
        return Err(SignatureError::Lifetime);
    }
    let keyid = keyid.parse().map_err(|_| SignatureError::Parameter)?;
    Ok(Params {
        text,
        covers_idempotency_key,
        created,
        expires,
        nonce,
        keyid,
        alg,
    })
}

/// Parses the value of Signature after its label: one byte sequence of 64 bytes.
pub(super) fn signature(value: &str) -> Result<[u8; 64], SignatureError> {
    let malformed = SignatureError::MalformedHeader("signature");
    let inner = value.strip_prefix(':').ok_or(malformed.clone())?;
    let (base64, rest) = inner.split_once(':').ok_or(malformed.clone())?;
    if rest.starts_with(',') {
        return Err(SignatureError::NotOneSignature);
    }
    if !rest.is_empty() || base64.len() != 88 {
        return Err(malformed);
    }
    // One byte more than 64, which the decoder asks for before it has seen the padding.
    let mut bytes = [0; 66];
    match STANDARD.decode_slice(base64, &mut bytes) {
        Ok(64) => bytes.first_chunk().copied().ok_or(malformed),
        _ => Err(malformed),
    }
}

pub(super) fn is_nonce(nonce: &str) -> bool {
    (16..=64).contains(&nonce.len()) && is_base64url(nonce)
}

/// Stores a parameter that may come once, and returns what follows it.
fn once<'a, T>(
    slot: &mut Option<T>,
    (value, rest): (T, &'a str),
) -> Result<&'a str, SignatureError> {
    if slot.replace(value).is_some() {
        Err(SignatureError::Parameter)
    } else {
        Ok(rest)
    }
}

/// A canonical integer below 10^12: no sign, no leading zero.
fn integer(text: &str) -> Result<(u64, &str), SignatureError> {
    let end = text
        .find(|c: char| !c.is_ascii_digit())
        .unwrap_or(text.len());
    let (digits, rest) = text
        .split_at_checked(end)
        .ok_or(SignatureError::Parameter)?;
    if digits.is_empty() || digits.len() > 12 || (digits.len() > 1 && digits.starts_with('0')) {
        return Err(SignatureError::Parameter);
    }
    Ok((digits.parse().map_err(|_| SignatureError::Parameter)?, rest))
}

/// A quoted string without escapes: no value of the profile needs one.
fn string(text: &str) -> Result<(&str, &str), SignatureError> {
    let inner = text.strip_prefix('"').ok_or(SignatureError::Parameter)?;
    let (value, rest) = inner.split_once('"').ok_or(SignatureError::Parameter)?;
    let plain = value
        .bytes()
        .all(|b| b.is_ascii_alphanumeric() || b == b'-' || b == b'_');
    if plain && value.len() <= 64 {
        Ok((value, rest))
    } else {
        Err(SignatureError::Parameter)
    }
}

pub(super) const COMPONENTS: &str = r#""@method" "@target-uri" "content-digest""#;
pub(super) const COMPONENTS_WITH_KEY: &str =
    r#""@method" "@target-uri" "content-digest" "idempotency-key""#;
const LABEL_BYTES_MAX: usize = 32;
