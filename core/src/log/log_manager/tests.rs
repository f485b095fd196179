extern crate std;

use super::super::memory_disk::MemoryDisk;
use super::super::segment::Cold;
use super::super::unified_log::{AppendOrigin, Read};
use super::*;
use crate::record::{BatchBuilder, Batches};
use crate::rng::Rng;
use alloc::format;
use alloc::string::String;

const WALL: i64 = 1_700_000_000_000;

fn now() -> Now {
    Now { monotonic: Instant::from_millis(1), wall_ms: WALL }
}

fn partition() -> TopicPartition {
    TopicPartition::new("t", 0)
}

fn config() -> LogManagerConfig {
    let default_log = LogConfig { segment_bytes: 1500, index_interval_bytes: 300, ..LogConfig::default() };
    LogManagerConfig { default_log, ..LogManagerConfig::default() }
}

/// Opens what `disk` holds; what loading repairs is stored at once.
fn open(disk: &mut MemoryDisk) -> (LogManager, Vec<StoreQueue>) {
    let mut manager = LogManager::new(now(), config(), &[disk.listing("/logs")]);
    let mut stores = alloc::vec![StoreQueue::default()];
    let mut asked = VecDeque::new();
    loop {
        while let Some(request) = manager.next_load(now(), &mut stores) {
            asked.push_back(request);
        }
        let Some(request) = asked.pop_front() else { break };
        let bytes = disk.read(&request.range).unwrap();
        manager.load_done(request.id, &bytes, &mut stores);
    }
    assert!(manager.is_loaded());
    while let Some((ticket, commands)) = stores[0].take() {
        disk.apply(&commands);
        manager.stored(0, ticket);
    }
    (manager, stores)
}

/// What one batch is to be.
#[derive(Clone, Debug, PartialEq)]
struct ModelBatch {
    base: Offset,
    epoch: i32,
    /// Id and first sequence.
    producer: Option<(i64, i32)>,
    values: Vec<String>,
}

impl ModelBatch {
    fn end(&self) -> Offset {
        self.base + self.values.len() as Offset
    }
}

/// What the log is to be: every batch since it last began anew.
#[derive(Clone, Debug, Default)]
struct Model {
    start: Offset,
    end: Offset,
    batches: Vec<ModelBatch>,
}

impl Model {
    fn records(&self, from: Offset) -> Vec<(Offset, String)> {
        let all = self.batches.iter().flat_map(|batch| {
            batch.values.iter().enumerate().map(|(index, value)| (batch.base + index as Offset, value.clone()))
        });
        all.filter(|&(offset, _)| offset >= from).collect()
    }

    /// By producer: last sequence and last offset.
    fn producers(&self) -> SortedMap<i64, (i32, Offset)> {
        let mut last = SortedMap::new();
        for batch in &self.batches {
            if let Some((id, first)) = batch.producer {
                last.insert(id, (first + batch.values.len() as i32 - 1, batch.end() - 1));
            }
        }
        last
    }
}

/// The real log, its disk, and the model of both.
struct World {
    rng: Rng,
    manager: LogManager,
    stores: Vec<StoreQueue>,
    disk: MemoryDisk,
    model: Model,
    stored: Model,
    on_the_way: VecDeque<(Ticket, Vec<StoreCommand>, Model)>,
    counter: u64,
    epoch: i32,
}

impl World {
    fn new(seed: u64) -> Self {
        let mut disk = MemoryDisk::default();
        let (mut manager, mut stores) = open(&mut disk);
        let log_config = config().default_log;
        manager.log_or_create(now(), &partition(), Uuid::from_u128(9), None, log_config, &mut stores).unwrap();
        let mut world = Self {
            rng: Rng::new(seed),
            manager,
            stores,
            disk,
            model: Model::default(),
            stored: Model::default(),
            on_the_way: VecDeque::new(),
            counter: 0,
            epoch: 0,
        };
        world.emit();
        world.store(usize::MAX);
        world
    }

    fn log(&mut self) -> &mut UnifiedLog {
        self.manager.log_mut(&partition()).unwrap()
    }

    /// The drain of a node: what is queued becomes a batch under way.
    fn emit(&mut self) {
        self.manager.tick(now(), &mut self.stores);
        if let Some((ticket, commands)) = self.stores[0].take() {
            self.on_the_way.push_back((ticket, commands, self.model.clone()));
        }
    }

