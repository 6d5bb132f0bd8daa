//! `gatehold break-glass sign|list|review`: where nobody who decides can be reached, two people let one exact action out with keys from
//! a drawer, and two others look at it afterwards. What is signed is shown here as `gatehold approve` shows it.

mod sign;

use std::fmt::Write as _;

use clap::{Args, Subcommand, ValueEnum};
use gatehold_client::wire::{OpeningItem, Openings, PostReviewRequest};
use gatehold_core::correction::CorrectionText;
use gatehold_core::glass::{Judgement, POST_REVIEW_TYPE, PostReviewStatement};
use gatehold_core::hash::{Hash, hex};
use gatehold_core::ids::RequestId;
use gatehold_core::json::canonical;
use gatehold_core::time::Timestamp;

use crate::ambient::{now_millis, random};
use crate::context::Ctx;
use crate::exit::{Exit, Failure};
use crate::screen::{Screen, Style, moment, plain, quoted};
use crate::session::acting;

/// `gatehold break-glass …`.
#[derive(Debug, Subcommand)]
pub enum BreakGlass {
    /// Show a held request and sign it with a key from a drawer; who signs last hands it in.
    Sign(Box<sign::Sign>),
    /// What was let out so, and who has still to look at it.
    List,
    /// Say, signed, what you found who had no part in it.
    Review(Review),
}

/// Arguments of `gatehold break-glass review`.
#[derive(Debug, Args)]
#[command(
    after_help = "Example:\n  gatehold break-glass review REQUEST --found justified 'the incident was real, and nobody answered for an hour'"
)]
pub struct Review {
    /// The request.
    pub id: RequestId,
    /// What you found. Either counts as having looked.
    #[arg(long, value_enum)]
    pub found: Found,
    /// What you looked at and why you say so, in your words.
    pub text: String,
}

/// What somebody finds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
#[value(rename_all = "snake_case")]
pub enum Found {
    /// It was right.
    Justified,
    /// It was not.
    NotJustified,
}

/// Runs one of them.
///
/// # Errors
/// When the gate refuses or does not answer, what it shows differs, or a key does not sign.
pub async fn run(ctx: &Ctx, command: &BreakGlass) -> Result<Exit, Failure> {
    match command {
        BreakGlass::Sign(args) => sign::sign(ctx, args).await,
        BreakGlass::List => list(ctx).await,
        BreakGlass::Review(args) => review(ctx, args).await,
    }
}

async fn list(ctx: &Ctx) -> Result<Exit, Failure> {
    let profile = ctx.profile()?;
    let acting = acting(&profile, ctx.person.as_deref()).await?;
    let all: Openings = acting.client.openings().await?;
    ctx.print(&all, || match all.openings.as_slice() {
        [] => "nothing was let out by break-glass within a day, and nothing waits for a look\n"
            .to_owned(),
        some => some.iter().map(|one| lines(one, &ctx.screen)).collect(),
    })?;
    Ok(Exit::Done)
}

/// One opening, a few lines.
fn lines(one: &OpeningItem, screen: &Screen) -> String {
    let now = now_millis();
    let standing = match (one.overdue, one.open) {
        (true, _) => screen.paint(
            Style::Red,
            "OVERDUE: until two people have looked at it, nothing else is let out so",
        ),
        (false, true) => screen.paint(Style::Amber, "two people have to look at it"),
        (false, false) => "looked at".to_owned(),
    };
    let mut text = format!(
        "{}  {standing}\n  let out {} for {}, signed by {}\n",
        plain(&one.request),
        moment(one.at, now),
        plain(&one.incident),
        plain(&one.signers.join(", "))
    );
    for look in &one.looks {
        let found = if look.justified {
            "justified"
        } else {
            "NOT justified"
        };
        let _ = writeln!(text, "  {} found it {found}", plain(&look.human));
    }
    if one.open {
        let named = [one.teams.clone(), one.humans.clone()].concat();
        let _ = writeln!(
            text,
            "  until {}: two of {}, who had no part in it",
            moment(one.review_by, now),
            plain(&named.join(", "))
        );
    }
    text
}

async fn review(ctx: &Ctx, args: &Review) -> Result<Exit, Failure> {
    let profile = ctx.profile()?;
    let acting = acting(&profile, ctx.person.as_deref()).await?;
    let id = args.id.to_string();
    let own = acting.person.human.to_string();
    let all = acting.client.openings().await?.openings;
    // A request that was held again may have been opened again: the first that they have still to look at.
    let mut of_it = all.iter().filter(|one| one.request == id);
    let first = of_it.clone().next();
    let waits = of_it.find(|one| one.looks.iter().all(|look| look.human != own));
    let opening = waits.or(first).ok_or_else(|| {
        Failure::usage(
            format!("{id} was not let out by break-glass lately"),
            "run `gatehold break-glass list`, which says what was",
        )
    })?;
    let broken = |error: String| Failure::fault(error, "report this");
    let salt =
        random().map_err(|error| Failure::fault(error, "check the system's random source"))?;
    let words = CorrectionText {
        text: args.text.clone(),
        salt: hex(&salt),
    };
    let bytes = words
        .to_bytes()
        .map_err(|error| broken(error.to_string()))?;
    let glass: Hash = opening
        .glass
        .parse()
        .map_err(|_| broken("the gate names no hash".to_owned()))?;
    let statement = PostReviewStatement {
        type_: POST_REVIEW_TYPE.to_owned(),
        gate: profile.origin.clone(),
        request: args.id,
        glass,
        judgement: match args.found {
            Found::Justified => Judgement::Justified,
            Found::NotJustified => Judgement::NotJustified,
        },
        text_hash: CorrectionText::hash_of(&bytes),
        human: acting.person.human.clone(),
        key: acting.key.thumbprint(),
        issued_at: Timestamp::from_millis(now_millis()),
    };
    let statement = canonical::to_bytes(&statement).map_err(|error| broken(error.to_string()))?;
    let status = acting.client.status(&id, 0).await?;
    let mut shown = format!("{}\n", plain(&status.sentence));
    shown.push_str(&lines(opening, &ctx.screen));
    shown.push_str("you say of it:\n");
    for line in quoted(&args.text, ctx.screen.width) {
        let _ = writeln!(shown, "{line}");
    }
    ctx.say(&shown);
    let signature = acting.key.sign(POST_REVIEW_TYPE, &statement)?;
    let sent = PostReviewRequest {
        statement: statement.into(),
        signature,
        text: words.text,
        salt: words.salt,
    };
    let after = acting.client.look_afterwards(&sent).await?;
    ctx.print(&after, || {
        let left = if after.open {
            "one more person has to look at it"
        } else {
            "two people have looked at it"
        };
        format!("recorded; {left}\n")
    })?;
    Ok(Exit::Done)
}
