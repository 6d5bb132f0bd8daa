//! Where revocations go while the store refuses: a file whose blocks were allocated when all was well.
//!
//! A full disk must not be what keeps a permission alive. Entries are opaque here; whoever wrote them reads them back and
//! does them again once the store works, which must be harmless when done twice. An entry is written in two steps, each
//! synced: what it says, then the head that makes it count. One that was torn therefore has no head and never comes back,
//! and a head over anything else is damage: an act that was acknowledged would be lost, so the file is not opened.

use std::fs::{File, OpenOptions};
use std::io;
use std::os::unix::fs::{FileExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use async_trait::async_trait;
use gatehold_core::hash::Hash;
use gatehold_core::time::Timestamp;
pub use gatehold_gate::ports::journal::JournalEntry;
use gatehold_gate::ports::journal::{Journal as JournalPort, JournalRefused};

use crate::clock::{Clock as _, SystemClock};

/// Bytes of one slot, a multiple of every common sector and page.
const SLOT_BYTES: usize = 4096;
/// Checksum, number and length. Within one sector, which a device writes whole.
const HEAD_BYTES: usize = 32 + 8 + 4;
/// Largest entry, in bytes.
pub const ENTRY_BYTES_MAX: usize = SLOT_BYTES - HEAD_BYTES;
/// Slots of a journal: 1 MiB.
const SLOTS: u64 = 256;

/// A journal file. One process at a time. Cheap to clone.
#[derive(Clone)]
pub struct Journal(Arc<Inner>);

struct Inner {
    path: PathBuf,
    file: File,
    clock: SystemClock,
    state: Mutex<State>,
}

struct State {
    slots: Vec<Slot>,
    next: u64,
}

/// What is known of one slot.
enum Slot {
    Free,
    Kept(JournalEntry),
    /// The device failed while it was written: it may hold an entry that nobody was told of.
    Unsure,
}

impl Journal {
    /// Opens a journal, or creates it with all its blocks.
    ///
    /// # Errors
    /// The file cannot be made, another process has it, it is something else, or an entry in it is damaged.
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
        let entries = read_all(&file, &path)?;
        let last = entries.iter().flatten().map(|entry| entry.number).max();
        let state = State {
            slots: entries
                .into_iter()
                .map(|entry| entry.map_or(Slot::Free, Slot::Kept))
                .collect(),
            next: last.map_or(1, |last| last + 1),
        };
        Ok(Self(Arc::new(Inner {
            path,
            file,
            clock: SystemClock::open(),
            state: Mutex::new(state),
        })))
    }

    /// How many entries a journal holds that another process may have open; none where there is no file.
    ///
    /// # Errors
    /// It cannot be read, or an entry in it is damaged.
    pub fn peek(path: &Path) -> Result<usize, JournalFault> {
        let file = match File::open(path) {
            Ok(file) => file,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(0),
            Err(error) => return Err(file_fault(path, error)),
        };
        Ok(read_all(&file, path)?.iter().flatten().count())
    }

    /// Writes an entry. It is on the device when this returns.
    ///
    /// # Errors
    /// The entry is too long, every slot is taken, or the device fails.
    pub fn append(&self, bytes: &[u8]) -> Result<u64, JournalFault> {
        if bytes.len() > ENTRY_BYTES_MAX {
            return Err(JournalFault::TooLong);
        }
        let inner = &*self.0;
        let mut state = inner.state();
        let number = state.next;
        let free = state
            .slots
            .iter()
            .position(|slot| matches!(slot, Slot::Free))
            .ok_or(JournalFault::Full)?;
        let at = offset(free as u64);
        let written = inner
            .file
            .write_all_at(bytes, at + HEAD_BYTES as u64)
            .and_then(|()| inner.file.sync_data())
            .and_then(|()| inner.file.write_all_at(&head_of(number, bytes), at))
            .and_then(|()| inner.file.sync_data());
        state.next += 1;
        let (slot, answer) = match written {
            Ok(()) => {
                let bytes = bytes.to_vec();
                (Slot::Kept(JournalEntry { number, bytes }), Ok(number))
            }
            Err(error) => (Slot::Unsure, Err(file_fault(&inner.path, error))),
        };
        if let Some(taken) = state.slots.get_mut(free) {
            *taken = slot;
        }
        answer
    }

    /// Everything not yet done, in the order it was written.
    #[must_use]
    pub fn pending(&self) -> Vec<JournalEntry> {
        let state = self.0.state();
        let kept = state.slots.iter().filter_map(|slot| match slot {
            Slot::Kept(entry) => Some(entry.clone()),
            Slot::Free | Slot::Unsure => None,
        });
        let mut entries: Vec<JournalEntry> = kept.collect();
        entries.sort_by_key(|entry| entry.number);
        entries
    }

    /// Forgets an entry whose effect is durable in the store. Called too late it is only done twice.
    ///
    /// # Errors
    /// The device fails.
    pub fn done(&self, number: u64) -> Result<(), JournalFault> {
        let inner = &*self.0;
        let mut state = inner.state();
        let is_it = |slot: &Slot| matches!(slot, Slot::Kept(entry) if entry.number == number);
        let Some(slot) = state.slots.iter().position(is_it) else {
            return Ok(());
        };
        inner
            .file
            .write_all_at(&[0; HEAD_BYTES], offset(slot as u64))
            .and_then(|()| inner.file.sync_data())
            .map_err(|error| file_fault(&inner.path, error))?;
        if let Some(slot) = state.slots.get_mut(slot) {
            *slot = Slot::Free;
        }
        Ok(())
    }

    fn count(&self) -> usize {
        let state = self.0.state();
        let kept = |slot: &&Slot| matches!(slot, Slot::Kept(_));
        state.slots.iter().filter(kept).count()
    }
}

