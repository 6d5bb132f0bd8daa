//! `gatehold break-glass sign`: the first who signs draws the statement up and makes a file of it, each after that signs what is in
//! the file, and the last hands it in. Each is shown the whole action, made again here under the pinned root.
//!
//! It must never sign a member that was not compared with what is shown.

use std::collections::{BTreeMap, BTreeSet};
use std::io::{IsTerminal as _, Write};
use std::path::{Path, PathBuf};

use clap::Args;
use gatehold_client::wire::{BreakGlassRequest, KeySignature};
use gatehold_core::checkpoint::Offer;
use gatehold_core::glass::{GLASS_TYPE, GLASS_USE_SECONDS_MAX, GlassStatement};
use gatehold_core::hash::hex;
use gatehold_core::ids::{HumanId, RequestId};
use gatehold_core::json::canonical;
use gatehold_core::review::Answers;
use gatehold_core::time::Timestamp;
use serde_json::json;

use crate::ambient::{now_millis, random};
use crate::context::Ctx;
use crate::exit::{Exit, Failure};
use crate::files;
use crate::human_key::HumanKey;
use crate::output::Format;
use crate::profile::Profile;
use crate::review::approve::{confirm, in_pages, open, with_force};
use crate::review::criteria::{self, Questions};
use crate::review::page;
use crate::review::shown::Shown;
use crate::root::rooted;
use crate::screen::{Style, moment, plain, quoted};
use crate::session::{Acting, acting};

/// Arguments of `gatehold break-glass sign`.
#[derive(Debug, Args)]
#[command(
    after_help = "Examples:\n  gatehold break-glass sign REQUEST glass.json --key /media/drawer/key --with bob@acme --incident INC-4711 --because 'orders are stuck, nobody answers'\n  gatehold break-glass sign REQUEST glass.json --key /media/drawer/key      # who signs after the first"
)]
pub struct Sign {
    /// The request.
    pub id: RequestId,
    /// What was signed so far; whoever signs first makes it.
    pub file: PathBuf,
    /// Your key from the drawer: an SSH key file.
    #[arg(long)]
    pub key: PathBuf,
    /// Whose key it is, as subject@issuer; yours without it.
    #[arg(long)]
    pub human: Option<HumanId>,
    /// Who signs besides, as subject@issuer.
    #[arg(long, value_name = "HUMAN")]
    pub with: Vec<HumanId>,
    /// The incident, by the reference that it has elsewhere.
    #[arg(long, value_name = "REFERENCE")]
    pub incident: Option<String>,
    /// Who else is on that incident, as subject@issuer: they do not look at it afterwards.
    #[arg(long, value_name = "HUMAN")]
    pub responder: Vec<HumanId>,
    /// An answer to a criterion, or to the question on red, as ID=ANSWER; asked for when it is not given.
    #[arg(long, value_delimiter = ',', value_name = "ID=ANSWER")]
    pub criteria: Vec<String>,
    /// Why, in your words, on one line; asked for when it is not given.
    #[arg(long, default_value = "", value_name = "WHY")]
    pub because: String,
}

