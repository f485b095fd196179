//! All of `postMessage`: workers and their start, the ports between them, the channel between tabs, and the immediate timer.

use js_sys::{Array, ArrayBuffer, Function, Object, Promise, Reflect, Uint8Array};
use std::cell::{Cell, RefCell};
use std::rc::Rc;
use wasm_bindgen::prelude::*;
use wasm_bindgen_futures::JsFuture;
use web_sys::{
    BroadcastChannel, DedicatedWorkerGlobalScope, MessageChannel, MessageEvent, MessagePort, Worker, WorkerOptions,
    WorkerType,
};

/// A message handler that lives as long as whatever it listens to.
type Handler = Closure<dyn FnMut(MessageEvent)>;

/// The two ends of a channel, each to be given to somebody.
pub fn channel() -> Result<(MessagePort, MessagePort), JsValue> {
    let channel = MessageChannel::new()?;
    Ok((channel.port1(), channel.port2()))
}

/// An end of a channel that carries packed messages and the buffers they speak of.
pub struct Port {
    port: MessagePort,
    _handler: Handler,
}

impl Port {
    /// Listens from now on.
    pub fn new(port: MessagePort, mut on_message: impl FnMut(Vec<u8>, Vec<ArrayBuffer>) + 'static) -> Self {
        let handler: Handler = Closure::new(move |event: MessageEvent| {
            let parts: Array = event.data().unchecked_into();
            let mut parts = parts.iter();
            let Some(packed) = parts.next() else { return };
            on_message(Uint8Array::new(&packed).to_vec(), parts.map(JsCast::unchecked_into).collect());
        });
        port.set_onmessage(Some(handler.as_ref().unchecked_ref()));
        Self { port, _handler: handler }
    }

    /// Hands over the buffers: they are gone here, and were not copied.
    pub fn post(&self, packed: &[u8], buffers: &[ArrayBuffer]) {
        let packed = Uint8Array::from(packed).buffer();
        let parts = Array::of1(&packed);
        for buffer in buffers {
            parts.push(buffer);
        }
        // A port never refuses what can be transferred; a closed one swallows it.
        let _ = self.port.post_message_with_transferable(&parts, &parts);
    }
}

impl Drop for Port {
    fn drop(&mut self) {
        self.port.set_onmessage(None);
        self.port.close();
    }
}

/// A worker that waits for its first message.
struct Spare {
    name: String,
    worker: Worker,
    failed: Rc<Cell<bool>>,
    _handler: Closure<dyn FnMut()>,
}

thread_local! {
    static SPARES: RefCell<Vec<Spare>> = const { RefCell::new(Vec::new()) };
}

/// (Page) takes over workers that were created before there was anybody to start them, as pairs of name and worker: what they
/// load is the same for all. [`WorkerHandle::spawn`] takes them by name.
pub fn adopt_workers(prepared: &Array) {
    for pair in prepared.iter() {
        let pair = Array::from(&pair);
        let (Some(name), Ok(worker)) = (pair.get(0).as_string(), pair.get(1).dyn_into::<Worker>()) else { continue };
        let failed = Rc::new(Cell::new(false));
        let noted = Rc::clone(&failed);
        let handler: Closure<dyn FnMut()> = Closure::new(move || noted.set(true));
        worker.set_onerror(Some(handler.as_ref().unchecked_ref()));
        let spare = Spare { name, worker, failed, _handler: handler };
        SPARES.with_borrow_mut(|spares| spares.push(spare));
    }
}

/// (Page) ends the prepared workers that nobody took.
pub fn dismiss_workers() {
    for spare in SPARES.take() {
        spare.worker.set_onerror(None);
        spare.worker.terminate();
    }
}

fn take_prepared(name: &str) -> Option<Worker> {
    let spare = SPARES.with_borrow_mut(|spares| {
        let at = spares.iter().position(|spare| spare.name == name)?;
        Some(spares.swap_remove(at))
    })?;
    (!spare.failed.get()).then(|| spare.worker.clone())
}

fn new_worker(script: &str, name: &str) -> Result<Worker, JsValue> {
    let options = WorkerOptions::new();
    options.set_type(WorkerType::Module);
    options.set_name(name);
    Worker::new_with_options(script, &options)
}

/// (Page) a worker of ours.
pub struct WorkerHandle {
    worker: Worker,
    _handlers: (Handler, Closure<dyn FnMut(JsValue)>),
}

impl WorkerHandle {
    /// Starts a worker: `start` says which role it plays. `failed` hears of what it did not catch.
    pub fn spawn(
        script: &str,
        name: &str,
        module: &JsValue,
        start: &[u8],
        mut on_message: impl FnMut(Vec<u8>) + 'static,
        mut failed: impl FnMut(String) + 'static,
    ) -> Result<Self, JsValue> {
        let worker = take_prepared(name).map_or_else(|| new_worker(script, name), Ok)?;
        let on_message: Handler =
            Closure::new(move |event: MessageEvent| on_message(Uint8Array::new(&event.data()).to_vec()));
        let on_error: Closure<dyn FnMut(JsValue)> = Closure::new(move |event: JsValue| {
            let message = Reflect::get(&event, &"message".into()).ok().and_then(|message| message.as_string());
            failed(message.unwrap_or_else(|| "the worker could not start".into()));
        });
        worker.set_onmessage(Some(on_message.as_ref().unchecked_ref()));
        worker.set_onerror(Some(on_error.as_ref().unchecked_ref()));
        let handle = Self { worker, _handlers: (on_message, on_error) };
        let first = message(start, None)?;
        Reflect::set(&first, &"module".into(), module)?;
        handle.worker.post_message(&first)?;
        Ok(handle)
    }

