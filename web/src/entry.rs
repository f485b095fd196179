//! The entry points JavaScript calls: the page, and a worker of any role.

use crate::bridge::{BrokerReport, ClientsReport, Role, SwitchReport, TerminalsReport, unpack};
use crate::cluster::Program;
use crate::post_message::{adopt_workers, on_page_message, parts};
use crate::worker::broker::BrokerWorker;
use crate::worker::clients_host::ClientsWorker;
use crate::worker::node_process::launch;
use crate::worker::report::{report, report_panics};
use crate::worker::switch_host::SwitchHost;
use crate::worker::terminals_host::TerminalsWorker;
use js_sys::Array;
use leptos::prelude::*;
use wasm_bindgen::prelude::*;

/// Entry point of the page. `module` is the compiled wasm, in parts: the first and, once the page has it, the rest; `worker_script`
/// is the address of its `worker.js`, `prepared` the pairs of name and worker that wait already.
#[wasm_bindgen]
pub fn page(module: JsValue, worker_script: String, prepared: &Array) {
    console_error_panic_hook::set_once();
    adopt_workers(prepared);
    let program = Program { module, worker_script };
    mount_to_body(move || view! { <crate::ui::App program=program /> });
}

/// Entry point of a worker: `start` is the page's first message, which says the role.
#[wasm_bindgen]
pub fn worker(start: &JsValue) {
    match unpack(&parts(start).0) {
        Some(Role::Switch { floor }) => {
            report_panics(SwitchReport::Panicked);
            let host = SwitchHost::start(floor, report::<SwitchReport>);
            on_page_message(move |packed, port| {
                if let Some(command) = unpack(&packed) {
                    host.command(&command, port);
                }
            });
        }
        Some(Role::Clients) => {
            report_panics(ClientsReport::Panicked);
            let worker = ClientsWorker::new(report::<ClientsReport>);
            on_page_message(move |packed, port| {
                if let Some(command) = unpack(&packed) {
                    worker.command(command, port);
                }
            });
        }
        Some(Role::Broker) => {
            report_panics(BrokerReport::Panicked);
            let worker = BrokerWorker::new(launch, report::<BrokerReport>);
            on_page_message(move |packed, port| {
                if let Some(command) = unpack(&packed) {
                    worker.command(&command, port);
                }
            });
        }
        Some(Role::Terminals) => terminals(),
        None => {}
    }
}

/// What only this calls is no visitor's before the first terminal: `xtask` finds it by its name, and cuts it off.
#[inline(never)]
fn terminals() {
    report_panics(TerminalsReport::Panicked);
    let worker = TerminalsWorker::new(report::<TerminalsReport>);
    on_page_message(move |packed, port| {
        if let Some(command) = unpack(&packed) {
            worker.command(command, port);
        }
    });
}
