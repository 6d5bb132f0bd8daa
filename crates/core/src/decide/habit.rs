//! Counts what a workload asks for and uses. Additions commute, and a decision that called a request usual insists on it by a
//! limit alone: nobody waits for a busy workload.

use super::writer::Writer;
use crate::habits::Habits;

impl Writer<'_> {
    /// Counts a request, which is still as usual as it was called when it was decided.
    pub(super) fn count_asking(&mut self, habits: &Habits) {
        let keys = &habits.keys;
        if !habits.is_burst(true) {
            self.below(keys.hour.0.clone(), habits.hour_limit());
        }
        // The first request about a resource today: nobody else may have counted the resource since.
        if habits.resource == 0 {
            self.below(keys.resource.0.clone(), 1);
            if !habits.is_wide(true) {
                self.below(keys.resources.0.clone(), habits.resources_limit());
            }
            self.add(keys.resources.0.clone(), 1);
        }
        for key in [&keys.hour, &keys.day, &keys.resource] {
            self.add(key.0.clone(), 1);
        }
    }

    /// Counts a use of a kind of access.
    pub(super) fn count_use(&mut self, habits: &Habits) {
        let (Some(used), Some(first)) = (habits.keys.used.first(), habits.keys.first_used.first())
        else {
            return;
        };
        self.add(used.0.clone(), 1);
        if habits.is_new() {
            self.add(first.0.clone(), 1);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::commit::{CounterAdd, CounterKey, Guard};
    use crate::decide::Fresh;
    use crate::habits::{HabitKeys, Past};
    use crate::ids::{GrantId, RequestId, TaskId};

    fn habits(hour: u64, resources: u64, resource: u64) -> Habits {
        let key = |name: &str| CounterKey(name.to_owned());
        Habits {
            keys: HabitKeys {
                hour: key("hour"),
                day: key("day"),
                resources: key("resources"),
                resource: key("resource"),
                used: ["now", "b", "c", "d"].map(key),
                first_used: vec![key("first"), key("before")],
            },
            past: Past::default(),
            hour,
            resources,
            resource,
            used: 0,
        }
    }

    /// Guards as `key<limit`, additions as `key+n`.
    fn written(count: impl Fn(&mut Writer<'_>)) -> Vec<String> {
        let fresh = Fresh {
            request: RequestId::from_bytes([1; 16]),
            grant: GrantId::from_bytes([1; 16]),
            task: TaskId::from_bytes([1; 16]),
            seed: [1; 32],
        };
        let mut writer = Writer::new(&fresh);
        count(&mut writer);
        let (guards, adds) = writer.counting();
        let guards = guards.iter().map(|guard| match guard {
            Guard::Below(key, limit) => format!("{}<{limit}", key.0),
            other => format!("{other:?}"),
        });
        let add = |CounterAdd { key, add }: &CounterAdd| format!("{}+{add}", key.0);
        guards.chain(adds.iter().map(add)).collect()
    }

    #[test]
    fn what_was_called_usual_is_insisted_on_and_what_was_not_is_only_counted() {
        let asking = |habits: Habits| written(|writer| writer.count_asking(&habits)).join(" ");
        assert_eq!(
            asking(habits(99, 49, 0)),
            "hour<100 resource<1 resources<50 resources+1 hour+1 day+1 resource+1"
        );
        assert_eq!(
            asking(habits(100, 50, 0)),
            "resource<1 resources+1 hour+1 day+1 resource+1"
        );
        assert_eq!(asking(habits(0, 50, 1)), "hour<100 hour+1 day+1 resource+1");
    }

    #[test]
    fn a_use_is_counted_and_the_first_one_twice() {
        let first = habits(1, 1, 1);
        assert_eq!(
            written(|writer| writer.count_use(&first)),
            ["now+1", "first+1"]
        );
        let again = Habits { used: 1, ..first };
        assert_eq!(written(|writer| writer.count_use(&again)), ["now+1"]);
    }
}
