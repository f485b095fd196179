//! All of IndexedDB: the files of a log directory ([`Storage`]), and small values by name ([`Settings`]).
//!
//! One database per entry of `log.dirs`. One write transaction is in flight; whatever is stored meanwhile goes into the next.
//! How files lie in it is decided by [`ChunkIndex`]; this file only carries that out. Where the browser has a [`JournalFile`]
//! for us, the journal lies there, also while a transaction folds it; what needs a chunk, and its share of the journal, goes
//! into a transaction all the same.

use crate::buffers::concat;
use crate::chunk_index::{ChunkIndex, ChunkKey, Fold, Limits, Piece, Plan, Source};
use crate::journal_file::{self, FileRecord, JournalFile, Opening};
use broker_core::log::storage::{FileEntry, FileRange, StoreCommand, Ticket};
use broker_core::sorted::{SortedMap, sort_by_key};
use broker_core::text::Str;
use bytes::Bytes;
use js_sys::{Array, ArrayBuffer, Function, Object, Promise, Reflect, Uint8Array};
use std::cell::{RefCell, RefMut};
use std::collections::VecDeque;
use std::rc::{Rc, Weak};
use wasm_bindgen::prelude::*;
use wasm_bindgen_futures::{JsFuture, spawn_local};
use web_sys::{
    DomException, IdbDatabase, IdbFactory, IdbObjectStore, IdbOpenDbRequest, IdbRequest, IdbTransaction,
    IdbTransactionMode,
};

const CHUNKS: &str = "chunks";
const JOURNAL: &str = "journal";
const SETTINGS: &str = "settings";
const TOO_SHORT: Str = Str::from_static("a chunk is too short");
/// Key in [`JOURNAL`] of the [`FileRecord`].
const FILE: &str = "file";

/// What became of a store or a load.
#[derive(Debug)]
pub enum Completion {
    /// This batch and all before it are durable.
    Stored {
        /// The newest of them.
        ticket: Ticket,
    },
    /// Nothing of this batch and nothing after it is stored, nor will be.
    StoreFailed {
        /// The oldest that failed.
        ticket: Ticket,
        /// The browser's error.
        reason: Str,
    },
    /// A range was read.
    Loaded {
        /// The load.
        ticket: Ticket,
        /// Its bytes.
        bytes: Bytes,
    },
    /// A range could not be read.
    LoadFailed {
        /// The load.
        ticket: Ticket,
        /// The browser's error.
        reason: Str,
    },
    /// Nothing is under way any more: told where what ended last was nobody's.
    Idle,
}

/// The files of one log directory. A clone is the same directory.
#[derive(Clone)]
pub struct Storage(Rc<Shared>);

struct Shared {
    this: Weak<Self>,
    database: IdbDatabase,
    state: RefCell<State>,
    completed: Box<dyn Fn(Completion)>,
    on_complete: Closure<dyn FnMut()>,
    on_abort: Closure<dyn FnMut(JsValue)>,
}

struct State {
    index: ChunkIndex,
    /// The journal's values, until they are folded.
    journal: SortedMap<u64, Bytes>,
    /// Where the journal is a file: that.
    file: Option<JournalFile>,
    record: FileRecord,
    /// Chunks that no file has any more; the next transaction deletes them.
    dead: Vec<ChunkKey>,
    waiting: VecDeque<Work>,
    /// The write transaction in flight, or the last one.
    transaction: Option<IdbTransaction>,
    /// What that is for, while it is in flight.
    writing: Option<Writing>,
    /// The newest ticket that is durable and not told of.
    stored: Option<Ticket>,
    loading: usize,
    failed: Option<Str>,
}

#[derive(Clone, Copy, PartialEq)]
enum Writing {
    /// Batches: the oldest and the newest ticket.
    Group(Ticket, Ticket),
    /// The journal becomes chunks.
    Fold,
    /// What nobody waits for.
    Upkeep,
}

