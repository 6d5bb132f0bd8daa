//! What must verify, and every way we know in which a signature must not.

use super::armor::{FOOTER, HEADER};
use super::*;
use crate::ssh::key::{Application, P256Point};
use crate::ssh::soft::{SoftAuthenticator, UP, UV};
use proptest::prelude::*;

const NAMESPACE: &str = "gatehold/review/v1";
const MESSAGE: &[u8] = br#"{"act":"approve","digest":"sha256:00"}"#;
const SEED: [u8; 32] = [7; 32];
/// The order of the Ed25519 group, little endian.
const ORDER: [u8; 32] = [
    0xed, 0xd3, 0xf5, 0x5c, 0x1a, 0x63, 0x12, 0x58, 0xd6, 0x9c, 0xf7, 0xa2, 0xde, 0xf9, 0xde, 0x14,
    0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0x10,
];

/// One signer of each kind: a name, its key, and a raw signature over [`MESSAGE`] for [`NAMESPACE`].
fn signers() -> Vec<(&'static str, SshPublicKey, Vec<u8>)> {
    let application = || Application::new("ssh:gatehold").unwrap();
    let sk_ed25519 = SoftAuthenticator::ed25519([8; 32], application());
    let sk_p256 = SoftAuthenticator::ecdsa_p256([9; 32], application());
    let software = dearmor(sign_software(&SEED, NAMESPACE, MESSAGE).unwrap().as_bytes()).unwrap();
    vec![
        ("ed25519", software_key(&SEED), software),
        (
            "p256",
            p256_software_key(),
            p256_software_signature(Hash::Sha256, |signature| signature),
        ),
        (
            "sk-ed25519",
            sk_ed25519.public_key(),
            sk_ed25519.sign_raw(NAMESPACE, MESSAGE, UP | UV, 41),
        ),
        (
            "sk-p256",
            sk_p256.public_key(),
            sk_p256.sign_raw(NAMESPACE, MESSAGE, UP | UV, 42),
        ),
    ]
}

fn p256_secret() -> p256::ecdsa::SigningKey {
    p256::ecdsa::SigningKey::from_slice(&SEED).unwrap()
}

fn p256_software_key() -> SshPublicKey {
    SshPublicKey::EcdsaP256(P256Point::of(&p256_secret()))
}

fn p256_software_signature(
    hash: Hash,
    change: impl FnOnce(p256::ecdsa::Signature) -> p256::ecdsa::Signature,
) -> Vec<u8> {
    let signature = change(p256_secret().sign(&to_be_signed(NAMESPACE, hash, MESSAGE)));
    let (r, s) = signature.split_bytes();
    let mut body = Writer::new();
    body.positive_mpint(&r).positive_mpint(&s);
    let mut inner = Writer::new();
    inner
        .string(b"ecdsa-sha2-nistp256")
        .string(&body.into_bytes());
    encode(&p256_software_key(), NAMESPACE, hash, &inner.into_bytes())
}

fn accepts(signature: &[u8], key: &SshPublicKey) -> bool {
    verify(signature, MESSAGE, NAMESPACE, key).is_ok()
}

#[test]
fn each_kind_verifies_raw_and_armored() {
    for (name, key, raw) in signers() {
        let verified =
            verify(&raw, MESSAGE, NAMESPACE, &key).unwrap_or_else(|e| panic!("{name}: {e}"));
        assert_eq!(verified.thumbprint(), &key.thumbprint(), "{name}");
        assert_eq!(
            verify(armor(&raw).as_bytes(), MESSAGE, NAMESPACE, &key),
            Ok(verified),
            "{name}"
        );
        assert_eq!(
            UnverifiedSshsig::parse(&raw).unwrap().claimed_key(),
            &key,
            "{name}"
        );
    }
}

