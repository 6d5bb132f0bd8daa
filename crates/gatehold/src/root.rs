//! The root that this client goes by. A terminal is a renderer of its own only if it knows by itself who may say what an action
//! means: so it pins the hash of the gate's root statement, and folds the gate's chain of trust under it anew, signature by
//! signature, to the bundle that people approved. Of the gate it takes the links, and believes nothing about them.
//!
//! The first pin is trust on first use, and is said so. Links that were seen are kept: a gate cannot go back behind them.

use std::path::{Path, PathBuf};

use gatehold_client::Client;
use gatehold_client::wire::{TrustLink, TrustLinks};
use gatehold_core::checkpoint::Requirement;
use gatehold_core::descriptor::Descriptor;
use gatehold_core::directory::Directory;
use gatehold_core::hash::{Hash, unhex};
use gatehold_core::ids::{CheckpointName, DescriptorId, Origin};
use gatehold_core::trust::{Chain, Change, Evidence};
use gatehold_policy::Definitions;

use crate::exit::Failure;
use crate::files;
use crate::profile::{FILE, Profile};

/// Most bytes of links that are taken from a gate.
const BYTES_MAX: usize = 256 << 20;

/// The gate as its chain of trust gives it, under the pinned root.
#[derive(Debug)]
pub struct Rooted {
    /// The pinned root.
    pub root: Hash,
    /// Whether it was pinned just now, because nothing was before.
    pub first_use: bool,
    /// How many links were folded.
    pub links: usize,
    /// Keys, teams, workloads and the bundle that decides.
    pub directory: Directory,
    /// The bundles that people gave force, with their bytes; the last one decides.
    bundles: Vec<(Hash, Vec<u8>)>,
    /// What stands in that.
    active: Definitions,
}

impl Rooted {
    /// A kind of action of the bundle that decides.
    pub fn descriptor(&self, id: &DescriptorId) -> Option<&Descriptor> {
        self.active.descriptor(id)
    }

    /// What these checkpoints ask of an action of this kind, in the newest bundle in which that has this hash: what was held
    /// before another bundle was activated stays held as it was.
    pub fn requirement(
        &self,
        names: &[CheckpointName],
        descriptor: &Descriptor,
        hash: &Hash,
    ) -> Option<Requirement> {
        let is_it = |one: &Requirement| one.requirement_hash() == *hash;
        let in_active = self.active.requirement(names.iter(), descriptor);
        if let Some(found) = in_active.filter(is_it) {
            return Some(found);
        }
        let earlier = self.bundles.iter().rev().skip(1);
        earlier
            .filter_map(|(_, bytes)| Definitions::from_bytes(bytes).ok())
            .filter_map(|one| one.requirement(names.iter(), descriptor))
            .find(is_it)
    }
}

/// Folds the gate's chain of trust under the root of this profile; pins that, where nothing was pinned, and says so.
///
/// # Errors
/// Verification failed, when the chain does not lead from that root to a bundle.
// INVARIANT(own-root): what a terminal shows and signs is read from a bundle that follows from the root it pinned.
pub async fn rooted(profile: &Profile, client: &Client) -> Result<Rooted, Failure> {
    let (root, first_use) = match profile.root {
        Some(root) => (root, false),
        None => (named(client).await?, true),
    };
    let place = place(profile, root);
    let mut links = kept(&place);
    let before = links.len();
    fetch(client, &mut links).await?;
    let mut rooted = fold(&profile.origin, root, &links)?;
    if links.len() > before {
        keep(&place, links);
    }
    if first_use {
        pin(profile, root)?;
        say_first_use(profile, root);
        rooted.first_use = true;
    }
    Ok(rooted)
}

/// Pins another root, because a person said so with its hash.
///
/// # Errors
/// When client.toml cannot be written.
pub fn pin(profile: &Profile, root: Hash) -> Result<(), Failure> {
    let path = profile.home.join(FILE);
    let text = std::fs::read_to_string(&path).map_err(|error| Failure::file(&path, &error))?;
    std::fs::write(&path, pinned(&text, root)).map_err(|error| Failure::file(&path, &error))
}

