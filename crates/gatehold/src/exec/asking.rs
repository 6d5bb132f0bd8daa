//! From the wish to what is handed out: asks, waits for people, takes. What was asked for and not used is taken back, and a task
//! that was begun for it ends with it.

use std::time::Duration;

use gatehold_client::Client;
use gatehold_client::wire::{
    Credential, Outcome, Redeemed, RequestState, Submitted, TaskRequest, WAIT_SECONDS_MAX,
};
use gatehold_core::ids::TaskId;
use tokio::time::timeout;

use super::Stop;
use super::arguments::{Asking, Leasing, Wanted};
use super::session::{Lease, stands};
use crate::ambient::now_millis;
use crate::context::Ctx;
use crate::draft::Draft;
use crate::exit::{Exit, Failure};
use crate::interrupt::Signals;
use crate::request;
use crate::screen::{moment, plain};

/// How long what is put away may take at the gate.
const PUT_AWAY: Duration = Duration::from_secs(10);

/// What was handed out.
pub struct Taken {
    /// It, with its secret.
    pub credential: Credential,
    /// Its lease.
    pub lease: Lease,
}

/// Whoever asks, and what has to be put away.
pub struct Asker<'a> {
    asking: &'a Asking,
    client: Client,
    /// Where its pages are, when it has any; nothing before it was asked.
    pages: Option<Option<String>>,
    /// How wide what came of it is printed.
    columns: usize,
    task: Option<TaskId>,
    own_task: Option<String>,
    /// What it asked for and has not used.
    unused: Option<String>,
    /// The request of what was handed out, and when that ends by itself.
    lasting: Option<(String, i64)>,
}

impl<'a> Asker<'a> {
    /// Whoever the key is of.
    ///
    /// # Errors
    /// When there is no key, or no gate.
    pub async fn new(ctx: &Ctx, asking: &'a Asking) -> Result<Self, Failure> {
        let client = request::client(ctx, &asking.key).await?;
        Ok(Self {
            asking,
            client,
            pages: None,
            columns: ctx.errors.width,
            task: None,
            own_task: None,
            unused: None,
            lasting: None,
        })
    }

    /// Asks, waits and takes it. A signal ends the waiting, and nothing is left of it.
    ///
    /// # Errors
    /// The refusal, or what went wrong.
    pub async fn have(
        &mut self,
        leasing: &Leasing,
        wanted: Option<Wanted>,
        kind: &str,
        signals: &mut Signals,
    ) -> Result<Taken, Stop> {
        let request = match (&leasing.request, wanted) {
            (Some(request), _) => self.named(&request.to_string()).await?,
            (None, Some(wanted)) => self.asked(wanted, signals).await?,
            (None, None) => {
                let nothing = "nothing is asked for";
                return Err(Failure::usage(nothing, "say what, or a --request").into());
            }
        };
        loop {
            self.usable(&request, signals).await?;
            // Not to be broken off: what is handed out here is handed out once.
            if let Some(redeemed) = self.redeemed(&request).await? {
                let taken = self.taken(leasing, &request, &redeemed, kind)?;
                // Whoever said meanwhile that it is to end gets no session, whatever a session would make of it.
                return match signals.came().await {
                    Some(ending) => Err(self.not_used(&request, ending)),
                    None => Ok(taken),
                };
            }
        }
    }

    /// Asks for one action; gives its request.
    ///
    /// # Errors
    /// The refusal, or what went wrong.
    pub async fn asked(&mut self, wanted: Wanted, signals: &mut Signals) -> Result<String, Stop> {
        tokio::select! {
            biased;
            ending = signals.next() => Err(ended_by(ending)),
            asked = self.ask(wanted) => asked,
        }
    }

    /// Waits until the request may be used.
    ///
    /// # Errors
    /// When it never may be.
    pub async fn usable(&mut self, request: &str, signals: &mut Signals) -> Result<(), Stop> {
        tokio::select! {
            biased;
            ending = signals.next() => Err(ended_by(ending)),
            usable = self.wait(request) => usable,
        }
    }

