//! Durations of one thing, done often.

use std::fmt;
use std::time::Duration;

/// Durations, to be read as percentiles.
#[derive(Debug, Default, Clone)]
pub struct Times(Vec<Duration>);

impl Times {
    /// One more.
    pub fn add(&mut self, took: Duration) {
        self.0.push(took);
    }

    /// How many.
    #[must_use]
    pub fn count(&self) -> usize {
        self.0.len()
    }

    /// The duration that so many of a hundred did not exceed (nearest rank); nothing of none.
    #[must_use]
    pub fn percentile(&self, of_hundred: usize) -> Option<Duration> {
        let mut sorted = self.0.clone();
        sorted.sort_unstable();
        let rank = (sorted.len() * of_hundred).div_ceil(100).max(1);
        sorted.get(rank - 1).copied()
    }

    /// How many times as long as that of others, at this percentile.
    #[must_use]
    pub fn over(&self, other: &Self, of_hundred: usize) -> Option<f64> {
        let (mine, theirs) = (self.percentile(of_hundred)?, other.percentile(of_hundred)?);
        Some(mine.as_secs_f64() / theirs.as_secs_f64())
    }
}

impl fmt::Display for Times {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (at, of_hundred) in [50, 99].into_iter().enumerate() {
            let between = if at == 0 { "" } else { " | " };
            match self.percentile(of_hundred) {
                Some(took) => write!(f, "{between}{:.1}", took.as_secs_f64() * 1e3)?,
                None => write!(f, "{between}-")?,
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn percentiles_are_nearest_ranks() {
        let mut times = Times::default();
        assert_eq!(
            (times.percentile(50), times.to_string()),
            (None, "- | -".to_owned())
        );
        for millis in (1..=200).rev() {
            times.add(Duration::from_millis(millis));
        }
        let at = |of_hundred| times.percentile(of_hundred).map(|took| took.as_millis());
        assert_eq!((at(50), at(99), at(100)), (Some(100), Some(198), Some(200)));
        assert_eq!(times.to_string(), "100.0 | 198.0");
        let mut double = Times::default();
        double.add(Duration::from_millis(396));
        assert_eq!(double.over(&times, 99), Some(2.0));
        assert_eq!(double.over(&Times::default(), 99), None);
    }
}
