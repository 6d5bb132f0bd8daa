//! The cookies that hold a session, and a sign-in that was begun: names, attributes, and reading them from what a browser
//! sends.
//!
//! With `__Host-` a browser takes it only over TLS, from this very host, for every path; nothing on a sibling domain can set
//! it. On a development gate, http on 127.0.0.1, there is no TLS to demand: the port stands in the name instead, because
//! ports share a cookie jar.

use gatehold_gate::SessionId;
use gatehold_gate::openid::{TRANSACTION_SECONDS, Transaction};
use gatehold_proof::PublicUrl;
use http::header::{COOKIE, InvalidHeaderValue};
use http::{HeaderMap, HeaderValue};

use super::ConsoleError;

/// What it is called, and whether it travels by TLS alone.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct CookieName {
    name: String,
    /// That of a sign-in that was begun.
    begun: String,
    secure: bool,
    /// What a form's `Origin` must be.
    pub origin: String,
}

impl CookieName {
    pub fn new(public_url: &PublicUrl, dev: bool) -> Result<Self, ConsoleError> {
        let url = public_url.as_str();
        let origin = url.to_owned();
        if let Some(authority) = url.strip_prefix("https://") {
            return if authority.contains('/') {
                Err(ConsoleError::Path)
            } else {
                Ok(Self {
                    name: "__Host-gatehold".to_owned(),
                    begun: "__Host-gatehold-begun".to_owned(),
                    secure: true,
                    origin,
                })
            };
        }
        let authority = url.strip_prefix("http://").unwrap_or_default();
        if authority.contains('/') {
            return Err(ConsoleError::Path);
        }
        let (host, port) = authority.rsplit_once(':').unwrap_or((authority, "80"));
        if !dev || !["127.0.0.1", "localhost", "[::1]"].contains(&host) {
            return Err(ConsoleError::Clear);
        }
        Ok(Self {
            name: format!("gatehold-{port}"),
            begun: format!("gatehold-begun-{port}"),
            secure: false,
            origin,
        })
    }

    /// Sets it.
    pub fn set(&self, id: &SessionId, seconds_max: u32) -> Result<HeaderValue, InvalidHeaderValue> {
        self.header(&self.name, &id.text(), seconds_max)
    }

    /// Takes it away.
    pub fn clear(&self) -> Result<HeaderValue, InvalidHeaderValue> {
        self.header(&self.name, "", 0)
    }

    /// Sets a sign-in that was begun. `Lax`, because the provider sends the browser back from its own site.
    pub fn set_begun(&self, begun: &Transaction) -> Result<HeaderValue, InvalidHeaderValue> {
        self.header(&self.begun, &begun.text(), TRANSACTION_SECONDS)
    }

    /// Takes it away: it was answered.
    pub fn clear_begun(&self) -> Result<HeaderValue, InvalidHeaderValue> {
        self.header(&self.begun, "", 0)
    }

    fn header(
        &self,
        name: &str,
        value: &str,
        seconds: u32,
    ) -> Result<HeaderValue, InvalidHeaderValue> {
        let secure = if self.secure { " Secure;" } else { "" };
        HeaderValue::from_str(&format!(
            "{name}={value}; Path=/;{secure} HttpOnly; SameSite=Lax; Max-Age={seconds}"
        ))
    }

    /// The one session that a browser sends.
    pub fn read(&self, headers: &HeaderMap) -> Option<SessionId> {
        SessionId::parse(one(headers, &self.name)?)
    }

    /// The one sign-in that it began.
    pub fn read_begun(&self, headers: &HeaderMap) -> Option<Transaction> {
        Transaction::parse(one(headers, &self.begun)?)
    }
}

/// The cookie of a name. Two are none: one of them was put there by somebody else.
fn one<'a>(headers: &'a HeaderMap, name: &str) -> Option<&'a str> {
    let mut of_this_name = headers
        .get_all(COOKIE)
        .iter()
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(';'))
        .filter_map(|pair| pair.trim().split_once('='))
        .filter(|(known, _)| *known == name);
    let (_, value) = of_this_name.next()?;
    of_this_name.next().is_none().then_some(value)
}

