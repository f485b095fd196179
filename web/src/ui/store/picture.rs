//! One picture out of what every node says of itself.

use broker_core::node::{GroupView, MemberView, NodeView, PartitionView, ReplicaView, TopicView};
use broker_core::sorted::SortedMap;

/// What became of a broker's process.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Process {
    /// Asked to start.
    Starting,
    /// Runs.
    Running,
    /// Asked to stop; hands its leaders over.
    Stopping,
    /// Ended in order.
    Stopped,
    /// Killed at this moment, in milliseconds of the page's own clock.
    Killed(f64),
    /// Its power was cut at this moment.
    PoweredOff(f64),
    /// It would not start, or died of a fault.
    Failed,
}

impl Process {
    /// The process is there.
    pub(crate) fn lives(self) -> bool {
        matches!(self, Self::Starting | Self::Running | Self::Stopping)
    }
}

/// A broker, alive or not.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Broker {
    /// Its process.
    pub(crate) process: Process,
    /// What it last said of itself.
    pub(crate) view: Option<NodeView>,
    /// Why it failed, in its own words.
    pub(crate) reason: Option<String>,
    /// Counts what it said, to tell the newest.
    pub(crate) heard: u64,
    /// `server.properties` it was last started with.
    pub(crate) properties: String,
}

impl Broker {
    /// One of its settings, as text.
    pub(crate) fn setting(&self, key: &str) -> Option<String> {
        let value = |line: &str| Some(line.strip_prefix(key)?.strip_prefix('=')?.trim().to_owned());
        // Of a key that is there twice the last counts.
        self.properties.lines().rev().find_map(value)
    }

    /// How long the others take to notice its end, in milliseconds.
    pub(crate) fn session_ms(&self) -> f64 {
        const KAFKA: f64 = 9_000.0;
        let known = self.setting("broker.session.timeout.ms").and_then(|text| text.parse::<u32>().ok());
        known.map_or(KAFKA, f64::from)
    }

    /// It votes on the metadata.
    fn votes(&self) -> bool {
        self.setting("process.roles").is_some_and(|roles| roles.contains("controller"))
    }
}

/// How the cluster is, counted.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Health {
    /// All brokers known.
    pub(crate) brokers: usize,
    /// Those that are down.
    pub(crate) down: Vec<i32>,
    /// Some start.
    pub(crate) starting: bool,
    /// Partitions without a leader.
    pub(crate) leaderless: usize,
    /// Partitions whose leader is down, and nobody has noticed yet.
    pub(crate) unled: usize,
    /// Partitions with fewer replicas in sync than they have.
    pub(crate) under_replicated: usize,
    /// An active controller is there.
    pub(crate) has_controller: bool,
    /// Enough voters live for there to be one.
    pub(crate) has_majority: bool,
}

/// Records of these replicas, and true; where one of them does not know how many it has, the offsets they span and false:
/// the markers of transactions take offsets as well.
pub(crate) fn counted(replicas: &[&ReplicaView]) -> (i64, bool) {
    let known: Option<u64> = replicas.iter().map(|replica| replica.records).sum();
    let spanned = || replicas.iter().map(|replica| replica.log_end_offset - replica.log_start_offset).sum();
    known.map_or_else(|| (spanned(), false), |records| (records.cast_signed(), true))
}

/// A replica, and whether it is shown as last seen.
pub(crate) type Replicas = SortedMap<(String, i32), SortedMap<i32, ReplicaView>>;

/// The whole cluster at one moment.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Picture {
    /// Brokers in order of their ids.
    pub(crate) brokers: Vec<(i32, Option<Process>)>,
    /// The active controller.
    pub(crate) controller: Option<i32>,
    /// Topics, from the active controller's metadata if it lives.
    pub(crate) topics: Vec<TopicView>,
    /// Every replica, by partition and broker; of dead brokers as last seen.
    pub(crate) replicas: Replicas,
    /// Groups, from their coordinators.
    pub(crate) groups: Vec<GroupView>,
    /// Brokers the metadata has as fenced.
    pub(crate) fenced: Vec<i32>,
    /// Milliseconds of every broker's session.
    pub(crate) sessions: Vec<(i32, f64)>,
    /// Nodes that vote on the metadata: those that live, and all.
    pub(crate) voters: (usize, usize),
}

