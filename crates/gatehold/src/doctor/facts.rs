//! What `gatehold doctor` says of whoever the gate asks before a decision. What does not answer keeps no gate from running: its facts
//! are UNKNOWN, and more waits for people.

use gatehold_broker::{Calendars, Probed};
use gatehold_core::time::Timestamp;

use super::{Level, Report};
use crate::config::Config;

/// Calendars and look-ups, each as it answers now.
pub(super) async fn facts(report: &mut Report, config: &Config) {
    if let Some(file) = &config.calendar {
        let now = Timestamp::from_millis(crate::ambient::now_millis());
        match Calendars::check(file, now) {
            Ok(()) => {
                let text = "facts: the calendar says all that it is asked";
                report.say(Level::Ok, text.to_owned());
            }
            Err(why) => {
                let text = format!("facts: the calendar, or a part of it, is UNKNOWN: {why}");
                report.say(Level::See, text);
            }
        }
    }
    if config.lookups.is_empty() {
        let text = "facts: nobody is looked up at; what a requester says of incidents and changes stays a claim";
        report.say(Level::See, text.to_owned());
    }
    for Probed { name, answer } in config.lookups.probe().await {
        match answer {
            Ok(how) => report.say(Level::Ok, format!("facts: {name} {how}")),
            Err(why) => {
                let text = format!("facts: what {name} would say is UNKNOWN: {why}");
                report.say(Level::See, text);
            }
        }
    }
}
