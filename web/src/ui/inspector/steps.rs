//! The first minute: four steps, each with one button, done also when done by hand.

use crate::bridge::Draft;
use crate::ui::icons::{Glyph, Icon};
use crate::ui::producers::Answer;
use crate::ui::store::{Outcome, Process, Store, counted};
use broker_core::cli::{NewTopic, TopicChange};
use leptos::prelude::*;

/// The topic the steps speak of: the first there is, its partitions, and the replicas of each.
fn topic(store: Store) -> Option<(String, usize, usize)> {
    store.picture.with(|picture| {
        let topic = picture.own_topics().next()?;
        let copies = topic.partitions.first().map_or(0, |partition| partition.replicas.len());
        Some((topic.name.to_string(), topic.partitions.len(), copies))
    })
}

/// A broker that is down has a replica of the topic.
fn has_dead_replica(store: Store) -> bool {
    store.picture.with(|picture| {
        let Some(topic) = picture.own_topics().next() else { return false };
        topic.partitions.iter().flat_map(|partition| &partition.replicas).any(|id| !picture.lives(*id))
    })
}

/// Records of the topic in all, see [`counted`], and by partition; and those that were ever produced to it, as far as it tells.
#[derive(Clone, Debug, Default, PartialEq)]
struct Counts {
    all: (i64, bool),
    each: Vec<i64>,
    produced: i64,
}

impl Counts {
    fn of(store: Store) -> Self {
        store.picture.with(|picture| {
            let Some(topic) = picture.own_topics().next() else { return Self::default() };
            let leading = picture.leading_all(&topic.name);
            let each: Vec<i64> = leading.iter().map(|replica| counted(&[*replica]).0).collect();
            let gone: i64 = leading.iter().map(|replica| replica.log_start_offset).sum();
            Self { all: counted(&leading), produced: gone + each.iter().sum::<i64>(), each }
        })
    }
}

/// The leader of the topic's first partition, if it lives.
fn victim(store: Store) -> Option<(i32, String)> {
    store.picture.with(|picture| {
        let topic = picture.own_topics().next()?;
        let partition = topic.partitions.first().filter(|one| picture.lives(one.leader))?;
        Some((partition.leader, format!("{}-{}", topic.name, partition.index)))
    })
}

