//! The tracker of a development gate: its file, its listener, the look-ups that ask it, and `gatehold dev tracker`, which changes
//! what it says. The server answers from the file at each question, so that a command and the page are the same thing.

use std::fmt::Write as _;
use std::net::{SocketAddr, TcpListener};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use clap::{Args, Subcommand};
use gatehold_server::dev_tracker::{self, Book, Entry, Kind, LOOKED_UP};
use gatehold_server::listen::{Ended, ListenLimits, ListenSettings, Listener};
use rusqlite::{Connection, OptionalExtension as _, Row};
use tokio::sync::oneshot;
use tokio::task::JoinHandle;

use crate::context::Ctx;
use crate::exit::{Exit, Failure};
use crate::screen::{plain, table};

/// Its file, beside the shop's.
const FILE: &str = "tracker.db";
/// Most entries.
const ENTRIES_MAX: i64 = 500;
/// How long a command waits for another one that writes.
const BUSY: Duration = Duration::from_secs(2);
/// Most connections at once.
const CONNECTIONS_MAX: usize = 64;

const TABLE: &str = "
CREATE TABLE IF NOT EXISTS entries (
  kind TEXT NOT NULL, id TEXT NOT NULL, state TEXT NOT NULL, resources TEXT NOT NULL, PRIMARY KEY (kind, id)
)";
const ALL: &str = "SELECT kind, id, state, resources FROM entries ORDER BY kind DESC, id";
const ONE: &str = "SELECT kind, id, state, resources FROM entries WHERE kind = ?1 AND id = ?2";
const PUT: &str = "
INSERT INTO entries VALUES (?1, ?2, ?3, ?4)
ON CONFLICT (kind, id) DO UPDATE SET state = excluded.state, resources = excluded.resources";

/// What it says at first: the story of the shop's database.
const FIRST: [(Kind, &str, &str); 5] = [
    (Kind::Incident, "INC-7", "open"),
    (Kind::Incident, "INC-6", "closed"),
    (Kind::Change, "CHG-12", "approved"),
    (Kind::Change, "CHG-13", "proposed"),
    (Kind::Deployment, "991", "failed"),
];
/// What all of it is about.
const ABOUT: &str = "shop/orders";

/// `gatehold dev tracker …`.
#[derive(Debug, Subcommand)]
pub enum Tracker {
    /// What it says.
    #[command(after_help = "Examples:\n  gatehold dev tracker list")]
    List,
    /// Say how an incident, a change or a deployment stands; where there is none it is made.
    Set(Set),
}

/// Arguments of `gatehold dev tracker set`.
#[derive(Debug, Args)]
#[command(
    after_help = "Examples:\n  gatehold dev tracker set incident INC-7 closed\n  gatehold dev tracker set change CHG-14 approved --resource shop/orders"
)]
pub struct Set {
    /// incident, change or deployment.
    #[arg(value_parser = kind)]
    pub kind: Kind,
    /// Its number.
    pub number: String,
    /// How it stands: an incident is open or closed; a change proposed, approved or closed; a deployment running, failed or done.
    pub state: String,
    /// What it is about, such as shop/orders; once for each. Without it that stays what it is.
    #[arg(long)]
    pub resource: Vec<String>,
}

fn kind(text: &str) -> Result<Kind, String> {
    Kind::of(text).ok_or_else(|| "write incident, change or deployment".to_owned())
}

