//! Web Locks: one per log directory, as Kafka's `.lock` file, and one for the page that owns the cluster. Never stolen.

use js_sys::{Function, Object, Promise, Reflect};
use wasm_bindgen::prelude::*;
use wasm_bindgen_futures::JsFuture;

/// A lock held until it is released, or until its page or worker ends.
pub struct Held {
    /// Resolves the promise the lock manager waits for; `None` where this browser has no locks.
    release: Option<Function>,
}

impl Held {
    /// Lets others have it.
    pub fn release(self) {
        if let Some(release) = self.release {
            let _ = release.call0(&JsValue::NULL);
        }
    }
}

/// Waits for a lock. Where the page may have none (an old browser, a sandboxed frame) it is granted at once.
pub async fn acquire(name: &str) -> Held {
    match request(name, false).await {
        Ok(Some(held)) => held,
        Ok(None) | Err(_) => Held { release: None },
    }
}

/// Takes a lock if nobody has it; `None` where somebody does.
pub async fn try_acquire(name: &str) -> Option<Held> {
    match request(name, true).await {
        Ok(held) => held,
        Err(_) => Some(Held { release: None }),
    }
}

#[wasm_bindgen]
extern "C" {
    /// `LockManager`, which web-sys holds back as unstable.
    type Locks;
    #[wasm_bindgen(method, catch)]
    fn request(this: &Locks, name: &str, options: &JsValue, granted: &Function) -> Result<Promise, JsValue>;
}

/// The lock manager calls back when the lock is granted (or, for `if_available`, with null), and holds it until the promise we
/// return resolves.
async fn request(name: &str, if_available: bool) -> Result<Option<Held>, JsValue> {
    let navigator = Reflect::get(&js_sys::global(), &"navigator".into())?;
    let locks: Locks = Reflect::get(&navigator, &"locks".into())?.unchecked_into();
    if locks.is_undefined() {
        return Err("no locks".into());
    }
    let options = Object::new();
    Reflect::set(&options, &"ifAvailable".into(), &if_available.into())?;
    let mut asked = Ok(());
    let answered = Promise::new(&mut |resolve: Function, reject: Function| {
        let granted = Closure::once_into_js(move |lock: JsValue| -> JsValue {
            if lock.is_null() {
                let _ = resolve.call1(&JsValue::NULL, &JsValue::NULL);
                return JsValue::UNDEFINED;
            }
            let mut release = JsValue::NULL;
            let held = Promise::new(&mut |done: Function, _| release = done.into());
            let _ = resolve.call1(&JsValue::NULL, &release);
            held.into()
        });
        asked = locks.request(name, &options, granted.unchecked_ref()).map(|promise| {
            // A denied lock rejects this promise and never calls back.
            let failed = Closure::once_into_js(move |error: JsValue| drop(reject.call1(&JsValue::NULL, &error)));
            let _ = promise.unchecked_ref::<Catching>().catch_with(failed.unchecked_ref());
        });
    });
    asked?;
    let release = JsFuture::from(answered).await?;
    Ok((!release.is_null()).then(|| Held { release: Some(release.unchecked_into()) }))
}

#[wasm_bindgen]
extern "C" {
    /// A promise whose `catch` takes any function.
    type Catching;
    #[wasm_bindgen(method, js_name = catch)]
    fn catch_with(this: &Catching, function: &Function) -> Promise;
}
