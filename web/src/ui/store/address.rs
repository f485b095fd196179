//! Selection and tab in the address, behind `#`: Back works, and a situation can be linked to.

use super::{Selection, Store};
use leptos::prelude::*;

impl Store {
    /// Reads the address now and whenever it changes, and writes it whenever the selection or the tab does.
    pub(super) fn follow_address(self) {
        let store = self;
        store.read_address();
        window_event_listener(leptos::ev::hashchange, move |_| store.read_address());
        Effect::new(move |_| {
            let address = write(&store.selection.get(), store.tab.get());
            let location = window().location();
            if location.hash().is_ok_and(|known| known.trim_start_matches('#') != address) {
                let _ = location.set_hash(&address);
            }
        });
    }

    fn read_address(self) {
        let hash = window().location().hash().unwrap_or_default();
        let (selection, tab) = read(hash.trim_start_matches('#'));
        if self.selection.with_untracked(|known| *known != selection) {
            self.selection.set(selection);
        }
        if self.tab.get_untracked() != tab {
            self.tab.set(tab);
        }
    }
}

fn write(selection: &Selection, tab: &str) -> String {
    let name = |name: &str| String::from(js_sys::encode_uri_component(name));
    let mut text = match selection {
        Selection::Nothing => String::new(),
        Selection::Broker(id) => format!("broker/{id}"),
        Selection::Topic(topic) => format!("topic/{}", name(topic)),
        Selection::Partition(topic, index) => format!("partition/{}/{index}", name(topic)),
        Selection::Consumer(number) => format!("consumer/{number}"),
        Selection::Producer(number) => format!("producer/{number}"),
        Selection::Group(group) => format!("group/{}", name(group)),
        Selection::Frame((connection, correlation, time)) => format!("frame/{connection}/{correlation}/{time}"),
        Selection::NewTopic => "new-topic".to_owned(),
        Selection::NewConsumer => "new-consumer".to_owned(),
    };
    if tab != "events" {
        text.push(';');
        text.push_str(tab);
    }
    text
}

/// What is not understood selects nothing.
fn read(text: &str) -> (Selection, &'static str) {
    let (selection, tab) = text.split_once(';').unwrap_or((text, ""));
    let mut parts = selection.split('/');
    let kind = parts.next().unwrap_or_default();
    let name = parts.next().and_then(|name| js_sys::decode_uri_component(name).ok()).map(String::from);
    let name = name.unwrap_or_default();
    let index = parts.next().and_then(|index| index.parse().ok());
    let selection = match kind {
        "broker" => name.parse().map(Selection::Broker).ok(),
        "topic" => Some(Selection::Topic(name)),
        "partition" => index.map(|index| Selection::Partition(name, index)),
        "consumer" => name.parse().map(Selection::Consumer).ok(),
        "producer" => name.parse().map(Selection::Producer).ok(),
        "group" => Some(Selection::Group(name)),
        "frame" => name
            .parse()
            .ok()
            .zip(index)
            .zip(parts.next().and_then(|time| time.parse().ok()))
            .map(|((connection, correlation), time)| Selection::Frame((connection, correlation, time))),
        "new-topic" => Some(Selection::NewTopic),
        "new-consumer" => Some(Selection::NewConsumer),
        _ => None,
    };
    let tab = ["terminal", "records"].into_iter().find(|known| *known == tab).unwrap_or("events");
    (selection.unwrap_or_default(), tab)
}
