//! `chat`: an incoming webhook as Slack has them, and Mattermost and others after it. The address is the secret.
//!
//! Names that others chose stand in code spans: there they are no link, no mention and no emphasis, whatever they say.

use std::path::PathBuf;
use std::time::Duration;

use gatehold_gate::ports::notifier::NotDelivered;
use serde_json::json;

use super::post::{Address, Reached};
use super::text::Message;
use crate::secret::{Secret, Source};

/// A file is read in less.
const READ: Duration = Duration::from_secs(5);

/// A place in a chat.
#[derive(Debug)]
pub(crate) struct Chat {
    /// Holds the address; read for each message, so that it can be changed.
    pub(crate) url_file: PathBuf,
    pub(crate) reached: Reached,
    /// The server that it named when the configuration was read.
    pub(crate) server: String,
}

impl Chat {
    pub(crate) fn server(&self) -> String {
        self.server.clone()
    }

    /// Where it is, and the secret that says so.
    pub(crate) async fn address(&self) -> Result<(Address, Secret), NotDelivered> {
        let source = Source::File(self.url_file.clone());
        let secret = source.read(READ).await;
        let secret = secret.map_err(|error| NotDelivered(error.to_string()))?;
        let address = Address::read(secret.expose_text(), &self.reached);
        let address =
            address.map_err(|why| NotDelivered(format!("the address in its url_file: {why}")))?;
        Ok((address, secret))
    }

    /// Sends it.
    pub(crate) async fn send(&self, message: &Message) -> Result<String, NotDelivered> {
        let (address, secret) = self.address().await?;
        let body = json!({
            "text": text(message),
            // Slack looks for links, channels and names in a text of its own accord, unless it is told not to.
            "parse": "none",
            "link_names": false,
            "unfurl_links": false,
            "unfurl_media": false,
        });
        address.post(Vec::new(), body.to_string(), &[secret]).await
    }
}

/// The lines, in the markup of chats.
fn text(message: &Message) -> String {
    let said = &message.text;
    let mut lines = vec![escaped(&said.head)];
    lines.extend(said.body.iter().map(|line| code(line)));
    if let Some(link) = &said.link {
        // A link ends at the first of these; the gate's own has none.
        let link: String = link.chars().filter(|c| !"<>|\n".contains(*c)).collect();
        lines.push(format!("<{}|Open to review>", escaped(&link)));
    }
    lines.push(escaped(said.foot));
    lines.join("\n")
}

/// The three characters that chats read as markup of their own.
fn escaped(text: &str) -> String {
    text.replace('&', "&amp;")
        .replace('<', "&lt;")
        .replace('>', "&gt;")
}

/// A span in which nothing is read. A backtick would end it.
fn code(text: &str) -> String {
    format!("`{}`", escaped(&text.replace('`', "'")))
}

#[cfg(test)]
mod tests {
    use gatehold_gate::ports::notifier::Notice;

    use super::super::text::tests::{NOW, notice};
    use super::*;

    #[test]
    fn what_others_named_is_neither_link_nor_mention_nor_markup() {
        let evil =
            "<!channel> @here <https://evil.example|Approve> *bold* _it_ ~no~ `code` & #general";
        let notice = Notice {
            sentence: evil.to_owned(),
            requester: "`*bot*` <@U1>".to_owned(),
            held_at: vec!["```\nx```".to_owned()],
            ..notice()
        };
        let text = text(&Message::of(&notice, NOW));
        assert_eq!(
            text,
            "[RED] Decision needed by 2026-11-22 22:31 UTC (18 min): 2 people needed\n\
             `'*bot*' &lt;@U1&gt; asks: &lt;!channel&gt; @here &lt;https://evil.example|Approve&gt; *bold* _it_ ~no~ 'code' &amp; #general`\n\
             `Held: '''\u{27e8}U+000A\u{27e9}x'''`\n\
             `Words: amber-lotus-kite-seven   Owner: tomas@login.acme.example`\n\
             <https://gate.acme.example/requests/req_07070707070707070707070707070707|Open to review>\n\
             Nothing here approves: people decide on the page, or with `gatehold show`."
        );
        // One link, and it is ours.
        assert_eq!(text.matches('<').count(), 1);
    }
}
