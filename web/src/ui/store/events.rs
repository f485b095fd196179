//! What happened, a line each: cause before effect, repeats folded.

use crate::ui::messages::Language;
use broker_core::event::Event;
use broker_core::ids::CLUSTER_METADATA_TOPIC;
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
    /// Replicas in sync before and now, where that changed.
    pub(crate) in_sync: Option<(usize, usize)>,
    /// How many times.
    pub(crate) times: u32,
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
            What::Node(Event::InSyncReplicasChanged { from, to, .. }) => Some((from.len(), to.len())),
            _ => None,
        };
        Self { id: 0, wall_ms, who, what, session_ended: None, first_time: false, in_sync, times: 1 }
    }

    /// It matters enough to be said aloud.
    pub(super) fn is_heard(&self) -> bool {
        let matters = matches!(
            self.what,
            What::Killed(_)
                | What::PoweredOff(_)
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
        match &self.what {
            What::Node(
                Event::LeaderChanged { partition, .. }
                | Event::InSyncReplicasChanged { partition, .. }
                | Event::LogRecovered { partition, .. }
                | Event::Truncated { partition, .. },
            ) if partition.topic.starts_with("__") && &*partition.topic != CLUSTER_METADATA_TOPIC => {
                Some(&partition.topic)
            }
            _ => None,
        }
    }

    /// Bad news, a warning, or neither.
    pub(crate) fn gravity(&self) -> &'static str {
        match &self.what {
            What::WorkerFailed { .. } | What::Node(Event::Fatal { .. } | Event::LogDirectoryOffline { .. }) => "err",
            What::Killed(_)
            | What::PoweredOff(_)
            | What::Wiped(_)
            | What::Node(
                Event::BrokerFenced { .. }
                | Event::Truncated { .. }
                | Event::MemberExpired { .. }
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

    /// The same thing once more, or the same of another partition of an internal topic.
    fn repeats(&self, known: &Self) -> bool {
        let kind = |line: &Self| match &line.what {
            What::Node(Event::LeaderChanged { to, .. }) => i32::from(*to < 0),
            What::Node(Event::InSyncReplicasChanged { from, to, .. }) => 2 + i32::from(to.len() < from.len()),
            What::Node(Event::LogRecovered { .. }) => 4,
            _ => 5,
        };
        self.who == known.who
            && match self.internal_topic() {
                Some(topic) => known.internal_topic() == Some(topic) && kind(self) == kind(known),
                None => self.what == known.what,
            }
    }
}

/// Puts a line where its time says, or folds it into one that says the same. Answers the number of lines that came to be.
pub(super) fn put(lines: &mut VecDeque<Line>, mut line: Line) {
    let near = |known: &Line| line.wall_ms - known.wall_ms < TOGETHER;
    let recent = lines.len().saturating_sub(BACK);
    let folds = |(at, known): &(usize, &Line)| {
        line.repeats(known) && if line.internal_topic().is_some() { near(known) } else { *at + 1 == lines.len() }
    };
    if let Some((at, _)) = lines.iter().enumerate().skip(recent).rfind(folds) {
        lines[at].times += 1;
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