enum Work {
    Store(Ticket, Vec<StoreCommand>),
    Load(Ticket, FileRange),
}

impl Storage {
    /// Opens, or creates, the database of a log directory. `completed` hears of every ticket, sometimes before the call that
    /// asked returns.
    ///
    /// # Errors
    /// The browser's error: storage denied, a damaged database.
    pub async fn open(name: &str, completed: impl Fn(Completion) + 'static) -> Result<Self, Str> {
        let opening = Opening::begin(name);
        let database = match open_database(name, create_directory).await {
            Ok(database) => database,
            Err(reason) => {
                opening.abandon().await;
                return Err(reason);
            }
        };
        let (chunk_keys, mut values, record) = read_database(&database).await?;
        let mut file = None;
        if let Some((opened, found)) = opening.finish(record).await? {
            file = Some(opened);
            values.extend(found);
            sort_by_key(&mut values, |(key, _)| *key);
        }
        let limits = if file.is_some() { Limits::FILE } else { Limits::DATABASE };
        let (index, dead) = ChunkIndex::open(limits, chunk_keys, &values, record.first).map_err(Str::from)?;
        let state = State {
            index,
            journal: values.into_iter().collect(),
            file,
            record,
            dead,
            waiting: VecDeque::new(),
            transaction: None,
            writing: None,
            stored: None,
            loading: 0,
            failed: None,
        };
        let storage = Self(Shared::new(database, state, Box::new(completed)));
        storage.0.tidy()?;
        Ok(storage)
    }

    /// All files, ordered by path.
    pub fn files(&self) -> Vec<FileEntry> {
        self.0.state.borrow().index.entries()
    }

    /// Stores a batch, all or nothing, after all earlier ones.
    pub fn store(&self, ticket: Ticket, commands: Vec<StoreCommand>) {
        self.0.state.borrow_mut().waiting.push_back(Work::Store(ticket, commands));
        self.0.advance();
    }

    /// Reads a range as it is after all batches stored before this.
    pub fn load(&self, ticket: Ticket, range: FileRange) {
        let mut state = self.0.state.borrow_mut();
        let touched = state.waiting.iter().any(|work| match work {
            Work::Store(_, commands) => commands.iter().any(|command| touches(command, &range.file)),
            Work::Load(..) => false,
        });
        if touched {
            state.waiting.push_back(Work::Load(ticket, range));
            return;
        }
        drop(state);
        self.0.start_load(ticket, &range);
    }

    /// True when nothing waits and nothing is in flight.
    pub fn is_idle(&self) -> bool {
        self.0.is_idle()
    }

    /// Lets go of the database; what is in flight still ends.
    pub fn close(&self) {
        if let Some(file) = &self.0.state.borrow().file {
            file.close();
        }
        self.0.database.close();
    }
}

impl Work {
    fn is_store(&self) -> bool {
        matches!(self, Self::Store(..))
    }

    fn needs_chunk(&self, index: &ChunkIndex) -> bool {
        match self {
            Self::Store(_, commands) => commands.iter().any(|command| index.needs_chunk(command)),
            Self::Load(..) => false,
        }
    }
}

impl State {
    /// Takes the first so many batches that wait.
    fn take_stores(&mut self, count: usize) -> Vec<(Ticket, Vec<StoreCommand>)> {
        let store = |work| if let Work::Store(ticket, commands) = work { Some((ticket, commands)) } else { None };
        self.waiting.drain(..count).filter_map(store).collect()
    }

    /// Writes the first so many batches that wait, all of them small, to the journal file.
    fn write_file(&mut self, count: usize) -> Result<(), Str> {
        let group = self.take_stores(count);
        let Some((first, last)) = group.first().zip(group.last()).map(|(first, last)| (first.0, last.0)) else {
            return Ok(());
        };
        let Plan { puts: _, deletes, journal } = self.index.store(group.iter().flat_map(|(_, commands)| commands));
        self.dead.extend(deletes);
        let State { file, journal: values, writing, .. } = self;
        if let (Some((key, slices)), Some(file)) = (journal, file) {
            let value = file.write(key, &slices).inspect_err(|_| *writing = Some(Writing::Group(first, last)))?;
            values.insert(key, value);
        }
        self.stored = Some(last);
        Ok(())
    }
}

