//! What the demo prints: one line a step, and the step's own check.

use crate::context::Ctx;
use crate::exit::Failure;
use crate::screen::{Screen, Style, plain};

use super::agent::Said;
use super::cast::Console;

/// Longest approval that is left to expire, in seconds.
pub const SHORT_SECONDS: u32 = 1;

/// Where the demo is shown.
pub struct Stage {
    screen: Screen,
}

impl Stage {
    /// On this terminal.
    pub const fn new(ctx: &Ctx) -> Self {
        Self { screen: ctx.screen }
    }

    /// The first lines.
    pub fn opening(&self, what: &str, unattended: bool) {
        let title = format!("GATEHOLD DEMO  {what}");
        println!("{}", self.screen.title(&title));
        if unattended {
            println!(
                "{}",
                self.screen.paint(
                    Style::Dim,
                    "no terminal: the reviewers are played as with --auto"
                )
            );
        }
    }

    /// Where the pages are, and the code for them.
    pub fn console(&self, console: &Console) {
        let Console { url, code } = console;
        let code = self.screen.paint(Style::Bold, &plain(code));
        println!(
            "\n  console    {}   one-time code: {code} (once, within 10 minutes)\n",
            plain(url)
        );
    }

    /// What the user is to do now, and where.
    pub fn turn(&self, link: &str, lines: &[&str]) {
        let title = self.screen.paint(Style::Bold, "YOUR TURN, in the browser:");
        println!("\n  {title} {}", plain(link));
        for line in lines {
            println!("    {line}");
        }
        println!(
            "    {}\n",
            self.screen.paint(Style::Dim, "Ctrl-C ends everything.")
        );
    }

    /// A new part.
    pub fn scene(&self, title: &str) {
        println!("\n{}", self.screen.title(title));
    }

    /// A step that has happened.
    pub fn done(&self, what: &str, detail: &str) {
        // One line in words, and below it what was read.
        let mut lines = detail.lines();
        println!(
            "  {} {what}  {}",
            self.screen.paint(Style::Green, "ok"),
            self.screen
                .paint(Style::Dim, &plain(lines.next().unwrap_or_default()))
        );
        for line in lines {
            println!("     {}", self.screen.paint(Style::Dim, &plain(line)));
        }
    }

    /// A step that must have happened.
    ///
    /// # Errors
    /// When it has not.
    pub fn must(&self, happened: bool, what: &str, detail: &str) -> Result<(), Failure> {
        if happened {
            self.done(what, detail);
            return Ok(());
        }
        println!(
            "  {} {what}  {}",
            self.screen.paint(Style::Red, "NO"),
            plain(detail)
        );
        Err(Failure::verification(
            format!("the demo's step did not happen: {what} ({})", plain(detail)),
            "report this",
        ))
    }

    /// Something that must have been refused, with this code where one is given.
    ///
    /// # Errors
    /// When it was not, or not for this reason.
    pub fn refused(&self, what: &str, said: &Said, code: &str) -> Result<(), Failure> {
        let right = said.refused && (code.is_empty() || said.code == code);
        if right {
            let mark = self.screen.paint(Style::Amber, "REFUSED");
            println!(
                "  {mark} {what}\n          {}",
                self.screen.paint(Style::Dim, &plain(&said.text))
            );
            return Ok(());
        }
        self.must(
            false,
            what,
            &format!(
                "expected a refusal `{code}`, got `{}`: {}",
                said.code, said.text
            ),
        )
    }

    /// Waits until a short approval has certainly expired.
    pub async fn wait_for_expiry(&self) {
        let more = std::time::Duration::from_secs(u64::from(SHORT_SECONDS) + 1);
        let mut ticks = tokio::time::interval(more);
        ticks.tick().await;
        ticks.tick().await;
    }

    /// Commands that come next, and what each does.
    pub fn next(&self, commands: &[(&str, &str)]) {
        for (command, what) in commands {
            let command = format!("{} {command}", called());
            println!(
                "\n  next: {command}    {}",
                self.screen.paint(Style::Dim, what)
            );
        }
    }

    /// The last lines.
    pub fn closing(&self) {
        println!(
            "\n{}",
            self.screen.paint(
                Style::Green,
                "Everything above really happened, in three processes on this machine."
            )
        );
        println!("Next: {} dev    the same gate, for use by hand", called());
    }
}

/// A line that the gate prints by itself.
pub fn relay(line: &str) {
    println!("  {}", plain(line));
}

/// This program as it was called, so that the next command works where this one did: also out of a build's folder.
fn called() -> String {
    std::env::args_os().next().map_or_else(
        || "gatehold".to_owned(),
        |name| plain(&name.to_string_lossy()),
    )
}
