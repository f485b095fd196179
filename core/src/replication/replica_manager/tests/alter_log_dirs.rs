//! Moves between log directories: one broker with three of them, each with a disk of its own; the test is its controller.

extern crate std;

use super::super::*;
use crate::config::BrokerConfig;
use crate::config::playground::parsed_playground_properties;
use crate::event::Event;
use crate::log::log_manager::LogManagerConfig;
use crate::log::memory_disk::MemoryDisk;
use crate::log::storage::{StoreCommand, Ticket};
use crate::metadata::{MetadataDelta, MetadataRecord, Provenance};
use crate::protocol::messages as m;
use crate::protocol::messages::alter_replica_log_dirs_request::{AlterReplicaLogDir, AlterReplicaLogDirTopic};
use crate::record::BatchBuilder;
use crate::rng::Rng;
use crate::time::Duration;
use alloc::string::String;
use alloc::vec;
use alloc::vec::Vec;

const TOPIC_ID: Uuid = Uuid::from_u128(0x77);
const PATHS: [&str; 3] = ["/a", "/b", "/c"];

fn tp() -> TopicPartition {
    TopicPartition::new("t", 0)
}

fn directory_ids() -> Vec<Uuid> {
    (0..3).map(|index| Uuid::from_u128(1000 + index)).collect()
}

struct World {
    now: Instant,
    manager: ReplicaManager,
    stores: Vec<StoreQueue>,
    disks: Vec<MemoryDisk>,
    storing: Vec<VecDeque<(Ticket, Vec<StoreCommand>)>>,
    image: MetadataImage,
    /// What the controller was told and has not answered yet.
    told: Option<(u64, m::AssignReplicasToDirsRequest)>,
    loads: VecDeque<(u64, usize, crate::log::storage::FileRange)>,
    written: i64,
    /// What it told of its moves: paths before and after.
    moves: Vec<(Str, Str)>,
}

impl World {
    /// A broker whose partition `t-0` is in `/a`.
    fn new() -> Self {
        let mut world = Self {
            now: Instant::from_millis(1000),
            manager: Self::manager(&mut [MemoryDisk::default(), MemoryDisk::default(), MemoryDisk::default()]).0,
            stores: Vec::new(),
            disks: vec![MemoryDisk::default(); 3],
            storing: vec![VecDeque::new(); 3],
            image: MetadataImage::default(),
            told: None,
            loads: VecDeque::new(),
            written: 0,
            moves: Vec::new(),
        };
        world.start();
        world.change(&[
            MetadataRecord::RegisterBroker(m::RegisterBrokerRecord {
                broker_id: 0,
                broker_epoch: 5,
                log_dirs: directory_ids(),
                fenced: false,
                ..Default::default()
            }),
            MetadataRecord::Topic(m::TopicRecord { name: Str::from_static("t"), topic_id: TOPIC_ID }),
            MetadataRecord::Partition(m::PartitionRecord {
                partition_id: 0,
                topic_id: TOPIC_ID,
                replicas: vec![0],
                isr: vec![0],
                leader: 0,
                directories: vec![directory_ids()[0]],
                ..Default::default()
            }),
        ]);
        world
    }

    fn manager(disks: &mut [MemoryDisk]) -> (ReplicaManager, Vec<StoreQueue>) {
        let now = Now { monotonic: Instant::from_millis(1000), wall_ms: 1_700_000_000_000 };
        let changes = [(Str::from_static("min.insync.replicas"), Str::from_static("1"))];
        let mut config = BrokerConfig::from_properties(&parsed_playground_properties(0, 1, &changes)).unwrap();
        config.topic_defaults.segment_bytes = 2000;
        let listings: Vec<_> = disks.iter().zip(PATHS).map(|(disk, path)| disk.listing(path)).collect();
        let mut stores = vec![StoreQueue::default(); 3];
        let mut logs = LogManager::new(now, LogManagerConfig::default(), &listings);
        while !logs.is_loaded() {
            let Some(load) = logs.next_load(now, &mut stores) else { continue };
            let bytes = disks[load.directory].read(&load.range).unwrap();
            logs.load_done(load.id, &bytes, &mut stores);
        }
        let mut manager = ReplicaManager::new(now, ReplicaManagerConfig::new(&config, directory_ids(), 7), logs);
        manager.set_broker_epoch(5);
        (manager, stores)
    }