fn file_of(command: &StoreCommand) -> &Str {
    match command {
        StoreCommand::Append { file, .. }
        | StoreCommand::Truncate { file, .. }
        | StoreCommand::Replace { file, .. }
        | StoreCommand::Delete { file }
        | StoreCommand::Rename { file, .. } => file,
    }
}

fn touches(command: &StoreCommand, file: &Str) -> bool {
    file_of(command) == file || matches!(command, StoreCommand::Rename { to, .. } if to == file)
}

fn create_directory(database: &IdbDatabase) -> Result<(), JsValue> {
    database.create_object_store(CHUNKS)?;
    database.create_object_store(JOURNAL)?.put_with_key(&FileRecord::new().value(), &FILE.into()).map(drop)
}

fn create_settings(database: &IdbDatabase) -> Result<(), JsValue> {
    database.create_object_store(SETTINGS).map(drop)
}

/// Keys of all chunks, the journal's values, and [`FILE`].
type Read = (Vec<ChunkKey>, Vec<(u64, Bytes)>, FileRecord);

async fn read_database(database: &IdbDatabase) -> Result<Read, Str> {
    let transaction = transaction(database, &[CHUNKS, JOURNAL], IdbTransactionMode::Readonly)?;
    let (chunks, journal) = (store(&transaction, CHUNKS)?, store(&transaction, JOURNAL)?);
    let requests = [chunks.get_all_keys(), journal.get_all_keys(), journal.get_all()];
    let mut results = Vec::new();
    for request in requests {
        results.push(Array::from(&result(&request.map_err(reason)?).await?));
    }
    let chunk_keys = results[0].iter().filter_map(|key| chunk_key(&key)).collect();
    let (mut values, mut record) = (Vec::new(), FileRecord::default());
    for (key, value) in results[1].iter().zip(results[2].iter()) {
        match key.as_f64() {
            Some(key) => values.push((key as u64, Uint8Array::new(&value).to_vec().into())),
            None => record = FileRecord::of(&value).unwrap_or_default(),
        }
    }
    Ok((chunk_keys, values, record))
}

/// Waits for a write transaction.
async fn done(transaction: &IdbTransaction) -> Result<(), Str> {
    let done = Promise::new(&mut |resolve, reject| {
        transaction.set_oncomplete(Some(&resolve));
        transaction.set_onabort(Some(&reject));
    });
    JsFuture::from(done).await.map(drop).map_err(|event| aborted(&event))
}

impl Shared {
    fn new(database: IdbDatabase, state: State, completed: Box<dyn Fn(Completion)>) -> Rc<Self> {
        Rc::new_cyclic(|this: &Weak<Self>| {
            let (complete, abort) = (this.clone(), this.clone());
            Self {
                this: this.clone(),
                database,
                state: RefCell::new(state),
                completed,
                on_complete: Closure::new(move || complete.upgrade().iter().for_each(|this| this.written())),
                on_abort: Closure::new(move |event: JsValue| {
                    let reason = aborted(&event);
                    abort.upgrade().iter().for_each(|this| this.fail(&reason));
                }),
            }
        })
    }

    /// Writes what can be written now, starts the loads that wait for nothing else, and tells of what is done.
    fn advance(&self) {
        match self.write_waiting() {
            Ok(()) => self.tell_stored(),
            Err(reason) => self.fail(&reason),
        }
    }

