//! [`ClientQuotaManager`]: how much each client has had of something, and how long it must wait
//! (`org.apache.kafka.server.quota.ClientQuotaManager`, KIP-13, 55).

use super::rate::{Elapsed, Rate};
use crate::config::quota_config::QuotaWindow;
use crate::metadata::{ClientQuotaEntity, ClientQuotasImage, QuotaEntityType};
use crate::sorted::SortedMap;
use crate::text::Str;
use crate::time::{Duration, Instant};

/// Who asks for something: a user as authenticated, a client as it calls itself.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct QuotaClient {
    /// The principal's name; `ANONYMOUS` on a PLAINTEXT listener.
    pub user: Str,
    /// `client.id`; may be empty.
    pub client_id: Str,
}

impl QuotaClient {
    /// A client of a listener where nobody authenticates.
    pub fn anonymous(client_id: Option<Str>) -> Self {
        Self { user: Str::from_static("ANONYMOUS"), client_id: client_id.unwrap_or_default() }
    }
}

/// After this long without a request a client's rate is forgotten.
const INACTIVE_SENSOR_EXPIRATION: Duration = Duration::from_hours(1);

/// Whom a quota counts together: a user and a client id, or all of one of them where the other is empty.
pub(super) type Tags = (Str, Str);

/// One kind of quota of a broker.
#[derive(Clone, Debug)]
pub struct ClientQuotaManager {
    key: &'static str,
    window: QuotaWindow,
    sensors: SortedMap<Tags, Rate>,
}

impl ClientQuotaManager {
    /// For the quotas that are set under `key`.
    pub fn new(key: &'static str, window: QuotaWindow) -> Self {
        Self { key, window, sensors: SortedMap::new() }
    }

    /// Counts `value` for a client; answers how many milliseconds it must wait for its rate to be within its quota again.
    pub fn record(&mut self, quotas: &ClientQuotasImage, client: &QuotaClient, value: f64, now: Instant) -> i32 {
        let Some((tags, bound)) = quota_of(quotas, self.key, client) else { return 0 };
        self.sensors.retain(|_, rate| now.since(rate.last_event()) < INACTIVE_SENSOR_EXPIRATION);
        let new = || Rate::new(self.window, Elapsed::FullWindows);
        let rate = self.sensors.entry(tags).or_insert_with(new);
        rate.record(value, now);
        i32::try_from(rate.throttle_ms(bound, now)).unwrap_or(i32::MAX)
    }

    /// Takes back what was counted for an answer that is not sent.
    pub fn unrecord(&mut self, quotas: &ClientQuotasImage, client: &QuotaClient, value: f64, now: Instant) {
        if let Some((tags, _)) = quota_of(quotas, self.key, client)
            && let Some(rate) = self.sensors.get_mut(&tags)
        {
            rate.record(-value, now);
        }
    }

    /// What a client may have at once without having to wait, if it had nothing lately; `None` without a quota.
    pub fn max_value_in_window(&self, quotas: &ClientQuotasImage, client: &QuotaClient) -> Option<f64> {
        let (_, bound) = quota_of(quotas, self.key, client)?;
        let QuotaWindow { samples, sample_ms } = self.window;
        Some(bound * f64::from(samples - 1) * sample_ms as f64 / 1000.0)
    }
}

/// The most specific quota of this key that is of the client, and whom it counts together.
pub(super) fn quota_of(quotas: &ClientQuotasImage, key: &str, client: &QuotaClient) -> Option<(Tags, f64)> {
    use QuotaEntityType::{ClientId, User};
    if quotas.is_empty() {
        return None;
    }
    let QuotaClient { user, client_id } = client;
    let (user_part, user_default) = ((User, Some(user.clone())), (User, None));
    let (client_part, client_default) = ((ClientId, Some(client_id.clone())), (ClientId, None));
    let both = (user.clone(), client_id.clone());
    let of_user = (user.clone(), Str::default());
    let of_client = (Str::default(), client_id.clone());
    let levels = [
        (&[user_part.clone(), client_part.clone()][..], &both),
        (&[user_part.clone(), client_default.clone()], &both),
        (&[user_part], &of_user),
        (&[user_default.clone(), client_part.clone()], &both),
        (&[user_default.clone(), client_default.clone()], &both),
        (&[user_default], &of_user),
        (&[client_part], &of_client),
        (&[client_default], &of_client),
    ];
    levels.into_iter().find_map(|(parts, tags)| {
        let entity = ClientQuotaEntity::new(parts.iter().cloned());
        Some((tags.clone(), quotas.value(&entity, key)?))
    })
}
