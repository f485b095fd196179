//! A replica in the grid.

use crate::ui::icons::{Glyph, Icon};
use crate::ui::room::Style;
use crate::ui::store::Store;
use broker_core::node::{PartitionView, ReplicaView};
use leptos::prelude::*;

/// Width of a cell, in pixels.
pub(super) const CELL: i64 = 24;

/// How a replica stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Standing {
    /// Its broker is down.
    Down,
    /// It leads.
    Leader,
    /// It follows, in sync.
    InSync,
    /// It follows, out of the ISR.
    OutOfSync,
}

impl Standing {
    /// All of them.
    pub(super) const ALL: [Self; 4] = [Self::Leader, Self::InSync, Self::OutOfSync, Self::Down];

    /// Its glyph.
    pub(super) fn glyph(self) -> Glyph {
        match self {
            Self::Down => Glyph::Down,
            Self::Leader => Glyph::Leader,
            Self::InSync => Glyph::InSync,
            Self::OutOfSync => Glyph::OutOfSync,
        }
    }

    /// Its word.
    pub(super) fn word(self, store: Store) -> &'static str {
        let words = store.words();
        match self {
            Self::Down => words.down,
            Self::Leader => words.leader,
            Self::InSync => words.in_sync,
            Self::OutOfSync => words.out_of_sync,
        }
    }

    /// Its class.
    pub(super) fn class(self) -> &'static str {
        match self {
            Self::Down => "dead",
            Self::Leader => "leader",
            Self::InSync => "follower",
            Self::OutOfSync => "follower lagging",
        }
    }
}

/// How the replica of a partition on a broker stands.
pub(super) fn standing(partition: &PartitionView, broker: i32, lives: bool) -> Standing {
    if !lives {
        Standing::Down
    } else if partition.leader == broker {
        Standing::Leader
    } else if partition.in_sync_replicas.contains(&broker) {
        Standing::InSync
    } else {
        Standing::OutOfSync
    }
}

/// A record in a window of offsets: its key, where that is known.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Cell {
    /// No record here, or not yet.
    Gap,
    /// A record whose key was not read.
    Unread,
    /// A record.
    Record(Option<String>),
    /// The end of a transaction.
    Marker,
}

/// What is drawn of a replica: its part of the window that begins at `first`, the same in the whole row.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Drawn {
    pub(super) standing: Standing,
    pub(super) first: i64,
    /// Offsets in the window.
    count: i64,
    /// What lies in it; empty where that is not shown.
    pub(super) cells: Vec<Cell>,
    pub(super) end: i64,
    pub(super) high_watermark: i64,
    pub(super) is_known: bool,
}

impl Drawn {
    pub(super) fn of(
        standing: Standing,
        replica: Option<&ReplicaView>,
        first: i64,
        count: i64,
        shows_cells: bool,
    ) -> Self {
        let cell = |offset: i64| {
            let Some(replica) = replica.filter(|one| offset >= one.log_start_offset && offset < one.log_end_offset)
            else {
                return Cell::Gap;
            };
            let record = replica.tail.iter().find(|record| record.offset == offset);
            match record {
                None => Cell::Unread,
                Some(record) if record.is_marker => Cell::Marker,
                Some(record) => Cell::Record(record.key.as_ref().map(ToString::to_string)),
            }
        };
        Self {
            standing,
            first,
            count,
            cells: if shows_cells { (first..first + count).map(cell).collect() } else { Vec::new() },
            end: replica.map_or(0, |one| one.log_end_offset),
            high_watermark: replica.map_or(0, |one| one.high_watermark),
            is_known: replica.is_some(),
        }
    }
}

/// What decides of how a replica is drawn; what changes with every record is drawn into it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Form {
    pub(super) standing: Standing,
    is_known: bool,
    style: Style,
}

impl Drawn {
    /// Its form, where there is room for this style.
    pub(super) fn form(&self, room: Style) -> Form {
        let style = if room == Style::Cells && self.cells.is_empty() { Style::Bar } else { room };
        Form { standing: self.standing, is_known: self.is_known, style }
    }
}

/// A replica of a row.
pub(super) fn replica(store: Store, form: Form, drawn: Memo<Option<Drawn>>) -> AnyView {
    let (glyph, word) = (form.standing.glyph(), form.standing.word(store));
    let class = format!("replica {}", form.standing.class());
    if !form.is_known {
        return view! { <div class=class title=word><Icon glyph=glyph /></div> }.into_any();
    }
    let label = move || {
        let (end, high_watermark) = ends(drawn);
        (store.words().replica_label)(word, end, high_watermark)
    };
    let end = move || ends(drawn).0;
    let body = match form.style {
        Style::Cells => (move || drawn.with(|drawn| drawn.as_ref().map(|drawn| cells(store, drawn)))).into_any(),
        Style::Bar => {
            let width = move || drawn.with(|drawn| format!("width:{}%", drawn.as_ref().map_or(0, percent)));
            view! {
                <span class="bar" aria-hidden="true"><i style=width></i></span>
                <span class="data" aria-hidden="true">{end}</span>
            }
            .into_any()
        }
        Style::Number => view! { <span class="data" aria-hidden="true">{end}</span> }.into_any(),
    };
    view! {
        <div class=class title=label>
            <Icon glyph=glyph />
            <span class="spoken">{label}</span>
            {body}
        </div>
    }
    .into_any()
}

/// Log end offset and high watermark.
pub(super) fn ends(drawn: Memo<Option<Drawn>>) -> (i64, i64) {
    drawn.with(|drawn| drawn.as_ref().map_or((0, 0), |drawn| (drawn.end, drawn.high_watermark)))
}

/// A cell for each offset, and the high watermark.
pub(super) fn cells(store: Store, drawn: &Drawn) -> AnyView {
    let leads = drawn.standing == Standing::Leader;
    let mut all: Vec<AnyView> = Vec::with_capacity(drawn.cells.len());
    for (offset, cell) in (drawn.first..).zip(&drawn.cells) {
        let key = match cell {
            Cell::Gap => {
                all.push(view! { <i class="gap"></i> }.into_any());
                continue;
            }
            Cell::Unread | Cell::Marker => None,
            Cell::Record(key) => Some(key.as_deref()),
        };
        let is_marker = *cell == Cell::Marker;
        let without = if is_marker { "kx marker" } else { "kx" };
        let colour = key.map_or_else(|| without.to_owned(), |key| format!("k{}", store.key_colour(key)));
        let kind = if leads { "" } else { " foot" };
        let open = if offset >= drawn.high_watermark { " open" } else { "" };
        let what = if is_marker { Some(store.words().transaction_marker) } else { key.flatten() };
        let title = what.map(|what| format!("{offset}: {what}"));
        let digits = if offset > 999 { format!("{:03}", offset % 1000) } else { offset.to_string() };
        all.push(view! { <i class=format!("cell {colour}{kind}{open}") title=title>{digits}</i> }.into_any());
    }
    let count = drawn.cells.len() as i64;
    let at = (drawn.high_watermark - drawn.first).clamp(0, count) * CELL;
    view! {
        <span class="cells" aria-hidden="true">
            {all}
            <b class="hw" style=format!("left:{at}px")></b>
        </span>
    }
    .into_any()
}

/// How much of the window this replica has.
fn percent(drawn: &Drawn) -> i64 {
    let (length, count) = ((drawn.end - drawn.first).max(0), drawn.count.max(1));
    if length == 0 { 0 } else { (length * 100 / count).clamp(6, 100) }
}