    fn write_waiting(&self) -> Result<(), Str> {
        loop {
            let mut state = self.state.borrow_mut();
            if let Some(Work::Load(..)) = state.waiting.front() {
                if let Some(Work::Load(ticket, range)) = state.waiting.pop_front() {
                    drop(state);
                    self.start_load(ticket, &range);
                }
                continue;
            }
            if state.waiting.is_empty() {
                return Ok(());
            }
            if let Some(reason) = state.failed.clone() {
                return Err(reason);
            }
            let end = state.waiting.iter().position(|work| !work.is_store()).unwrap_or(state.waiting.len());
            let needs_chunk = state.waiting.iter().take(end).any(|work| work.needs_chunk(&state.index));
            let wants_fold = state.index.wants_fold();
            match state.writing {
                None if wants_fold => self.write_fold(state),
                // A file takes small batches beside a transaction, but none whose tickets come after those in flight.
                None | Some(Writing::Fold | Writing::Upkeep) if !wants_fold && !needs_chunk && state.file.is_some() => {
                    state.write_file(end)
                }
                None => self.write_group(state, end),
                Some(_) => return Ok(()),
            }?;
        }
    }

    /// One transaction of the first so many batches that wait.
    fn write_group(&self, mut state: RefMut<'_, State>, count: usize) -> Result<(), Str> {
        let group = state.take_stores(count);
        let tickets = group.first().zip(group.last()).map(|(first, last)| Writing::Group(first.0, last.0));
        state.writing = tickets;
        let Plan { puts, mut deletes, journal } = state.index.store(group.iter().flat_map(|(_, commands)| commands));
        deletes.append(&mut state.dead);
        let journal = journal.map(|(key, slices)| (key, Bytes::from(slices.concat())));
        if let Some((key, value)) = &journal {
            state.journal.insert(*key, value.clone());
        }
        drop(state);
        let transaction = self.write(|chunks, store| {
            delete_chunks(chunks, &deletes)?;
            for (key, slices) in &puts {
                chunks.put_with_key(&concat(slices).buffer(), &key_value(key)).map_err(reason)?;
            }
            if let Some((key, value)) = &journal {
                let value = Uint8Array::from(&**value).buffer();
                store.put_with_key(&value, &JsValue::from_f64(*key as f64)).map_err(reason)?;
            }
            Ok(())
        })?;
        // Says there is nothing more to come: the browser need not find out by itself.
        transaction.unchecked_ref::<Transaction>().commit().map_err(reason)
    }

    /// Makes chunks of what the journal holds, and empties it.
    fn write_fold(&self, mut state: RefMut<'_, State>) -> Result<(), Str> {
        state.writing = Some(Writing::Fold);
        let Fold { puts, cuts } = state.index.fold();
        let journal = std::mem::take(&mut state.journal);
        let dead = std::mem::take(&mut state.dead);
        state.record.first = state.index.next_order();
        let record = state.record.value();
        if let Some(file) = &mut state.file {
            file.folding();
        }
        drop(state);
        self.write(|chunks, store| {
            store.clear().map_err(reason)?;
            store.put_with_key(&record, &FILE.into()).map_err(reason)?;
            delete_chunks(chunks, &dead)?;
            for (key, pieces) in &puts {
                let value = gather(key.length, pieces, &journal);
                chunks.put_with_key(&value.buffer(), &key_value(key)).map_err(reason)?;
            }
            cuts.iter().try_for_each(|(old, new)| cut(chunks, old, new))
        })
        .map(drop)
    }

    /// Deletes the chunks that no file has, and notes where the journal is a file from now on.
    fn tidy(&self) -> Result<(), Str> {
        let mut state = self.state.borrow_mut();
        let dead = std::mem::take(&mut state.dead);
        let is_new_to_files = state.file.is_some() && !state.record.in_use;
        if dead.is_empty() && !is_new_to_files {
            return Ok(());
        }
        state.record.in_use |= is_new_to_files;
        let record = state.record.value();
        state.writing = Some(Writing::Upkeep);
        drop(state);
        self.write(|chunks, store| {
            delete_chunks(chunks, &dead)?;
            store.put_with_key(&record, &FILE.into()).map(drop).map_err(reason)
        })
        .map(drop)
    }

