//! What one page of a view shows of what is held: requests that are alike as one stack, cut into pages. One place for the page and
//! for the stream that says when it has changed.

use std::collections::BTreeMap;

use gatehold_core::hash::Hash;
use gatehold_core::ids::HumanId;
use gatehold_core::time::Timestamp;
use gatehold_gate::InboxItem;

use super::views::{Group, Likeness, View, Which};

/// Rows of one page, those inside of stacks with them.
const ROWS: usize = 16;
/// Rows inside of a stack; the others are one link away.
const STACKED: usize = 4;

/// One line, and what is like it.
#[derive(Debug)]
pub(super) struct Stack<'a> {
    pub first: &'a InboxItem,
    /// The next of them that are shown.
    pub more: Vec<&'a InboxItem>,
    /// How many there are besides the first.
    pub others: usize,
}

/// What one page shows of what is held.
#[derive(Debug)]
pub(super) struct Shown<'a> {
    pub which: Which,
    /// How much is in each view.
    pub counts: [usize; 5],
    pub groups: Vec<(Group, Vec<Stack<'a>>)>,
    pub earlier: Option<usize>,
    pub later: Option<usize>,
}

impl<'a> Shown<'a> {
    pub fn of(items: &'a [InboxItem], which: Which, now: Timestamp) -> Self {
        let counts = View::ALL.map(|view| {
            let shown = items.iter().filter(|item| view.shows(item, now));
            shown.count()
        });
        let mut chosen: Vec<&InboxItem> = items
            .iter()
            .filter(|item| which.view.shows(item, now))
            .collect();
        if which.view == View::Expiring {
            chosen.sort_by_key(|item| item.decide_by);
        }
        let all = match &which.like {
            None => stacked(which.view, &chosen),
            Some(like) => alike(&chosen, like),
        };
        let first = which.page;
        let mut pages = paged(all).into_iter().skip(first);
        let lines = pages.next().unwrap_or_default();
        let later = pages.next().is_some();
        let mut groups: Vec<(Group, Vec<Stack<'a>>)> = Vec::new();
        for (group, stack) in lines {
            match groups.last_mut() {
                Some((known, stacks)) if *known == group => stacks.push(stack),
                _ => groups.push((group, vec![stack])),
            }
        }
        Self {
            counts,
            groups,
            earlier: which.page.checked_sub(1),
            later: later.then(|| which.page.saturating_add(1)),
            which,
        }
    }

    /// How much is in a view.
    pub fn count(&self, view: View) -> usize {
        let known = View::ALL.into_iter().zip(self.counts);
        known
            .filter(|(known, _)| *known == view)
            .map(|(_, count)| count)
            .sum()
    }

    /// Names all that this page says, and changes with nothing else: not with the clock, and not with what this person must
    /// not know.
    pub fn print(&self) -> Hash {
        let mut said = vec![format!(
            "{:?} {:?} {:?} {:?}",
            self.which, self.counts, self.earlier, self.later
        )];
        for (group, stacks) in &self.groups {
            said.push(format!("{group:?}"));
            for stack in stacks {
                said.push(format!("{:?} and {}", stack.first, stack.others));
                said.extend(stack.more.iter().map(|item| format!("{item:?}")));
            }
        }
        // Strings stand in quotes, so no text of others passes for the end of one.
        Hash::of(said.join("\n").as_bytes())
    }
}

/// Names all that a row says.
pub(super) fn print_of(item: &InboxItem) -> String {
    let mut print = Hash::of(format!("{item:?}").as_bytes()).hex();
    print.truncate(12);
    print
}

/// Whether a claim is this person's own.
pub(super) fn is_claimed_by(item: &InboxItem, human: &HumanId) -> bool {
    item.claimed_by.as_ref() == Some(human)
}

/// In their groups, those that are alike as one; each stands where its most urgent one does.
fn stacked<'a>(view: View, chosen: &[&'a InboxItem]) -> Vec<(Group, Stack<'a>)> {
    let mut order: Vec<(Group, Vec<&'a InboxItem>)> = Vec::new();
    let mut known: BTreeMap<(Group, Likeness), usize> = BTreeMap::new();
    for item in chosen {
        let group = view.group(item);
        let place = *known.entry((group, Likeness::of(item))).or_insert_with(|| {
            order.push((group, Vec::new()));
            order.len().saturating_sub(1)
        });
        if let Some((_, alike)) = order.get_mut(place) {
            alike.push(*item);
        }
    }
    // Stable: within a group they stay as they are ordered.
    order.sort_by_key(|(group, _)| *group);
    let stack = |(group, alike): (Group, Vec<&'a InboxItem>)| {
        let (first, others) = alike.split_first()?;
        Some((
            group,
            Stack {
                first,
                more: others.iter().take(STACKED).copied().collect(),
                others: others.len(),
            },
        ))
    };
    order.into_iter().filter_map(stack).collect()
}

/// Those that are alike in one way, each by itself.
fn alike<'a>(chosen: &[&'a InboxItem], like: &Likeness) -> Vec<(Group, Stack<'a>)> {
    let alike = chosen.iter().filter(|item| Likeness::of(item) == *like);
    let single = |item: &'a InboxItem| {
        let stack = Stack {
            first: item,
            more: Vec::new(),
            others: 0,
        };
        (Group::Alike, stack)
    };
    alike.copied().map(single).collect()
}

/// Cut into pages: a stack is never in two.
fn paged<'a>(all: Vec<(Group, Stack<'a>)>) -> Vec<Vec<(Group, Stack<'a>)>> {
    let mut pages: Vec<Vec<(Group, Stack<'a>)>> = Vec::new();
    let mut rows = ROWS;
    for (group, stack) in all {
        let more = stack.more.len().saturating_add(1);
        if rows.saturating_add(more) > ROWS {
            pages.push(Vec::new());
            rows = 0;
        }
        rows = rows.saturating_add(more);
        if let Some(page) = pages.last_mut() {
            page.push((group, stack));
        }
    }
    pages
}
