//! Where the gate listens, and as whom.

use std::net::SocketAddr;

use gatehold_server::listen::{ClientCertificates, ListenSettings, TlsSettings};

use super::Checks;
use crate::config::raw;

impl Checks {
    pub(super) fn listen(&mut self, text: Option<&str>) -> Option<SocketAddr> {
        let text = self.missing("listen", text, "an address, such as \"127.0.0.1:7400\"")?;
        let address = text.parse();
        address
            .map_err(|error| self.say("listen", format!("`{text}`: {error}; write 127.0.0.1:7400")))
            .ok()
    }

    pub(super) fn public_url(&mut self, url: Option<String>) -> Option<String> {
        let url = self.missing(
            "public_url",
            url,
            "what clients call, such as \"https://gate.example\"",
        )?;
        gatehold_proof::PublicUrl::parse(&url)
            .map_err(|_| {
                self.say(
                    "public_url",
                    format!(
                        "`{url}` is no URL to sign; write https://host, or http:// on loopback, without a final slash"
                    ),
                );
            })
            .ok()
            .map(|_| url)
    }

    pub(super) fn operations(&mut self, text: &str) -> Option<SocketAddr> {
        let address = text.parse::<SocketAddr>();
        let why = match address {
            Ok(address) if address.ip().is_loopback() => return Some(address),
            Ok(_) => "it is served on loopback only".to_owned(),
            Err(error) => error.to_string(),
        };
        self.say(
            "operations_listen",
            format!("`{text}`: {why}; write 127.0.0.1:7401"),
        );
        None
    }

    pub(super) fn safety(
        &mut self,
        text: Option<&str>,
        listen: Option<SocketAddr>,
    ) -> Option<SocketAddr> {
        let text = text?;
        let address = text.parse::<SocketAddr>();
        let why = match address {
            Ok(address) if Some(address) != listen => return Some(address),
            Ok(_) => "it is the address of `listen`, and would have no room of its own".to_owned(),
            Err(error) => error.to_string(),
        };
        self.say(
            "safety_listen",
            format!("`{text}`: {why}; write 127.0.0.1:7402"),
        );
        None
    }

    /// What the listener itself would refuse to start with.
    pub(super) fn listener(&mut self, settings: &ListenSettings) {
        for problem in settings.problems() {
            self.say("listen, tls, behind_proxy", problem);
        }
    }

    pub(super) fn tls(&mut self, tls: &raw::Tls) -> Option<TlsSettings> {
        let certificates = self.missing(
            "tls.certificate_file",
            tls.certificate_file.as_deref(),
            "the file of the certificate chain (PEM)",
        );
        let certificates = certificates.and_then(|file| self.file("tls.certificate_file", file));
        let key = self.missing(
            "tls.private_key_file",
            tls.private_key_file.as_deref(),
            "the file of its key (PEM)",
        );
        let key = key.and_then(|file| self.file("tls.private_key_file", file));
        let clients = match &tls.client_ca_file {
            None => ClientCertificates::NotAsked,
            Some(path) => ClientCertificates::Required {
                roots_pem: self.file("tls.client_ca_file", path)?,
            },
        };
        Some(TlsSettings {
            certificates_pem: certificates?,
            key_pem: key?,
            clients,
        })
    }
}
