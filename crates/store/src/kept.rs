//! What an executor in a process of its own remembers: one folder, one process.
//!
//! `links.json` holds the links of the chain of trust that it has verified, replaced whole. `spent` is only appended to: a line for
//! each execution, on the device before anything is done. A line that was torn is of an execution that never began. Anything else
//! that cannot be read is damage, and then nothing is executed: what was done before could be done again.
//!
//! Of `spent` all names are in memory, so it does not grow without end: its names are put in order into a file of their own
//! (`sorted`), which its first line names from then on, and in which they are looked up.

mod sorted;

use std::collections::BTreeMap;
use std::fs::{self, File, OpenOptions};
use std::io::{self, Write as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicI64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use async_trait::async_trait;
use gatehold_core::hash::Hash;
use gatehold_core::time::Timestamp;
use gatehold_gate::ports::kept::{Kept, NotKept};
use gatehold_gate::{TrustLink, TrustLinks};

use sorted::Sorted;

/// How the first line begins. The latest time, the numbers of the files beside it, and a full stop follow.
const HEADER: &str = "gatehold/spent/v2";
/// How long a name is kept after its time, in seconds: for a clock that was wrong.
const MARGIN_SECONDS: u32 = 86_400;
/// Executions of which the names are in memory, and in `spent`.
const LINES_MAX: usize = 1 << 16;
/// Most files beside it: hundreds of millions of executions whose time is not over.
const SORTED_MAX: usize = 4_096;
/// Largest file of links.
const LINKS_BYTES_MAX: u64 = 512 << 20;

/// The folder of an executor. Cheap to clone.
#[derive(Clone)]
pub struct KeptIn(Arc<Inner>);

struct Inner {
    folder: PathBuf,
    /// Held for as long as the process lives.
    _lock: File,
    lines_max: usize,
    /// The latest time, which whoever asks for it reads while something is written.
    latest: AtomicI64,
    spent: Mutex<Spent>,
}

struct Spent {
    file: File,
    /// A write failed: what stands in the file is not known any more.
    broken: bool,
    /// How many lines the file has.
    lines: usize,
    /// What stands in it.
    names: BTreeMap<Hash, Timestamp>,
    /// What stands beside it.
    sorted: Vec<Sorted>,
}

/// One line.
struct Line {
    names: [Hash; 2],
    until: Timestamp,
    at: Timestamp,
}

/// What `spent` says.
struct Read {
    latest: Timestamp,
    numbers: Vec<u64>,
    lines: Vec<Line>,
}

impl KeptIn {
    /// Opens a folder, or begins one. What is over for long is forgotten here.
    ///
    /// # Errors
    /// Another process has it, it cannot be written, or what stands in it is damaged.
    pub fn open(folder: impl Into<PathBuf>) -> Result<Self, NotKept> {
        Self::open_with(folder, LINES_MAX)
    }

    /// The same with room for so many executions in memory: for tests that cannot wait for a million.
    ///
    /// # Errors
    /// As [`KeptIn::open`].
    pub fn open_with(folder: impl Into<PathBuf>, lines_max: usize) -> Result<Self, NotKept> {
        let folder = folder.into();
        let lock = locked(&folder)?;
        let path = folder.join("spent");
        let Read {
            latest,
            numbers,
            lines,
        } = match fs::read(&path) {
            Ok(bytes) => read(&bytes).map_err(|line| damaged(&path, line))?,
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                nothing_was_kept(&folder, &path)?;
                Read {
                    latest: Timestamp::from_millis(0),
                    numbers: Vec::new(),
                    lines: Vec::new(),
                }
            }
            Err(error) => return Err(fault(&path)(error)),
        };
        let sorted = numbers.iter().map(|number| Sorted::open(&folder, *number));
        let mut sorted = sorted.collect::<Result<Vec<_>, _>>()?;
        sorted.retain(|one| !is_over(one.until(), latest));
        sorted::others_are_known(&folder, &numbers, &names_of(&lines), latest)?;
        let lines: Vec<Line> = lines
            .into_iter()
            .filter(|line| !is_over(line.until, latest))
            .collect();
        // Written anew, so that nothing is appended to half a line.
        let text: String = lines.iter().map(Line::text).collect();
        let text = header(latest, &sorted) + &text;
        replace(&path, text.as_bytes()).map_err(fault(&path))?;
        sorted::remove_others(&folder, &sorted).map_err(fault(&folder))?;
        let file = OpenOptions::new().append(true).open(&path);
        Ok(Self(Arc::new(Inner {
            spent: Mutex::new(Spent {
                file: file.map_err(fault(&path))?,
                broken: false,
                lines: lines.len(),
                names: names_of(&lines),
                sorted,
            }),
            latest: AtomicI64::new(latest.millis()),
            lines_max,
            folder,
            _lock: lock,
        })))
    }
}

