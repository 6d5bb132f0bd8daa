//! What an executor in a process of its own remembers: one folder, one process.
//!
//! `links.json` holds the links of the chain of trust that it has verified, replaced whole. `spent` is only appended to: a line for
//! each execution, on the device before anything is done. A line that was torn is of an execution that never began. Anything else
//! that cannot be read is damage, and then nothing is executed: what was done before could be done again.

use std::collections::BTreeMap;
use std::fs::{self, File, OpenOptions};
use std::io::{self, Write as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use async_trait::async_trait;
use gatehold_core::hash::Hash;
use gatehold_core::time::Timestamp;
use gatehold_gate::ports::kept::{Kept, NotKept};
use gatehold_gate::{TrustLink, TrustLinks};

/// The first line.
const HEADER: &str = "gatehold/spent/v1\n";
/// How long a name is kept after its time, in seconds: for a clock that was wrong.
const MARGIN_SECONDS: u32 = 86_400;
/// Most names remembered.
const NAMES_MAX: usize = 2 << 20;
/// Largest file of links.
const LINKS_BYTES_MAX: u64 = 512 << 20;

/// The folder of an executor. Cheap to clone.
#[derive(Clone)]
pub struct KeptIn(Arc<Inner>);

struct Inner {
    folder: PathBuf,
    /// Held for as long as the process lives.
    _lock: File,
    spent: Mutex<Spent>,
}

struct Spent {
    file: File,
    /// A write failed: what stands in the file is not known any more.
    broken: bool,
    names: BTreeMap<Hash, Timestamp>,
    latest: Timestamp,
}

/// One line.
struct Line {
    names: [Hash; 2],
    until: Timestamp,
    at: Timestamp,
}

impl KeptIn {
    /// Opens a folder, or begins one. What is over for long is forgotten here.
    ///
    /// # Errors
    /// Another process has it, it cannot be written, or what stands in it is damaged.
    pub fn open(folder: impl Into<PathBuf>) -> Result<Self, NotKept> {
        let folder = folder.into();
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
        let path = folder.join("spent");
        let lines = match fs::read(&path) {
            Ok(bytes) => read(&bytes).map_err(|line| damaged(&path, line))?,
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                nothing_was_kept(&folder, &path)?;
                Vec::new()
            }
            Err(error) => return Err(fault(&path)(error)),
        };
        let latest = lines.iter().map(|line| line.at).max();
        let latest = latest.unwrap_or(Timestamp::from_millis(0));
        let living = lines
            .into_iter()
            .filter(|line| line.at == latest || line.until.plus_seconds(MARGIN_SECONDS) >= latest);
        let living: Vec<Line> = living.collect();
        // Written anew, so that nothing is appended to half a line.
        let text: String = living.iter().map(Line::text).collect();
        replace(&path, format!("{HEADER}{text}").as_bytes()).map_err(fault(&path))?;
        let file = OpenOptions::new().append(true).open(&path);
        let names = living
            .iter()
            .flat_map(|line| line.names.map(|name| (name, line.until)));
        Ok(Self(Arc::new(Inner {
            spent: Mutex::new(Spent {
                file: file.map_err(fault(&path))?,
                broken: false,
                names: names.collect(),
                latest,
            }),
            folder,
            _lock: lock,
        })))
    }
}

impl Inner {
    fn spent(&self) -> MutexGuard<'_, Spent> {
        self.spent.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn spend(&self, line: &Line) -> Result<bool, NotKept> {
        let path = self.folder.join("spent");
        let mut spent = self.spent();
        if spent.broken {
            return Err(NotKept(format!(
                "{} could not be written before; free the disk and start again",
                path.display()
            )));
        }
        if line.names.iter().any(|name| spent.names.contains_key(name)) {
            return Ok(false);
        }
        if spent.names.len() >= NAMES_MAX {
            return Err(NotKept(format!(
                "{} holds {NAMES_MAX} names; start again, so that those that are over are forgotten",
                path.display()
            )));
        }
        // Remembered here whatever the device says: it may stand there in spite of it.
        spent
            .names
            .extend(line.names.map(|name| (name, line.until)));
        spent.latest = spent.latest.max(line.at);
        let text = line.text();
        let written = spent.file.write_all(text.as_bytes());
        let written = written.and_then(|()| spent.file.sync_data());
        spent.broken = written.is_err();
        written.map_err(fault(&path)).map(|()| true)
    }
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
        self.0.spent().latest
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

/// Every whole line. The last one may be torn.
fn read(bytes: &[u8]) -> Result<Vec<Line>, usize> {
    let text = std::str::from_utf8(bytes).map_err(|_| 0_usize)?;
    let Some(rest) = text.strip_prefix(HEADER) else {
        return Err(1);
    };
    // What follows the last line break never counted.
    let (whole, _torn) = rest.rsplit_once('\n').unwrap_or(("", rest));
    let lines = whole.lines().enumerate();
    lines
        .map(|(number, line)| Line::read(line).ok_or(number.saturating_add(2)))
        .collect()
}

/// That nothing was executed from here before: links are kept after the first line of what is spent was.
fn nothing_was_kept(folder: &Path, spent: &Path) -> Result<(), NotKept> {
    if !folder.join("links.json").exists() {
        return Ok(());
    }
    Err(NotKept(format!(
        "{} is gone, so what was executed before is not known: look at the targets, then restore it, or take links.json away too",
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
