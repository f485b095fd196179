//! What happened, a line each: cause before effect, repeats folded.

use crate::ui::messages::Language;
use broker_core::event::Event;
use broker_core::ids::{CLUSTER_METADATA_TOPIC, TopicPartition};
use std::collections::VecDeque;

/// What a line says.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum What {
    /// A node said so.
    Node(Event),
    /// Someone killed a broker here.
    Killed(i32),
    /// Someone cut a broker's power here.
    PoweredOff(i32),
    /// Someone stops a broker here.
    Stopping(i32),
    /// Someone starts a broker here.
    Starting(i32),
    /// Someone wiped a broker's disk here.
    Wiped(i32),
    /// Someone gave a command of Kafka's to a terminal here.
    Command {
        /// The terminal's number.
        terminal: u32,
        /// As it was typed.
        line: String,
    },
    /// A file did not come or go.
    NotTransferred {
        /// Its name.
        file: String,
        /// Why.
        reason: String,
    },
    /// A broker refused to start.
    Refused {
        /// Which.
        broker: i32,
        /// Why, in Kafka's words.
        reason: String,
    },
    /// A worker died of a fault.
    WorkerFailed {
        /// Which.
        worker: String,
        /// What it said.
        reason: String,
    },
}

/// A line of the events.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Line {
    /// Counts them.
    pub(crate) id: u64,
    /// When, in milliseconds of playground time; 0 where that was not known yet.
    pub(crate) wall_ms: i64,
    /// The node that said it.
    pub(crate) who: Option<i32>,
    /// What happened.
    pub(crate) what: What,
    /// The broker whose session's end is the cause.
    pub(crate) session_ended: Option<i32>,
    /// A broker that is let lead for the first time since it is known here.
    pub(crate) first_time: bool,
    /// Replicas in sync before and now, where that changed: the same for all it speaks of.
    pub(crate) in_sync: Option<(usize, usize)>,
    /// How many times; of an internal topic, how many partitions.
    pub(crate) times: u32,
    /// Those partitions.
    partitions: Vec<i32>,
}

/// Lines kept.
const LINES: usize = 500;
/// What belongs together happens within so many milliseconds.
const TOGETHER: i64 = 2_000;
/// Lines looked back at for that.
const BACK: usize = 6;

impl Line {
    pub(super) fn new(wall_ms: i64, who: Option<i32>, what: What) -> Self {
        let in_sync = match &what {
            What::Node(
                Event::InSyncReplicasChanged { from, to, .. }
                | Event::LeaderChanged { in_sync_replicas_before: from, in_sync_replicas: to, .. },
            ) => Some((from.len(), to.len())),
            _ => None,
        };
        let partitions = Vec::new();
        let mut line =
            Self { id: 0, wall_ms, who, what, session_ended: None, first_time: false, in_sync, times: 1, partitions };
        line.partitions.extend(line.internal_partition().map(|known| known.partition));
        line
    }

    /// It matters enough to be said aloud.
    pub(super) fn is_heard(&self) -> bool {
        let matters = matches!(
            self.what,
            What::Killed(_)
                | What::PoweredOff(_)
                | What::NotTransferred { .. }
                | What::Refused { .. }
                | What::WorkerFailed { .. }
                | What::Node(Event::LeaderChanged { .. } | Event::BrokerFenced { .. } | Event::Fatal { .. })
        );
        matters && self.internal_topic().is_none()
    }

    /// The line in words.
    pub(crate) fn words(&self, language: Language) -> String {
        (language.messages().event)(self)
    }

    /// The internal topic it is about: fifty partitions of it are one matter. The metadata log has one, and is none.
    pub(crate) fn internal_topic(&self) -> Option<&str> {
        self.internal_partition().map(|partition| &*partition.topic)
    }

