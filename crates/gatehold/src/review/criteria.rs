//! Asking the reviewer the questions of the checkpoints, and on red the one about the action. The questions come from the view,
//! which is signed, and so are the answers: one that was given on the command line is shown beside its question like any other. On
//! red the reviewer also says why: those words are signed with the answers.

use std::collections::BTreeMap;
use std::io::{BufRead, Write};

use gatehold_core::checkpoint::{Criterion, CriterionKind};
use gatehold_core::reason;
use gatehold_core::wording::FactChallenge;

use super::shown::Shown;
use crate::exit::{Exit, Failure};
use crate::screen::{counted, plain};

/// Characters of a claim beside the criterion that needs it; all of it is shown after the questions.
const BESIDE_CHARACTERS: usize = 600;

/// Everything that is asked before a review may approve.
#[derive(Debug, Clone)]
pub struct Questions {
    /// Of the checkpoints.
    pub criteria: Vec<Criterion>,
    /// About the action itself, on red.
    pub fact: Option<FactChallenge>,
    /// What could have been asked about it: who answers before they were asked, in a script, answers all of it.
    pub facts: Vec<FactChallenge>,
    /// What the requester says, by name: a criterion may need some of it beside it.
    pub says: Vec<(String, String)>,
    /// Whether whoever approves says why, in their own words: as the view says, which is held against its tier.
    pub why: bool,
}

impl Questions {
    /// What is asked about this request.
    #[must_use]
    pub fn of(shown: &Shown) -> Self {
        let envelope = shown.action.envelope();
        let fact = shown.view.fact_challenge(&shown.request_nonce, envelope);
        let facts = fact.iter();
        let facts = facts.flat_map(|_| FactChallenge::all(&shown.view.terms.limits, envelope));
        Self {
            criteria: shown.view.criteria.clone(),
            facts: facts.collect(),
            fact,
            says: shown.says.clone(),
            why: shown.view.reason_demanded,
        }
    }

    /// The question that is asked, and what else could have been.
    fn every_fact(&self) -> impl Iterator<Item = &FactChallenge> {
        let asked = self.fact.iter();
        // A cap may have the name of another question; the one that is asked stands for it.
        let asks = |fact: &&FactChallenge| {
            let asked = self.fact.as_ref();
            asked.is_none_or(|asked| asked.id != fact.id)
        };
        asked.chain(self.facts.iter().filter(asks))
    }

    /// What the requester says about one criterion, where it needs that, in one line.
    fn beside(&self, criterion: &Criterion) -> String {
        let Some(name) = &criterion.claim else {
            return String::new();
        };
        let said = self.says.iter().find(|(known, _)| known == name);
        match said.filter(|(_, text)| !text.trim().is_empty()) {
            None => format!(
                "    UNKNOWN {}: the requester says nothing of it\n",
                plain(name)
            ),
            Some((_, text)) => {
                let shown: String = text.chars().take(BESIDE_CHARACTERS).collect();
                let cut = if shown.len() < text.len() { " …" } else { "" };
                format!(
                    "    CLAIMED {} ({}): {}{cut}\n",
                    plain(name),
                    counted(text.len(), "byte"),
                    plain(&shown)
                )
            }
        }
    }

    /// Whether nothing is.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.criteria.is_empty() && self.fact.is_none() && !self.why
    }

    fn knows(&self, id: &str) -> bool {
        self.criteria.iter().any(|criterion| criterion.id == id)
            || self.every_fact().any(|fact| fact.id == id)
    }
}

