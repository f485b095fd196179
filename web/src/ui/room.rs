//! How much fits: which of the three layouts, and what a column has room for. The style sheets ask the same widths of their
//! container; the page fills its window.

use super::store::{Picture, Store};
use leptos::prelude::*;

/// The three layouts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Extent {
    /// Below 720 px: one region at a time.
    Narrow,
    /// The inspector overlays, producers stand above.
    Middle,
    /// As drawn: everything side by side, from 1200 px on.
    Wide,
}

/// How a replica is drawn.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Style {
    /// A cell for each record.
    Cells,
    /// A bar and the end offset.
    Bar,
    /// Glyph and number.
    Number,
}

/// How much fits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Room {
    /// Which layout.
    pub(crate) extent: Extent,
    /// How a replica is drawn.
    pub(crate) style: Style,
    /// Cells of a replica.
    pub(crate) cells: i64,
    /// Cells of an opened partition.
    pub(crate) focus_cells: i64,
    /// Columns of groups.
    pub(crate) groups: usize,
    /// Pixels left of the brokers' columns, from the lane's edge.
    pub(crate) before: i64,
}

/// Width of a group's column, in pixels.
pub(crate) const GROUP: i64 = 104;
/// Groups with a column of their own.
const GROUPS: usize = 2;

impl Room {
    fn of(width: i64, picture: &Picture) -> Self {
        let (extent, aside, producers, head) = match width {
            1200.. => (Extent::Wide, 320, 168, 132),
            720.. => (Extent::Middle, 0, 0, 132),
            _ => (Extent::Narrow, 0, 0, 84),
        };
        let groups = if extent == Extent::Narrow { 0 } else { picture.groups.len().clamp(1, GROUPS) };
        let table = width - aside - producers;
        let column = (table - head - GROUP * groups as i64) / picture.brokers.len().max(1) as i64;
        let style = match column {
            132.. => Style::Cells,
            84.. => Style::Bar,
            _ => Style::Number,
        };
        Self {
            extent,
            style,
            cells: ((column - 34) / 24).clamp(3, 12),
            focus_cells: ((table - if extent == Extent::Narrow { 160 } else { 280 }) / 24).clamp(6, 40),
            groups,
            before: producers + head,
        }
    }

    /// What fits now; shared by all who draw columns.
    pub(crate) fn provide(store: Store) {
        let width = RwSignal::new(page_width());
        window_event_listener(leptos::ev::resize, move |_| width.set(page_width()));
        let room = Memo::new(move |_| store.picture.with(|picture| Self::of(width.get(), picture)));
        provide_context(room);
    }

    /// What fits now.
    pub(crate) fn get() -> Memo<Self> {
        expect_context()
    }
}

fn page_width() -> i64 {
    window().inner_width().ok().and_then(|width| width.as_f64()).map_or(1440, |width| width as i64)
}
