//! `gatehold approve` and `gatehold narrow`: show, ask, sign, hand in. There is no way around the page, and no `-y`.

use std::collections::BTreeMap;
use std::io::{BufRead, IsTerminal, Write};

use clap::Args;
use gatehold_client::wire::{Opened, ReviewRequest, ReviewResult};
use gatehold_core::hash::hex;
use gatehold_core::ids::RequestId;
use gatehold_core::limits::Limits;
use gatehold_core::review::{Answers, REVIEW_TYPE, ReviewAct};
use gatehold_core::signer::KeyKind;

use super::criteria::{self, Questions};
use super::page;
use super::shown::{Looking, Shown, check};
use crate::ambient::now_millis;
use crate::context::Ctx;
use crate::exit::{Exit, Failure};
use crate::output::Format;
use crate::profile::Profile;
use crate::root::{Rooted, rooted};
use crate::screen::Style;
use crate::session::{Acting, acting};

/// Arguments of `gatehold approve`.
#[derive(Debug, Args)]
#[command(
    after_help = "Examples:\n  gatehold approve REQUEST\n  gatehold approve REQUEST --because 'the incident is real, INC-4711'\n  gatehold approve REQUEST --as reviewer --criteria scope=yes,time_window=yes,fact.rows=1,fact.resource=shop/orders,fact.target=sql:shop --because 'INC-4711'    (development gates)"
)]
pub struct Approve {
    /// The request, as `gatehold inbox` prints it.
    pub id: RequestId,
    /// An answer to a criterion, or to the question on red, as ID=ANSWER; asked for when it is not given.
    #[arg(long, value_name = "ID=ANSWER")]
    pub criteria: Vec<String>,
    /// Why, in your words, on one line; on RED it is asked for when it is not given.
    #[arg(long, default_value = "", value_name = "WHY")]
    pub because: String,
}

/// Arguments of `gatehold narrow`: approve for less.
#[derive(Debug, Args)]
#[command(after_help = "Example:\n  gatehold narrow REQUEST --ttl 10m --cap rows=1")]
pub struct Narrow {
    /// What `approve` takes.
    #[command(flatten)]
    pub approve: Approve,
    /// Longest life of the grant, such as 10m.
    #[arg(long, value_parser = crate::parse::seconds)]
    pub ttl: Option<u32>,
    /// Most uses.
    #[arg(long)]
    pub uses: Option<u32>,
    /// A lower cap, as NAME=NUMBER, such as rows=10.
    #[arg(long, value_parser = crate::parse::cap, value_name = "NAME=NUMBER")]
    pub cap: Vec<(String, u64)>,
}

/// Lines of a claim that are shown at once.
const PAGE_LINES: usize = 40;

/// Opens a request and checks everything that would be signed, under the root of this profile.
///
/// # Errors
/// When the gate refuses, or shows something else than it asks to be signed or than follows from that root.
pub async fn open(acting: &Acting, profile: &Profile, id: RequestId) -> Result<Shown, Failure> {
    let first = rooted(profile, &acting.client).await?;
    let differs = match open_under(acting, profile, id, &first).await {
        Err(differs) if differs.exit == Exit::Verification => differs,
        done => return done,
    };
    // People may have approved a change between the two answers; then, and only then, it is opened again.
    let newer = rooted(profile, &acting.client).await?;
    if newer.directory.chain == first.directory.chain {
        return Err(differs);
    }
    open_under(acting, profile, id, &newer).await
}

async fn open_under(
    acting: &Acting,
    profile: &Profile,
    id: RequestId,
    rooted: &Rooted,
) -> Result<Shown, Failure> {
    let opened: Opened = acting.client.open(&id.to_string()).await?;
    let looking = Looking {
        origin: &profile.origin,
        request: id,
        human: &acting.person.human,
        key: acting.key.thumbprint(),
        rooted,
    };
    check(&opened, &looking)
}

/// A terminal has no passkey: where a checkpoint takes nothing else, nobody is asked anything here.
fn in_terminal(shown: &Shown, profile: &Profile) -> Result<(), Failure> {
    if shown.signer.takes(KeyKind::Ssh) {
        return Ok(());
    }
    let (url, request) = (&profile.url, shown.context.request);
    Err(Failure::usage(
        "this one is signed in a browser: a checkpoint takes only reviews that a passkey signed",
        format!(
            "approve it on {url}/requests/{request}; `gatehold show {request}` shows the same action"
        ),
    ))
}