    async fn ask(&mut self, wanted: Wanted) -> Result<String, Stop> {
        self.find_pages().await?;
        let task = self.task().await?;
        let draft = self.draft(wanted, task)?;
        let submitted = request::submit(&self.client, &draft).await?;
        match submitted {
            Submitted::Decided(decision) if decision.outcome == Outcome::Allowed => {
                let request = decision.request.unwrap_or_default();
                self.unused = Some(request.clone());
                Ok(request)
            }
            Submitted::Decided(decision) => {
                eprint!("{}", request::decision_text(&decision));
                Err(Stop::Said(Exit::Denied))
            }
            Submitted::Held(held) => {
                let request = held.request.clone().unwrap_or_default();
                self.unused = Some(request.clone());
                eprint!("{}", request::held_text(&held));
                self.say_where(&request);
                eprintln!("waiting; a signal takes the request back");
                Ok(request)
            }
        }
    }

    /// A request that was made before; where people have to decide it still, that is said.
    async fn named(&mut self, request: &str) -> Result<String, Stop> {
        self.find_pages().await?;
        let status = self.client.status(request, 0).await?;
        if status.state == RequestState::Held {
            eprint!("{}", request::status_text(&status));
            self.say_where(request);
            eprintln!("waiting");
        }
        Ok(request.to_owned())
    }

    /// Whether the gate has pages, and where.
    async fn find_pages(&mut self) -> Result<(), Stop> {
        if self.pages.is_none() {
            let gate = self.client.gate().await?;
            let pages = self.client.public_url().to_owned();
            self.pages = Some(gate.page_files.map(|_| pages));
        }
        Ok(())
    }

    /// Where people decide it.
    fn say_where(&self, request: &str) {
        match &self.pages {
            Some(Some(pages)) => {
                eprintln!("  page {}/requests/{}", plain(pages), plain(request));
            }
            _ => eprintln!("  to decide: gatehold approve {}", plain(request)),
        }
    }

    /// The task it belongs to.
    async fn task(&mut self) -> Result<TaskId, Stop> {
        if let Some(task) = self.task {
            return Ok(task);
        }
        let asking = self.asking;
        let task = match (&asking.purpose, asking.task) {
            (Some(purpose), _) => self.begin(purpose).await?,
            (None, Some(task)) => task,
            (None, None) => {
                let next = "say --task, or what for with --purpose";
                return Err(Failure::usage("an action belongs to a task", next).into());
            }
        };
        self.task = Some(task);
        Ok(task)
    }

    async fn begin(&mut self, purpose: &str) -> Result<TaskId, Stop> {
        let task = TaskRequest {
            purpose: purpose.to_owned(),
            on_behalf_of: None,
            boundary: None,
        };
        let begun = self.client.start_task(&task).await?.task;
        self.own_task = Some(begun.clone());
        begun
            .parse::<TaskId>()
            .map_err(|error| Failure::fault(error, "update this program").into())
    }

    fn draft(&self, wanted: Wanted, task: TaskId) -> Result<Draft, Failure> {
        let Asking {
            target, resource, ..
        } = self.asking;
        let (Some(target), Some(resource)) = (target, resource) else {
            let needed = "target and resource are needed";
            return Err(Failure::usage(needed, "say --target and --resource"));
        };
        let mut claims = self.asking.claims()?;
        claims.rollback_plan = wanted.rollback;
        Ok(Draft {
            descriptor: wanted.descriptor,
            target: target.clone(),
            resource: resource.clone(),
            duration_seconds: self.asking.duration,
            caps: wanted.caps,
            precondition: None,
            media_type: None,
            payload: wanted.payload,
            task: Some(task),
            claims,
        })
    }

    /// Waits until the request may be used, or never may be.
    async fn wait(&mut self, request: &str) -> Result<(), Stop> {
        let status = request::wait(&self.client, request).await?;
        match status.state {
            // What was used is refused by the gate, which says why.
            RequestState::Allowed
            | RequestState::Redeemable
            | RequestState::Executing
            | RequestState::Completed => Ok(()),
            state => {
                self.unused = None;
                eprint!("{}", request::status_text(&status));
                Err(Stop::Said(request::exit_of(state)))
            }
        }
    }

