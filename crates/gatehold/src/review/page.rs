//! The page a reviewer reads, in the fixed order: strip, sentence, why held, what a change of the gate changes, exact action, baseline, who, grant, task so
//! far, evidence. What the requester says comes after the criteria, labelled, and never in our voice.

use std::fmt::Write as _;

use gatehold_core::decide::MODEL_RECOMMENDATION;
use gatehold_core::delegation::Through;
use gatehold_core::ids::{CheckpointName, TeamId};
use gatehold_core::limits::Limits;
use gatehold_core::tier::{Tier, TierInput};
use gatehold_core::view::{Source, View};
use gatehold_core::wording::at_most;
use gatehold_render::to_terminal;

use super::change::Told;
use super::graded::BY_THE_GATE;
use super::shown::Shown;
use crate::screen::{Screen, Style, counted, counted_as, duration, moment, plain, quoted};

/// Everything up to the criteria.
#[must_use]
pub fn page(shown: &Shown, screen: &Screen, now: i64) -> String {
    let view = &shown.view;
    let mut out = Page {
        text: String::new(),
        screen,
    };
    out.strip(shown, now);
    let name = view.requester.name();
    let sentence = screen.paint(Style::Bold, &plain(&view.sentence));
    // Who asks is said once.
    let asks = if view.sentence.starts_with(&name) {
        sentence
    } else {
        format!("{} asks: {sentence}", plain(&name))
    };
    out.line(&asks);
    for (code, text) in &view.why {
        out.line(&format!("  held: {} ({})", plain(text), plain(code)));
    }
    if !shown.through.is_empty() {
        let title =
            "FOR WHOM YOU DECIDE   your signature counts once: as yourself, or for one of these";
        out.list(title, &away(&shown.through), "nobody");
    }
    if !view.change.is_empty() {
        let title = match shown.change_told {
            Told::Here => "WHAT IT CHANGES   made here, from the root that you pinned",
            Told::ByTheGate => "WHAT IT CHANGES   as the gate knows it now",
        };
        out.list(title, &view.change, "nothing");
    }
    out.title(&format!("EXACT ACTION   {}", shown.words.join("-")));
    out.text
        .push_str(&to_terminal(&shown.display, screen.width, screen.color));
    out.list("UNLIKE ITS BASELINE", &view.unlike_baseline, "nothing");
    if !view.narrower.is_empty() {
        let title = "WHAT WOULD DO INSTEAD   lower the limits, or deny and suggest it";
        out.list(title, &view.narrower, "nothing");
    }
    let mut who = view.requester.in_words();
    if shown.has_changed {
        who.push("as it was enrolled when it asked; people have changed that since".to_owned());
    }
    if let Some(why) = &shown.without_force {
        who.push(format!(
            "NO FORCE NOW: {why}; nothing of this could be carried out"
        ));
    }
    out.list("WHO", &who, "nobody");
    out.terms(view, now);
    out.list(
        "ALREADY DONE IN THIS TASK",
        &view.so_far.in_words(),
        "nothing",
    );
    out.facts(view);
    let inputs: Vec<String> = view
        .tier
        .inputs
        .iter()
        .filter(|input| input.raised)
        .map(TierInput::in_words)
        .collect();
    out.list(
        &format!("WHY {}   {BY_THE_GATE}", tier_word(view.tier.tier)),
        &inputs,
        "no input raises it",
    );
    out.text
}

/// What the requester says, whole, for after the criteria.
#[must_use]
pub fn claims(shown: &Shown, screen: &Screen) -> String {
    let mut out = Page {
        text: String::new(),
        screen,
    };
    if shown.says.is_empty() {
        return out.text;
    }
    let (model, own): (Vec<_>, Vec<_>) =
        (shown.says.iter()).partition(|(name, _)| name == MODEL_RECOMMENDATION);
    if !own.is_empty() {
        out.title("WHAT THE REQUESTER SAYS   nobody has checked this");
    }
    own.into_iter().for_each(|one| out.claim(one));
    if !model.is_empty() {
        out.title("WHAT A MODEL THINKS OF IT   as the requester has it: which model nobody has checked, and it decides nothing");
    }
    model.into_iter().for_each(|one| out.claim(one));
    out.text
}

/// Who is away, and where they would be stood in for.
fn away(through: &[Through]) -> Vec<String> {
    let each = through.iter().map(|one| {
        let teams: Vec<&str> = one.teams.iter().map(TeamId::as_str).collect();
        let places = one.checkpoints.as_ref().map_or_else(String::new, |names| {
            let names: Vec<&str> = names.iter().map(CheckpointName::as_str).collect();
            format!(", at {} alone", names.join(", "))
        });
        format!(
            "{}, who is away until {}, in {}{places}",
            one.from,
            one.until,
            teams.join(", ")
        )
    });
    each.collect()
}

