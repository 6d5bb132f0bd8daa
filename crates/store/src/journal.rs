//! Where revocations go while the store refuses: a file whose blocks were allocated when all was well.
//!
//! A full disk must not be what keeps a credential alive. Entries are opaque here; whoever wrote them reads them back and
//! does them again once the store works, which must be harmless when done twice. An entry that was acknowledged is never
//! lost, one that was torn while being written never comes back.

use std::fs::{File, OpenOptions};
use std::io;
use std::os::unix::fs::{FileExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, PoisonError};

use gatehold_core::hash::Hash;

/// Bytes of one slot, a multiple of every common sector and page.
const SLOT_BYTES: usize = 4096;
const HEAD_BYTES: usize = 32 + 8 + 4;
/// Largest entry, in bytes.
pub const ENTRY_BYTES_MAX: usize = SLOT_BYTES - HEAD_BYTES;
/// Slots of a journal: 1 MiB.
const SLOTS: u64 = 256;

/// A journal file. One process at a time.
pub struct Journal {
    path: PathBuf,
    file: File,
    state: Mutex<State>,
}

struct State {
    /// By slot: the number of the entry in it.
    slots: Vec<Option<u64>>,
    next: u64,
}

/// An entry that has not been done again yet.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct JournalEntry {
    /// Orders entries.
    pub number: u64,
    /// What was written.
    pub bytes: Vec<u8>,
}

impl Journal {
    /// Opens a journal, or creates it with all its blocks.
    ///
    /// # Errors
    /// The file cannot be made, another process has it, or it is something else.
    pub fn open(path: impl Into<PathBuf>) -> Result<Self, JournalFault> {
        let path = path.into();
        let fault = |error| file_fault(&path, error);
        let mut options = OpenOptions::new();
        options
            .read(true)
            .write(true)
            .create(true)
            .truncate(false)
            .mode(0o600);
        let file = options.open(&path).map_err(fault)?;
        file.try_lock()
            .map_err(|_| JournalFault::Busy(path.clone()))?;
        let length = file.metadata().map_err(fault)?.len();
        if length != SLOTS * SLOT_BYTES as u64 {
            // Shorter and all zero: a process died while it made the file.
            let begun =
                length < SLOTS * SLOT_BYTES as u64 && all_zero(&file, length).map_err(fault)?;
            if !begun {
                return Err(JournalFault::Foreign(path));
            }
            allocate(&file, &path).map_err(fault)?;
        }
        let mut slots = Vec::new();
        for slot in 0..SLOTS {
            let entry = read(&file, slot).map_err(fault)?;
            slots.push(entry.map(|entry| entry.number));
        }
        let next = slots.iter().flatten().max().map_or(1, |last| last + 1);
        let state = Mutex::new(State { slots, next });
        Ok(Self { path, file, state })
    }

    /// Writes an entry. It is on the device when this returns.
    ///
    /// # Errors
    /// The entry is too long, every slot is taken, or the device fails.
    pub fn append(&self, bytes: &[u8]) -> Result<u64, JournalFault> {
        if bytes.len() > ENTRY_BYTES_MAX {
            return Err(JournalFault::TooLong);
        }
        let mut state = self.state();
        let number = state.next;
        let free = state
            .slots
            .iter()
            .position(Option::is_none)
            .ok_or(JournalFault::Full)?;
        let written = self
            .file
            .write_all_at(&encode(number, bytes), offset(free as u64))
            .and_then(|()| self.file.sync_data());
        state.next += 1;
        // Even after an error the slot may hold the entry, so it is not used again before the next start.
        if let Some(slot) = state.slots.get_mut(free) {
            *slot = Some(number);
        }
        written.map_err(|error| file_fault(&self.path, error))?;
        Ok(number)
    }

    /// Everything not yet done, in the order it was written.
    ///
    /// # Errors
    /// The device fails.
    pub fn pending(&self) -> Result<Vec<JournalEntry>, JournalFault> {
        let taken: Vec<u64> = (0..)
            .zip(&self.state().slots)
            .filter_map(|(slot, number)| number.map(|_| slot))
            .collect();
        let read = taken.into_iter().map(|slot| read(&self.file, slot));
        let entries: io::Result<Vec<_>> = read.collect();
        let entries = entries.map_err(|error| file_fault(&self.path, error))?;
        let mut entries: Vec<JournalEntry> = entries.into_iter().flatten().collect();
        entries.sort_by_key(|entry| entry.number);
        Ok(entries)
    }

