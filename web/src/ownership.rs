//! Which tab owns the cluster: one at a time, by a Web Lock that is never stolen. Another tab waits for it, and may ask the
//! owner to let go.

use crate::locks::{self, Held};
use crate::post_message::Broadcast;
use std::cell::RefCell;
use std::rc::Rc;

const LOCK: &str = "broker playground";
const ASK: &str = "let go";

/// This tab's part in it.
pub struct Ownership {
    held: Rc<RefCell<Option<Held>>>,
    broadcast: Option<Broadcast>,
}

impl Ownership {
    /// Takes part. `asked` is called when another tab wants what this one owns: end the workers, then
    /// [`Ownership::release`].
    pub fn new(asked: impl Fn() + 'static) -> Self {
        let held: Rc<RefCell<Option<Held>>> = Rc::default();
        let owned = Rc::clone(&held);
        let broadcast = Broadcast::new(LOCK, move |message| {
            if message == ASK && owned.borrow().is_some() {
                asked();
            }
        });
        // Without a channel (an old browser) a tab must be closed by hand.
        Self { held, broadcast: broadcast.ok() }
    }

    /// Becomes the owner if nobody is; true if so.
    pub async fn try_claim(&self) -> bool {
        let held = locks::try_acquire(LOCK).await;
        let owner = held.is_some();
        *self.held.borrow_mut() = held;
        owner
    }

    /// Waits until no other tab is the owner, and becomes it.
    pub async fn claim(&self) {
        let held = locks::acquire(LOCK).await;
        *self.held.borrow_mut() = Some(held);
    }

    /// Asks the owner to let go.
    pub fn ask(&self) {
        if let Some(broadcast) = &self.broadcast {
            let _ = broadcast.post(ASK);
        }
    }

    /// Lets another tab have it.
    pub fn release(&self) {
        if let Some(held) = self.held.take() {
            held.release();
        }
    }
}
