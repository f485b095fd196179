//! Files between the machine and the visitor's own computer, as `sz` and `rz` ask for.

use super::{Store, What};
use broker_core::cli::file::FileError;
use js_sys::{Array, Uint8Array};
use leptos::prelude::{document, window};
use wasm_bindgen::closure::Closure;
use wasm_bindgen::{JsCast, JsValue};
use wasm_bindgen_futures::{JsFuture, spawn_local};
use web_sys::{Blob, HtmlAnchorElement, HtmlInputElement, Url};

impl Store {
    /// Gives a file to the browser, which keeps it where it keeps what one downloads.
    pub(crate) fn download(self, path: String) {
        let name = path.rsplit('/').next().unwrap_or_default().to_owned();
        self.read_file(&path, move |result| {
            let content = result.and_then(|content| content.ok_or_else(|| FileError::NotFound.to_string()));
            let saved = content.and_then(|content| save(&name, &content).map_err(|error| format!("{error:?}")));
            if let Err(reason) = saved {
                self.note(What::NotTransferred { file: name, reason });
            }
        });
    }

    /// Lets one choose files, and writes them into a directory.
    pub(crate) fn upload(self, directory: String) {
        let Some(input) = file_input() else { return };
        let chosen = input.clone();
        let take = Closure::once_into_js(move || {
            chosen.remove();
            let files = chosen.files().map(|files| Array::from(&files)).unwrap_or_default();
            for file in files.iter().filter_map(|file| file.dyn_into::<web_sys::File>().ok()) {
                let path = format!("{}/{}", directory.trim_end_matches('/'), file.name());
                spawn_local(async move {
                    let name = file.name();
                    let refused = move |reason| self.note(What::NotTransferred { file: name, reason });
                    match JsFuture::from(file.array_buffer()).await {
                        Ok(content) => self.write_file(&path, Uint8Array::new(&content).to_vec(), move |result| {
                            result.unwrap_or_else(refused);
                        }),
                        Err(error) => refused(format!("{error:?}")),
                    }
                });
            }
        });
        let _ = input.add_event_listener_with_callback("change", take.unchecked_ref());
        input.click();
    }
}

fn file_input() -> Option<HtmlInputElement> {
    let input: HtmlInputElement = document().create_element("input").ok()?.dyn_into().ok()?;
    input.set_type("file");
    input.set_multiple(true);
    input.set_hidden(true);
    // Some browsers ask only for those that are in the page; one that was left without a choice makes way.
    let body = document().body()?;
    if let Ok(Some(before)) = body.query_selector(":scope > input[type=file]") {
        before.remove();
    }
    body.append_child(&input).ok()?;
    Some(input)
}

fn save(name: &str, content: &[u8]) -> Result<(), JsValue> {
    let parts = Array::of1(&Uint8Array::from(content));
    let address = Url::create_object_url_with_blob(&Blob::new_with_u8_array_sequence(&parts)?)?;
    let link: HtmlAnchorElement = document().create_element("a")?.unchecked_into();
    link.set_href(&address);
    link.set_download(name);
    link.click();
    // The browser has taken note of it with the next turn of its loop.
    let revoke = Closure::once_into_js(move || Url::revoke_object_url(&address));
    window().set_timeout_with_callback_and_timeout_and_arguments_0(revoke.unchecked_ref(), 60_000).map(drop)
}
