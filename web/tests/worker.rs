//! What must hold in a dedicated worker.
#![cfg(target_arch = "wasm32")]

mod contract;

use broker_core::log::storage::{StoreCommand, Ticket};
use broker_web::indexed_db::{Storage, delete_database};
use bytes::Bytes;
use js_sys::Reflect;
use wasm_bindgen::JsValue;
use wasm_bindgen_test::wasm_bindgen_test;

wasm_bindgen_test::wasm_bindgen_test_configure!(run_in_dedicated_worker);

#[wasm_bindgen_test]
async fn a_directory_whose_journal_lay_in_files_does_not_open_without_them() {
    const OPENS: &str = "createSyncAccessHandle";
    delete_database("files").await.expect("deleted");
    let storage = Storage::open("files", |_| {}).await.expect("opens");
    let bytes = vec![Bytes::from_static(b"kept")];
    storage.store(Ticket(0), vec![StoreCommand::Append { file: "a".into(), bytes }]);
    while !storage.is_idle() {
        broker_web::post_message::pause().await;
    }
    storage.close();

    let class = Reflect::get(&js_sys::global(), &"FileSystemFileHandle".into()).expect("a class");
    let prototype = Reflect::get(&class, &"prototype".into()).expect("its methods");
    let opens = Reflect::get(&prototype, &OPENS.into()).expect("a method");
    Reflect::set(&prototype, &OPENS.into(), &JsValue::UNDEFINED).expect("hidden");
    let refused = Storage::open("files", |_| {}).await;
    Reflect::set(&prototype, &OPENS.into(), &opens).expect("shown again");
    assert!(refused.is_err_and(|reason| reason.contains("no files")));
    let storage = Storage::open("files", |_| {}).await.expect("opens");
    assert_eq!(storage.files().len(), 1);
    storage.close();
    delete_database("files").await.expect("deleted");
}