    fn internal_partition(&self) -> Option<&TopicPartition> {
        match &self.what {
            What::Node(
                Event::LeaderChanged { partition, .. }
                | Event::InSyncReplicasChanged { partition, .. }
                | Event::LogRecovered { partition, .. }
                | Event::SegmentsDeleted { partition, .. }
                | Event::Truncated { partition, .. },
            ) if partition.topic.starts_with("__") && &*partition.topic != CLUSTER_METADATA_TOPIC => Some(partition),
            _ => None,
        }
    }

    /// Bad news, a warning, or neither.
    pub(crate) fn gravity(&self) -> &'static str {
        match &self.what {
            What::NotTransferred { .. }
            | What::Refused { .. }
            | What::WorkerFailed { .. }
            | What::Node(Event::Fatal { .. } | Event::LogDirectoryOffline { .. }) => "err",
            What::Killed(_)
            | What::PoweredOff(_)
            | What::Wiped(_)
            | What::Node(
                Event::BrokerFenced { .. }
                | Event::Truncated { .. }
                | Event::MemberExpired { .. }
                | Event::ClientThrottled { .. }
                | Event::BadRequest { .. },
            ) => "warn",
            What::Node(Event::LeaderChanged { to, .. }) if *to < 0 => "err",
            What::Node(Event::InSyncReplicasChanged { from, to, .. }) if to.len() < from.len() => "warn",
            What::Node(
                Event::InSyncReplicasChanged { .. } | Event::BrokerUnfenced { .. } | Event::GroupStable { .. },
            ) => "good",
            _ => "plain",
        }
    }

    /// The client it tells of that waits for a quota, and which.
    fn throttled(&self) -> Option<(&str, &str)> {
        match &self.what {
            What::Node(Event::ClientThrottled { client_id, quota, .. }) => Some((client_id, quota)),
            _ => None,
        }
    }

    /// The same thing once more, or the same of another partition of an internal topic.
    fn repeats(&self, known: &Self) -> bool {
        let kind = |line: &Self| match &line.what {
            What::Node(Event::LeaderChanged { to, .. }) => (i32::from(*to < 0), None),
            What::Node(Event::InSyncReplicasChanged { .. }) => (2, line.in_sync),
            What::Node(Event::LogRecovered { .. }) => (3, None),
            _ => (4, None),
        };
        let same = match self.internal_partition() {
            // A partition to which it happens twice is news, and makes a line of its own.
            Some(TopicPartition { topic, partition }) => {
                known.internal_topic() == Some(topic)
                    && kind(self) == kind(known)
                    && !known.partitions.contains(partition)
            }
            None => self.what == known.what || self.throttled().is_some_and(|own| known.throttled() == Some(own)),
        };
        same && self.who == known.who
    }

    /// Speaks of what repeats it as well.
    fn fold(&mut self, line: &Self) {
        self.times += 1;
        if line.throttled().is_some() {
            // How long it waits now.
            self.what = line.what.clone();
        }
        self.partitions.extend(&line.partitions);
        if self.in_sync != line.in_sync {
            self.in_sync = None;
        }
    }
}