/// The file with this root in it, and everything else as it stands.
fn pinned(text: &str, root: Hash) -> String {
    let line = format!("root = \"{root}\"");
    let is_root = |line: &str| {
        let rest = line.trim_start().strip_prefix("root");
        rest.is_some_and(|rest| rest.trim_start().starts_with('='))
    };
    let mut lines: Vec<&str> = text.lines().collect();
    let tables = lines
        .iter()
        .position(|line| line.trim_start().starts_with('['));
    let tables = tables.unwrap_or(lines.len());
    let own = lines.get_mut(..tables);
    match own.and_then(|own| own.iter_mut().find(|line| is_root(line))) {
        Some(old) => *old = &line,
        None => lines.insert(0, &line),
    }
    lines.join("\n") + "\n"
}

/// The root that the gate names: believed once, and only to be pinned.
async fn named(client: &Client) -> Result<Hash, Failure> {
    let info = client.gate().await?;
    info.root
        .parse()
        .map_err(|error| Failure::verification(error, "check that the URL is that of a gate"))
}

fn say_first_use(profile: &Profile, root: Hash) {
    let file = profile.home.join(FILE);
    let (file, origin) = (
        file.display(),
        crate::screen::plain(profile.origin.as_str()),
    );
    eprintln!(
        "note:  nothing was pinned, so this client now trusts the root that {origin} names itself:\n\
         note:    {root}\n\
         note:  whether that is the right one only people can tell you: compare it with the root that your operators wrote \
         down when\n\
         note:  they founded the gate. It stands in {file}, and only `gatehold login --root HASH` changes it"
    );
}

/// Asks for the links after those that are here, until there are no more.
async fn fetch(client: &Client, links: &mut Vec<TrustLink>) -> Result<(), Failure> {
    let next = "check that the URL is that of your gate, and tell its operators";
    let mut bytes = 0_usize;
    loop {
        let after = links.last().map(|link| link.leaf);
        let page = client.trust_links(after).await?;
        if page.more && page.links.is_empty() {
            let cause = "the gate says that its chain of trust goes on, and gives no link";
            return Err(Failure::verification(cause, next));
        }
        for link in page.links {
            if links.last().is_some_and(|last| link.leaf <= last.leaf) {
                let cause = "the links of the gate's chain of trust are out of order";
                return Err(Failure::verification(cause, next));
            }
            bytes = bytes.saturating_add(link.evidence.0.len());
            links.push(link);
        }
        if bytes > BYTES_MAX {
            let cause = format!("the gate's chain of trust has more than {BYTES_MAX} bytes");
            return Err(Failure::verification(cause, next));
        }
        if !page.more {
            return Ok(());
        }
    }
}

fn fold(origin: &Origin, root: Hash, links: &[TrustLink]) -> Result<Rooted, Failure> {
    let mut chain = Chain::default();
    let mut bundles: Vec<(Hash, Vec<u8>)> = Vec::new();
    for link in links {
        let evidence = Evidence::from_bytes(&link.evidence.0).map_err(|error| error.to_string());
        let added = evidence
            .as_ref()
            .map_err(Clone::clone)
            .and_then(|evidence| {
                let added = chain.add(link.leaf, evidence, Some(root));
                added.map_err(|error| error.to_string())
            });
        let Some(directory) = chain.directory() else {
            return Err(not_this_root(root, &added.err().unwrap_or_default()));
        };
        // A later link that does not verify gives nothing force, here as at the gate.
        let (Ok(()), Ok(evidence)) = (added, evidence) else {
            continue;
        };
        if bundles
            .last()
            .is_none_or(|(last, _)| *last != directory.bundle)
        {
            bundles.push((
                directory.bundle,
                bundle_of(link, &evidence, directory.bundle)?,
            ));
        }
    }
    let (Some(directory), Some((_, bytes))) = (chain.directory().cloned(), bundles.last()) else {
        return Err(not_this_root(root, "it shows no link at all"));
    };
    if directory.origin != *origin {
        let cause = format!(
            "the root is that of {}, and not of {origin}",
            directory.origin
        );
        return Err(Failure::verification(
            cause,
            "correct `origin` or `root` in client.toml",
        ));
    }
    let active = Definitions::from_bytes(bytes).map_err(|problems| {
        let first = problems.first().map(ToString::to_string);
        Failure::verification(
            format!(
                "the active bundle cannot be read: {}",
                first.unwrap_or_default()
            ),
            "install the gatehold that the gate runs, and look again",
        )
    })?;
    Ok(Rooted {
        root,
        first_use: false,
        links: links.len(),
        directory,
        active,
        bundles,
    })
}

