//! [`Rate`]: how much a second, over the last samples (`org.apache.kafka.common.metrics.stats.Rate` and `SimpleRate`).

use crate::config::quota_config::QuotaWindow;
use crate::time::Instant;
use alloc::vec::Vec;

/// What a rate is divided by while there are few samples.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Elapsed {
    /// All samples but the last count as full: a burst after silence is no excess.
    FullWindows,
    /// The time since the oldest sample, and no less than one.
    Simple,
}

/// What happened within one sample's time. The sample itself may be older than the window as long as something happened in it.
#[derive(Clone, Copy, Debug)]
struct Sample {
    started_ms: u64,
    last_event_ms: u64,
    value: f64,
}

impl Sample {
    fn at(now_ms: u64) -> Self {
        Self { started_ms: now_ms, last_event_ms: now_ms, value: 0.0 }
    }
}

/// A sum of the last samples, by the second.
#[derive(Clone, Debug)]
pub struct Rate {
    window: QuotaWindow,
    elapsed: Elapsed,
    /// One more than the window has: the oldest may overlap its beginning.
    samples: Vec<Sample>,
    current: usize,
}

impl Rate {
    /// A rate of nothing yet.
    pub fn new(window: QuotaWindow, elapsed: Elapsed) -> Self {
        Self { window, elapsed, samples: Vec::new(), current: 0 }
    }

    /// Adds `value`; a negative one takes back what was added before.
    pub fn record(&mut self, value: f64, now: Instant) {
        let now_ms = now.as_millis();
        let sample_ms = self.window.sample_ms;
        if self.samples.is_empty() {
            self.samples.push(Sample::at(now_ms));
        }
        if self.samples.get(self.current).is_some_and(|sample| now_ms - sample.started_ms >= sample_ms) {
            self.current = (self.current + 1) % (self.window.samples as usize + 1);
            match self.samples.get_mut(self.current) {
                Some(sample) => *sample = Sample::at(now_ms),
                None => self.samples.push(Sample::at(now_ms)),
            }
        }
        if let Some(sample) = self.samples.get_mut(self.current) {
            sample.value += value;
            sample.last_event_ms = now_ms;
        }
    }

    /// So much a second.
    pub fn value(&mut self, now: Instant) -> f64 {
        let window_ms = self.window_ms(now);
        let sum: f64 = self.samples.iter().map(|sample| sample.value).sum();
        sum * 1000.0 / window_ms as f64
    }

    /// How long it takes, in whole milliseconds, until the rate is `bound` again if nothing more happens; 0 where it is not above.
    pub fn throttle_ms(&mut self, bound: f64, now: Instant) -> u64 {
        let excess = self.value(now) - bound;
        if excess <= 0.0 {
            return 0;
        }
        // Rounds as Java's `Math.round`; a cast from above the range is the largest number.
        (excess / bound * self.window_ms(now) as f64 + 0.5) as u64
    }

    /// The last time that something happened.
    pub fn last_event(&self) -> Instant {
        Instant::from_millis(self.samples.iter().map(|sample| sample.last_event_ms).max().unwrap_or_default())
    }

    fn window_ms(&mut self, now: Instant) -> u64 {
        let (now_ms, QuotaWindow { samples, sample_ms }) = (now.as_millis(), self.window);
        let expired = |sample: &Sample| now_ms - sample.last_event_ms >= u64::from(samples) * sample_ms;
        for sample in self.samples.iter_mut().filter(|sample| expired(sample)) {
            *sample = Sample::at(now_ms);
        }
        let oldest = self.samples.iter().map(|sample| sample.started_ms).min().unwrap_or(now_ms);
        let elapsed = now_ms - oldest;
        match self.elapsed {
            Elapsed::Simple => elapsed.max(sample_ms),
            Elapsed::FullWindows => {
                let missing = u64::from(samples - 1).saturating_sub(elapsed / sample_ms);
                (elapsed + missing * sample_ms).max(1)
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const WINDOW: QuotaWindow = QuotaWindow { samples: 11, sample_ms: 1000 };

    fn at(millis: u64) -> Instant {
        Instant::from_millis(millis)
    }

    fn close(one: f64, other: f64) -> bool {
        (one - other).abs() < 1e-9
    }

    #[test]
    fn a_burst_after_silence_is_spread_over_the_window() {
        let mut rate = Rate::new(WINDOW, Elapsed::FullWindows);
        rate.record(1000.0, at(50_000));
        assert!(close(rate.value(at(50_000)), 100.0), "ten full samples stand for what is missing");
        assert!(close(rate.value(at(50_500)), 1000.0 / 10.5));
        assert!(close(rate.value(at(60_999)), 1000.0 / 10.999));
        assert!(close(rate.value(at(61_000)), 0.0), "eleven seconds later it is forgotten");
    }

    #[test]
    fn a_simple_rate_counts_the_time_there_was() {
        let mut rate = Rate::new(WINDOW, Elapsed::Simple);
        rate.record(1000.0, at(0));
        assert!(close(rate.value(at(10)), 1000.0));
        assert!(close(rate.value(at(4000)), 250.0));
    }

    #[test]
    fn waiting_the_throttle_time_brings_the_rate_to_its_bound() {
        for (bytes, bound) in [(30_000.0, 1000.0), (20_002.0, 1000.0), (1_000_000.0, 12_345.0)] {
            let mut rate = Rate::new(WINDOW, Elapsed::FullWindows);
            for second in 0..10 {
                rate.record(bytes / 10.0, at(1000 * second + 7));
            }
            let now = at(9500);
            let throttle = rate.throttle_ms(bound, now);
            assert!(throttle > 0);
            let (total, window) = (bytes, rate.window_ms(now) + throttle);
            assert!((total * 1000.0 / window as f64 - bound).abs() < bound / 1000.0, "{bytes} {bound}: {throttle}");
        }
    }

    #[test]
    fn what_is_taken_back_leaves_the_rate_as_it_was() {
        let mut rate = Rate::new(WINDOW, Elapsed::FullWindows);
        rate.record(500.0, at(100));
        let before = rate.value(at(900));
        rate.record(70_000.0, at(900));
        rate.record(-70_000.0, at(900));
        assert!(close(rate.value(at(900)), before));
        assert_eq!(rate.throttle_ms(before + 1.0, at(900)), 0);
    }
}