/// The steps; or nothing but the way back to them.
pub(super) fn steps(store: Store) -> AnyView {
    let words = move || store.words();
    let outcomes = [(); 2].map(|()| RwSignal::new(RwSignal::new(Outcome::None)));
    let created = Memo::new(move |_| topic(store));
    let topic = Memo::new(move |_| created.get().map(|(name, ..)| name));
    let counts = Memo::new(move |_| Counts::of(store));
    let victim = Memo::new(move |_| victim(store));
    let dead = Memo::new(move |_| has_dead_replica(store));
    let received =
        Memo::new(move |_| store.clients.with(|all| all.consumers.iter().map(|one| one.received).sum::<u64>()));
    let ready = Memo::new(move |_| {
        store.picture.with(|picture| picture.brokers.iter().any(|(_, process)| *process == Some(Process::Running)))
    });
    let done = move |at: usize| match at {
        0 => topic.get().is_some(),
        1 => counts.with(|counts| counts.produced >= 10),
        2 => store.has_read.get(),
        _ => store.has_killed.get(),
    };
    let result = move |at: usize| -> Option<String> {
        match at {
            0 => created.get().map(|(topic, partitions, copies)| (words().created)(&topic, partitions, copies)),
            1 => counts.with(|counts| {
                let each = counts.each.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ");
                Some(format!("{}: {each}.", (words().counted)(counts.all)))
            }),
            // Read before the page was loaded again: nothing to count.
            2 => Some(received.get()).filter(|received| *received > 0).map(words().group_reads),
            3 => victim.get().map(|(leader, partition)| {
                let leads = (words().leads_now)(&partition, leader);
                if dead.get() { format!("{leads} {}", words().start_dead) } else { leads }
            }),
            _ => None,
        }
    };
    let label = move |at: usize| {
        let topic = topic.get().unwrap_or_else(|| "first-topic".to_owned());
        let what = match at {
            3 => victim
                .get()
                .map_or_else(|| words().a_leader.to_owned(), |(id, partition)| (words().victim)(id, &partition)),
            _ => topic,
        };
        (words().step_buttons[at])(&what)
    };
    let waits =
        move |at: usize| !ready.get() || (at > 0 && topic.get().is_none()) || (at == 3 && victim.get().is_none());
    let act = move |at: usize| {
        if waits(at) {
            return;
        }
        let topic = topic.get_untracked().unwrap_or_else(|| "first-topic".to_owned());
        match at {
            0 => outcomes[0].set(store.change_topic(TopicChange::Create(NewTopic {
                topic,
                partitions: Some(3),
                replication_factor: Some(3),
                ..NewTopic::default()
            }))),
            1 => outcomes[1].set(store.produce(Draft {
                producer: 1,
                acks: -1,
                topic,
                key: Some("user-{n}".to_owned()),
                value: "hello {n}".to_owned(),
                count: 10,
                ..Draft::default()
            })),
            2 => store.add_consumer(Some("group1".to_owned()), vec![topic], true),
            _ => victim.get_untracked().into_iter().for_each(|(id, _)| store.kill(id)),
        }
    };
    let step = move |at: usize| {
        view! {
            <li class:done=move || done(at)>
                <b class="number" aria-hidden="true">{at + 1}</b>
                <div>
                    <h3>
                        {move || words().step_titles[at]}
                        <Show when=move || done(at)>
                            <span class="tick"><Icon glyph=Glyph::Done /><span class="spoken">{store.say(|words| words.done)}</span></span>
                        </Show>
                    </h3>
                    <p class="facts">{move || words().step_hints[at]}</p>
                    <Show
                        when=move || done(at)
                        fallback=move || view! {
                            <button class:filled=move || (0..at).all(done) aria-disabled=move || waits(at).to_string()
                                title=move || waits(at).then(|| if ready.get() { words().step_first } else { words().starting })
                                on:click=move |_| act(at)>{move || label(at)}</button>
                        }
                    >
                        {move || result(at).map(|result| view! { <p class="result">{result}</p> })}
                    </Show>
                    {(at < 2).then_some(move || {
                        let outcome = outcomes[at].get();
                        // What is done shows in the step itself.
                        (outcome.try_get().unwrap_or_default() != Outcome::Waiting && !done(at)).then(|| view! { <Answer outcome=outcome /> })
                    })}
                </div>
            </li>
        }
        .into_any()
    };
    view! {
        <h2>{move || words().intro[0]}</h2>
        <p>{move || words().intro[1]}</p>
        <Show when=move || store.steps.get()>
            <ol class="steps">{(0..4).map(step).collect::<Vec<_>>()}</ol>
            <button class="quiet" on:click=move |_| store.show_steps(false)>{store.say(|words| words.close_steps)}</button>
        </Show>
        {keys(store)}
        // Beside the page: who leaves it ends the cluster.
        <p class="differs"><a href="fidelity.html" target="_blank" rel="noopener">{store.say(|words| words.differs)}</a></p>
    }
    .into_any()
}

/// What the keys do.
fn keys(store: Store) -> AnyView {
    let list = move || {
        let key = |(key, what): &(&'static str, &'static str)| {
            view! { <div><dt><kbd>{*key}</kbd></dt><dd>{*what}</dd></div> }.into_any()
        };
        store.words().keys.iter().map(key).collect::<Vec<_>>()
    };
    view! {
        <section class="keys">
            <h3>{store.say(|words| words.keyboard)}</h3>
            <dl>{list}</dl>
        </section>
    }
    .into_any()
}
