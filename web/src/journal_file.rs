//! All of the origin private file system: the journal of a log directory, where the browser gives its worker files that are
//! written at once. A write there takes microseconds, a transaction of IndexedDB milliseconds; what survives is the same.

use crate::indexed_db::reason;
use crate::journal_frames::{self, TwoFiles};
use crate::post_message::pause;
use broker_core::sorted::sort_by_key;
use broker_core::text::Str;
use bytes::Bytes;
use js_sys::{Array, Object, Promise, Reflect};
use wasm_bindgen::prelude::*;
use wasm_bindgen_futures::{JsFuture, future_to_promise};
use web_sys::DomException;

/// The folder of all journals.
const FOLDER: &str = "journals";
/// How often a file is asked for that somebody still has open, some seconds in all: a worker that ended lets go soon after
/// (1 to 11 ms were seen), not at once.
const ATTEMPTS: u32 = 20_000;

/// Whole numbers below this are exact in JavaScript.
const MAX_SAFE: f64 = 9_007_199_254_740_992.0;

/// What a database knows of its journal's files.
#[derive(Clone, Copy, Debug, Default)]
pub struct FileRecord {
    /// The database's own number: frames of another are not its.
    pub identity: u64,
    /// The key from which on frames count; those before are folded.
    pub first: u64,
    /// The files were in use: without them the directory cannot be read.
    pub in_use: bool,
}

impl FileRecord {
    /// A new database's.
    pub fn new() -> Self {
        Self { identity: (js_sys::Math::random() * MAX_SAFE) as u64, ..Self::default() }
    }

    /// As it is stored.
    pub fn value(self) -> JsValue {
        let number = |number: u64| JsValue::from_f64(number as f64);
        Array::of3(&number(self.identity), &number(self.first), &self.in_use.into()).into()
    }

    /// What was stored; `None` where it is none of these.
    pub fn of(value: &JsValue) -> Option<Self> {
        let parts = value.dyn_ref::<Array>()?;
        let number = |index| parts.get(index).as_f64().map(|number| number as u64);
        Some(Self { identity: number(0)?, first: number(1)?, in_use: parts.get(2).is_truthy() })
    }
}

/// The two files of a journal, being opened. Resolves with the handles, or with what was thrown: nobody may ever ask.
pub struct Opening(Promise);

/// The two files of a journal.
pub struct JournalFile {
    handles: [SyncAccessHandle; 2],
    files: TwoFiles,
    identity: u64,
    at: At,
}

impl Opening {
    /// Begins to open, or create, the journal of a database.
    pub fn begin(database: &str) -> Self {
        let database = database.to_owned();
        Self(future_to_promise(async move { Ok(open_files(&database).await.unwrap_or_else(|thrown| thrown)) }))
    }

    /// Lets go of the files again.
    pub async fn abandon(self) {
        if let Ok(handles) = self.handles().await {
            handles.iter().for_each(SyncAccessHandle::close);
        }
    }

    async fn handles(self) -> Result<[SyncAccessHandle; 2], JsValue> {
        let opened = JsFuture::from(self.0).await?;
        let handles = opened.dyn_into::<Array>()?;
        Ok([0, 1].map(|index| handles.get(index).unchecked_into()))
    }

    /// The journal, and its values that count; `None` where this browser, or the page, has no such files.
    ///
    /// # Errors
    /// The browser's error where it has them, and yet these cannot be read; and where it has none any more, but they were
    /// in use: what they hold would be lost.
    pub async fn finish(self, record: FileRecord) -> Result<Option<(JournalFile, Vec<(u64, Bytes)>)>, Str> {
        let handles = match self.handles().await {
            Ok(handles) => handles,
            Err(thrown) if is_missing(&thrown) && !record.in_use => return Ok(None),
            Err(thrown) if thrown.is_undefined() => {
                return Err(Str::from_static("this browser gives the page no files, and had given some before"));
            }
            Err(thrown) => return Err(reason(thrown)),
        };
        let FileRecord { identity, first, .. } = record;
        let mut contents = Vec::new();
        for handle in &handles {
            contents.push(Bytes::from(handle.content().map_err(reason)?));
        }
        let found = [0, 1].map(|index: usize| journal_frames::frames(&contents[index], identity));
        let files = TwoFiles::open([&found[0], &found[1]], first);
        let mut values: Vec<(u64, Bytes)> = Vec::new();
        for (frames, content) in found.into_iter().zip(&contents) {
            let live = frames.into_iter().filter(|frame| frame.key >= first);
            values.extend(live.map(|frame| (frame.key, content.slice(frame.value))));
        }
        sort_by_key(&mut values, |(key, _)| *key);
        Ok(Some((JournalFile { handles, files, identity, at: At::new() }, values)))
    }
}

impl JournalFile {
    /// Writes a value; it is there when this returns, and what was written comes back.
    ///
    /// # Errors
    /// The browser's error: no room, the file is closed.
    pub fn write(&mut self, key: u64, value: &[Bytes]) -> Result<Bytes, Str> {
        let frame = journal_frames::pack(self.identity, key, value);
        let (file, position) = self.files.place(frame.len());
        self.at.set_at(position as f64);
        let written = self.handles[file].write(&frame, &self.at).map_err(reason)?;
        if written as usize != frame.len() {
            return Err(Str::from_static("QuotaExceededError: the journal file has no room"));
        }
        Ok(Bytes::from(frame).slice(journal_frames::HEADER..))
    }

    /// What was written so far is being folded: what comes goes to the other file.
    pub fn folding(&mut self) {
        self.files.folding();
    }

