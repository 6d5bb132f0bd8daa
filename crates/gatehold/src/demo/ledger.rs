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

async fn audit(gate: &Gate) -> Result<(bool, String), Failure> {
    let output = apart(Command::new(program()?))
        .args(["audit", "verify", "--config"])
        .arg(config(gate.home()))
        .output()
        .await
        .map_err(|error| Failure::fault(error, "report this"))?;
    let text = [output.stdout, output.stderr].concat();
    Ok((
        output.status.success(),
        String::from_utf8_lossy(&text).into_owned(),
    ))
}