    /// Has the gate do it, at most once; nothing where people must decide once more.
    ///
    /// # Errors
    /// The refusal, or what went wrong.
    pub async fn redeemed(&mut self, request: &str) -> Result<Option<Redeemed>, Stop> {
        let redeemed = match self.client.redeem(request, WAIT_SECONDS_MAX).await {
            Ok(redeemed) => redeemed,
            Err(error) => {
                // It may have been used; what was is not taken back.
                self.unused = self.unused.take().filter(|_| !error.may_have_acted());
                let failure = request::not_redeemed(&self.client, request, error).await;
                return Err(failure.into());
            }
        };
        if redeemed.status.state == RequestState::Held {
            eprint!("{}", request::status_text(&redeemed.status));
            eprintln!("held again, by what is so now; waiting");
            return Ok(None);
        }
        self.unused = None;
        Ok(Some(redeemed))
    }

    /// What was handed out is not used. It ends with the task that was begun for it; where another task goes on, that is said.
    fn not_used(&self, request: &str, ending: crate::interrupt::Ending) -> Stop {
        eprintln!(
            "ended by {} while {} was handed out: no session begins",
            ending.name(),
            plain(request)
        );
        if self.own_task.is_none() {
            // The gate takes nothing back that was used: only people, its task or its time end it.
            let revoke = format!("have it revoked: `gatehold revoke {}`", plain(request));
            eprintln!("note:  {revoke}");
        }
        Stop::Said(ending.exit())
    }

    /// What was handed out.
    fn taken(
        &mut self,
        leasing: &Leasing,
        request: &str,
        redeemed: &Redeemed,
        kind: &str,
    ) -> Result<Taken, Stop> {
        let Some(credential) = &redeemed.credential else {
            eprint!("{}", request::redeemed_text(redeemed, self.columns));
            return Err(match request::exit_of(redeemed.status.state) {
                Exit::Done => Failure::usage(
                    "it was executed, and nothing was handed out for it",
                    "ask for what hands something out, such as db.login or ssh.command",
                )
                .into(),
                exit => Stop::Said(exit),
            });
        };
        let Some(lease) = &redeemed.status.lease else {
            let cause = "the gate does not say until when it may be used";
            return Err(Failure::fault(cause, "have it revoked, and report this").into());
        };
        self.lasting = Some((request.to_owned(), lease.not_after));
        if credential.kind != kind {
            let found = plain(&credential.kind);
            let cause = format!("a {found} was handed out where a {kind} is used");
            let next = "end its task or have it revoked, and ask with the command that fits";
            return Err(Failure::usage(cause, next).into());
        }
        eprintln!(
            "{} is in use until {}",
            plain(request),
            moment(lease.not_after, now_millis())
        );
        Ok(Taken {
            credential: credential.clone(),
            lease: Lease {
                client: self.client.clone(),
                request: request.to_owned(),
                not_after: lease.not_after,
                blind_seconds: leasing.blind,
            },
        })
    }

    /// Puts away what is left: takes back what was not used, and ends the task that was begun for it.
    pub async fn put_away(self) {
        if let Some(request) = &self.unused {
            let withdrawn = timeout(PUT_AWAY, self.client.withdraw(request)).await;
            match withdrawn {
                Ok(Ok(_)) => eprintln!("{} is taken back", plain(request)),
                _ => tracing::debug!(%request, "what is not used could not be taken back"),
            }
        }
        let Some(task) = &self.own_task else {
            return self.say_what_lasts().await;
        };
        let ended = timeout(PUT_AWAY, self.client.end_task(task)).await;
        if !matches!(ended, Ok(Ok(_))) {
            let task = plain(task);
            eprintln!("note:  the task goes on; end it with `gatehold task end {task}`");
        }
    }

    /// That what was handed out outlives its use, where it does.
    async fn say_what_lasts(&self) {
        let Some((request, end)) = &self.lasting else {
            return;
        };
        let asked = timeout(PUT_AWAY, self.client.status(request, 0)).await;
        let over = matches!(&asked, Ok(Ok(status)) if !stands(status));
        let now = now_millis();
        if !over && now < *end {
            let (request, end) = (plain(request), moment(*end, now));
            eprintln!("note:  what was handed out for {request} ends {end}, or with its task");
        }
    }
}

fn ended_by(ending: crate::interrupt::Ending) -> Stop {
    eprintln!("ended by {} while it waited", ending.name());
    Stop::Said(ending.exit())
}
