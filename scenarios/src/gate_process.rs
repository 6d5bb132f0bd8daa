//! A gate as a process of its own: founded by three people of a story, configured by a file, and asked over HTTP only.

mod beside;
mod founding;
mod ground;

pub use ground::Ground;

use std::collections::BTreeMap;
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;

use gatehold_core::action::DescriptorRef;
use gatehold_core::ids::{HumanId, Origin};
use tokio::io::{AsyncBufReadExt as _, BufReader};
use tokio::process::{Child, ChildStdout, Command};

use crate::cast::Person;
use crate::trouble::{Outcome, Trouble, trouble};

/// The people of every story, by the name they are called.
const PEOPLE: [&str; 3] = ["owner", "reviewer", "second"];
/// How long a gate may take to start.
const START_SECONDS: u64 = 60;
/// How much of what the gate wrote is shown when a story goes wrong.
const SAYS_LINES: usize = 30;

/// A gate that serves.
pub struct GateProcess {
    program: PathBuf,
    folder: PathBuf,
    url: String,
    address: String,
    origin: Origin,
    seeds: BTreeMap<String, (HumanId, [u8; 32])>,
    child: Child,
    _stdout: BufReader<ChildStdout>,
}

impl GateProcess {
    /// Founds a gate on this ground and starts it.
    ///
    /// # Errors
    /// What the program says.
    pub async fn start(program: &Path, ground: &Ground) -> Outcome<Self> {
        let port = free_port()?;
        let url = format!("http://127.0.0.1:{port}");
        let folder = ground.write(&url, port)?;
        let (origin, seeds) = founding::found(program, ground, &folder).await?;
        let (child, stdout) = serve(program, &folder).await?;
        Ok(Self {
            program: program.to_owned(),
            folder,
            address: url.clone(),
            url,
            origin,
            seeds,
            child,
            _stdout: stdout,
        })
    }

    /// Its public URL.
    #[must_use]
    pub fn url(&self) -> &str {
        &self.url
    }

    /// Where this process listens itself: its public URL, unless another process has that one.
    #[must_use]
    pub fn address(&self) -> &str {
        &self.address
    }

    /// Its configuration.
    #[must_use]
    pub fn config(&self) -> PathBuf {
        self.folder.join(ground::CONFIG)
    }

    /// The origin of its log.
    #[must_use]
    pub const fn origin(&self) -> &Origin {
        &self.origin
    }

    /// Its process.
    #[must_use]
    pub fn pid(&self) -> Option<u32> {
        self.child.id()
    }

    /// Its three people, logged in.
    ///
    /// # Errors
    /// What the gate says.
    pub async fn people(&self) -> Outcome<BTreeMap<String, Person>> {
        let mut people = BTreeMap::new();
        for (name, (human, seed)) in &self.seeds {
            let (human, origin) = (human.clone(), self.origin.clone());
            let person = Person::log_in_at(human, origin, *seed, &self.url, &self.address).await?;
            people.insert(name.clone(), person);
        }
        Ok(people)
    }

    /// The kinds of action it knows.
    ///
    /// # Errors
    /// What the gate says.
    pub async fn descriptors(
        &self,
        people: &BTreeMap<String, Person>,
    ) -> Outcome<BTreeMap<String, DescriptorRef>> {
        let person = people
            .values()
            .next()
            .ok_or_else(|| Trouble("a gate has people".to_owned()))?;
        let answer = person.client.descriptors().await;
        let mut descriptors = BTreeMap::new();
        for item in answer.map_err(trouble("descriptors"))?.descriptors {
            let descriptor = DescriptorRef {
                id: item.id.parse().map_err(trouble(&item.id))?,
                hash: item.hash.parse().map_err(trouble(&item.id))?,
            };
            descriptors.insert(item.id, descriptor);
        }
        Ok(descriptors)
    }

    /// Ends it as a power cut would.
    ///
    /// # Errors
    /// When the system refuses.
    pub async fn kill(&mut self) -> Outcome<()> {
        self.child.kill().await.map_err(trouble("kill"))
    }

    /// Starts it again on the same folder.
    ///
    /// # Errors
    /// What the program says.
    pub async fn start_again(&mut self) -> Outcome<()> {
        (self.child, self._stdout) = serve(&self.program, &self.folder).await?;
        Ok(())
    }