    /// Opens a write transaction and issues its requests.
    fn write(
        &self,
        requests: impl FnOnce(&IdbObjectStore, &IdbObjectStore) -> Result<(), Str>,
    ) -> Result<IdbTransaction, Str> {
        let mode = IdbTransactionMode::Readwrite;
        let transaction = transaction(&self.database, &[CHUNKS, JOURNAL], mode)?;
        requests(&store(&transaction, CHUNKS)?, &store(&transaction, JOURNAL)?)?;
        transaction.set_oncomplete(Some(self.on_complete.as_ref().unchecked_ref()));
        transaction.set_onabort(Some(self.on_abort.as_ref().unchecked_ref()));
        self.state.borrow_mut().transaction = Some(transaction.clone());
        Ok(transaction)
    }

    fn written(&self) {
        let mut state = self.state.borrow_mut();
        let written = state.writing.take();
        if let (Some(Writing::Fold), Some(file)) = (written, &mut state.file) {
            file.folded();
        }
        if let Some(Writing::Group(_, ticket)) = written {
            state.stored = Some(ticket);
        }
        drop(state);
        // First the next transaction, so that the database does not wait for the node.
        self.advance();
        if matches!(written, Some(Writing::Fold | Writing::Upkeep)) && self.is_idle() {
            (self.completed)(Completion::Idle);
        }
    }

    fn is_idle(&self) -> bool {
        let state = self.state.borrow();
        state.waiting.is_empty() && state.writing.is_none() && state.loading == 0
    }

    /// Tells of what is durable since the last time.
    fn tell_stored(&self) {
        let stored = self.state.borrow_mut().stored.take();
        if let Some(ticket) = stored {
            (self.completed)(Completion::Stored { ticket });
        }
    }

    /// The directory is lost: everything in flight and waiting fails, and so does all that comes.
    fn fail(&self, reason: &Str) {
        self.tell_stored();
        let mut state = self.state.borrow_mut();
        state.failed = Some(reason.clone());
        let mut first = match state.writing.take() {
            Some(Writing::Group(first, _)) => Some(first),
            Some(Writing::Fold | Writing::Upkeep) | None => None,
        };
        let mut loads = Vec::new();
        for work in state.waiting.drain(..) {
            match work {
                Work::Store(ticket, _) => first = first.or(Some(ticket)),
                Work::Load(ticket, _) => loads.push(ticket),
            }
        }
        drop(state);
        if first.is_none() && loads.is_empty() {
            (self.completed)(Completion::Idle);
        }
        if let Some(ticket) = first {
            (self.completed)(Completion::StoreFailed { ticket, reason: reason.clone() });
        }
        for ticket in loads {
            (self.completed)(Completion::LoadFailed { ticket, reason: reason.clone() });
        }
    }

    fn start_load(&self, ticket: Ticket, range: &FileRange) {
        let mut state = self.state.borrow_mut();
        let pieces = state.index.pieces(&range.file, range.range.start, range.range.end);
        let Some(pieces) = pieces else {
            drop(state);
            let reason = Str::from_static("the file has no such bytes");
            return (self.completed)(Completion::LoadFailed { ticket, reason });
        };
        let sources = match self.sources(&pieces, &state.journal) {
            Ok(sources) => sources,
            Err(reason) => {
                drop(state);
                return (self.completed)(Completion::LoadFailed { ticket, reason });
            }
        };
        state.loading += 1;
        let this = self.this.clone();
        spawn_local(async move {
            let loaded = read_pieces(&pieces, sources).await;
            let Some(this) = this.upgrade() else { return };
            this.state.borrow_mut().loading -= 1;
            (this.completed)(match loaded {
                Ok(bytes) => Completion::Loaded { ticket, bytes },
                Err(reason) => Completion::LoadFailed { ticket, reason },
            });
        });
    }

