//! Sentences of ours that every surface says in the same words: who asks, what a task has done, and the question on red. The page's
//! own module says them too (`panel.js`), and a test holds it to these.
//!
//! Names of others stand in them as they are: whoever shows a line makes it harmless first.

use crate::action::Envelope;
use crate::approved::bound;
use crate::hash::Hash;
use crate::limits::Limits;
use crate::reason;
use crate::request::RequestRecord;
use crate::requester::{Requester, SubmittingPoint};
use crate::tier::Tier;
use crate::view::{SoFar, View};

/// What whoever approves red must have read: a number that limits it, the resource, or the target. Which of them is asked was drawn
/// after the submission, so that nobody answers out of habit and whoever asks does not choose it. The answer is signed with the
/// criteria, under its id, and no approval of red counts without it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FactChallenge {
    /// `fact.rows`, `fact.resource`, `fact.target`.
    pub id: String,
    /// The question.
    pub question: String,
    /// What stands on the page.
    pub answer: String,
}

/// A number as people read it: `4,212`. Every surface says numbers through this; what is executed and what is a name never goes
/// through it.
#[must_use]
pub fn grouped(number: impl TryInto<i128>) -> String {
    let number = number.try_into().unwrap_or(i128::MAX);
    let digits = number.unsigned_abs().to_string();
    let mut out = if number < 0 { "-" } else { "" }.to_owned();
    for (left, digit) in (1..=digits.len()).rev().zip(digits.chars()) {
        out.push(digit);
        if left > 1 && left % 3 == 1 {
            out.push(',');
        }
    }
    out
}

/// A count with its noun: `1 row`, `4,212 rows`.
#[must_use]
pub fn counted(number: impl TryInto<i128>, noun: &str) -> String {
    let number = number.try_into().unwrap_or(i128::MAX);
    let more = if number == 1 { "" } else { "s" };
    format!("{} {noun}{more}", grouped(number))
}

/// A count with a noun that has a plural of its own: `1 leaf`, `4,212 leaves`.
#[must_use]
pub fn counted_as(number: impl TryInto<i128>, one: &str, several: &str) -> String {
    let number = number.try_into().unwrap_or(i128::MAX);
    format!(
        "{} {}",
        grouped(number),
        if number == 1 { one } else { several }
    )
}

/// The most of something that has the name of a cap: `at most 1 row`, `at most 4,212 rows`.
#[must_use]
pub fn at_most(number: u64, name: &str) -> String {
    let name = if number == 1 {
        of_one(name)
    } else {
        name.to_owned()
    };
    format!("at most {} {name}", grouped(number))
}

/// What follows a number that is one: the first word, and no more than that, without the `s` of several.
#[must_use]
pub fn of_one(text: &str) -> String {
    let start = text.len() - text.trim_start_matches(' ').len();
    let (space, words) = text.split_at(start);
    let end = words.find(|c: char| !c.is_ascii_alphanumeric() && c != '_');
    let (word, after) = words.split_at(end.unwrap_or(words.len()));
    let one = word
        .strip_suffix('s')
        .filter(|one| one.len() > 1 && !one.ends_with('s'));
    format!("{space}{}{after}", one.unwrap_or(word))
}

impl FactChallenge {
    /// What every id of it begins with. Criteria have other ids, so that no answer counts for both.
    pub const PREFIX: &str = "fact.";

    /// Everything that may be asked about an action: each of the caps it asks for, then its resource, then its target.
    #[must_use]
    pub fn all(limits: &Limits, envelope: &Envelope) -> Vec<Self> {
        let caps = limits.caps.iter().map(|(cap, most)| Self {
            id: format!("fact.{cap}"),
            question: format!("How many {cap} does it ask to touch at most?"),
            answer: most.to_string(),
        });
        caps.chain([Self::resource(envelope), Self::target(envelope)])
            .collect()
    }

    /// The one of them that is asked about a request, by what the gate drew for it.
    #[must_use]
    pub fn of(request_nonce: &Hash, limits: &Limits, envelope: &Envelope) -> Self {
        let all = Self::all(limits, envelope);
        let [a, b, c, d, ..] = *request_nonce.as_bytes();
        let drawn = usize::try_from(u32::from_be_bytes([a, b, c, d])).unwrap_or_default();
        // Never empty: resource and target are there always.
        let place = drawn.checked_rem(all.len()).unwrap_or_default();
        let asked = all.into_iter().nth(place);
        asked.unwrap_or_else(|| Self::resource(envelope))
    }

