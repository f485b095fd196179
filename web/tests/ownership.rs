//! Two tabs, as two parts of one page: one owns the cluster, the other waits, asks, and gets it.
#![cfg(target_arch = "wasm32")]

use broker_web::locks;
use broker_web::ownership::Ownership;
use broker_web::post_message::pause;
use std::cell::{Cell, RefCell};
use std::rc::Rc;
use wasm_bindgen_futures::spawn_local;
use wasm_bindgen_test::{wasm_bindgen_test, wasm_bindgen_test_configure};

wasm_bindgen_test_configure!(run_in_browser);

#[wasm_bindgen_test]
async fn the_second_tab_waits_asks_and_gets_it() {
    let asked = Rc::new(Cell::new(false));
    let heard = Rc::clone(&asked);
    let first = Ownership::new(move || heard.set(true));
    let second = Rc::new(Ownership::new(|| panic!("only an owner is asked")));
    assert!(first.try_claim().await);
    assert!(!second.try_claim().await);
    let claimed = Rc::new(Cell::new(false));
    let (waiting, done) = (Rc::clone(&second), Rc::clone(&claimed));
    spawn_local(async move {
        waiting.claim().await;
        done.set(true);
    });
    second.ask();
    while !asked.get() {
        pause().await;
    }
    assert!(!claimed.get(), "asking takes nothing away");
    first.release();
    while !claimed.get() {
        pause().await;
    }
    assert!(!first.try_claim().await);
    second.release();
}

#[wasm_bindgen_test]
async fn locks_are_granted_in_the_order_asked() {
    let order: Rc<RefCell<Vec<u32>>> = Rc::default();
    let first = locks::acquire("order").await;
    for number in 0..3 {
        let order = Rc::clone(&order);
        spawn_local(async move {
            let held = locks::acquire("order").await;
            order.borrow_mut().push(number);
            held.release();
        });
    }
    for _ in 0..10 {
        pause().await;
    }
    assert!(order.borrow().is_empty(), "nothing is granted while it is held");
    first.release();
    while order.borrow().len() < 3 {
        pause().await;
    }
    assert_eq!(*order.borrow(), [0, 1, 2]);
}