/// `gatehold dev tracker …`, in the folder of the development gate that commands find.
///
/// # Errors
/// When that is none, or what is to be said is nothing that it can say.
pub fn run(ctx: &Ctx, tracker: &Tracker) -> Result<Exit, Failure> {
    let home = ctx.profile()?.home;
    if !home.join(FILE).exists() {
        return Err(Failure::usage(
            format!("{} is not the folder of a development gate", home.display()),
            "start one with `gatehold dev`; a gate of yours asks your own tracker",
        ));
    }
    let file = File::of(&home);
    let broken = |why: String| Failure::fault(why, "end the gate, and start it in another folder");
    match tracker {
        Tracker::List => {
            let entries = file.all().map_err(broken)?;
            ctx.print(&entries, || lines(ctx, &entries))?;
        }
        Tracker::Set(set) => {
            let resources = (!set.resource.is_empty()).then(|| set.resource.clone());
            let entry = dev_tracker::set(&file, set.kind, &set.number, &set.state, resources);
            let entry = entry
                .map_err(|why| Failure::usage(why, "see `gatehold dev tracker set --help`"))?;
            ctx.print(&entry, || lines(ctx, std::slice::from_ref(&entry)))?;
        }
    }
    Ok(Exit::Done)
}

fn lines(ctx: &Ctx, entries: &[Entry]) -> String {
    let row = |entry: &Entry| {
        let resources = entry.resources.join(" ");
        vec![
            entry.kind.to_string(),
            plain(&entry.id),
            plain(&entry.state),
            plain(&resources),
        ]
    };
    let rows: Vec<Vec<String>> = entries.iter().map(row).collect();
    table(
        &["WHAT", "NUMBER", "STANDS", "ABOUT"],
        &rows,
        ctx.screen.width,
    )
}

/// The file.
struct File(PathBuf);

impl File {
    fn of(home: &Path) -> Self {
        Self(home.join(FILE))
    }

    fn asked<T>(&self, ask: impl FnOnce(&Connection) -> rusqlite::Result<T>) -> Result<T, String> {
        let asked = || {
            let connection = Connection::open(&self.0)?;
            connection.busy_timeout(BUSY)?;
            connection.execute_batch(TABLE)?;
            ask(&connection)
        };
        asked().map_err(|error| format!("{}: {error}", self.0.display()))
    }
}

/// The columns of one row.
type Columns = [String; 4];

fn columns(row: &Row<'_>) -> rusqlite::Result<Columns> {
    Ok([row.get(0)?, row.get(1)?, row.get(2)?, row.get(3)?])
}

fn entry([kind, id, state, resources]: Columns) -> Result<Entry, String> {
    let kind = Kind::of(&kind).ok_or_else(|| format!("`{kind}` is kept, and is none of ours"))?;
    let resources = resources.split_whitespace().map(str::to_owned).collect();
    Entry::new(kind, &id, &state, resources)
}

impl Book for File {
    fn all(&self) -> Result<Vec<Entry>, String> {
        let rows = self.asked(|file| {
            let mut statement = file.prepare(ALL)?;
            let rows = statement.query_map((), columns)?;
            rows.collect::<rusqlite::Result<Vec<Columns>>>()
        })?;
        rows.into_iter().map(entry).collect()
    }

    fn one(&self, kind: Kind, id: &str) -> Result<Option<Entry>, String> {
        let row = self.asked(|file| file.query_row(ONE, (kind.name(), id), columns).optional())?;
        row.map(entry).transpose()
    }

    fn put(&self, entry: Entry) -> Result<(), String> {
        let resources = entry.resources.join(" ");
        let values = (entry.kind.name(), entry.id, entry.state, resources);
        let count: i64 = self.asked(|file| {
            file.execute(PUT, values)?;
            file.query_row("SELECT count(*) FROM entries", (), |row| row.get(0))
        })?;
        if count > ENTRIES_MAX {
            return Err(format!(
                "it keeps at most {ENTRIES_MAX}; begin with another folder"
            ));
        }
        Ok(())
    }
}

/// Writes what a new one says, and the look-ups that ask it.
///
/// # Errors
/// When they cannot be written.
pub fn write(home: &Path) -> Result<(), Failure> {
    let file = File::of(home);
    let broken = |why: String| Failure::fault(why, "make room on the disk");
    for (kind, id, state) in FIRST {
        let entry = Entry::new(kind, id, state, vec![ABOUT.to_owned()]).map_err(broken)?;
        file.put(entry).map_err(broken)?;
    }
    Ok(())
}