    fn resource(envelope: &Envelope) -> Self {
        Self {
            id: "fact.resource".to_owned(),
            question: "Which resource does it touch? Give its full name.".to_owned(),
            answer: envelope.resource.to_string(),
        }
    }

    fn target(envelope: &Envelope) -> Self {
        Self {
            id: "fact.target".to_owned(),
            question: "At which target does it act? Give its full name.".to_owned(),
            answer: envelope.target.to_string(),
        }
    }

    /// Whether this is what stands on the page, where numbers may be grouped.
    #[must_use]
    pub fn is_met_by(&self, given: &str) -> bool {
        let given = given.trim();
        let is_number = self.answer.bytes().all(|byte| byte.is_ascii_digit());
        given == self.answer || (is_number && given.replace(',', "") == self.answer)
    }
}

impl View {
    /// The question that is asked about this action before it is approved, on red.
    #[must_use]
    pub fn fact_challenge(
        &self,
        request_nonce: &Hash,
        envelope: &Envelope,
    ) -> Option<FactChallenge> {
        let red = self.tier.tier == Tier::Red;
        red.then(|| FactChallenge::of(request_nonce, &self.terms.limits, envelope))
    }
}

impl RequestRecord {
    /// Whether whoever approves it says why, at what it was held at or at what it is now.
    #[must_use]
    pub fn demands_reason(&self, now: Tier) -> bool {
        reason::is_demanded(self.tier.max(now))
    }

    /// The question about it that is asked while it is red.
    #[must_use]
    pub fn fact_challenge(&self) -> FactChallenge {
        let limits = self.held.as_ref().map_or_else(
            || self.limits.clone(),
            |held| bound(&held.requirement, &self.limits),
        );
        FactChallenge::of(&self.request_nonce, &limits, &self.envelope)
    }
}

impl Requester {
    /// Who asks, line by line.
    #[must_use]
    pub fn in_words(&self) -> Vec<String> {
        match self {
            Self::Workload {
                id,
                kind,
                owner,
                backup,
                assurance,
                point,
                initiator,
                ..
            } => {
                let mut lines = vec![
                    format!("{id}, {}, {}", kind.in_words(), assurance.in_words()),
                    format!("owner {owner}, backup {backup}"),
                ];
                if let Some(SubmittingPoint { id, owner, .. }) = point {
                    lines.push(format!("through enforcement point {id}, owner {owner}"));
                }
                lines.push(match initiator {
                    None => "on behalf of UNKNOWN: nobody attested who is behind it".to_owned(),
                    Some(one) if one.attested => format!("on behalf of {} (attested)", one.human),
                    Some(one) => format!("on behalf of {} (by its own word)", one.human),
                });
                lines
            }
            Self::Human {
                human,
                beneficiaries,
                ..
            } => {
                let mut lines = vec![format!("{human}, by their own signature")];
                lines.extend(beneficiaries.iter().map(|who| format!("{who} gains by it")));
                lines
            }
        }
    }
}