impl Inner {
    fn spent(&self) -> MutexGuard<'_, Spent> {
        self.spent.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn latest(&self) -> Timestamp {
        Timestamp::from_millis(self.latest.load(Ordering::SeqCst))
    }

    // INVARIANT(single-release): a name is in memory or in a file that the first line of `spent` names, from before anything is
    // done until its own time is over by the margin on the latest clock that was seen here.
    fn spend(&self, line: &Line) -> Result<bool, NotKept> {
        let path = self.folder.join("spent");
        let mut spent = self.spent();
        if spent.broken {
            return Err(NotKept(format!(
                "{} could not be written before; free the disk and start again",
                path.display()
            )));
        }
        for name in &line.names {
            if spent.holds(name)? {
                return Ok(false);
            }
        }
        // Whoever waited here for long enough may ask for a name that is forgotten by now.
        if line.until < self.latest() {
            return Err(NotKept(
                "its time is over; nothing was done, so ask the gate where it stands".to_owned(),
            ));
        }
        if spent.lines >= self.lines_max {
            self.put_in_order(&mut spent)?;
        }
        // Remembered here whatever the device says: it may stand there in spite of it.
        spent
            .names
            .extend(line.names.map(|name| (name, line.until)));
        spent.lines = spent.lines.saturating_add(1);
        self.latest.fetch_max(line.at.millis(), Ordering::SeqCst);
        let text = line.text();
        let written = spent.file.write_all(text.as_bytes());
        let written = written.and_then(|()| spent.file.sync_data());
        spent.broken = written.is_err();
        written.map_err(fault(&path)).map(|()| true)
    }

    /// Puts all names of `spent` into a file of their own, and begins it anew. First that file, then the line that names it: whoever
    /// dies in between leaves them in both.
    fn put_in_order(&self, spent: &mut Spent) -> Result<(), NotKept> {
        let path = self.folder.join("spent");
        let latest = self.latest();
        let last = spent.sorted.last().map_or(0, Sorted::number);
        let next = Sorted::write(&self.folder, last.saturating_add(1), &spent.names)?;
        let over = |one: &&Sorted| is_over(one.until(), latest);
        let over: Vec<u64> = spent
            .sorted
            .iter()
            .filter(over)
            .map(Sorted::number)
            .collect();
        let living = spent.sorted.len().saturating_sub(over.len());
        if living >= SORTED_MAX {
            return Err(NotKept(format!(
                "{} has {SORTED_MAX} files beside it whose time is not over; give approvals less time, or another executor some of the targets",
                path.display()
            )));
        }
        spent.sorted.retain(|one| !over.contains(&one.number()));
        spent.sorted.push(next);
        let begun = replace(&path, header(latest, &spent.sorted).as_bytes())
            .and_then(|()| OpenOptions::new().append(true).open(&path));
        // From here on nobody knows which of the two stands there, unless it is the new one.
        spent.broken = begun.is_err();
        spent.file = begun.map_err(fault(&path))?;
        spent.names.clear();
        spent.lines = 0;
        // They are named no more: one that stays is taken away at the next start.
        let _left = sorted::remove_others(&self.folder, &spent.sorted);
        Ok(())
    }
}

