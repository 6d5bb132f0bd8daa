//! The agent of the demo, a process of its own: it holds one key, speaks the gate's public API, and knows nothing else.
//! It is told what to do a line at a time and answers each line with one line of JSON.

use std::collections::BTreeMap;
use std::path::PathBuf;

use clap::Args;
use gatehold_client::wire::{
    AnswerRequest, Claims, Credential, Descriptors, ExecutionOutcome, Outcome, RequestState,
    ReviewRequest, Submitted, TaskRequest,
};
use gatehold_client::{Client, ClientError, IdempotencyKey, Submission};
use gatehold_core::ids::{TaskId, WorkloadId};
use serde::{Deserialize, Serialize};
use tokio::io::{AsyncBufReadExt as _, AsyncWriteExt as _, BufReader, Lines};
use tokio::process::{ChildStdin, ChildStdout};

use super::cluster::{ROLE, TARGET};
use super::seat::{Answer as SqlAnswer, Seat};
use crate::connect::{read_key, with_key};
use crate::draft::Draft;
use crate::exit::{Exit, Failure};
use crate::profile::Profile;
use crate::request::why;

/// How wide the agent writes what it read: the demo stands it under a step.
const RESULT_COLUMNS: usize = 72;
/// How long one call waits for a decision or a question, in seconds; then it asks again.
const WAIT_SECONDS: u32 = 30;
/// What it answers whoever asks.
const ANSWER: &str = "order 7 alone; the log of deployment 991 says why";

/// Arguments of the agent's process.
#[derive(Debug, Args)]
pub struct AgentArgs {
    /// The gate's folder: for its address, not for anything in it.
    pub home: PathBuf,
    /// The agent's key.
    pub key: PathBuf,
    /// Its client of PostgreSQL, where it has one.
    pub psql: Option<PathBuf>,
}

/// What the agent says about one line.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Said {
    /// Whether the gate refused.
    pub refused: bool,
    /// A short code.
    pub code: String,
    /// A request, where there is one.
    pub id: String,
    /// For people.
    pub text: String,
}

impl Said {
    pub(super) fn new(code: &str, id: &str, text: impl Into<String>) -> Self {
        Self {
            refused: false,
            code: code.to_owned(),
            id: id.to_owned(),
            text: text.into(),
        }
    }

    /// Whether it says this code with this text in it.
    pub fn is(&self, code: &str, part: &str) -> bool {
        !self.refused && self.code == code && self.text.contains(part)
    }
}

/// The agent's process, seen from the demo. It ends when this is dropped and it has answered.
pub struct Agent {
    to: ChildStdin,
    from: Lines<BufReader<ChildStdout>>,
}

impl Agent {
    /// Over its two pipes.
    pub fn over(to: ChildStdin, from: ChildStdout) -> Self {
        Self {
            to,
            from: BufReader::new(from).lines(),
        }
    }

    /// Tells it one line and waits for what it says.
    ///
    /// # Errors
    /// When it says nothing.
    pub async fn tell(&mut self, line: &str) -> Result<Said, Failure> {
        let broken = |error: std::io::Error| Failure::fault(error, "report this");
        self.to
            .write_all(format!("{line}\n").as_bytes())
            .await
            .map_err(broken)?;
        let answer = self
            .from
            .next_line()
            .await
            .map_err(broken)?
            .unwrap_or_default();
        serde_json::from_str(&answer).map_err(|error| {
            Failure::fault(format!("the agent said {answer:?}: {error}"), "report this")
        })
    }
}

/// The agent's process, from within.
struct Working {
    client: Client,
    workload: WorkloadId,
    known: Descriptors,
    task: TaskId,
    write_key: Option<IdempotencyKey>,
    psql: Option<PathBuf>,
    login: Option<Credential>,
    seat: Option<Seat>,
}

