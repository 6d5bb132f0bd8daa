//! Plots as a template draws them: bars of whole numbers in a picture of fixed size, with the numbers beside them. No colour says
//! anything that a word or a number does not.

/// Width of every picture.
pub(super) const WIDTH: u64 = 340;
/// Height of the columns.
pub(super) const COLUMN_HEIGHT: u64 = 110;
/// Height of one row of bars.
const ROW: u64 = 22;
/// Where bars begin, beside their labels.
const BARS_FROM: u64 = 92;
/// Most of a bar; the rest is for its number.
const BAR_MOST: u64 = 200;

/// A part of a column or a bar.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Part {
    pub x: u64,
    pub y: u64,
    pub width: u64,
    pub height: u64,
    pub class: &'static str,
    /// Whether it is drawn with lines over it, so that it is told from its neighbour without colour.
    pub hatched: bool,
}

/// One column with its parts, from the bottom up.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Column {
    pub parts: Vec<Part>,
    pub middle: u64,
    /// What stands under it; nothing where it would be crowded.
    pub label: String,
    /// What stands over it.
    pub total: String,
    pub top: u64,
}

/// One bar with its parts, from the left.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Bar {
    pub label: &'static str,
    pub parts: Vec<Part>,
    pub baseline: u64,
    pub end: u64,
    pub number: u64,
}

/// How parts are drawn: their class, and whether with lines over them.
pub(super) type Look = (&'static str, bool);

/// Columns of stacked parts.
pub(super) fn columns(slots: &[(String, Vec<u64>)], looks: &[Look]) -> Vec<Column> {
    let most = slots.iter().map(|(_, counts)| counts.iter().sum()).max();
    let most: u64 = most.unwrap_or(0).max(1);
    let number = u64::try_from(slots.len()).unwrap_or(1).max(1);
    let pitch = WIDTH / number;
    let mut x = 2_u64;
    let mut all = Vec::with_capacity(slots.len());
    for (label, counts) in slots {
        let mut top = 14 + COLUMN_HEIGHT;
        let mut parts = Vec::new();
        for (count, (class, hatched)) in counts.iter().zip(looks) {
            let height = share(*count, most, COLUMN_HEIGHT);
            top = top.saturating_sub(height);
            if height > 0 {
                parts.push(Part {
                    x,
                    y: top,
                    width: pitch.saturating_sub(4),
                    height,
                    class,
                    hatched: *hatched,
                });
            }
        }
        let total: u64 = counts.iter().sum();
        all.push(Column {
            parts,
            middle: x + pitch.saturating_sub(4) / 2,
            label: label.clone(),
            total: if total == 0 {
                String::new()
            } else {
                total.to_string()
            },
            top: top.saturating_sub(3),
        });
        x = x.saturating_add(pitch);
    }
    all
}

/// Bars of stacked parts, one below the other.
pub(super) fn bars(rows: &[(&'static str, Vec<u64>)], looks: &[Look]) -> Vec<Bar> {
    let most = rows.iter().map(|(_, counts)| counts.iter().sum()).max();
    let most: u64 = most.unwrap_or(0).max(1);
    let mut y = 4_u64;
    let mut all = Vec::with_capacity(rows.len());
    for (label, counts) in rows {
        let mut x = BARS_FROM;
        let mut parts = Vec::new();
        for (count, (class, hatched)) in counts.iter().zip(looks) {
            let width = share(*count, most, BAR_MOST);
            if width > 0 {
                parts.push(Part {
                    x,
                    y,
                    width,
                    height: ROW - 6,
                    class,
                    hatched: *hatched,
                });
            }
            x = x.saturating_add(width);
        }
        all.push(Bar {
            label,
            parts,
            baseline: y + ROW - 10,
            end: x + 6,
            number: counts.iter().sum(),
        });
        y = y.saturating_add(ROW);
    }
    all
}

/// How tall a picture of so many bars is.
pub(super) fn height(bars: &[Bar]) -> u64 {
    let number = u64::try_from(bars.len()).unwrap_or(0);
    number.saturating_mul(ROW).saturating_add(6)
}

/// A count as a part of the most; what is there at all is seen.
fn share(count: u64, most: u64, room: u64) -> u64 {
    if count == 0 {
        return 0;
    }
    let share = count.saturating_mul(room).checked_div(most).unwrap_or(room);
    share.clamp(2, room)
}

#[cfg(test)]
mod tests {
    use super::*;

    const LOOKS: [Look; 2] = [("a", false), ("b", true)];

    #[test]
    fn bars_stay_in_their_picture_and_nothing_that_is_there_vanishes() {
        let rows = [
            ("few", vec![1, 0]),
            ("many", vec![999, 1]),
            ("none", vec![0, 0]),
        ];
        let drawn = bars(&rows, &LOOKS);
        let [few, many, none] = drawn.as_slice() else {
            panic!("three bars")
        };
        assert_eq!(few.parts.len(), 1);
        assert!(few.parts.iter().all(|part| part.width >= 2));
        assert_eq!((none.parts.len(), none.number), (0, 0));
        assert_eq!(many.number, 1_000);
        for part in drawn.iter().flat_map(|bar| &bar.parts) {
            assert!(part.x + part.width <= WIDTH && part.y + part.height <= height(&drawn));
        }
    }

    #[test]
    fn columns_stay_in_their_picture() {
        let slots: Vec<(String, Vec<u64>)> = (0..12)
            .map(|number| (number.to_string(), vec![number, 1]))
            .collect();
        let drawn = columns(&slots, &LOOKS);
        assert_eq!(drawn.len(), 12);
        for part in drawn.iter().flat_map(|column| &column.parts) {
            assert!(part.x + part.width <= WIDTH && part.y + part.height <= 14 + COLUMN_HEIGHT);
        }
        assert_eq!(drawn.last().map(|column| column.total.as_str()), Some("12"));
        assert!(columns(&[], &LOOKS).is_empty());
    }
}