impl Spent {
    fn holds(&self, name: &Hash) -> Result<bool, NotKept> {
        if self.names.contains_key(name) {
            return Ok(true);
        }
        for one in &self.sorted {
            if one.holds(name)? {
                return Ok(true);
            }
        }
        Ok(false)
    }
}

/// The names of these lines.
fn names_of(lines: &[Line]) -> BTreeMap<Hash, Timestamp> {
    let names = lines
        .iter()
        .flat_map(|line| line.names.map(|name| (name, line.until)));
    names.collect()
}

/// Whether a name may be forgotten. The latest clock that was seen never goes back, and nothing is proven behind it.
fn is_over(until: Timestamp, latest: Timestamp) -> bool {
    until.plus_seconds(MARGIN_SECONDS) < latest
}

fn header(latest: Timestamp, sorted: &[Sorted]) -> String {
    let numbers: Vec<String> = sorted.iter().map(|one| one.number().to_string()).collect();
    let numbers = if numbers.is_empty() {
        "-".to_owned()
    } else {
        numbers.join(",")
    };
    format!("{HEADER} {} {numbers} .\n", latest.millis())
}

/// The folder, for this process alone.
fn locked(folder: &Path) -> Result<File, NotKept> {
    let lock = folder.join("lock");
    let mut options = OpenOptions::new();
    options.write(true).create(true).truncate(false).mode(0o600);
    let lock = options.open(&lock).map_err(fault(&lock))?;
    lock.try_lock().map_err(|_| {
        NotKept(format!(
            "{} is in use by another process; give each executor a folder of its own",
            folder.display()
        ))
    })?;
    Ok(lock)
}

#[async_trait]
impl Kept for KeptIn {
    fn links(&self) -> Result<Vec<TrustLink>, NotKept> {
        let path = self.0.folder.join("links.json");
        let size = match fs::metadata(&path) {
            Ok(metadata) => metadata.len(),
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
            Err(error) => return Err(fault(&path)(error)),
        };
        if size > LINKS_BYTES_MAX {
            return Err(NotKept(format!("{} is too large", path.display())));
        }
        let bytes = fs::read(&path).map_err(fault(&path))?;
        let links: TrustLinks = serde_json::from_slice(&bytes).map_err(|error| {
            NotKept(format!(
                "{} cannot be read ({error}); restore it, or take it away and let the gate show its links anew",
                path.display()
            ))
        })?;
        Ok(links.links)
    }

    async fn keep_links(&self, links: &[TrustLink]) -> Result<(), NotKept> {
        let path = self.0.folder.join("links.json");
        let links = TrustLinks {
            links: links.to_vec(),
            more: false,
        };
        off_the_runtime(move || {
            let bytes = serde_json::to_vec(&links).map_err(|error| NotKept(error.to_string()))?;
            replace(&path, &bytes).map_err(fault(&path))
        })
        .await
    }

    async fn spend(
        &self,
        names: [Hash; 2],
        until: Timestamp,
        now: Timestamp,
    ) -> Result<bool, NotKept> {
        let inner = Arc::clone(&self.0);
        let line = Line {
            names,
            until,
            at: now,
        };
        off_the_runtime(move || inner.spend(&line)).await
    }

    fn latest(&self) -> Timestamp {
        self.0.latest()
    }
}

/// A device that fails may keep a thread for long.
async fn off_the_runtime<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, NotKept> + Send + 'static,
) -> Result<T, NotKept> {
    let done = tokio::task::spawn_blocking(work).await;
    done.map_err(|_| NotKept("the write broke off".to_owned()))?
}

