//! What happened, a line each.

use crate::ui::messages::Language;
use broker_core::event::Event;

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
    /// When, in milliseconds of playground time.
    pub(crate) wall_ms: i64,
    /// The node that said it.
    pub(crate) who: Option<i32>,
    /// What happened.
    pub(crate) what: What,
    /// How many times in a row.
    pub(crate) times: u32,
}

impl Line {
    pub(super) fn new(wall_ms: i64, who: Option<i32>, what: What) -> Self {
        Self { wall_ms, who, what, times: 1 }
    }

    /// It matters enough to be said aloud.
    pub(super) fn is_heard(&self) -> bool {
        matches!(
            self.what,
            What::Killed(_)
                | What::PoweredOff(_)
                | What::WorkerFailed { .. }
                | What::Node(Event::LeaderChanged { .. } | Event::BrokerFenced { .. } | Event::Fatal { .. })
        )
    }

    /// The line in words.
    pub(crate) fn words(&self, language: Language) -> String {
        (language.messages().event)(self.who, &self.what)
    }

    /// Bad news, a warning, or neither.
    pub(crate) fn gravity(&self) -> &'static str {
        match &self.what {
            What::WorkerFailed { .. } | What::Node(Event::Fatal { .. } | Event::LogDirectoryOffline { .. }) => "err",
            What::Killed(_)
            | What::PoweredOff(_)
            | What::Node(
                Event::BrokerFenced { .. }
                | Event::Truncated { .. }
                | Event::MemberExpired { .. }
                | Event::BadRequest { .. },
            ) => "warn",
            What::Node(Event::LeaderChanged { to, .. }) if *to < 0 => "err",
            What::Node(Event::InSyncReplicasChanged { from, to, .. }) if to.len() < from.len() => "warn",
            _ => "plain",
        }
    }
}
