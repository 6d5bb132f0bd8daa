//! Who plays in the demo: the processes and the folder that it starts with. They are held apart from the story, so that they are
//! put away however it ends: told, broken off by an error, or by a signal.

use std::path::{Path, PathBuf};
use std::process::Stdio;

use rustix::process::{Pid, Signal, kill_process};
use tempfile::TempDir;
use tokio::io::{AsyncBufReadExt as _, BufReader};
use tokio::process::{Child, ChildStdin, Command};

use super::agent::Agent;
use super::gate::program;
use super::stage::relay;
use crate::dev::{CONSOLE, READY, remove, temporary_folder};
use crate::exit::Failure;
use crate::interrupt::Signals;

/// Where the gate's pages are, and the code that signs somebody in there.
pub struct Console {
    /// Their address, with a slash at its end.
    pub url: String,
    /// Good once.
    pub code: String,
}

/// A gate, its agents, and their folder.
pub struct Cast {
    folder: TempDir,
    gate: Child,
    /// The gate's standard input. Apart from it, because waiting for a child closes what it still holds: a gate that is ended in
    /// order keeps its folder, and one whose input ends takes the folder with it.
    _tie: Option<ChildStdin>,
    agents: Vec<Child>,
}

impl Cast {
    /// Makes the folder and starts the gate, with a console or without, and with further targets out of a file; it is not ready yet.
    ///
    /// # Errors
    /// When they cannot be made.
    pub fn start(console: bool, targets: Option<&Path>) -> Result<Self, Failure> {
        let folder = temporary_folder("gatehold-demo-")?;
        let mut command = apart(Command::new(program()?));
        command
            .args(["dev", "--quiet", "--until-eof", "--keep"])
            .arg(folder.path().join("gate"))
            .args(console.then_some("--console"));
        if let Some(targets) = targets {
            command.arg("--further-targets").arg(targets);
        }
        let mut gate = command
            // Open as long as the demo lives, even one that is killed.
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .map_err(unstarted)?;
        let tie = gate.stdin.take();
        Ok(Self {
            folder,
            gate,
            _tie: tie,
            agents: Vec::new(),
        })
    }

    /// The gate's folder.
    pub fn home(&self) -> PathBuf {
        self.folder.path().join("gate")
    }

    /// Waits until the gate is ready; gives its console where it has one.
    ///
    /// # Errors
    /// When it ends instead.
    pub async fn ready(&mut self) -> Result<Option<Console>, Failure> {
        let out = self.gate.stdout.take().ok_or_else(|| mute("the gate"))?;
        let mut lines = BufReader::new(out).lines();
        let mut console = None;
        while let Ok(Some(line)) = lines.next_line().await {
            if let Some((url, code)) = line
                .strip_prefix(CONSOLE)
                .and_then(|said| said.split_once(' '))
            {
                console = Some(Console {
                    url: url.to_owned(),
                    code: code.to_owned(),
                });
            }
            if line == READY {
                if console.is_some() {
                    // Whoever asks on the sign-in page for another code is told to read it here.
                    tokio::spawn(async move {
                        while let Ok(Some(line)) = lines.next_line().await {
                            relay(&line);
                        }
                    });
                }
                return Ok(console);
            }
        }
        Err(Failure::fault(
            "the gate ended before it was ready",
            "run `gatehold dev` and read what it says",
        ))
    }

    /// Starts an agent with one of the gate's enrolled keys.
    ///
    /// # Errors
    /// When it cannot be started.
    pub fn agent(&mut self, key: &str) -> Result<Agent, Failure> {
        self.started(agent_of(&self.home(), key, None)?)
    }

    /// The same with a client of PostgreSQL, for an agent that logs in itself.
    ///
    /// # Errors
    /// When it cannot be started.
    pub fn agent_with(&mut self, key: &str, psql: &Path) -> Result<Agent, Failure> {
        self.started(agent_of(&self.home(), key, Some(psql))?)
    }

    fn started(&mut self, (child, agent): (Child, Agent)) -> Result<Agent, Failure> {
        self.agents.push(child);
        Ok(agent)
    }

    /// Ends the gate in order, and waits for its end.
    ///
    /// # Errors
    /// When it does not end.
    pub async fn stop_gate(&mut self) -> Result<(), Failure> {
        // Without an id it has ended, and was waited for.
        let pid = self.gate.id().and_then(|pid| i32::try_from(pid).ok());
        if let Some(pid) = pid.and_then(Pid::from_raw) {
            kill_process(pid, Signal::TERM).map_err(|error| unended(error.into()))?;
        }
        self.gate.wait().await.map(drop).map_err(unended)
    }

    /// Ends whoever still plays, waits for their end, and removes the folder. A signal meanwhile is for those who want to be
    /// sooner done. Gives what became of the folder.
    ///
    /// # Errors
    /// When something is left behind.
    pub async fn dismiss(mut self, signals: &mut Signals) -> Result<String, Failure> {
        for agent in &mut self.agents {
            agent.kill().await.map_err(unended)?;
        }
        tokio::select! {
            biased;
            ended = self.stop_gate() => ended,
            _sooner = signals.next() => Ok(()),
        }?;
        self.gate.kill().await.map_err(unended)?;
        remove(self.folder)
    }
}

/// Starts an agent of the gate in this folder, with a key that stands there.
///
/// # Errors
/// When it cannot be started.
pub fn agent_of(home: &Path, key: &str, psql: Option<&Path>) -> Result<(Child, Agent), Failure> {
    let mut command = apart(Command::new(program()?));
    command.arg(super::AGENT).arg(home).arg(home.join(key));
    command.args(psql);
    let mut child = command
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .map_err(unstarted)?;
    let pipes = child.stdin.take().zip(child.stdout.take());
    let (to, from) = pipes.ok_or_else(|| mute("the agent"))?;
    Ok((child, Agent::over(to, from)))
}

/// In a process group of its own: Ctrl-C is for the demo, which then ends the others in order. Should the demo let go of it, it
/// is killed.
pub fn apart(mut command: Command) -> Command {
    command.process_group(0).kill_on_drop(true);
    command
}

fn unstarted(error: std::io::Error) -> Failure {
    Failure::fault(error, "allow this program to start itself")
}

fn unended(error: std::io::Error) -> Failure {
    Failure::fault(error, "end the processes `gatehold dev --quiet` by hand")
}

fn mute(who: &str) -> Failure {
    Failure::fault(format!("{who} has no output"), "report this")
}
