//! A dossier as text: one page that answers an auditor, and `explain`, which answers an operator in a few lines. Words of
//! requesters and reviewers are quoted and quieted; only ours stand alone.

use std::fmt::{self, Write as _};

use gatehold_core::assurance::Assurance;
use gatehold_core::json::ident;
use gatehold_core::request::DecidedBy;
use gatehold_core::review::ReviewAct;

use super::report::{DossierReport, PolicyShown, ReviewShown};
use crate::fold::CorrectionShown;
use crate::report::quorum_lost;

impl DossierReport {
    /// Who, what and why in a few lines (M001, M019, M142).
    #[must_use]
    pub fn explain(&self) -> String {
        let mut out = String::new();
        let _ = self.write_verdict(&mut out);
        let _ = self.write_explanation(&mut out);
        out
    }

    /// The first lines: whether anything below can be relied on, and by whose root.
    fn write_verdict(&self, f: &mut dyn fmt::Write) -> fmt::Result {
        if self.is_sound() {
            writeln!(f, "VERIFIED")?;
        } else {
            writeln!(f, "NOT VERIFIED. Do not rely on what follows.")?;
            for finding in &self.findings {
                writeln!(f, "  {}", quiet(&finding.to_string()))?;
            }
        }
        if !self.root.pinned {
            writeln!(
                f,
                "root NOT pinned: whose gate this is was not checked; give --root with the hash you know"
            )?;
        }
        Ok(())
    }

    fn write_explanation(&self, f: &mut dyn fmt::Write) -> fmt::Result {
        writeln!(f, "{}  {}", self.request, self.state.name())?;
        if let Some(sentence) = &self.action.sentence {
            writeln!(f, "  what         {}", quiet(sentence))?;
        }
        if let Some((descriptor, target, resource)) = &self.action.what {
            writeln!(f, "               {descriptor} on {resource} at {target}")?;
        }
        writeln!(f, "  digest       {}", self.action.digest)?;
        if let Some(requester) = &self.requester {
            writeln!(
                f,
                "  asked by     {}, for whom {} answers",
                requester.name, requester.accountable
            )?;
        }
        writeln!(
            f,
            "  decided by   {}",
            self.decided_by.map_or("nobody yet", decided)
        )?;
        if let Some((human, why)) = &self.accountable {
            writeln!(f, "  accountable  {human}: {why}")?;
        }
        if let Some(policy) = &self.policy {
            write_policy(f, policy)?;
        }
        for review in self.reviews.iter().filter(|review| !review.void) {
            writeln!(f, "  review       {}", line(review))?;
        }
        if self.leased {
            writeln!(f, "  revocation   {}", self.revocation)?;
        }
        for one in &self.corrections {
            writeln!(
                f,
                "  CORRECTION   of leaf {}: {}",
                one.corrects,
                correction(one)
            )?;
        }
        Ok(())
    }

    fn write_reviews(&self, f: &mut dyn fmt::Write) -> fmt::Result {
        for review in &self.reviews {
            writeln!(f, "  {}", line(review))?;
            if let Some(authority) = &review.authority {
                let teams: Vec<String> = authority.teams.iter().map(ToString::to_string).collect();
                let teams = if teams.is_empty() {
                    "no team".to_owned()
                } else {
                    teams.join(", ")
                };
                writeln!(
                    f,
                    "      authority: {teams}; key enrolled as {}; directory version {}",
                    authority.assurance, authority.directory
                )?;
            }
            let through = review
                .authority
                .iter()
                .flat_map(|authority| &authority.through);
            for through in through {
                let teams: Vec<String> = through.teams.iter().map(ToString::to_string).collect();
                writeln!(
                    f,
                    "      for {} in {}; delegation {}",
                    through.from,
                    teams.join(", "),
                    through.delegation
                )?;
            }
            writeln!(f, "      key: {}", review.key)?;
            if let Some(set) = &review.page_files {
                writeln!(f, "      pages of the gate, by its word: made of {set}")?;
            }
            for (criterion, answer) in &review.answers {
                writeln!(f, "      {}: \"{}\"", quiet(criterion), quiet(answer))?;
            }
            if let Some(why) = review.justification.as_ref().filter(|why| !why.is_empty()) {
                writeln!(f, "      in their words: \"{}\"", quiet(why))?;
            }
        }
        if self.reviews.is_empty() {
            writeln!(f, "  Nobody: no review was signed.")?;
        }
        Ok(())
    }