/// Answers given on the command line: `id=answer`, repeated or separated by commas.
///
/// # Errors
/// When one has no `=`.
pub fn parse(given: &[String]) -> Result<BTreeMap<String, String>, Failure> {
    given
        .iter()
        .flat_map(|given| pairs(given))
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

/// Splits at the commas that another answer begins after: an answer may have commas of its own.
fn pairs(given: &str) -> Vec<&str> {
    let mut found = Vec::new();
    let mut from = 0;
    for (at, _) in given.match_indices(',') {
        let rest = given.get(at + 1..).unwrap_or_default();
        let id = rest.split_once('=').map_or("", |(id, _)| id.trim());
        let names = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-' | b'.');
        if !id.is_empty() && id.bytes().all(names) {
            found.push(given.get(from..at).unwrap_or_default());
            from = at + 1;
        }
    }
    found.push(given.get(from..).unwrap_or_default());
    found
}

/// Whether what was answered lets an approving review count; what is missing is told with its question.
///
/// # Errors
/// Every criterion that is unanswered or not met, a fact that is not the one shown, every answer that answers nothing, and on red
/// why is not said, or in words that cannot stand there.
pub fn check(
    asked: &Questions,
    answers: &BTreeMap<String, String>,
    because: &str,
) -> Result<(), Failure> {
    let mut causes = wrong(asked, answers);
    if let Err(error) = reason::check(because.trim(), asked.why) {
        causes.push(error.to_string());
    }
    if causes.is_empty() {
        return Ok(());
    }
    Err(Failure {
        exit: Exit::Usage,
        causes,
        next: "answer each at a terminal, or with --criteria ID=ANSWER and --because WHY; deny or ask when one is not met"
            .to_owned(),
    })
}

/// Everything that is missing or wrong in the answers.
fn wrong(asked: &Questions, answers: &BTreeMap<String, String>) -> Vec<String> {
    let mut causes: Vec<String> = asked
        .criteria
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
    causes.extend(asked.every_fact().filter_map(|fact| {
        let how = match answers.get(&fact.id) {
            Some(answer) if fact.is_met_by(answer) => return None,
            Some(_) => "is not what stands on the page",
            None if asked.fact.as_ref().is_none_or(|one| one.id != fact.id) => return None,
            None => "is unanswered",
        };
        Some(format!("question `{}` {how}: {}", fact.id, fact.question))
    }));
    causes.extend(
        answers
            .keys()
            .filter(|id| !asked.knows(id))
            .map(|id| format!("there is no criterion `{id}`")),
    );
    causes
}

/// Asks each question that is not answered yet, shows the answer of each that is, and asks again after an answer that says nothing either way. `no` and `cannot
/// tell` are answers with which nothing can be approved: they stop it.
///
/// # Errors
/// When the input ends, or an answer says that the criterion is not met.
pub fn ask(
    asked: &Questions,
    answers: &mut BTreeMap<String, String>,
    input: &mut impl BufRead,
    output: &mut impl Write,
) -> Result<(), Failure> {
    for criterion in &asked.criteria {
        write!(output, "{}", asked.beside(criterion)).map_err(broken)?;
        if let Some(answer) = answers.get(&criterion.id) {
            let line = answered(&criterion.id, &criterion.text, answer);
            write!(output, "{line}").map_err(broken)?;
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
    match &asked.fact {
        Some(fact) => ask_fact(fact, answers, input, output),
        None => Ok(()),
    }
}

/// Asks what whoever approves must have read, until it is what stands on the page. `no` stops it.
fn ask_fact(
    fact: &FactChallenge,
    answers: &mut BTreeMap<String, String>,
    input: &mut impl BufRead,
    output: &mut impl Write,
) -> Result<(), Failure> {
    if let Some(answer) = answers.get(&fact.id) {
        let line = answered(&fact.id, &fact.question, answer);
        return write!(output, "{line}").map_err(broken);
    }
    loop {
        let line = line(
            &fact.id,
            &fact.question,
            "as it stands above",
            input,
            output,
        )?;
        let answer = line.trim();
        if fact.is_met_by(answer) {
            answers.insert(fact.id.clone(), fact.answer.clone());
            return Ok(());
        }
        if answer.eq_ignore_ascii_case("no") {
            return Err(stopped());
        }
        writeln!(
            output,
            "    that is not what stands above; read the exact action and the limits again, or `no` to stop"
        )
        .map_err(broken)?;
    }
}

/// Why whoever approves does so, in their words: as given, or on red asked for until something is said. `no` stops it.
///
/// # Errors
/// When the input ends, or `no` is answered.
pub fn ask_why(
    asked: &Questions,
    given: &str,
    input: &mut impl BufRead,
    output: &mut impl Write,
) -> Result<String, Failure> {
    let given = given.trim();
    // What was given and cannot stand there is told by `check`, with everything else.
    if !asked.why || !given.is_empty() {
        return Ok(given.to_owned());
    }
    loop {
        let line = line(
            "why",
            "It is RED: why do you approve it?",
            "in your words, one line; it is signed",
            input,
            output,
        )?;
        let answer = line.trim();
        if answer.eq_ignore_ascii_case("no") {
            return Err(stopped());
        }
        match reason::check(answer, true) {
            Ok(()) => return Ok(answer.to_owned()),
            Err(error) => writeln!(
                output,
                "    {error}; say why in a few words, or `no` to stop"
            )
            .map_err(broken)?,
        }
    }
}

fn stopped() -> Failure {
    Failure::usage(
        "nothing was signed",
        "read it again when you are ready, deny it, or ask with `gatehold ask`",
    )
}

/// A question with the answer that was given on the command line.
#[must_use]
pub fn answered(id: &str, text: &str, answer: &str) -> String {
    format!(
        "  {} {}\n    answered: {}\n",
        plain(id),
        plain(text),
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

/// Asks the question of a criterion once.
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
    line(&criterion.id, &criterion.text, &choices, input, output)
}

/// Asks one question once, and says how it is answered.
fn line(
    id: &str,
    text: &str,
    how: &str,
    input: &mut impl BufRead,
    output: &mut impl Write,
) -> Result<String, Failure> {
    write!(
        output,
        "  {} {}\n    ({}) > ",
        plain(id),
        plain(text),
        plain(how)
    )
    .and_then(|()| output.flush())
    .map_err(broken)?;
    let mut line = String::new();
    if input.read_line(&mut line).map_err(broken)? == 0 {
        return Err(Failure::usage(
            "the input ended before every question was answered",
            "answer each question, or deny",
        ));
    }
    Ok(line)
}

#[cfg(test)]
mod tests {
    use super::*;

    const WHY: &str = "INC-4711";

    fn criterion(id: &str, kind: CriterionKind, required: bool) -> Criterion {
        Criterion {
            id: id.to_owned(),
            text: format!("about {id}?"),
            kind,
            required,
            claim: None,
        }
    }

    fn questions(criteria: &[Criterion], fact: Option<&str>) -> Questions {
        Questions {
            criteria: criteria.to_vec(),
            fact: fact.map(|answer| FactChallenge {
                id: "fact.rows".to_owned(),
                question: "How many rows?".to_owned(),
                answer: answer.to_owned(),
            }),
            facts: Vec::new(),
            says: vec![("plan".to_owned(), "set it\nback\u{1b}".to_owned())],
            why: fact.is_some(),
        }
    }

    fn answers_to(
        questions: &Questions,
        input: &str,
    ) -> Result<(BTreeMap<String, String>, String), Failure> {
        let mut answers = BTreeMap::new();
        let mut out = Vec::new();
        ask(questions, &mut answers, &mut input.as_bytes(), &mut out)?;
        check(questions, &answers, WHY)?;
        Ok((answers, String::from_utf8(out).unwrap()))
    }

    fn asked(input: &str) -> Result<BTreeMap<String, String>, Failure> {
        let criteria = [
            criterion("scope", CriterionKind::Yes, true),
            criterion("rollback", CriterionKind::Text, true),
            criterion("note", CriterionKind::Text, false),
        ];
        answers_to(&questions(&criteria, None), input).map(|(answers, _)| answers)
    }

    #[test]
    fn on_red_the_question_about_the_action_is_asked_until_it_is_right() {
        let red = questions(&[], Some("4212"));
        let (answers, said) = answers_to(&red, "4,213\n\n 4,212 \n").unwrap();
        assert_eq!(
            answers,
            [("fact.rows".to_owned(), "4212".to_owned())].into()
        );
        assert_eq!(said.matches("that is not what stands above").count(), 2);
        assert!(said.starts_with("  fact.rows How many rows?\n    (as it stands above) > "));
        assert!(!said.contains("4212"), "{said}");
        for stopped in ["no\n", "1\n", ""] {
            assert!(answers_to(&red, stopped).is_err(), "{stopped:?}");
        }
        let told = |given: &str| {
            let given = parse(&[format!("fact.{given}")]).unwrap();
            check(&red, &given, WHY).map_err(|failure| failure.causes)
        };
        assert_eq!(told("rows=4212"), Ok(()));
        assert_eq!(
            told("rows=1"),
            Err(vec![
                "question `fact.rows` is not what stands on the page: How many rows?".to_owned()
            ])
        );
        assert_eq!(told("bytes=1").unwrap_err().len(), 2);
        let open = check(&red, &BTreeMap::new(), WHY).unwrap_err();
        assert_eq!(
            open.causes,
            ["question `fact.rows` is unanswered: How many rows?"]
        );
    }

    #[test]
    fn what_a_criterion_needs_of_the_requester_stands_beside_it_as_a_claim() {
        let needs = |claim: &str| Criterion {
            claim: Some(claim.to_owned()),
            ..criterion("rollback", CriterionKind::Yes, true)
        };
        let (_, said) = answers_to(&questions(&[needs("plan")], None), "yes\n").unwrap();
        let plan =
            "    CLAIMED plan (12 bytes): set it⟨U+000A⟩back⟨U+001B⟩\n  rollback about rollback?";
        assert!(said.starts_with(plan), "{said}");
        let (_, said) = answers_to(&questions(&[needs("ticket")], None), "yes\n").unwrap();
        let none = "    UNKNOWN ticket: the requester says nothing of it\n";
        assert!(said.starts_with(none), "{said}");
    }

    #[test]
    fn on_red_nobody_approves_without_saying_why() {
        let red = questions(&[], Some("1"));
        let said = |given: &str, input: &str| {
            let mut out = Vec::new();
            let because = ask_why(&red, given, &mut input.as_bytes(), &mut out);
            (because.ok(), String::from_utf8(out).unwrap())
        };
        let (because, screen) = said("", "\n  \nthe incident is real\n");
        assert_eq!(because.as_deref(), Some("the incident is real"));
        let told = "it is RED, and nothing says why you approve it; say why in a few words";
        assert_eq!(screen.matches(told).count(), 2);
        let (because, screen) = said("", "ok\n\u{200b}\nINC-4711\n");
        assert_eq!(because.as_deref(), Some("INC-4711"));
        for told in ["fewer than 3 letters or digits", "nothing that can be seen"] {
            assert!(screen.contains(told), "{screen}");
        }
        assert_eq!(said(" INC-4711 ", "").0.as_deref(), Some("INC-4711"));
        for stopped in ["no\n", ""] {
            assert_eq!(said("  ", stopped).0, None, "{stopped:?}");
        }
        let answers = parse(&["fact.rows=1".to_owned()]).unwrap();
        let long = "y".repeat(reason::CHARACTERS_MAX + 1);
        for (wrong, cause) in [
            ("", "it is RED, and nothing says why you approve it"),
            (" \t", "it is RED, and nothing says why you approve it"),
            ("\u{200b}", "nothing that can be seen"),
            ("ok", "fewer than 3 letters or digits"),
            (&long, "more than 2,000 characters"),
            ("yes \u{1b}[2J", "the control character U+001B"),
        ] {
            let told = check(&red, &answers, wrong).unwrap_err();
            let [said] = &told.causes[..] else {
                panic!("{:?}", told.causes);
            };
            assert!(said.contains(cause), "{said}");
            assert!(told.next.contains("--because WHY"), "{}", told.next);
        }
        assert!(check(&red, &answers, "INC-4711").is_ok());
        let green = questions(&[], None);
        assert!(check(&green, &BTreeMap::new(), "").is_ok());
        assert!(
            check(&green, &BTreeMap::new(), "\u{7}").is_err(),
            "whatever its tier"
        );
        assert_eq!(
            ask_why(&green, "", &mut &b""[..], &mut Vec::new()).unwrap(),
            ""
        );
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
        let asked = questions(&criteria, None);
        ask(&asked, &mut answers, &mut &b""[..], &mut out).unwrap();
        assert_eq!(
            String::from_utf8(out).unwrap(),
            "  scope about scope?\n    answered: yes\n  rollback about rollback?\n    answered: a⟨U+001B⟩[2Jb\n"
        );
    }

    #[test]
    fn what_nobody_answered_is_not_called_unmet() {
        let scope = questions(&[criterion("scope", CriterionKind::Yes, true)], None);
        let told = |given: &[String]| {
            check(&scope, &parse(given).unwrap(), "")
                .unwrap_err()
                .causes
        };
        assert_eq!(told(&[]), ["criterion `scope` is unanswered: about scope?"]);
        let no = ["scope=no".to_owned()];
        assert_eq!(told(&no), ["criterion `scope` is not met: about scope?"]);
    }

    #[test]
    fn answers_on_the_command_line_are_pairs_that_answer_something() {
        assert!(parse(&["scope".to_owned()]).is_err());
        let given = "narrower=no, this is the least,scope=yes, fact.rows=1,why=a, b = c";
        let answers = parse(&[given.to_owned()]).unwrap();
        let wanted = [
            ("fact.rows", "1"),
            ("narrower", "no, this is the least"),
            ("scope", "yes"),
            ("why", "a"),
            ("b", "c"),
        ];
        let wanted = wanted.map(|(id, answer)| (id.to_owned(), answer.to_owned()));
        assert_eq!(answers, wanted.into());
        let given = parse(&["scope = yes".to_owned(), "x=1=2".to_owned()]).unwrap();
        assert_eq!(given.get("x").map(String::as_str), Some("1=2"));
        assert!(check(&questions(&[], None), &given, "").is_err());
    }
}