    /// Says something, and hands over a port with it.
    pub fn post(&self, packed: &[u8], port: Option<&MessagePort>) -> Result<(), JsValue> {
        self.worker.post_message_with_transfer(&message(packed, port)?, &transfer(port))
    }

    /// Ends it at once, whatever it does.
    pub fn terminate(&self) {
        self.worker.set_onmessage(None);
        self.worker.set_onerror(None);
        self.worker.terminate();
    }
}

fn message(packed: &[u8], port: Option<&MessagePort>) -> Result<JsValue, JsValue> {
    let message = Object::new();
    Reflect::set(&message, &"packed".into(), &Uint8Array::from(packed))?;
    Reflect::set(&message, &"port".into(), &port.map_or(JsValue::NULL, JsValue::from))?;
    Ok(message.into())
}

fn transfer(port: Option<&MessagePort>) -> Array {
    port.into_iter().collect()
}

/// (Worker) what a message of the page holds.
pub fn parts(message: &JsValue) -> (Vec<u8>, Option<MessagePort>) {
    let part = |name: &str| Reflect::get(message, &name.into()).unwrap_or(JsValue::NULL);
    (Uint8Array::new(&part("packed")).to_vec(), part("port").dyn_into().ok())
}

/// (Worker) listens to the page from now on, for ever.
pub fn on_page_message(mut on_message: impl FnMut(Vec<u8>, Option<MessagePort>) + 'static) {
    let handler: Handler = Closure::new(move |event: MessageEvent| {
        let (packed, port) = parts(&event.data());
        on_message(packed, port);
    });
    scope().set_onmessage(Some(handler.into_js_value().unchecked_ref()));
}

/// (Worker) tells the page.
pub fn post_to_page(packed: &[u8]) {
    let packed = Uint8Array::from(packed).buffer();
    // Only what cannot be cloned is refused.
    let _ = scope().post_message_with_transfer(&packed, &Array::of1(&packed));
}

/// (Worker) ends this worker once its present task is done.
pub fn end_worker() {
    scope().close();
}

fn scope() -> DedicatedWorkerGlobalScope {
    js_sys::global().unchecked_into()
}

/// A channel to the other tabs of this origin.
pub struct Broadcast {
    channel: BroadcastChannel,
    _handler: Handler,
}

impl Broadcast {
    /// Listens from now on.
    pub fn new(name: &str, mut on_message: impl FnMut(String) + 'static) -> Result<Self, JsValue> {
        let channel = BroadcastChannel::new(name)?;
        let handler: Handler = Closure::new(move |event: MessageEvent| {
            on_message(event.data().as_string().unwrap_or_default());
        });
        channel.set_onmessage(Some(handler.as_ref().unchecked_ref()));
        Ok(Self { channel, _handler: handler })
    }

    /// Tells all others.
    pub fn post(&self, message: &str) -> Result<(), JsValue> {
        self.channel.post_message(&message.into())
    }
}

impl Drop for Broadcast {
    fn drop(&mut self) {
        self.channel.close();
    }
}

/// Lets other tasks run.
pub async fn pause() {
    let Ok((here, there)) = channel() else { return };
    let passed = Promise::new(&mut |resolve, _| {
        there.set_onmessage(Some(&resolve));
        let _ = here.post_message(&JsValue::NULL);
    });
    let _ = JsFuture::from(passed).await;
    there.close();
}

/// Lets so many milliseconds go by.
pub async fn sleep(milliseconds: f64) {
    let passed = Promise::new(&mut |resolve, _| {
        set_timeout(&resolve, milliseconds);
    });
    let _ = JsFuture::from(passed).await;
}

/// Calls back in a task of its own, after whatever came meanwhile, without a timer's milliseconds.
pub struct Immediate {
    here: MessagePort,
    there: MessagePort,
    _handler: Handler,
}

impl Immediate {
    /// Calls this.
    pub fn new(mut callback: impl FnMut() + 'static) -> Result<Self, JsValue> {
        let (here, there) = channel()?;
        let handler: Handler = Closure::new(move |_| callback());
        there.set_onmessage(Some(handler.as_ref().unchecked_ref()));
        Ok(Self { here, there, _handler: handler })
    }

    /// Once more.
    pub fn call(&self) {
        let _ = self.here.post_message(&JsValue::NULL);
    }
}

impl Drop for Immediate {
    fn drop(&mut self) {
        self.there.set_onmessage(None);
        self.there.close();
    }
}

/// A one-shot timer with one callback; setting it again replaces what was set.
pub struct Timer {
    callback: Function,
    set: Cell<Option<f64>>,
    _closure: Closure<dyn FnMut()>,
}

#[wasm_bindgen]
extern "C" {
    #[wasm_bindgen(js_name = setTimeout)]
    fn set_timeout(callback: &Function, milliseconds: f64) -> f64;
    #[wasm_bindgen(js_name = clearTimeout)]
    fn clear_timeout(id: f64);
}

impl Timer {
    /// Calls this.
    pub fn new(callback: impl FnMut() + 'static) -> Self {
        let closure: Closure<dyn FnMut()> = Closure::new(callback);
        let callback = closure.as_ref().unchecked_ref::<Function>().clone();
        Self { callback, set: Cell::new(None), _closure: closure }
    }

    /// In so many milliseconds.
    pub fn set(&self, milliseconds: f64) {
        self.clear();
        // A longer one would overflow and fire at once.
        let id = set_timeout(&self.callback, milliseconds.clamp(0.0, 2_000_000_000.0));
        self.set.set(Some(id));
    }

    /// Not any more.
    pub fn clear(&self) {
        if let Some(id) = self.set.take() {
            clear_timeout(id);
        }
    }
}

impl Drop for Timer {
    fn drop(&mut self) {
        self.clear();
    }
}