    /// Asks for all pieces that lie in chunks, in one transaction.
    fn sources(&self, pieces: &[Piece], journal: &SortedMap<u64, Bytes>) -> Result<Vec<Wanted>, Str> {
        let mut chunks = None;
        let mut wanted = Vec::new();
        for piece in pieces {
            wanted.push(match &piece.source {
                Source::Journal { value, .. } => {
                    Wanted::Here(journal.get(value).cloned().ok_or(Str::from_static("a journal value is missing"))?)
                }
                Source::Chunk(key) => {
                    if chunks.is_none() {
                        let mode = IdbTransactionMode::Readonly;
                        chunks = Some(store(&transaction(&self.database, &[CHUNKS], mode)?, CHUNKS)?);
                    }
                    let Some(chunks) = &chunks else { continue };
                    Wanted::Asked(chunks.get(&key_value(key)).map_err(reason)?)
                }
            });
        }
        Ok(wanted)
    }
}

impl Drop for Shared {
    fn drop(&mut self) {
        // What is in flight still ends, and there is nobody left to tell.
        if let Some(transaction) = &self.state.borrow().transaction {
            transaction.set_oncomplete(None);
            transaction.set_onabort(None);
        }
    }
}

enum Wanted {
    Here(Bytes),
    Asked(IdbRequest),
}

async fn read_pieces(pieces: &[Piece], wanted: Vec<Wanted>) -> Result<Bytes, Str> {
    let mut bytes = vec![0; pieces.iter().map(|piece| piece.length as usize).sum()];
    let mut rest = bytes.as_mut_slice();
    for (piece, wanted) in pieces.iter().zip(wanted) {
        let (part, after) = rest.split_at_mut(piece.length as usize);
        rest = after;
        let value = match wanted {
            Wanted::Here(value) => {
                part.copy_from_slice(journaled(&value, piece).ok_or(TOO_SHORT)?);
                continue;
            }
            Wanted::Asked(request) => {
                let value = result(&request).await?;
                if !value.is_instance_of::<ArrayBuffer>() {
                    return Err(Str::from_static("a chunk is missing"));
                }
                Uint8Array::new(&value)
            }
        };
        let start = piece.skip as u32;
        let end = start + part.len() as u32;
        if end > value.length() {
            return Err(TOO_SHORT);
        }
        value.subarray(start, end).copy_to(part);
    }
    Ok(bytes.into())
}

/// The bytes of a piece that lies in this value of the journal.
fn journaled<'a>(value: &'a Bytes, piece: &Piece) -> Option<&'a [u8]> {
    let Source::Journal { offset, .. } = piece.source else { return None };
    let start = offset + piece.skip as usize;
    value.get(start..start + piece.length as usize)
}

/// Small values by name: broker properties, client definitions, what the page remembers.
#[derive(Clone)]
pub struct Settings {
    database: IdbDatabase,
}

/// The database of settings, being opened.
pub struct OpeningSettings(Result<Requested, Str>);

impl OpeningSettings {
    /// Waits for it.
    ///
    /// # Errors
    /// The browser's error: storage denied, a damaged database.
    pub async fn finish(self) -> Result<Settings, Str> {
        Ok(Settings { database: self.0?.finish().await? })
    }
}

impl Settings {
    /// Begins to open, or create, the database.
    pub fn begin(name: &str) -> OpeningSettings {
        OpeningSettings(request_database(name, create_settings))
    }

    /// All names with their values, ordered by name.
    pub async fn all(&self) -> Result<Vec<(String, String)>, Str> {
        let transaction = transaction(&self.database, &[SETTINGS], IdbTransactionMode::Readonly)?;
        let settings = store(&transaction, SETTINGS)?;
        let (keys, values) = (settings.get_all_keys().map_err(reason)?, settings.get_all().map_err(reason)?);
        let (keys, values) = (Array::from(&result(&keys).await?), Array::from(&result(&values).await?));
        let pairs = keys.iter().zip(values.iter());
        Ok(pairs.filter_map(|(key, value)| Some((key.as_string()?, value.as_string()?))).collect())
    }

