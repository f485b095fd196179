//! What scripts of the page may call, as `playground.load(…)`: for measuring, and for tests.

use crate::bridge::{ClientsCommand, Load, Measured};
use crate::cluster::Cluster;
use broker_core::sorted::SortedMap;
use js_sys::{Function, Promise};
use std::cell::RefCell;
use wasm_bindgen::prelude::*;

/// Tickets of loads; the page counts its own from 1.
const FIRST_TICKET: u32 = 1 << 31;

thread_local! {
    static CLUSTER: RefCell<Option<Cluster>> = const { RefCell::new(None) };
    static LOADS: RefCell<SortedMap<u32, Function>> = const { RefCell::new(SortedMap::new()) };
}

/// The cluster scripts speak to from now on.
pub(crate) fn offer(cluster: &Cluster) {
    CLUSTER.with_borrow_mut(|known| *known = Some(cluster.clone()));
}

/// A load is over.
pub(crate) fn measured(ticket: u32, measured: &Measured) {
    if let Some(resolve) = LOADS.with_borrow_mut(|loads| loads.remove(&ticket)) {
        let _ = resolve.call1(&JsValue::NULL, &JsValue::from_str(&json(measured)));
    }
}

/// Produces `records` records of `size` bytes to `topic`, `rate` a second (0: as fast as it goes), and resolves to what that
/// took, as JSON. The topic exists already.
#[wasm_bindgen]
#[allow(unreachable_pub)] // JavaScript reaches it.
#[allow(clippy::too_many_arguments)] // One for each setting of a load, by place: scripts have no structs of ours.
pub fn load(
    topic: String,
    records: u32,
    size: u32,
    rate: f32,
    acks: i16,
    linger_ms: u32,
    batch_size: u32,
    consume: bool,
) -> Promise {
    let load = Load { topic, records, size, rate, acks, linger_ms, batch_size, consume };
    Promise::new(&mut |resolve, _| {
        let ticket = LOADS.with_borrow_mut(|loads| {
            let ticket = loads.last_key_value().map_or(FIRST_TICKET, |(last, _)| last + 1);
            loads.insert(ticket, resolve);
            ticket
        });
        CLUSTER.with_borrow(|cluster| {
            if let Some(cluster) = cluster {
                cluster.clients(&ClientsCommand::Load { ticket, load: load.clone() });
            }
        });
    })
}

fn json(measured: &Measured) -> String {
    let Measured { acknowledged, failed, micros, acknowledged_us, consumed, consumed_us, longest_gap_us } = measured;
    format!(
        r#"{{"acknowledged":{acknowledged},"failed":{failed},"micros":{micros},"ack_p50":{},"ack_p99":{},"consumed":{consumed},"consumed_p50":{},"consumed_p99":{},"longest_gap":{longest_gap_us}}}"#,
        acknowledged_us.p50, acknowledged_us.p99, consumed_us.p50, consumed_us.p99
    )
}