#[cfg(test)]
mod tests {
    use gatehold_core::time::Timestamp;

    use super::*;

    fn named(url: &str, dev: bool) -> Result<CookieName, ConsoleError> {
        CookieName::new(&PublicUrl::parse(url).unwrap(), dev)
    }

    #[test]
    fn it_travels_by_tls_alone_but_on_a_development_gate() {
        let id = SessionId::parse(&"ab".repeat(32)).unwrap();
        let real = named("https://gate.example", false).unwrap();
        assert_eq!(
            real.set(&id, 60).unwrap().to_str().unwrap(),
            format!(
                "__Host-gatehold={}; Path=/; Secure; HttpOnly; SameSite=Lax; Max-Age=60",
                "ab".repeat(32)
            )
        );
        let dev = named("http://127.0.0.1:7400", true).unwrap();
        assert_eq!(
            dev.clear().unwrap().to_str().unwrap(),
            "gatehold-7400=; Path=/; HttpOnly; SameSite=Lax; Max-Age=0"
        );
        for (url, dev, why) in [
            ("http://127.0.0.1:7400", false, ConsoleError::Clear),
            ("http://gate.example", true, ConsoleError::Clear),
            (
                "http://127.0.0.1.evil.example:7400",
                true,
                ConsoleError::Clear,
            ),
            ("https://gate.example/gate", false, ConsoleError::Path),
            ("http://127.0.0.1:7400/gate", true, ConsoleError::Path),
        ] {
            assert_eq!(named(url, dev), Err(why), "{url}");
        }
    }

    #[test]
    fn one_cookie_is_read_and_never_two() {
        let name = named("http://127.0.0.1:7400", true).unwrap();
        let good = "ab".repeat(32);
        let other = "cd".repeat(32);
        let read = |values: &[&str]| {
            let mut headers = HeaderMap::new();
            for value in values {
                headers.append(COOKIE, value.parse().unwrap());
            }
            name.read(&headers).map(|id| id.text())
        };
        assert_eq!(
            read(&[&format!("gatehold-7400={good}")]),
            Some(good.clone())
        );
        let among = format!("a=b; gatehold-7400={good}; gatehold-7401={other}; x");
        assert_eq!(read(&[&among]), Some(good.clone()));
        for bad in [
            format!("gatehold-7400={good}; gatehold-7400={other}"),
            format!("gatehold-7400={good}; gatehold-7400={good}"),
            format!("gatehold-7400=\"{good}\""),
            format!("gatehold-7400={good}0"),
            format!("GATEHOLD-7400={good}"),
            format!("__Host-gatehold={good}"),
            "gatehold-7400=".to_owned(),
            ";;;===".to_owned(),
            String::new(),
        ] {
            assert_eq!(read(&[&bad]), None, "{bad}");
        }
        let twice = format!("gatehold-7400={good}");
        assert_eq!(read(&[&twice, &twice]), None);
    }

    #[test]
    fn a_sign_in_that_was_begun_has_a_cookie_of_its_own() {
        let begun = Transaction::begin([7; 32], Timestamp::from_millis(1), None);
        let kept = format!("{}.1.", "07".repeat(32));
        let real = named("https://gate.example", false).unwrap();
        assert_eq!(
            real.set_begun(&begun).unwrap().to_str().unwrap(),
            format!(
                "__Host-gatehold-begun={kept}; Path=/; Secure; HttpOnly; SameSite=Lax; Max-Age=600"
            )
        );
        let dev = named("http://127.0.0.1:7400", true).unwrap();
        assert!(
            dev.clear_begun()
                .unwrap()
                .to_str()
                .unwrap()
                .ends_with("; Max-Age=0")
        );
        let mut headers = HeaderMap::new();
        let pair = format!("gatehold-begun-7400={kept}");
        headers.append(COOKIE, pair.parse().unwrap());
        assert_eq!(dev.read_begun(&headers), Some(begun));
        assert_eq!(dev.read(&headers), None);
        assert_eq!(real.read_begun(&headers), None);
        headers.append(COOKIE, pair.parse().unwrap());
        assert_eq!(dev.read_begun(&headers), None);
    }
}