/// The word of a tier.
#[must_use]
pub const fn tier_word(tier: Tier) -> &'static str {
    match tier {
        Tier::Green => "GREEN",
        Tier::Amber => "AMBER",
        Tier::Red => "RED",
    }
}

/// The style of a tier; the word always stands beside it.
#[must_use]
pub const fn tier_style(tier: Tier) -> Style {
    match tier {
        Tier::Green => Style::Green,
        Tier::Amber => Style::Amber,
        Tier::Red => Style::Red,
    }
}

/// Limits in one line.
#[must_use]
pub fn limits(limits: &Limits) -> String {
    let mut text = format!(
        "{}, {}",
        duration(i64::from(limits.ttl_seconds)),
        counted(limits.uses, "use")
    );
    for (name, cap) in &limits.caps {
        let _ = write!(text, ", {}", plain(&at_most(*cap, name)));
    }
    text
}

struct Page<'a> {
    text: String,
    screen: &'a Screen,
}

impl Page<'_> {
    fn line(&mut self, line: &str) {
        self.text.push_str(line);
        self.text.push('\n');
    }

    fn title(&mut self, title: &str) {
        let title = self.screen.title(title);
        self.text.push('\n');
        self.line(&title);
    }

    fn claim(&mut self, (name, text): &(String, String)) {
        let size = counted(text.len().try_into().unwrap_or(u64::MAX), "byte");
        self.line(&format!(
            "  {} {} {}",
            self.screen.paint(Style::Amber, "CLAIMED"),
            plain(name),
            self.screen.paint(Style::Dim, &size)
        ));
        for line in quoted(text, self.screen.width) {
            self.line(&line);
        }
    }

    fn list(&mut self, title: &str, lines: &[String], none: &str) {
        self.title(title);
        if lines.is_empty() {
            self.line(&format!("  {none}"));
        }
        for line in lines {
            self.line(&format!("  {}", plain(line)));
        }
    }

    fn strip(&mut self, shown: &Shown, now: i64) {
        let tier = shown.view.tier.tier;
        let left = (shown.context.decide_by.millis() - now).div_euclid(1000);
        let strip = format!(
            "HELD · {} · {} · decide within {} · {} needed",
            tier_word(tier),
            shown.context.gate,
            duration(left),
            counted_people(shown.view.people_needed),
        );
        let strip = self.screen.paint(tier_style(tier), &strip);
        self.line(&strip);
        let names = format!("{}  {}", shown.context.request, shown.context.digest);
        let names = self.screen.paint(Style::Dim, &names);
        self.line(&names);
        if let Some(how) = shown.signer.in_words() {
            self.line(&format!("an approval of yours counts only {how}"));
        }
    }

    fn terms(&mut self, view: &View, now: i64) {
        self.title("IF APPROVED");
        let terms = &view.terms;
        let how = match terms.kind.as_str() {
            "held_execution" => "the gate runs exactly these bytes, once; nothing is handed out",
            "credential" => {
                "the workload is handed a credential of its own, which ends at the target by itself"
            }
            other => other,
        };
        self.line(&format!("  {}", plain(how)));
        self.line(&format!(
            "  {}; revocation: {}",
            limits(&terms.limits),
            plain(&terms.revocation)
        ));
        for cap in &terms.not_enforced {
            let word = self.screen.paint(Style::Red, "NOT ENFORCED");
            self.line(&format!("  {word} by the target: {}", plain(cap)));
        }
        self.line(&format!(
            "  decide by {}",
            moment(view.decide_by.millis(), now)
        ));
        self.line(&format!("  use by {}", moment(view.spend_by.millis(), now)));
        for (name, who) in &view.checkpoints {
            self.line(&format!("  checkpoint {}: {}", plain(name), plain(who)));
        }
    }

    /// A no that was found out is no yes.
    fn verified(&self, refuted: bool) -> String {
        if refuted {
            self.screen.paint(Style::Red, "VERIFIED NO")
        } else {
            self.screen.paint(Style::Green, "VERIFIED")
        }
    }

    fn facts(&mut self, view: &View) {
        self.title("EVIDENCE");
        for fact in view
            .facts
            .iter()
            .filter(|fact| fact.source != Source::Claimed)
        {
            let label = plain(&fact.label);
            let line = match fact.source {
                Source::Verified => format!(
                    "  {} {label}: {} ({}{})",
                    self.verified(fact.refuted),
                    plain(&fact.value),
                    plain(&fact.from),
                    age(fact.age_seconds)
                ),
                _ => format!(
                    "  {}  {label} ({})",
                    self.screen.paint(Style::Amber, "UNKNOWN"),
                    plain(&fact.from)
                ),
            };
            self.line(&line);
        }
    }
}

/// How old a fact was when it was shown; nothing for one that was established then.
fn age(seconds: u32) -> String {
    if seconds == 0 {
        String::new()
    } else {
        format!(", {} old", duration(i64::from(seconds)))
    }
}

fn counted_people(number: u32) -> String {
    counted_as(number, "person", "people")
}