    /// That is durable.
    pub fn folded(&mut self) {
        self.files.folded();
    }

    /// Lets go of the files; later writes fail.
    pub fn close(&self) {
        self.handles.iter().for_each(SyncAccessHandle::close);
    }
}

impl Drop for JournalFile {
    fn drop(&mut self) {
        // Otherwise nobody could open them before they are collected as garbage.
        self.close();
    }
}

/// Deletes the journal of a database. One that somebody holds stays: it counts for no database made later.
pub async fn delete(database: &str) {
    let Ok(folder) = folder().await else { return };
    for file in names(database) {
        if let Ok(removed) = folder.remove_entry(&file) {
            let _ = JsFuture::from(removed).await;
        }
    }
}

/// The files of a database: a path is no name there.
fn names(database: &str) -> [String; 2] {
    let name = database.replace('%', "%25").replace('/', "%2F");
    [format!("{name}.0"), format!("{name}.1")]
}

async fn folder() -> Result<DirectoryHandle, JsValue> {
    let navigator = Reflect::get(&js_sys::global(), &"navigator".into())?;
    let storage: StorageManager = Reflect::get(&navigator, &"storage".into())?.unchecked_into();
    if storage.is_undefined() || Reflect::get(&storage, &"getDirectory".into())?.is_undefined() {
        return Err(JsValue::UNDEFINED);
    }
    let root: DirectoryHandle = JsFuture::from(storage.directory()?).await?.unchecked_into();
    Ok(JsFuture::from(root.directory_handle(FOLDER, &create()?)?).await?.unchecked_into())
}

async fn open_files(database: &str) -> Result<JsValue, JsValue> {
    let folder = folder().await?;
    let handles = Array::new();
    for file in names(database) {
        handles.push(&open_file(&folder, &file).await?);
    }
    Ok(handles.into())
}

async fn open_file(folder: &DirectoryHandle, name: &str) -> Result<JsValue, JsValue> {
    let file: FileHandle = JsFuture::from(folder.file_handle(name, &create()?)?).await?.unchecked_into();
    if Reflect::get(&file, &"createSyncAccessHandle".into())?.is_undefined() {
        // A page has none, only its workers.
        return Err(JsValue::UNDEFINED);
    }
    let mut attempts = 0;
    loop {
        match JsFuture::from(file.create_sync_access_handle()?).await {
            Err(thrown) if attempts < ATTEMPTS && is_named(&thrown, &["NoModificationAllowedError"]) => pause().await,
            opened => return opened,
        }
        attempts += 1;
    }
}

fn create() -> Result<JsValue, JsValue> {
    let options = Object::new();
    Reflect::set(&options, &"create".into(), &true.into())?;
    Ok(options.into())
}

/// True where there are no such files, for whatever reason: an older browser, a private window, a sandboxed frame.
fn is_missing(thrown: &JsValue) -> bool {
    thrown.is_undefined()
        || is_named(thrown, &["SecurityError", "NotAllowedError", "NotSupportedError", "UnknownError"])
}

fn is_named(thrown: &JsValue, names: &[&str]) -> bool {
    thrown.dyn_ref::<DomException>().is_some_and(|exception| names.contains(&&*exception.name()))
}

impl At {
    /// The first byte.
    fn new() -> Self {
        let at: Self = Object::new().unchecked_into();
        at.set_at(0.0);
        at
    }
}

impl SyncAccessHandle {
    fn content(&self) -> Result<Vec<u8>, JsValue> {
        let mut content = vec![0; self.size()? as usize];
        let read = self.read(&mut content, &At::new())? as usize;
        content.truncate(read);
        Ok(content)
    }
}

#[wasm_bindgen]
extern "C" {
    /// What web-sys holds back as unstable, though every browser has it.
    type StorageManager;
    #[wasm_bindgen(method, catch, js_name = getDirectory)]
    fn directory(this: &StorageManager) -> Result<Promise, JsValue>;

    type DirectoryHandle;
    #[wasm_bindgen(method, catch, js_name = getDirectoryHandle)]
    fn directory_handle(this: &DirectoryHandle, name: &str, options: &JsValue) -> Result<Promise, JsValue>;
    #[wasm_bindgen(method, catch, js_name = getFileHandle)]
    fn file_handle(this: &DirectoryHandle, name: &str, options: &JsValue) -> Result<Promise, JsValue>;
    #[wasm_bindgen(method, catch, js_name = removeEntry)]
    fn remove_entry(this: &DirectoryHandle, name: &str) -> Result<Promise, JsValue>;

    type FileHandle;
    #[wasm_bindgen(method, catch, js_name = createSyncAccessHandle)]
    fn create_sync_access_handle(this: &FileHandle) -> Result<Promise, JsValue>;

    /// Where to read or write.
    type At;
    #[wasm_bindgen(method, setter, structural)]
    fn set_at(this: &At, position: f64);

    type SyncAccessHandle;
    #[wasm_bindgen(method, catch)]
    fn write(this: &SyncAccessHandle, bytes: &[u8], options: &At) -> Result<f64, JsValue>;
    #[wasm_bindgen(method, catch)]
    fn read(this: &SyncAccessHandle, bytes: &mut [u8], options: &At) -> Result<f64, JsValue>;
    #[wasm_bindgen(method, catch, js_name = getSize)]
    fn size(this: &SyncAccessHandle) -> Result<f64, JsValue>;
    #[wasm_bindgen(method)]
    fn close(this: &SyncAccessHandle);
}
