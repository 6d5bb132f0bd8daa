//! Limits, each within bounds of its own.

use std::time::Duration;

use gatehold_core::decide::Settings;
use gatehold_gate::SessionLimits;
use gatehold_server::listen::ListenLimits;

use super::Checks;
use crate::config::raw;

/// Shortest setting of a session: people must get to read a page.
const SESSION_SECONDS_MIN: u32 = 60;
/// Longest sign-in at the console: a working day.
const SESSION_SECONDS_MAX: u32 = 12 * 3_600;
/// Longest without a sign of the person.
const SESSION_IDLE_SECONDS_MAX: u32 = 4 * 3_600;
/// Seconds of an execution, unless configured.
const EXECUTION_SECONDS: u32 = 120;

impl Checks {
    pub(super) fn limits(&mut self, raw: &raw::Limits) -> (Settings, ListenLimits, u32) {
        let mut settings = Settings::default();
        let mut listen = ListenLimits::default();
        let mut bounded = |name: &str, value: u64, most: u64| {
            let fits = (1..=most).contains(&value);
            if !fits {
                self.say(
                    &format!("limits.{name}"),
                    format!("{value} is not between 1 and {most}"),
                );
            }
            fits
        };
        if let Some(value) = raw.connections_max
            && bounded(
                "connections_max",
                u64::try_from(value).unwrap_or(u64::MAX),
                65_536,
            )
        {
            listen.connections_max = value;
        }
        if let Some(value) = raw.open_holds_max
            && bounded("open_holds_max", value, 10_000)
        {
            settings.open_holds_max = value;
        }
        if let Some(value) = raw.allowed_spend_seconds
            && bounded("allowed_spend_seconds", value.into(), 86_400)
        {
            settings.allowed_spend_seconds = value;
        }
        if let Some(value) = raw.shutdown_seconds_max
            && bounded("shutdown_seconds_max", value, 300)
        {
            listen.shutdown_timeout = Duration::from_secs(value);
        }
        let execution = raw.execution_seconds_max.unwrap_or(EXECUTION_SECONDS);
        bounded("execution_seconds_max", execution.into(), 3_600);
        (settings, listen, execution)
    }

    pub(super) fn sessions(&mut self, raw: &raw::Limits) -> SessionLimits {
        let mut sessions = SessionLimits::default();
        for (name, given, limit, most) in [
            (
                "session_seconds_max",
                raw.session_seconds_max,
                &mut sessions.seconds_max,
                SESSION_SECONDS_MAX,
            ),
            (
                "session_idle_seconds_max",
                raw.session_idle_seconds_max,
                &mut sessions.idle_seconds_max,
                SESSION_IDLE_SECONDS_MAX,
            ),
        ] {
            let Some(value) = given else { continue };
            if (SESSION_SECONDS_MIN..=most).contains(&value) {
                *limit = value;
            } else {
                self.say(
                    &format!("limits.{name}"),
                    format!("{value} is not between {SESSION_SECONDS_MIN} and {most}"),
                );
            }
        }
        sessions
    }
}
