//! The result of verifying a ledger, for people and for machines.

use std::fmt;

use gatehold_core::hash::Hash;
use gatehold_core::wording::{counted, counted_as};
use serde::Serialize;

use crate::finding::{Finding, Gap};
use crate::fold::GlassShown;

/// What was found.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Report {
    /// Leaves read.
    pub leaves: u64,
    /// The root of all of them.
    pub root: Hash,
    /// Up to here tree heads or anchors vouch for the leaves. Nobody vouches yet for leaves from here on.
    pub covered: u64,
    /// Hash of the root statement, once it was read.
    pub root_statement: Option<Hash>,
    /// Whether somebody outside the ledger named that hash.
    pub pinned: bool,
    /// How many humans the root statement names.
    pub root_humans: usize,
    /// Leaves at which a lost quorum was restored with offline keys. Loud: from there on other people decide.
    pub quorum_lost: Vec<u64>,
    /// Where the glass was broken. Loud: there people decided who are not those of the checkpoints.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub glass_broken: Vec<GlassShown>,
    /// What was counted on the way.
    pub counts: Counts,
    /// Everything that is wrong: single leaves in order, then ranges, then the ledger as a whole.
    pub findings: Vec<Finding>,
    /// What could not be looked at.
    pub gaps: Vec<Gap>,
    /// What no verification of a ledger shows.
    pub not_shown: Vec<&'static str>,
}

/// How much there was of each.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize)]
pub struct Counts {
    /// Requests.
    pub requests: u64,
    /// Executed by the gate.
    pub executed: u64,
    /// Denied.
    pub denied: u64,
    /// Expired.
    pub expired: u64,
    /// Still open.
    pub open: u64,
    /// Signed reviews.
    pub reviews: u64,
    /// Links of the chain of trust.
    pub links: u64,
    /// Refusals of authenticated principals.
    pub refusals: u64,
    /// Attachments erased with people's approval.
    pub erased: u64,
}

/// What a ledger alone cannot show. Printed with every report.
pub(crate) const LEDGER_NOT_SHOWN: [&str; 4] = [
    "that a whole machine was not restored from an older copy, anchor and all: that takes a witness",
    "what happened at the targets beyond what they reported",
    "that policy answered rightly: its answers are as recorded, with the bundle that gave them",
    "that reviewers understood what they signed",
];

/// What is said of broken glass wherever this ledger is shown.
pub(crate) fn glass_broken(shown: &GlassShown) -> String {
    let signers: Vec<String> = shown.signers.iter().map(ToString::to_string).collect();
    format!(
        "             THE GLASS WAS BROKEN at leaf {} for {}, by {} ({})",
        shown.leaf,
        shown.request,
        signers.join(" and "),
        shown.incident
    )
}

/// What is said of a lost quorum wherever this ledger is shown.
pub(crate) fn quorum_lost(leaf: u64) -> String {
    format!(
        "  QUORUM LOST at leaf {leaf}: offline keys, not enrolled people, decided whose keys have force from there on"
    )
}

impl Report {
    /// Whether nothing is wrong.
    #[must_use]
    pub fn is_sound(&self) -> bool {
        self.findings.is_empty()
    }

    /// The first thing that is wrong.
    #[must_use]
    pub fn first(&self) -> Option<&Finding> {
        self.findings.first()
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Counts {
            requests,
            executed,
            denied,
            expired,
            open,
            reviews,
            links,
            erased,
            ..
        } = self.counts;
        if self.is_sound() {
            writeln!(f, "Ledger verified: {}.", leaves(self.leaves))?;
        } else {
            writeln!(f, "Ledger NOT verified: {}.", leaves(self.leaves))?;
            for finding in &self.findings {
                writeln!(f, "  {finding}")?;
            }
        }
        writeln!(f, "  root       {}", self.root)?;
        writeln!(
            f,
            "  covered    {} by tree heads and anchors",
            leaves(self.covered)
        )?;
        let pinned = if self.pinned { "pinned" } else { "NOT pinned" };
        match &self.root_statement {
            Some(hash) => writeln!(
                f,
                "  trust      {hash} ({pinned}), {}",
                counted(links, "link")
            )?,
            None => writeln!(f, "  trust      no root statement")?,
        }
        if self.root_humans == 2 {
            writeln!(f, "             the root statement names two humans only")?;
        }
        for leaf in &self.quorum_lost {
            writeln!(f, "{}", quorum_lost(*leaf))?;
        }
        for shown in &self.glass_broken {
            writeln!(f, "{}", glass_broken(shown))?;
        }
        writeln!(
            f,
            "  requests   {requests}: {executed} executed, {denied} denied, {expired} expired, {open} open"
        )?;
        writeln!(f, "  reviews    {reviews}")?;
        if erased > 0 {
            writeln!(f, "  erased     {erased} attachments")?;
        }
        if !self.gaps.is_empty() {
            writeln!(f, "Not checked:")?;
            for gap in &self.gaps {
                writeln!(f, "  {gap}")?;
            }
        }
        writeln!(f, "This does not show:")?;
        for text in &self.not_shown {
            writeln!(f, "  {text}")?;
        }
        Ok(())
    }
}

fn leaves(number: u64) -> String {
    counted_as(number, "leaf", "leaves")
}
