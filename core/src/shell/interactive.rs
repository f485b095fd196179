//! The shell of a terminal: shows its prompt, takes a command, runs it.

use super::kernel::Kernel;
use super::process::ProcessId;
use super::screen::Typed;
use super::stream::{Sink, TerminalId};

/// Runs until Ctrl-D; its exit code.
pub(super) async fn run(kernel: Kernel, id: ProcessId, terminal: TerminalId) -> i32 {
    let screen = Sink::Screen(terminal);
    loop {
        kernel.write(&screen, b"$ ").await;
        if let Some(screen) = kernel.state().screens.get_mut(&terminal) {
            screen.is_prompted = true;
        }
        match kernel.typed(id, terminal).await {
            Ok(Typed::End) => return 0,
            Ok(Typed::Line(_)) | Err(()) => {}
        }
    }
}
