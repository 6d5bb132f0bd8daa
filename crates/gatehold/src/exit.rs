//! How a command ends: one number for scripts, one cause and one next step for people. Nothing is said twice: of a problem
//! of the gate its sentence about this time, of a chain of errors its root.
//!
//! The numbers are part of the interface: 0 done or approved, 1 fault, 2 usage, 3 denied, 4 expired, 5 held (without
//! waiting), 6 policy error, 7 verification failed; 129, 130 and 143 ended by SIGHUP, SIGINT and SIGTERM, everything put away.
//! What `gatehold exec` started gives its own.

use std::fmt;

use gatehold_client::ClientError;
use gatehold_client::wire::{Problem, ProblemCode};

/// The exit code.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Exit {
    /// Done, allowed or approved.
    Done,
    /// Something is broken: the gate, the network, a file.
    Fault,
    /// The command line, an input file or the configuration is wrong.
    Usage,
    /// Decided: no.
    Denied,
    /// Nobody decided or used it in time.
    Expired,
    /// People must decide, and the command did not wait.
    Held,
    /// A bundle is wrong.
    Policy,
    /// Something does not verify.
    Verification,
    /// Ended by SIGHUP, after everything was put away.
    HungUp,
    /// By SIGINT.
    Interrupted,
    /// By SIGTERM.
    Terminated,
    /// As the program ended that it started.
    Of(u8),
}

impl Exit {
    /// Its number.
    #[must_use]
    pub const fn code(self) -> u8 {
        match self {
            Self::Done => 0,
            Self::Fault => 1,
            Self::Usage => 2,
            Self::Denied => 3,
            Self::Expired => 4,
            Self::Held => 5,
            Self::Policy => 6,
            Self::Verification => 7,
            Self::HungUp => 129,
            Self::Interrupted => 130,
            Self::Terminated => 143,
            Self::Of(code) => code,
        }
    }
}

impl From<Exit> for std::process::ExitCode {
    fn from(exit: Exit) -> Self {
        Self::from(exit.code())
    }
}

/// A command that could not be carried out.
#[derive(Debug)]
pub struct Failure {
    /// For scripts.
    pub exit: Exit,
    /// What is wrong; one entry a line.
    pub causes: Vec<String>,
    /// What to do next.
    pub next: String,
}

impl Failure {
    /// A failure with one cause.
    pub fn new(exit: Exit, cause: impl fmt::Display, next: impl Into<String>) -> Self {
        Self {
            exit,
            causes: vec![cause.to_string()],
            next: next.into(),
        }
    }

    /// The input is wrong.
    pub fn usage(cause: impl fmt::Display, next: impl Into<String>) -> Self {
        Self::new(Exit::Usage, cause, next)
    }

    /// Something is broken.
    pub fn fault(cause: impl fmt::Display, next: impl Into<String>) -> Self {
        Self::new(Exit::Fault, cause, next)
    }

    /// Something does not verify.
    pub fn verification(cause: impl fmt::Display, next: impl Into<String>) -> Self {
        Self::new(Exit::Verification, cause, next)
    }

    /// A file could not be read or written.
    pub fn file(path: &std::path::Path, error: &std::io::Error) -> Self {
        Self::usage(
            format!("{}: {error}", path.display()),
            "check the path and its permissions",
        )
    }
}

/// What two things gave that were both tried; of two failures each is said.
///
/// # Errors
/// When either failed.
pub fn both<A, B>(one: Result<A, Failure>, other: Result<B, Failure>) -> Result<(A, B), Failure> {
    match (one, other) {
        (Ok(one), Ok(other)) => Ok((one, other)),
        (Err(failure), Ok(_)) | (Ok(_), Err(failure)) => Err(failure),
        (Err(mut first), Err(second)) => {
            first.causes.extend(second.causes);
            first.next = format!("{}; {}", first.next, second.next);
            Err(first)
        }
    }
}

/// How a command begins in a sentence.
const COMMANDS: [&str; 2] = ["`gatehold ", "`ssh-keygen "];

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let word = match self.exit {
            // In force, though not in the way it was asked for.
            Exit::Done => "note: ",
            _ => "error:",
        };
        for (at, cause) in self.causes.iter().enumerate() {
            let said = self.causes.iter().take(at).any(|other| other == cause);
            if !said {
                writeln!(f, "{word} {}", crate::screen::plain(cause))?;
            }
        }
        // A command that can be run is something to try; anything else is what to do next.
        let command = COMMANDS.iter().any(|program| self.next.contains(program));
        let word = if command { "try:  " } else { "next: " };
        write!(f, "{word} {}", crate::screen::plain(&self.next))
    }
}

impl std::error::Error for Failure {}

impl From<ClientError> for Failure {
    fn from(error: ClientError) -> Self {
        let next = match &error {
            ClientError::Problem(problem) => {
                let exit = match problem.code {
                    // In force, which is what was asked for; the sentence says where it is not yet.
                    ProblemCode::Journaled => Exit::Done,
                    ProblemCode::Gone => Exit::Expired,
                    ProblemCode::Fault | ProblemCode::Unavailable | ProblemCode::TooMany => {
                        Exit::Fault
                    }
                    _ => Exit::Usage,
                };
                return Self::new(exit, sentence(problem), problem.next.clone());
            }
            ClientError::Connect(_) => {
                "start a gate with `gatehold dev` or `gatehold serve`, or name one with --url"
            }
            ClientError::NoAnswer(_) => {
                "it may have acted all the same: look at what became of it, with `gatehold request show REQUEST` or `gatehold inbox`"
            }
            ClientError::Foreign { .. } => {
                "check that the URL in client.toml or behind --url is that of a gate"
            }
            ClientError::Config(_) | ClientError::Bounds(_) => "correct the input and try again",
            _ => "run `gatehold doctor`",
        };
        let exit = match &error {
            ClientError::Config(_) | ClientError::Bounds(_) => Exit::Usage,
            _ => Exit::Fault,
        };
        Self::new(exit, error.cause(), next)
    }
}

/// What a problem says of this time, which is a whole sentence; its title is for programs that show no more than that.
fn sentence(problem: &Problem) -> String {
    if !problem.detail.is_empty() {
        return problem.detail.clone();
    }
    match &problem.request_id {
        Some(call) => format!("{} (request_id {call})", problem.title),
        None => problem.title.clone(),
    }
}

#[cfg(test)]
mod tests;
