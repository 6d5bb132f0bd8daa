//! What certifies and what revokes, against the real `ssh-keygen`. Needs the package `openssh-client`.
#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "tests: a helper that fails should say where"
)]

use std::path::Path;
use std::process::{Command, Output};

use gatehold_core::ssh::sshsig::software_key;
use gatehold_core::ssh::{
    Krl, KrlError, SecretKeyError, SshPublicKey, SshSecretKey, UserCertificate,
};
use tempfile::TempDir;

fn ssh_keygen(folder: &Path, arguments: &[&str]) -> Output {
    Command::new("ssh-keygen")
        .args(arguments)
        .current_dir(folder)
        .env("TZ", "UTC")
        .output()
        .expect("ssh-keygen did not start; install the package openssh-client")
}

fn said(output: &Output) -> String {
    String::from_utf8_lossy(&[&output.stdout[..], &output.stderr[..]].concat()).into_owned()
}

/// A new private key, as it stands in its file.
fn secret(arguments: &[&str]) -> (TempDir, Vec<u8>) {
    let folder = tempfile::tempdir().unwrap();
    let all = [&["-q", "-f", "ca", "-C", "the authority"], arguments].concat();
    let made = ssh_keygen(folder.path(), &all);
    assert!(made.status.success(), "{made:?}");
    let text = std::fs::read(folder.path().join("ca")).unwrap();
    (folder, text)
}

const KINDS: [&[&str]; 2] = [
    &["-N", "", "-t", "ed25519"],
    &["-N", "", "-t", "ecdsa", "-b", "256"],
];

#[test]
fn a_key_of_ssh_keygen_certifies_and_ssh_keygen_reads_what_it_certified() {
    for kind in KINDS {
        let (folder, text) = secret(kind);
        let authority = SshSecretKey::from_openssh(&text).unwrap();
        let public = std::fs::read_to_string(folder.path().join("ca.pub")).unwrap();
        let public = SshPublicKey::from_line(&public).unwrap();
        assert_eq!(authority.public_key(), public);
        let key = software_key(&[1; 32]);
        let certificate = UserCertificate {
            nonce: [5; 32],
            key: &key,
            serial: 4_611_686_018_427_387_905,
            key_id: "gh_0a1b2c3d_1",
            principal: "deploy",
            command: "systemctl restart 'shop web'",
            source_addresses: "10.0.0.0/8,::1/128",
            valid_after: 1_700_000_000,
            valid_before: 1_700_000_600,
        };
        let line = certificate.sign(&authority).unwrap();
        std::fs::write(folder.path().join("key-cert.pub"), format!("{line}\n")).unwrap();
        let listed = ssh_keygen(folder.path(), &["-L", "-f", "key-cert.pub"]);
        // It checks the signature before it lists anything.
        assert!(listed.status.success(), "{listed:?}");
        let text = said(&listed);
        let lines: Vec<_> = text.lines().skip(1).map(str::trim).collect();
        let wanted = [
            "Type: ssh-ed25519-cert-v01@openssh.com user certificate".to_owned(),
            format!("Public key: ED25519-CERT {}", key.fingerprint()),
            format!(
                "Signing CA: {} {} (using {})",
                if public.algorithm() == "ssh-ed25519" {
                    "ED25519"
                } else {
                    "ECDSA"
                },
                public.fingerprint(),
                public.algorithm()
            ),
            "Key ID: \"gh_0a1b2c3d_1\"".to_owned(),
            "Serial: 4611686018427387905".to_owned(),
            "Valid: from 2023-11-14T22:13:20 to 2023-11-14T22:23:20".to_owned(),
            "Principals:".to_owned(),
            "deploy".to_owned(),
            "Critical Options:".to_owned(),
            "force-command systemctl restart 'shop web'".to_owned(),
            "source-address 10.0.0.0/8,::1/128".to_owned(),
            "Extensions: (none)".to_owned(),
        ];
        assert_eq!(lines, wanted);
    }
}

#[test]
fn c07_other_kinds_of_keys_certify_nothing() {
    for (kind, wanted) in [
        (
            &["-N", "", "-t", "rsa", "-b", "1024"][..],
            SecretKeyError::Kind,
        ),
        (
            &["-N", "", "-t", "ecdsa", "-b", "384"],
            SecretKeyError::Kind,
        ),
        (
            &["-N", "a passphrase", "-t", "ed25519"],
            SecretKeyError::Encrypted,
        ),
        (
            &["-N", "", "-t", "ecdsa", "-b", "256", "-m", "PEM"],
            SecretKeyError::Form,
        ),
    ] {
        let (_folder, text) = secret(kind);
        let error = SshSecretKey::from_openssh(&text).unwrap_err();
        assert_eq!(error, wanted, "{kind:?}");
    }
}

#[test]
fn ssh_keygen_finds_in_a_list_what_was_put_there_and_nothing_else() {
    let (folder, text) = secret(KINDS[0]);
    let authority = SshSecretKey::from_openssh(&text).unwrap();
    let key = software_key(&[1; 32]);
    let mut krl = Krl::default();
    krl.insert(&authority.public_key(), 7);
    krl.insert(&authority.public_key(), 1 << 62);
    // Of another authority, and a number of it that ours has not revoked.
    krl.insert(&software_key(&[2; 32]), 8);
    std::fs::write(folder.path().join("krl"), krl.to_bytes(1_700_000_000)).unwrap();
    for (serial, revoked) in [(7, true), (1 << 62, true), (8, false), (9, false)] {
        let certificate = UserCertificate {
            nonce: [5; 32],
            key: &key,
            serial,
            key_id: "gh_0a1b2c3d_1",
            principal: "deploy",
            command: "true",
            source_addresses: "10.0.0.0/8",
            valid_after: 1,
            valid_before: 2,
        };
        let line = certificate.sign(&authority).unwrap();
        std::fs::write(folder.path().join("key-cert.pub"), format!("{line}\n")).unwrap();
        let asked = ssh_keygen(folder.path(), &["-Q", "-f", "krl", "key-cert.pub"]);
        let text = said(&asked);
        assert_eq!(text.contains("REVOKED"), revoked, "{serial}: {text}");
        assert_eq!(asked.status.success(), !revoked, "{serial}: {text}");
    }
}

#[test]
fn a_list_of_ssh_keygen_is_read_only_where_it_is_empty() {
    let (folder, _) = secret(KINDS[0]);
    let list = |arguments: &[&str]| {
        let made = ssh_keygen(folder.path(), &[&["-k", "-f", "krl"], arguments].concat());
        assert!(made.status.success(), "{made:?}");
        Krl::parse(&std::fs::read(folder.path().join("krl")).unwrap())
    };
    assert_eq!(list(&[]), Ok(Krl::default()));
    std::fs::write(folder.path().join("spec"), "serial: 5\n").unwrap();
    let theirs = list(&["-s", "ca.pub", "spec"]);
    assert_eq!(theirs, Err(KrlError::Foreign));
    assert_eq!(list(&["ca.pub"]), Err(KrlError::Foreign));
}
