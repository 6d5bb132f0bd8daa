//! C2SP tlog-tiles: which tiles a tree of a size has, and under which paths they are served. A tile holds up to 256
//! hashes of one level of the tree in steps of eight; entry bundles are numbered like the tiles of level 0.

use std::fmt;

use crate::decimal::parse_decimal;
use crate::tree::TREE_SIZE_MAX;

/// Hashes in a full tile.
pub const TILE_WIDTH: u16 = 256;

/// A full tile of level 7 would stand for 2^64 leaves, more than [`TREE_SIZE_MAX`].
pub(crate) const TILE_LEVELS: [u8; 8] = [0, 1, 2, 3, 4, 5, 6, 7];
const PATH_BYTES_MAX: usize = 64;

/// Coordinates of one tile.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct TileId {
    /// Level in the tree of tiles: 0 holds leaf hashes, 1 the roots of full tiles of level 0, and so on.
    pub level: u8,
    /// Number of the tile within its level.
    pub index: u64,
    /// Hashes in the tile, 1 to [`TILE_WIDTH`]; fewer than that is a partial tile.
    pub width: u16,
}

/// Every tile of a tree of `size` leaves, level by level, left to right.
pub fn tiles_of(size: u64) -> impl Iterator<Item = TileId> {
    TILE_LEVELS.into_iter().flat_map(move |level| {
        let hashes = hashes_at(level, size);
        (0..hashes.div_ceil(TILE_WIDTH.into()))
            .filter_map(move |index| TileId::of(level, index, size))
    })
}

/// The rightmost tile of each level as far as it is partial. Together they lead to the root.
pub(crate) fn open_tiles(size: u64) -> [Option<TileId>; TILE_LEVELS.len()] {
    TILE_LEVELS.map(|level| {
        let full = hashes_at(level, size) / u64::from(TILE_WIDTH);
        TileId::of(level, full, size)
    })
}

impl TileId {
    /// The tile `index` of `level` as it stands in a tree of `size` leaves; `None` when it is empty there.
    #[must_use]
    pub fn of(level: u8, index: u64, size: u64) -> Option<Self> {
        let before = index.checked_mul(TILE_WIDTH.into())?;
        let hashes = hashes_at(level, size).checked_sub(before)?;
        let width = u16::try_from(hashes).unwrap_or(TILE_WIDTH).min(TILE_WIDTH);
        (width > 0).then_some(Self {
            level,
            index,
            width,
        })
    }

    /// Whether nothing can be added to this tile any more.
    #[must_use]
    pub fn is_full(&self) -> bool {
        self.width == TILE_WIDTH
    }

    /// `tile/<level>/<index>[.p/<width>]`.
    #[must_use]
    pub fn path(&self) -> String {
        TilePath::Hashes(*self).to_string()
    }

    /// `tile/entries/<index>[.p/<width>]`: the bundle of the entries whose hashes this tile of level 0 holds.
    #[must_use]
    pub fn entries_path(&self) -> String {
        TilePath::Entries {
            index: self.index,
            width: self.width,
        }
        .to_string()
    }
}

/// What a request path below the log's prefix names.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TilePath {
    /// `tile/<level>/…`
    Hashes(TileId),
    /// `tile/entries/…`
    Entries {
        /// Number of the bundle.
        index: u64,
        /// Entries in it, 1 to [`TILE_WIDTH`].
        width: u16,
    },
}

impl TilePath {
    /// Reads a path without leading slash.
    ///
    /// # Errors
    /// Refuses every spelling other than the one [`TilePath`] prints, and tiles no tree can have.
    pub fn parse(path: &str) -> Result<Self, TilePathError> {
        parse_path(path)
            .filter(|parsed| parsed.to_string() == path)
            .ok_or(TilePathError)
    }
}

impl fmt::Display for TilePath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (index, width) = match self {
            Self::Hashes(id) => {
                write!(f, "tile/{}/", id.level)?;
                (id.index, id.width)
            }
            Self::Entries { index, width } => {
                f.write_str("tile/entries/")?;
                (*index, *width)
            }
        };
        write_index(f, index)?;
        if width == TILE_WIDTH {
            Ok(())
        } else {
            write!(f, ".p/{width}")
        }
    }
}