    /// What happened, and beside each leaf what somebody says was wrong in it.
    fn write_steps(&self, f: &mut dyn fmt::Write) -> fmt::Result {
        for step in &self.steps {
            let (leaf, at) = (step.leaf, step.at);
            writeln!(f, "  leaf {leaf:<6} {at}  {}", quiet(&step.what))?;
            if let Some(trace) = &step.trace {
                let rules = match trace.rules.as_slice() {
                    [] => "no rule".to_owned(),
                    rules => rules.join(", "),
                };
                writeln!(
                    f,
                    "              by {}  input {}  bundle {}",
                    quiet(&rules),
                    trace.input,
                    trace.bundle
                )?;
            }
            for one in self.corrections.iter().filter(|one| one.corrects == leaf) {
                writeln!(
                    f,
                    "              CORRECTED by leaf {}, {}: {}; key {}",
                    one.leaf,
                    one.at,
                    correction(one),
                    one.key
                )?;
            }
        }
        Ok(())
    }

    fn write_root(&self, f: &mut dyn fmt::Write) -> fmt::Result {
        let pinned = if self.root.pinned {
            "pinned by the auditor"
        } else {
            "NOT pinned: whose it is was not checked"
        };
        match &self.root.statement {
            Some(hash) => writeln!(f, "  root         {hash} ({pinned})")?,
            None => writeln!(f, "  root         none that verifies")?,
        }
        if self.root.humans == 2 {
            writeln!(
                f,
                "               The root statement names two humans only."
            )?;
        }
        for leaf in &self.root.quorum_lost {
            writeln!(f, "{}", quorum_lost(*leaf))?;
        }
        match &self.log {
            Some((origin, size)) => writeln!(f, "  tree head    {origin}, {size} leaves"),
            None => writeln!(f, "  tree head    none that verifies"),
        }
    }
}

impl fmt::Display for DossierReport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.is_sound() {
            writeln!(f, "Dossier verified.")?;
        } else {
            writeln!(f, "Dossier NOT verified. Do not rely on it.")?;
            for finding in &self.findings {
                writeln!(f, "  {finding}")?;
            }
        }
        self.write_explanation(f)?;
        self.write_root(f)?;
        writeln!(f, "\nWho approved, under what authority")?;
        self.write_reviews(f)?;
        super::glass::write(&self.broken_glass, f)?;
        writeln!(f, "\nWhat exactly")?;
        match &self.action.rendered {
            Some(text) => f.write_str(text)?,
            None => writeln!(f, "  The rendering is not here.")?,
        }
        if self.action.exact == Some(false) {
            writeln!(
                f,
                "  Not every byte of the payload can be read back from it."
            )?;
        }
        if let Some(limits) = &self.limits {
            writeln!(
                f,
                "  limits: {} use, {} s, until {}",
                limits.uses, limits.ttl_seconds, limits.not_after
            )?;
            for (name, cap) in &limits.caps {
                writeln!(f, "          at most {cap} {}", quiet(name))?;
            }
        }
        if let Some(requester) = &self.requester {
            writeln!(f, "\nWhat the requester said (claims, not facts)")?;
            if let Some(purpose) = &requester.purpose {
                writeln!(f, "  purpose: \"{}\"", quiet(purpose))?;
            }
            for (name, text) in &requester.claims {
                writeln!(f, "  {}: \"{}\"", quiet(name), quiet(text))?;
            }
        }
        writeln!(f, "\nCan it be revoked\n  {}", self.revocation)?;
        writeln!(f, "\nWhat happened")?;
        self.write_steps(f)?;
        if !self.gaps.is_empty() {
            writeln!(f, "\nNot checked")?;
            for gap in &self.gaps {
                writeln!(f, "  {gap}")?;
            }
        }
        writeln!(f, "\nThis does not show")?;
        for text in &self.not_shown {
            writeln!(f, "  {text}")?;
        }
        Ok(())
    }
}

