//! How much work reading a calendar may be: a rule that goes on for ages ends as an error, never as silence.

/// Steps of one reading of all files.
const STEPS_MAX: u32 = 2_000_000;

/// What is left of it.
#[derive(Debug)]
pub(super) struct Steps(u32);

impl Default for Steps {
    fn default() -> Self {
        Self(STEPS_MAX)
    }
}

impl Steps {
    /// So many.
    #[cfg(test)]
    pub(super) const fn of(steps: u32) -> Self {
        Self(steps)
    }

    /// One step more.
    pub(super) fn take(&mut self) -> Result<(), String> {
        self.0 = self
            .0
            .checked_sub(1)
            .ok_or("its rules take too long to follow; let them begin later")?;
        Ok(())
    }
}
