//! `gatehold correct`: say, signed, that something recorded of a decided request was wrong. It is put beside what it corrects and
//! changes nothing. And what `gatehold show` says of a request that is decided.

use std::fmt::Write as _;

use clap::Args;
use gatehold_client::wire::{Correction, CorrectionRequest, Corrections, RequestStatus};
use gatehold_core::correction::{CORRECTION_TYPE, CorrectionStatement, CorrectionText};
use gatehold_core::hash::hex;
use gatehold_core::ids::RequestId;
use gatehold_core::json::canonical;
use gatehold_core::time::Timestamp;

use crate::ambient::{now_millis, random};
use crate::context::Ctx;
use crate::exit::{Exit, Failure};
use crate::screen::{Screen, Style, plain, quoted};
use crate::session::acting;

/// Arguments of `gatehold correct`.
#[derive(Debug, Args)]
#[command(
    after_help = "Examples:\n  gatehold correct REQUEST                                 # lists its leaves\n  gatehold correct REQUEST --leaf 42 'the ticket I named was another one'"
)]
pub struct CorrectArgs {
    /// The request.
    pub id: RequestId,
    /// What was wrong, in your words; without it the leaves are listed.
    #[arg(requires = "leaf")]
    pub text: Option<String>,
    /// The leaf that is wrong, by its number.
    #[arg(long)]
    pub leaf: Option<u64>,
}

/// `gatehold correct`.
///
/// # Errors
/// When the gate refuses, or the key does not sign.
pub async fn correct(ctx: &Ctx, args: &CorrectArgs) -> Result<Exit, Failure> {
    let profile = ctx.profile()?;
    let acting = acting(&profile, ctx.person.as_deref()).await?;
    let id = args.id.to_string();
    let known = acting.client.corrections(&id, args.leaf).await?;
    let (Some(leaf), Some(text)) = (args.leaf, &args.text) else {
        ctx.print(&known, || listed(&known, &ctx.screen))?;
        return Ok(Exit::Done);
    };
    let recorded = known.leaves.iter().find(|one| one.leaf == leaf);
    let recorded = recorded.ok_or_else(|| {
        Failure::usage(
            format!("leaf {leaf} is none of this request"),
            "run `gatehold correct REQUEST`, which lists them",
        )
    })?;
    let broken = |error: String| Failure::fault(error, "report this");
    let salt =
        random().map_err(|error| Failure::fault(error, "check the system's random source"))?;
    let words = CorrectionText {
        text: text.clone(),
        salt: hex(&salt),
    };
    let bytes = words
        .to_bytes()
        .map_err(|error| broken(error.to_string()))?;
    let statement = CorrectionStatement {
        type_: CORRECTION_TYPE.to_owned(),
        gate: profile.origin.clone(),
        request: args.id,
        leaf,
        commitment: recorded
            .commitment
            .parse()
            .map_err(|_| broken("the gate names no hash".to_owned()))?,
        text_hash: CorrectionText::hash_of(&bytes),
        human: acting.person.human.clone(),
        key: acting.key.thumbprint(),
        issued_at: Timestamp::from_millis(now_millis()),
    };
    let statement = canonical::to_bytes(&statement).map_err(|error| broken(error.to_string()))?;
    eprintln!(
        "you say that leaf {leaf} ({}) is wrong:",
        plain(&recorded.what)
    );
    for line in quoted(text, ctx.screen.width) {
        eprintln!("{line}");
    }
    let signature = acting.key.sign(CORRECTION_TYPE, &statement)?;
    let sent = CorrectionRequest {
        statement: statement.into(),
        signature,
        text: words.text,
        salt: words.salt,
    };
    let one = acting.client.correct(&id, &sent).await?;
    ctx.print(&one, || {
        format!(
            "recorded as leaf {}, beside leaf {leaf}, which stays as it is\n",
            one.leaf
        )
    })?;
    Ok(Exit::Done)
}

/// What stands in the ledger of a request that is decided, and beside each leaf what somebody says is wrong in it.
fn listed(known: &Corrections, screen: &Screen) -> String {
    let mut text = String::new();
    for leaf in &known.leaves {
        let at = Timestamp::from_millis(leaf.at);
        let _ = writeln!(text, "leaf {:<6} {at}  {}", leaf.leaf, plain(&leaf.what));
        for one in known
            .corrections
            .iter()
            .filter(|one| one.corrects == leaf.leaf)
        {
            text.push_str(&beside(one, screen));
        }
    }
    let elsewhere = |one: &&Correction| known.leaves.iter().all(|leaf| leaf.leaf != one.corrects);
    for one in known.corrections.iter().filter(elsewhere) {
        let _ = writeln!(text, "leaf {}", one.corrects);
        text.push_str(&beside(one, screen));
    }
    text
}

fn beside(one: &Correction, screen: &Screen) -> String {
    let signed = if one.verifies_now {
        "signed, verified by the gate"
    } else {
        "signed by a key without force now; a dossier proves it"
    };
    let mut text = format!(
        "  {} by {} ({signed}; leaf {}):\n",
        screen.paint(Style::Amber, "CORRECTED"),
        plain(&one.human),
        one.leaf
    );
    let words = one.text.as_deref().unwrap_or("(the words were erased)");
    for line in quoted(words, screen.width) {
        let _ = writeln!(text, "  {line}");
    }
    text
}

/// A request that is decided, for `gatehold show`.
#[must_use]
pub fn decided(status: &RequestStatus, known: &Corrections, screen: &Screen) -> String {
    let state = serde_json::to_value(status.state).unwrap_or_default();
    let mut text = format!(
        "{}  {}\n{}\nwords   {}\ndigest  {}\n",
        plain(&status.request),
        screen.title(&state.as_str().unwrap_or("unknown").to_uppercase()),
        plain(&status.sentence),
        status.words.join("-"),
        plain(&status.digest)
    );
    let _ = writeln!(
        text,
        "\n{}",
        screen.title("WHAT HAPPENED   as its row names it")
    );
    text.push_str(&listed(known, screen));
    let _ = writeln!(
        text,
        "\nthe whole record, which proves itself: gatehold audit dossier {}",
        plain(&status.request)
    );
    text
}
