//! The views of the inbox, the groups by how a request stands to whoever looks, and how an address names a page of them.
//!
//! A view only chooses among what the gate gives one person; of reviews there is nothing here to choose from.

use axum::extract::Query;
use axum::extract::rejection::QueryRejection;
use gatehold_core::hash::Hash;
use gatehold_core::time::Timestamp;
use gatehold_gate::InboxItem;
use serde::Deserialize;

use super::frame::PageError;

/// What has so little time left is said to expire, in milliseconds.
const SOON: i64 = 5 * 60 * 1_000;
/// And what has so little of its time left: one part in so many.
const SOON_PART: i64 = 4;

/// A view of the inbox.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum View {
    /// What whoever looks is asked for.
    #[default]
    Mine,
    /// What has a seat for them or their teams.
    Team,
    /// What ends soon.
    Expiring,
    /// What comes from workloads that they own or back up.
    Accountable,
    /// Everything that is held.
    All,
}

impl View {
    pub const ALL: [Self; 5] = [
        Self::Mine,
        Self::Team,
        Self::Expiring,
        Self::Accountable,
        Self::All,
    ];

    /// As it stands in addresses.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Mine => "mine",
            Self::Team => "team",
            Self::Expiring => "expiring",
            Self::Accountable => "accountable",
            Self::All => "all",
        }
    }

    pub fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|view| view.name() == name)
    }

    pub const fn title(self) -> &'static str {
        match self {
            Self::Mine => "Mine",
            Self::Team => "My team",
            Self::Expiring => "Expiring",
            Self::Accountable => "Accountable for",
            Self::All => "All held",
        }
    }

    /// What it says when nothing is in it.
    pub const fn when_empty(self) -> &'static str {
        match self {
            Self::Mine => "Nothing needs you.",
            Self::Team => "Nothing waits for you or your teams.",
            Self::Expiring => "Nothing is about to end.",
            Self::Accountable => "Nothing that you answer for is held.",
            Self::All => "Nothing is held.",
        }
    }

    /// The key that leads to it after `g`.
    pub const fn key(self) -> char {
        match self {
            Self::Mine => 'i',
            Self::Team => 't',
            Self::Expiring => 'e',
            Self::Accountable => 'a',
            Self::All => 'l',
        }
    }

    pub fn shows(self, item: &InboxItem, now: Timestamp) -> bool {
        match self {
            Self::Mine => item.mine && item.asked,
            Self::Team => item.seat,
            Self::Expiring => is_soon(item, now),
            Self::Accountable => item.accountable,
            Self::All => true,
        }
    }

    /// By how a request stands to whoever looks; in one group where something else orders them.
    pub const fn group(self, item: &InboxItem) -> Group {
        match (self, item.mine, item.asked, item.signed) {
            (Self::Expiring, ..) => Group::Soon,
            (Self::Accountable, ..) => Group::Accountable,
            (_, true, true, _) => Group::You,
            (_, true, false, _) => Group::May,
            (_, false, _, true) => Group::Signed,
            (_, false, _, false) => Group::Others,
        }
    }
}

fn is_soon(item: &InboxItem, now: Timestamp) -> bool {
    let left = item.decide_by.millis().saturating_sub(now.millis());
    let whole = item
        .decide_by
        .millis()
        .saturating_sub(item.submitted_at.millis());
    left < SOON.max(whole.div_euclid(SOON_PART))
}

/// A heading of a view, in their order on the page.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Group {
    You,
    May,
    Signed,
    Others,
    Soon,
    Accountable,
    Alike,
}

impl Group {
    /// Its name in the page, its title, and what that means.
    pub const fn said(self) -> (&'static str, &'static str, &'static str) {
        match self {
            Self::You => ("you", "Waits for you", "You are asked, and you may decide."),
            Self::May => (
                "may",
                "You may decide",
                "Others are asked first; you are asked when they do not decide in time.",
            ),
            Self::Signed => (
                "signed",
                "Signed by you",
                "Your review is in. It waits for others if more people are needed.",
            ),
            Self::Others => (
                "others",
                "Waits for others",
                "You have no seat here, or it is your own.",
            ),
            Self::Soon => (
                "soon",
                "Little time left",
                "Less than 5 minutes, or less than a quarter of its time. What nobody decides is denied.",
            ),
            Self::Accountable => (
                "accountable",
                "Asked for by what you answer for",
                "Workloads that you own or back up, and changes that you ask for yourself.",
            ),
            Self::Alike => (
                "alike",
                "All of these are alike",
                "The same workload, kind of action, target, tier with what raises it, reasons and sentence, with numbers of as many digits. Each is decided by itself.",
            ),
        }
    }
}