    fn at(&self) -> Now {
        Now { monotonic: self.now, wall_ms: 1_700_000_000_000 + self.now.as_millis() as i64 }
    }

    /// Starts the broker on its disks, with the metadata there is.
    fn start(&mut self) {
        (self.manager, self.stores) = Self::manager(&mut self.disks);
        self.told = None;
        self.loads.clear();
        let mut all = MetadataDelta::new(&MetadataImage::default());
        for record in self.image.to_records() {
            all.replay(&record).unwrap();
        }
        let (now, image) = (self.at(), self.image.clone());
        self.manager.apply(now, &mut self.stores, &all, &image);
        self.drain();
    }

    /// The power goes: of what is on its way, `kept` batches of each directory still reach the disk.
    fn power_off(&mut self, kept: [usize; 3]) {
        for (directory, kept) in kept.into_iter().enumerate() {
            for (_, commands) in core::mem::take(&mut self.storing[directory]).into_iter().take(kept) {
                self.disks[directory].apply(&commands);
            }
        }
    }

    fn change(&mut self, records: &[MetadataRecord]) {
        let mut delta = MetadataDelta::new(&self.image);
        for record in records {
            delta.replay(record).unwrap();
        }
        let provenance = Provenance { offset: self.image.provenance.offset + 1, epoch: 1, timestamp_ms: 0 };
        self.image = delta.clone().apply(provenance);
        let (now, image) = (self.at(), self.image.clone());
        self.manager.apply(now, &mut self.stores, &delta, &image);
        self.drain();
    }

    /// What a node does after every input.
    fn drain(&mut self) {
        let now = self.at();
        self.manager.tick(now, &mut self.stores);
        while let Some(output) = self.manager.poll_output() {
            match output {
                Output::SendAssignReplicasToDirs { request_id, request } => self.told = Some((request_id, request)),
                Output::Load { load_id, directory, range } => self.loads.push_back((load_id, directory, range)),
                Output::Event(Event::ReplicaMoved { from, to, .. }) => self.moves.push((from, to)),
                _ => {}
            }
        }
        for (store, storing) in self.stores.iter_mut().zip(&mut self.storing) {
            storing.extend(store.take());
        }
    }

    /// Lets a batch of a directory reach its disk; false where none is on its way.
    fn store(&mut self, directory: usize) -> bool {
        let Some((ticket, commands)) = self.storing[directory].pop_front() else { return false };
        self.disks[directory].apply(&commands);
        let now = self.at();
        self.manager.stored(now, directory, ticket);
        self.drain();
        true
    }

    /// The controller commits what it was told, and answers.
    fn assign(&mut self) -> bool {
        let Some((request_id, request)) = self.told.take() else { return false };
        let directory = request.directories[0].id;
        self.change(&[MetadataRecord::PartitionChange(m::PartitionChangeRecord {
            topic_id: TOPIC_ID,
            partition_id: 0,
            directories: Some(vec![directory]),
            ..Default::default()
        })]);
        let partitions = vec![m::assign_replicas_to_dirs_response::PartitionData::default()];
        let topics = vec![m::assign_replicas_to_dirs_response::TopicData { topic_id: TOPIC_ID, partitions }];
        let directories = vec![m::assign_replicas_to_dirs_response::DirectoryData { id: directory, topics }];
        let response = m::AssignReplicasToDirsResponse { directories, ..Default::default() };
        let now = self.at();
        self.manager.assign_replicas_to_dirs_response(now, request_id, Ok(response));
        self.drain();
        true
    }

    fn load(&mut self) -> bool {
        let Some((load_id, directory, range)) = self.loads.pop_front() else { return false };
        let now = self.at();
        match self.disks[directory].read(&range) {
            Some(bytes) => self.manager.loaded(now, load_id, &bytes),
            None => self.manager.load_failed(now, load_id),
        }
        self.drain();
        true
    }

    fn pass(&mut self, millis: u64) {
        self.now = self.now + Duration::from_millis(millis);
        self.drain();
    }

    /// Everything that can happen happens, until nothing more does.
    fn rest(&mut self) {
        for _ in 0..1000 {
            let mut moved = self.assign() | self.load();
            for directory in 0..3 {
                moved |= self.store(directory);
            }
            self.pass(100);
            if !moved && self.manager.misplaced().is_empty() {
                return;
            }
        }
        panic!("{:?}", self.manager.log_directories());
    }