fn write_policy(f: &mut dyn fmt::Write, policy: &PolicyShown) -> fmt::Result {
    writeln!(
        f,
        "  policy       {}, tier {}",
        policy.verdict,
        policy.tier.as_str()
    )?;
    for rule in &policy.rules {
        writeln!(f, "               rule {}", quiet(rule))?;
    }
    for reason in &policy.reasons {
        write!(f, "               {}", quiet(&reason.code))?;
        if !reason.text.is_empty() {
            write!(f, ": {}", quiet(&reason.text))?;
        }
        writeln!(f)?;
    }
    for checkpoint in &policy.checkpoints {
        writeln!(
            f,
            "               checkpoint {} (owner {}): {}",
            quiet(&checkpoint.name),
            quiet(&checkpoint.owner),
            quiet(&checkpoint.rationale)
        )?;
    }
    writeln!(f, "               bundle {}", policy.bundle)?;
    writeln!(f, "               input  {}", policy.input)?;
    if let Some(link) = &policy.activated {
        let approved: Vec<String> = link.approved_by.iter().map(ToString::to_string).collect();
        let by: Vec<String> = link.by.iter().map(ToString::to_string).collect();
        let approved = if approved.is_empty() {
            String::new()
        } else {
            format!(", approved by {}", approved.join(", "))
        };
        writeln!(
            f,
            "               in force since leaf {} ({}), by {}{approved}",
            link.leaf,
            link.what,
            by.join(", ")
        )?;
    }
    Ok(())
}

fn line(review: &ReviewShown) -> String {
    let act = match review.act {
        ReviewAct::Approve => "approved",
        ReviewAct::Deny => "denied",
    };
    let void = if review.void {
        "; void since it was held again"
    } else {
        ""
    };
    let assurance = match review.assurance {
        None => "signature not checked".to_owned(),
        Some(Assurance::Attested) => "attested".to_owned(),
        Some(level) => format!("{level}, not distinguishable from software that lies"),
    };
    let through = review.authority.iter().flat_map(|one| &one.through);
    let away: String = through
        .map(|one| format!(" for {}, who was away until {},", one.from, one.until))
        .collect();
    format!(
        "{} {act}{away} at {} (leaf {}; {assurance}{void})",
        review.reviewer, review.at, review.leaf
    )
}

/// Who says so, and what.
fn correction(one: &CorrectionShown) -> String {
    let text = match &one.text {
        Some(text) => format!("\"{}\"", quiet(text)),
        None => "the words are not here".to_owned(),
    };
    let signed = match one.assurance {
        Some(level) => format!("signed, {level}"),
        None => "signature not checked".to_owned(),
    };
    format!("{} said ({signed}): {text}", one.human)
}

const fn decided(by: DecidedBy) -> &'static str {
    match by {
        DecidedBy::Policy => "policy",
        DecidedBy::Human => "people",
        DecidedBy::DelegatedModel => "a model under delegation",
        DecidedBy::BreakGlass => "the emergency path",
        DecidedBy::Timeout => "nobody, in time",
    }
}

/// Text of others without anything that could act on a terminal or look like a line of ours.
pub(super) fn quiet(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for character in text.chars() {
        match ident::hazard(character) {
            None => out.push(character),
            Some(_) => {
                let _ = write!(out, "\u{27e8}U+{:04X}\u{27e9}", u32::from(character));
            }
        }
    }
    out
}
