//! What OpenSSH writes is read, and each part that is wrong is a refusal without a word of the key. Files of `ssh-keygen` itself are
//! in tests/ssh_certificate.rs.

use super::*;
use crate::ssh::sshsig::software_key;

/// The parts of a file, to be changed one at a time.
#[derive(Clone)]
struct Parts {
    magic: Vec<u8>,
    cipher: &'static [u8],
    kdf: &'static [u8],
    options: &'static [u8],
    keys: u32,
    public: Vec<u8>,
    checks: (u32, u32),
    algorithm: &'static str,
    point: Vec<u8>,
    secret: Vec<u8>,
    padding: Vec<u8>,
    after: Vec<u8>,
}

impl Parts {
    fn good() -> Self {
        let key = software_key(&[7; 32]);
        let SshPublicKey::Ed25519(point) = &key else {
            panic!("{key:?}")
        };
        Self {
            magic: MAGIC.to_vec(),
            cipher: b"none",
            kdf: b"none",
            options: b"",
            keys: 1,
            public: key.to_wire(),
            checks: (5, 5),
            algorithm: ED25519,
            point: point.as_bytes().to_vec(),
            secret: [[7; 32], *point.as_bytes()].concat(),
            padding: vec![1, 2, 3],
            after: Vec::new(),
        }
    }

    fn text(&self) -> String {
        let mut private = Writer::new();
        private
            .u32(self.checks.0)
            .u32(self.checks.1)
            .string(self.algorithm.as_bytes())
            .string(&self.point)
            .string(&self.secret)
            .string(b"comment")
            .raw(&self.padding);
        let mut file = Writer::new();
        file.raw(&self.magic)
            .string(self.cipher)
            .string(self.kdf)
            .string(self.options)
            .u32(self.keys)
            .string(&self.public)
            .string(&private.into_bytes())
            .raw(&self.after);
        let base64 = STANDARD.encode(file.into_bytes());
        format!("{HEADER}{base64}{FOOTER}\n")
    }
}

fn error(change: impl FnOnce(&mut Parts)) -> SecretKeyError {
    let mut parts = Parts::good();
    change(&mut parts);
    SshSecretKey::from_openssh(parts.text().as_bytes()).unwrap_err()
}

#[test]
fn a_key_reads_and_prints_nothing_of_itself() {
    let text = Parts::good().text();
    let key = SshSecretKey::from_openssh(text.as_bytes()).unwrap();
    assert_eq!(key.public_key(), software_key(&[7; 32]));
    let said = format!("{key:?} {key:#?}");
    assert!(said.starts_with("SshSecretKey(SHA256:"), "{said}");
    assert!(!said.contains("7, 7") && !said.contains("0707"), "{said}");
}

#[test]
fn c07_each_part_that_is_wrong_is_refused() {
    use SecretKeyError::{Damaged, Encrypted, Form, Kind};
    assert_eq!(
        error(|parts| parts.magic = b"openssh-key-v2\0".to_vec()),
        Form
    );
    assert_eq!(error(|parts| parts.cipher = b"aes256-ctr"), Encrypted);
    assert_eq!(error(|parts| parts.kdf = b"bcrypt"), Encrypted);
    assert_eq!(error(|parts| parts.algorithm = "ssh-rsa"), Kind);
    assert_eq!(
        error(|parts| parts.algorithm = "sk-ssh-ed25519@openssh.com"),
        Kind
    );
    let damages: [fn(&mut Parts); 9] = [
        |parts| parts.options = b"x",
        |parts| parts.keys = 2,
        |parts| parts.public = software_key(&[8; 32]).to_wire(),
        |parts| parts.checks.1 = 6,
        |parts| parts.point = vec![9; 32],
        |parts| parts.secret = vec![7; 64],
        |parts| parts.padding = vec![1, 2, 4],
        |parts| parts.padding = (1..=8).collect(),
        |parts| parts.after = vec![0],
    ];
    for damage in damages {
        assert_eq!(error(damage), Damaged);
    }
}

#[test]
fn what_is_no_one_block_is_refused() {
    let good = Parts::good().text();
    for bad in [
        String::new(),
        good.replace("OPENSSH", "EC"),
        format!("{good}{good}"),
        format!("x{good}"),
        good.replace("\n-----END", "!\n-----END"),
        "-".repeat(SECRET_KEY_BYTES_MAX + 1),
    ] {
        let error = SshSecretKey::from_openssh(bad.as_bytes()).unwrap_err();
        assert_eq!(error, SecretKeyError::Form, "{bad}");
    }
    for end in 0..good.len() - 1 {
        let cut = good.get(..end).unwrap();
        assert!(SshSecretKey::from_openssh(cut.as_bytes()).is_err(), "{cut}");
    }
}
