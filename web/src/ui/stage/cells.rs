//! A replica in the grid.

use super::{Room, Style};
use crate::ui::icons::{Glyph, Icon};
use crate::ui::store::Store;
use broker_core::node::{PartitionView, ReplicaView};
use leptos::prelude::*;

/// Width of a cell, in pixels.
const CELL: i64 = 24;

/// How a replica stands: glyph, word, class.
pub(super) fn standing(
    store: Store,
    partition: &PartitionView,
    broker: i32,
    lives: bool,
) -> (Glyph, &'static str, &'static str) {
    let words = store.words();
    if !lives {
        (Glyph::Down, words.down, "dead")
    } else if partition.leader == broker {
        (Glyph::Leader, words.leader, "leader")
    } else if partition.in_sync_replicas.contains(&broker) {
        (Glyph::InSync, words.in_sync, "follower")
    } else {
        (Glyph::OutOfSync, words.out_of_sync, "follower lagging")
    }
}

/// A replica: what lies in the window of offsets that begins at `first`, the same in the whole row.
pub(super) fn replica(
    store: Store,
    partition: &PartitionView,
    broker: i32,
    lives: bool,
    replica: Option<&ReplicaView>,
    first: i64,
    room: Room,
) -> AnyView {
    let (glyph, word, class) = standing(store, partition, broker, lives);
    let Some(replica) = replica else {
        return view! { <div class=format!("replica {class}") title=word><Icon glyph=glyph /></div> }.into_any();
    };
    let label = (store.words().replica_label)(word, replica.log_end_offset, replica.high_watermark);
    let drawn = match room.style {
        Style::Cells => cells(store, replica, first, room.cells, class == "leader"),
        Style::Bar => bar(replica, first),
        Style::Number => view! { <span class="data">{replica.log_end_offset}</span> }.into_any(),
    };
    view! {
        <div class=format!("replica {class}") title=label.clone()>
            <Icon glyph=glyph />
            <span class="spoken">{label.clone()}</span>
            {drawn}
        </div>
    }
    .into_any()
}

fn cells(store: Store, replica: &ReplicaView, first: i64, count: i64, leads: bool) -> AnyView {
    let each = (first..first + count)
        .map(|offset| {
            if offset < replica.log_start_offset || offset >= replica.log_end_offset {
                return view! { <i class="gap"></i> }.into_any();
            }
            let record = replica.tail.iter().find(|record| record.offset == offset);
            let key = record.and_then(|record| record.key.as_deref());
            let colour = store.key_colour(key);
            let open = if offset >= replica.high_watermark { " open" } else { "" };
            let kind = if leads { "" } else { " foot" };
            let digits = if offset > 999 { format!("{:03}", offset % 1000) } else { offset.to_string() };
            let title = key.map(|key| format!("{offset}: {key}"));
            view! { <i class=format!("cell k{colour}{kind}{open}") title=title>{digits}</i> }.into_any()
        })
        .collect_view();
    let at = (replica.high_watermark - first).clamp(0, count) * CELL;
    view! {
        <span class="cells" aria-hidden="true">
            {each}
            <b class="hw" style:left=format!("{at}px")></b>
        </span>
    }
    .into_any()
}

/// How much of the window this replica has.
fn bar(replica: &ReplicaView, first: i64) -> AnyView {
    let length = (replica.log_end_offset - first).max(0);
    let percent = if length == 0 { 0 } else { (length * 100 / 12).clamp(6, 100) };
    view! {
        <span class="bar" aria-hidden="true"><i style:width=format!("{percent}%")></i></span>
        <span class="data" aria-hidden="true">{replica.log_end_offset}</span>
    }
    .into_any()
}
