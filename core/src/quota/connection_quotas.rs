//! [`ConnectionQuotas`]: how often an address connects (`kafka.network.ConnectionQuotas`, KIP-612).

use super::rate::{Elapsed, Rate};
use crate::config::quota_config::{CONNECTION_CREATION_RATE, QuotaWindow};
use crate::metadata::{ClientQuotaEntity, ClientQuotasImage, QuotaEntityType};
use crate::sorted::SortedMap;
use crate::text::Str;
use crate::time::Instant;

/// What `localhost` stands for.
const LOOPBACK: &str = "127.0.0.1";

/// Of a node.
#[derive(Clone, Debug)]
pub struct ConnectionQuotas {
    window: QuotaWindow,
    rates: SortedMap<Str, Rate>,
}

impl ConnectionQuotas {
    /// With nothing counted yet.
    pub fn new(window: QuotaWindow) -> Self {
        Self { window, rates: SortedMap::new() }
    }

    /// Counts a connection from `address`. Where it is one too many, it is to be closed after so many milliseconds, and is not
    /// counted; else 0.
    pub fn record(&mut self, quotas: &ClientQuotasImage, address: &Str, now: Instant) -> u64 {
        let Some(bound) = bound(quotas, address) else { return 0 };
        let most_ms = u64::from(self.window.samples) * self.window.sample_ms;
        self.rates.retain(|_, rate| now.since(rate.last_event()).as_millis() < u128::from(most_ms));
        let rate = self.rates.entry(address.detached()).or_insert_with(|| Rate::new(self.window, Elapsed::FullWindows));
        rate.record(1.0, now);
        let throttle_ms = rate.throttle_ms(bound, now).min(most_ms);
        if throttle_ms > 0 {
            rate.record(-1.0, now);
        }
        throttle_ms
    }
}

/// The quota of the address, by any name of it, or of all that have none of their own.
fn bound(quotas: &ClientQuotasImage, address: &Str) -> Option<f64> {
    if quotas.is_empty() {
        return None;
    }
    let of = |name: Option<Str>| {
        let entity = ClientQuotaEntity::new([(QuotaEntityType::Ip, name)]);
        quotas.value(&entity, CONNECTION_CREATION_RATE)
    };
    let by_name = || (**address == *LOOPBACK).then(|| of(Some(Str::from_static("localhost")))).flatten();
    of(Some(address.clone())).or_else(by_name).or_else(|| of(None))
}
