//! What durability costs: three directories written at once, as by three brokers. Prints figures (`-- --nocapture`); fails
//! only where nothing could be built on them.
#![cfg(target_arch = "wasm32")]

use broker_core::log::storage::{StoreCommand, Ticket};
use broker_web::indexed_db::{Completion, Storage, delete_database};
use broker_web::post_message::pause;
use bytes::Bytes;
use std::cell::RefCell;
use std::rc::Rc;
use wasm_bindgen::{JsCast, JsValue};
use wasm_bindgen_futures::{JsFuture, spawn_local};
use wasm_bindgen_test::{console_log, wasm_bindgen_test, wasm_bindgen_test_configure};

wasm_bindgen_test_configure!(run_in_dedicated_worker);

const DIRECTORIES: usize = 3;

/// One store after another, the next when the last is durable.
struct Writer {
    storage: RefCell<Option<Storage>>,
    began: RefCell<f64>,
    took: RefCell<Vec<f64>>,
    ticket: RefCell<u64>,
    bytes: Bytes,
    values: usize,
    until: f64,
}

impl Writer {
    fn next(&self) {
        let Some(storage) = self.storage.borrow().clone() else { return };
        *self.began.borrow_mut() = now();
        *self.ticket.borrow_mut() += 1;
        let append = StoreCommand::Append { file: "topic-0/0.log".into(), bytes: vec![self.bytes.clone()] };
        storage.store(Ticket(*self.ticket.borrow()), vec![append; self.values]);
    }

    fn completed(self: &Rc<Self>, completion: &Completion) {
        if matches!(completion, Completion::Idle) {
            return;
        }
        assert!(matches!(completion, Completion::Stored { .. }), "{completion:?}");
        let now = now();
        self.took.borrow_mut().push(now - *self.began.borrow());
        // In a task of its own: a file completes within the call.
        let writer = Rc::clone(self);
        spawn_local(async move {
            pause().await;
            if now < writer.until {
                return writer.next();
            }
            let storage = writer.storage.borrow().clone();
            while storage.as_ref().is_some_and(|storage| !storage.is_idle()) {
                pause().await;
            }
            *writer.storage.borrow_mut() = None;
        });
    }
}

fn now() -> f64 {
    let global: web_sys::DedicatedWorkerGlobalScope = js_sys::global().unchecked_into();
    global.performance().expect("a clock").now()
}

async fn sleep(milliseconds: i32) {
    let global: web_sys::DedicatedWorkerGlobalScope = js_sys::global().unchecked_into();
    let slept = js_sys::Promise::new(&mut |resolve, _| {
        global
            .set_timeout_with_callback_and_timeout_and_arguments_0(&resolve, milliseconds)
            .map(drop)
            .expect("a timer");
    });
    JsFuture::from(slept).await.map(|_: JsValue| ()).expect("slept");
}

/// Median and 99th percentile in milliseconds, and MB/s of all directories.
async fn measure(bytes: usize, values: usize, milliseconds: f64) -> (f64, f64, f64) {
    let mut writers = Vec::new();
    let until = now() + milliseconds;
    for directory in 0..DIRECTORIES {
        let name = format!("latency {directory}");
        delete_database(&name).await.expect("deleted");
        let writer = Rc::new(Writer {
            storage: RefCell::default(),
            began: RefCell::default(),
            took: RefCell::default(),
            ticket: RefCell::default(),
            bytes: Bytes::from(vec![7; bytes]),
            values,
            until,
        });
        let heard = Rc::clone(&writer);
        let storage = Storage::open(&name, move |completion| heard.completed(&completion)).await.expect("opens");
        *writer.storage.borrow_mut() = Some(storage);
        writers.push(writer);
    }
    let began = now();
    for writer in &writers {
        writer.next();
    }
    while writers.iter().any(|writer| writer.storage.borrow().is_some()) {
        sleep(20).await;
    }
    let seconds = (now() - began) / 1000.0;
    let mut took: Vec<f64> = writers.iter().flat_map(|writer| writer.took.borrow().clone()).collect();
    took.sort_by(f64::total_cmp);
    let at = |share: f64| took[((took.len() - 1) as f64 * share) as usize];
    (at(0.5), at(0.99), (took.len() * bytes * values) as f64 / 1e6 / seconds)
}

#[wasm_bindgen_test]
async fn durable_latency_of_three_directories() {
    for (bytes, values) in
        [(1024, 1), (32 * 1024, 8), (128 * 1024, 1), (128 * 1024, 3), (256 * 1024, 1), (1024 * 1024, 1)]
    {
        let (median, high, throughput) = measure(bytes, values, 2000.0).await;
        console_log!("{values} × {bytes} bytes: p50 {median:.1} ms, p99 {high:.1} ms, {throughput:.0} MB/s");
        assert!(median < 250.0, "a store takes {median} ms");
    }
}
