//! The demo's agent at a database: a `psql` of its own, logged in with what the gate handed over and with nothing else.

use std::path::Path;

use gatehold_client::wire::Credential;
use tokio::io::{AsyncBufReadExt as _, AsyncReadExt as _, AsyncWriteExt as _, BufReader, Lines};
use tokio::process::{Child, ChildStdin, ChildStdout};

use super::cluster::Place;
use crate::exit::Failure;

/// What stands after each answer, with what went wrong.
const END: &str = "=end=";
/// Most that is read of what it says went wrong, bytes.
const ERRORS_MAX: u64 = 16_384;

/// An open session.
pub struct Seat {
    psql: Child,
    to: ChildStdin,
    from: Lines<BufReader<ChildStdout>>,
}

/// What came of a statement.
pub enum Answer {
    /// Rows.
    Rows(Vec<String>),
    /// The server refused, and the session goes on.
    Refused(String),
    /// There is no session any more.
    Over(String),
}

impl Seat {
    /// Logs in; whether that went well is the first answer.
    ///
    /// # Errors
    /// When `psql` cannot be started.
    pub fn take(program: &Path, credential: &Credential) -> Result<Self, Failure> {
        let public = |name: &str| credential.public.get(name).map_or("", String::as_str);
        let place = Place {
            host: public("host"),
            port: public("port"),
            database: public("database"),
            user: public("user"),
            password: &credential.secret,
        };
        let mut psql = place.psql(program);
        let spawned = psql.spawn();
        let mut psql =
            spawned.map_err(|error| Failure::usage(error, "install the package postgresql"))?;
        let pipes = psql.stdin.take().zip(psql.stdout.take());
        let (to, from) =
            pipes.ok_or_else(|| Failure::fault("psql has no output", "report this"))?;
        Ok(Self {
            psql,
            to,
            from: BufReader::new(from).lines(),
        })
    }

    /// Says one statement.
    pub async fn say(&mut self, sql: &str) -> Answer {
        let told = format!("{sql};\n\\echo {END} :ERROR :LAST_ERROR_MESSAGE\n");
        // Whoever has hung up says why where the answer would stand.
        let _hung_up = self.to.write_all(told.as_bytes()).await;
        let mut rows = Vec::new();
        while let Ok(Some(line)) = self.from.next_line().await {
            match line.strip_prefix(END).map(str::trim) {
                None => rows.push(line),
                Some(said) => {
                    return match said.strip_prefix("true") {
                        Some(why) => Answer::Refused(why.trim().to_owned()),
                        None => Answer::Rows(rows),
                    };
                }
            }
        }
        Answer::Over(self.last_words().await)
    }

    /// What it said before it ended.
    async fn last_words(&mut self) -> String {
        let mut said = String::new();
        if let Some(stderr) = self.psql.stderr.take() {
            let _until_end = stderr.take(ERRORS_MAX).read_to_string(&mut said).await;
        }
        let lines = || said.lines().filter(|line| !line.trim().is_empty());
        let fatal = lines().find_map(|line| line.split_once("FATAL:"));
        let words = fatal.map_or_else(|| lines().next_back().unwrap_or_default(), |(_, why)| why);
        words.trim().to_owned()
    }
}