/// The agent's whole life: one task, one answer a line.
///
/// # Errors
/// When the gate cannot be reached at all.
pub async fn run(args: &AgentArgs) -> Result<Exit, Failure> {
    let profile = Profile::load(&args.home)?;
    let client = with_key(&profile, read_key(&args.key)?)?;
    let workload =
        client
            .gate()
            .await?
            .caller
            .parse()
            .map_err(|error: gatehold_core::ids::NameError| {
                Failure::usage(error, "use an enrolled key")
            })?;
    let known = client.descriptors().await?;
    let task = client
        .start_task(&TaskRequest {
            purpose: "deployment 991 failed: find out why, and repair what it left behind"
                .to_owned(),
            on_behalf_of: None,
            boundary: None,
        })
        .await?;
    let task = task
        .task
        .parse()
        .map_err(|error: gatehold_core::ids::NameError| Failure::fault(error, "report this"))?;
    let mut working = Working {
        client,
        workload,
        known,
        task,
        write_key: None,
        psql: args.psql.clone(),
        login: None,
        seat: None,
    };
    let mut told = told();
    while let Some(line) = told.recv().await {
        let line = line.map_err(|error| Failure::fault(error, "report this"))?;
        let said = working.obey(&line).await?;
        let text =
            serde_json::to_string(&said).map_err(|error| Failure::fault(error, "report this"))?;
        println!("{text}");
    }
    Ok(Exit::Done)
}

/// What it is told, line by line. Read by a thread of its own, so that a connection which the gate closes meanwhile is seen to be
/// closed, and no call is made on it however long a person takes.
fn told() -> tokio::sync::mpsc::Receiver<std::io::Result<String>> {
    let (tell, told) = tokio::sync::mpsc::channel(1);
    std::thread::spawn(move || {
        for line in std::io::stdin().lines() {
            if tell.blocking_send(line).is_err() {
                return;
            }
        }
    });
    told
}

impl Working {
    async fn obey(&mut self, line: &str) -> Result<Said, Failure> {
        let (verb, rest) = line.split_once(' ').unwrap_or((line, ""));
        match verb {
            "reads" => self.reads(rest.parse().unwrap_or(0)).await,
            "read" => {
                self.read("SELECT id, status FROM orders WHERE id = 1")
                    .await
            }
            "deployment" => {
                self.read("SELECT id, status, log FROM deployments WHERE id = 991")
                    .await
            }
            "write" => self.write(rest).await,
            "wait" => self.wait(rest).await,
            "redeem" => self.redeem(rest).await,
            "hide" => self.hide(rest).await,
            "swap" => self.swap().await,
            "login" => self.submit(&self.login_draft()?, None).await,
            "sign-in" => self.sign_in(rest).await,
            "sign-in-again" => self.sit_down().await,
            "say" => Ok(self.say(rest).await),
            "approve" => self.approve(rest).await,
            "bidi" => self.bidi().await,
            "end" => match self.client.end_task(&self.task.to_string()).await {
                Ok(_) => Ok(Said::new("ended", "", self.task.to_string())),
                Err(error) => refused(error),
            },
            other => Err(Failure::usage(
                format!("`{other}`?"),
                "this command is for the demo alone",
            )),
        }
    }

    async fn reads(&self, count: u32) -> Result<Said, Failure> {
        let mut allowed = 0_u32;
        for n in 0..count {
            let said = self
                .read(&format!(
                    "SELECT id, status, total_cents FROM orders WHERE id = {}",
                    n % 7 + 1
                ))
                .await?;
            if said.refused || said.code != "completed" {
                return Ok(said);
            }
            allowed = allowed.saturating_add(1);
        }
        Ok(Said::new(
            "allowed",
            "",
            format!("{allowed} of {count} allowed, executed and in the ledger; no human asked"),
        ))
    }

    async fn read(&self, sql: &str) -> Result<Said, Failure> {
        let said = self
            .submit(&self.draft("sql.read", sql, Claims::default())?, None)
            .await?;
        if said.code != "allowed" {
            return Ok(said);
        }
        self.redeem(&said.id).await
    }

    async fn write(&mut self, order: &str) -> Result<Said, Failure> {
        let key = self.client.new_idempotency_key()?;
        self.write_key.get_or_insert_with(|| key.clone());
        let said = self
            .submit(&self.write_draft(order, "retry")?, Some(key))
            .await?;
        Ok(said)
    }

    /// The same call again, with other bytes under the key of the first.
    async fn swap(&self) -> Result<Said, Failure> {
        let mut draft = self.write_draft("7", "refunded")?;
        draft.payload = b"UPDATE orders SET total_cents = 0".to_vec();
        self.submit(&draft, self.write_key.clone()).await
    }

