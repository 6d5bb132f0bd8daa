//! A program under a lease: it runs until it ends by itself, or until the lease does. The gate is asked every two seconds where the
//! lease stands, and who cannot be told that it stands ends the program too.

use std::ffi::OsString;
use std::io::IsTerminal as _;
use std::os::unix::process::ExitStatusExt as _;
use std::process::ExitStatus;
use std::time::Duration;

use gatehold_client::Client;
use gatehold_client::wire::RequestStatus;
use rustix::process::{Pid, Signal, getpid, kill_process, kill_process_group, set_child_subreaper};
use tokio::process::{Child, Command};
use tokio::time::{MissedTickBehavior, interval, timeout};

use super::left::end_all;
use super::started::CHILD;
use crate::ambient::now_millis;
use crate::exit::{Exit, Failure};
use crate::interrupt::{Ending, Signals};
use crate::screen::{duration, plain};

/// How often the gate is asked.
const LOOK: Duration = Duration::from_secs(2);
/// How long one answer is waited for.
const ANSWER: Duration = Duration::from_secs(5);
/// How often our own clock is looked at.
const CLOCK: Duration = Duration::from_secs(1);
/// How long a program that is told to end may take.
const ENDING: Duration = Duration::from_secs(5);
/// The least and the most time without an answer, in seconds.
pub const BLIND_SECONDS: std::ops::RangeInclusive<u32> = 5..=300;

/// A lease that a program runs under.
#[derive(Clone)]
pub struct Lease {
    /// Who asks for it.
    pub client: Client,
    /// Its request.
    pub request: String,
    /// When it ends at the latest.
    pub not_after: i64,
    /// How long the program may go on while nobody says that the lease stands, in seconds.
    pub blind_seconds: u32,
}

/// A program, not started yet. Nothing secret is in any part of it.
pub struct Program {
    /// What it is called.
    pub name: OsString,
    /// Its arguments.
    pub arguments: Vec<OsString>,
    /// Variables that it gets.
    pub set: Vec<(&'static str, OsString)>,
    /// Variables that it does not get.
    pub unset: &'static [&'static str],
}

/// Why it runs no more.
enum Over {
    /// By itself.
    Ended(ExitStatus),
    /// We were told to end.
    Told(Ending),
    /// The lease did.
    Lease(Why),
}

/// Why a lease holds no more.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Why {
    /// Its time.
    Time,
    /// The gate says so.
    Taken,
    /// Nobody can tell that it stands.
    Unseen,
}

impl Lease {
    /// Runs the program until it or the lease ends. Gives its exit code. Afterwards it does not run, nor does anything that it started,
    /// whatever session or process group that is in.
    ///
    /// # Errors
    /// When it does not start, and when the lease ended first.
    pub async fn supervise(
        &self,
        program: &Program,
        signals: &mut Signals,
    ) -> Result<Exit, Failure> {
        let mut running = Running::start(program)?;
        let watching = tokio::spawn(watch(self.clone()));
        let over = running.until_over(self, watching, signals).await?;
        if !matches!(over, Over::Ended(_)) {
            running.end().await?;
        }
        end_all(ENDING).await?;
        match over {
            Over::Ended(status) if status.success() => Ok(Exit::Done),
            // A server that ends a session may be the first to say so.
            Over::Ended(status) => match self.ended_meanwhile().await {
                Some(why) => Err(self.failure(why)),
                None => Ok(code(status)),
            },
            Over::Told(ending) => {
                eprintln!("ended by {}, and what ran with it", ending.name());
                Ok(ending.exit())
            }
            Over::Lease(why) => Err(self.failure(why)),
        }
    }

    /// Whether the lease holds no more, as far as anybody says so now.
    async fn ended_meanwhile(&self) -> Option<Why> {
        let asked = timeout(ANSWER, self.client.status(&self.request, 0));
        let over = matches!(asked.await, Ok(Ok(status)) if !stands(&status));
        if now_millis() >= self.not_after {
            return Some(Why::Time);
        }
        over.then_some(Why::Taken)
    }

    fn failure(&self, why: Why) -> Failure {
        let request = plain(&self.request);
        let show = format!("`gatehold request show {request}` says where it stands");
        match why {
            Why::Time => Failure::new(
                Exit::Expired,
                "the lease ended with its time, and the session with it",
                "ask anew, for as long as it takes",
            ),
            Why::Taken => Failure::new(
                Exit::Denied,
                "the lease was taken away, and the session ended with it",
                show,
            ),
            Why::Unseen => {
                let blind = duration(i64::from(self.blind_seconds));
                let cause = format!(
                    "the gate has not said for {blind} that the lease stands: the session is ended"
                );
                Failure::fault(cause, show)
            }
        }
    }
}

