//! Files beside this one, each with a reader of its own: targets, look-ups, channels, and who vouches for people.

use std::path::Path;

use gatehold_broker::{Channels, ConfigErrors, Lookups, Targets};

use super::Checks;
use crate::ambient::text_variable;
use crate::config::{IdentityProviderPlace, Mistake, identity_provider, raw};

impl Checks {
    pub(super) fn identity_provider(
        &mut self,
        raw: raw::IdentityProvider,
        public_url: Option<&str>,
    ) -> Option<IdentityProviderPlace> {
        let folder = self.folder.clone();
        let mut say = |key: &str, why: String| self.say(key, why);
        identity_provider::read(raw, &folder, public_url, &mut say)
    }

    pub(super) fn targets(&mut self, file: Option<&Path>) -> Option<Targets> {
        let Some(file) = file else {
            return Some(Targets::default());
        };
        let text = self.file("targets_file", file)?;
        let environment = |name: &str| text_variable(name);
        let read = Targets::from_toml(&String::from_utf8_lossy(&text), &environment);
        read.map_err(|errors| self.all_of(file, "target", &errors))
            .ok()
    }

    pub(super) fn lookups(&mut self, file: Option<&Path>) -> Option<Lookups> {
        let Some(file) = file else {
            return Some(Lookups::default());
        };
        let text = self.file("lookups_file", file)?;
        let environment = |name: &str| text_variable(name);
        let read = Lookups::from_toml(&String::from_utf8_lossy(&text), &environment);
        read.map_err(|errors| self.all_of(file, "lookup", &errors))
            .ok()
    }

    pub(super) fn channels(&mut self, file: Option<&Path>) -> Option<Channels> {
        let Some(file) = file else {
            return Some(Channels::default());
        };
        let text = self.file("channels_file", file)?;
        let read = Channels::from_toml(&String::from_utf8_lossy(&text));
        read.map_err(|errors| self.all_of(file, "channel", &errors))
            .ok()
    }

    /// Every mistake of another file.
    fn all_of(&mut self, file: &Path, what: &str, errors: &ConfigErrors) {
        let name = self.folder.join(file).display().to_string();
        self.found.extend(errors.0.iter().map(|problem| Mistake {
            file: name.clone(),
            key: format!("{what} {}, {}", problem.target, problem.field),
            why: problem.text.clone(),
        }));
    }
}
