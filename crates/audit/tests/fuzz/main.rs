//! Everything that reads what strangers wrote, on changed bytes of a corpus that is checked in: no panic, no endless work,
//! and what is accepted is written back as the very bytes that were read, so that nothing has two spellings.
//!
//! A share under a fresh seed in every run, 200,000 inputs a reader with `GATEHOLD_PROMISES=full`. An input that fails is
//! printed in hex: put it into `corpus/<reader>/no-…` or `ok-…`.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::print_stdout,
    reason = "tests: helpers outside test functions"
)]

mod readers;
#[path = "../share/mod.rs"]
mod share;

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};

use gatehold_core::hash::hex;
use readers::{READERS, Reader};
use share::{Seed, count};

const CORPUS: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/fuzz/corpus");
/// Longest input made. Each reader has limits of its own, tested where it is.
const BYTES_MAX: usize = 64 << 10;

/// The files of a reader: those it must accept, and those it must refuse.
fn corpus(name: &str) -> Vec<(PathBuf, Vec<u8>)> {
    let folder = Path::new(CORPUS).join(name);
    let entries = std::fs::read_dir(&folder).unwrap_or_else(|_| panic!("no corpus of {name}"));
    let mut files: Vec<_> = entries.map(|entry| entry.unwrap().path()).collect();
    files.sort();
    let read = |path: PathBuf| {
        let bytes = std::fs::read(&path).unwrap();
        (path, bytes)
    };
    files.into_iter().map(read).collect()
}

#[test]
fn every_file_of_the_corpus_is_accepted_or_refused_as_its_name_says() {
    for Reader { name, read } in READERS {
        let files = corpus(name);
        assert!(!files.is_empty(), "{name}");
        for (path, bytes) in files {
            let wanted = path
                .file_name()
                .unwrap()
                .to_string_lossy()
                .starts_with("ok-");
            assert_eq!(read(&bytes), wanted, "{}", path.display());
        }
    }
}

#[test]
fn no_reader_is_surprised_by_changed_bytes() {
    let mut seed = Seed::of("fuzz");
    for Reader { name, read } in READERS {
        let seeds: Vec<Vec<u8>> = corpus(name).into_iter().map(|(_, bytes)| bytes).collect();
        let (mut accepted, tries) = (0, count(1_500, 200_000));
        for _ in 0..tries {
            let mut bytes = seed.pick(&seeds).clone();
            for _ in 0..=seed.below(4) {
                bytes = match seed.below(6) {
                    0 => spliced(&mut seed, &bytes, &seeds),
                    _ => seed.mutate(&bytes),
                };
            }
            bytes.truncate(BYTES_MAX);
            let read = catch_unwind(AssertUnwindSafe(|| read(&bytes)));
            let read = read.unwrap_or_else(|_| panic!("{name} fails on {}", hex(&bytes)));
            accepted += u64::from(read);
        }
        println!("{name}: {tries} inputs, {accepted} accepted");
    }
}

/// The beginning of one input and the end of another.
fn spliced(seed: &mut Seed, bytes: &[u8], seeds: &[Vec<u8>]) -> Vec<u8> {
    let other = seed.pick(seeds);
    let head = seed.below(bytes.len() + 1);
    let tail = seed.below(other.len() + 1);
    let (head, tail) = (bytes.get(..head).unwrap(), other.get(tail..).unwrap());
    [head, tail].concat()
}
