//! An export gives back exactly what was exported, verifies the same, and whatever else a file holds is refused with the
//! line it stands on, never with a panic.

#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "tests")]

mod gate;

use std::io::BufRead;

use gate::{Gate, Who};
use gatehold_audit::{
    Base64, Dossier, DossierCollector, Export, ExportError, ExportItem, Line, Report, Trusted,
    Verifier, verify_dossier, verify_receipt,
};
use gatehold_core::tier::Tier;
use gatehold_core::verdict::Verdict;
use proptest::prelude::*;

fn gate() -> Gate {
    let mut gate = Gate::founded();
    let task = gate.task();
    gate.submit(task, "SELECT 1", Verdict::Allow, Tier::Green);
    gate.stop(Who::Bob);
    gate
}

fn export(gate: &Gate) -> String {
    let references = gate.references();
    let hashes: Vec<u8> = gate.leaf_hashes().iter().flat_map(|hash| hash.0).collect();
    let mut lines = vec![Line::beginning()];
    lines.extend(references.tree_heads.into_iter().map(Line::TreeHead));
    lines.extend(references.anchors.into_iter().map(Line::Anchor));
    lines.push(Line::LeafHashes(Base64(hashes)));
    lines.extend(
        gate.leaves
            .iter()
            .cloned()
            .map(|leaf| Line::Leaf(Box::new(leaf))),
    );
    lines.extend(gate.row_claims().into_iter().map(Line::Row));
    lines.iter().map(|line| line.to_text().unwrap()).collect()
}

fn verify(text: impl BufRead, trusted: &Trusted) -> Result<Report, ExportError> {
    let mut export = Export::open(text)?;
    let references = export.references().clone();
    let mut verifier = Verifier::new(&references, trusted);
    while let Some(item) = export.next_item()? {
        match item {
            ExportItem::Leaf(leaf) => verifier.leaf(&leaf),
            ExportItem::Row(row) => verifier.row(row),
        }
    }
    Ok(verifier.finish())
}

#[test]
fn an_export_verifies_as_the_ledger_does() {
    let gate = gate();
    let report = verify(export(&gate).as_bytes(), &gate.trusted()).unwrap();
    assert!(report.is_sound(), "{report}");
    assert_eq!(report.leaves, gate.leaves.len() as u64);
    assert!(report.to_string().starts_with("Ledger verified: "));
    let json = serde_json::to_value(&report).unwrap();
    assert_eq!(json["findings"], serde_json::json!([]));
}

#[test]
fn a_damaged_record_is_exported_as_it_is_and_named() {
    let mut gate = gate();
    gate.leaves[3].record[20] = 0xff;
    let text = export(&gate);
    assert!(text.contains("record_base64"));
    let report = verify(text.as_bytes(), &gate.trusted()).unwrap();
    assert_eq!(report.first().unwrap().leaf, Some(3), "{report}");
}

#[test]
fn what_is_no_export_is_refused_with_its_line() {
    let gate = gate();
    let good = export(&gate);
    let lines: Vec<&str> = good.split_inclusive('\n').collect();
    let refused = |text: &str, at: u64| match verify(text.as_bytes(), &gate.trusted()) {
        Err(ExportError::Form { line, .. }) => assert_eq!(line, at, "{text:.200}"),
        other => assert!(other.is_err(), "{text:.200}"),
    };
    refused("", 1);
    refused("{}\n", 1);
    refused(&good.replacen("export/v1", "export/v2", 1), 1);
    refused(&lines[1..].concat(), 1);
    refused(&format!("{}{}", lines[0], lines[0]), 2);
    refused(&format!("{good}{}", lines[1]), lines.len() as u64 + 1);
    refused(good.trim_end(), lines.len() as u64);
    refused(&good.replacen("\"salt\"", "\"pepper\"", 1), 5);
    refused(
        &good.replacen("\"index\":0,", "\"index\":0,\"index\":0,", 1),
        5,
    );
    refused(&format!("{}{{\"leaf_hashes\":\"AAAA\"}}\n", lines[0]), 2);
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, failure_persistence: None, ..ProptestConfig::default() })]

    /// Any edit of a dossier is refused or found; nothing panics.
    #[test]
    fn an_edited_dossier_never_verifies_as_something_else(at in any::<prop::sample::Index>(), byte in any::<u8>()) {
        let mut gate = gate();
        let task = gate.task();
        let id = gate.submit(task, "SELECT 2", Verdict::Allow, Tier::Green);
        let mut collector = DossierCollector::new(id);
        gate.leaves.iter().for_each(|leaf| collector.leaf(leaf));
        let dossier = collector.finish(&gate.head()).unwrap();
        let mut bytes = dossier.to_bytes().unwrap();
        let at = at.index(bytes.len());
        bytes[at] = byte;
        if let Ok(report) = verify_dossier(&bytes, &gate.trusted()) && report.is_sound() {
            // What still verifies says the same: white space, the unsigned store's time, an attachment left out.
            let mut read = Dossier::from_bytes(&bytes).unwrap();
            let whole = dossier.leaves.iter().zip(&mut read.leaves);
            whole.for_each(|(old, new)| new.leaf.time = old.leaf.time);
            prop_assert_eq!(read, dossier);
        }
    }

    /// No text makes a reader panic.
    #[test]
    fn readers_survive_any_text(text in "\\PC{0,400}", bytes in prop::collection::vec(any::<u8>(), 0..400)) {
        let trusted = Trusted::default();
        let _ = verify_dossier(&bytes, &trusted);
        let _ = verify(text.as_bytes(), &trusted).is_ok();
        let _ = verify(&bytes[..], &trusted).is_ok();
        prop_assert!(verify_receipt(&text, &gate::signer().log_key()).is_err());
    }
}
