//! What `kafka-producer-perf-test.sh` measures (`ProducerPerformance.Stats`).

use crate::java::fixed;
use crate::sorted::sort_by_key;
use crate::time::Instant;
use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;

/// Latencies that are kept at most, for percentiles.
const SAMPLES: u64 = 500_000;
const MEGABYTE: f64 = 1_048_576.0;

/// Counts what was acknowledged since the beginning and since the last report.
pub(super) struct Stats {
    started: Instant,
    latencies: Vec<u32>,
    /// Of so many records one is sampled.
    sampling: u64,
    reporting_ms: u64,
    all: Sum,
    window: Sum,
    window_started: Instant,
    is_steady: bool,
    is_silent: bool,
}

#[derive(Clone, Copy, Default)]
struct Sum {
    count: u64,
    bytes: u64,
    latency_ms: u64,
    max_latency_ms: u64,
}

impl Sum {
    fn add(&mut self, latency_ms: u64, bytes: usize) {
        self.count += 1;
        self.bytes += bytes as u64;
        self.latency_ms += latency_ms;
        self.max_latency_ms = self.max_latency_ms.max(latency_ms);
    }

    fn rates(&self, elapsed_ms: u64) -> (f64, f64) {
        let per_second = |amount: u64| 1000.0 * amount as f64 / elapsed_ms as f64;
        (per_second(self.count), per_second(self.bytes) / MEGABYTE)
    }

    fn average_ms(&self) -> f64 {
        self.latency_ms as f64 / self.count as f64
    }
}

impl Stats {
    pub(super) fn new(num_records: u64, reporting_ms: u64, is_steady: bool, now: Instant) -> Self {
        Self {
            started: now,
            latencies: Vec::new(),
            sampling: (num_records / num_records.clamp(1, SAMPLES)).max(1),
            reporting_ms,
            all: Sum::default(),
            window: Sum::default(),
            window_started: now,
            is_steady,
            is_silent: false,
        }
    }

    /// From here on only the total counts.
    pub(super) fn suppress_printing(&mut self) {
        self.is_silent = true;
    }

    /// Counts a record; answers the lines that are to be printed.
    pub(super) fn record(&mut self, latency_ms: u64, bytes: usize, now: Instant) -> String {
        if self.all.count.is_multiple_of(self.sampling) {
            self.latencies.push(u32::try_from(latency_ms).unwrap_or(u32::MAX));
        }
        self.all.add(latency_ms, bytes);
        self.window.add(latency_ms, bytes);
        let elapsed = now.since(self.window_started).as_millis() as u64;
        if elapsed < self.reporting_ms {
            return String::new();
        }
        let is_first = self.is_steady && self.all.count == self.window.count;
        let mut lines = String::from(if is_first { "In steady state.\n" } else { "" });
        if !self.is_silent {
            lines.extend([&*window_line(&self.window, elapsed), "\n"]);
        }
        self.window = Sum::default();
        self.window_started = now;
        lines
    }

    /// The line at the end.
    pub(super) fn total(&mut self, now: Instant) -> String {
        let (records, megabytes) = self.all.rates(now.since(self.started).as_millis() as u64);
        sort_by_key(&mut self.latencies, |latency| *latency);
        let percentile = |share: f64| {
            let at = (share * self.latencies.len() as f64) as usize;
            self.latencies.get(at).copied().unwrap_or(0)
        };
        format!(
            "{}{} records sent, {} records/sec ({} MB/sec), {} ms avg latency, {} ms max latency, {} ms 50th, {} ms 95th, \
             {} ms 99th, {} ms 99.9th.",
            self.all.count,
            if self.is_steady { " steady state" } else { "" },
            fixed(records, 6),
            fixed(megabytes, 2),
            fixed(self.all.average_ms(), 2),
            fixed(self.all.max_latency_ms as f64, 2),
            percentile(0.5),
            percentile(0.95),
            percentile(0.99),
            percentile(0.999)
        )
    }
}

fn window_line(window: &Sum, elapsed_ms: u64) -> String {
    let (records, megabytes) = window.rates(elapsed_ms);
    format!(
        "{} records sent, {} records/sec ({} MB/sec), {} ms avg latency, {} ms max latency.",
        window.count,
        fixed(records, 1),
        fixed(megabytes, 2),
        fixed(window.average_ms(), 1),
        fixed(window.max_latency_ms as f64, 1)
    )
}

#[cfg(test)]
mod tests {
    use super::Stats;
    use crate::time::Instant;

    #[test]
    fn windows_and_the_total_are_told() {
        let at = Instant::from_millis;
        let mut stats = Stats::new(1000, 100, true, at(0));
        let mut lines = alloc::vec::Vec::new();
        for number in 0..1000 {
            let line = stats.record(number % 10, 1024, at(number / 4));
            if !line.is_empty() {
                lines.push(line);
            }
        }
        assert_eq!(
            lines,
            [
                "In steady state.\n401 records sent, 4010.0 records/sec (3.92 MB/sec), 4.5 ms avg latency, 9.0 ms max latency.\n",
                "400 records sent, 4000.0 records/sec (3.91 MB/sec), 4.5 ms avg latency, 9.0 ms max latency.\n",
            ]
        );
        assert_eq!(
            stats.total(at(250)),
            "1000 steady state records sent, 4000.000000 records/sec (3.91 MB/sec), 4.50 ms avg latency, 9.00 ms max \
             latency, 5 ms 50th, 9 ms 95th, 9 ms 99th, 9 ms 99.9th."
        );
    }

    #[test]
    fn what_was_never_sent_has_no_average() {
        let mut stats = Stats::new(2, 5000, false, Instant::from_millis(0));
        assert_eq!(
            stats.total(Instant::from_millis(10)),
            "0 records sent, 0.000000 records/sec (0.00 MB/sec), NaN ms avg latency, 0.00 ms max latency, 0 ms 50th, 0 ms \
             95th, 0 ms 99th, 0 ms 99.9th."
        );
    }
}