impl Inner {
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[async_trait]
impl JournalPort for Journal {
    async fn keep(&self, bytes: Vec<u8>) -> Result<u64, JournalRefused> {
        let journal = self.clone();
        off_the_runtime(move || journal.append(&bytes)).await
    }

    fn kept(&self) -> Vec<JournalEntry> {
        self.pending()
    }

    fn waiting(&self) -> u64 {
        u64::try_from(self.count()).unwrap_or(u64::MAX)
    }

    async fn forget(&self, number: u64) -> Result<(), JournalRefused> {
        let journal = self.clone();
        off_the_runtime(move || journal.done(number)).await
    }

    fn clock(&self) -> Timestamp {
        self.0.clock.now()
    }
}

/// A device that fails may keep a thread for long.
async fn off_the_runtime<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, JournalFault> + Send + 'static,
) -> Result<T, JournalRefused> {
    let done = tokio::task::spawn_blocking(work).await;
    let done = done.map_err(|_| JournalRefused("the revocation journal broke off".to_owned()))?;
    done.map_err(|fault| JournalRefused(fault.to_string()))
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
    /// An entry that was acknowledged does not read back.
    #[error(
        "{}: entry {slot} of the revocation journal is damaged, so an act that was acknowledged may be lost: look in the          log for what was revoked, stopped or ended while the store refused, move the file away, start, and do those again",
        path.display()
    )]
    Damaged {
        /// Which file.
        path: PathBuf,
        /// Which slot.
        slot: u64,
    },
    /// Above [`ENTRY_BYTES_MAX`].
    #[error("an entry of the revocation journal has at most 4052 bytes; say it in fewer words")]
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

fn read_all(file: &File, path: &Path) -> Result<Vec<Option<JournalEntry>>, JournalFault> {
    let read = |slot| {
        let mut bytes = vec![0; SLOT_BYTES];
        file.read_exact_at(&mut bytes, offset(slot))
            .map_err(|error| file_fault(path, error))?;
        let path = path.to_owned();
        decode(&bytes).map_err(|()| JournalFault::Damaged { path, slot })
    };
    (0..SLOTS).map(read).collect()
}

/// `SHA-256 || number || length`, the hash over what follows it and the entry.
fn head_of(number: u64, bytes: &[u8]) -> Vec<u8> {
    let length = u32::try_from(bytes.len()).unwrap_or(u32::MAX);
    let rest = [&number.to_be_bytes()[..], &length.to_be_bytes()].concat();
    [checksum(&rest, bytes).as_bytes().as_slice(), &rest].concat()
}

