//! A browser as far as the console can tell one: it keeps cookies, says where a form comes from, and sends what a page holds.

use gatehold_core::time::Timestamp;

use super::call::{Answer, Call};
use super::people::Person;
use super::{House, NOW};

/// One browser.
pub struct Browser<'a> {
    pub house: &'a House,
    /// `name=value`, as it was set last.
    pub cookie: Option<String>,
}

impl<'a> Browser<'a> {
    pub fn new(house: &'a House) -> Self {
        Self {
            house,
            cookie: None,
        }
    }

    /// One in which somebody has signed in.
    pub async fn of(house: &'a House, person: Person) -> Self {
        let mut browser = Self::new(house);
        let answer = browser.sign_in(person, "").await;
        assert_eq!((answer.status, answer.header("location")), (303, Some("/")));
        browser
    }

    /// Signs in with a fresh code.
    pub async fn sign_in(&mut self, person: Person, to: &str) -> Answer {
        let now = self.house.gate.now().await.unwrap();
        let code = self.house.codes.draw(now);
        let person = person.id().to_string();
        let fields = [("code", code.as_str()), ("person", &person), ("to", to)];
        self.post("/sign-in", &fields).await
    }

    /// Follows a link.
    pub async fn get(&mut self, target: &str) -> Answer {
        self.send(Call::new("GET", target, "")).await
    }

    /// The same, as text of a page.
    pub async fn page(&mut self, target: &str) -> String {
        let answer = self.get(target).await;
        assert_eq!(answer.status, 200, "{target} {}", answer.head);
        String::from_utf8(answer.body).unwrap()
    }

    /// Sends a form of a page of ours.
    pub async fn post(&mut self, target: &str, fields: &[(&str, &str)]) -> Answer {
        let call = form(target, fields).header("sec-fetch-site", "same-origin");
        self.send(call.header("origin", "null")).await
    }

    /// The same with the token that the pages of this session have.
    pub async fn post_as_shown(&mut self, target: &str, fields: &[(&str, &str)]) -> Answer {
        let token = self.token().await;
        let mut fields = fields.to_vec();
        fields.push(("token", &token));
        self.post(target, &fields).await
    }

    pub async fn token(&mut self) -> String {
        let page = self.page("/decided").await;
        let (_, after) = page.split_once("name=\"token\" value=\"").unwrap();
        after.split('"').next().unwrap().to_owned()
    }

    /// Sends something with its cookie, and keeps the cookie that comes back.
    pub async fn send(&mut self, call: Call) -> Answer {
        let call = match &self.cookie {
            Some(cookie) => call.header("cookie", cookie.as_bytes()),
            None => call,
        };
        let answer = call.send(self.house).await;
        if let Some(set) = answer.header("set-cookie") {
            let pair = set.split(';').next().unwrap();
            self.cookie = (!pair.ends_with('=')).then(|| pair.to_owned());
        }
        answer
    }
}

/// A form as a browser writes it, without a word about where it is from.
pub fn form(target: &str, fields: &[(&str, &str)]) -> Call {
    let encode = |text: &str| {
        let byte = |byte: u8| {
            if byte.is_ascii_alphanumeric() {
                char::from(byte).to_string()
            } else {
                format!("%{byte:02X}")
            }
        };
        text.bytes().map(byte).collect::<String>()
    };
    let pairs: Vec<String> = fields
        .iter()
        .map(|(name, value)| format!("{}={}", encode(name), encode(value)))
        .collect();
    Call::new("POST", target, pairs.join("&"))
        .header("content-type", "application/x-www-form-urlencoded")
}

impl House {
    /// So many seconds after it was opened.
    pub fn after(&self, seconds: i64) {
        let at = Timestamp::from_millis(NOW + seconds * 1_000);
        self.store.clock().set(at);
    }
}
