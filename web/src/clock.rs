//! Playground time. The switch owns it ([`Clock::lease`]); every other worker follows the leases it is sent ([`Clock::follow`]).
//!
//! # Architecture Invariant
//! Neither part goes back, and `now` never passes the last lease by more than [`LEASE_LIMIT`] of playground time: when the
//! browser froze the tab, or a laptop slept, no session expires because of that.

use broker_core::time::{Duration, Instant, Now};
use serde::{Deserialize, Serialize};

/// How far `now` may pass the last lease.
pub const LEASE_LIMIT: Duration = Duration::from_millis(250);
/// How often the switch sends a lease.
pub const LEASE_INTERVAL: Duration = Duration::from_millis(50);

/// What the switch tells the others: the time now, and how fast it goes.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Lease {
    /// Microseconds on the monotonic clock.
    pub monotonic_us: u64,
    /// Milliseconds since the Unix epoch, on the wall clock of records.
    pub wall_ms: i64,
    /// Playground seconds per second; 0 stands still.
    pub rate: f32,
}

/// A clock that runs from its last lease on. `host_us` is always a reading of one steady clock of this worker.
#[derive(Clone, Debug)]
pub struct Clock {
    lease: Lease,
    leased_at_us: u64,
    last: Now,
}

impl Clock {
    /// A clock that starts with a lease.
    pub fn new(lease: Lease, host_us: u64) -> Self {
        Self { lease, leased_at_us: host_us, last: Now::default() }
    }

    /// The switch's clock of a new page: `floor` is the newest time the page before it told of. It starts at the real time.
    pub fn starting(real_ms: i64, floor: Lease, host_us: u64) -> Self {
        let wall_ms = real_ms.max(floor.wall_ms);
        let monotonic_us = (wall_ms.unsigned_abs() * 1000).max(floor.monotonic_us);
        Self::new(Lease { monotonic_us, wall_ms, rate: floor.rate }, host_us)
    }

    /// The time.
    pub fn now(&mut self, host_us: u64) -> Now {
        let elapsed = host_us.saturating_sub(self.leased_at_us) as f64 * f64::from(self.lease.rate);
        let elapsed_us = (elapsed as u64).min(LEASE_LIMIT.as_micros() as u64);
        let monotonic = Instant::from_micros(self.lease.monotonic_us + elapsed_us);
        let wall_ms = self.lease.wall_ms + (elapsed_us / 1000) as i64;
        self.last = Now { monotonic: monotonic.max(self.last.monotonic), wall_ms: wall_ms.max(self.last.wall_ms) };
        self.last
    }

    /// (The others) a lease came.
    pub fn follow(&mut self, lease: Lease, host_us: u64) {
        self.lease = lease;
        self.leased_at_us = host_us;
    }

    /// (The switch) the lease to send now. While time runs at its own speed the wall part follows the computer's clock
    /// forward: after a sleep records are stamped with the real time again.
    pub fn lease(&mut self, real_ms: i64, host_us: u64) -> Lease {
        let now = self.now(host_us);
        let real = (self.lease.rate - 1.0).abs() < f32::EPSILON;
        let wall_ms = if real { now.wall_ms.max(real_ms) } else { now.wall_ms };
        self.lease = Lease { monotonic_us: now.monotonic.as_micros(), wall_ms, rate: self.lease.rate };
        self.leased_at_us = host_us;
        self.lease
    }

    /// (The switch) changes how fast time goes, from now on; send a lease at once.
    pub fn set_rate(&mut self, rate: f32, host_us: u64) {
        let now = self.now(host_us);
        self.lease = Lease { monotonic_us: now.monotonic.as_micros(), wall_ms: now.wall_ms, rate: rate.max(0.0) };
        self.leased_at_us = host_us;
    }

    /// (The switch) lets so much time pass at once, while it stands still or not; send a lease at once.
    pub fn step(&mut self, step: Duration, host_us: u64) {
        let now = self.now(host_us);
        self.lease.monotonic_us = (now.monotonic + step).as_micros();
        self.lease.wall_ms = now.wall_ms + step.as_millis() as i64;
        self.leased_at_us = host_us;
    }

