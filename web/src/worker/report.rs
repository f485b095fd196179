//! What every worker tells its page.

use crate::bridge::pack;
use crate::post_message::post_to_page;
use serde::Serialize;

/// Tells the page.
pub fn report<T: Serialize>(said: T) {
    post_to_page(&pack(&said));
}

/// A panic ends the worker in the midst of a task: the page hears of it first.
pub fn report_panics<T: Serialize + 'static>(panicked: fn(String) -> T) {
    std::panic::set_hook(Box::new(move |info| {
        console_error_panic_hook::hook(info);
        report(panicked(info.to_string()));
    }));
}