/// Shows, asks, signs; the last hands it in.
///
/// # Errors
/// When something differs from what is shown, it is not offered, the key does not sign, or the gate refuses.
pub async fn sign(ctx: &Ctx, args: &Sign) -> Result<Exit, Failure> {
    let profile = ctx.profile()?;
    let acting = acting(&profile, ctx.person.as_deref()).await?;
    let shown = open(&acting, &profile, args.id).await?;
    with_force(&shown)?;
    let offer = shown.offer.clone().ok_or_else(not_offered)?;
    let key = HumanKey::offline(&args.key, &profile.origin)?;
    let human = args.human.as_ref().unwrap_or(&acting.person.human).clone();
    is_offline(&profile, &acting, &human, &key).await?;
    let attended = std::io::stdin().is_terminal() && std::io::stdout().is_terminal();
    // Scripts play people only with keys that were generated for it, and say every answer.
    if !attended && !key.is_generated() {
        return Err(Failure::usage(
            "breaking the glass needs a terminal",
            "run it where a person reads the page; there is no option that skips it",
        ));
    }
    ctx.say(&page::page(&shown, &ctx.screen, now_millis()));
    let mut glass = match Glass::read(&args.file)? {
        Some(glass) => glass.checked(&shown)?,
        None => Glass::drawn_up(ctx, args, &shown, &human)?,
    };
    if !glass.statement.signers.contains(&human) || !offer.people.contains(&human) {
        return Err(Failure::usage(
            format!(
                "{} is none of those who sign this",
                plain(&human.to_string())
            ),
            "name everybody who signs with --with, each of whom every checkpoint names",
        ));
    }
    if glass.missing().is_empty() {
        // It is signed; what is left is to hand it in, as after a gate that did not answer.
        return finish(ctx, args, &acting, &glass).await;
    }
    let mut out = people_read(ctx);
    let says = page::claims(&shown, &ctx.screen);
    if attended {
        in_pages(&says, &mut std::io::stdin().lock(), &mut out)?;
    } else {
        ctx.say(&says);
    }
    ctx.say(&glass.in_words(ctx, &shown, &offer));
    if attended && !key.asks_for_touch() {
        confirm(&shown.words, &mut std::io::stdin().lock(), &mut out)?;
    }
    glass.add(&human, &key)?;
    finish(ctx, args, &acting, &glass).await
}

/// Hands it in when everybody has signed, and else leaves it for whoever is next.
async fn finish(ctx: &Ctx, args: &Sign, acting: &Acting, glass: &Glass) -> Result<Exit, Failure> {
    glass.write(&args.file)?;
    let missing = glass.missing();
    if missing.is_empty() {
        let id = args.id.to_string();
        let status = acting.client.break_glass(&id, &glass.request).await?;
        let answer = json!({ "request": id, "state": status.state, "signed": glass.statement.signers, "missing": missing });
        let next = "everybody was told; whoever asked may redeem it now, once, and two people who had no part in it look at it: \
                    gatehold break-glass list";
        ctx.print(&answer, || {
            let loud = ctx.screen.paint(Style::Red, "THE GLASS IS BROKEN");
            format!("{loud}\n{next}\n")
        })?;
        return Ok(Exit::Done);
    }
    let answer = json!({
        "request": args.id, "state": "held", "signed": glass.signed(), "missing": missing,
        "file": args.file,
    });
    ctx.print(&answer, || {
        let missing: Vec<String> = missing.iter().map(|human| plain(&human.to_string())).collect();
        format!(
            "wrote {}\nnext: within {} minutes {} run `gatehold break-glass sign {} {} --key THEIR_KEY`\n",
            args.file.display(),
            GLASS_USE_SECONDS_MAX / 60,
            missing.join(", "),
            args.id,
            args.file.display()
        )
    })?;
    Ok(Exit::Done)
}

fn not_offered() -> Failure {
    Failure::usage(
        "break-glass is off here: a checkpoint of this request does not offer it for this action",
        "reach somebody who decides: `gatehold who-can-approve REQUEST` says who that is",
    )
}

/// Whether it is their offline key, by the directory that follows from the pinned root.
async fn is_offline(
    profile: &Profile,
    acting: &Acting,
    human: &HumanId,
    key: &HumanKey,
) -> Result<(), Failure> {
    let rooted = rooted(profile, &acting.client).await?;
    if rooted
        .directory
        .glass_key(human, &key.thumbprint())
        .is_some()
    {
        return Ok(());
    }
    Err(Failure::usage(
        format!(
            "this is no offline key of {} that has force",
            plain(&human.to_string())
        ),
        "give the key that was enrolled with `gatehold human enrol-offline`",
    ))
}

fn people_read(ctx: &Ctx) -> Box<dyn Write> {
    match ctx.format {
        Format::Table => Box::new(std::io::stdout()),
        _ => Box::new(std::io::stderr()),
    }
}

/// What is signed, and by whom so far.
struct Glass {
    statement: GlassStatement,
    request: BreakGlassRequest,
}