    fn store(&mut self, count: usize) {
        for _ in 0..count.min(self.on_the_way.len()) {
            let (ticket, commands, model) = self.on_the_way.pop_front().unwrap();
            self.disk.apply(&commands);
            self.stored = model;
            self.manager.stored(0, ticket);
        }
        let recovery_point = self.log().recovery_point();
        assert!(recovery_point <= self.stored.end);
        let below = |model: &Model| -> Vec<_> {
            let start = self.model.start.max(self.stored.start);
            model.records(start).into_iter().filter(|&(offset, _)| offset < recovery_point).collect()
        };
        assert_eq!(below(&self.stored), below(&self.model), "what is said to be stored is");
        if self.on_the_way.is_empty() && self.stores[0].is_empty() {
            assert_eq!(recovery_point, self.model.end);
        }
    }

    /// Does `change`, loading what it needs from what is stored first.
    fn with_cold<T>(&mut self, mut change: impl FnMut(&mut UnifiedLog, &mut StoreQueue) -> Result<T, Cold>) -> T {
        loop {
            let log = self.manager.log_mut(&partition()).unwrap();
            match change(log, &mut self.stores[0]) {
                Ok(done) => return done,
                Err(Cold(range)) => {
                    // A load sees what was emitted before it.
                    self.emit();
                    self.store(usize::MAX);
                    let bytes = self.disk.read(&range).unwrap();
                    self.log().loaded(now().monotonic, &range, &bytes);
                }
            }
        }
    }

    fn append(&mut self) {
        let base = self.model.end;
        let producer = self.rng.chance(1, 2).then(|| {
            let id = 1 + self.rng.below(3) as i64;
            (id, self.model.producers().get(&id).map_or(0, |&(last, _)| last + 1))
        });
        let mut builder = BatchBuilder::new(0);
        if let Some((id, sequence)) = producer {
            builder = builder.with_producer(id, 0, sequence);
        }
        let mut values = Vec::new();
        for _ in 0..=self.rng.below(4) {
            self.counter += 1;
            let value = format!("value {}", self.counter);
            builder.append(WALL + self.counter as i64, None, Some(value.as_bytes()), &[]);
            values.push(value);
        }
        let (epoch, origin) = (self.epoch, AppendOrigin::Client);
        let log = self.manager.log_mut(&partition()).unwrap();
        let info = log.append_as_leader(now(), &builder.build(), epoch, origin, &mut self.stores[0]).unwrap();
        assert_eq!((info.first_offset, info.duplicate), (base, false));
        self.model.end = base + values.len() as Offset;
        self.model.batches.push(ModelBatch { base, epoch, producer, values });
    }

    fn truncate(&mut self) {
        let keep = self.rng.below(self.model.batches.len() as u64 + 1) as usize;
        let target = self.model.batches.get(keep).map_or(self.model.end, |batch| batch.base);
        if target < self.model.start {
            return;
        }
        self.with_cold(|log, store| log.truncate_to(now(), target, store));
        self.model.batches.truncate(keep);
        self.model.end = target;
    }

    fn begin_anew(&mut self) {
        let offset = self.rng.below(500) as Offset;
        self.with_cold(|log, store| {
            log.truncate_fully_and_start_at(now(), offset, store);
            Ok(())
        });
        self.model = Model { start: offset, end: offset, batches: Vec::new() };
    }

    fn delete_at_start(&mut self) {
        let high_watermark = self.log().high_watermark();
        let span = (high_watermark - self.model.start).max(0) as u64;
        let offset = self.model.start + self.rng.below(span + 1) as Offset;
        let log = self.manager.log_mut(&partition()).unwrap();
        if offset > high_watermark {
            return;
        }
        log.increment_log_start_offset(offset, &mut self.stores[0]).unwrap();
        log.delete_retention(now(), &mut self.stores[0]);
        self.model.start = self.model.start.max(offset);
        assert_eq!(log.log_start_offset(), self.model.start);
    }

    fn evict(&mut self) {
        let count = self.rng.below(4);
        let log = self.log();
        for _ in 0..count {
            if let Some(coldest) = log.coldest(Instant::from_millis(1_000_000)) {
                assert!(log.evict(coldest, Instant::from_millis(1_000_000)) > 0);
            }
        }
    }

