//! What this process keeps in memory (keys, secrets of targets, payloads) stays there: no core dump, and no other process of the
//! same user reads it or attaches to it.

use rustix::process::{DumpableBehavior, Resource, Rlimit, set_dumpable_behavior, setrlimit};

use crate::exit::Failure;

/// Keeps it in, from here on and in every program that is started from here. Before anything secret is read.
///
/// # Errors
/// When the system refuses: then nothing secret may be read.
pub fn keep_in() -> Result<(), Failure> {
    let none = Rlimit {
        current: Some(0),
        maximum: Some(0),
    };
    // A core that is piped into a program heeds no limit, and no core at all is made of what is not dumpable.
    setrlimit(Resource::Core, none)
        .and_then(|()| set_dumpable_behavior(DumpableBehavior::NotDumpable))
        .map_err(|error| {
            Failure::fault(
                format!("core dumps of this process cannot be switched off: {error}"),
                "let it set RLIMIT_CORE and PR_SET_DUMPABLE, such as in the filter of its container",
            )
        })
}

#[cfg(test)]
mod tests {
    use rustix::process::{dumpable_behavior, getrlimit};

    use super::*;

    #[test]
    fn c14_nothing_of_this_process_can_be_dumped() {
        keep_in().unwrap();
        assert_eq!(dumpable_behavior(), Ok(DumpableBehavior::NotDumpable));
        let limit = getrlimit(Resource::Core);
        assert_eq!((limit.current, limit.maximum), (Some(0), Some(0)));
    }
}
