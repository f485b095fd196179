//! What a disk must do, as a table of cases: each runs against the in-memory disk, which the simulator uses, and against
//! IndexedDB. The same file is part of the tests in the page and of those in a dedicated worker.

use broker_core::log::memory_disk::MemoryDisk;
use broker_core::log::storage::{FileEntry, FileRange, StoreCommand, Ticket};
use broker_web::indexed_db::{Completion, Settings, Storage, delete_database};
use bytes::Bytes;
use std::cell::RefCell;
use std::collections::VecDeque;
use std::rc::Rc;
use wasm_bindgen::JsValue;
use wasm_bindgen_futures::JsFuture;
use wasm_bindgen_test::wasm_bindgen_test;

#[derive(Clone)]
enum Step {
    /// One batch.
    Store(Vec<StoreCommand>),
    /// A range of the file, also where nothing was awaited since the last store.
    Load(&'static str, u64, u64),
    /// Waits for everything, closes, opens: what is not durable is gone.
    Reopen,
}

use Step::{Load, Reopen, Store};

fn append(file: &str, fill: u8, bytes: usize) -> StoreCommand {
    StoreCommand::Append { file: file.into(), bytes: vec![Bytes::from(vec![fill; bytes])] }
}

fn slices(file: &str, count: usize, bytes: usize) -> StoreCommand {
    let bytes = (0..count).map(|index| Bytes::from(vec![index as u8; bytes])).collect();
    StoreCommand::Append { file: file.into(), bytes }
}

fn truncate(file: &str, length: u64) -> StoreCommand {
    StoreCommand::Truncate { file: file.into(), length }
}

fn replace(file: &str, content: &'static [u8]) -> StoreCommand {
    StoreCommand::Replace { file: file.into(), bytes: Bytes::from_static(content) }
}

fn delete(file: &str) -> StoreCommand {
    StoreCommand::Delete { file: file.into() }
}

const LARGE: usize = 100 * 1024;

fn cases() -> Vec<(&'static str, Vec<Step>)> {
    vec![
        ("an empty directory", vec![Reopen]),
        (
            "small appends",
            vec![
                Store(vec![append("a", 1, 10)]),
                Store(vec![append("a", 2, 10), append("b", 3, 5)]),
                Load("a", 5, 15),
                Reopen,
                Load("a", 0, 20),
                Load("b", 0, 5),
            ],
        ),
        (
            "an append of many slices",
            vec![
                Store(vec![slices("a", 50, 7), slices("a", 3, LARGE)]),
                Load("a", 340, 360),
                Reopen,
                Load("a", 0, 350 + 3 * LARGE as u64),
            ],
        ),
        (
            "large appends between small ones",
            vec![
                Store(vec![append("a", 1, 10), append("a", 2, LARGE), append("a", 3, 10)]),
                Store(vec![append("a", 4, LARGE)]),
                Load("a", 0, 20 + 2 * LARGE as u64),
                Reopen,
                Load("a", 5, LARGE as u64 + 15),
            ],
        ),
        (
            "an empty file",
            vec![
                Store(vec![append("a", 0, 0)]),
                Reopen,
                Load("a", 0, 0),
                Store(vec![append("a", 1, 3)]),
                Reopen,
                Load("a", 0, 3),
            ],
        ),
        ("a range past the end", vec![Store(vec![append("a", 1, 10)]), Load("a", 5, 11), Load("b", 0, 1)]),
        (
            "truncation within the journal",
            vec![
                Store(vec![append("a", 1, 10), truncate("a", 4), append("a", 2, 2)]),
                Load("a", 0, 6),
                Reopen,
                Load("a", 0, 6),
            ],
        ),
        (
            "truncation within a chunk, then more",
            vec![
                Store(vec![append("a", 1, LARGE)]),
                Store(vec![truncate("a", 100)]),
                Store(vec![append("a", 2, LARGE)]),
                Load("a", 90, 110),
                Reopen,
                Store(vec![truncate("a", 50)]),
                Reopen,
                Load("a", 0, 50),
            ],
        ),
        (
            "truncation to nothing",
            vec![
                Store(vec![append("a", 1, LARGE), append("a", 1, 10)]),
                Store(vec![truncate("a", 0)]),
                Reopen,
                Store(vec![append("a", 2, 1)]),
                Load("a", 0, 1),
            ],
        ),
        (
            "replacing",
            vec![
                Store(vec![replace("a", b"one")]),
                Store(vec![append("a", 9, LARGE)]),
                Store(vec![replace("a", b"three")]),
                Load("a", 0, 5),
                Reopen,
                Load("a", 0, 5),
            ],
        ),
        (
            "deleting and creating again",
            vec![
                Store(vec![append("a", 1, LARGE), append("b", 1, 1)]),
                Store(vec![delete("a"), delete("c"), append("a", 2, 5)]),
                Load("a", 0, 5),
                Reopen,
                Load("a", 0, 5),
                Store(vec![delete("a"), delete("b")]),
                Reopen,
            ],
        ),
        (
            "a load sees what was stored before it and nothing later",
            vec![
                Store(vec![append("a", 1, LARGE)]),
                Store(vec![append("a", 2, 10)]),
                Load("a", 0, 10 + LARGE as u64),
                Store(vec![truncate("a", 5)]),
                Load("a", 0, 5),
                Store(vec![delete("a")]),
                Load("a", 0, 1),
            ],
        ),
        ("more than the journal holds", fill_journal()),
    ]
}

/// Over a mebibyte of small appends and cuts: the journal is folded, several times.
fn fill_journal() -> Vec<Step> {
    let mut steps = vec![Store(vec![append("big", 7, LARGE), append("empty", 0, 0)])];
    for round in 0..60_u8 {
        let mut batch: Vec<StoreCommand> = (0..4).map(|file| append(&format!("file-{file}"), round, 10_000)).collect();
        if round % 7 == 3 {
            batch.push(truncate("file-1", u64::from(round) * 1000));
            batch.push(truncate("big", LARGE as u64 - u64::from(round) * 100));
        }
        if round % 20 == 11 {
            batch.push(delete("file-2"));
        }
        steps.push(Store(batch));
        steps.push(Load("file-0", u64::from(round) * 5000, u64::from(round) * 10_000));
        if round % 25 == 24 {
            steps.push(Reopen);
        }
    }
    steps.extend([Load("big", 10, 1000), Load("file-3", 0, 600_000), Reopen, Load("file-3", 0, 600_000)]);
    steps
}

/// An opened directory and what it completed.
struct Directory {
    storage: Storage,
    completions: Rc<RefCell<VecDeque<Completion>>>,
}

impl Directory {
    async fn open(name: &str) -> Self {
        let completions = Rc::new(RefCell::new(VecDeque::new()));
        let heard = Rc::clone(&completions);
        let storage = Storage::open(name, move |completion| heard.borrow_mut().push_back(completion)).await;
        Self { storage: storage.expect("storage opens"), completions }
    }