impl Glass {
    /// What stands in the file; nothing where there is none yet.
    fn read(path: &Path) -> Result<Option<Self>, Failure> {
        let text = match std::fs::read(path) {
            Ok(text) => text,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(Failure::file(path, &error)),
        };
        let unreadable = |error: String| {
            Failure::usage(
                format!("{}: {error}", path.display()),
                "give the file of whoever signed first, or name one that is not there yet",
            )
        };
        let request: BreakGlassRequest =
            serde_json::from_slice(&text).map_err(|error| unreadable(error.to_string()))?;
        let statement = canonical::from_canonical_bytes(&request.statement.0)
            .map_err(|error| unreadable(error.to_string()))?;
        Ok(Some(Self { statement, request }))
    }

    /// What whoever signs first draws up, of what they are shown.
    fn drawn_up(ctx: &Ctx, args: &Sign, shown: &Shown, human: &HumanId) -> Result<Self, Failure> {
        let Some(incident) = &args.incident else {
            return Err(Failure::usage(
                format!(
                    "{} is not there yet, and no incident is named",
                    args.file.display()
                ),
                "draw it up with --incident REFERENCE and --with HUMAN, or give the file of whoever did",
            ));
        };
        let mut answers = criteria::parse(&args.criteria)?;
        let because = asked(ctx, shown, &mut answers, &args.because)?;
        let draw =
            || random().map_err(|error| Failure::fault(error, "check the system's random source"));
        let answers = Answers {
            criteria: answers,
            justification: because,
            salt: hex(&draw()?),
        };
        let nonce = hex(&draw()?);
        let now = Timestamp::from_millis(now_millis());
        let mut signers: BTreeSet<HumanId> = args.with.iter().cloned().collect();
        signers.insert(human.clone());
        let said = Said {
            incident: incident.clone(),
            responders: args.responder.iter().cloned().collect(),
            signers,
            nonce,
            created_at: now,
        };
        let statement = statement(shown, said, &answers)?;
        let bytes = statement
            .to_bytes()
            .map_err(|error| Failure::usage(error, "correct the names"))?;
        Ok(Self {
            request: BreakGlassRequest {
                statement: bytes.into(),
                signatures: Vec::new(),
                answers: answers.criteria,
                justification: answers.justification,
                salt: answers.salt,
            },
            statement,
        })
    }

    /// What somebody else drew up, if it is exactly about what is shown.
    // INVARIANT(signed-is-shown): every member is made again from what is shown here, or is shown itself.
    fn checked(self, shown: &Shown) -> Result<Self, Failure> {
        let given = &self.request;
        let answers = Answers {
            criteria: given.answers.clone(),
            justification: given.justification.clone(),
            salt: given.salt.clone(),
        };
        let own = &self.statement;
        let said = Said {
            incident: own.incident.clone(),
            responders: own.responders.clone(),
            signers: own.signers.clone(),
            nonce: own.nonce.clone(),
            created_at: own.created_at,
        };
        let again = statement(shown, said, &answers)?;
        if again != self.statement {
            return Err(Failure::verification(
                "what is to be signed is about something else than what this gate shows",
                "do not sign it; draw it up again: `gatehold break-glass sign` with another file",
            ));
        }
        criteria::check(&questions(shown), &answers.criteria, &answers.justification)?;
        Ok(self)
    }

    /// What is signed besides the action.
    fn in_words(&self, ctx: &Ctx, shown: &Shown, offer: &Offer) -> String {
        let now = now_millis();
        let names = |people: &BTreeSet<HumanId>| {
            let names: Vec<String> = people.iter().map(ToString::to_string).collect();
            plain(&names.join(", "))
        };
        let limits = offer.limits.narrow(&self.statement.limits);
        let mut lines = vec![
            String::new(),
            ctx.screen.paint(
                Style::Red,
                "YOU BREAK THE GLASS: this goes on without those who decide about it",
            ),
            format!("  incident {}", plain(&self.statement.incident)),
            format!("  signed by {}", names(&self.statement.signers)),
        ];
        if !self.statement.responders.is_empty() {
            lines.push(format!(
                "  on it besides: {}",
                names(&self.statement.responders)
            ));
        }
        for (id, answer) in &self.request.answers {
            lines.push(format!("  {}: {}", plain(id), plain(answer)));
        }
        lines.push("  because:".to_owned());
        lines.extend(quoted(&self.request.justification, ctx.screen.width));
        lines.push(format!(
            "  good once, until {}; two people who had no part in it look at it within {}",
            moment(self.statement.use_by.millis(), now),
            crate::screen::duration(i64::from(offer.post_review_within_seconds)),
        ));
        let sentence = format!(
            "{} · {} · {}",
            plain(&shown.view.sentence),
            page::limits(&limits),
            shown.words.join("-")
        );
        lines.push(format!(
            "\n{} {}\n",
            ctx.screen.paint(Style::Bold, "YOU SIGN:"),
            ctx.screen.paint(Style::Bold, &sentence)
        ));
        lines.join("\n")
    }

