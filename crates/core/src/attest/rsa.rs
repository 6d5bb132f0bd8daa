//! RSA signature verification (PKCS#1 v1.5, SHA-256), because the best-known maker of security keys signs with RSA.
//!
//! Verification only: there is no secret here, so time may depend on the input. The padding is never parsed: the one
//! right encoding is written and compared, which leaves nothing to forge with.

use crypto_bigint::modular::{FixedMontyForm, FixedMontyParams};
use crypto_bigint::{Odd, U64, U4096};
use sha2::{Digest as _, Sha256};

const EXPONENT: u32 = 65_537;
const MODULUS_BYTES_MIN: usize = 256;
const MODULUS_BYTES_MAX: usize = 512;
/// DER of DigestInfo for SHA-256, up to the hash (RFC 8017 section 9.2).
const DIGEST_INFO_SHA256: [u8; 19] = [
    0x30, 0x31, 0x30, 0x0d, 0x06, 0x09, 0x60, 0x86, 0x48, 0x01, 0x65, 0x03, 0x04, 0x02, 0x01, 0x05,
    0x00, 0x04, 0x20,
];

/// An RSA public key of 2048 to 4096 bits with exponent 65537.
#[derive(Debug)]
pub(super) struct RsaKey {
    modulus: Odd<U4096>,
    modulus_bytes: usize,
}

impl RsaKey {
    /// From big-endian numbers without leading zeros.
    pub(super) fn new(modulus: &[u8], exponent: &[u8]) -> Option<Self> {
        let fits = (MODULUS_BYTES_MIN..=MODULUS_BYTES_MAX).contains(&modulus.len());
        let full = modulus.first().is_some_and(|first| first & 0x80 != 0);
        if !fits || !full || number(exponent)? != U4096::from(EXPONENT) {
            return None;
        }
        let modulus_bytes = modulus.len();
        Some(Self {
            modulus: Option::from(Odd::new(number(modulus)?))?,
            modulus_bytes,
        })
    }

    /// RSASSA-PKCS1-v1_5 verification (RFC 8017 section 8.2.2).
    pub(super) fn verifies_sha256(&self, data: &[u8], signature: &[u8]) -> bool {
        let Some(signature_number) = number(signature) else {
            return false;
        };
        if signature.len() != self.modulus_bytes || signature_number >= *self.modulus.as_ref() {
            return false;
        }
        let params = FixedMontyParams::new_vartime(self.modulus);
        let opened = FixedMontyForm::new(&signature_number, &params)
            .pow_vartime(&U64::from(EXPONENT))
            .retrieve();
        number(&self.encoded(data)) == Some(opened)
    }

    /// EMSA-PKCS1-v1_5: 00 01 FF … FF 00 DigestInfo hash.
    fn encoded(&self, data: &[u8]) -> Vec<u8> {
        let tail = DIGEST_INFO_SHA256.len() + 32;
        let mut encoded = vec![0x00, 0x01];
        encoded.resize(self.modulus_bytes.saturating_sub(tail + 1), 0xff);
        encoded.push(0x00);
        encoded.extend_from_slice(&DIGEST_INFO_SHA256);
        encoded.extend_from_slice(&Sha256::digest(data));
        encoded
    }
}

fn number(big_endian: &[u8]) -> Option<U4096> {
    let mut bytes = [0; MODULUS_BYTES_MAX];
    let start = bytes.len().checked_sub(big_endian.len())?;
    bytes.get_mut(start..)?.copy_from_slice(big_endian);
    Some(U4096::from_be_slice(&bytes))
}