/// The bytes that a link gave force: beside the root, or as the payload that people approved.
fn bundle_of(link: &TrustLink, evidence: &Evidence, hash: Hash) -> Result<Vec<u8>, Failure> {
    let bytes = match (&link.bundle, evidence) {
        (Some(bundle), Evidence::Root(_)) => Some(bundle.0.clone()),
        (_, Evidence::Executed(executed)) => unhex(&executed.payload),
        _ => None,
    };
    let found = bytes.filter(|bytes| Change::bundle_hash(bytes) == hash);
    found.ok_or_else(|| {
        Failure::verification(
            format!(
                "the gate does not show bundle {hash}, to which leaf {} gives force",
                link.leaf
            ),
            "do not approve; keep this output and tell the gate's operators",
        )
    })
}

fn not_this_root(root: Hash, why: &str) -> Failure {
    Failure {
        exit: crate::exit::Exit::Verification,
        causes: vec![format!(
            "the gate's chain of trust does not begin at the pinned root {root}: {why}"
        )],
        next: "sign nothing; ask the gate's operators, and only if they founded it anew pin its root with `gatehold login \
               --root HASH`"
            .to_owned(),
    }
}

fn place(profile: &Profile, root: Hash) -> PathBuf {
    profile
        .home
        .join("trust")
        .join(format!("{}.json", root.hex()))
}

/// The links that were seen before. They are verified again like any other; what cannot be read is fetched anew.
fn kept(place: &Path) -> Vec<TrustLink> {
    let read = std::fs::read(place).ok();
    let read = read.and_then(|bytes| serde_json::from_slice::<TrustLinks>(&bytes).ok());
    read.unwrap_or_default().links
}

/// Keeps them for the next time. A folder that cannot be written only makes that slower, and forgetful.
fn keep(place: &Path, links: Vec<TrustLink>) {
    let all = TrustLinks { links, more: false };
    // Several commands may keep at once, each in a file of its own until it is whole.
    let own = place.with_added_extension(std::process::id().to_string());
    let written = place
        .parent()
        .map_or(Ok(()), files::private_folder)
        .and_then(|()| {
            let bytes =
                serde_json::to_vec(&all).map_err(|error| Failure::fault(error, "report this"))?;
            files::replace_secret(&own, &bytes)
        })
        .and_then(|()| std::fs::rename(&own, place).map_err(|error| Failure::file(place, &error)));
    if let Err(failure) = written {
        tracing::debug!(%failure, "the links of the chain of trust are not kept");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pin_stands_at_the_top_of_the_file_and_replaces_the_one_before() {
        let [one, two] = [b"one", b"two"].map(|bytes| Hash::of(bytes));
        let text = "# mine\nurl = \"http://127.0.0.1:1\"\n\n[people.root]\nroot = \"no pin\"\n";
        let first = pinned(text, one);
        assert_eq!(first, format!("root = \"{one}\"\n{text}"));
        assert_eq!(pinned(&first, two), format!("root = \"{two}\"\n{text}"));
        let spaced = "url = \"u\"\nroot=\"old\"\n";
        assert_eq!(
            pinned(spaced, one),
            format!("url = \"u\"\nroot = \"{one}\"\n")
        );
        assert_eq!(pinned("", one), format!("root = \"{one}\"\n"));
    }
}