#[test]
fn flags_and_counter_are_those_that_were_signed() {
    let authenticator = SoftAuthenticator::ed25519(SEED, Application::new("ssh:").unwrap());
    let key = authenticator.public_key();
    for (flags, user_presence, user_verification) in [
        (0, false, false),
        (UP, true, false),
        (UV, false, true),
        (UP | UV, true, true),
        (UP | UV | 0x18, true, true),
    ] {
        let signature = authenticator.sign(NAMESPACE, MESSAGE, flags, 0xdead_beef);
        let verified = verify(signature.as_bytes(), MESSAGE, NAMESPACE, &key).unwrap();
        assert_eq!(
            verified.flags(),
            Some(SkFlags {
                user_presence,
                user_verification
            })
        );
        assert_eq!(verified.counter(), Some(0xdead_beef));
    }
    for flags in [0x02, 0x20, 0x40, 0x80, 0xff] {
        let signature = authenticator.sign(NAMESPACE, MESSAGE, flags, 1);
        assert_eq!(
            verify(signature.as_bytes(), MESSAGE, NAMESPACE, &key),
            Err(SshsigError::Flags(flags))
        );
    }
    let software = sign_software(&SEED, NAMESPACE, MESSAGE).unwrap();
    let verified = verify(
        software.as_bytes(),
        MESSAGE,
        NAMESPACE,
        &software_key(&SEED),
    )
    .unwrap();
    assert_eq!((verified.flags(), verified.counter()), (None, None));
}

/// The parts of a raw SSHSIG, to be put together wrongly.
#[derive(Clone)]
struct Parts {
    magic: Vec<u8>,
    version: u32,
    key: Vec<u8>,
    namespace: Vec<u8>,
    reserved: Vec<u8>,
    hash: Vec<u8>,
    inner: Vec<u8>,
}

impl Parts {
    fn of(raw: &[u8]) -> Self {
        let mut reader = Reader::new(raw);
        let parts = Self {
            magic: reader.take(6).unwrap().to_vec(),
            version: reader.u32().unwrap(),
            key: reader.string(9999).unwrap().to_vec(),
            namespace: reader.string(9999).unwrap().to_vec(),
            reserved: reader.string(9999).unwrap().to_vec(),
            hash: reader.string(9999).unwrap().to_vec(),
            inner: reader.string(9999).unwrap().to_vec(),
        };
        reader.finish().unwrap();
        parts
    }

    fn join(&self) -> Vec<u8> {
        let mut writer = Writer::new();
        writer
            .raw(&self.magic)
            .u32(self.version)
            .string(&self.key)
            .string(&self.namespace);
        writer
            .string(&self.reserved)
            .string(&self.hash)
            .string(&self.inner);
        writer.into_bytes()
    }
}

