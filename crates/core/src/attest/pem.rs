//! PEM files of certificates, as makers of authenticators publish their roots.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

const HEADER: &str = "-----BEGIN CERTIFICATE-----";
const FOOTER: &str = "-----END CERTIFICATE-----";

/// The DER certificates of a PEM file, in order. Text outside the blocks is skipped, as vendors write comments there;
/// `None` when there is no block or one is damaged.
#[must_use]
pub fn pem_certificates(text: &str) -> Option<Vec<Vec<u8>>> {
    let mut certificates = Vec::new();
    let mut rest = text;
    while let Some((_, after)) = rest.split_once(HEADER) {
        let (base64, following) = after.split_once(FOOTER)?;
        let base64: String = base64.split_ascii_whitespace().collect();
        certificates.push(STANDARD.decode(base64).ok()?);
        rest = following;
    }
    (!certificates.is_empty()).then_some(certificates)
}