    /// Asks it to end, and waits for it.
    ///
    /// # Errors
    /// When it does not end well.
    pub async fn stop(&mut self) -> Outcome<()> {
        let pid = self
            .pid()
            .ok_or_else(|| Trouble("the gate has ended by itself".to_owned()))?;
        run("kill", &["-TERM", &pid.to_string()]).await?;
        let ended = tokio::time::timeout(Duration::from_secs(START_SECONDS), self.child.wait());
        let status = ended
            .await
            .map_err(trouble("the gate does not end"))?
            .map_err(trouble("wait"))?;
        if status.success() {
            Ok(())
        } else {
            Err(Trouble(format!(
                "the gate ended with {status}: {}",
                self.says()
            )))
        }
    }

    /// `gatehold audit verify` over its stopped or running store.
    ///
    /// # Errors
    /// What the auditor's command says.
    pub async fn verify_ledger(&self) -> Outcome<()> {
        let config = self.config();
        let config = config.to_string_lossy();
        gatehold(&self.program, &["audit", "verify", "--config", &config]).await
    }

    /// Verifies a dossier against the root alone.
    ///
    /// # Errors
    /// What the auditor's command says.
    pub async fn verify_dossier(&self, name: &str, dossier: &[u8]) -> Outcome<()> {
        let path = self.folder.join(format!("{name}.dossier"));
        std::fs::write(&path, dossier).map_err(trouble(name))?;
        let root = founding::root(&self.folder)?;
        let path = path.to_string_lossy();
        gatehold(&self.program, &["audit", "explain", &path, "--root", &root]).await
    }

    /// Its database file.
    #[must_use]
    pub fn database(&self) -> PathBuf {
        self.folder.join(ground::DATABASE)
    }

    /// The last lines that it wrote.
    #[must_use]
    pub fn says(&self) -> String {
        says(&self.folder)
    }
}

async fn serve(program: &Path, folder: &Path) -> Outcome<(Child, BufReader<ChildStdout>)> {
    let log = std::fs::File::options()
        .create(true)
        .append(true)
        .open(folder.join(ground::LOG))
        .map_err(trouble("log"))?;
    let mut child = Command::new(program)
        .args(["serve", "--config"])
        .arg(folder.join(ground::CONFIG))
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::from(log))
        .kill_on_drop(true)
        .spawn()
        .map_err(trouble(program.display()))?;
    let stdout = child
        .stdout
        .take()
        .ok_or_else(|| Trouble("the gate has no output".to_owned()))?;
    let mut stdout = BufReader::new(stdout);
    let ready = async {
        let mut line = String::new();
        while !line.starts_with("gatehold serves") {
            line.clear();
            let read = stdout
                .read_line(&mut line)
                .await
                .map_err(trouble("output"))?;
            if read == 0 {
                return Err(Trouble(format!(
                    "the gate does not start: {}",
                    says(folder)
                )));
            }
        }
        Ok(())
    };
    tokio::time::timeout(Duration::from_secs(START_SECONDS), ready)
        .await
        .map_err(trouble("the gate does not start"))??;
    Ok((child, stdout))
}

fn says(folder: &Path) -> String {
    let text = std::fs::read_to_string(folder.join(ground::LOG)).unwrap_or_default();
    let lines: Vec<&str> = text.lines().rev().take(SAYS_LINES).collect();
    lines.into_iter().rev().collect::<Vec<_>>().join("\n")
}

/// Runs a command of the program and fails with what it wrote.
async fn gatehold(program: &Path, arguments: &[&str]) -> Outcome<()> {
    run(&program.to_string_lossy(), arguments).await
}

async fn run(program: &str, arguments: &[&str]) -> Outcome<()> {
    let output = Command::new(program)
        .args(arguments)
        .stdin(Stdio::null())
        .output()
        .await
        .map_err(trouble(program))?;
    if output.status.success() {
        return Ok(());
    }
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    Err(Trouble(format!(
        "{program} {}: {}: {said}{}",
        arguments.join(" "),
        output.status,
        String::from_utf8_lossy(&output.stdout)
    )))
}

/// A port that was free a moment ago.
fn free_port() -> Outcome<u16> {
    let listener = TcpListener::bind("127.0.0.1:0").map_err(trouble("a port"))?;
    Ok(listener.local_addr().map_err(trouble("a port"))?.port())
}