/// What requests that are alike have in common, as it stands in addresses.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Deserialize)]
#[serde(try_from = "String")]
pub(super) struct Likeness(String);

/// Its length.
const LIKENESS: usize = 16;

impl Likeness {
    /// The workload, the kind of action, the target, the tier with what raises it, the reasons, and the sentence with numbers as
    /// large: what touches a hundred thousand rows is not folded away under what touches one.
    pub fn of(item: &InboxItem) -> Self {
        let tier = format!("{:?} {:?}", item.tier, item.raised);
        let sentence = sized(&item.sentence);
        let mut parts = [
            &item.requester,
            &item.descriptor,
            &item.target,
            &tier,
            &sentence,
        ]
        .map(|part| Hash::of(part.as_bytes()).hex())
        .to_vec();
        parts.extend(item.why.iter().map(|why| Hash::of(why.as_bytes()).hex()));
        let mut name = Hash::of(parts.concat().as_bytes()).hex();
        name.truncate(LIKENESS);
        Self(name)
    }

    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// A sentence with how many digits each of its numbers has.
fn sized(sentence: &str) -> String {
    let mut out = String::with_capacity(sentence.len());
    let mut digits = 0_usize;
    for character in sentence.chars().chain(['.']) {
        match character {
            '0'..='9' => digits = digits.saturating_add(1),
            ',' if digits > 0 => {}
            _ => {
                if digits > 0 {
                    out.push_str(&format!("#{digits}"));
                    digits = 0;
                }
                out.push(character);
            }
        }
    }
    out
}

impl TryFrom<String> for Likeness {
    type Error = &'static str;

    fn try_from(text: String) -> Result<Self, &'static str> {
        let is_hex = |byte: u8| matches!(byte, b'0'..=b'9' | b'a'..=b'f');
        if text.len() == LIKENESS && text.bytes().all(is_hex) {
            Ok(Self(text))
        } else {
            Err("not what requests have in common")
        }
    }
}

/// Which page of which view.
#[derive(Debug, Clone, PartialEq, Eq, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Which {
    #[serde(default)]
    pub view: View,
    #[serde(default)]
    pub page: usize,
    /// Only what is alike in this way, unstacked.
    pub like: Option<Likeness>,
}

impl Which {
    /// As an address says it.
    pub fn read(query: Result<Query<Self>, QueryRejection>) -> Result<Self, PageError> {
        query.map(|Query(which)| which).map_err(|_| PageError::Form)
    }

    /// The query of an address, without what goes without saying.
    pub fn query(&self) -> String {
        let mut parts = Vec::new();
        if self.view != View::Mine {
            parts.push(format!("view={}", self.view.name()));
        }
        if let Some(like) = &self.like {
            parts.push(format!("like={}", like.as_str()));
        }
        if self.page > 0 {
            parts.push(format!("page={}", self.page));
        }
        parts.join("&")
    }

    /// The address of this page.
    pub fn href(&self) -> String {
        match self.query() {
            query if query.is_empty() => "/".to_owned(),
            query => format!("/?{query}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::sized;

    #[test]
    fn numbers_of_another_size_are_another_sentence() {
        let rows = |rows: &str| sized(&format!("bot wants to change at most {rows} rows of t"));
        assert_eq!(rows("4,212"), rows("9,999"));
        assert_eq!(rows("1"), rows("7"));
        assert_ne!(rows("1"), rows("10"));
        assert_ne!(rows("1"), rows("100,000"));
        // A number at the end counts as well, and a comma of the text stays one.
        assert_ne!(sized("order 7"), sized("order 77"));
        assert_ne!(sized("a, b"), sized("a b"));
    }
}
