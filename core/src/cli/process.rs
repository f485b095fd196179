//! What programs ask about the processes beside them.

use crate::text::Str;

/// A question about processes, or an order.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ProcessRequest {
    /// What runs; the answer is [`ProgramInput::Processes`](super::ProgramInput::Processes), and the program waits for it.
    List,
    /// Sends SIGTERM to a process. There is no answer; where it is over, nothing happens.
    Terminate(u32),
}

/// A process that runs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ProcessStatus {
    /// Its number.
    pub id: u32,
    /// Its command line, as `ps` shows it.
    pub command: Str,
}
