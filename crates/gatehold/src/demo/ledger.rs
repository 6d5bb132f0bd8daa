//! The end of the demo: the ledger verifies, one byte of it is altered, and verification names the leaf.

use tokio::process::Command;

use super::cast::apart;
use super::gate::{Gate, config, program};
use super::stage::Stage;
use super::tamper::altered;
use crate::exit::Failure;

/// Runs `gatehold audit verify` as an auditor would.
///
/// # Errors
/// When the ledger does not verify.
pub async fn verify(stage: &Stage, gate: &Gate) -> Result<(), Failure> {
    stage.scene("5  Anyone can check the ledger");
    let (good, text) = audit(gate).await?;
    stage.must(
        good,
        "gatehold audit verify",
        text.lines().next().unwrap_or_default(),
    )
}

/// Alters one byte of one record and verifies again.
///
/// # Errors
/// When that is not noticed, or another leaf is named.
pub async fn tamper(stage: &Stage, gate: &Gate) -> Result<(), Failure> {
    let leaf = altered(&gate.home().join("gatehold.db"))
        .map_err(|error| Failure::fault(error, "report this"))?;
    let (good, text) = audit(gate).await?;
    let named = text
        .lines()
        .find(|line| line.contains(&format!("leaf {leaf}")));
    stage.must(
        !good && named.is_some(),
        &format!("one byte of leaf {leaf} altered, and found"),
        named.unwrap_or(&text),
    )
}

/// What a request's dossier says, verified from the root alone.
///
/// # Errors
/// When there is none.
pub async fn explained(gate: &Gate, id: &str) -> Result<String, Failure> {
    let file = gate.home().join("request.dossier");
    let mut collect = apart(Command::new(program()?));
    collect.args(["audit", "dossier", id, "--config"]);
    collect.arg(config(gate.home())).arg("--out").arg(&file);
    let (_, collected) = said(collect).await?;
    let mut explain = apart(Command::new(program()?));
    explain.args(["audit", "explain"]).arg(&file);
    if let Some(root) = &gate.profile().root {
        explain.args(["--root", &root.to_string()]);
    }
    let (_, text) = said(explain).await?;
    Ok(format!("{collected}\n{text}"))
}

async fn audit(gate: &Gate) -> Result<(bool, String), Failure> {
    let mut verify = apart(Command::new(program()?));
    verify.args(["audit", "verify", "--config"]);
    verify.arg(config(gate.home()));
    said(verify).await
}

async fn said(mut command: Command) -> Result<(bool, String), Failure> {
    let output = command.output().await;
    let output = output.map_err(|error| Failure::fault(error, "report this"))?;
    let text = [output.stdout, output.stderr].concat();
    Ok((
        output.status.success(),
        String::from_utf8_lossy(&text).into_owned(),
    ))
}
