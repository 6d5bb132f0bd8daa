//! Asking the reviewer the questions of the checkpoints. The questions come from the view, which is signed, and so are the
//! answers: one that was given on the command line is shown beside its question like any other.

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
/// Every criterion that is unanswered or not met, and every answer that answers nothing.
pub fn check(criteria: &[Criterion], answers: &BTreeMap<String, String>) -> Result<(), Failure> {
    let mut causes: Vec<String> = criteria
        .iter()
        .filter(|criterion| !criterion.accepts(answers.get(&criterion.id).map(String::as_str)))
        .map(|criterion| {
            let how = if answers.contains_key(&criterion.id) {
                "is not met"
            } else {
                "is unanswered"
            };
            format!("criterion `{}` {how}: {}", criterion.id, criterion.text)
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
        next: "answer each at a terminal, or with --criteria ID=ANSWER; deny or ask when one is not met"
            .to_owned(),
    })
}

/// Asks each question that is not answered yet, shows the answer of each that is, and asks again after an answer that says nothing either way. `no` and `cannot
/// tell` are answers with which nothing can be approved: they stop it.
///
/// # Errors
/// When the input ends, or an answer says that the criterion is not met.
pub fn ask(
    criteria: &[Criterion],
    answers: &mut BTreeMap<String, String>,
    input: &mut impl BufRead,
    output: &mut impl Write,
) -> Result<(), Failure> {
    for criterion in criteria {
        if let Some(answer) = answers.get(&criterion.id) {
            write!(output, "{}", answered(criterion, answer)).map_err(broken)?;
            continue;
        }
        let answer = loop {
            let line = prompt(criterion, input, output)?;
            let answer = match (line.trim().to_lowercase().as_str(), &criterion.kind) {
                ("y" | "yes", CriterionKind::Yes) => "yes".to_owned(),
                ("n" | "no" | "cannot tell", CriterionKind::Yes) => return Err(not_met(criterion)),
                _ => line.trim().to_owned(),
            };
            if criterion.accepts(Some(answer.as_str()).filter(|answer| !answer.is_empty())) {
                break answer;
            }
            writeln!(output, "    that is none of the answers; nothing is lost").map_err(broken)?;
        };
        if !answer.is_empty() {
            answers.insert(criterion.id.clone(), answer);
        }
    }
    Ok(())
}

/// A criterion with the answer that was given on the command line.
#[must_use]
pub fn answered(criterion: &Criterion, answer: &str) -> String {
    format!(
        "  {} {}\n    answered: {}\n",
        plain(&criterion.id),
        plain(&criterion.text),
        plain(answer)
    )
}

fn not_met(criterion: &Criterion) -> Failure {
    Failure::new(
        Exit::Usage,
        format!(
            "criterion `{}` is not met, so nothing was signed",
            criterion.id
        ),
        "deny it, or ask the requester with `gatehold ask`",
    )
}

fn broken(error: std::io::Error) -> Failure {
    Failure::fault(error, "try again in a terminal")
}

/// Asks one question once.
fn prompt(
    criterion: &Criterion,
    input: &mut impl BufRead,
    output: &mut impl Write,
) -> Result<String, Failure> {
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
    Ok(line)
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
        for bad in ["no\nyes\n", "cannot tell\nyes\n", "yes\n\n", "yes\n", ""] {
            assert!(asked(bad).is_err(), "{bad:?}");
        }
    }

    #[test]
    fn a_slip_of_the_finger_is_asked_again() {
        let answers = asked("yse\n\nyes\n\nbackup 02:00\n\n").unwrap();
        assert_eq!(answers.get("scope").map(String::as_str), Some("yes"));
        assert_eq!(
            answers.get("rollback").map(String::as_str),
            Some("backup 02:00")
        );
    }

    #[test]
    fn an_answer_that_was_given_stands_beside_its_question() {
        let criteria = [
            criterion("scope", CriterionKind::Yes, true),
            criterion("rollback", CriterionKind::Text, true),
        ];
        let mut answers =
            parse(&["scope=yes".to_owned(), "rollback=a\u{1b}[2Jb".to_owned()]).unwrap();
        let mut out = Vec::new();
        ask(&criteria, &mut answers, &mut &b""[..], &mut out).unwrap();
        assert_eq!(
            String::from_utf8(out).unwrap(),
            "  scope about scope?\n    answered: yes\n  rollback about rollback?\n    answered: a⟨U+001B⟩[2Jb\n"
        );
    }

    #[test]
    fn what_nobody_answered_is_not_called_unmet() {
        let scope = [criterion("scope", CriterionKind::Yes, true)];
        let told = |given: &[String]| check(&scope, &parse(given).unwrap()).unwrap_err().causes;
        assert_eq!(told(&[]), ["criterion `scope` is unanswered: about scope?"]);
        let no = ["scope=no".to_owned()];
        assert_eq!(told(&no), ["criterion `scope` is not met: about scope?"]);
    }

    #[test]
    fn answers_on_the_command_line_are_pairs_that_answer_something() {
        assert!(parse(&["scope".to_owned()]).is_err());
        let given = parse(&["scope = yes".to_owned(), "x=1=2".to_owned()]).unwrap();
        assert_eq!(given.get("x").map(String::as_str), Some("1=2"));
        assert!(check(&[], &given).is_err());
    }
}