impl Line {
    fn text(&self) -> String {
        let [call, request] = self.names;
        let (until, at) = (self.until.millis(), self.at.millis());
        format!("{} {} {until} {at} .\n", call.hex(), request.hex())
    }

    fn read(text: &str) -> Option<Self> {
        let mut words = text.split(' ');
        let mut hash = || {
            let bytes = gatehold_core::hash::unhex(words.next()?)?;
            Some(Hash::from_bytes(bytes.try_into().ok()?))
        };
        let names = [hash()?, hash()?];
        let mut time = || Some(Timestamp::from_millis(words.next()?.parse().ok()?));
        let (until, at) = (time()?, time()?);
        let whole = words.next() == Some(".") && words.next().is_none();
        whole.then_some(Self { names, until, at })
    }
}

/// The first line and every whole one after it. The last one may be torn.
fn read(bytes: &[u8]) -> Result<Read, usize> {
    let text = std::str::from_utf8(bytes).map_err(|_| 0_usize)?;
    let (first, rest) = text.split_once('\n').ok_or(1_usize)?;
    let (latest, numbers) = named(first).ok_or(1_usize)?;
    // What follows the last line break never counted.
    let (whole, _torn) = rest.rsplit_once('\n').unwrap_or(("", rest));
    let lines = whole.lines().enumerate();
    let lines = lines.map(|(number, line)| Line::read(line).ok_or(number.saturating_add(2)));
    let lines: Vec<Line> = lines.collect::<Result<_, _>>()?;
    let latest = lines
        .iter()
        .map(|line| line.at)
        .fold(latest, Timestamp::max);
    Ok(Read {
        latest,
        numbers,
        lines,
    })
}

/// The latest time, and the files beside it in the order in which they were written.
fn named(first: &str) -> Option<(Timestamp, Vec<u64>)> {
    let rest = first.strip_prefix(HEADER)?.strip_prefix(' ')?;
    let mut words = rest.split(' ');
    let latest = Timestamp::from_millis(words.next()?.parse().ok()?);
    let numbers = match words.next()? {
        "-" => Vec::new(),
        numbers => {
            let numbers = numbers.split(',').map(|number| number.parse().ok());
            numbers.collect::<Option<Vec<u64>>>()?
        }
    };
    let whole = words.next() == Some(".") && words.next().is_none();
    let ordered = numbers.is_sorted_by(|left, right| left < right);
    (whole && ordered && numbers.len() <= SORTED_MAX).then_some((latest, numbers))
}

/// That nothing was executed from here before: links are kept after the first line of what is spent was.
fn nothing_was_kept(folder: &Path, spent: &Path) -> Result<(), NotKept> {
    let beside = sorted::numbers(folder).map_err(fault(folder))?;
    if !folder.join("links.json").exists() && beside.is_empty() {
        return Ok(());
    }
    Err(NotKept(format!(
        "{} is gone, so what was executed before is not known: look at the targets, then restore it, or take away links.json and every \
         other file that is named `spent` too",
        spent.display()
    )))
}

/// In the place of what stands there, on the device when this returns.
fn replace(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let next = path.with_added_extension("new");
    let mut options = OpenOptions::new();
    options.write(true).create(true).truncate(true).mode(0o600);
    let mut file = options.open(&next)?;
    file.write_all(bytes)?;
    file.sync_all()?;
    fs::rename(&next, path)?;
    let folder = path.parent().unwrap_or(Path::new("."));
    File::open(folder)?.sync_all()
}

fn fault(path: &Path) -> impl FnOnce(io::Error) -> NotKept {
    let path = path.display().to_string();
    move |error| NotKept(format!("{path}: {error}"))
}

fn damaged(path: &Path, line: usize) -> NotKept {
    NotKept(format!(
        "{}: line {line} is damaged, so what was executed before is not known: look at the targets, restore the file or move it \
         away, and start again",
        path.display()
    ))
}