    /// Forgets an entry whose effect is durable in the store. Called too late it is only done twice.
    ///
    /// # Errors
    /// The device fails.
    pub fn done(&self, number: u64) -> Result<(), JournalFault> {
        let mut state = self.state();
        let Some(slot) = state.slots.iter().position(|taken| *taken == Some(number)) else {
            return Ok(());
        };
        self.file
            .write_all_at(&[0; HEAD_BYTES], offset(slot as u64))
            .and_then(|()| self.file.sync_data())
            .map_err(|error| file_fault(&self.path, error))?;
        if let Some(slot) = state.slots.get_mut(slot) {
            *slot = None;
        }
        Ok(())
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Why the journal cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum JournalFault {
    /// The file or its device.
    #[error("{}: {error}; put the revocation journal on a local disk of its own", path.display())]
    File {
        /// Which file.
        path: PathBuf,
        /// What the system said.
        error: io::Error,
    },
    /// Another process has it.
    #[error("{} is in use by another process; give each process its own revocation journal", .0.display())]
    Busy(PathBuf),
    /// Not a journal.
    #[error("{} is not a revocation journal; name another file", .0.display())]
    Foreign(PathBuf),
    /// Above [`ENTRY_BYTES_MAX`].
    #[error("an entry of the revocation journal has at most 4052 bytes; split it")]
    TooLong,
    /// Every slot is taken.
    #[error("the revocation journal is full; bring the store back so that it can be replayed")]
    Full,
}

fn file_fault(path: &Path, error: io::Error) -> JournalFault {
    let path = path.to_owned();
    JournalFault::File { path, error }
}

/// Written out rather than only reserved: blocks that were never written may still need room when they are.
fn allocate(file: &File, path: &Path) -> io::Result<()> {
    for slot in 0..SLOTS {
        file.write_all_at(&[0; SLOT_BYTES], offset(slot))?;
    }
    file.sync_all()?;
    let directory = path
        .parent()
        .filter(|parent| !parent.as_os_str().is_empty());
    File::open(directory.unwrap_or(Path::new(".")))?.sync_all()
}

fn all_zero(file: &File, length: u64) -> io::Result<bool> {
    let mut bytes = vec![0; usize::try_from(length).unwrap_or(0)];
    file.read_exact_at(&mut bytes, 0)?;
    Ok(bytes.iter().all(|byte| *byte == 0))
}

/// `SHA-256 || number || length || bytes`, the hash over what follows it.
fn encode(number: u64, bytes: &[u8]) -> Vec<u8> {
    let length = u32::try_from(bytes.len()).unwrap_or(u32::MAX);
    let body = [&number.to_be_bytes()[..], &length.to_be_bytes(), bytes].concat();
    [checksum(&body).as_bytes().as_slice(), &body].concat()
}

/// The entry in a slot; `None` when it is free or its entry was torn.
fn read(file: &File, slot: u64) -> io::Result<Option<JournalEntry>> {
    let mut bytes = vec![0; SLOT_BYTES];
    file.read_exact_at(&mut bytes, offset(slot))?;
    Ok(decode(&bytes))
}

fn decode(slot: &[u8]) -> Option<JournalEntry> {
    let (sum, rest) = slot.split_first_chunk::<32>()?;
    let (number, after) = rest.split_first_chunk()?;
    let (length, bytes) = after.split_first_chunk()?;
    let length = usize::try_from(u32::from_be_bytes(*length)).ok()?;
    let bytes = bytes.get(..length)?;
    let body = rest.get(..8 + 4 + length)?;
    (checksum(body).as_bytes() == sum).then(|| JournalEntry {
        number: u64::from_be_bytes(*number),
        bytes: bytes.to_vec(),
    })
}

fn checksum(body: &[u8]) -> Hash {
    Hash::tagged("gatehold/journal/v1", &[body])
}

const fn offset(slot: u64) -> u64 {
    slot * SLOT_BYTES as u64
}

#[cfg(test)]
mod tests {
    use super::*;

    fn bytes(journal: &Journal) -> Vec<Vec<u8>> {
        let pending = journal.pending().unwrap();
        pending.into_iter().map(|entry| entry.bytes).collect()
    }

    #[test]
    fn entries_stay_until_done_and_over_restarts() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("journal");
        let journal = Journal::open(&path).unwrap();
        let numbers: Vec<_> = [&b"a"[..], b"", b"c"]
            .map(|entry| journal.append(entry).unwrap())
            .into();
        assert!(numbers.is_sorted());
        journal.done(numbers[0]).unwrap();
        journal.done(numbers[0]).unwrap();
        // Takes the first slot again and still comes last.
        journal.append(b"d").unwrap();
        assert_eq!(bytes(&journal), [&b""[..], b"c", b"d"]);
        assert!(matches!(Journal::open(&path), Err(JournalFault::Busy(_))));
        drop(journal);
        let journal = Journal::open(&path).unwrap();
        assert_eq!(bytes(&journal), [&b""[..], b"c", b"d"]);
        assert!(journal.append(b"e").unwrap() > numbers[2] + 1);
    }

    #[test]
    fn it_is_bounded_and_never_grows() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("journal");
        let journal = Journal::open(&path).unwrap();
        let size = || std::fs::metadata(&path).unwrap().len();
        assert_eq!(size(), 1 << 20);
        let longest = vec![7; ENTRY_BYTES_MAX];
        for _ in 0..SLOTS {
            journal.append(&longest).unwrap();
        }
        assert!(matches!(journal.append(b"x"), Err(JournalFault::Full)));
        assert_eq!((size(), bytes(&journal).len()), (1 << 20, 256));
        assert_eq!(bytes(&journal)[255], longest);
        journal.done(journal.pending().unwrap()[9].number).unwrap();
        let longer = vec![7; ENTRY_BYTES_MAX + 1];
        assert!(matches!(
            journal.append(&longer),
            Err(JournalFault::TooLong)
        ));
        journal.append(b"x").unwrap();
    }

    #[test]
    fn a_torn_entry_never_comes_back() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("journal");
        let journal = Journal::open(&path).unwrap();
        journal.append(b"first").unwrap();
        journal.append(&[9; 1000]).unwrap();
        drop(journal);
        let whole = std::fs::read(&path).unwrap();
        for keep in [0, 1, 31, 40, 44, 500, 1043] {
            let mut torn = whole.clone();
            torn[SLOT_BYTES + keep..2 * SLOT_BYTES].fill(0);
            std::fs::write(&path, torn).unwrap();
            let journal = Journal::open(&path).unwrap();
            assert_eq!(bytes(&journal), [b"first"], "{keep}");
        }
        std::fs::write(&path, [0; 5000]).unwrap();
        assert_eq!(bytes(&Journal::open(&path).unwrap()), [[0; 0]; 0]);
        std::fs::write(&path, &whole[..5000]).unwrap();
        assert!(matches!(
            Journal::open(&path),
            Err(JournalFault::Foreign(_))
        ));
    }
}