/// What nobody could carry out is nothing to sign for.
///
/// # Errors
/// When whoever asked has no force now.
pub fn with_force(shown: &Shown) -> Result<(), Failure> {
    let Some(why) = &shown.without_force else {
        return Ok(());
    };
    let request = shown.context.request;
    Err(Failure::usage(
        format!("{why}; nothing that is approved here could be carried out"),
        format!(
            "deny it with `gatehold deny {request} --reason better_alternative`, and have somebody whose key has force ask anew"
        ),
    ))
}

/// Shows, asks, signs, hands in.
///
/// # Errors
/// When something differs, a criterion is not met, the key does not sign, or the gate refuses.
pub async fn approve(
    ctx: &Ctx,
    args: &Approve,
    lower: impl FnOnce(&mut Limits),
) -> Result<Exit, Failure> {
    let mut answers = criteria::parse(&args.criteria)?;
    let profile = ctx.profile()?;
    let acting = acting(&profile, ctx.person.as_deref()).await?;
    let mut shown = open(&acting, &profile, args.id).await?;
    in_terminal(&shown, &profile)?;
    with_force(&shown)?;
    let attended = std::io::stdin().is_terminal() && std::io::stdout().is_terminal();
    let asked = Questions::of(&shown);
    if !attended {
        // Scripts play people only with keys that were generated for it, and say every answer.
        if !acting.key.is_generated() {
            return Err(Failure::usage(
                "approving needs a terminal",
                "run it where a person reads the page; there is no option that skips it",
            ));
        }
        criteria::check(&asked, &answers, &args.because)?;
    }
    lower(&mut shown.context.limits);
    ctx.say(&page::page(&shown, &ctx.screen, now_millis()));
    if !asked.is_empty() {
        ctx.say(&format!("\n{}\n", ctx.screen.title("CRITERIA")));
    }
    let mut out: Box<dyn Write> = match ctx.format {
        Format::Table => Box::new(std::io::stdout()),
        _ => Box::new(std::io::stderr()),
    };
    let mut answering = std::io::stdin().lock();
    criteria::ask(&asked, &mut answers, &mut answering, &mut out)?;
    let because = criteria::ask_why(&asked, &args.because, &mut answering, &mut out)?;
    criteria::check(&asked, &answers, &because)?;
    let says = page::claims(&shown, &ctx.screen);
    if attended {
        in_pages(&says, &mut answering, &mut out)?;
    } else {
        ctx.say(&says);
    }
    drop(answering);
    ctx.say(&format!(
        "\n{} {}\n",
        ctx.screen.paint(Style::Bold, "YOU SIGN:"),
        ctx.screen.paint(
            Style::Bold,
            &format!(
                "{} · {} · {}",
                crate::screen::plain(&shown.view.sentence),
                page::limits(&shown.context.limits),
                shown.words.join("-")
            )
        )
    ));
    if !because.is_empty() {
        let because = crate::screen::plain(&because);
        ctx.say(&format!("  because: {because}\n"));
    }
    if attended && !acting.key.asks_for_touch() {
        confirm(&shown.words, &mut std::io::stdin().lock(), &mut out)?;
    }
    let result = sign(&acting, shown, answers, &because).await?;
    ctx.print(&result, || told(ctx, &result) + "\n")?;
    Ok(Exit::Done)
}

/// Shows a long text a screen at a time; whoever has read enough of it leaves the rest.
///
/// # Errors
/// When the terminal cannot be read or written.
pub fn in_pages(text: &str, input: &mut impl BufRead, out: &mut impl Write) -> Result<(), Failure> {
    let broken = |error: std::io::Error| Failure::fault(error, "try again in a terminal");
    let lines: Vec<&str> = text.lines().collect();
    let mut shown = 0;
    for page in lines.chunks(PAGE_LINES) {
        for line in page {
            writeln!(out, "{line}").map_err(broken)?;
        }
        shown += page.len();
        if shown == lines.len() {
            break;
        }
        let mut answer = String::new();
        write!(
            out,
            "  line {shown} of {}; Enter for more, `skip` to leave the rest > ",
            lines.len()
        )
        .and_then(|()| out.flush())
        .and_then(|()| input.read_line(&mut answer))
        .map_err(broken)?;
        if answer.trim().eq_ignore_ascii_case("skip") || answer.is_empty() {
            writeln!(out).map_err(broken)?;
            break;
        }
    }
    Ok(())
}