/// Groups of three digits, all but the last marked by an `x`.
fn write_index(f: &mut fmt::Formatter<'_>, index: u64) -> fmt::Result {
    let mut groups = vec![index % 1000];
    let mut rest = index / 1000;
    while rest > 0 {
        groups.push(rest % 1000);
        rest /= 1000;
    }
    while let Some(group) = groups.pop() {
        if groups.is_empty() {
            write!(f, "{group:03}")
        } else {
            write!(f, "x{group:03}/")
        }?;
    }
    Ok(())
}

/// Reads leniently; the caller compares with the printed form.
fn parse_path(path: &str) -> Option<TilePath> {
    if path.len() > PATH_BYTES_MAX {
        return None;
    }
    let (level, rest) = path.strip_prefix("tile/")?.split_once('/')?;
    let (groups, width) = rest
        .split_once(".p/")
        .map_or((rest, None), |(groups, width)| (groups, Some(width)));
    let digits: String = groups.chars().filter(char::is_ascii_digit).collect();
    let index =
        parse_decimal(digits.trim_start_matches('0')).or((!digits.is_empty()).then_some(0))?;
    let width = width.map_or(Some(TILE_WIDTH.into()), parse_decimal)?;
    let id = |level| {
        let largest = TileId::of(level, index, TREE_SIZE_MAX)?;
        let width = u16::try_from(width)
            .ok()
            .filter(|width| (1..=largest.width).contains(width))?;
        Some(TileId {
            level,
            index,
            width,
        })
    };
    if level == "entries" {
        let TileId { index, width, .. } = id(0)?;
        return Some(TilePath::Entries { index, width });
    }
    let level = u8::try_from(parse_decimal(level)?)
        .ok()
        .filter(|level| TILE_LEVELS.contains(level))?;
    id(level).map(TilePath::Hashes)
}

/// How many hashes level `level` of the tiles holds in a tree of `size` leaves.
fn hashes_at(level: u8, size: u64) -> u64 {
    size.checked_shr(8 * u32::from(level)).unwrap_or(0)
}

/// The path names no tile.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "path names no tile; ask for tile/<level>/<index> or tile/entries/<index> as C2SP tlog-tiles spells them"
)]
pub struct TilePathError;

#[cfg(test)]
mod tests {
    use super::*;

    /// The examples of the specification.
    #[test]
    fn tiles_of_a_size() {
        let count = |size, level, full| {
            tiles_of(size)
                .filter(|id| id.level == level && id.is_full() == full)
                .count()
        };
        assert_eq!(
            (
                count(70_000, 0, true),
                count(70_000, 1, true),
                count(70_000, 2, true)
            ),
            (273, 1, 0)
        );
        let partial: Vec<_> = tiles_of(70_000)
            .filter(|id| !id.is_full())
            .map(|id| id.path())
            .collect();
        assert_eq!(
            partial,
            ["tile/0/273.p/112", "tile/1/001.p/17", "tile/2/000.p/1"]
        );
        let at_256: Vec<_> = tiles_of(256).map(|id| id.path()).collect();
        assert_eq!(at_256, ["tile/0/000", "tile/1/000.p/1"]);
        assert_eq!(tiles_of(0).count(), 0);
    }

    #[test]
    fn paths_round_trip() {
        for path in [
            "tile/0/000",
            "tile/0/x001/x234/067",
            "tile/0/x001/000.p/1",
            "tile/7/000.p/127",
            "tile/entries/x001/x234/067",
            "tile/entries/999.p/255",
        ] {
            assert_eq!(
                TilePath::parse(path)
                    .map(|parsed| parsed.to_string())
                    .as_deref(),
                Ok(path)
            );
        }
        let id = TileId {
            level: 0,
            index: 1_234_067,
            width: 8,
        };
        assert_eq!(id.path(), "tile/0/x001/x234/067.p/8");
        assert_eq!(id.entries_path(), "tile/entries/x001/x234/067.p/8");
    }

    #[test]
    fn other_spellings_are_refused() {
        for path in [
            "",
            "tile",
            "tile/0",
            "tile/0/",
            "/tile/0/000",
            "tile/00/000",
            "tile/0/0",
            "tile/0/0000",
            "tile/0/x000/000",
            "tile/0/001/000",
            "tile/0/x001",
            "tile/0/000.p/0",
            "tile/0/000.p/256",
            "tile/0/000.p/01",
            "tile/0/000.p/",
            "tile/8/000",
            "tile/7/000",
            "tile/-1/000",
            "tile/data/000",
            "tile/0/../000",
            "tile/0/x999/x999/x999/x999/x999/x999/999",
        ] {
            assert_eq!(TilePath::parse(path), Err(TilePathError), "{path}");
        }
    }
}