    /// Sets a value, or forgets it.
    pub async fn set(&self, name: &str, value: Option<&str>) -> Result<(), Str> {
        let transaction = transaction(&self.database, &[SETTINGS], IdbTransactionMode::Readwrite)?;
        let settings = store(&transaction, SETTINGS)?;
        match value {
            Some(value) => settings.put_with_key(&value.into(), &name.into()),
            None => settings.delete(&name.into()),
        }
        .map_err(reason)?;
        done(&transaction).await
    }
}

/// Deletes a database; ends when nobody has it open any more and it is gone.
pub async fn delete_database(name: &str) -> Result<(), Str> {
    let request = factory()?.delete_database(name).map_err(reason)?;
    result(&request).await?;
    journal_file::delete(name).await;
    Ok(())
}

fn factory() -> Result<IdbFactory, Str> {
    let denied = || Str::from_static("this browser gives the page no IndexedDB");
    let factory = Reflect::get(&js_sys::global(), &"indexedDB".into()).map_err(reason)?;
    factory.dyn_into().map_err(|_| denied())
}

async fn open_database(name: &str, create: fn(&IdbDatabase) -> Result<(), JsValue>) -> Result<IdbDatabase, Str> {
    request_database(name, create)?.finish().await
}

/// A database asked for.
struct Requested {
    request: IdbOpenDbRequest,
    answered: Promise,
    _create: Closure<dyn FnMut() -> Result<(), JsValue>>,
}

/// Asks for a database; `create` makes the object stores of a new one.
fn request_database(name: &str, create: fn(&IdbDatabase) -> Result<(), JsValue>) -> Result<Requested, Str> {
    let request: IdbOpenDbRequest = factory()?.open_with_u32(name, 1).map_err(reason)?;
    let upgraded = request.clone();
    let create: Closure<dyn FnMut() -> Result<(), JsValue>> =
        Closure::new(move || create(upgraded.result()?.unchecked_ref()));
    request.set_onupgradeneeded(Some(create.as_ref().unchecked_ref()));
    Ok(Requested { answered: answered(&request), request, _create: create })
}

impl Requested {
    async fn finish(self) -> Result<IdbDatabase, Str> {
        let database: IdbDatabase = answer(&self.request, self.answered).await?.unchecked_into();
        // Somebody wants to delete it ("Start over"): let go, later writes fail.
        let held = database.clone();
        let let_go = Closure::once_into_js(move || held.close());
        database.set_onversionchange(Some(let_go.unchecked_ref()));
        Ok(database)
    }
}

/// Waits for a request made just now.
async fn result(request: &IdbRequest) -> Result<JsValue, Str> {
    answer(request, answered(request)).await
}

/// Settles with the request. An answer that came before somebody asked for this is missed.
fn answered(request: &IdbRequest) -> Promise {
    Promise::new(&mut |resolve: Function, reject: Function| {
        request.set_onsuccess(Some(&resolve));
        request.set_onerror(Some(&reject));
    })
}

async fn answer(request: &IdbRequest, answered: Promise) -> Result<JsValue, Str> {
    match JsFuture::from(answered).await {
        Ok(_) => request.result().map_err(reason),
        Err(_) => {
            Err(request.error().ok().flatten().map_or(Str::from_static("the request failed"), |error| named(&error)))
        }
    }
}

#[wasm_bindgen]
extern "C" {
    /// What web-sys holds back as unstable, though every browser has it.
    #[wasm_bindgen(extends = IdbDatabase)]
    type Database;
    #[wasm_bindgen(method, catch)]
    fn transaction(
        this: &Database,
        stores: &Array,
        mode: IdbTransactionMode,
        options: &JsValue,
    ) -> Result<IdbTransaction, JsValue>;
    #[wasm_bindgen(extends = IdbTransaction)]
    type Transaction;
    #[wasm_bindgen(method, catch)]
    fn commit(this: &Transaction) -> Result<(), JsValue>;
}

