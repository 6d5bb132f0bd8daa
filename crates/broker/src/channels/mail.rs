//! `mail`: plain text to the people whose addresses the operator wrote down, one mail each, with a link. Replies are read by nobody.
//!
//! A mail that the server took for somebody is not sent to them again while the process lives, also when another of the same
//! notice failed. A line of a header cannot end early: its texts hold no character that nobody sees.

mod connect;

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;
use std::time::{Duration, SystemTime};

use futures_util::future::join_all;
use gatehold_core::hash::Hash;
use gatehold_core::ids::HumanId;
use gatehold_gate::ports::notifier::NotDelivered;
use lettre::Address;
use lettre::message::header::{ContentType, HeaderName, HeaderValue};
use lettre::message::{Mailbox, SinglePart};
use lettre::transport::smtp::Error;
use lettre::transport::smtp::authentication::Credentials;

use super::taken::Taken;
use super::text::Message;
use crate::secret::Source;
pub(crate) use connect::Tls;

/// How many are sent at once.
const AT_ONCE: usize = 4;
/// Longest time for one notice, however many its people are.
const WHOLE: Duration = Duration::from_secs(50);
/// A file is read in less.
const READ: Duration = Duration::from_secs(5);
/// How long a server that has taken a mail may take to say goodbye.
const GOODBYE: Duration = Duration::from_secs(2);
/// Under the six lines.
const ENDS: &str =
    "\n\nReplies to this mail are read by nobody, and no mail approves or denies anything.\n";

/// How the connection is kept from others.
#[derive(Clone)]
pub(crate) enum Protection {
    /// It begins plain, and nothing is said before TLS.
    StartTls(Tls),
    /// TLS from its first byte.
    Tls(Tls),
    /// On this machine alone.
    None,
}

impl core::fmt::Debug for Protection {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.write_str(match self {
            Self::StartTls(_) => "StartTls",
            Self::Tls(_) => "Tls",
            Self::None => "None",
        })
    }
}

/// A server that takes mail, and whom to send it to.
#[derive(Debug)]
pub(crate) struct Mail {
    pub(crate) host: String,
    pub(crate) port: u16,
    pub(crate) protection: Protection,
    pub(crate) from: Mailbox,
    pub(crate) login: Option<Login>,
    pub(crate) people: BTreeMap<HumanId, Address>,
    /// For one mail.
    pub(crate) limit: Duration,
    pub(crate) taken: Taken<HumanId>,
}

/// How the gate shows the server who it is.
#[derive(Debug)]
pub(crate) struct Login {
    pub(crate) username: String,
    /// Read for each notice, so that it can be changed.
    pub(crate) password_file: PathBuf,
}

impl Mail {
    pub(crate) fn server(&self) -> String {
        format!("{}:{}", self.host, self.port)
    }

    /// Whom it has an address of.
    pub(crate) fn people(&self) -> impl Iterator<Item = &HumanId> {
        self.people.keys()
    }

    /// One mail each. One that fails stops no other, and the notice is told as not delivered.
    pub(crate) async fn send(
        &self,
        channel: &str,
        message: &Message,
        to: &BTreeSet<HumanId>,
    ) -> Result<String, NotDelivered> {
        let credentials = self.credentials().await?;
        let known = self.people.iter();
        let missing: Vec<(&HumanId, &Address)> = known
            .filter(|(person, _)| to.contains(*person) && !self.taken.has(&message.key, person))
            .collect();
        let mut failed = None;
        let mut count = 0_usize;
        let sending = async {
            for some in missing.chunks(AT_ONCE) {
                let mails = some.iter().map(|(person, address)| {
                    let sent = self.one(credentials.as_ref(), message, person, address);
                    async move { (*person, sent.await) }
                });
                for (person, sent) in join_all(mails).await {
                    let Err(why) = sent else { continue };
                    tracing::warn!(channel, %person, why, "a mail was not taken");
                    count += 1;
                    failed.get_or_insert(why);
                }
            }
        };
        if tokio::time::timeout(WHOLE, sending).await.is_err() {
            failed.get_or_insert_with(|| "the server is too slow".to_owned());
        }
        if let Some(why) = failed {
            let of = missing.len();
            return Err(NotDelivered(format!(
                "{count} of {of} mails were not taken, the first because {why}"
            )));
        }
        self.taken.all(&message.key);
        Ok(match missing.len() {
            1 => "the server took 1 mail".to_owned(),
            several => format!("the server took {several} mails"),
        })
    }

