//! The event log of a run: one line a step. A log names its seed, so replaying it is running it again and comparing.

use std::fmt::Write as _;

use super::{Outcome, Run, run};

/// The lines of a run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Journal {
    run: Run,
    lines: Vec<String>,
}

/// A log that does not describe the run it names: the code has changed since.
#[derive(Debug, thiserror::Error)]
pub enum Mismatch {
    /// Not a log.
    #[error("the first line of a log is `gatehold-sim seed=N steps=N`")]
    Header,
    /// Another line than the one written.
    #[error(
        "line {number} was `{was}` and is `{is}` now: the code has changed since the log was written"
    )]
    Line {
        /// Which line.
        number: usize,
        /// In the log.
        was: String,
        /// Now.
        is: String,
    },
}

impl Journal {
    pub(super) const fn of(run: Run) -> Self {
        Self {
            run,
            lines: Vec::new(),
        }
    }

    pub(super) fn line(&mut self, line: String) {
        self.lines.push(line);
    }

    /// What was done.
    #[must_use]
    pub fn lines(&self) -> &[String] {
        &self.lines
    }

    /// The log as a file.
    #[must_use]
    pub fn to_text(&self) -> String {
        let mut text = format!(
            "gatehold-sim seed={} steps={}\n",
            self.run.seed, self.run.steps
        );
        for line in &self.lines {
            let _ = writeln!(text, "{line}");
        }
        text
    }
}

/// The run that a log's first line names.
///
/// # Errors
/// [`Mismatch::Header`].
pub fn header(text: &str) -> Result<Run, Mismatch> {
    let mut words = text.lines().next().unwrap_or_default().split(' ');
    let mut number = |name: &str| words.next()?.strip_prefix(name)?.parse().ok();
    let parsed = number("gatehold-sim").or(Some(0_u64)).and_then(|_| {
        let seed: u64 = number("seed=")?;
        let steps: u64 = number("steps=")?;
        Some(Run {
            seed,
            steps: u32::try_from(steps).ok()?,
        })
    });
    parsed.ok_or(Mismatch::Header)
}

/// Runs what a log names again and shows each line; stops at the first that differs.
///
/// # Errors
/// [`Mismatch`].
pub fn replay(text: &str, mut show: impl FnMut(usize, &str)) -> Result<Outcome, Mismatch> {
    let outcome = run(header(text)?);
    let logged = text.lines().skip(1);
    for (number, (was, is)) in (1..).zip(logged.zip(outcome.journal.lines())) {
        if was != is {
            return Err(Mismatch::Line {
                number,
                was: was.to_owned(),
                is: is.clone(),
            });
        }
        show(number, is);
    }
    Ok(outcome)
}