/// `lookups.toml`: what the gate asks it.
pub fn lookups(address: SocketAddr) -> String {
    let mut text = "\
# Written by `gatehold dev`: what this gate looks up at its tracker before anybody decides. Give the address of yours, and its
# words, and it is asked in the same way.
"
    .to_owned();
    for kind in Kind::ALL {
        let state = kind.states().first().copied().unwrap_or_default();
        let _ = write!(
            text,
            r#"
[[lookup]]
recipe = "lookup.{kind}"
url = "http://{address}{LOOKED_UP}{kind}s/{{claim.{kind}}}"
private = true
# Asked anew each time, so that what you change there is seen at once.
max_age_seconds = 0
assert = [
  {{ pointer = "/id", equals = "{{claim.{kind}}}" }},
  {{ pointer = "/state", equals = "{state}" }},
  {{ pointer = "/resources", contains_resource = true }},
]
"#
        );
    }
    text
}

/// The same file when the tracker has another port: what asks elsewhere by now stays as it is.
pub fn moved(lookups: &str, address: SocketAddr) -> String {
    let line = |line: &str| match line.split_once(LOOKED_UP) {
        Some((before, asked)) if before.starts_with("url = \"http://127.0.0.1:") => {
            format!("url = \"http://{address}{LOOKED_UP}{asked}\n")
        }
        _ => format!("{line}\n"),
    };
    lookups.lines().map(line).collect()
}

/// A tracker that answers.
pub struct Serving {
    end: oneshot::Sender<()>,
    serving: JoinHandle<Ended>,
}

impl Serving {
    /// Answers from a folder on an address that is open already.
    ///
    /// # Errors
    /// When the address cannot be served.
    pub fn start(home: &Path, socket: TcpListener, address: SocketAddr) -> Result<Self, Failure> {
        let settings = ListenSettings {
            address,
            tls: None,
            behind_proxy: false,
            limits: ListenLimits {
                connections_max: CONNECTIONS_MAX,
                ..ListenLimits::default()
            },
        };
        let listener = Listener::on(socket, &settings);
        let listener = listener.map_err(|error| Failure::fault(error, "try again"))?;
        let router = dev_tracker::router(Arc::new(File::of(home)), address);
        let (end, ended) = oneshot::channel();
        let serving = tokio::spawn(listener.serve(router, async {
            let _gone = ended.await;
        }));
        Ok(Self { end, serving })
    }

    /// Ends it: what it holds is let go before its folder is removed.
    pub async fn end(self) {
        drop(self.end);
        let _ended = self.serving.await;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn look_ups_follow_the_port_and_those_of_others_stay() {
        let (one, other) = ("127.0.0.1:7402", "127.0.0.1:9");
        let text = lookups(one.parse().unwrap());
        assert_eq!(
            moved(&text, other.parse().unwrap()),
            lookups(other.parse().unwrap())
        );
        let elsewhere = text.replace(&format!("http://{one}"), "https://tracker.acme.example");
        assert_eq!(moved(&elsewhere, other.parse().unwrap()), elsewhere);
        assert!(
            gatehold_broker::Lookups::from_toml(&text, &|_| None).is_ok_and(|all| all.len() == 3)
        );
    }

    #[test]
    fn what_is_said_last_counts_and_what_it_is_about_stays() {
        let folder = tempfile::tempdir().unwrap();
        write(folder.path()).unwrap();
        let file = File::of(folder.path());
        assert_eq!(file.all().unwrap().len(), FIRST.len());
        dev_tracker::set(&file, Kind::Incident, "INC-7", "closed", None).unwrap();
        let entry = file.one(Kind::Incident, "INC-7").unwrap().unwrap();
        assert_eq!(
            (entry.state.as_str(), entry.resources),
            ("closed", vec![ABOUT.to_owned()])
        );
        assert_eq!(file.one(Kind::Change, "INC-7").unwrap(), None);
        assert!(dev_tracker::set(&file, Kind::Incident, "INC-7", "approved", None).is_err());
    }
}