type Tampering = (&'static str, fn(&mut Parts), SshsigError);

#[test]
fn each_tampering_is_refused_by_its_reason() {
    let table: [Tampering; 16] = [
        (
            "wrong magic",
            |p| p.magic = b"SSHSIH".to_vec(),
            SshsigError::Magic,
        ),
        (
            "lower-case magic",
            |p| p.magic = b"sshsig".to_vec(),
            SshsigError::Magic,
        ),
        ("version 0", |p| p.version = 0, SshsigError::Version(0)),
        ("version 2", |p| p.version = 2, SshsigError::Version(2)),
        (
            "another key",
            |p| p.key = software_key(&[6; 32]).to_wire(),
            SshsigError::WrongKey,
        ),
        (
            "another namespace",
            |p| p.namespace = b"gatehold/submit/v1".to_vec(),
            SshsigError::WrongNamespace,
        ),
        (
            "longer namespace",
            |p| p.namespace.push(b' '),
            SshsigError::WrongNamespace,
        ),
        (
            "empty namespace",
            |p| p.namespace.clear(),
            SshsigError::Namespace,
        ),
        ("reserved", |p| p.reserved.push(0), SshsigError::Reserved),
        (
            "the other hash",
            |p| p.hash = b"sha256".to_vec(),
            SshsigError::Mismatch,
        ),
        (
            "hash in capitals",
            |p| p.hash = b"SHA512".to_vec(),
            SshsigError::Hash,
        ),
        ("sha1", |p| p.hash = b"sha1".to_vec(), SshsigError::Hash),
        ("no hash", |p| p.hash.clear(), SshsigError::Hash),
        (
            "another algorithm",
            |p| p.inner[4..15].copy_from_slice(b"ssh-ed25518"),
            SshsigError::Algorithm,
        ),
        (
            "trailing in the inner signature",
            |p| p.inner.push(0),
            SshsigError::Wire(WireError::Trailing { extra: 1 }),
        ),
        (
            "sk fields on a software key",
            |p| p.inner.extend([1, 0, 0, 0, 1]),
            SshsigError::Wire(WireError::Trailing { extra: 5 }),
        ),
    ];
    let raw = dearmor(sign_software(&SEED, NAMESPACE, MESSAGE).unwrap().as_bytes()).unwrap();
    let key = software_key(&SEED);
    assert!(accepts(&Parts::of(&raw).join(), &key));
    for (name, tamper, expected) in table {
        let mut parts = Parts::of(&raw);
        tamper(&mut parts);
        assert_eq!(
            verify(&parts.join(), MESSAGE, NAMESPACE, &key),
            Err(expected),
            "{name}"
        );
    }
}

#[test]
fn another_message_namespace_or_key_is_refused_for_each_kind() {
    for (name, key, raw) in signers() {
        let refused = |message: &[u8], namespace, key: &SshPublicKey| {
            verify(&raw, message, namespace, key).unwrap_err()
        };
        assert_eq!(
            refused(b"", NAMESPACE, &key),
            SshsigError::Mismatch,
            "{name}"
        );
        assert_eq!(
            refused(&[MESSAGE, b"\n"].concat(), NAMESPACE, &key),
            SshsigError::Mismatch,
            "{name}"
        );
        assert_eq!(
            refused(MESSAGE, "file", &key),
            SshsigError::WrongNamespace,
            "{name}"
        );
        for (other_name, other, _) in signers() {
            if other_name != name {
                assert_eq!(
                    refused(MESSAGE, NAMESPACE, &other),
                    SshsigError::WrongKey,
                    "{name} as {other_name}"
                );
            }
        }
        let reversed: Vec<u8> = raw.iter().rev().copied().collect();
        assert!(!accepts(&reversed, &key), "{name} reversed");
        assert!(
            !accepts(&[raw.as_slice(), &[0]].concat(), &key),
            "{name} with a trailing byte"
        );
        for length in 0..raw.len() {
            assert!(!accepts(&raw[..length], &key), "{name} cut at {length}");
        }
    }
}

/// A software key that signs the very bytes an authenticator would is another kind of key, and stays one.
#[test]
fn a_software_signature_is_no_security_key_signature() {
    let application = Application::new("ssh:").unwrap();
    let sk = SoftAuthenticator::ed25519(SEED, application);
    let software =
        Parts::of(&dearmor(sign_software(&SEED, NAMESPACE, MESSAGE).unwrap().as_bytes()).unwrap());
    let mut relabelled = Parts::of(&sk.sign_raw(NAMESPACE, MESSAGE, UP, 1));
    relabelled.inner = software.inner;
    assert_eq!(
        verify(&relabelled.join(), MESSAGE, NAMESPACE, &sk.public_key()),
        Err(SshsigError::Algorithm)
    );
    let mut body = Reader::new(&relabelled.inner);
    let (_, signature) = (body.string(99).unwrap(), body.string(99).unwrap());
    let mut inner = Writer::new();
    inner
        .string(b"sk-ssh-ed25519@openssh.com")
        .string(signature)
        .byte(UP)
        .u32(1);
    relabelled.inner = inner.into_bytes();
    assert_eq!(
        verify(&relabelled.join(), MESSAGE, NAMESPACE, &sk.public_key()),
        Err(SshsigError::Mismatch)
    );
}

#[test]
fn a_credential_scoped_to_another_application_does_not_sign_for_this_one() {
    let here = SoftAuthenticator::ed25519(SEED, Application::new("ssh:").unwrap()).public_key();
    let there = SoftAuthenticator::ed25519(SEED, Application::new("ssh:other").unwrap());
    let mut parts = Parts::of(&there.sign_raw(NAMESPACE, MESSAGE, UP, 1));
    parts.key = here.to_wire();
    assert_eq!(
        verify(&parts.join(), MESSAGE, NAMESPACE, &here),
        Err(SshsigError::Mismatch)
    );
}

#[test]
fn both_signs_of_s_are_one_verified_signature() {
    let key = p256_software_key();
    let verified = [Hash::Sha256, Hash::Sha512].map(|hash| {
        let [plain, negated] = [
            p256_software_signature(hash, |signature| signature),
            p256_software_signature(hash, |signature| {
                let (r, s) = signature.split_scalars();
                p256::ecdsa::Signature::from_scalars(r, -s).unwrap()
            }),
        ];
        assert_ne!(plain, negated);
        let [plain, negated] =
            [plain, negated].map(|raw| verify(&raw, MESSAGE, NAMESPACE, &key).unwrap());
        assert_eq!(plain, negated);
        plain
    });
    assert_eq!(verified[0], verified[1]);
}

/// S + L verifies under the plain equation; strict verification refuses it.
#[test]
fn a_second_form_of_an_ed25519_signature_is_refused() {
    let mut raw = dearmor(sign_software(&SEED, NAMESPACE, MESSAGE).unwrap().as_bytes()).unwrap();
    let s_at = raw.len() - 32;
    let mut carry = 0u16;
    for (byte, order) in raw[s_at..].iter_mut().zip(ORDER) {
        let sum = u16::from(*byte) + u16::from(order) + carry;
        *byte = u8::try_from(sum & 0xff).unwrap();
        carry = sum >> 8;
    }
    assert_eq!(
        verify(&raw, MESSAGE, NAMESPACE, &software_key(&SEED)),
        Err(SshsigError::Mismatch)
    );
}

/// With R the identity and S = k·a, anyone who has the key makes a signature that the plain equation accepts. Strict
/// verification refuses it, as other verifiers disagree about such signatures.
#[test]
fn an_ed25519_signature_with_a_small_order_point_is_refused() {
    use crypto_bigint::{NonZero, U512};
    let secret = ed25519_dalek::SigningKey::from_bytes(&SEED);
    let data = to_be_signed(NAMESPACE, Hash::Sha512, MESSAGE);
    let mut identity = [0; 32];
    identity[0] = 1;
    let order = U512::from_le_slice(&[&ORDER[..], &[0; 32]].concat());
    let order = NonZero::new(order).unwrap();
    let hashed = Sha512::digest([&identity[..], secret.verifying_key().as_bytes(), &data].concat());
    let k = U512::from_le_slice(&hashed).rem(&order);
    let a =
        U512::from_le_slice(&[&secret.to_scalar().to_bytes()[..], &[0; 32]].concat()).rem(&order);
    let s = k.wrapping_mul(&a).rem(&order).to_le_bytes();
    let signature = [&identity[..], &s.as_ref()[..32]].concat();

    let plain = ed25519_dalek::Signature::from_slice(&signature).unwrap();
    assert!(
        ed25519_dalek::Verifier::verify(&secret.verifying_key(), &data, &plain).is_ok(),
        "the forgery itself"
    );
    let mut inner = Writer::new();
    inner.string(b"ssh-ed25519").string(&signature);
    let key = software_key(&SEED);
    let raw = encode(&key, NAMESPACE, Hash::Sha512, &inner.into_bytes());
    assert_eq!(
        verify(&raw, MESSAGE, NAMESPACE, &key),
        Err(SshsigError::Mismatch)
    );
}

#[test]
fn armor_is_whole_or_refused() {
    let good = sign_software(&SEED, NAMESPACE, MESSAGE).unwrap();
    let key = software_key(&SEED);
    let flat: String = good.lines().filter(|line| !line.starts_with('-')).collect();
    for accepted in [
        good.clone(),
        good.trim_end().to_owned(),
        good.replace('\n', "\r\n"),
        format!("{HEADER}{flat}{FOOTER}"),
    ] {
        assert!(accepts(accepted.as_bytes(), &key), "{accepted}");
    }
    for refused in [
        format!("{good}\n"),
        format!("{good}x"),
        format!("{good}{good}"),
        format!(" {good}"),
        good.replace("-----END", "----END"),
        good.replace("SSH SIGNATURE", "PGP SIGNATURE"),
        good.replace("AAAA", "AA AA"),
        good.replace(FOOTER, "=\n-----END SSH SIGNATURE-----"),
        good.replace('\n', ""),
        HEADER.to_owned(),
        format!("{HEADER}{FOOTER}"),
        "-".repeat(SSHSIG_BYTES_MAX + 1),
    ] {
        assert!(!accepts(refused.as_bytes(), &key), "{refused}");
    }
}

#[test]
fn signing_refuses_a_namespace_that_nobody_could_verify() {
    for namespace in [String::new(), "n".repeat(NAMESPACE_BYTES_MAX + 1)] {
        assert_eq!(
            sign_software(&SEED, &namespace, MESSAGE),
            Err(SshsigError::Namespace)
        );
    }
}

/// Promise P1, exhaustively for each kind: no signature or context that differs in one bit is accepted.
#[test]
fn no_single_bit_of_signature_or_message_can_change() {
    for (name, key, raw) in signers() {
        for bit in 0..raw.len() * 8 {
            let mut flipped = raw.clone();
            flipped[bit / 8] ^= 1 << (bit % 8);
            assert!(
                !accepts(&flipped, &key),
                "{name}: bit {bit} of the signature"
            );
        }
        let parsed = UnverifiedSshsig::parse(&raw).unwrap();
        for bit in 0..MESSAGE.len() * 8 {
            let mut flipped = MESSAGE.to_vec();
            flipped[bit / 8] ^= 1 << (bit % 8);
            assert!(
                parsed.verify(&flipped, NAMESPACE, &key).is_err(),
                "{name}: bit {bit} of the message"
            );
        }
    }
}

proptest! {
    #[test]
    fn the_parser_never_panics(bytes: Vec<u8>, text in "\\PC*") {
        let _ = UnverifiedSshsig::parse(&bytes);
        let _ = UnverifiedSshsig::parse(text.as_bytes());
        let _ = UnverifiedSshsig::parse(format!("{HEADER}{text}{FOOTER}").as_bytes());
        let _ = UnverifiedSshsig::parse(armor(&bytes).as_bytes());
        let _ = UnverifiedSshsig::parse(&[MAGIC, &VERSION.to_be_bytes()[..], &bytes].concat());
    }

    #[test]
    fn any_change_of_a_signature_is_refused(
        which in 0usize..4,
        at: prop::sample::Index,
        cut in 0usize..6,
        insert in prop::collection::vec(any::<u8>(), 0..6),
    ) {
        let (_, key, raw) = signers().swap_remove(which);
        let start = at.index(raw.len() + 1);
        let end = raw.len().min(start + cut);
        let mut changed = raw.clone();
        changed.splice(start..end, insert);
        prop_assume!(changed != raw);
        prop_assert!(!accepts(&changed, &key));
    }

    #[test]
    fn what_is_signed_verifies(seed: [u8; 32], message: Vec<u8>, namespace in "[ -~]{1,64}", flags in 0u8..4, counter: u32) {
        let flags = [0, UP, UV, UP | UV][usize::from(flags)];
        let software = sign_software(&seed, &namespace, &message).unwrap();
        prop_assert!(verify(software.as_bytes(), &message, &namespace, &software_key(&seed)).is_ok());
        let application = Application::new("ssh:").unwrap();
        for sk in [SoftAuthenticator::ed25519(seed, application.clone()), SoftAuthenticator::ecdsa_p256(seed, application)] {
            let signature = sk.sign(&namespace, &message, flags, counter);
            let verified = verify(signature.as_bytes(), &message, &namespace, &sk.public_key()).unwrap();
            prop_assert_eq!(verified.counter(), Some(counter));
        }
    }
}