    fn add(&mut self, human: &HumanId, key: &HumanKey) -> Result<(), Failure> {
        let name = human.to_string();
        if self.request.signatures.iter().any(|one| one.human == name) {
            return Err(Failure::usage(
                format!("{} has signed it before", plain(&name)),
                "hand the file to whoever has not: two different people sign",
            ));
        }
        let signature = key.sign(GLASS_TYPE, &self.request.statement.0)?;
        self.request.signatures.push(KeySignature {
            human: name,
            key: key.thumbprint().to_string(),
            signature,
        });
        Ok(())
    }

    fn signed(&self) -> Vec<&str> {
        let signatures = self.request.signatures.iter();
        signatures.map(|one| one.human.as_str()).collect()
    }

    fn missing(&self) -> Vec<&HumanId> {
        let signed = self.signed();
        let signers = self.statement.signers.iter();
        signers
            .filter(|human| !signed.contains(&human.to_string().as_str()))
            .collect()
    }

    fn write(&self, path: &Path) -> Result<(), Failure> {
        let text = serde_json::to_vec_pretty(&self.request)
            .map_err(|error| Failure::fault(error, "report this"))?;
        files::replace_secret(path, &text)
    }
}

/// What a statement says beside the action itself.
struct Said {
    incident: String,
    responders: BTreeSet<HumanId>,
    signers: BTreeSet<HumanId>,
    nonce: String,
    created_at: Timestamp,
}

/// The statement about what is shown: its action, its limits and its times are never those of a file.
fn statement(shown: &Shown, said: Said, answers: &Answers) -> Result<GlassStatement, Failure> {
    let context = &shown.context;
    let answers_hash = answers
        .hash()
        .map_err(|error| Failure::usage(error, "use other words"))?;
    let use_by = said.created_at.plus_seconds(GLASS_USE_SECONDS_MAX);
    Ok(GlassStatement {
        type_: GLASS_TYPE.to_owned(),
        gate: context.gate.clone(),
        request: context.request,
        request_hash: context.request_hash,
        digest: context.digest,
        display_hash: context.display_hash,
        requirement_hash: context.requirement_hash,
        tier: shown.view.tier.tier,
        incident: said.incident,
        responders: said.responders,
        signers: said.signers,
        limits: context.limits.clone(),
        answers_hash,
        nonce: said.nonce,
        created_at: said.created_at,
        use_by: use_by.min(context.spend_by),
        spend_by: context.spend_by,
    })
}

/// What is asked: as a reviewer is, and why, always.
fn questions(shown: &Shown) -> Questions {
    Questions {
        why: true,
        ..Questions::of(shown)
    }
}

/// Asks what was not answered on the command line; gives why.
fn asked(
    ctx: &Ctx,
    shown: &Shown,
    answers: &mut BTreeMap<String, String>,
    because: &str,
) -> Result<String, Failure> {
    let questions = questions(shown);
    ctx.say(&format!("\n{}\n", ctx.screen.title("CRITERIA")));
    let mut out = people_read(ctx);
    let mut answering = std::io::stdin().lock();
    criteria::ask(&questions, answers, &mut answering, &mut out)?;
    let because = criteria::ask_why(&questions, because, &mut answering, &mut out)?;
    criteria::check(&questions, answers, &because)?;
    Ok(because)
}