/// Asks until the lease holds no more.
async fn watch(lease: Lease) -> Why {
    let mut looks = interval(LOOK);
    looks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let blind = Duration::from_secs(u64::from(lease.blind_seconds));
    loop {
        let seen = async {
            loop {
                looks.tick().await;
                let asked = timeout(ANSWER, lease.client.status(&lease.request, 0));
                if let Ok(Ok(status)) = asked.await {
                    return status;
                }
            }
        };
        match timeout(blind, seen).await {
            Err(_elapsed) => return Why::Unseen,
            Ok(status) if !stands(&status) => return Why::Taken,
            Ok(_) => {}
        }
    }
}

/// Only what is said to be in force is.
pub fn stands(status: &RequestStatus) -> bool {
    let lease = status.lease.as_ref();
    lease.is_some_and(|lease| lease.state == "active" && lease.ending_since.is_none())
}

/// The program's process.
struct Running {
    child: Child,
    pid: Option<Pid>,
    /// Whether it has a process group of its own. At a terminal it shares ours, or it could not read.
    apart: bool,
}

impl Running {
    fn start(program: &Program) -> Result<Self, Failure> {
        let own = std::env::current_exe()
            .map_err(|error| Failure::fault(error, "run it by its full path"))?;
        let apart = !std::io::stdin().is_terminal();
        // What its program leaves behind becomes ours, and is found at the end. A terminal has one process group in front, so a group
        // of its own would not do: it could not read, and whoever leaves the group would go on.
        set_child_subreaper(Some(getpid())).map_err(|error| {
            let cause = format!("what the program leaves behind could not be ended: {error}");
            Failure::fault(cause, "let this process set PR_SET_CHILD_SUBREAPER")
        })?;
        let mut command = Command::new(own);
        command
            .arg(CHILD)
            .arg(std::process::id().to_string())
            .arg(&program.name)
            .args(&program.arguments)
            .kill_on_drop(true);
        for name in program.unset {
            command.env_remove(name);
        }
        for (name, value) in &program.set {
            command.env(name, value);
        }
        if apart {
            command.process_group(0);
        }
        let child = command
            .spawn()
            .map_err(|error| Failure::fault(error, "allow this program to start itself"))?;
        let pid = child.id().and_then(|pid| i32::try_from(pid).ok());
        Ok(Self {
            child,
            pid: pid.and_then(Pid::from_raw),
            apart,
        })
    }

    async fn until_over(
        &mut self,
        lease: &Lease,
        mut watching: tokio::task::JoinHandle<Why>,
        signals: &mut Signals,
    ) -> Result<Over, Failure> {
        let mut clock = interval(CLOCK);
        let over = loop {
            tokio::select! {
                biased;
                status = self.child.wait() => break Over::Ended(status.map_err(lost)?),
                ending = signals.next() => {
                    // At a terminal Ctrl-C is for both of us, and the program says what it means: psql goes on.
                    if self.apart || ending != Ending::Interrupted {
                        break Over::Told(ending);
                    }
                }
                why = &mut watching => break Over::Lease(why.unwrap_or(Why::Unseen)),
                _ = clock.tick() => {
                    if now_millis() >= lease.not_after {
                        break Over::Lease(Why::Time);
                    }
                }
            }
        };
        watching.abort();
        Ok(match over {
            Over::Lease(Why::Taken) if now_millis() >= lease.not_after => Over::Lease(Why::Time),
            over => over,
        })
    }

    /// Ends it: told first, and killed when it does not listen.
    async fn end(&mut self) -> Result<(), Failure> {
        self.send(Signal::TERM);
        if timeout(ENDING, self.child.wait()).await.is_err() {
            self.send(Signal::KILL);
            self.child.wait().await.map_err(lost)?;
        }
        Ok(())
    }

    fn send(&self, signal: Signal) {
        let sent = match self.pid {
            Some(pid) if self.apart => kill_process_group(pid, signal),
            Some(pid) => kill_process(pid, signal),
            None => Ok(()),
        };
        if let Err(error) = sent {
            tracing::debug!(%error, "a program that ended cannot be told to");
        }
    }
}

fn lost(error: std::io::Error) -> Failure {
    Failure::fault(error, "look for what is left of the program with `ps`")
}

/// As a shell tells it: its own code, or 128 and the signal that ended it.
fn code(status: ExitStatus) -> Exit {
    let code = status.code().and_then(|code| u8::try_from(code).ok());
    let signal = status.signal().and_then(|signal| u8::try_from(signal).ok());
    let signal = signal.map(|signal| signal.saturating_add(128));
    Exit::Of(code.or(signal).unwrap_or(u8::MAX))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_end_is_told_as_a_shell_tells_it() {
        for (status, wanted) in [(0, 0), (3 << 8, 3), (255 << 8, 255), (15, 143), (9, 137)] {
            assert_eq!(code(ExitStatus::from_raw(status)), Exit::Of(wanted));
        }
    }
}
