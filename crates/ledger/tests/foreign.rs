//! Runs the foreign verifiers of `tools/verify`, in Go and in Python, on good and on tampered receipts. All three
//! implementations must agree on every one. Fails, never skips, where Go or Python is missing.

#![expect(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "tests"
)]

mod sample;

use std::fs;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use base64::{Engine, engine::general_purpose::STANDARD};
use gatehold_ledger::{Hash, LogKey, Receipt, SignedTreeHead, prove_inclusion};
use sample::{SampleLog, signer};
use sha2::{Digest, Sha256};

const TOOLS: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../tools/verify");
const SCRATCH: &str = env!("CARGO_TARGET_TMPDIR");

#[test]
fn go_agrees() {
    let binary = Path::new(SCRATCH).join("verify_receipt_go");
    let mut build = Command::new("go");
    build
        .args(["build", "-o"])
        .arg(&binary)
        .arg("main.go")
        .current_dir(Path::new(TOOLS).join("go"));
    build
        .env("GO111MODULE", "off")
        .env("GOPATH", "/usr/share/gocode")
        .env("GOFLAGS", "");
    build.env("GOCACHE", Path::new(SCRATCH).join("go-cache"));
    let built = run(build, "golang-go golang-golang-x-mod-dev");
    let reason = String::from_utf8_lossy(&built.stderr);
    assert!(
        built.status.success(),
        "apt-get install golang-golang-x-mod-dev, then see: {reason}"
    );
    Foreign {
        name: "go",
        packages: "golang-go",
        program: vec![binary],
    }
    .agrees();
}

#[test]
fn python_agrees() {
    let program = vec!["python3".into(), Path::new(TOOLS).join("verify_receipt.py")];
    Foreign {
        name: "python",
        packages: "python3",
        program,
    }
    .agrees();
}

struct Foreign {
    name: &'static str,
    packages: &'static str,
    program: Vec<PathBuf>,
}

impl Foreign {
    fn agrees(&self) {
        let key = signer(1).log_key();
        let mut good = 0;
        for size in [1, 2, 3, 6, 7, 8, 13, 300] {
            let log = SampleLog::of(size);
            for index in [0, size / 2, size - 1] {
                self.accepts(&log.receipt(index), &key);
                good += 1;
            }
        }
        let tampered = tampered();
        for (what, text) in &tampered {
            let ours = Receipt::parse(text).is_ok_and(|receipt| receipt.verify(&key).is_ok());
            assert!(!ours, "we accept: {what}");
            let (accepted, line) = self.verify(text, &key);
            assert!(
                !accepted && line.starts_with("refused: "),
                "{} on {what}: {line}",
                self.name
            );
        }
        self.refuses_other_keys();
        assert_eq!((good, tampered.len()), (24, 18));
    }

    fn accepts(&self, receipt: &Receipt, key: &LogKey) {
        let ours = receipt.verify(key).unwrap();
        let expected = format!(
            "verified: leaf {} of {} in {}, kind {}, record {}\n",
            ours.index(),
            ours.head().size,
            ours.head().origin,
            ours.kind(),
            record_hash(ours.record()),
        );
        assert_eq!(
            self.verify(&receipt.to_string(), key),
            (true, expected),
            "{}",
            self.name
        );
    }

    fn refuses_other_keys(&self) {
        let text = SampleLog::of(7).receipt(3).to_string();
        let (accepted, line) = self.verify(&text, &signer(2).log_key());
        assert!(!accepted, "{} under another key: {line}", self.name);
    }

    fn verify(&self, receipt: &str, key: &LogKey) -> (bool, String) {
        let file = Path::new(SCRATCH).join(format!("{}.tlog-proof", self.name));
        fs::write(&file, receipt).unwrap();
        let mut command = Command::new(&self.program[0]);
        command
            .args(&self.program[1..])
            .arg(&file)
            .arg(key.to_string());
        let output = run(command, self.packages);
        let line = String::from_utf8(output.stdout).unwrap();
        assert_eq!(
            line.lines().count(),
            1,
            "{}: {}",
            self.name,
            String::from_utf8_lossy(&output.stderr)
        );
        match output.status.code() {
            Some(0) => (true, line),
            Some(1) => (false, line),
            code => panic!("{} ended with {code:?}: {line}", self.name),
        }
    }
}

