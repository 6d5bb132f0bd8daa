//! What happens at a development gate, a calm line each, in the terminal that started it: what is held, what people decided, what
//! was executed. What policy allows by itself is counted and not told one by one: that it is much is the point.
//!
//! It reads leaves that are durable, and is no part of any decision: a terminal that takes no more output loses lines, and the gate
//! waits for nobody.

use std::collections::BTreeMap;
use std::io::Write as _;
use std::path::Path;
use std::sync::mpsc::{SyncSender, sync_channel};
use std::time::Duration;

use gatehold_audit::LedgerLeaf;
use gatehold_core::entry::{Entry, Event, Grounds};
use gatehold_core::ids::RequestId;
use gatehold_core::json::canonical;
use gatehold_core::request::State;
use tokio::time::MissedTickBehavior;

use crate::audit::source::Source;
use crate::config::Config;
use crate::exit::Failure;
use crate::screen::{Screen, Style, counted, grouped, plain};

/// How often it looks.
const LOOK: Duration = Duration::from_millis(500);
/// Most lines that wait for a terminal.
const UNREAD_MAX: usize = 256;
/// Where the gate keeps what it counts on.
const FILE: &str = "gatehold.toml";
/// The attachment that says what was asked.
const VERDICT: &str = "verdict";

/// Tells from now on, for as long as it is polled.
///
/// # Errors
/// When the ledger cannot be read any more.
pub async fn tell(home: &Path, screen: Screen) -> Result<(), Failure> {
    let source = Source::open(&Config::require(&home.join(FILE))?).await?;
    let out = printer();
    let mut ticker = Ticker::default();
    // What was there before is known, and not told.
    let mut next = ticker.read(&source, 0).await?;
    ticker.lines(screen);
    let mut looks = tokio::time::interval(LOOK);
    looks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        looks.tick().await;
        next = ticker.read(&source, next).await?;
        for line in ticker.lines(screen) {
            // A terminal that is held up loses the line.
            let _lost = out.try_send(line);
        }
    }
}

/// A thread of its own writes: one that is held up by its terminal holds up nothing else.
fn printer() -> SyncSender<String> {
    let (out, lines) = sync_channel::<String>(UNREAD_MAX);
    std::thread::spawn(move || {
        for line in lines {
            let _unread = writeln!(std::io::stdout().lock(), "  {line}");
        }
    });
    out
}

/// What has happened and is not told yet.
#[derive(Default)]
struct Ticker {
    /// What waits for people, or for its use, in the descriptor's words.
    held: BTreeMap<RequestId, String>,
    told: Vec<(Style, &'static str, String)>,
    /// How often policy allowed something by itself, by who asked.
    allowed: BTreeMap<String, u64>,
}

impl Ticker {
    /// Takes in every leaf from this one on; gives the number of the next.
    async fn read(&mut self, source: &Source, first: u64) -> Result<u64, Failure> {
        let mut next = first;
        source
            .leaves_from(first, |leaf| {
                next = leaf.index.saturating_add(1);
                self.take(&leaf);
                Ok(())
            })
            .await?;
        Ok(next)
    }

    fn take(&mut self, leaf: &LedgerLeaf) {
        // What cannot be read is a matter of `gatehold audit verify`.
        let Ok(entry) = Entry::from_bytes(&leaf.record) else {
            return;
        };
        match (entry.request, &entry.event) {
            (Some(id), Event::Submitted { requester, .. }) => {
                self.submitted(id, requester, &entry, leaf);
            }
            (None, Event::Stops { by, .. }) => {
                self.say(
                    Style::Red,
                    "STOPPED",
                    format!("by {by}; no agent passes where it was said"),
                );
            }
            (None, Event::Flagged { workload, by, .. }) => {
                let by = &by.name;
                self.say(
                    Style::Amber,
                    "UNUSUAL",
                    format!("{workload}, says signal {by}; what it asks for is held"),
                );
            }
            (_, Event::Paused { workload, code }) => {
                let code = code.replace('_', " ");
                self.say(Style::Red, "PAUSED", format!("{workload} ({code})"));
            }
            (Some(id), _) if self.held.contains_key(&id) => self.went_on(id, &entry),
            _ => {}
        }
    }

    fn submitted(&mut self, id: RequestId, requester: &str, entry: &Entry, leaf: &LedgerLeaf) {
        let sentence = sentence(leaf).unwrap_or_else(|| format!("{requester} asks"));
        match entry.to {
            Some(State::Held) => {
                self.say(Style::Amber, "HELD", format!("{sentence}  {id}"));
                self.held.insert(id, sentence);
            }
            Some(State::Denied) => self.say(Style::Red, "DENIED", format!("by policy: {sentence}")),
            _ => {
                let count = self.allowed.entry(requester.to_owned()).or_default();
                *count = count.saturating_add(1);
            }
        }
    }

    /// Something that people decide, or have decided. While others are needed nothing is said of who has signed.
    fn went_on(&mut self, id: RequestId, entry: &Entry) {
        let Some(state) = entry.to.filter(|state| Some(*state) != entry.from) else {
            return;
        };
        let sentence = self.held.get(&id).cloned().unwrap_or_default();
        let (style, word) = match state {
            State::Redeemable => (Style::Green, "APPROVED"),
            State::Completed => (Style::Green, "EXECUTED"),
            State::Denied => (Style::Red, "DENIED"),
            State::Failed | State::Unknown => (Style::Red, "FAILED"),
            State::Held => (Style::Amber, "HELD"),
            State::Allowed | State::Executing => return,
            State::Expired | State::Withdrawn | State::Revoked => (Style::Dim, "ENDED"),
        };
        let how = match (word, &entry.event) {
            ("ENDED", _) => format!("{}: ", state.name()),
            (_, Event::Executed { outcome, .. }) => match outcome.quantity {
                Some(touched) => format!("{} touched: ", grouped(touched)),
                None => String::new(),
            },
            _ => String::new(),
        };
        self.say(style, word, format!("{how}{sentence}  {id}"));
        if state.is_terminal() {
            self.held.remove(&id);
        }
    }

    fn say(&mut self, style: Style, word: &'static str, text: String) {
        self.told.push((style, word, text));
    }

    /// Everything since the last time.
    fn lines(&mut self, screen: Screen) -> Vec<String> {
        let allowed = core::mem::take(&mut self.allowed).into_iter();
        let allowed = allowed.map(|(who, times)| {
            let actions = counted(times, "action");
            (
                Style::Green,
                "ALLOWED",
                format!("{actions} of {who} by policy, nobody was asked"),
            )
        });
        let told = core::mem::take(&mut self.told);
        allowed
            .chain(told)
            .map(|(style, word, text)| {
                let word = screen.paint(style, &format!("{word:<9}"));
                format!("{word} {}", plain(&text))
            })
            .collect()
    }
}

/// What was asked, in the descriptor's words.
fn sentence(leaf: &LedgerLeaf) -> Option<String> {
    let mut attachments = leaf.attachments.iter();
    let verdict = attachments.find(|attachment| attachment.name == VERDICT)?;
    let bytes = verdict.bytes.as_ref()?;
    let grounds: Grounds = canonical::from_canonical_bytes(&bytes.0).ok()?;
    Some(grounds.sentence)
}