    fn restart(&mut self) {
        if self.rng.chance(1, 3) {
            // kill -9: what was handed over is still stored.
            self.emit();
            self.store(usize::MAX);
        } else if self.rng.chance(1, 2) {
            self.manager.shut_down(5, &mut self.stores);
            self.emit();
            self.store(usize::MAX);
        }
        self.on_the_way.clear();
        let clean = self.disk.file(CLEAN_SHUTDOWN).is_some();
        (self.manager, self.stores) = open(&mut self.disk);
        assert_eq!(self.manager.previous_broker_epoch(), if clean { 5 } else { -1 });
        assert!(self.disk.file(CLEAN_SHUTDOWN).is_none());
        self.model = self.stored.clone();
        // Log start offsets between checkpoints are lost, as Kafka's are, where neither the segments nor the epochs that are
        // left tell of them.
        let start = self.log().log_start_offset();
        assert!(start <= self.model.start, "{start} {}", self.model.start);
        self.model.start = start;
        self.stored.start = start;
    }

    fn check(&mut self) {
        let model = self.model.clone();
        let log = self.log();
        assert_eq!(log.log_end_offset(), model.end);
        let producers: SortedMap<i64, (i32, Offset)> = log
            .producer_state()
            .producers()
            .iter()
            .map(|(&id, entry)| (id, (entry.last_sequence(), entry.batches.back().unwrap().last_offset)))
            .collect();
        assert_eq!(producers, model.producers());
        for batch in model.batches.iter().filter(|batch| batch.base >= model.start) {
            let cache = log.leader_epoch_cache();
            assert_eq!(cache.epoch_for_offset(batch.base), Some(batch.epoch), "{batch:?} {cache:?} {}", model.start);
        }
        let mut offset = model.start;
        let mut records = Vec::new();
        while offset < model.end {
            let max_bytes = 1 + self.rng.below(3000) as usize;
            let read = self.with_cold(|log, _| match log.read(offset, max_bytes, Offset::MAX, true).unwrap() {
                Read::Cold(range) => Err(Cold(range)),
                Read::Data { records } => Ok(records.to_bytes()),
            });
            for batch in Batches::new(read) {
                let batch = batch.unwrap();
                batch.check_crc().unwrap();
                for record in batch.iter().unwrap() {
                    let record = record.unwrap();
                    if record.offset >= offset {
                        records.push((record.offset, String::from_utf8(record.value.unwrap().to_vec()).unwrap()));
                    }
                }
            }
            let next = records.last().map_or(model.end, |(last, _)| last + 1);
            assert!(next > offset, "a read below the end brings something");
            offset = next;
        }
        assert_eq!(records, model.records(model.start));
    }
}

#[test]
fn after_any_crash_a_log_is_what_was_stored() {
    for seed in 0..100 {
        std::println!("seed {seed}");
        let mut world = World::new(seed);
        for _ in 0..300 {
            match world.rng.below(40) {
                0 => world.truncate(),
                1 if world.rng.chance(1, 8) => world.begin_anew(),
                2 => world.delete_at_start(),
                3..=5 => world.evict(),
                6 => {
                    world.restart();
                    world.check();
                }
                7 => world.epoch += 1,
                8 => world.check(),
                9..=14 => {
                    let end = world.model.end;
                    world.log().maybe_increment_high_watermark(end);
                }
                15..=20 => {
                    let count = 1 + world.rng.below(3) as usize;
                    world.store(count);
                }
                _ => world.append(),
            }
            if world.rng.chance(2, 3) {
                world.emit();
            }
        }
    }
}

