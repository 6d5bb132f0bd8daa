//! What a requester reads: where a request stands, why, and what they may do next.

use gatehold_client::wire::{
    Credential, Decision, Denial, Held, Question, Reason, Redeemed, RequestStatus,
};

use super::After;
use crate::screen::{grouped, moment, plain};

/// What a requester reads about a decision.
#[must_use]
pub fn decision_text(decision: &Decision) -> String {
    let mut text = format!(
        "{} by {}{}\n",
        word(&decision.outcome),
        word(&decision.decided_by),
        decision
            .request
            .as_ref()
            .map(|id| format!("  {}", plain(id)))
            .unwrap_or_default()
    );
    text.push_str(&reasons_text(&decision.reasons));
    text
}

fn reasons_text(reasons: &[Reason]) -> String {
    reasons
        .iter()
        .map(|reason| match &reason.text {
            Some(text) => format!("  {} ({})\n", plain(text), plain(&reason.code)),
            None => format!("  {}\n", plain(&reason.code)),
        })
        .collect()
}

pub(super) fn next_text(held: &Held, after: After) -> String {
    match (&held.request, after) {
        (None, _) => String::new(),
        (Some(id), After::Applied) => format!(
            "next: others decide it with `gatehold inbox`; gatehold request show {} --wait\n",
            plain(id)
        ),
        (Some(id), _) => format!("next: gatehold request redeem {} --wait\n", plain(id)),
    }
}

/// What a requester reads about a hold.
#[must_use]
pub fn held_text(held: &Held) -> String {
    let id = held.request.as_deref().unwrap_or("(dry run)");
    let mut text = format!(
        "HELD  {}\n  words {}\n  at {}\n  decide by {}{}\n",
        plain(id),
        plain(&held.words.join("-")),
        plain(&held.checkpoints.join(", ")),
        moment(held.decide_by, crate::ambient::now_millis()),
        escalated_text(held.escalations),
    );
    text.push_str(&reasons_text(&held.reasons));
    text
}

/// That nobody decided in time, or a reviewer passed it on.
fn escalated_text(escalations: u32) -> String {
    match escalations {
        0 => String::new(),
        1 => ", escalated".to_owned(),
        times => format!(", escalated {times} times"),
    }
}

/// What a requester reads about where a request stands.
#[must_use]
pub fn status_text(status: &RequestStatus) -> String {
    let mut text = format!(
        "{}  {}  {}\n",
        plain(&status.request),
        word(&status.state),
        plain(&status.sentence)
    );
    for line in &status.change {
        text.push_str(&format!("  changes: {}\n", plain(line)));
    }
    if let Some(decision) = &status.decision {
        text.push_str(&decision_text(decision));
    }
    if let Some(held) = &status.held {
        text.push_str(&held_text(held));
    }
    text.push_str(&questions_text(&status.request, &status.questions));
    if let Some(execution) = &status.execution {
        text.push_str(&format!("  execution: {}", plain(&execution.code)));
        if let Some(quantity) = execution.quantity {
            text.push_str(&format!(", {} touched", grouped(quantity)));
        }
        text.push('\n');
    }
    if let Some(lease) = &status.lease {
        text.push_str(&format!("  credential: {}", plain(&lease.state)));
        text.push_str(if lease.overdue { ", overdue\n" } else { "\n" });
    }
    if let Some(code) = &status.closed {
        text.push_str(&format!("  closed: {}\n", plain(code)));
    }
    if let Some(denial) = &status.denial {
        text.push_str(&denial_text(denial));
    }
    text
}

/// Why somebody denied it, and what they say would be better: a line each.
pub fn why(denial: &Denial) -> Vec<String> {
    let reason = denial.reason.map(|reason| word(&reason).replace('_', " "));
    let text = denial.text.lines().filter(|line| !line.trim().is_empty());
    reason.into_iter().chain(text.map(plain)).collect()
}

fn denial_text(denial: &Denial) -> String {
    let lines = why(denial);
    lines
        .iter()
        .map(|line| format!("  why: {line}\n"))
        .collect()
}

/// Questions of reviewers, for the requester: whose, what, and how to answer.
pub(super) fn questions_text(id: &str, questions: &[Question]) -> String {
    let mut text = String::new();
    for question in questions {
        text.push_str(&format!(
            "  question {} from {} ({})\n",
            question.number,
            plain(&question.by),
            if question.answered {
                "answered"
            } else {
                "open"
            }
        ));
        for line in question.text.lines() {
            text.push_str(&format!("    {}\n", plain(line)));
        }
    }
    if questions.iter().any(|question| !question.answered) {
        text.push_str(&format!(
            "  answer: gatehold request answer {} 'TEXT'\n",
            plain(id)
        ));
    }
    text
}

/// What a requester reads about what came of it, in lines of this width; of a credential all, its secret too.
#[must_use]
pub fn redeemed_text(redeemed: &Redeemed, width: usize) -> String {
    let Some(result) = &redeemed.result else {
        return status_text(&redeemed.status);
    };
    let mut text = format!(
        "{}  {}  {}",
        plain(&redeemed.status.request),
        word(&result.outcome),
        plain(&result.code)
    );
    if let Some(quantity) = result.quantity {
        text.push_str(&format!("  {} touched", grouped(quantity)));
    }
    text.push('\n');
    if let Some(credential) = &redeemed.credential {
        text.push_str(&credential_text(credential));
        return text;
    }
    text.push_str(&crate::result::text(&result.body.0, width));
    if result.truncated {
        text.push_str("  … cut at the limit\n");
    }
    text
}

/// A credential as it is handed over. It goes to standard output alone: nothing else prints it again.
fn credential_text(credential: &Credential) -> String {
    let mut text = format!("  {}, handed over once:\n", plain(&credential.kind));
    for (name, value) in &credential.public {
        text.push_str(&format!("  {:<10} {}\n", plain(name), plain(value)));
    }
    text.push_str(&format!(
        "  {:<10} {}\n",
        "secret",
        plain(&credential.secret)
    ));
    text
}

/// The wire's word for a value of a closed list.
fn word<T: serde::Serialize>(value: &T) -> String {
    serde_json::to_value(value)
        .ok()
        .and_then(|value| value.as_str().map(str::to_owned))
        .unwrap_or_default()
}
