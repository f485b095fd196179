//! The clients of the page over a reload: it ends them as it ends brokers. Consumers are started again as brokers are, and
//! their groups know where to go on; a producer's form has again what it last sent, and sends when told to. First steps that
//! the cluster itself does not show as done are remembered too.

use super::Store;
use crate::bridge::{ClientsCommand, Draft, pack_text, unpack_text};
use broker_core::sorted::SortedMap;
use leptos::prelude::*;
use serde::{Deserialize, Serialize};

/// Under which a consumer is remembered, before its number.
const CONSUMER: &str = "consumer.";
/// Under which a producer is.
const PRODUCER: &str = "producer.";

/// Under which it is that a record was read.
pub(super) const READ: &str = "step.read";
/// Under which it is that a broker was killed.
pub(super) const KILLED: &str = "step.killed";

#[derive(Serialize, Deserialize)]
struct Consumer {
    group: Option<String>,
    topics: Vec<String>,
    from_beginning: bool,
}

impl Store {
    /// Starts a consumer, and remembers it.
    pub(super) fn begin_consumer(
        self,
        consumer: u32,
        group: Option<String>,
        topics: Vec<String>,
        from_beginning: bool,
    ) {
        let definition = Consumer { group, topics, from_beginning };
        self.with_cluster(|cluster| cluster.remember(&format!("{CONSUMER}{consumer}"), Some(pack_text(&definition))));
        self.tell_consumer(consumer, definition);
    }

    /// It is not started again.
    pub(super) fn forget_consumer(self, consumer: u32) {
        self.with_cluster(|cluster| cluster.remember(&format!("{CONSUMER}{consumer}"), None));
    }

    /// Remembers what a producer sends.
    pub(super) fn remember_producer(self, draft: &Draft) {
        let name = format!("{PRODUCER}{}", draft.producer);
        self.producers.update(|drafts| {
            drafts.retain(|one| one.producer != draft.producer);
            drafts.push(draft.clone());
        });
        self.with_cluster(|cluster| cluster.remember(&name, Some(pack_text(draft))));
    }

    /// One of the first steps is done, once and for all.
    pub(super) fn tick_off(self, done: RwSignal<bool>, name: &str) {
        if !done.get_untracked() {
            done.set(true);
            self.with_cluster(|cluster| cluster.remember(name, Some("done".to_owned())));
        }
    }

    /// Starts the consumers that are remembered, fills the forms of producers, ticks the steps.
    pub(super) fn begin_remembered(self, remembered: &SortedMap<String, String>) {
        self.has_read.set(remembered.contains_key(READ));
        self.has_killed.set(remembered.contains_key(KILLED));
        let mut drafts = Vec::new();
        for (name, text) in remembered {
            let number = |kind| name.strip_prefix(kind).and_then(|number| number.parse::<u32>().ok());
            if let (Some(consumer), Some(definition)) = (number(CONSUMER), unpack_text(text)) {
                self.numbers.update_value(|numbers| numbers.consumer = consumer.max(numbers.consumer));
                self.tell_consumer(consumer, definition);
            } else if number(PRODUCER).is_some() {
                drafts.extend(unpack_text::<Draft>(text));
            }
        }
        self.producers.set(drafts);
    }

    fn tell_consumer(self, consumer: u32, Consumer { group, topics, from_beginning }: Consumer) {
        self.tell_clients(&ClientsCommand::AddConsumer { consumer, group, topics, from_beginning });
    }
}