fn transaction(database: &IdbDatabase, stores: &[&str], mode: IdbTransactionMode) -> Result<IdbTransaction, Str> {
    let names: Array = stores.iter().map(|store| JsValue::from_str(store)).collect();
    let options = Object::new();
    Reflect::set(&options, &"durability".into(), &"relaxed".into()).map_err(reason)?;
    database.unchecked_ref::<Database>().transaction(&names, mode, &options).map_err(reason)
}

fn store(transaction: &IdbTransaction, name: &str) -> Result<IdbObjectStore, Str> {
    transaction.object_store(name).map_err(reason)
}

fn delete_chunks(chunks: &IdbObjectStore, keys: &[ChunkKey]) -> Result<(), Str> {
    keys.iter().try_for_each(|key| chunks.delete(&key_value(key)).map(drop).map_err(reason))
}

/// Writes a chunk anew, shortened, under its new key.
fn cut(chunks: &IdbObjectStore, old: &ChunkKey, new: &ChunkKey) -> Result<(), Str> {
    let request = chunks.get(&key_value(old)).map_err(reason)?;
    chunks.delete(&key_value(old)).map_err(reason)?;
    let (read, length, key, chunks) = (request.clone(), new.length as u32, key_value(new), chunks.clone());
    let rewrite = Closure::once_into_js(move || -> Result<(), JsValue> {
        // What throws here aborts the transaction.
        let value: ArrayBuffer = read.result()?.dyn_into()?;
        chunks.put_with_key(&value.slice_with_end(0, length), &key).map(drop)
    });
    request.set_onsuccess(Some(rewrite.unchecked_ref()));
    Ok(())
}

/// What pieces of the journal come to, put together here: each call into JavaScript costs.
fn gather(length: u64, pieces: &[Piece], journal: &SortedMap<u64, Bytes>) -> Uint8Array {
    let mut gathered = Vec::with_capacity(length as usize);
    for piece in pieces {
        let Source::Journal { value, .. } = &piece.source else { continue };
        gathered.extend_from_slice(journal.get(value).and_then(|value| journaled(value, piece)).unwrap_or_default());
    }
    Uint8Array::from(gathered.as_slice())
}

fn key_value(key: &ChunkKey) -> JsValue {
    let number = |number: u64| JsValue::from_f64(number as f64);
    Array::of4(&JsValue::from_str(&key.file), &number(key.position), &number(key.length), &number(key.order)).into()
}

fn chunk_key(value: &JsValue) -> Option<ChunkKey> {
    let parts = value.dyn_ref::<Array>()?;
    let number = |index| parts.get(index).as_f64().map(|number| number as u64);
    Some(ChunkKey { file: parts.get(0).as_string()?, position: number(1)?, length: number(2)?, order: number(3)? })
}

/// The words for something thrown.
#[expect(clippy::needless_pass_by_value, reason = "shaped for map_err")]
pub(crate) fn reason(thrown: JsValue) -> Str {
    match thrown.dyn_ref::<DomException>() {
        Some(exception) => named(exception),
        None => Str::from(format!("{thrown:?}")),
    }
}

fn named(exception: &DomException) -> Str {
    Str::from(format!("{}: {}", exception.name(), exception.message()))
}

/// Why a transaction was aborted, from its event.
fn aborted(event: &JsValue) -> Str {
    let error = Reflect::get(event, &"target".into()).ok().and_then(|target| target.dyn_into::<IdbTransaction>().ok());
    let error = error.and_then(|transaction| transaction.error());
    error.map_or(Str::from_static("the transaction was aborted"), |error| named(&error))
}
