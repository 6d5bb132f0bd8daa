//! Whether the pages of a gate are made of the files in this program, asked from a machine that is not the gate's.
//!
//! What is said here is of the bytes that were served to this program now: a gate that was taken over may serve others to somebody
//! else. It must never take a hash from the gate: each is computed here, from bytes.

use gatehold_core::hash::Hash;
use gatehold_server::PageFiles;

use super::{Level, Report};
use crate::connect;
use crate::context::Ctx;
use crate::exit::Failure;

/// Fetches every file and compares it.
pub(super) async fn look_at(ctx: &Ctx, report: &mut Report) -> Result<(), Failure> {
    let mut profile = ctx.profile()?;
    if profile.origin.is_dev() {
        // The pages of a development gate stand at a name, because no passkey signs at a number.
        profile.url = profile.url.replacen("://127.0.0.1", "://localhost", 1);
    }
    let client = connect::with_key(&profile, connect::new_key()?)?;
    let embedded = PageFiles::embedded();
    let version = env!("CARGO_PKG_VERSION");
    let mut served = 0_usize;
    let mut differ = Vec::new();
    for (name, own) in embedded.files() {
        let difference = match client.page_file(name).await? {
            None => "is not served".to_owned(),
            Some(bytes) => {
                served = served.saturating_add(1);
                let hash = Hash::of(&bytes);
                if hash == *own {
                    continue;
                }
                format!("is served as {hash}, and is {own} in this program")
            }
        };
        differ.push(format!(
            "{name} {difference}. Unless the gate runs another version than this one, {version}: sign nothing on its pages, sign in \
             a terminal, and find out who changed them"
        ));
    }
    if served == 0 {
        let text = format!(
            "{} serves no pages: nothing was compared",
            client.public_url()
        );
        report.say(Level::Bad, text);
        return Ok(());
    }
    report.tampered = !differ.is_empty();
    for text in differ {
        report.say(Level::Bad, text);
    }
    if !report.tampered {
        report.say(
            Level::Ok,
            format!(
                "{} serves the {} page files of this program, {version}: {}",
                client.public_url(),
                embedded.files().len(),
                embedded.set()
            ),
        );
    }
    report.say(
        Level::See,
        "this is what was served to this program now; a gate that was taken over may serve other pages to somebody else, and only \
         a terminal shows what follows from the root that it pinned"
            .to_owned(),
    );
    Ok(())
}
