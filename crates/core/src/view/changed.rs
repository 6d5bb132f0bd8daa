//! What of a view is otherwise than it was shown. Times and ages go by for everybody and are no change; neither is a count that
//! moved by less than a tenth of what was shown. Who is asked meanwhile changes nothing that is decided.

use super::{Fact, Source, View};
use crate::tier::TierReport;

/// A count may move by this part of what was shown.
const PART: u64 = 10;

impl View {
    /// Compares this with a view that was shown earlier; names what differs, as the page calls it.
    #[must_use]
    pub fn changed_since(&self, shown: &Self) -> Vec<&'static str> {
        let parts = [
            (
                "the request",
                self.request == shown.request && self.sentence == shown.sentence,
            ),
            ("why it is held", self.why == shown.why),
            (
                "its tier",
                same_tier(&self.tier, &shown.tier) && self.reason_demanded == shown.reason_demanded,
            ),
            ("what it changes", self.change == shown.change),
            (
                "what is unlike its baseline",
                same(
                    &self.unlike_baseline,
                    &shown.unlike_baseline,
                    |now, then| alike(now, then, leads),
                ),
            ),
            ("what would do instead", self.narrower == shown.narrower),
            ("who asks", self.requester == shown.requester),
            ("what would be granted", self.terms == shown.terms),
            ("what its task has done", self.so_far == shown.so_far),
            ("the evidence", same_facts(self, shown)),
            (
                "what the requester says",
                self.claims_head == shown.claims_head,
            ),
            ("the criteria", self.criteria == shown.criteria),
            (
                "who may decide",
                same(&self.checkpoints, &shown.checkpoints, |now, then| {
                    now.0 == then.0
                }) && self.people_needed == shown.people_needed,
            ),
            (
                "the time to decide",
                self.decide_by == shown.decide_by && self.spend_by == shown.spend_by,
            ),
            (
                "what the pages of the gate are made of",
                self.page_files == shown.page_files,
            ),
        ];
        let changed = parts.into_iter().filter(|(_, same)| !same);
        changed.map(|(what, _)| what).collect()
    }
}

fn same<T>(now: &[T], shown: &[T], is_same: impl Fn(&T, &T) -> bool) -> bool {
    now.len() == shown.len()
        && now
            .iter()
            .zip(shown)
            .all(|(now, shown)| is_same(now, shown))
}

fn same_tier(now: &TierReport, shown: &TierReport) -> bool {
    // The words of the table are ours: every number in them counts something.
    now.tier == shown.tier
        && same(&now.inputs, &shown.inputs, |now, shown| {
            (&now.name, now.raised, &now.why) == (&shown.name, shown.raised, &shown.why)
                && alike(&now.value, &shown.value, |_| true)
        })
}

/// Claims are compared by the head of their chain.
fn same_facts(now: &View, shown: &View) -> bool {
    let found = |view: &View| -> Vec<Fact> {
        let facts = view.facts.iter();
        let found = facts.filter(|fact| fact.source != Source::Claimed);
        found.cloned().collect()
    };
    same(&found(now), &found(shown), |now, shown| {
        let about =
            now.label == shown.label && now.source == shown.source && now.refuted == shown.refuted;
        // That nobody knows is what is shown; for which reason is no part of it.
        let unknown = now.source == Source::Unknown;
        about && (unknown || (now.from == shown.from && alike(&now.value, &shown.value, leads)))
    })
}

/// A fact counts something where it begins with the number; further on a number may as well be a name.
const fn leads(place: usize) -> bool {
    place == 0
}

/// Whether two texts say the same but for the time of day, and for counts that moved by no more than their part.
fn alike(now: &str, shown: &str, is_count: impl Fn(usize) -> bool) -> bool {
    let words = |text: &'_ str| -> Vec<String> {
        let words = text.split_whitespace();
        words
            .map(|word| word.trim_end_matches([',', ';']).to_owned())
            .collect()
    };
    let (now, shown) = (words(now), words(shown));
    now.len() == shown.len()
        && now
            .iter()
            .zip(&shown)
            .enumerate()
            .all(|(place, (now, shown))| {
                now == shown
                    || (is_time(now) && is_time(shown))
                    || (is_count(place) && is_near(now, shown))
            })
}

/// `22:04`, `22:04:31`.
fn is_time(word: &str) -> bool {
    let parts: Vec<&str> = word.split(':').collect();
    let two = |part: &&str| part.len() == 2 && part.bytes().all(|byte| byte.is_ascii_digit());
    matches!(parts.len(), 2 | 3) && parts.iter().all(two)
}

fn is_near(now: &str, shown: &str) -> bool {
    match (count(now), count(shown)) {
        (Some(now), Some(shown)) => now.abs_diff(shown).saturating_mul(PART) <= shown,
        _ => false,
    }
}

/// A number as it is written for people or not.
fn count(word: &str) -> Option<u64> {
    let digits: String = word.chars().filter(|character| *character != ',').collect();
    let plain = digits.bytes().all(|byte| byte.is_ascii_digit());
    digits.parse().ok().filter(|_| plain)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_count_may_move_by_a_tenth_of_what_was_shown() {
        for (shown, now, same) in [
            ("4212", "4212", true),
            ("4212", "4633", true),
            ("4212", "4634", false),
            ("4212", "3791", true),
            ("4212", "3790", false),
            ("4,212 rows", "4,300 rows", true),
            ("9", "10", false),
            ("10", "9", true),
            ("10", "11", true),
            ("0", "1", false),
            ("2", "3", false),
            (
                "101 requests this hour; up to 100 are usual",
                "105 requests this hour; up to 100 are usual",
                true,
            ),
            (
                "101 requests this hour; up to 100 are usual",
                "101 requests this hour; up to 101 are usual",
                false,
            ),
            // A number that does not lead is a name.
            ("deployment 991 failed", "deployment 992 failed", false),
            ("yes: INC-4711", "yes: INC-4712", false),
            ("+4212", "4212", false),
            // The time of day goes by.
            (
                "Saturday 03:00 Europe/Berlin",
                "Saturday 03:01 Europe/Berlin",
                true,
            ),
            (
                "Saturday 23:59 Europe/Berlin",
                "Sunday 00:00 Europe/Berlin",
                false,
            ),
            ("at 03:00", "at noon", false),
        ] {
            assert_eq!(alike(now, shown, leads), same, "{shown} -> {now}");
        }
        let tier = "quantity 4,212, external recipients no, environment production";
        assert!(alike(&tier.replace("4,212", "4,300"), tier, |_| true));
        assert!(!alike(&tier.replace("4,212", "5,000"), tier, |_| true));
        assert!(!alike(&tier.replace("4,212", "UNKNOWN"), tier, |_| true));
    }
}
