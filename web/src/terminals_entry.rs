//! The entry point JavaScript calls in the worker of the terminals.

use crate::bridge::{TerminalsReport, unpack};
use crate::post_message::on_page_message;
use crate::worker::report::{report, report_panics};
use crate::worker::terminals_host::TerminalsWorker;
use wasm_bindgen::prelude::*;

/// Entry point of the worker.
#[wasm_bindgen]
pub fn worker(_start: &JsValue) {
    report_panics(TerminalsReport::Panicked);
    let worker = TerminalsWorker::new(report::<TerminalsReport>);
    on_page_message(move |packed, port| {
        if let Some(command) = unpack(&packed) {
            worker.command(command, port);
        }
    });
}
