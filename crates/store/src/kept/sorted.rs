//! Names that were spent, in order in a file that nothing is added to: one is found by a few reads, and none is in memory.
//!
//! A first line with their number and the hash of all that follows, and a line of one length for each. It is read whole once, when it is
//! opened; one that is not what was written is damage.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io;
use std::os::unix::fs::FileExt as _;
use std::path::Path;

use gatehold_core::hash::{Hash, unhex};
use gatehold_core::time::Timestamp;
use gatehold_gate::ports::kept::NotKept;

use super::{fault, is_over, replace};

/// How the first line begins.
const HEADER: &str = "gatehold/spent-sorted/v1";
/// What stands in front of its number.
const NAME: &str = "spent.";
/// A name in hex.
const HEX: usize = 64;
/// A line: the name, a space, its time in 20 digits, and the end.
const WIDTH: usize = HEX + 22;
/// Most names of a file that is read.
const NAMES_MAX: usize = 1 << 20;

/// One such file.
pub(super) struct Sorted {
    number: u64,
    file: File,
    path: String,
    /// Where the names begin.
    start: u64,
    count: u64,
    /// The last time until which one of them is kept.
    until: Timestamp,
}

impl Sorted {
    /// Writes these names and opens them.
    pub(super) fn write(
        folder: &Path,
        number: u64,
        names: &BTreeMap<Hash, Timestamp>,
    ) -> Result<Self, NotKept> {
        let path = folder.join(format!("{NAME}{number}"));
        let lines = names
            .iter()
            .map(|(name, until)| format!("{} {:020}\n", name.hex(), until.millis()));
        let body: String = lines.collect();
        let hash = Hash::of(body.as_bytes());
        let text = format!("{HEADER} {} {hash}\n{body}", names.len());
        replace(&path, text.as_bytes()).map_err(fault(&path))?;
        Self::open(folder, number)
    }

    /// Reads it whole and opens it.
    pub(super) fn open(folder: &Path, number: u64) -> Result<Self, NotKept> {
        let path = folder.join(format!("{NAME}{number}"));
        let file = File::open(&path).map_err(fault(&path))?;
        let most = u64::try_from(NAMES_MAX * WIDTH + 1_024).unwrap_or(u64::MAX);
        let size = file.metadata().map_err(fault(&path))?.len();
        let bytes = (size <= most).then(|| fs::read(&path)).transpose();
        let bytes = bytes.map_err(fault(&path))?;
        let read = bytes.as_deref().and_then(read);
        let Some((start, count, until)) = read else {
            return Err(NotKept(format!(
                "{} is damaged, so what was executed before is not known: look at the targets, restore the file, and start again",
                path.display()
            )));
        };
        Ok(Self {
            number,
            file,
            path: path.display().to_string(),
            start,
            count,
            until,
        })
    }

    pub(super) const fn number(&self) -> u64 {
        self.number
    }

    pub(super) const fn until(&self) -> Timestamp {
        self.until
    }

    /// Whether this name is one of them.
    pub(super) fn holds(&self, name: &Hash) -> Result<bool, NotKept> {
        let wanted = name.hex();
        let width = u64::try_from(WIDTH).unwrap_or(u64::MAX);
        let (mut low, mut high) = (0, self.count);
        let mut line = [0; HEX];
        while low < high {
            let middle = low + (high - low) / 2;
            let at = self.start + middle * width;
            self.file
                .read_exact_at(&mut line, at)
                .map_err(|error| NotKept(format!("{}: {error}", self.path)))?;
            match line.as_slice().cmp(wanted.as_bytes()) {
                core::cmp::Ordering::Equal => return Ok(true),
                core::cmp::Ordering::Less => low = middle + 1,
                core::cmp::Ordering::Greater => high = middle,
            }
        }
        Ok(false)
    }
}

/// Where the names begin, how many there are, and their last time; nothing where it is not what was written.
fn read(bytes: &[u8]) -> Option<(u64, u64, Timestamp)> {
    let end = bytes.iter().position(|byte| *byte == b'\n')?;
    let (first, body) = bytes.split_at_checked(end + 1)?;
    let first = std::str::from_utf8(first).ok()?.strip_suffix('\n')?;
    let (count, hash) = first
        .strip_prefix(HEADER)?
        .strip_prefix(' ')?
        .split_once(' ')?;
    let count: usize = count.parse().ok()?;
    let whole =
        hash.parse::<Hash>() == Ok(Hash::of(body)) && body.len() == count.checked_mul(WIDTH)?;
    if !whole || count > NAMES_MAX {
        return None;
    }
    let mut until = Timestamp::from_millis(i64::MIN);
    let mut last: Option<&[u8]> = None;
    for line in body.chunks_exact(WIDTH) {
        let (name, rest) = line.split_at_checked(HEX)?;
        let ordered = last.is_none_or(|last| last < name);
        unhex(std::str::from_utf8(name).ok()?)?;
        let time = std::str::from_utf8(rest).ok()?;
        let time = time.strip_prefix(' ')?.strip_suffix('\n')?;
        if !ordered {
            return None;
        }
        until = until.max(Timestamp::from_millis(time.parse().ok()?));
        last = Some(name);
    }
    let start = u64::try_from(end + 1).ok()?;
    Some((start, u64::try_from(count).ok()?, until))
}

/// The numbers of all such files of a folder.
pub(super) fn numbers(folder: &Path) -> io::Result<Vec<u64>> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder)? {
        let name = entry?.file_name();
        let number = name.to_str().and_then(|name| name.strip_prefix(NAME));
        found.extend(number.and_then(|number| number.parse::<u64>().ok()));
    }
    Ok(found)
}

/// That what the first line of `spent` does not name is over, or was about to be named and stands in `spent` itself. Anything else
/// was named once by a later one: what was executed since would not be known.
pub(super) fn others_are_known(
    folder: &Path,
    named: &[u64],
    names: &BTreeMap<Hash, Timestamp>,
    latest: Timestamp,
) -> Result<(), NotKept> {
    for number in numbers(folder).map_err(fault(folder))? {
        if named.contains(&number) {
            continue;
        }
        let one = Sorted::open(folder, number)?;
        if is_over(one.until, latest) {
            continue;
        }
        let mut known = 0;
        for name in names.keys() {
            known += u64::from(one.holds(name)?);
        }
        if known != one.count {
            return Err(NotKept(format!(
                "{} stands beside a `spent` that is older, so what was executed since is not known: look at the targets, and restore the \
                 newest `spent`",
                one.path
            )));
        }
    }
    Ok(())
}

/// Takes away all but these.
pub(super) fn remove_others(folder: &Path, kept: &[Sorted]) -> io::Result<()> {
    for number in numbers(folder)? {
        if !kept.iter().any(|one| one.number == number) {
            fs::remove_file(folder.join(format!("{NAME}{number}")))?;
        }
    }
    Ok(())
}
