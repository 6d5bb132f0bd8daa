//! `gatehold policy lint|test|explain|pack|submit`: everything that can be wrong with a bundle, before anybody activates it.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use clap::{Args, Subcommand};
use gatehold_policy::explain::Said;
use gatehold_policy::lint::{Finding, Level, Options};
use gatehold_policy::{Bundle, BundleProblem};
use serde_json::json;

use crate::change::{Submitting, submit_bytes};
use crate::context::Ctx;
use crate::exit::{Exit, Failure};
use crate::screen::{Style, counted, plain};

/// `gatehold policy …`.
#[derive(Debug, Subcommand)]
pub enum Policy {
    /// Say what is wrong with a bundle, and what is unwise.
    Lint(Folder),
    /// Run the golden tests of a bundle.
    Test(Folder),
    /// Say for a golden test what every rule has to say about it.
    Explain {
        /// The bundle.
        #[command(flatten)]
        bundle: Folder,
        /// Part of the test's name.
        #[arg(long)]
        case: String,
    },
    /// List the checkpoints: who decides, what is asked, and why each exists.
    Checkpoints(Folder),
    /// Ask for a bundle to be activated: a held action.
    Submit {
        /// The bundle.
        #[command(flatten)]
        bundle: Folder,
        /// How it is asked for.
        #[command(flatten)]
        how: Submitting,
    },
}

/// Which bundle.
#[derive(Debug, Args)]
pub struct Folder {
    /// Folder with bundle.toml; without it the default pack.
    pub folder: Option<PathBuf>,
}

/// Says that a bundle cannot be used.
#[must_use]
pub fn broken(problems: Vec<BundleProblem>) -> Failure {
    Failure {
        exit: Exit::Policy,
        causes: problems.iter().map(ToString::to_string).collect(),
        next: "correct these and run `gatehold policy lint`".to_owned(),
    }
}

/// Runs one of them.
///
/// # Errors
/// When the bundle is broken, or the gate refuses.
pub async fn run(ctx: &Ctx, policy: &Policy) -> Result<Exit, Failure> {
    match policy {
        Policy::Lint(folder) => lint(ctx, &load(folder.folder.as_deref())?),
        Policy::Test(folder) => test(ctx, &load(folder.folder.as_deref())?),
        Policy::Explain { bundle, case } => explain(ctx, &load(bundle.folder.as_deref())?, case),
        Policy::Checkpoints(folder) => {
            let bundle = load(folder.folder.as_deref())?;
            ctx.print(bundle.checkpoints(), || checkpoints(ctx, &bundle))?;
            Ok(Exit::Done)
        }
        Policy::Submit { bundle, how } => {
            let bundle = load(bundle.folder.as_deref())?;
            let name = format!("gatehold/bundle/{}", bundle.header().name);
            submit_bytes(ctx, how, "bundle.activate", &name, bundle.to_bytes()).await
        }
    }
}

/// Reads a folder, or the default pack.
///
/// # Errors
/// Every problem in it.
pub fn load(folder: Option<&Path>) -> Result<Arc<Bundle>, Failure> {
    let bundle = match folder {
        Some(folder) => Bundle::load(folder).map_err(broken)?,
        None => Bundle::from_bytes(&crate::default_pack::bytes()?).map_err(broken)?,
    };
    Ok(Arc::new(bundle))
}

fn lint(ctx: &Ctx, bundle: &Arc<Bundle>) -> Result<Exit, Failure> {
    let findings = gatehold_policy::lint::lint(bundle, &Options::default());
    let errors = findings
        .iter()
        .filter(|finding| finding.level == Level::Error)
        .count();
    let level = |finding: &Finding| match finding.level {
        Level::Error => "error",
        Level::Warning => "warning",
    };
    let listed: Vec<_> = findings
        .iter()
        .map(|finding| {
            json!({
                "level": level(finding),
                "code": finding.code,
                "about": finding.about,
                "text": finding.text,
            })
        })
        .collect();
    let header = bundle.header();
    let answer = json!({
        "name": header.name,
        "version": header.version,
        "hash": bundle.hash(),
        "errors": errors,
        "findings": listed,
    });
    ctx.print(&answer, || {
        let mut text = String::new();
        for finding in &findings {
            let style = match finding.level {
                Level::Error => Style::Red,
                Level::Warning => Style::Amber,
            };
            text.push_str(&format!(
                "{}[{}] {}: {}\n",
                ctx.screen.paint(style, level(finding)),
                finding.code,
                plain(&finding.about),
                plain(&finding.text)
            ));
        }
        text + &format!(
            "{} {} {}: {}, {}, {}, {}\n",
            header.name,
            header.version,
            bundle.hash(),
            counted(bundle.rules().len(), "rule"),
            counted(bundle.checkpoints().len(), "checkpoint"),
            counted(bundle.descriptors().len(), "descriptor"),
            counted(errors, "error")
        )
    })?;
    Ok(if errors == 0 {
        Exit::Done
    } else {
        Exit::Policy
    })
}

