//! [`ControllerMutationQuotaManager`]: how many partitions clients create and delete
//! (`org.apache.kafka.server.quota.ControllerMutationQuotaManager`, KIP-599).

use super::client_quota_manager::{QuotaClient, Tags, quota_of};
use crate::config::quota_config::{CONTROLLER_MUTATION_RATE, QuotaWindow};
use crate::metadata::ClientQuotasImage;
use crate::sorted::SortedMap;
use crate::time::Instant;

/// Partitions a client may still create or delete: less than none where it went over its quota. Fills with time, up to what
/// the whole window allows.
#[derive(Clone, Copy, Debug)]
struct TokenBucket {
    tokens: f64,
    filled: Instant,
}

/// What one request may do. Lives as long as the request is decided on.
#[derive(Clone, Debug, Default)]
pub struct ControllerMutationQuota {
    /// Without one there is no bound.
    bounded: Option<Bounded>,
    throttle_ms: i32,
}

#[derive(Clone, Debug)]
struct Bounded {
    tags: Tags,
    /// Partitions a second.
    rate: f64,
    tokens: f64,
    is_strict: bool,
}

impl ControllerMutationQuota {
    /// Counts partitions. False where they may not be created or deleted now: a request of a version that knows the error is
    /// refused once its client is over its quota; an older one only has to wait afterwards.
    pub fn record(&mut self, partitions: usize) -> bool {
        let Some(bounded) = &mut self.bounded else { return true };
        let is_refused = bounded.is_strict && bounded.tokens < 0.0;
        if !is_refused {
            bounded.tokens -= partitions as f64;
        }
        if is_refused || (!bounded.is_strict && bounded.tokens < 0.0) {
            let wait_ms = (-bounded.tokens / bounded.rate * 1000.0 + 0.5) as u64;
            self.throttle_ms = i32::try_from(wait_ms).unwrap_or(i32::MAX);
        }
        !is_refused
    }

    /// How many milliseconds the client has to wait.
    pub fn throttle_ms(&self) -> i32 {
        self.throttle_ms
    }
}

/// Of the active controller.
#[derive(Clone, Debug)]
pub struct ControllerMutationQuotaManager {
    window: QuotaWindow,
    buckets: SortedMap<Tags, TokenBucket>,
}

impl ControllerMutationQuotaManager {
    /// With nothing counted yet.
    pub fn new(window: QuotaWindow) -> Self {
        Self { window, buckets: SortedMap::new() }
    }

    /// What a request of `client` may do; to be given back with [`Self::took`].
    pub fn quota_for(
        &mut self,
        quotas: &ClientQuotasImage,
        client: &QuotaClient,
        is_strict: bool,
        now: Instant,
    ) -> ControllerMutationQuota {
        let bounded = quota_of(quotas, CONTROLLER_MUTATION_RATE, client).map(|(tags, rate)| {
            let burst = rate * f64::from(self.window.samples) * self.window.sample_ms as f64 / 1000.0;
            // Kafka's bucket of a client it has not met is filled since the beginning of time.
            let tokens = self.buckets.get(&tags).map_or(burst, |bucket| {
                let filled = bucket.tokens + rate * now.since(bucket.filled).as_secs_f64();
                filled.min(burst)
            });
            Bounded { tags, rate, tokens, is_strict }
        });
        ControllerMutationQuota { bounded, throttle_ms: 0 }
    }

    /// Keeps what a request left of its quota.
    pub fn took(&mut self, quota: ControllerMutationQuota, now: Instant) {
        if let Some(Bounded { tags, tokens, .. }) = quota.bounded {
            self.buckets.insert(tags, TokenBucket { tokens, filled: now });
        }
    }
}