    /// Waits until people have decided, or ask something, which it answers.
    async fn wait(&self, id: &str) -> Result<Said, Failure> {
        loop {
            let status = match self.client.status(id, WAIT_SECONDS).await {
                Ok(status) => status,
                Err(error) => return refused(error),
            };
            let asked = status.questions.iter().find(|asked| !asked.answered);
            if let Some(asked) = asked.filter(|_| status.state == RequestState::Held) {
                let answer = AnswerRequest {
                    text: ANSWER.to_owned(),
                };
                return match self.client.answer(id, &answer).await {
                    Ok(_) => Ok(Said::new("asked", id, format!("{}\n{ANSWER}", asked.text))),
                    Err(error) => refused(error),
                };
            }
            match status.state {
                RequestState::Held => {}
                RequestState::Redeemable => return Ok(Said::new("approved", id, "")),
                state => {
                    let why = status
                        .denial
                        .map_or_else(String::new, |denial| why(&denial).join(": "));
                    return Ok(Said::new(&format!("{state:?}").to_lowercase(), id, why));
                }
            }
        }
    }

    /// A statement with characters in it that reorder what is read.
    async fn hide(&self, order: &str) -> Result<Said, Failure> {
        let sql = format!(
            "UPDATE orders SET status = 'paid' WHERE id = {order} -- \u{202e}\u{2066}diap ton si ti"
        );
        self.submit(&self.draft("sql.write", &sql, Claims::default())?, None)
            .await
    }

    async fn redeem(&self, id: &str) -> Result<Said, Failure> {
        match self.client.redeem(id, 30).await {
            Ok(redeemed) => Ok(match redeemed.result {
                Some(result) if result.outcome == ExecutionOutcome::Completed => {
                    let words = crate::result::words(&result.body.0).unwrap_or_default();
                    let rows = crate::result::text(&result.body.0, RESULT_COLUMNS);
                    Said::new("completed", id, format!("{words}\n{rows}"))
                }
                Some(result) => Said::new("failed", id, result.code),
                None => Said::new("not_executed", id, format!("{:?}", redeemed.status.state)),
            }),
            Err(error) => refused(error),
        }
    }

    /// Takes the login that was approved, and uses it.
    async fn sign_in(&mut self, id: &str) -> Result<Said, Failure> {
        match self.client.redeem(id, 30).await {
            Ok(redeemed) => {
                let code = redeemed.result.map(|result| result.code);
                self.login = redeemed.credential;
                if self.login.is_none() {
                    return Ok(Said::new("no_login", id, code.unwrap_or_default()));
                }
                self.sit_down().await
            }
            Err(error) => refused(error),
        }
    }

    /// Logs in with what it was handed.
    async fn sit_down(&mut self) -> Result<Said, Failure> {
        let has = self.login.as_ref().zip(self.psql.as_ref());
        let (login, psql) = has.ok_or_else(|| Failure::fault("it has no login", "report this"))?;
        let mut seat = Seat::take(psql, login)?;
        Ok(match seat.say("SELECT current_user").await {
            SqlAnswer::Rows(rows) => {
                self.seat = Some(seat);
                let until = login.public.get("expires").map_or("", String::as_str);
                let text = format!("as {}, until {until}", rows.join(" "));
                Said::new("signed_in", "", text)
            }
            SqlAnswer::Refused(why) | SqlAnswer::Over(why) => no("not_let_in", why),
        })
    }

    /// Says a statement in the session that it has open.
    async fn say(&mut self, sql: &str) -> Said {
        let Some(seat) = &mut self.seat else {
            return no("no_session", String::new());
        };
        match seat.say(sql).await {
            SqlAnswer::Rows(rows) => Said::new("rows", "", rows.join("\n")),
            SqlAnswer::Refused(why) => no("no_right", why),
            SqlAnswer::Over(why) => no("session_over", why),
        }
    }

