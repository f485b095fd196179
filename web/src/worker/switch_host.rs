//! The switch worker: ports, timers and the clock around [`Switch`].

use super::link::{Endpoint, FromSwitch, ToSwitch, pack, unpack};
use super::switch::{Frame, Switch};
use crate::bridge::{SwitchCommand, SwitchReport};
use crate::clock::{Clock, LEASE_INTERVAL, Lease, host_us, real_ms};
use crate::post_message::{Port, Timer};
use broker_core::sorted::SortedMap;
use broker_core::time::{Duration, Instant};
use js_sys::{ArrayBuffer, Uint8Array};
use std::cell::RefCell;
use std::rc::{Rc, Weak};
use web_sys::MessagePort;

impl Frame for ArrayBuffer {
    fn size(&self) -> u32 {
        self.byte_length()
    }

    fn read(&self, at: u32, into: &mut [u8]) {
        let length = self.byte_length().saturating_sub(at).min(into.len() as u32);
        into[length as usize..].fill(0);
        if length > 0 {
            Uint8Array::new_with_byte_offset_and_length(self, at, length).copy_to(&mut into[..length as usize]);
        }
    }
}

/// How many leases go by between two reports of the time to the page.
const LEASES_A_REPORT: u32 = 20;

/// The switch and its ports.
pub struct SwitchHost {
    this: Weak<Self>,
    state: RefCell<State>,
    lease_timer: Timer,
    link_timer: Timer,
    report: Box<dyn Fn(SwitchReport)>,
}

struct State {
    switch: Switch<ArrayBuffer>,
    attached: SortedMap<Endpoint, Attached>,
    clock: Clock,
    leases: u32,
}

struct Attached {
    incarnation: u64,
    port: Rc<Port>,
}

impl SwitchHost {
    /// Starts the clock. `report` tells the page.
    pub fn start(floor: Lease, report: impl Fn(SwitchReport) + 'static) -> Rc<Self> {
        let host = Rc::new_cyclic(|this: &Weak<Self>| {
            let (leasing, linking) = (this.clone(), this.clone());
            Self {
                this: this.clone(),
                state: RefCell::new(State {
                    switch: Switch::default(),
                    attached: SortedMap::new(),
                    clock: Clock::starting(real_ms(), floor, host_us()),
                    leases: 0,
                }),
                lease_timer: Timer::new(move || leasing.upgrade().iter().for_each(|this| this.lease())),
                link_timer: Timer::new(move || linking.upgrade().iter().for_each(|this| this.tick())),
                report: Box::new(report),
            }
        });
        host.lease();
        host
    }

    /// Carries out what the page says; the port comes with [`SwitchCommand::Attach`].
    pub fn command(&self, command: &SwitchCommand, port: Option<MessagePort>) {
        let now = self.now();
        match *command {
            SwitchCommand::Attach { endpoint, incarnation } => {
                if let Some(port) = port {
                    self.attach(endpoint, incarnation, port);
                }
            }
            SwitchCommand::Detach { endpoint, incarnation } => {
                let mut state = self.state.borrow_mut();
                if state.attached.get(&endpoint).is_some_and(|attached| attached.incarnation == incarnation) {
                    state.attached.remove(&endpoint);
                    state.switch.gone(now, endpoint);
                }
            }
            SwitchCommand::Cut { from, to, cut } => self.state.borrow_mut().switch.set_cut(now, from, to, cut),
            SwitchCommand::Delay { from, to, micros } => {
                self.state.borrow_mut().switch.set_delay(from, to, Duration::from_micros(micros));
            }
            SwitchCommand::Rate(rate) => {
                self.state.borrow_mut().clock.set_rate(rate, host_us());
                self.lease();
            }
            SwitchCommand::Step(micros) => {
                self.state.borrow_mut().clock.step(Duration::from_micros(micros), host_us());
                self.lease();
                self.tick();
            }
            SwitchCommand::TakeSeen => {
                let seen = self.state.borrow_mut().switch.capture.take();
                (self.report)(SwitchReport::Seen(seen));
            }
        }
        self.deliver();
    }

    fn attach(&self, endpoint: Endpoint, incarnation: u64, port: MessagePort) {
        let this = self.this.clone();
        let port = Port::new(port, move |packed, frames| {
            if let Some(this) = this.upgrade() {
                this.says(endpoint, incarnation, &packed, &frames);
            }
        });
        let now = self.now();
        let mut state = self.state.borrow_mut();
        // A worker that comes back before its end was told of.
        state.switch.gone(now, endpoint);
        let lease = state.clock.lease(real_ms(), host_us());
        port.post(&pack(&[FromSwitch::Lease(lease)]), &[]);
        state.attached.insert(endpoint, Attached { incarnation, port: Rc::new(port) });
    }

    fn says(&self, from: Endpoint, incarnation: u64, packed: &[u8], frames: &[ArrayBuffer]) {
        let now = self.now();
        let mut state = self.state.borrow_mut();
        if state.attached.get(&from).is_none_or(|attached| attached.incarnation != incarnation) {
            return;
        }
        let mut frames = frames.iter().cloned();
        for message in unpack(packed) {
            let frame = if matches!(message, ToSwitch::Send { .. }) { frames.next() } else { None };
            state.switch.handle(now, from, message, frame);
        }
        drop(state);
        self.deliver();
    }

    /// Posts what is to be delivered, one message a worker, and sets the timer of slow links.
    fn deliver(&self) {
        let mut posts: SortedMap<Endpoint, (Vec<FromSwitch>, Vec<ArrayBuffer>)> = SortedMap::new();
        let mut state = self.state.borrow_mut();
        while let Some(delivery) = state.switch.poll_delivery() {
            let (messages, frames) = posts.entry(delivery.to).or_default();
            messages.push(delivery.message);
            frames.extend(delivery.frame);
        }
        for (to, (messages, frames)) in posts {
            if let Some(attached) = state.attached.get(&to) {
                attached.port.post(&pack(&messages), &frames);
            }
        }
        let deadline = state.switch.next_deadline();
        let now = state.clock.now(host_us());
        let delay = deadline.and_then(|deadline| state.clock.delay(now, deadline));
        drop(state);
        match delay {
            Some(delay) => self.link_timer.set(delay.as_secs_f64() * 1000.0),
            None => self.link_timer.clear(),
        }
    }

    fn tick(&self) {
        let now = self.now();
        self.state.borrow_mut().switch.tick(now);
        self.deliver();
    }

    /// Sends every worker the time.
    fn lease(&self) {
        let mut state = self.state.borrow_mut();
        let lease = state.clock.lease(real_ms(), host_us());
        let packed = pack(&[FromSwitch::Lease(lease)]);
        for attached in state.attached.values() {
            attached.port.post(&packed, &[]);
        }
        state.leases += 1;
        let report = state.leases % LEASES_A_REPORT == 1;
        drop(state);
        if report {
            (self.report)(SwitchReport::Time(lease));
        }
        self.lease_timer.set(LEASE_INTERVAL.as_millis() as f64);
    }

    fn now(&self) -> Instant {
        self.state.borrow_mut().clock.now(host_us()).monotonic
    }
}