fn test(ctx: &Ctx, bundle: &Arc<Bundle>) -> Result<Exit, Failure> {
    let results = gatehold_policy::golden::run(bundle);
    let failed: Vec<_> = results.iter().filter(|result| !result.passed()).collect();
    let cases: Vec<_> = results
        .iter()
        .map(|result| {
            json!({
                "file": result.file,
                "name": result.name,
                "passed": result.passed(),
                "line": result.line(),
            })
        })
        .collect();
    ctx.print(&json!({ "cases": cases }), || {
        let mut text = String::new();
        for result in &failed {
            let line = ctx.screen.paint(Style::Red, &plain(&result.line()));
            text.push_str(&format!("{line}\n"));
        }
        text + &format!(
            "{}, {} failed\n",
            counted(results.len(), "case"),
            failed.len()
        )
    })?;
    Ok(if failed.is_empty() {
        Exit::Done
    } else {
        Exit::Policy
    })
}

fn explain(ctx: &Ctx, bundle: &Arc<Bundle>, name: &str) -> Result<Exit, Failure> {
    let case = bundle
        .cases()
        .iter()
        .find(|case| case.name.contains(name))
        .ok_or_else(|| {
            Failure::usage(
                format!("no golden test has `{name}` in its name"),
                "write one beside the rules, in tests/*.toml: it is kept with the bundle",
            )
        })?;
    let input = case
        .input(bundle)
        .map_err(|error| Failure::new(Exit::Policy, error, "correct the test"))?;
    let explanation = gatehold_policy::explain::explain(bundle, &input);
    let trace = explanation.evaluated.trace();
    let rules: Vec<_> = explanation
        .rules
        .iter()
        .map(|rule| {
            json!({
                "id": rule.id,
                "place": rule.place.to_string(),
                "rationale": rule.rationale,
                "said": match rule.said {
                    Said::Applied => "applied",
                    Said::Erred => "erred",
                    Said::Silent => "silent",
                },
            })
        })
        .collect();
    let answer = json!({
        "file": case.file,
        "name": case.name,
        "verdict": explanation.evaluated.verdict().as_str(),
        "decided_by": trace.rules,
        "tier": trace.tier.tier,
        "bundle": trace.bundle,
        "input": trace.input,
        "rules": rules,
    });
    ctx.print(&answer, || {
        let mut text = format!("{}: {}\n", case.file, plain(&case.name));
        text.push_str(&format!(
            "{} by {}, tier {}\n",
            explanation.evaluated.verdict().as_str(),
            plain(&trace.rules.join(", ")),
            crate::review::page::tier_word(trace.tier.tier)
        ));
        for rule in &explanation.rules {
            let said = match rule.said {
                Said::Applied => ctx.screen.paint(Style::Amber, "applied"),
                Said::Erred => ctx.screen.paint(Style::Red, "ERRED  "),
                Said::Silent => ctx.screen.paint(Style::Dim, "silent "),
            };
            text.push_str(&format!(
                "  {said} {} ({}): {}\n",
                plain(&rule.id),
                rule.place,
                plain(&rule.rationale)
            ));
        }
        text
    })?;
    Ok(Exit::Done)
}

fn checkpoints(ctx: &Ctx, bundle: &Bundle) -> String {
    let rows: Vec<Vec<String>> = bundle
        .checkpoints()
        .values()
        .map(|checkpoint| {
            let teams: Vec<&str> = checkpoint
                .eligible
                .teams
                .iter()
                .map(|team| team.as_str())
                .collect();
            vec![
                checkpoint.name.to_string(),
                teams.join(", "),
                crate::screen::duration(i64::from(checkpoint.decide_within_seconds.get())),
                checkpoint.owner.clone(),
                checkpoint.rationale.clone(),
            ]
        })
        .collect();
    crate::screen::table(
        &["CHECKPOINT", "WHO DECIDES", "WITHIN", "OWNER", "WHY"],
        &rows,
        ctx.screen.width,
    )
}