    fn alter(&mut self, partition: &TopicPartition, path: &str) -> ErrorCode {
        let topics =
            vec![AlterReplicaLogDirTopic { name: partition.topic.clone(), partitions: vec![partition.partition] }];
        let request = m::AlterReplicaLogDirsRequest { dirs: vec![AlterReplicaLogDir { path: path.into(), topics }] };
        let now = self.at();
        let response = self.manager.alter_replica_log_dirs(now, &mut self.stores, &request);
        self.drain();
        ErrorCode::from_code(response.results[0].partitions[0].error_code).unwrap()
    }

    /// Appends records of so many bytes.
    fn append(&mut self, count: usize, bytes: usize) {
        for _ in 0..count {
            let mut value = alloc::format!("{};", self.written).into_bytes();
            value.resize(value.len().max(bytes), b'.');
            let mut batch = BatchBuilder::new(0);
            batch.append(1_700_000_000_000, None, Some(&value), &[]);
            let now = self.at();
            self.manager.append_local(now, &mut self.stores, &tp(), &batch.build(), -1).unwrap();
            self.written += 1;
            self.drain();
        }
    }

    fn high_watermark(&self) -> Offset {
        self.manager.logs().log(&tp()).unwrap().high_watermark()
    }

    /// Index of the directory that the partition's current log is in.
    fn directory(&self) -> usize {
        self.manager.logs().log(&tp()).unwrap().directory()
    }

    /// The same as the controller knows it.
    fn assigned(&self) -> Option<usize> {
        let assigned = self.image.topics.partition(TOPIC_ID, 0).unwrap().directory(0);
        directory_ids().iter().position(|id| *id == assigned)
    }

    /// The numbers of the records of the current log.
    fn numbers(&self) -> Vec<i64> {
        let log = self.manager.logs().log(&tp()).unwrap();
        let disk = &self.disks[log.directory()];
        let batches = log.batches(log.log_start_offset(), log.log_end_offset(), |range| disk.read(range));
        let of = |value: &[u8]| String::from_utf8_lossy(value).split(';').next().unwrap().parse().unwrap();
        batches
            .iter()
            .flat_map(|batch| batch.iter().unwrap().map(|record| of(&record.unwrap().value.unwrap())))
            .collect()
    }

    /// Where the partition's logs are stored: index of the directory, and which it is by its name.
    fn places(&self) -> Vec<(usize, &'static str)> {
        let mut places = Vec::new();
        for (index, disk) in self.disks.iter().enumerate() {
            let names: SortedSet<&str> = disk.files().filter_map(|(path, _)| Some(path.split_once('/')?.0)).collect();
            places
                .extend(names.iter().map(|name| (index, if name.ends_with("-future") { "future" } else { "current" })));
        }
        places
    }
}

#[test]
fn a_log_that_moved_has_all_its_records_and_its_high_watermark() {
    let mut world = World::new();
    world.append(40, 300);
    world.rest();
    assert_eq!(world.alter(&tp(), "/b"), ErrorCode::None);
    world.append(5, 300);
    world.rest();
    assert_eq!((world.directory(), world.assigned(), world.high_watermark()), (1, Some(1), 45));
    assert_eq!(world.moves, [("/a".into(), "/b".into())]);
    assert_eq!(world.places(), [(1, "current")]);
    let before: Vec<i64> = (0..45).collect();
    assert_eq!(world.numbers(), before);
    world.append(3, 300);
    world.rest();
    world.power_off([0; 3]);
    world.start();
    assert_eq!(world.numbers(), (0..48).collect::<Vec<i64>>());
    assert_eq!(world.directory(), 1);
}