/// A key that signs without a touch: the person types the first of the four words instead. Only `no` and the end of the
/// input stop it; anything else is taken for a slip of the finger and asked again.
///
/// # Errors
/// When they say no, or the terminal cannot be read or written.
pub fn confirm(
    words: &[&str],
    input: &mut impl BufRead,
    out: &mut impl Write,
) -> Result<(), Failure> {
    let word = words.first().copied().unwrap_or_default();
    loop {
        let mut line = String::new();
        let read = write!(out, "type `{word}` to sign, `no` to stop > ")
            .and_then(|()| out.flush())
            .and_then(|()| input.read_line(&mut line))
            .map_err(|error| Failure::fault(error, "try again in a terminal"))?;
        let answer = line.trim();
        if answer == word {
            return Ok(());
        }
        if read == 0 || answer.eq_ignore_ascii_case("no") {
            return Err(Failure::usage(
                "nothing was signed",
                "open it again when you are ready, deny it, or ask",
            ));
        }
    }
}

/// Signs what was shown, with these answers, and hands it in.
///
/// # Errors
/// When the key does not sign, or the gate refuses.
pub async fn sign(
    acting: &Acting,
    shown: Shown,
    criteria: BTreeMap<String, String>,
    because: &str,
) -> Result<ReviewResult, Failure> {
    let request = shown.context.request.to_string();
    let review = signed(acting, shown, criteria, because)?;
    Ok(acting.client.review(&request, &review).await?)
}

/// Signs what was shown, with these answers.
///
/// # Errors
/// When the key does not sign.
pub fn signed(
    acting: &Acting,
    mut shown: Shown,
    criteria: BTreeMap<String, String>,
    because: &str,
) -> Result<ReviewRequest, Failure> {
    let broken = |error: gatehold_core::json::canonical::CanonicalError| {
        Failure::usage(error, "lower the numbers; they have no canonical form")
    };
    let salt = crate::ambient::random()
        .map_err(|error| Failure::fault(error, "check the system's random source"))?;
    let answers = Answers {
        criteria,
        justification: because.to_owned(),
        salt: hex(&salt),
    };
    shown.context.act = ReviewAct::Approve;
    let context = shown.context.answering(&answers).map_err(broken)?;
    let context = context.to_bytes().map_err(broken)?;
    let signature = acting.key.sign(REVIEW_TYPE, &context)?;
    Ok(ReviewRequest {
        context: context.into(),
        signature,
        answers: answers.criteria,
        justification: answers.justification,
        salt: answers.salt,
    })
}

/// What a review led to. While others are needed, nothing more is said.
fn told(ctx: &Ctx, result: &ReviewResult) -> String {
    let text = match &result.decision {
        None if result.held_again => {
            "held again: policy asks for more than you were shown; look at it again".to_owned()
        }
        None => "recorded; it is decided when enough people have looked".to_owned(),
        Some(decision) => format!("decided: {:?}", decision.outcome).to_lowercase(),
    };
    ctx.screen.paint(Style::Green, &text)
}

impl Narrow {
    /// Whether anything is lowered at all; without it the whole would be approved.
    ///
    /// # Errors
    /// When nothing is named.
    pub fn check(&self) -> Result<(), Failure> {
        if self.ttl.is_none() && self.uses.is_none() && self.cap.is_empty() {
            return Err(Failure::usage(
                "nothing is narrowed, so nothing was signed",
                "give --ttl, --uses or --cap; approve the whole with `gatehold approve`",
            ));
        }
        Ok(())
    }

    /// Lowers what would be signed.
    pub fn lower(&self, limits: &mut Limits) {
        if let Some(ttl) = self.ttl {
            limits.ttl_seconds = limits.ttl_seconds.min(ttl);
        }
        if let Some(uses) = self.uses {
            limits.uses = limits.uses.min(uses);
        }
        for (name, cap) in &self.cap {
            limits
                .caps
                .entry(name.clone())
                .and_modify(|mine| *mine = (*mine).min(*cap))
                .or_insert(*cap);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn paged(text: &str, input: &str) -> String {
        let mut out = Vec::new();
        in_pages(text, &mut input.as_bytes(), &mut out).unwrap();
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn a_long_claim_is_shown_a_screen_at_a_time_and_nothing_of_it_is_cut() {
        let lines: Vec<String> = (1..=100).map(|number| format!("line-{number}")).collect();
        let text = lines.join("\n") + "\n";
        let whole = paged(&text, "\n\n");
        assert!(lines.iter().all(|line| whole.contains(line)), "{whole}");
        assert_eq!(whole.matches("Enter for more").count(), 2);
        assert!(whole.contains("line 40 of 100;") && whole.contains("line 80 of 100;"));
        for left in ["skip\n", ""] {
            let part = paged(&text, left);
            assert!(
                part.contains("line-40\n") && !part.contains("line-41"),
                "{part}"
            );
        }
        let short = "one\ntwo\n";
        assert_eq!(paged(short, ""), short);
        assert_eq!(paged("", ""), "");
    }
}
