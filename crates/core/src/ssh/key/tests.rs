//! Keys read and written: each kind there and back, each refusal by its reason.

use super::*;
use crate::ssh::soft::SoftAuthenticator;
use crate::ssh::sshsig::software_key;
use proptest::prelude::*;

fn application(name: &str) -> Application {
    Application::new(name).unwrap()
}

fn p256_key() -> SshPublicKey {
    match SoftAuthenticator::ecdsa_p256([2; 32], application("ssh:")).public_key() {
        SshPublicKey::SkEcdsaP256 { point, .. } => SshPublicKey::EcdsaP256(point),
        other => panic!("{other:?}"),
    }
}

fn one_of_each() -> [SshPublicKey; 4] {
    [
        software_key(&[1; 32]),
        p256_key(),
        SoftAuthenticator::ed25519([3; 32], application("ssh:")).public_key(),
        SoftAuthenticator::ecdsa_p256([4; 32], application("ssh:gatehold")).public_key(),
    ]
}

fn blob(fields: &[&[u8]]) -> Vec<u8> {
    let mut writer = Writer::new();
    for field in fields {
        writer.string(field);
    }
    writer.into_bytes()
}

#[test]
fn each_kind_survives_wire_line_and_json() {
    for key in one_of_each() {
        assert_eq!(SshPublicKey::from_wire(&key.to_wire()), Ok(key.clone()));
        assert_eq!(SshPublicKey::from_line(&key.to_line()), Ok(key.clone()));
        assert_eq!(
            format!("{} me@laptop it is mine\n", key.to_line()).parse(),
            Ok(key.clone())
        );
        let json = serde_json::to_string(&key).unwrap();
        assert_eq!(serde_json::from_str::<SshPublicKey>(&json).unwrap(), key);
        assert_eq!(
            key.thumbprint(),
            <[u8; 32]>::from(Sha256::digest(key.to_wire()))
        );
    }
}

#[test]
fn the_same_point_as_another_kind_is_another_key() {
    let SshPublicKey::Ed25519(point) = software_key(&[1; 32]) else {
        panic!("not ed25519")
    };
    let sk = |name| SshPublicKey::SkEd25519 {
        point,
        application: application(name),
    };
    let mut prints = [
        software_key(&[1; 32]).thumbprint(),
        sk("ssh:").thumbprint(),
        sk("ssh:a").thumbprint(),
    ]
    .to_vec();
    prints.sort_unstable();
    prints.dedup();
    assert_eq!(prints.len(), 3);
}