#[test]
fn the_controller_knows_before_a_log_takes_the_place_of_another_and_that_one_stays_until_it_is_stored() {
    let mut world = World::new();
    world.append(10, 10);
    world.rest();
    world.alter(&tp(), "/b");
    while world.store(1) {}
    assert_eq!(world.places(), [(0, "current"), (1, "future")]);
    let views = world.manager.log_directories();
    let future = views[1].replicas[0].clone();
    assert_eq!((future.is_future, future.offset_lag, future.size), (true, 0, views[0].replicas[0].size));
    world.pass(99);
    assert!(world.told.is_none(), "what is told waits for more to tell");
    world.pass(1);
    assert_eq!(world.directory(), 0);
    assert!(world.assign());
    assert_eq!((world.directory(), world.assigned()), (1, Some(1)));
    while world.store(0) {}
    assert_eq!(world.places(), [(0, "current"), (1, "future")]);
    while world.store(1) {}
    assert_eq!(world.places(), [(0, "current"), (1, "current")]);
    while world.store(0) {}
    assert_eq!(world.places(), [(1, "current")]);
}

#[test]
fn what_cannot_move_is_refused_as_kafka_does() {
    let mut world = World::new();
    world.change(&[
        MetadataRecord::Topic(m::TopicRecord { name: Str::from_static("other"), topic_id: Uuid::from_u128(8) }),
        MetadataRecord::Partition(m::PartitionRecord {
            partition_id: 0,
            topic_id: Uuid::from_u128(8),
            replicas: vec![1],
            isr: vec![1],
            leader: 1,
            directories: vec![Uuid::from_u128(1)],
            ..Default::default()
        }),
    ]);
    let other = TopicPartition::new("other", 0);
    let long = |length| TopicPartition::new("n".repeat(length).as_str(), 0);
    for (partition, path, error) in [
        (tp(), "/no/such/directory", ErrorCode::LogDirNotFound),
        (tp(), "/a", ErrorCode::None),
        (long(214), "/b", ErrorCode::InvalidTopicException),
        (long(213), "/b", ErrorCode::UnknownTopicOrPartition),
        (other.clone(), "/c", ErrorCode::ReplicaNotAvailable),
    ] {
        assert_eq!(world.alter(&partition, path), error, "{partition} to {path}");
        assert!(world.manager.logs().futures().next().is_none());
    }
    world.manager.logs_mut().cordon(&["/b".into()]);
    assert_eq!(world.alter(&tp(), "/b"), ErrorCode::InvalidReplicaAssignment);
    world.manager.logs_mut().cordon(&[]);
    // What was asked for counts once the replica comes.
    world.change(&[MetadataRecord::PartitionChange(m::PartitionChangeRecord {
        partition_id: 0,
        topic_id: Uuid::from_u128(8),
        replicas: Some(vec![1, 0]),
        directories: Some(vec![Uuid::from_u128(1); 2]),
        ..Default::default()
    })]);
    assert_eq!(world.manager.logs().log(&other).map(UnifiedLog::directory), Some(2));
    let now = world.at();
    world.manager.store_failed(now, 2);
    for (partition, path) in [(tp(), "/c"), (tp(), "/b"), (other, "/b")] {
        assert_eq!(world.alter(&partition, path), ErrorCode::KafkaStorageError, "{partition} to {path}");
    }
}

#[test]
fn a_move_that_ends_early_leaves_nothing_and_the_controller_hears_of_it() {
    type End = fn(&mut World);
    let back: End = |world| assert_eq!(world.alter(&tp(), "/a"), ErrorCode::None);
    let failed: End = |world| {
        let now = world.at();
        world.manager.store_failed(now, 1);
        world.disks[1] = MemoryDisk::default();
        world.storing[1].clear();
        world.drain();
    };
    for (what, end) in [("asked back", back), ("a failed directory", failed)] {
        let mut world = World::new();
        world.append(10, 10);
        world.rest();
        assert_eq!(world.alter(&tp(), "/b"), ErrorCode::None);
        let future = |world: &World| world.manager.logs().future(&tp()).map(|log| log.directory_name().clone());
        let first = future(&world);
        assert_eq!((world.alter(&tp(), "/b"), future(&world)), (ErrorCode::None, first), "asked twice");
        world.pass(100);
        // It is on its way to the controller and cannot be called back.
        assert!(world.told.is_some());
        end(&mut world);
        assert!(world.assign());
        assert_eq!((world.directory(), world.assigned()), (0, Some(1)), "{what}");
        world.rest();
        assert_eq!((world.assigned(), world.places()), (Some(0), vec![(0, "current")]), "{what}");
    }
    let mut world = World::new();
    world.append(10, 10);
    world.alter(&tp(), "/b");
    world.alter(&tp(), "/c");
    world.rest();
    assert_eq!((world.assigned(), world.places()), (Some(2), vec![(2, "current")]), "another directory");
}

