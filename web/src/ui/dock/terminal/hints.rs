//! What to do about a mistake, in one plain line under what Kafka says of it. What Kafka prints stays as it is; this stands
//! apart from it, and offers the command that helps where there is one.

use crate::mistakes::{Mistake, configuration, with_bootstrap};
use crate::ui::store::Store;
use broker_core::config::playground::BROKERS;
use leptos::prelude::*;
use std::fmt::{self, Display, Formatter};

/// What there is to say of a mistake, and what helps.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Hint {
    /// One line.
    pub(super) words: String,
    /// A command that helps; nothing where there is more than one way.
    pub(super) command: Option<String>,
}

impl Display for Hint {
    fn fmt(&self, formatter: &mut Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.words)?;
        self.command.iter().try_for_each(|command| write!(formatter, " {command}"))
    }
}

/// The hint for a mistake that `entered` made.
pub(super) fn hint(store: Store, mistake: Mistake, entered: &str) -> Hint {
    let addresses = untrack(|| store.addresses());
    let mistake = match mistake {
        Mistake::NobodyListens if addresses.is_empty() => Mistake::NoBroker,
        other => other,
    };
    let bootstrap = addresses.first().map_or("localhost:9092", String::as_str);
    let said = (store.words().mistake)(mistake);
    let words =
        if mistake == Mistake::NobodyListens { format!("{said} {}", addresses.join(", ")) } else { said.to_owned() };
    let command = match mistake {
        Mistake::ZooKeeper
            if store.picture.with_untracked(|picture| (0..i32::from(BROKERS)).all(|id| picture.lives(id))) =>
        {
            Some(format!("./bin/kafka-metadata-quorum.sh --bootstrap-server {bootstrap} describe --replication"))
        }
        Mistake::ZooKeeper | Mistake::NoBroker => Some(
            "for id in 0 1 2; do ./bin/kafka-server-start.sh -daemon config/playground/server-$id.properties; done"
                .into(),
        ),
        Mistake::OldOption => with_bootstrap(entered, bootstrap),
        Mistake::NoBootstrap if !entered.contains(['|', ';', '&', '#', '>']) => {
            Some(format!("{} --bootstrap-server {bootstrap}", entered.trim_end()))
        }
        Mistake::Unformatted => configuration(entered)
            .map(|file| format!("./bin/kafka-storage.sh format -t $(./bin/kafka-storage.sh random-uuid) -c {file}")),
        Mistake::NoTopic => Some(format!("./bin/kafka-topics.sh --bootstrap-server {bootstrap} --list")),
        Mistake::NoTopicConfig => Some(format!(
            "./bin/kafka-configs.sh --bootstrap-server {bootstrap} --describe --all --entity-type topics --entity-name NAME"
        )),
        Mistake::NoKey => Some("--reader-property parse.key=true --reader-property key.separator=:".into()),
        Mistake::PortTaken | Mistake::DirectoryTaken => Some("jps -m".into()),
        Mistake::NoFile => Some("ls config config/playground".into()),
        Mistake::NoProgram => Some("help".into()),
        _ => None,
    };
    Hint { words, command }
}