#[test]
fn what_is_not_accepted_is_refused_by_its_reason() {
    let point = software_key(&[1; 32]).to_wire().split_off(4 + 11 + 4);
    let [.., sk_ecdsa] = one_of_each();
    let q = sk_ecdsa.to_wire().get(4 + 34 + 4 + 8 + 4..).unwrap()[..65].to_vec();
    let mut off_curve = q.clone();
    off_curve[64] ^= 1;
    let mut identity = [0; 32];
    identity[0] = 1;
    // y = p + 3, which decompresses as y = 3, and y = p + 1, a second name of the identity.
    let mut unreduced = [0xff; 32];
    unreduced[0] = 0xf0;
    unreduced[31] = 0x7f;
    let table: Vec<(&str, Vec<u8>, KeyError)> = vec![
        (
            "rsa",
            blob(&[b"ssh-rsa", &[1, 0, 1], &[0x7f; 256]]),
            KeyError::Rsa,
        ),
        (
            "rsa by its signature name",
            blob(&[b"rsa-sha2-512"]),
            KeyError::Rsa,
        ),
        ("dsa", blob(&[b"ssh-dss"]), KeyError::Dsa),
        (
            "P-384",
            blob(&[b"ecdsa-sha2-nistp384", b"nistp384", &[4; 97]]),
            KeyError::Curve,
        ),
        (
            "P-521",
            blob(&[b"ecdsa-sha2-nistp521", b"nistp521", &[4; 133]]),
            KeyError::Curve,
        ),
        (
            "P-384 under the name of P-256",
            blob(&[b"ecdsa-sha2-nistp256", b"nistp384", &q]),
            KeyError::Curve,
        ),
        (
            "certificate",
            blob(&[b"ssh-ed25519-cert-v01@openssh.com"]),
            KeyError::Certificate,
        ),
        (
            "something",
            blob(&[b"ssh-ed448", &[0; 57]]),
            KeyError::Unknown,
        ),
        (
            "short point",
            blob(&[b"ssh-ed25519", &[9; 31]]),
            KeyError::Point,
        ),
        (
            "long point",
            blob(&[b"ssh-ed25519", &[9; 33]]),
            WireError::TooLong {
                length: 33,
                limit: 32,
            }
            .into(),
        ),
        (
            "identity",
            blob(&[b"ssh-ed25519", &identity]),
            KeyError::Point,
        ),
        ("zero", blob(&[b"ssh-ed25519", &[0; 32]]), KeyError::Point),
        (
            "unreduced",
            blob(&[b"ssh-ed25519", &unreduced]),
            KeyError::Point,
        ),
        (
            "off the curve",
            blob(&[b"ecdsa-sha2-nistp256", b"nistp256", &off_curve]),
            KeyError::Point,
        ),
        (
            "point at infinity",
            blob(&[b"ecdsa-sha2-nistp256", b"nistp256", &[0]]),
            KeyError::Point,
        ),
        (
            "compressed",
            blob(&[b"ecdsa-sha2-nistp256", b"nistp256", &[2; 33]]),
            KeyError::Point,
        ),
        (
            "hybrid",
            blob(&[
                b"ecdsa-sha2-nistp256",
                b"nistp256",
                &[&[6], &q[1..]].concat(),
            ]),
            KeyError::Point,
        ),
        (
            "web application",
            blob(&[b"sk-ssh-ed25519@openssh.com", &point, b"https://x"]),
            KeyError::Application,
        ),
        (
            "no application",
            blob(&[b"sk-ssh-ed25519@openssh.com", &point, b""]),
            KeyError::Application,
        ),
        (
            "control",
            blob(&[b"sk-ssh-ed25519@openssh.com", &point, b"ssh:\x1b"]),
            KeyError::Application,
        ),
        (
            "application missing",
            blob(&[b"sk-ssh-ed25519@openssh.com", &point]),
            WireError::Truncated.into(),
        ),
        (
            "trailing",
            blob(&[b"ssh-ed25519", &point, b""]),
            WireError::Trailing { extra: 4 }.into(),
        ),
        ("empty", vec![], WireError::Truncated.into()),
        (
            "huge",
            vec![0; 1025],
            WireError::TooLong {
                length: 1025,
                limit: 1024,
            }
            .into(),
        ),
    ];
    for (name, bytes, expected) in table {
        assert_eq!(SshPublicKey::from_wire(&bytes), Err(expected), "{name}");
    }
}

#[test]
fn a_line_is_type_base64_comment_and_nothing_else() {
    let line = software_key(&[1; 32]).to_line();
    let base64 = line.split(' ').nth(1).unwrap();
    let refused = [
        String::new(),
        "ssh-ed25519".to_owned(),
        format!("no-pty {line}"),
        format!("ecdsa-sha2-nistp256 {base64}"),
        line.replace('A', "-"),
        format!("{line}\n{line}"),
        format!("{line} {}", "c".repeat(KEY_LINE_BYTES_MAX)),
    ];
    for line in refused {
        assert_eq!(
            SshPublicKey::from_line(&line),
            Err(KeyError::Line),
            "{line}"
        );
    }
    assert_eq!(
        SshPublicKey::from_line("ssh-rsa AAAA..."),
        Err(KeyError::Rsa)
    );
}

#[test]
fn a_document_holds_the_exact_line_only() {
    let line = software_key(&[1; 32]).to_line();
    for changed in [
        format!("{line} comment"),
        format!("{line} "),
        line.replace(' ', "  "),
    ] {
        assert!(
            serde_json::from_str::<SshPublicKey>(&serde_json::to_string(&changed).unwrap())
                .is_err(),
            "{changed}"
        );
    }
}

proptest! {
    #[test]
    fn a_key_has_one_encoding(bytes: Vec<u8>, which in 0usize..4, position: prop::sample::Index, bit in 0u8..8) {
        if let Ok(key) = SshPublicKey::from_wire(&bytes) {
            prop_assert_eq!(key.to_wire(), bytes);
        }
        let key = &one_of_each()[which];
        let mut flipped = key.to_wire();
        let at = position.index(flipped.len());
        flipped[at] ^= 1 << bit;
        if let Ok(other) = SshPublicKey::from_wire(&flipped) {
            prop_assert_ne!(other.thumbprint(), key.thumbprint());
            prop_assert_eq!(other.to_wire(), flipped);
        }
    }
}