#[test]
fn a_crash_at_any_point_of_the_last_step_is_made_good_at_the_next_start() {
    // Batches that still reach the disks, where the current log is after the start, and where in the end.
    for (what, kept, first) in [
        ("the controller knows, nothing is stored", [0, 0, 0], 1),
        ("the new name is stored, the old log not deleted", [0, 9, 0], 1),
        ("all is stored", [9, 9, 0], 1),
    ] {
        let mut world = World::new();
        world.append(20, 300);
        world.alter(&tp(), "/b");
        for _ in 0..20 {
            world.store(0);
            world.store(1);
        }
        world.pass(100);
        assert!(world.assign());
        if kept[0] > 0 {
            while world.store(1) {}
        }
        world.power_off(kept);
        world.start();
        assert_eq!((world.directory(), world.assigned()), (first, Some(1)), "{what}");
        assert_eq!(world.numbers(), (0..20).collect::<Vec<i64>>(), "{what}");
        world.rest();
        assert_eq!(world.places(), [(1, "current")], "{what}");
    }
    // The controller knows, but the future log has less: the move goes on, and nothing is lost.
    let mut world = World::new();
    world.append(20, 300);
    world.alter(&tp(), "/b");
    while world.store(0) {}
    world.store(1);
    world.pass(100);
    assert!(world.told.is_some());
    world.append(4, 300);
    while world.store(0) {}
    assert_eq!(world.high_watermark(), 24);
    assert!(world.assign());
    world.power_off([0; 3]);
    world.start();
    assert_eq!((world.directory(), world.assigned()), (0, Some(1)));
    world.rest();
    assert_eq!((world.numbers().len(), world.places()), (24, vec![(1, "current")]));
}

#[test]
fn whatever_fails_when_committed_records_stay() {
    for seed in 0..200 {
        std::println!("seed {seed}");
        let mut rng = Rng::new(seed);
        let mut world = World::new();
        for _ in 0..60 {
            match rng.below(12) {
                0..=2 => world.append(1 + rng.below(5) as usize, 1 + rng.below(400) as usize),
                3..=6 => drop(world.store(rng.below(3) as usize)),
                7 => drop(world.assign()),
                8 => drop(world.load()),
                9 => world.pass(50 + rng.below(100)),
                10 => drop(world.alter(&tp(), PATHS[rng.below(3) as usize])),
                _ => {
                    let committed = world.high_watermark();
                    world.power_off([(); 3].map(|()| rng.below(4) as usize));
                    world.start();
                    let numbers = world.numbers();
                    assert!(numbers.len() as i64 >= committed, "{} of {committed}", numbers.len());
                    assert!(numbers.iter().copied().eq(0..numbers.len() as i64));
                    world.written = numbers.len() as i64;
                }
            }
        }
        let destination = rng.below(3) as usize;
        world.alter(&tp(), PATHS[destination]);
        world.rest();
        assert_eq!((world.places(), world.assigned()), (vec![(destination, "current")], Some(destination)));
        assert!(world.numbers().into_iter().eq(0..world.written));
    }
}

#[test]
fn a_move_keeps_the_rate_it_is_given() {
    let mut world = World::new();
    world.append(40, 300);
    world.rest();
    world.change(&[MetadataRecord::Config(m::ConfigRecord {
        resource_type: 4,
        resource_name: Str::from_static("0"),
        name: Str::from_static("replica.alter.log.dirs.io.max.bytes.per.second"),
        value: Some(Str::from_static("2000")),
    })]);
    world.alter(&tp(), "/b");
    let size = world.manager.logs().log(&tp()).unwrap().size();
    let mut seconds = 0;
    while world.directory() == 0 {
        for _ in 0..10 {
            world.pass(100);
            while world.store(1) {}
            world.assign();
        }
        seconds += 1;
        let copied = world.manager.logs().future(&tp()).map_or(size, UnifiedLog::size);
        assert!(copied <= 2000 * (seconds + 2), "{copied} bytes in {seconds} s");
        assert!(seconds < 20);
    }
    assert!(seconds >= size / 2000 - 1, "{size} bytes in {seconds} s");
}
