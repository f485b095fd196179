//! Every word the page says: a table per language, the same keys in each, checked by the compiler.

mod en;
mod ko;

use crate::ui::store::Line;

/// A language of the page.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Language {
    /// English.
    English,
    /// Korean.
    Korean,
}

impl Language {
    /// The one chosen before, else the browser's first.
    pub(crate) fn preferred() -> Self {
        let window = leptos::prelude::window();
        let chosen = window.local_storage().ok().flatten().and_then(|storage| storage.get_item("language").ok()?);
        let tag = chosen.or_else(|| window.navigator().language()).unwrap_or_default();
        if tag.starts_with("ko") { Self::Korean } else { Self::English }
    }

    /// As in the `lang` attribute.
    pub(crate) fn tag(self) -> &'static str {
        match self {
            Self::English => "en",
            Self::Korean => "ko",
        }
    }

    /// The other one.
    pub(crate) fn other(self) -> Self {
        match self {
            Self::English => Self::Korean,
            Self::Korean => Self::English,
        }
    }

    /// Its words.
    pub(crate) fn messages(self) -> &'static Messages {
        match self {
            Self::English => &en::MESSAGES,
            Self::Korean => &ko::MESSAGES,
        }
    }
}

type Text = &'static str;

/// The words of a language.
pub(crate) struct Messages {
    pub(crate) language: Text,
    pub(crate) other_language: Text,
    pub(crate) theme: Text,
    pub(crate) themes: [Text; 3],
    pub(crate) start_over: Text,
    pub(crate) start_over_asks: fn(usize) -> String,
    pub(crate) start_over_does: Text,
    pub(crate) cancel: Text,
    pub(crate) close: Text,
    pub(crate) help: Text,
    pub(crate) saved: Text,
    pub(crate) not_saved: Text,
    pub(crate) starting: Text,
    pub(crate) healthy: fn(usize) -> String,
    pub(crate) brokers_down: fn(usize, usize) -> String,
    pub(crate) no_controller: Text,
    pub(crate) under_replicated: fn(usize) -> String,
    pub(crate) leaderless: fn(usize) -> String,
    pub(crate) under_replicated_short: fn(usize) -> String,
    pub(crate) unled: fn(usize) -> String,
    pub(crate) no_majority: Text,
    pub(crate) other_tab: Text,
    pub(crate) given_away: Text,
    pub(crate) take_over: Text,
    pub(crate) tracks: [Text; 4],
    pub(crate) background: fn(u32) -> String,
    pub(crate) lane: Text,
    pub(crate) one_of: fn(u32) -> String,
    pub(crate) show: Text,
    pub(crate) pause: Text,
    pub(crate) go_on: Text,
    pub(crate) slowed: Text,
    pub(crate) slowed_why: Text,
    pub(crate) producers: Text,
    pub(crate) topic: Text,
    pub(crate) key: Text,
    pub(crate) value: Text,
    pub(crate) headers: Text,
    pub(crate) headers_hint: Text,
    pub(crate) partition: Text,
    pub(crate) automatic: Text,
    pub(crate) count: Text,
    pub(crate) rate: Text,
    pub(crate) send: Text,
    pub(crate) sending: Text,
    pub(crate) end_producer: Text,
    pub(crate) more: Text,
    pub(crate) acknowledged: fn(u64, u64, u64) -> String,
    pub(crate) produced: fn(&[(i32, u32, i64)]) -> String,
    pub(crate) partitions: Text,
    pub(crate) broker: fn(i32) -> String,
    pub(crate) active_controller: Text,
    pub(crate) controller_short: Text,
    pub(crate) kill: Text,
    pub(crate) stop: Text,
    pub(crate) start: Text,
    pub(crate) power_off: Text,
    pub(crate) up: Text,
    pub(crate) fenced: Text,
    pub(crate) stopping: fn(usize) -> String,
    pub(crate) stopped: Text,
    pub(crate) killed: Text,
    pub(crate) notice_in: fn(f64) -> String,
    pub(crate) powered_off: Text,
    pub(crate) failed: Text,
    pub(crate) add_broker: Text,
    pub(crate) add_topic: Text,
    pub(crate) add_consumer: Text,
    pub(crate) add_producer: Text,
    pub(crate) filter_topics: Text,
    pub(crate) topics_shown: fn(usize, usize) -> String,
    pub(crate) fold: Text,
    pub(crate) unfold: Text,
    pub(crate) no_topic: Text,
    pub(crate) topic_line: fn(usize, usize, i64) -> String,
    pub(crate) internal_line: fn(&str, usize) -> String,
    pub(crate) legend: [Text; 6],
    pub(crate) leader: Text,
    pub(crate) in_sync: Text,
    pub(crate) out_of_sync: Text,
    pub(crate) down: Text,
    pub(crate) no_leader: Text,
    pub(crate) end_and_hw: fn(i64, i64) -> String,
    pub(crate) replica_label: fn(&str, i64, i64) -> String,
    pub(crate) lag: fn(i64) -> String,
    pub(crate) idle: Text,
    pub(crate) idle_why: Text,
    pub(crate) joins: Text,
    pub(crate) joins_why: Text,
    pub(crate) member_gone: Text,
    pub(crate) session_ends: fn(u64) -> String,
    pub(crate) gone_why: Text,
    pub(crate) nobody: Text,
    pub(crate) alone: Text,
    pub(crate) more_groups: fn(usize) -> String,
    pub(crate) show_more: fn(usize) -> String,
    pub(crate) inspector: Text,
    pub(crate) stop_kill_hint: Text,
    pub(crate) power_hint: Text,
    pub(crate) wipe: Text,
    pub(crate) wipe_asks: fn(usize, i64, &str) -> String,
    pub(crate) danger: Text,
    pub(crate) role: Text,
    pub(crate) leads: Text,
    pub(crate) follows: Text,
    pub(crate) stored: Text,
    pub(crate) name: Text,
    pub(crate) create: Text,
    pub(crate) creating: Text,
    pub(crate) configs: Text,
    pub(crate) raise: Text,
    pub(crate) raise_does: Text,
    pub(crate) delete_topic: Text,
    pub(crate) delete_asks: fn(i64) -> String,
    pub(crate) group: Text,
    pub(crate) groups: Text,
    pub(crate) members: Text,
    pub(crate) member: Text,
    pub(crate) committed: Text,
    pub(crate) consumer: fn(u32) -> String,
    pub(crate) producer: fn(u32) -> String,
    pub(crate) not_produced_yet: Text,
    pub(crate) acknowledged_name: Text,
    pub(crate) under_way: Text,
    pub(crate) group_hint: Text,
    pub(crate) from_beginning: Text,
    pub(crate) from_latest: Text,
    pub(crate) start_at: Text,
    pub(crate) received: Text,
    pub(crate) nothing_received: Text,
    pub(crate) remove_consumer: Text,
    pub(crate) state: Text,
    pub(crate) gone: Text,
    pub(crate) intro: [Text; 2],
    pub(crate) step_titles: [Text; 4],
    pub(crate) step_hints: [Text; 4],
    pub(crate) step_buttons: [fn(&str) -> String; 4],
    pub(crate) step_first: Text,
    pub(crate) a_leader: Text,
    pub(crate) victim: fn(i32, &str) -> String,
    pub(crate) counts: fn(&[i64]) -> String,
    pub(crate) group_reads: fn(u64) -> String,
    pub(crate) leads_now: fn(&str, i32) -> String,
    pub(crate) start_dead: Text,
    pub(crate) done: Text,
    pub(crate) close_steps: Text,
    pub(crate) events: Text,
    pub(crate) dock: Text,
    pub(crate) records: Text,
    pub(crate) no_events: Text,
    pub(crate) new_lines: fn(u32) -> String,
    pub(crate) collapse: Text,
    pub(crate) maximize: Text,
    pub(crate) offset: Text,
    pub(crate) time: Text,
    pub(crate) newest: Text,
    pub(crate) beginning: Text,
    pub(crate) read: Text,
    pub(crate) no_records: Text,
    pub(crate) choose_topic: Text,
    pub(crate) stage: Text,
    pub(crate) grid: Text,
    pub(crate) older: Text,
    pub(crate) newer: Text,
    pub(crate) follow: Text,
    pub(crate) pin: Text,
    pub(crate) see_records: Text,
    pub(crate) keyboard: Text,
    pub(crate) keys: [(Text, Text); 6],
    pub(crate) as_last_seen: Text,
    pub(crate) command: Text,
    pub(crate) helps: fn(&str) -> Option<Text>,
    pub(crate) event: fn(&Line) -> String,
}