impl Picture {
    /// Puts together what is known.
    pub(crate) fn of(brokers: &SortedMap<i32, Broker>) -> Self {
        let living =
            || brokers.values().filter(|broker| broker.process.lives()).filter_map(|b| b.view.as_ref().map(|v| (b, v)));
        let controller = living().find(|(_, view)| view.quorum.is_active_controller).map(|(_, view)| view.node_id);
        let newest =
            living().max_by_key(|(broker, view)| (view.quorum.high_watermark, broker.heard)).map(|(_, view)| view);
        let last = || brokers.values().filter_map(|b| b.view.as_ref()).max_by_key(|view| view.quorum.high_watermark);
        let of_controller = controller.and_then(|id| brokers.get(&id)?.view.as_ref());
        let metadata = of_controller.or(newest).or_else(last);
        let mut replicas = Replicas::new();
        let mut groups: SortedMap<_, GroupView> = SortedMap::new();
        for (id, broker) in brokers {
            let Some(view) = &broker.view else { continue };
            for replica in &view.replicas {
                replicas
                    .entry((replica.topic.to_string(), replica.partition))
                    .or_default()
                    .insert(*id, replica.clone());
            }
        }
        // Groups of a dead coordinator stay, as last seen, until another one has loaded them.
        for lives in [false, true] {
            let views =
                brokers.values().filter(|broker| broker.process.lives() == lives).filter_map(|b| b.view.as_ref());
            for group in views.flat_map(|view| &view.groups) {
                let known = groups.get(&group.group_id);
                if known.is_none_or(|known| known.generation_id <= group.generation_id) {
                    groups.insert(group.group_id.clone(), group.clone());
                }
            }
        }
        let voters = || brokers.values().filter(|broker| broker.votes());
        Self {
            voters: (voters().filter(|broker| broker.process.lives()).count(), voters().count()),
            sessions: brokers.iter().map(|(id, broker)| (*id, broker.session_ms())).collect(),
            brokers: brokers.iter().map(|(id, broker)| (*id, Some(broker.process))).collect(),
            controller,
            topics: metadata.map(|view| view.topics.clone()).unwrap_or_default(),
            replicas,
            groups: groups.into_values().collect(),
            fenced: metadata.map(|v| v.brokers.iter().filter(|b| b.fenced).map(|b| b.id).collect()).unwrap_or_default(),
        }
    }

    /// The broker's process.
    pub(crate) fn process(&self, id: i32) -> Option<Process> {
        self.brokers.iter().find(|(known, _)| *known == id).and_then(|(_, process)| *process)
    }

    /// The broker is there.
    pub(crate) fn lives(&self, id: i32) -> bool {
        self.process(id).is_some_and(Process::lives)
    }

    /// Topics people made.
    pub(crate) fn own_topics(&self) -> impl Iterator<Item = &TopicView> {
        self.topics.iter().filter(|topic| !topic.internal && !topic.name.starts_with("__"))
    }

    /// A topic by name.
    pub(crate) fn topic(&self, name: &str) -> Option<&TopicView> {
        self.topics.iter().find(|topic| &*topic.name == name)
    }

    /// The replica that leads a partition, or the longest one where none leads.
    pub(crate) fn leading(&self, topic: &str, partition: i32, leader: i32) -> Option<&ReplicaView> {
        let all = self.replicas.get(&(topic.to_owned(), partition))?;
        all.get(&leader).or_else(|| all.values().max_by_key(|replica| replica.log_end_offset))
    }

