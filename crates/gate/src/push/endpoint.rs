//! Where a push service takes messages for one browser, and which push services there may be. An endpoint is a capability: it is
//! printed nowhere, only the server of it is.

use std::fmt;

use gatehold_core::guard;

/// The push services of the large browsers.
const USUAL: [&str; 4] = [
    "fcm.googleapis.com",
    "updates.push.services.mozilla.com",
    "*.notify.windows.com",
    "web.push.apple.com",
];
/// Most push services that are named.
const SERVICES_MAX: usize = 32;
/// Longest name of a host (RFC 1035).
const HOST_BYTES_MAX: usize = 253;
/// Longest endpoint.
const ENDPOINT_BYTES_MAX: usize = 1_024;
/// This machine, for the tests of a development gate.
const HERE: [&str; 2] = ["127.0.0.1", "localhost"];

/// The hosts to which messages may go.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PushServices(Vec<String>);

impl Default for PushServices {
    fn default() -> Self {
        Self(USUAL.map(str::to_owned).to_vec())
    }
}

impl PushServices {
    /// Names of hosts; `*.` in front of one is any name below it.
    ///
    /// # Errors
    /// What is wrong with them.
    pub fn new(hosts: Vec<String>) -> Result<Self, String> {
        if hosts.is_empty() || hosts.len() > SERVICES_MAX {
            return Err(format!("name 1 to {SERVICES_MAX} hosts, or leave it out"));
        }
        let wrong = hosts.iter().find(|host| {
            let name = host.strip_prefix("*.").unwrap_or(host);
            let number = name
                .rsplit('.')
                .next()
                .is_none_or(|last| last.bytes().all(|byte| byte.is_ascii_digit()));
            let named = is_name(name) && name.contains('.') && !number;
            !named && !HERE.contains(&host.as_str())
        });
        match wrong {
            None => Ok(Self(hosts)),
            Some(host) => Err(format!(
                "`{}` is no host name in lower case such as push.example, or *.push.example",
                host.escape_debug()
            )),
        }
    }

    /// As they were written.
    #[must_use]
    pub fn names(&self) -> &[String] {
        &self.0
    }

    fn allows(&self, host: &str) -> bool {
        self.0
            .iter()
            .any(|allowed| match allowed.strip_prefix('*') {
                // With its point, so that `evilpush.example` is not below `push.example`.
                Some(below) => host.len() > below.len() && host.ends_with(below),
                None => host == allowed,
            })
    }
}

/// Labels of letters, digits and hyphens.
fn is_name(host: &str) -> bool {
    let label = |label: &str| {
        let plain = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-';
        !label.is_empty() && !label.starts_with('-') && label.bytes().all(plain)
    };
    host.len() <= HOST_BYTES_MAX && host.split('.').all(label)
}

/// Where messages for one browser go.
#[derive(Clone, PartialEq, Eq)]
pub struct Endpoint {
    url: String,
    /// Length of scheme and authority.
    origin: usize,
    here: bool,
}

impl fmt::Debug for Endpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Endpoint({}/…)", self.origin())
    }
}

impl Endpoint {
    /// Reads one; nothing in it can be read in two ways. `dev` at a development gate, whose push service may be this machine.
    ///
    /// # Errors
    /// Why nothing is ever sent there.
    pub fn parse(url: &str, services: &PushServices, dev: bool) -> Result<Self, &'static str> {
        if url.len() > ENDPOINT_BYTES_MAX {
            return Err("its endpoint is longer than 1024 bytes");
        }
        let plain = |byte: u8| byte.is_ascii_graphic() && !b"\"<>\\^`{|}#".contains(&byte);
        if !url.bytes().all(plain) {
            return Err("its endpoint holds what no address does");
        }
        let (rest, tls) = match (url.strip_prefix("https://"), url.strip_prefix("http://")) {
            (Some(rest), _) => (rest, true),
            (_, Some(rest)) => (rest, false),
            _ => return Err("its endpoint is no https address"),
        };
        let authority = rest.split(['/', '?']).next().unwrap_or_default();
        let (host, port) = match authority.split_once(':') {
            None => (authority, None),
            Some((host, port)) => (host, Some(port)),
        };
        let here = HERE.contains(&host);
        let scheme = "https://".len() - usize::from(!tls);
        let private = tls || dev && here;
        if guard!("push-https", !private) {
            return Err("its endpoint is no https address");
        }
        let decimal = |port: &str| {
            port.parse::<u16>()
                .is_ok_and(|number| number.to_string() == port)
        };
        let elsewhere = port.is_some_and(|port| !(dev && here && decimal(port)));
        if guard!("push-port", elsewhere) {
            return Err("its endpoint names a port");
        }
        let stranger = !is_name(host) || !services.allows(host) || here && !dev;
        if guard!("push-services", stranger) {
            return Err("its push service is none that this gate speaks to");
        }
        let path = rest.get(authority.len()..);
        if path.is_none_or(|path| path.len() < 2) {
            return Err("its endpoint names no browser");
        }
        Ok(Self {
            url: url.to_owned(),
            origin: scheme + authority.len(),
            here,
        })
    }

    /// The whole of it. Whoever has it and the gate's key can write to this browser.
    #[must_use]
    pub fn expose(&self) -> &str {
        &self.url
    }

    /// The push service.
    #[must_use]
    pub fn origin(&self) -> &str {
        self.url.get(..self.origin).unwrap_or_default()
    }

    /// Whether the push service is this machine: only a development gate has that.
    #[must_use]
    pub const fn is_here(&self) -> bool {
        self.here
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_list_of_push_services_holds_names() {
        let read = |hosts: &[&str]| {
            PushServices::new(hosts.iter().map(|host| (*host).to_owned()).collect())
        };
        assert!(read(&["push.example", "*.push.example"]).is_ok());
        assert_eq!(read(&USUAL).unwrap(), PushServices::default());
        for bad in [
            &[][..],
            &[""],
            &["*"],
            &["*."],
            &["*.com*"],
            &["push"],
            &["*.example"],
            &["Push.example"],
            &["push.example/"],
            &["push.example:443"],
            &["10.0.0.1"],
            &["*.0.0.1"],
            &["[::1]"],
            &["-push.example"],
            &["push..example"],
            &["push.example", "pu sh.example"],
            &["push.example"; 33],
        ] {
            assert!(read(bad).is_err(), "{bad:?}");
        }
    }
}
