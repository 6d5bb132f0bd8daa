//! Our attestation code against certificates and signatures made by OpenSSL, with P-256 and RSA roots.
#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "tests: a helper that fails should say where"
)]

use std::path::Path;
use std::process::Command;

use gatehold_core::attest::{Anchors, AttestError, pem_certificates, verify};
use gatehold_core::ssh::key::Application;
use gatehold_core::ssh::soft::{SoftAuthenticator, UP, UV, attestation_blob, authenticator_data};
use gatehold_core::time::Timestamp;
use sha2::{Digest as _, Sha256};

const CHALLENGE: &[u8] = b"a challenge drawn by the gate";
const MODEL: [u8; 16] = *b"\x73\xbb\x0c\xd4\xe5\x02\x49\xb8\x9c\x6f\xb5\x94\x45\xbf\x72\x0b";
/// 2030-01-01, while certificates valid for 9,000 days from today are.
const NOW: Timestamp = Timestamp::from_millis(1_893_456_000_000);

const CONFIGURATION: &str = "
[req]
distinguished_name = dn
[dn]
[ca]
basicConstraints = critical, CA:TRUE, pathlen:0
keyUsage = critical, keyCertSign, cRLSign
subjectKeyIdentifier = hash
[leaf]
basicConstraints = critical, CA:FALSE
1.3.6.1.4.1.45724.2.1.1 = ASN1:FORMAT:BITLIST,BITSTRING:2,3
1.3.6.1.4.1.45724.1.1.4 = ASN1:FORMAT:HEX,OCTETSTRING:73bb0cd4e50249b89c6fb59445bf720b
";

fn openssl(folder: &Path, arguments: &str) {
    let output = Command::new("openssl")
        .args(arguments.split(' ').map(|word| word.replace('_', " ")))
        .current_dir(folder)
        .output()
        .expect("openssl did not start; install the package openssl");
    assert!(
        output.status.success(),
        "openssl {arguments}: {}",
        String::from_utf8_lossy(&output.stderr)
    );
}

/// The first certificate of a PEM file.
fn certificate(path: &Path) -> Vec<u8> {
    pem_certificates(&std::fs::read_to_string(path).unwrap())
        .unwrap()
        .remove(0)
}

#[test]
fn certificates_made_by_openssl_vouch_for_a_key() {
    let ec = "ecparam -name prime256v1 -genkey -noout -out";
    for make_root_key in [
        format!("{ec} root.key"),
        "genrsa -out root.key 2048".into(),
        "genrsa -out root.key 3072".into(),
    ] {
        let folder = tempfile::tempdir().unwrap();
        let at = |name: &str| folder.path().join(name);
        let run = |arguments: &str| openssl(folder.path(), arguments);
        std::fs::write(at("conf"), CONFIGURATION).unwrap();
        run(&make_root_key);
        run(
            "req -new -x509 -config conf -extensions ca -key root.key -subj /CN=Root -sha256 -days 9000 -out root.pem",
        );
        run(&format!("{ec} leaf.key"));
        let subject = "/C=SE/O=Maker_AB/OU=Authenticator_Attestation/CN=Batch_1";
        run(&format!(
            "req -new -config conf -key leaf.key -subj {subject} -out leaf.csr"
        ));
        run("x509 -req -in leaf.csr -CA root.pem -CAkey root.key -CAcreateserial -extfile conf -extensions leaf -sha256 \
             -days 9000 -out leaf.pem"
            .split_whitespace()
            .collect::<Vec<_>>()
            .join(" ")
            .as_str());

        let authenticator =
            SoftAuthenticator::ecdsa_p256([4; 32], Application::new("ssh:").unwrap());
        let data = authenticator_data(&authenticator.public_key(), MODEL, UP | UV | 0x40, &[]);
        std::fs::write(
            at("signed"),
            [&data[..], &Sha256::digest(CHALLENGE)].concat(),
        )
        .unwrap();
        run("dgst -sha256 -sign leaf.key -out signature signed");
        let blob = attestation_blob(
            &certificate(&at("leaf.pem")),
            &std::fs::read(at("signature")).unwrap(),
            &data,
        );

        let mut anchors = Anchors::none();
        anchors
            .pin_root("openssl", &certificate(&at("root.pem")))
            .unwrap();
        let attested = verify(&blob, CHALLENGE, &authenticator.public_key(), &anchors, NOW)
            .unwrap_or_else(|refusal| panic!("{make_root_key}: {refusal}"));
        assert_eq!(
            (attested.aaguid(), attested.root_name()),
            (MODEL, "openssl")
        );

        // A root of the same name and kind, but with another key.
        run(&make_root_key);
        run(
            "req -new -x509 -config conf -extensions ca -key root.key -subj /CN=Root -sha256 -days 9000 -out root.pem",
        );
        let mut others = Anchors::none();
        others
            .pin_root("openssl", &certificate(&at("root.pem")))
            .unwrap();
        let refused = verify(&blob, CHALLENGE, &authenticator.public_key(), &others, NOW);
        assert_eq!(refused, Err(AttestError::Untrusted), "{make_root_key}");
    }
}