/// The entry in a slot; nothing when its head was never written, an error when it is not the entry's.
fn decode(slot: &[u8]) -> Result<Option<JournalEntry>, ()> {
    let (head, bytes) = slot.split_at_checked(HEAD_BYTES).ok_or(())?;
    if head.iter().all(|byte| *byte == 0) {
        return Ok(None);
    }
    let (sum, rest) = head.split_at_checked(32).ok_or(())?;
    let (number, length) = rest.split_first_chunk().ok_or(())?;
    let length = length
        .first_chunk()
        .map(|length| u32::from_be_bytes(*length));
    let length = usize::try_from(length.ok_or(())?).map_err(|_| ())?;
    let bytes = bytes.get(..length).ok_or(())?;
    if checksum(rest, bytes).as_bytes() != sum {
        return Err(());
    }
    Ok(Some(JournalEntry {
        number: u64::from_be_bytes(*number),
        bytes: bytes.to_vec(),
    }))
}

fn checksum(rest: &[u8], bytes: &[u8]) -> Hash {
    Hash::tagged("gatehold/journal/v1", &[rest, bytes])
}

const fn offset(slot: u64) -> u64 {
    slot * SLOT_BYTES as u64
}

#[cfg(test)]
mod tests {
    use super::*;

    fn bytes(journal: &Journal) -> Vec<Vec<u8>> {
        let pending = journal.pending();
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
        journal.done(journal.pending()[9].number).unwrap();
        let longer = vec![7; ENTRY_BYTES_MAX + 1];
        assert!(matches!(
            journal.append(&longer),
            Err(JournalFault::TooLong)
        ));
        journal.append(b"x").unwrap();
    }

    #[test]
    fn a_torn_entry_never_comes_back_and_a_damaged_one_is_said() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("journal");
        let journal = Journal::open(&path).unwrap();
        journal.append(b"first").unwrap();
        journal.append(&[9; 1000]).unwrap();
        assert_eq!(Journal::peek(&path).unwrap(), 2);
        drop(journal);
        let whole = std::fs::read(&path).unwrap();
        // The head is written last and whole: without it, whatever was written of the entry is not one.
        for written in [0, 1, 500, 1000] {
            let mut torn = whole.clone();
            torn[SLOT_BYTES..SLOT_BYTES + HEAD_BYTES].fill(0);
            torn[SLOT_BYTES + HEAD_BYTES + written..2 * SLOT_BYTES].fill(0);
            std::fs::write(&path, torn).unwrap();
            let journal = Journal::open(&path).unwrap();
            assert_eq!(bytes(&journal), [b"first"], "{written}");
        }
        for flipped in [0, 31, 32, 43, 44, 500, 1043] {
            let mut damaged = whole.clone();
            damaged[SLOT_BYTES + flipped] ^= 1;
            std::fs::write(&path, damaged).unwrap();
            let said = Journal::open(&path).err().unwrap().to_string();
            assert!(
                said.contains("entry 1") && said.contains("do those again"),
                "{said}"
            );
            assert!(Journal::peek(&path).is_err());
        }
        std::fs::write(&path, [0; 5000]).unwrap();
        assert_eq!(bytes(&Journal::open(&path).unwrap()), [[0; 0]; 0]);
        std::fs::write(&path, &whole[..5000]).unwrap();
        assert!(matches!(
            Journal::open(&path),
            Err(JournalFault::Foreign(_))
        ));
    }

    #[test]
    fn d06_a_full_device_does_not_keep_an_act_out() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("journal");
        drop(Journal::open(&path).unwrap());
        let blocks = || std::os::unix::fs::MetadataExt::blocks(&std::fs::metadata(&path).unwrap());
        let before = blocks();
        assert!(
            before * 512 >= 1 << 20,
            "every block exists before it is needed"
        );
        let journal = Journal::open(&path).unwrap();
        for _ in 0..SLOTS {
            journal.append(&[7; ENTRY_BYTES_MAX]).unwrap();
        }
        assert_eq!(blocks(), before);
    }
}