    async fn idle(&self) {
        while !self.storage.is_idle() {
            pause().await;
        }
    }
}

/// Lets other tasks run.
async fn pause() {
    let channel = web_sys::MessageChannel::new().expect("a channel");
    let posted = js_sys::Promise::new(&mut |resolve, _| {
        channel.port1().set_onmessage(Some(&resolve));
        channel.port2().post_message(&JsValue::NULL).expect("posted");
    });
    JsFuture::from(posted).await.expect("delivered");
    channel.port1().close();
}

fn listing(disk: &MemoryDisk) -> Vec<FileEntry> {
    disk.listing("d").files
}

async fn run_case(name: &str, steps: &[Step]) {
    let database = format!("contract {name}");
    delete_database(&database).await.expect("deleted");
    let mut memory = MemoryDisk::default();
    let mut directory = Directory::open(&database).await;
    let (mut stores, mut loads) = (0, 0);
    let mut expected: Vec<Option<Bytes>> = Vec::new();
    let mut loaded: Vec<(u64, Option<Bytes>)> = Vec::new();
    for step in steps {
        match step.clone() {
            Store(commands) => {
                memory.apply(&commands);
                directory.storage.store(Ticket(stores), commands);
                stores += 1;
            }
            Load(file, from, to) => {
                let range = FileRange { file: file.into(), range: from..to };
                expected.push(memory.read(&range));
                directory.storage.load(Ticket(loads), range);
                loads += 1;
            }
            Reopen => {
                directory.idle().await;
                finish(name, &directory, stores, &mut loaded);
                directory.storage.close();
                directory = Directory::open(&database).await;
                assert_eq!(directory.storage.files(), listing(&memory), "{name}: files after opening again");
                stores = 0;
            }
        }
    }
    directory.idle().await;
    finish(name, &directory, stores, &mut loaded);
    assert_eq!(directory.storage.files(), listing(&memory), "{name}: files at the end");
    loaded.sort_by_key(|(ticket, _)| *ticket);
    let loaded: Vec<Option<Bytes>> = loaded.into_iter().map(|(_, bytes)| bytes).collect();
    assert_eq!(loaded.len(), expected.len(), "{name}: every load is answered");
    for (index, (loaded, expected)) in loaded.iter().zip(&expected).enumerate() {
        assert!(loaded == expected, "{name}: load {index} differs");
    }
    directory.storage.close();
    delete_database(&database).await.expect("deleted");
}

/// Takes completions; tickets of stores must rise, and the last be answered.
fn finish(name: &str, directory: &Directory, stores: u64, loaded: &mut Vec<(u64, Option<Bytes>)>) {
    let mut newest = None;
    for completion in directory.completions.borrow_mut().drain(..) {
        match completion {
            Completion::Stored { ticket } => {
                assert!(newest < Some(ticket.0), "{name}: tickets rise");
                newest = Some(ticket.0);
            }
            Completion::StoreFailed { reason, .. } => panic!("{name}: {reason}"),
            Completion::Loaded { ticket, bytes } => loaded.push((ticket.0, Some(bytes))),
            Completion::LoadFailed { ticket, .. } => loaded.push((ticket.0, None)),
            Completion::Idle => {}
        }
    }
    assert_eq!(newest, stores.checked_sub(1), "{name}: every batch is answered");
}

#[wasm_bindgen_test]
async fn indexed_db_does_what_the_memory_disk_does() {
    for (name, steps) in cases() {
        run_case(name, &steps).await;
    }
}

#[wasm_bindgen_test]
async fn a_directory_whose_database_is_gone_fails_from_the_first_batch_on() {
    delete_database("gone").await.expect("deleted");
    let directory = Directory::open("gone").await;
    directory.storage.close();
    for ticket in 0..3 {
        directory.storage.store(Ticket(ticket), vec![append("a", 1, 1)]);
    }
    let failed: Vec<u64> = directory
        .completions
        .borrow_mut()
        .drain(..)
        .map(|completion| match completion {
            Completion::StoreFailed { ticket, reason } if !reason.is_empty() => ticket.0,
            other => panic!("{other:?}"),
        })
        .collect();
    assert_eq!(failed, [0, 1, 2]);
}

#[wasm_bindgen_test]
async fn whoever_waits_until_nothing_is_under_way_is_told() {
    delete_database("idle").await.expect("deleted");
    let (slot, was_idle) = (Rc::new(RefCell::new(None::<Storage>)), Rc::new(RefCell::new(false)));
    let (seen, told) = (Rc::clone(&slot), Rc::clone(&was_idle));
    let completed = move |_| *told.borrow_mut() = seen.borrow().as_ref().is_some_and(Storage::is_idle);
    let storage = Storage::open("idle", completed).await.expect("opens");
    *slot.borrow_mut() = Some(storage.clone());
    let mut busy = 0;
    // Several journals full: folded, while or after the last batch is stored.
    for ticket in 0..300 {
        storage.store(Ticket(ticket), vec![append("a", 1, 40_000)]);
        while !storage.is_idle() {
            busy += 1;
            pause().await;
        }
        assert!(*was_idle.borrow(), "batch {ticket}");
    }
    assert!(busy > 0, "nothing was ever under way");
    *slot.borrow_mut() = None;
    storage.close();
    delete_database("idle").await.expect("deleted");
}

#[wasm_bindgen_test]
async fn settings_stay() {
    delete_database("settings").await.expect("deleted");
    let settings = Settings::begin("settings").finish().await.expect("opens");
    settings.set("b", Some("2")).await.expect("set");
    settings.set("a", Some("1")).await.expect("set");
    settings.set("b", Some("3")).await.expect("set");
    settings.set("c", Some("4")).await.expect("set");
    settings.set("c", None).await.expect("forgotten");
    let all = settings.all().await.expect("read");
    assert_eq!(all, [("a".to_owned(), "1".to_owned()), ("b".to_owned(), "3".to_owned())]);
}