impl SoFar {
    /// What the task has done, newest last step first; equal neighbours stand on one line.
    #[must_use]
    pub fn in_words(&self) -> Vec<String> {
        let mut lines = vec![counted(self.steps, "step")];
        for (set, text) in [
            (self.labels.sensitive, "it has read sensitive data"),
            (
                self.labels.untrusted,
                "it has taken in text that strangers can write",
            ),
            (self.labels.external, "it has reached outside"),
            (self.crosses_systems, "it was on other targets before"),
        ] {
            if set {
                lines.push(text.to_owned());
            }
        }
        let same = self.latest.chunk_by(|left, right| left == right);
        lines.extend(same.filter_map(|same| {
            let one = same.first()?;
            Some(match same.len() {
                1 => one.clone(),
                several => format!("{} × {one}", grouped(several)),
            })
        }));
        lines
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;
    use crate::json::canonical;
    use crate::task::StepLabels;
    use crate::time::Timestamp;

    #[test]
    fn one_is_not_said_as_several() {
        assert_eq!(counted_as(1, "leaf", "leaves"), "1 leaf");
        assert_eq!(counted_as(4_212, "leaf", "leaves"), "4,212 leaves");
        assert_eq!(at_most(1, "rows"), "at most 1 row");
        assert_eq!(at_most(4_212, "rows"), "at most 4,212 rows");
        for (several, one) in [
            (" rows of shop/orders, now", " row of shop/orders, now"),
            ("rows", "row"),
            ("amount_cents", "amount_cent"),
            (" access to things", " access to things"),
            (", for 15 minutes", ", for 15 minutes"),
            ("s", "s"),
            ("", ""),
        ] {
            assert_eq!(of_one(several), one, "{several}");
        }
    }

    #[test]
    fn counts_are_grouped() {
        for (number, said) in [
            (i64::MIN, "-9,223,372,036,854,775,808"),
            (-1_000, "-1,000"),
            (0, "0"),
            (999, "999"),
            (1_000, "1,000"),
            (4_212, "4,212"),
            (90_000, "90,000"),
            (1_234_567, "1,234,567"),
        ] {
            assert_eq!(grouped(number), said);
        }
        assert_eq!(grouped(u64::MAX), "18,446,744,073,709,551,615");
        assert_eq!(counted(1_u8, "row"), "1 row");
        assert_eq!(counted(61_440_usize, "byte"), "61,440 bytes");
        assert_eq!(counted(0_u64, "row"), "0 rows");
    }

    #[test]
    fn the_question_on_red_is_another_one_each_time() {
        let hash = Hash::of(b"").to_string();
        let envelope = format!(
            r#"{{"caps":{{}},"descriptor":{{"hash":"{hash}","id":"sql.write"}},"duration_seconds":60,"payload":{{"media_type":"application/sql","sha256":"{hash}","size":0}},"precondition":null,"resource":"shop/orders","target":"sql:shop","task":null,"workload":"bot"}}"#
        );
        let envelope: Envelope = canonical::from_bytes(envelope.as_bytes()).unwrap();
        let limits = Limits {
            ttl_seconds: 60,
            uses: 1,
            caps: [("bytes".to_owned(), 10), ("rows".to_owned(), 4_212)].into(),
            not_before: Timestamp::from_millis(0),
            not_after: Timestamp::from_millis(1),
        };
        let mut seen = BTreeMap::new();
        for number in 0..64_u8 {
            let nonce = Hash::of(&[number]);
            let asked = FactChallenge::of(&nonce, &limits, &envelope);
            assert_eq!(asked, FactChallenge::of(&nonce, &limits, &envelope));
            seen.insert(asked.id.clone(), asked);
        }
        let ids: Vec<&str> = seen.keys().map(String::as_str).collect();
        assert_eq!(
            ids,
            ["fact.bytes", "fact.resource", "fact.rows", "fact.target"]
        );
        let (rows, resource) = (&seen["fact.rows"], &seen["fact.resource"]);
        assert!(
            ["4212", "4,212", " 4212 "]
                .iter()
                .all(|given| rows.is_met_by(given))
        );
        assert!(
            !["", "4213", "42,12x", "rows"]
                .iter()
                .any(|given| rows.is_met_by(given))
        );
        assert!(resource.is_met_by("shop/orders") && !resource.is_met_by("shop/order,s"));
        // Without caps there is still something to be read.
        let caps = BTreeMap::new();
        let bare = Limits { caps, ..limits };
        assert_eq!(FactChallenge::all(&bare, &envelope).len(), 2);
    }

    #[test]
    fn equal_steps_stand_on_one_line() {
        let so_far = SoFar {
            steps: 4,
            labels: StepLabels {
                sensitive: true,
                untrusted: false,
                external: false,
            },
            crosses_systems: true,
            latest: ["read a", "read b", "read b", "read a"]
                .map(str::to_owned)
                .to_vec(),
        };
        assert_eq!(
            so_far.in_words(),
            [
                "4 steps",
                "it has read sensitive data",
                "it was on other targets before",
                "read a",
                "2 × read b",
                "read a"
            ]
        );
    }
}
