//! Every field of a certificate, and every way to leave one open. Real servers read them in crates/broker/src/leases/ssh/tests.

use super::*;
use crate::ssh::key::Application;
use crate::ssh::soft::SoftAuthenticator;
use crate::ssh::sshsig::software_key;
use crate::ssh::wire::Reader;

fn authority() -> SshSecretKey {
    SshSecretKey::of_seed([9; 32])
}

fn certificate(key: &SshPublicKey) -> UserCertificate<'_> {
    UserCertificate {
        nonce: [5; 32],
        key,
        serial: 42,
        key_id: "gh_00000000_1",
        principal: "deploy",
        command: "systemctl restart shop",
        source_addresses: "10.0.0.0/8,::1/128",
        valid_after: 1_000,
        valid_before: 2_000,
    }
}

#[test]
fn c07_a_certificate_holds_one_principal_one_command_its_addresses_and_nothing_else() {
    let application = Application::new("ssh:").unwrap();
    let sk = SoftAuthenticator::ed25519([3; 32], application.clone()).public_key();
    let sk_p256 = SoftAuthenticator::ecdsa_p256([4; 32], application).public_key();
    for key in [software_key(&[1; 32]), sk, sk_p256] {
        let line = certificate(&key).sign(&authority()).unwrap();
        let (name, base64) = line.split_once(' ').unwrap();
        let bytes = STANDARD.decode(base64).unwrap();
        let mut reader = Reader::new(&bytes);
        assert_eq!(reader.text(64), Ok(name));
        let kind = name.strip_suffix("-cert-v01@openssh.com").unwrap();
        assert_eq!(key.algorithm().trim_end_matches("@openssh.com"), kind);
        assert_eq!(reader.string(32), Ok(&[5; 32][..]));
        let mut parts = Writer::new();
        key.write_parts(&mut parts);
        let parts = parts.into_bytes();
        assert_eq!(reader.take(parts.len()), Ok(&parts[..]));
        assert_eq!(reader.array(), Ok(42_u64.to_be_bytes()));
        assert_eq!(reader.u32(), Ok(1), "of a user");
        assert_eq!(reader.text(64), Ok("gh_00000000_1"));
        assert_eq!(reader.string(64), Ok(&b"\0\0\0\x06deploy"[..]));
        assert_eq!(reader.array(), Ok(1_000_u64.to_be_bytes()));
        assert_eq!(reader.array(), Ok(2_000_u64.to_be_bytes()));
        let mut options = Reader::new(reader.string(512).unwrap());
        for (name, value) in [
            ("force-command", "systemctl restart shop"),
            ("source-address", "10.0.0.0/8,::1/128"),
        ] {
            assert_eq!(options.text(64), Ok(name));
            let mut data = Reader::new(options.string(256).unwrap());
            assert_eq!(data.text(256), Ok(value));
            data.finish().unwrap();
        }
        options.finish().unwrap();
        assert_eq!(reader.string(512), Ok(&b""[..]), "no extensions");
        assert_eq!(reader.string(512), Ok(&b""[..]), "nothing reserved");
        let authority = authority().public_key().to_wire();
        assert_eq!(reader.string(512), Ok(&authority[..]));
        let mut signature = Reader::new(reader.string(512).unwrap());
        assert_eq!(signature.text(64), Ok("ssh-ed25519"));
        assert_eq!(signature.string(64).map(<[u8]>::len), Ok(64));
        signature.finish().unwrap();
        reader.finish().unwrap();
    }
}

fn refused(change: impl FnOnce(&mut UserCertificate<'_>)) -> CertificateError {
    let key = software_key(&[1; 32]);
    let mut wrong = certificate(&key);
    change(&mut wrong);
    wrong.sign(&authority()).unwrap_err()
}

#[test]
fn c07_a_certificate_without_a_principal_is_for_everybody_and_never_made() {
    for principal in ["", "a,b", "a\0"] {
        let error = refused(|wrong| wrong.principal = principal);
        assert_eq!(error, CertificateError::Principal, "{principal:?}");
    }
}

#[test]
fn c07_a_certificate_without_a_command_is_a_shell_and_never_made() {
    for command in ["", "true\0; id"] {
        let error = refused(|wrong| wrong.command = command);
        assert_eq!(error, CertificateError::Command, "{command:?}");
    }
}

#[test]
fn c07_a_certificate_without_addresses_is_for_anywhere_and_never_made() {
    let error = refused(|wrong| wrong.source_addresses = "");
    assert_eq!(error, CertificateError::Source);
}

#[test]
fn c07_a_certificate_that_could_not_be_revoked_is_never_made() {
    assert_eq!(refused(|wrong| wrong.serial = 0), CertificateError::Name);
    assert_eq!(refused(|wrong| wrong.key_id = ""), CertificateError::Name);
}

#[test]
fn c15_a_certificate_has_an_end_of_its_own() {
    for (after, before) in [(0, u64::MAX), (1, 1), (2, 1), (0, 0)] {
        let error = refused(|wrong| (wrong.valid_after, wrong.valid_before) = (after, before));
        assert_eq!(error, CertificateError::Window);
    }
}
