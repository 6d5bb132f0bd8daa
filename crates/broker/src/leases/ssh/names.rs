//! What an operator names and a workload asks for, each checked before it comes near a certificate.

use std::net::IpAddr;

use gatehold_core::json::ident::{check_identifier, hazard};
use serde::{Deserialize, Serialize};

/// Longest name of a principal, in bytes.
const PRINCIPAL_BYTES_MAX: usize = 64;
/// Longest command, in bytes.
const COMMAND_BYTES_MAX: usize = 4096;
/// Longest name of a host with its port, in bytes.
const HOST_BYTES_MAX: usize = 255;

/// Under which name a certificate logs in.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub(crate) struct Principal(String);

impl From<Principal> for String {
    fn from(name: Principal) -> Self {
        name.0
    }
}

impl TryFrom<String> for Principal {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        Self::new(&text)
    }
}

impl Principal {
    /// One name: a server reads a comma as the end of one, and nothing as everybody.
    pub(crate) fn new(text: &str) -> Result<Self, String> {
        check_identifier(text, PRINCIPAL_BYTES_MAX).map_err(|error| error.to_string())?;
        if text.contains([',', ' ']) {
            return Err(format!(
                "`{text}` is not one name: leave commas and spaces out"
            ));
        }
        Ok(Self(text.to_owned()))
    }

    pub(crate) fn as_str(&self) -> &str {
        &self.0
    }
}

/// What a certificate runs: exactly these bytes, as the login's shell reads them.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub(crate) struct Command(String);

impl From<Command> for String {
    fn from(name: Command) -> Self {
        name.0
    }
}

impl TryFrom<String> for Command {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        Self::new(&text)
    }
}

impl Command {
    /// One line that shows all that it is.
    pub(crate) fn new(text: &str) -> Result<Self, String> {
        if text.len() > COMMAND_BYTES_MAX {
            return Err(format!(
                "the command is longer than {COMMAND_BYTES_MAX} bytes: put it into a script"
            ));
        }
        if text.is_empty() || text.starts_with(' ') || text.ends_with(' ') {
            return Err("the command is empty, or begins or ends with a space".to_owned());
        }
        let hazards = text
            .char_indices()
            .find_map(|(at, c)| Some((at, hazard(c)?)));
        match hazards {
            Some((at, hazard)) => Err(format!(
                "the command has a {hazard} at byte {at}: take it out"
            )),
            None => Ok(Self(text.to_owned())),
        }
    }

    pub(crate) fn as_str(&self) -> &str {
        &self.0
    }
}

/// A network as a server reads it: an address with nothing beyond its prefix, and the prefix.
pub(crate) fn network(text: &str) -> Result<String, String> {
    let wrong = || format!("`{text}` is not a network: write it as 10.1.2.0/24 or 2001:db8::/32");
    let (address, prefix) = text.split_once('/').ok_or_else(wrong)?;
    let address: IpAddr = address.parse().map_err(|_| wrong())?;
    let digits = (1..=3).contains(&prefix.len()) && prefix.bytes().all(|b| b.is_ascii_digit());
    let length: u32 = prefix.parse().ok().filter(|_| digits).ok_or_else(wrong)?;
    let (bits, width): (u128, u32) = match address {
        IpAddr::V4(v4) => (v4.to_bits().into(), 32),
        IpAddr::V6(v6) => (v6.to_bits(), 128),
    };
    let host = width.checked_sub(length).ok_or_else(wrong)?;
    let beyond = 1_u128.checked_shl(host).map_or(u128::MAX, |all| all - 1);
    if bits & beyond != 0 {
        return Err(format!(
            "`{text}` names an address inside its network: write zeros behind the prefix"
        ));
    }
    Ok(format!("{address}/{length}"))
}

/// Where a workload logs in: a host and its port.
pub(crate) fn host(text: &str) -> Result<String, String> {
    check_identifier(text, HOST_BYTES_MAX).map_err(|error| error.to_string())?;
    let parts = text.rsplit_once(':');
    let right = parts.is_some_and(|(host, port)| {
        let port = port.parse::<u16>().is_ok_and(|port| port != 0);
        port && !host.is_empty() && !host.contains([' ', ',', '@'])
    });
    if right {
        Ok(text.to_owned())
    } else {
        Err(format!(
            "`{text}` is not a host and its port: write it as server.example:22"
        ))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn c07_a_principal_is_one_visible_name() {
        assert!(Principal::new("deploy").is_ok() && Principal::new(&"p".repeat(64)).is_ok());
        for bad in [
            "",
            " ",
            "a,b",
            "a b",
            "a\nb",
            "a\0",
            "a\u{202e}b",
            ",",
            &"p".repeat(65),
        ] {
            assert!(Principal::new(bad).is_err(), "{bad:?}");
        }
    }

    #[test]
    fn c07_a_command_is_one_line_that_shows_all_of_it() {
        for good in [
            "true",
            "systemctl restart 'shop web'",
            "echo \"größe\" | tee /tmp/x; id",
            &"x".repeat(4096),
        ] {
            assert_eq!(Command::new(good).unwrap().as_str(), good);
        }
        for bad in [
            "",
            " ",
            "a ",
            " a",
            "a\nb",
            "a\r",
            "a\0b",
            "a\tb",
            "a\u{202e}b",
            "a\u{200b}",
            "a\u{a0}b",
            &"x".repeat(4097),
        ] {
            assert!(Command::new(bad).is_err(), "{bad:?}");
        }
    }

    #[test]
    fn a_network_has_nothing_beyond_its_prefix() {
        for good in [
            "10.0.0.0/8",
            "127.0.0.1/32",
            "0.0.0.0/0",
            "2001:db8::/32",
            "::1/128",
            "::/0",
        ] {
            assert_eq!(network(good).as_deref(), Ok(good));
        }
        assert_eq!(network("2001:0DB8::/32").as_deref(), Ok("2001:db8::/32"));
        for bad in [
            "",
            "10.0.0.1",
            "10.0.0.1/8",
            "10.0.0.0/33",
            "::1/129",
            "10.0.0.0/",
            "10.0.0.0/+8",
            "10.0.0.0/0008",
            "*",
            "any",
            "10.0.0.0/8,::/0",
            "!10.0.0.0/8",
            " 10.0.0.0/8",
            "host.example/32",
            "2001:db8::1/32",
        ] {
            assert!(network(bad).is_err(), "{bad:?}");
        }
    }

    #[test]
    fn a_host_has_a_port() {
        assert!(host("server.example:22").is_ok() && host("[::1]:2222").is_ok());
        for bad in [
            "",
            "server.example",
            "server.example:0",
            "server.example:65536",
            ":22",
            "a b:22",
            "root@a:22",
            "a\n:22",
        ] {
            assert!(host(bad).is_err(), "{bad:?}");
        }
    }
}