    fn login_draft(&self) -> Result<Draft, Failure> {
        let named = |error: gatehold_core::ids::NameError| Failure::fault(error, "report this");
        let claims = Claims {
            reason: Some(
                "one statement at a time is not enough to find out what went wrong".to_owned(),
            ),
            ticket: Some("INC-4711".to_owned()),
            ..Claims::default()
        };
        Ok(Draft {
            descriptor: "db.login".parse().map_err(named)?,
            target: TARGET.parse().map_err(named)?,
            resource: "warehouse/orders".parse().map_err(named)?,
            duration_seconds: 600,
            caps: BTreeMap::new(),
            precondition: None,
            media_type: None,
            payload: format!(r#"{{"role":"{ROLE}"}}"#).into_bytes(),
            task: Some(self.task),
            claims,
        })
    }

    /// Tries to be its own reviewer.
    async fn approve(&self, id: &str) -> Result<Said, Failure> {
        let review = ReviewRequest {
            context: b"{}".to_vec().into(),
            signature: "-----BEGIN SSH SIGNATURE-----".to_owned(),
            answers: BTreeMap::new(),
            justification: "I checked it myself".to_owned(),
            salt: "00".to_owned(),
        };
        match self.client.review(id, &review).await {
            Ok(_) => Ok(Said::new("approved", id, "it approved itself")),
            Err(error) => refused(error),
        }
    }

    /// A resource whose name reads otherwise than it is.
    async fn bidi(&self) -> Result<Said, Failure> {
        let draft = self.draft("sql.read", "SELECT 1", Claims::default())?;
        let action = draft.exact(&self.workload, &self.known)?;
        let honest = String::from_utf8_lossy(action.envelope_bytes()).into_owned();
        let mut body = draft.submission(&action);
        body.envelope = honest
            .replace("shop/orders", "shop/\u{202e}sredro")
            .into_bytes()
            .into();
        match self.client.submit(&body, &Submission::default()).await {
            Ok(_) => Ok(Said::new("accepted", "", "it was taken")),
            Err(error) => refused(error),
        }
    }

    async fn submit(&self, draft: &Draft, key: Option<IdempotencyKey>) -> Result<Said, Failure> {
        let action = draft.exact(&self.workload, &self.known)?;
        let how = Submission {
            idempotency_key: key,
            ..Submission::default()
        };
        match self.client.submit(&draft.submission(&action), &how).await {
            Ok(Submitted::Held(held)) => {
                let reasons: Vec<&str> = held
                    .reasons
                    .iter()
                    .map(|reason| reason.code.as_str())
                    .collect();
                let text = format!("{}  held at {}", held.words.join("-"), reasons.join(", "));
                Ok(Said::new(
                    "held",
                    held.request.as_deref().unwrap_or_default(),
                    text,
                ))
            }
            Ok(Submitted::Decided(decision)) => {
                let id = decision.request.clone().unwrap_or_default();
                let reasons: Vec<&str> = decision
                    .reasons
                    .iter()
                    .map(|reason| reason.code.as_str())
                    .collect();
                Ok(match decision.outcome {
                    Outcome::Allowed => Said::new("allowed", &id, ""),
                    _ => Said {
                        refused: true,
                        ..Said::new("denied", &id, reasons.join(", "))
                    },
                })
            }
            Err(error) => refused(error),
        }
    }

    fn write_draft(&self, order: &str, status: &str) -> Result<Draft, Failure> {
        let claims = Claims {
            reason: Some(
                "deployment 991 left the order as failed; the payment went through".to_owned(),
            ),
            rollback_plan: Some("set the status back to failed; one row, one column".to_owned()),
            ticket: Some("INC-4711".to_owned()),
            ..Claims::default()
        };
        self.draft(
            "sql.write",
            &format!("UPDATE orders SET status = '{status}' WHERE id = {order}"),
            claims,
        )
    }

    fn draft(&self, descriptor: &str, sql: &str, claims: Claims) -> Result<Draft, Failure> {
        let named = |error: gatehold_core::ids::NameError| Failure::fault(error, "report this");
        let rows = if descriptor == "sql.read" { 10 } else { 1 };
        Ok(Draft {
            descriptor: descriptor.parse().map_err(named)?,
            target: "sql:shop".parse().map_err(named)?,
            resource: "shop/orders".parse().map_err(named)?,
            duration_seconds: 600,
            caps: [("rows".to_owned(), rows)].into(),
            precondition: None,
            media_type: None,
            payload: sql.as_bytes().to_vec(),
            task: Some(self.task),
            claims,
        })
    }
}

/// Something that a database refused.
fn no(code: &str, why: String) -> Said {
    Said {
        refused: true,
        ..Said::new(code, "", why)
    }
}

/// What a refusal says.
pub(super) fn refused(error: ClientError) -> Result<Said, Failure> {
    match error.problem() {
        Some(problem) => {
            // The last part of the problem's type is the gate's own stable code.
            let code = problem
                .kind
                .rsplit(['/', ':', '#'])
                .next()
                .unwrap_or_default();
            let text = format!("{}: {}", problem.status, problem.detail);
            Ok(Said {
                refused: true,
                ..Said::new(code, "", text)
            })
        }
        None => Err(error.into()),
    }
}