    /// How the cluster is, over all topics.
    pub(crate) fn health(&self) -> Health {
        let all = || self.topics.iter().flat_map(|topic| &topic.partitions);
        let lives = |process: &Option<Process>| process.is_some_and(Process::lives);
        let (living, voters) = self.voters;
        Health {
            brokers: self.brokers.len(),
            down: self.brokers.iter().filter(|(_, process)| !lives(process)).map(|(id, _)| *id).collect(),
            starting: self.brokers.iter().any(|(_, process)| *process == Some(Process::Starting)),
            leaderless: all().filter(|one| one.leader < 0).count(),
            unled: all().filter(|one| one.leader >= 0 && !self.lives(one.leader)).count(),
            under_replicated: all().filter(|one| one.in_sync_replicas.len() < one.replicas.len()).count(),
            has_controller: self.controller.is_some(),
            // Whoever leads has one: its quorum need not be all that ever ran here.
            has_majority: self.controller.is_some() || living * 2 > voters,
        }
    }

    /// A partition by topic and index.
    pub(crate) fn partition(&self, topic: &str, index: i32) -> Option<&PartitionView> {
        self.topic(topic)?.partitions.iter().find(|known| known.index == index)
    }

    /// The replicas that lead the partitions of a topic.
    pub(crate) fn leading_all(&self, topic: &str) -> Vec<&ReplicaView> {
        let partitions = self.topic(topic).into_iter().flat_map(|topic| &topic.partitions);
        partitions.filter_map(|one| self.leading(topic, one.index, one.leader)).collect()
    }

    /// Records of a topic, by what its leaders have; see [`counted`].
    pub(crate) fn records_of(&self, topic: &str) -> (i64, bool) {
        counted(&self.leading_all(topic))
    }

    /// A group by name.
    pub(crate) fn group(&self, id: &str) -> Option<&GroupView> {
        self.groups.iter().find(|group| &*group.group_id == id)
    }

    /// Groups that have a column: those that had one keep it; the pinned one takes the last.
    pub(crate) fn group_columns(&self, before: &[String], pinned: Option<&str>) -> Vec<String> {
        const COLUMNS: usize = 2;
        let mut shown: Vec<String> = before.iter().filter(|id| self.group(id).is_some()).cloned().collect();
        let others = self.groups.iter().map(|group| group.group_id.to_string());
        let others = others.filter(|id| !before.contains(id)).collect::<Vec<_>>();
        shown.extend(others);
        shown.truncate(COLUMNS);
        if let Some(pinned) = pinned.filter(|id| self.group(id).is_some())
            && !shown.iter().any(|id| id == pinned)
        {
            shown.pop();
            shown.push(pinned.to_owned());
        }
        shown
    }

    /// How far a group is behind the high watermark in one partition; nothing where it committed nothing.
    pub(crate) fn lag(&self, group: &GroupView, topic: &str, index: i32) -> Option<i64> {
        let (_, committed) = Self::owner(group, topic, index);
        let partition = self.partition(topic, index)?;
        let replica = self.leading(topic, index, partition.leader)?;
        Some((replica.high_watermark - committed?).max(0))
    }

    /// How far a group is behind in all.
    pub(crate) fn lag_of(&self, group: &GroupView) -> i64 {
        group.offsets.iter().filter_map(|(topic, index, _)| self.lag(group, topic, *index)).sum()
    }

    /// Partitions a broker leads, and those it follows.
    pub(crate) fn roles(&self, id: i32) -> (usize, usize) {
        let all = || self.topics.iter().flat_map(|topic| &topic.partitions);
        let leads = all().filter(|one| one.leader == id).count();
        (leads, all().filter(|one| one.leader != id && one.replicas.contains(&id)).count())
    }

    /// Who owns a partition in a group, and what is committed.
    pub(crate) fn owner<'a>(
        group: &'a GroupView,
        topic: &str,
        partition: i32,
    ) -> (Option<&'a MemberView>, Option<i64>) {
        let owns = |(name, index): &(broker_core::text::Str, i32)| &**name == topic && *index == partition;
        let member = group.members.iter().find(|member| member.assignment.iter().any(owns));
        let committed = group.offsets.iter().find(|(name, index, _)| &**name == topic && *index == partition);
        (member, committed.map(|(_, _, offset)| *offset))
    }
}
