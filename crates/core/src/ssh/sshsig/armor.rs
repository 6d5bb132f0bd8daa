//! The armored form of an SSHSIG: a header, base64, a footer. One block and nothing around it.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use super::SshsigError;

pub(super) const HEADER: &str = "-----BEGIN SSH SIGNATURE-----\n";
pub(super) const FOOTER: &str = "\n-----END SSH SIGNATURE-----";
const COLUMNS: usize = 70;

/// Armors a raw blob, in lines of 70 columns as OpenSSH writes it.
pub(in crate::ssh) fn armor(blob: &[u8]) -> String {
    let base64 = STANDARD.encode(blob);
    let mut text = String::from(HEADER);
    for (column, letter) in base64.chars().enumerate() {
        if column > 0 && column % COLUMNS == 0 {
            text.push('\n');
        }
        text.push(letter);
    }
    text.push_str(FOOTER);
    text.push('\n');
    text
}

pub(super) fn dearmor(bytes: &[u8]) -> Result<Vec<u8>, SshsigError> {
    let text = std::str::from_utf8(bytes)
        .map_err(|_| SshsigError::Armor)?
        .replace("\r\n", "\n");
    let text = text.strip_suffix('\n').unwrap_or(&text);
    let body = text
        .strip_prefix(HEADER)
        .and_then(|t| t.strip_suffix(FOOTER))
        .ok_or(SshsigError::Armor)?;
    let base64: String = body.split('\n').collect();
    STANDARD.decode(base64).map_err(|_| SshsigError::Armor)
}
