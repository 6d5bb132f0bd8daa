//! Our SSHSIG code against the real `ssh-keygen`, in both directions. Needs the package `openssh-client`.
#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "tests: a helper that fails should say where"
)]

use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

use gatehold_core::ssh::key::{Application, KeyError};
use gatehold_core::ssh::soft::{SoftAuthenticator, UP, UV};
use gatehold_core::ssh::sshsig::software_key;
use gatehold_core::ssh::{SshPublicKey, SshsigError, sign_software, verify};

const NAMESPACE: &str = "gatehold/review/v1";
const MESSAGE: &[u8] = b"{\"act\":\"approve\"}";

fn ssh_keygen(folder: &Path, arguments: &[&str], input: &[u8]) -> Output {
    let mut child = Command::new("ssh-keygen")
        .args(arguments)
        .current_dir(folder)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("ssh-keygen did not start; install the package openssh-client");
    std::io::Write::write_all(&mut child.stdin.take().unwrap(), input).unwrap();
    child.wait_with_output().unwrap()
}

/// A fresh key pair made by ssh-keygen: the public line stands in `key.pub`.
fn generate(folder: &Path, kind: &[&str]) -> String {
    let arguments = [&["-q", "-N", "", "-C", "me@here", "-f", "key", "-t"], kind].concat();
    let made = ssh_keygen(folder, &arguments, b"");
    assert!(made.status.success(), "{made:?}");
    std::fs::read_to_string(folder.join("key.pub")).unwrap()
}

/// Whether ssh-keygen accepts the armored signature for `key`, under our namespace.
fn ssh_keygen_accepts(folder: &Path, key: &SshPublicKey, armored: &str, message: &[u8]) -> Output {
    let write = |name: &str, text: &str| -> PathBuf {
        let path = folder.join(name);
        std::fs::write(&path, text).unwrap();
        path
    };
    write("allowed", &format!("me {key}\n"));
    write("signature", armored);
    ssh_keygen(
        folder,
        &[
            "-Y",
            "verify",
            "-f",
            "allowed",
            "-I",
            "me",
            "-n",
            NAMESPACE,
            "-s",
            "signature",
        ],
        message,
    )
}

#[test]
fn we_accept_what_ssh_keygen_signs() {
    for (kind, hash) in [
        (&["ed25519"][..], "sha512"),
        (&["ed25519"], "sha256"),
        (&["ecdsa", "-b", "256"], "sha512"),
        (&["ecdsa", "-b", "256"], "sha256"),
    ] {
        let folder = tempfile::tempdir().unwrap();
        let key = SshPublicKey::from_line(&generate(folder.path(), kind)).unwrap();
        let hash = format!("hashalg={hash}");
        let sign = [
            "-Y", "sign", "-q", "-f", "key", "-n", NAMESPACE, "-O", &hash,
        ];
        let signed = ssh_keygen(folder.path(), &sign, MESSAGE);
        assert!(signed.status.success(), "{signed:?}");
        let verified = verify(&signed.stdout, MESSAGE, NAMESPACE, &key).unwrap();
        assert_eq!(
            (verified.thumbprint(), verified.flags()),
            (&key.thumbprint(), None)
        );
        assert_eq!(
            verify(&signed.stdout, b"", NAMESPACE, &key),
            Err(SshsigError::Mismatch)
        );
        let listed = ssh_keygen(folder.path(), &["-l", "-f", "key.pub"], b"");
        let listed = String::from_utf8(listed.stdout).unwrap();
        assert!(listed.contains(&key.fingerprint()), "{listed}");
    }
}

#[test]
fn ssh_keygen_accepts_what_we_sign() {
    let application = || Application::new("ssh:gatehold").unwrap();
    let (ed25519, p256) = (
        SoftAuthenticator::ed25519([2; 32], application()),
        SoftAuthenticator::ecdsa_p256([3; 32], application()),
    );
    let table = [
        (
            software_key(&[1; 32]),
            sign_software(&[1; 32], NAMESPACE, MESSAGE).unwrap(),
        ),
        (
            ed25519.public_key(),
            ed25519.sign(NAMESPACE, MESSAGE, UP | UV, 7),
        ),
        (
            p256.public_key(),
            p256.sign(NAMESPACE, MESSAGE, UP, 0x8000_0001),
        ),
    ];
    for (key, armored) in table {
        let folder = tempfile::tempdir().unwrap();
        let good = ssh_keygen_accepts(folder.path(), &key, &armored, MESSAGE);
        assert!(good.status.success(), "{key}: {good:?}");
        let bad = ssh_keygen_accepts(folder.path(), &key, &armored, b"another message");
        assert!(!bad.status.success(), "{key}: {bad:?}");
    }
}

#[test]
fn keys_of_other_kinds_are_refused_by_name() {
    for (kind, expected) in [
        (&["rsa", "-b", "2048"][..], KeyError::Rsa),
        (&["ecdsa", "-b", "384"], KeyError::Curve),
    ] {
        let folder = tempfile::tempdir().unwrap();
        assert_eq!(
            SshPublicKey::from_line(&generate(folder.path(), kind)),
            Err(expected)
        );
    }
}
