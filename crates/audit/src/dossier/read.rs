//! Verifies a dossier: every proof under the tree head, then the same replay as for a whole ledger. What is missing
//! shows: requests count their versions, and every decision names the version of the key directory it was taken under.

use gatehold_core::request::State;
use gatehold_ledger::{Leaf, LogKey, SignedTreeHead, verify_inclusion};

use super::report::{self, DossierReport};
use super::{Dossier, DossierError, ProvenLeaf, is_of};
use crate::finding::{Code, Finding};
use crate::fold::Fold;
use crate::opened::{Expect, Opened};
use crate::verify::Trusted;

/// Verifies a dossier with nothing but what the auditor brings.
///
/// # Errors
/// [`DossierError`] when the file cannot be read. What is wrong with what it says is in the report.
pub fn verify_dossier(bytes: &[u8], trusted: &Trusted) -> Result<DossierReport, DossierError> {
    let dossier = Dossier::from_bytes(bytes)?;
    let mut fold = Fold::of(dossier.request, trusted.pinned_root);
    let mut opened = Vec::new();
    let mut before = None;
    for proven in &dossier.leaves {
        let index = proven.leaf.index;
        if before.is_some_and(|before| index <= before) {
            let text = "its leaves are not in the order of the ledger";
            fold.findings.push(Finding::at(index, Code::Position, text));
        }
        before = Some(index);
        match Opened::of(&proven.leaf, Expect::Selection) {
            Ok(leaf) => {
                fold.leaf(&leaf);
                for name in leaf.withheld().filter(|_| is_own(&leaf, &dossier)) {
                    fold.gap(Some(index), format!("`{name}` is not included"));
                }
                opened.push(leaf);
            }
            Err(finding) => fold.damaged(*finding, None),
        }
    }
    let head = head(&dossier, trusted, &mut fold);
    if let Some(head) = &head {
        for proven in &dossier.leaves {
            if let Err(text) = included(proven, head) {
                let finding = Finding::at(proven.leaf.index, Code::LeafDiffers, text);
                fold.findings.push(finding);
            }
        }
    }
    fold.finish();
    if fold.directory().is_none() {
        let text = "it holds no root statement that verifies, so nobody in it has force";
        fold.findings.push(Finding::whole(Code::Chain, text));
    }
    let known = fold.requests.get(&dossier.request);
    if known.is_none_or(|request| request.version == 0) {
        let text = "it holds no sound submission of its request";
        fold.findings.push(Finding::whole(Code::Order, text));
    }
    if known.is_some_and(|request| request.state == State::Executing) {
        fold.gap(None, "what came of the execution is not in it");
    }
    fold.findings.sort_by_key(Finding::order);
    Ok(report::of(&dossier, &fold, &opened, head.as_ref(), trusted))
}

fn is_own(leaf: &Opened, dossier: &Dossier) -> bool {
    is_of(&leaf.entry, &dossier.request)
}

fn head(dossier: &Dossier, trusted: &Trusted, fold: &mut Fold) -> Option<SignedTreeHead> {
    let stated = fold.log_key.as_deref();
    let stated = stated.and_then(|text| LogKey::parse(text).ok());
    let refuse = |text: String| Finding::whole(Code::Reference, text);
    if let (Some(given), Some(stated)) = (&trusted.log_key, &stated)
        && given != stated
    {
        let text = "the log's key is not the one that the root statement names".to_owned();
        fold.findings.push(refuse(text));
        return None;
    }
    let Some(key) = trusted.log_key.clone().or(stated) else {
        let text = "the tree head cannot be checked: the log's key is not known".to_owned();
        fold.findings.push(refuse(text));
        return None;
    };
    match SignedTreeHead::verify(&dossier.tree_head, &key) {
        Ok(head) => Some(head),
        Err(error) => {
            let text = format!("the tree head is refused: {error}");
            fold.findings.push(refuse(text));
            None
        }
    }
}

// INVARIANT(receipt-binds-record): the leaf is hashed from its own bytes, which its record has opened.
fn included(proven: &ProvenLeaf, head: &SignedTreeHead) -> Result<(), String> {
    let leaf = Leaf::from_bytes(&proven.leaf.leaf).map_err(|error| error.to_string())?;
    let hashes = proven.proof.iter();
    let proof: Option<Vec<_>> = hashes
        .map(|text| gatehold_ledger::Hash::from_base64(text))
        .collect();
    let proof = proof.ok_or("its proof is not of hashes in base64")?;
    verify_inclusion(
        leaf.hash(),
        proven.leaf.index,
        head.size(),
        &proof,
        head.root(),
    )
    .map_err(|error| format!("the log does not hold it there: {error}"))
}