    async fn credentials(&self) -> Result<Option<Credentials>, NotDelivered> {
        let Some(login) = &self.login else {
            return Ok(None);
        };
        let source = Source::File(login.password_file.clone());
        let password = source.read(READ).await;
        let password = password.map_err(|error| NotDelivered(error.to_string()))?;
        let password = password.expose_text().to_owned();
        Ok(Some(Credentials::new(login.username.clone(), password)))
    }

    /// Why it was not taken is said without any address.
    async fn one(
        &self,
        credentials: Option<&Credentials>,
        message: &Message,
        person: &HumanId,
        address: &Address,
    ) -> Result<(), String> {
        let mail = self.written(message, person, address)?;
        let sending = async {
            let mut connection = connect::open(self, credentials).await?;
            let sent = connection.send(mail.envelope(), &mail.formatted()).await;
            sent.map_err(|error| why(&error)).map(|_| connection)
        };
        let late = |_| "the server did not answer in time".to_owned();
        let mut connection = tokio::time::timeout(self.limit, sending)
            .await
            .map_err(late)??;
        self.taken.by(&message.key, person);
        // It has the mail: how it says goodbye changes nothing.
        let _gone = tokio::time::timeout(GOODBYE, connection.quit()).await;
        Ok(())
    }

    fn written(
        &self,
        message: &Message,
        person: &HumanId,
        address: &Address,
    ) -> Result<lettre::Message, String> {
        let domain = self.from.email.domain();
        // The same for a repetition, so that whoever has it already can tell; of a person's own, because mails are.
        let own = Hash::of(format!("{}\n{person}", message.key).as_bytes()).to_string();
        let own = own.rsplit(':').next().unwrap_or_default().to_owned();
        // No mail has the thread's own id: whichever comes first, the others stand beside it.
        let thread = format!("<{}@{domain}>", message.thread);
        let millis = u64::try_from(message.at.millis()).unwrap_or(0);
        let text = message.text.lines().join("\n") + ENDS;
        let part = SinglePart::builder()
            .header(ContentType::TEXT_PLAIN)
            .body(text);
        let mail = lettre::Message::builder()
            .from(self.from.clone())
            .to(Mailbox::new(None, address.clone()))
            .date(SystemTime::UNIX_EPOCH + Duration::from_millis(millis))
            .message_id(Some(format!("<{own}@{domain}>")))
            .in_reply_to(thread.clone())
            .references(thread)
            .subject(message.subject.clone())
            .singlepart(part);
        let mut mail = mail.map_err(|_| "the mail cannot be written".to_owned())?;
        // Programs that answer mail by themselves leave it alone (RFC 3834).
        mail.headers_mut().insert_raw(HeaderValue::new(
            HeaderName::new_from_ascii_str("Auto-Submitted"),
            "auto-generated".to_owned(),
        ));
        Ok(mail)
    }
}

/// What a server says may quote an address, so only its number is told.
fn why(error: &Error) -> String {
    if let Some(code) = error.status() {
        return match u16::from(code) {
            530 | 534 | 535 | 538 => {
                format!("the server answered {code}: it does not accept username and password")
            }
            _ => format!("the server answered {code}"),
        };
    }
    let text = if error.is_client() {
        "the server does not offer what is needed: a way to log in, or SMTPUTF8 for an address"
    } else {
        "the server cannot be reached, or broke the connection"
    };
    text.to_owned()
}

#[cfg(test)]
pub(super) mod tests;
