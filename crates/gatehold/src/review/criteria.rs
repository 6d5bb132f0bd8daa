//! Asking the reviewer the questions of the checkpoints. The questions come from the view, which is signed.

use std::collections::BTreeMap;
use std::io::{BufRead, Write};

use gatehold_core::checkpoint::{Criterion, CriterionKind};

use crate::exit::{Exit, Failure};
use crate::screen::plain;

/// Answers given on the command line: `id=answer`, repeated or separated by commas.
///
/// # Errors
/// When one has no `=`.
pub fn parse(given: &[String]) -> Result<BTreeMap<String, String>, Failure> {
    given
        .iter()
        .map(|pair| {
            pair.split_once('=')
                .map(|(id, answer)| (id.trim().to_owned(), answer.trim().to_owned()))
                .ok_or_else(|| {
                    Failure::usage(
                        format!("`{pair}` answers nothing"),
                        "write --criteria ID=ANSWER, such as --criteria scope=yes",
                    )
                })
        })
        .collect()
}

/// Whether the given answers let an approving review count; what is missing is told with its question.
///
/// # Errors
/// Every criterion that is not met, and every answer that answers nothing.
pub fn check(criteria: &[Criterion], answers: &BTreeMap<String, String>) -> Result<(), Failure> {
    let mut causes: Vec<String> = criteria
        .iter()
        .filter(|criterion| !criterion.accepts(answers.get(&criterion.id).map(String::as_str)))
        .map(|criterion| {
            format!(
                "criterion `{}` is not met: {}",
                criterion.id, criterion.text
            )
        })
        .collect();
    causes.extend(
        answers
            .keys()
            .filter(|id| !criteria.iter().any(|criterion| criterion.id == **id))
            .map(|id| format!("there is no criterion `{id}`")),
    );
    if causes.is_empty() {
        return Ok(());
    }
    Err(Failure {
        exit: Exit::Usage,
        causes,
        next: "deny or ask when a criterion is not met; otherwise answer each with --criteria ID=ANSWER"
            .to_owned(),
    })
}

/// Asks each question that is not answered yet. Stops at the first answer with which nothing can be approved.
///
/// # Errors
/// When the input ends, or an answer says that the criterion is not met.
pub fn ask(
    criteria: &[Criterion],
    answers: &mut BTreeMap<String, String>,
    input: &mut impl BufRead,
    output: &mut impl Write,
) -> Result<(), Failure> {
    let broken = |error: std::io::Error| Failure::fault(error, "try again in a terminal");
    for criterion in criteria {
        if answers.contains_key(&criterion.id) {
            continue;
        }
        let choices = match &criterion.kind {
            CriterionKind::Yes => "yes / no / cannot tell".to_owned(),
            CriterionKind::Choice(words) => words.join(" / "),
            CriterionKind::Text if criterion.required => "in your words".to_owned(),
            CriterionKind::Text => "in your words, or nothing".to_owned(),
        };
        write!(
            output,
            "  {} {}\n    ({}) > ",
            plain(&criterion.id),
            plain(&criterion.text),
            plain(&choices)
        )
        .and_then(|()| output.flush())
        .map_err(broken)?;
        let mut line = String::new();
        if input.read_line(&mut line).map_err(broken)? == 0 {
            return Err(Failure::usage(
                "the input ended before every criterion was answered",
                "answer each question, or deny",
            ));
        }
        let answer = match (line.trim(), &criterion.kind) {
            ("y" | "Y" | "YES" | "Yes", CriterionKind::Yes) => "yes",
            (answer, _) => answer,
        };
        if !criterion.accepts(Some(answer).filter(|answer| !answer.is_empty())) {
            return Err(Failure::new(
                Exit::Usage,
                format!(
                    "criterion `{}` is not met, so nothing was signed",
                    criterion.id
                ),
                "deny it, or ask the requester with `gatehold ask`",
            ));
        }
        if !answer.is_empty() {
            answers.insert(criterion.id.clone(), answer.to_owned());
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn criterion(id: &str, kind: CriterionKind, required: bool) -> Criterion {
        Criterion {
            id: id.to_owned(),
            text: format!("about {id}?"),
            kind,
            required,
        }
    }

    fn asked(input: &str) -> Result<BTreeMap<String, String>, Failure> {
        let criteria = [
            criterion("scope", CriterionKind::Yes, true),
            criterion("rollback", CriterionKind::Text, true),
            criterion("note", CriterionKind::Text, false),
        ];
        let mut answers = BTreeMap::new();
        let mut out = Vec::new();
        ask(&criteria, &mut answers, &mut input.as_bytes(), &mut out)?;
        check(&criteria, &answers)?;
        Ok(answers)
    }

    #[test]
    fn only_met_criteria_let_a_review_be_signed() {
        assert_eq!(asked("y\nbackup 02:00\n\n").unwrap().len(), 2);
        for bad in ["no\n", "cannot tell\n", "yes\n\n", "yes\n", ""] {
            assert!(asked(bad).is_err(), "{bad:?}");
        }
    }

    #[test]
    fn answers_on_the_command_line_are_pairs_that_answer_something() {
        assert!(parse(&["scope".to_owned()]).is_err());
        let given = parse(&["scope = yes".to_owned(), "x=1=2".to_owned()]).unwrap();
        assert_eq!(given.get("x").map(String::as_str), Some("1=2"));
        assert!(check(&[], &given).is_err());
    }
}