fn run(mut command: Command, packages: &str) -> Output {
    command.output().unwrap_or_else(|error| {
        let program = command.get_program().display();
        match error.kind() {
            ErrorKind::NotFound => panic!("{program} is missing: apt-get install -y {packages}"),
            _ => panic!("{program} does not run: {error}"),
        }
    })
}

/// Receipts that must be refused, each with what was done to it.
fn tampered() -> Vec<(&'static str, String)> {
    let log = SampleLog::of(7);
    let text = log.receipt(3).to_string();
    let lines: Vec<&str> = text.split_inclusive('\n').collect();
    // Header, extra, index, three hashes, empty line, origin, size, root, empty line, signature.
    assert_eq!(lines.len(), 12);
    let with = |position: usize, line: &str| {
        let mut changed = lines.clone();
        changed[position] = line;
        changed.concat()
    };
    let other = log.receipt(4).to_string();
    let other: Vec<&str> = other.split_inclusive('\n').collect();
    let own_key = {
        let head = SignedTreeHead::sign(7, log.root(7), &signer(2)).unwrap();
        let proof = prove_inclusion(&log.hashes[..], 3, 7).unwrap();
        Receipt::issue(log.openings[3].clone(), 3, proof, &head)
            .unwrap()
            .to_string()
    };
    // The right key id in front of another key's signature: the id is no secret.
    let forged_id = {
        let [ours, theirs] = [lines[11], own_key.lines().last().unwrap()].map(signature);
        let forged = [&ours[..4], &theirs[4..]].concat();
        with(11, &format!("— {} {}\n", sample::ORIGIN, encode(&forged)))
    };
    vec![
        ("the record of another leaf", with(1, other[1])),
        (
            "the proof of another leaf",
            [&lines[..2], &other[2..6], &lines[6..]].concat().concat(),
        ),
        (
            "one byte of the record",
            with(1, &change_last_byte(lines[1])),
        ),
        ("the index of the neighbour", with(2, "index 2\n")),
        ("an index outside the tree", with(2, "index 7\n")),
        ("an index with a leading zero", with(2, "index 03\n")),
        ("one hash of another proof", with(3, other[3])),
        ("a hash less", with(5, "")),
        ("a hash more", with(5, &lines[5].repeat(2))),
        ("another tree size", with(8, "8\n")),
        (
            "another root",
            with(9, &format!("{}\n", Hash([7; 32]).to_base64())),
        ),
        ("another origin", with(7, "other.example/log\n")),
        (
            "a signature over another head",
            with(11, log_signature_over(5).as_str()),
        ),
        ("a signature by another key", own_key),
        ("a signature by another key under our key's id", forged_id),
        ("no opening", with(1, "")),
        ("a cut file", lines[..11].concat()),
        ("other line ends", text.replace('\n', "\r\n")),
    ]
}

fn log_signature_over(size: usize) -> String {
    let head = SampleLog::of(7).head(size).to_string();
    head.split_inclusive('\n').next_back().unwrap().to_owned()
}

fn change_last_byte(extra: &str) -> String {
    let mut bytes = decode(extra.trim_end().trim_start_matches("extra "));
    *bytes.last_mut().unwrap() ^= 1;
    format!("extra {}\n", encode(&bytes))
}

fn signature(line: &str) -> Vec<u8> {
    decode(line.trim_end().rsplit(' ').next().unwrap())
}

fn record_hash(record: &[u8]) -> Hash {
    Hash(Sha256::digest(record).into())
}

fn encode(bytes: &[u8]) -> String {
    STANDARD.encode(bytes)
}

fn decode(text: &str) -> Vec<u8> {
    STANDARD.decode(text).unwrap()
}