    /// Real time until the clock shows `until`; `None` while it stands still.
    pub fn delay(&self, now: Now, until: Instant) -> Option<Duration> {
        let wanted = until.since(now.monotonic);
        if wanted.is_zero() {
            return Some(wanted);
        }
        (self.lease.rate > 0.0).then(|| wanted.div_f64(f64::from(self.lease.rate)))
    }
}

/// This worker's steady clock, in microseconds.
#[cfg(target_arch = "wasm32")]
pub fn host_us() -> u64 {
    use wasm_bindgen::{JsCast as _, JsValue};
    thread_local! {
        static PERFORMANCE: web_sys::Performance = js_sys::Reflect::get(&js_sys::global(), &"performance".into())
            .unwrap_or(JsValue::NULL)
            .unchecked_into();
    }
    PERFORMANCE.with(|performance| (performance.now() * 1000.0) as u64)
}

/// The computer's clock, in milliseconds since the Unix epoch.
#[cfg(target_arch = "wasm32")]
pub fn real_ms() -> i64 {
    js_sys::Date::now() as i64
}

#[cfg(test)]
mod tests {
    use super::*;

    const START: Lease = Lease { monotonic_us: 1_000_000, wall_ms: 5_000, rate: 1.0 };

    fn at(monotonic_us: u64, wall_ms: i64) -> Now {
        Now { monotonic: Instant::from_micros(monotonic_us), wall_ms }
    }

    #[test]
    fn time_runs_from_the_lease_and_stops_at_its_limit() {
        let mut clock = Clock::new(START, 70);
        assert_eq!(clock.now(70), at(1_000_000, 5_000));
        assert_eq!(clock.now(10_070), at(1_010_000, 5_010));
        assert_eq!(clock.now(9_000_000), at(1_250_000, 5_250));
    }

    #[test]
    fn neither_part_goes_back() {
        let mut clock = Clock::new(START, 0);
        clock.now(200_000);
        clock.follow(Lease { monotonic_us: 1_100_000, wall_ms: 5_100, rate: 1.0 }, 210_000);
        assert_eq!(clock.now(210_000), at(1_200_000, 5_200));
        assert_eq!(clock.now(410_000), at(1_300_000, 5_300));
    }

    #[test]
    fn a_sleep_costs_the_monotonic_part_at_most_the_limit_and_the_wall_part_catches_up() {
        let mut clock = Clock::new(START, 0);
        let lease = clock.lease(3_605_000, 3_600_000_000);
        assert_eq!(lease, Lease { monotonic_us: 1_250_000, wall_ms: 3_605_000, rate: 1.0 });
    }

    #[test]
    fn a_rate_stretches_time_and_delays() {
        let mut clock = Clock::new(START, 0);
        clock.set_rate(0.5, 100_000);
        let now = clock.now(300_000);
        assert_eq!(now, at(1_200_000, 5_200));
        assert_eq!(clock.delay(now, Instant::from_micros(1_300_000)), Some(Duration::from_millis(200)));
        clock.set_rate(0.0, 300_000);
        assert_eq!(clock.now(900_000), now);
        assert_eq!(clock.delay(now, Instant::from_micros(1_300_000)), None);
        assert_eq!(clock.delay(now, now.monotonic), Some(Duration::ZERO));
        clock.step(Duration::from_millis(100), 900_000);
        assert_eq!(clock.now(950_000), at(1_300_000, 5_300));
    }

    #[test]
    fn a_reload_goes_on_where_the_page_before_was() {
        let floor = Lease { monotonic_us: 9_000_000_000, wall_ms: 7_000, rate: 1.0 };
        assert_eq!(Clock::starting(6_000, floor, 0).now(0), at(9_000_000_000, 7_000));
        let floor = Lease { monotonic_us: 0, wall_ms: 0, rate: 1.0 };
        assert_eq!(Clock::starting(6_000, floor, 0).now(0), at(6_000_000, 6_000));
    }
}
