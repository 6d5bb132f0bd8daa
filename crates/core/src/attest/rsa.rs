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

#[cfg(test)]
mod tests {
    use super::*;

    // `openssl genrsa 2048`, `openssl dgst -sha256 -sign`. The signature is small enough that adding the modulus still fits.
    const MODULUS: &str = "\
     ab040ae24ef5b2df19c48f5b8db86e6e257714d6c9110e8174ac020819d3d6de3030ab3be03ddd1d0ac5362e2e01456af5d2\
     d83657ecea2009237dc599fad28a5a7207298b2e15215ee62eaad1b8a846778d1ab49489ec1d6be75f67512711d7d61db614\
     ce02acb57f3a3883a03ad0587908926730b3dd70109bdd0aeb1cdf677c4494defe07b33559e21adb15cc5b1dcff7f3d7d74f\
     c96c65a8dc1dbe18bca5be2af1763cb7a4360a3cab9612baf09d5435eefa3bcdb970e1f082087bb9b4ab519c190115003ee2\
     85cb2dc913f93964b25b956f24196d1f1293bd1bf851592e780f89afab30dd1332ffc11df443e80dfa779fbaef6cc1c37c97\
     94cbe10018b3";
    const MESSAGE: &[u8] = b"message 1";
    const SIGNATURE: &str = "\
     00b0046e4a997edd42b02a4dd909eb3f6f25721d9cdfff5cc16742141aac6a0aba8e1f787786cbca9ef2619920616a08556b\
     4ed0e3230de4d7846c7b5e76aa02e8615ffb38426d5c0956ebb58def66e916c53228c7d8be572639901080ea8fab23c29549\
     71a8ba3c7d107740a2184b465f51283a209656e4ea172ec3d1a12fd06752ba737246b75dc97bc15126ca32bcdf4a3a2ee228\
     56fb77de1cc4d4ac1de6bc5d4f1d936279d4629ab86d0fbda26cd426b07d344ad02649428c30627040e1644143be9d883e7e\
     eab327b14eb87dd73e29318d90cc6b41be972b46c38e66bf7995f8d5d6a43f6e1b655a356d0681e99f77fccc2f9398593f0a\
     5c865afd2cf1";

    fn bytes(hex: &str) -> Vec<u8> {
        let digits: Vec<u8> = hex.bytes().collect();
        digits
            .chunks(2)
            .map(|pair| u8::from_str_radix(std::str::from_utf8(pair).unwrap(), 16).unwrap())
            .collect()
    }

    fn key() -> RsaKey {
        RsaKey::new(&bytes(MODULUS), &[1, 0, 1]).unwrap()
    }

    #[test]
    fn a_signature_has_one_form() {
        let good = bytes(SIGNATURE);
        assert!(key().verifies_sha256(MESSAGE, &good));
        assert!(!key().verifies_sha256(b"another message", &good));
        assert!(
            !key().verifies_sha256(MESSAGE, &[&[0], &good[..]].concat()),
            "a leading zero"
        );
        assert!(!key().verifies_sha256(MESSAGE, &good[1..]), "cut");
        let plus_modulus = number(&good)
            .unwrap()
            .wrapping_add(&number(&bytes(MODULUS)).unwrap())
            .to_be_bytes();
        assert!(
            !key().verifies_sha256(MESSAGE, &plus_modulus.as_ref()[256..]),
            "the modulus added"
        );
        for bit in (0..good.len() * 8).step_by(37) {
            let mut flipped = good.clone();
            flipped[bit / 8] ^= 1 << (bit % 8);
            assert!(!key().verifies_sha256(MESSAGE, &flipped), "bit {bit}");
        }
    }

    #[test]
    fn only_keys_of_sound_size_and_the_usual_exponent_are_read() {
        let modulus = bytes(MODULUS);
        let even = [&modulus[..255], &[modulus[255] & 0xfe]].concat();
        let small_top = [&[modulus[0] & 0x7f], &modulus[1..]].concat();
        for (name, modulus, exponent) in [
            ("exponent 3", &modulus, &[3][..]),
            ("exponent 1", &modulus, &[1]),
            ("no exponent", &modulus, &[]),
            ("1024 bits", &modulus[..128].to_vec(), &[1, 0, 1]),
            ("2047 bits", &small_top, &[1, 0, 1]),
            ("8192 bits", &modulus.repeat(4), &[1, 0, 1]),
            ("even", &even, &[1, 0, 1]),
        ] {
            assert!(RsaKey::new(modulus, exponent).is_none(), "{name}");
        }
    }
}