#[test]
fn a_damaged_tail_is_cut_off_and_told() {
    let mut world = World::new(1);
    for _ in 0..40 {
        world.append();
        world.emit();
    }
    world.store(usize::MAX);
    let active = world.log().segments().last().unwrap();
    let path = format!("t-0/{:020}.log", active.0);
    let whole = world.disk.file(&path).unwrap().to_vec();
    let last = world.model.batches.last().unwrap().clone();
    let last_size = Batches::new(whole.clone().into()).last().unwrap().unwrap().size();
    // What is done to the file, and the bytes that are discarded.
    type Damage = (&'static str, fn(&mut Vec<u8>), u64);
    let damages: [Damage; 4] = [
        ("a byte flipped", |file| *file.last_mut().unwrap() ^= 1, last_size as u64),
        ("cut off", |file| file.truncate(file.len() - 1), last_size as u64 - 1),
        ("zeros after it", |file| file.extend([0; 100]), 100),
        ("half a header after it", |file| file.extend([7; 20]), 20),
    ];
    for (what, damage, discarded) in damages {
        let mut disk = world.disk.clone();
        damage(disk.file_mut(&path).unwrap());
        let (mut manager, _) = open(&mut disk);
        let end = if discarded == 100 || discarded == 20 { world.model.end } else { last.base };
        let recovered = Event::LogRecovered { partition: partition(), log_end_offset: end, discarded_bytes: discarded };
        assert_eq!(manager.poll_event(), Some(recovered), "{what}");
        let expected = whole.len() - if end == last.base { last_size } else { 0 };
        assert_eq!(disk.file(&path).unwrap(), &whole[..expected], "{what}");
    }
}

#[test]
fn each_segment_has_its_indexes_and_those_of_the_active_one_are_empty() {
    for seed in 0..20 {
        std::println!("seed {seed}");
        let mut world = World::new(seed);
        let mut closed = 0;
        for step in 0..200 {
            match world.rng.below(20) {
                0 => world.truncate(),
                1 if world.rng.chance(1, 8) => world.begin_anew(),
                2 => world.restart(),
                _ => world.append(),
            }
            world.emit();
            world.store(usize::MAX);
            let length = |path: &str| world.disk.file(path).map(<[u8]>::len);
            let logs = world.disk.files().map(|(path, _)| path).filter_map(|path| path.strip_suffix(".log"));
            let segments: Vec<_> =
                logs.map(|path| [".index", ".timeindex"].map(|of| length(&format!("{path}{of}")))).collect();
            let (active, others) = segments.split_last().expect("a segment");
            assert_eq!(*active, [Some(0), Some(0)], "step {step}");
            assert!(others.iter().flatten().all(Option::is_some), "step {step}: {others:?}");
            closed += others.len();
        }
        assert!(closed > 0, "all segments were active");
    }
}

#[test]
fn a_log_is_rebuilt_without_its_small_files() {
    let mut world = World::new(2);
    for index in 0..80 {
        world.epoch = index / 10;
        world.append();
        world.emit();
    }
    world.store(usize::MAX);
    let before = world.log().clone();
    for suffix in [".index", ".timeindex", ".snapshot", "leader-epoch-checkpoint", ""] {
        let mut disk = world.disk.clone();
        let gone: Vec<_> = disk
            .files()
            .map(|(path, _)| path.clone())
            .filter(|path| if suffix.is_empty() { !path.ends_with(".log") } else { path.ends_with(suffix) })
            .collect();
        assert!(!gone.is_empty());
        disk.apply(&gone.iter().cloned().map(|file| StoreCommand::Delete { file }).collect::<Vec<_>>());
        let (mut manager, _) = open(&mut disk);
        let log = manager.log_mut(&partition()).unwrap();
        assert_eq!(log.leader_epoch_cache(), before.leader_epoch_cache(), "{suffix}");
        for (id, entry) in before.producer_state().producers() {
            let loaded = &log.producer_state().producers()[id];
            assert_eq!(loaded.batches.back(), entry.batches.back(), "{suffix}");
        }
        for path in gone.iter().filter(|path| path.ends_with("index")) {
            let rebuilt = disk.file(path);
            assert_eq!(rebuilt, world.disk.file(path), "{path}");
        }
    }
}

#[test]
fn memory_stays_within_the_budget() {
    let mut world = World::new(3);
    world.manager.config.memory_budget = 6000;
    for _ in 0..400 {
        world.append();
        world.emit();
        world.store(usize::MAX);
        let end = world.model.end;
        world.log().maybe_increment_high_watermark(end);
        world.manager.tick(now(), &mut world.stores);
    }
    assert!(world.log().size() > 20_000);
    let slack = BUDGET_CHECK / 2 * 150;
    assert!(world.manager.warm_bytes() <= 6000 + slack, "{}", world.manager.warm_bytes());
    world.check();
}

#[test]
fn a_failed_directory_takes_its_logs_with_it() {
    let directories = ["/a", "/b"].map(|path| LogDirectory { path: path.into(), files: Vec::new() });
    let mut manager = LogManager::new(now(), config(), &directories);
    let mut stores = alloc::vec![StoreQueue::default(); 2];
    let names: Vec<_> = (0..4).map(|index| TopicPartition::new("t", index)).collect();
    for name in &names {
        manager.log_or_create(now(), name, Uuid::ZERO, None, LogConfig::default(), &mut stores).unwrap();
    }
    let directory = |manager: &LogManager, name| manager.log(name).map(UnifiedLog::directory);
    let placed: Vec<_> = names.iter().map(|name| directory(&manager, name)).collect();
    assert_eq!(placed, [Some(0), Some(1), Some(0), Some(1)]);
    assert_eq!(manager.store_failed(0), [names[0].clone(), names[2].clone()]);
    assert_eq!(manager.poll_event(), Some(Event::LogDirectoryOffline { path: "/a".into() }));
    assert_eq!(manager.store_failed(0), []);
    assert!(manager.log(&names[0]).is_none() && !manager.is_online(0));
    let created = manager.log_or_create(now(), &names[0], Uuid::ZERO, Some(0), LogConfig::default(), &mut stores);
    assert_eq!(created.unwrap().directory(), 1);
    // A cordoned directory takes logs where there is no other.
    manager.cordon(&["/b".into()]);
    assert!(manager.is_cordoned(1));
    let created = manager.log_or_create(now(), &names[2], Uuid::ZERO, None, LogConfig::default(), &mut stores);
    assert_eq!(created.unwrap().directory(), 1);
    manager.store_failed(1);
    let none = manager.log_or_create(now(), &names[1], Uuid::ZERO, None, LogConfig::default(), &mut stores);
    assert_eq!(none.map(|log| log.directory()), Err(ErrorCode::KafkaStorageError));
}

#[test]
fn a_log_of_a_deleted_topic_does_not_take_the_place_of_the_new_ones() {
    let (old, new) = (Uuid::from_u128(1), Uuid::from_u128(2));
    let mut disks = [MemoryDisk::default(), MemoryDisk::default()];
    for (directory, topic_id, records) in [(1, old, 3), (0, new, 1)] {
        // As if the other directory were not there.
        let (mut manager, mut stores) = open(&mut disks[directory]);
        let log_config = config().default_log;
        let log = manager.log_or_create(now(), &partition(), topic_id, None, log_config, &mut stores).unwrap();
        for _ in 0..records {
            let mut batch = BatchBuilder::new(0);
            batch.append(WALL, None, Some(b"value"), &[]);
            log.append_as_leader(now(), &batch.build(), 0, AppendOrigin::Client, &mut stores[0]).unwrap();
        }
        while let Some((_, commands)) = stores[0].take() {
            disks[directory].apply(&commands);
        }
    }
    let mut manager = LogManager::new(now(), config(), &[disks[0].listing("/a"), disks[1].listing("/b")]);
    let mut stores = alloc::vec![StoreQueue::default(); 2];
    while let Some(request) = manager.next_load(now(), &mut stores) {
        let bytes = disks[request.directory].read(&request.range).unwrap();
        manager.load_done(request.id, &bytes, &mut stores);
    }
    assert_eq!(manager.duplicates().count(), 1);
    manager.delete_other_topics(&partition(), new, &mut stores);
    manager.settle_duplicates(&partition(), None, &mut stores);
    let log = manager.log(&partition()).unwrap();
    assert_eq!((log.topic_id(), log.directory(), log.log_end_offset()), (new, 0, 1));
    while let Some((_, commands)) = stores[1].take() {
        disks[1].apply(&commands);
    }
    assert!(disks[1].files().all(|(path, _)| !path.starts_with("t-0/")), "the old one is gone");
}

#[test]
fn a_cordoned_directory_takes_nothing_new() {
    let directories = ["/a", "/b"].map(|path| LogDirectory { path: path.into(), files: Vec::new() });
    let mut manager = LogManager::new(now(), config(), &directories);
    let mut stores = alloc::vec![StoreQueue::default(); 2];
    let mut place = |manager: &mut LogManager, index| {
        let name = TopicPartition::new("t", index);
        let log = manager.log_or_create(now(), &name, Uuid::ZERO, None, LogConfig::default(), &mut stores);
        log.unwrap().directory()
    };
    manager.cordon(&["/a".into()]);
    assert_eq!([0, 1].map(|index| place(&mut manager, index)), [1, 1]);
    manager.cordon(&[]);
    assert_eq!([2, 3, 4].map(|index| place(&mut manager, index)), [0, 0, 0]);
}

#[test]
fn deleting_a_log_leaves_no_file() {
    let mut world = World::new(4);
    for _ in 0..60 {
        world.append();
    }
    assert!(world.manager.delete_log(&partition(), &mut world.stores));
    world.emit();
    for (_, commands, _) in &world.on_the_way {
        world.disk.apply(commands);
    }
    assert!(world.disk.files().all(|(path, _)| path.ends_with("-checkpoint")));
}