/// Puts a line where its time says, or folds it into one that says the same.
pub(super) fn put(lines: &mut VecDeque<Line>, mut line: Line) {
    let near = |known: &Line| line.wall_ms - known.wall_ms < TOGETHER;
    let recent = lines.len().saturating_sub(BACK);
    let folds = |(at, known): &(usize, &Line)| {
        let last = *at + 1 == lines.len();
        line.repeats(known)
            && if line.internal_topic().is_some() { near(known) } else { last || line.throttled().is_some() }
    };
    if let Some((at, _)) = lines.iter().enumerate().skip(recent).rfind(folds) {
        lines[at].fold(&line);
        return;
    }
    if let What::Node(Event::LeaderChanged { from, .. }) = &line.what {
        // The end of a session is the first half of the sentence about its first effect.
        let fenced = What::Node(Event::BrokerFenced { broker: *from, session_expired: true });
        let is_cause = |known: &Line| known.what == fenced && known.who == line.who && near(known);
        if let Some(at) = (recent..lines.len()).rev().find(|at| is_cause(&lines[*at]))
            && line.internal_topic().is_none()
        {
            line.session_ended = Some(*from);
            line.wall_ms = lines[at].wall_ms;
            lines[at] = line;
            return;
        }
    }
    let mut at = lines.len();
    // Brokers report over ports of their own: a line may come a little late.
    while at > recent && line.wall_ms > 0 && lines[at - 1].wall_ms > line.wall_ms {
        at -= 1;
    }
    lines.insert(at, line);
    if lines.len() > LINES {
        lines.pop_front();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use wasm_bindgen_test::wasm_bindgen_test;

    const OFFSETS: &str = "__consumer_offsets";

    fn changed(partition: i32, from: &[i32], to: &[i32]) -> Event {
        let partition = TopicPartition { topic: OFFSETS.into(), partition };
        Event::InSyncReplicasChanged { partition, from: from.to_vec(), to: to.to_vec() }
    }

    fn told(events: impl IntoIterator<Item = Event>) -> Vec<String> {
        let mut lines = VecDeque::new();
        for event in events {
            put(&mut lines, Line::new(1_000, Some(0), What::Node(event)));
        }
        let told = |line: &Line| {
            let in_sync = line.in_sync.map(|(before, now)| format!(" {before} → {now}")).unwrap_or_default();
            format!("{}{in_sync}", line.words(Language::English))
        };
        lines.iter().map(told).collect()
    }

    #[wasm_bindgen_test]
    fn partitions_of_an_internal_topic_are_counted_once_a_change() {
        // Two brokers come back: each partition has two in sync, then three.
        let both = (0..50).flat_map(|id| [changed(id, &[0], &[0, 1]), changed(id, &[0, 1], &[0, 1, 2])]);
        let say = |number: u32, in_sync: &str| {
            format!("Controller 0 changed the ISR of {number} partitions of {OFFSETS}. {in_sync}")
        };
        assert_eq!(told(both), [say(50, "1 → 2"), say(50, "2 → 3")]);
    }

    #[wasm_bindgen_test]
    fn a_partition_that_changes_back_and_again_is_told_again() {
        let flaps = (0..2).flat_map(|_| {
            let out = (0..3).map(|id| changed(id, &[0, 1], &[0]));
            out.chain((0..3).map(|id| changed(id, &[0], &[0, 1])))
        });
        let told = told(flaps);
        assert_eq!(told.len(), 4, "{told:?}");
        assert!(told.iter().all(|line| line.contains("of 3 partitions")), "{told:?}");
    }

    #[wasm_bindgen_test]
    fn a_client_that_waits_again_and_again_is_one_line_and_tells_the_newest_wait() {
        let waits = |client_id: &str, throttle_ms| Event::ClientThrottled {
            client_id: client_id.into(),
            quota: "producer_byte_rate".into(),
            throttle_ms,
        };
        let say = |client: &str, ms| {
            format!("Broker 0 throttles {client}: it is over its producer_byte_rate, and waits {ms} ms.")
        };
        let told = told([waits("p1", 10), waits("p2", 20), waits("p1", 30)]);
        assert_eq!(told, [say("p1", 30), say("p2", 20)]);
    }

    #[wasm_bindgen_test]
    fn leaders_of_partitions_fold_and_tell_an_isr_only_where_it_is_that_of_all() {
        let led = |(partition, before): (i32, &[i32])| Event::LeaderChanged {
            partition: TopicPartition { topic: OFFSETS.into(), partition },
            from: 1,
            to: 2,
            leader_epoch: 4,
            in_sync_replicas_before: before.to_vec(),
            in_sync_replicas: vec![2],
        };
        let say = format!("Controller 0 made other replicas leaders of 2 partitions of {OFFSETS}.");
        let both: [(i32, &[i32]); 2] = [(0, &[1, 2]), (7, &[1, 2])];
        assert_eq!(told(both.map(led)), [format!("{say} 2 → 1")]);
        let different: [(i32, &[i32]); 2] = [(0, &[1, 2]), (7, &[0, 1, 2])];
        assert_eq!(told(different.map(led)), [say]);
    }
}
