use super::*;

/// Checks what must hold of every partition, and that nothing ever goes back.
fn check_partitions(before: &MetadataImage, after: &MetadataImage, context: &str) {
    for (topic, index, partition) in after.topics.all_partitions() {
        let at = format!("{context}: {}-{index} {partition:?}", topic.name);
        assert!(!partition.isr.is_empty(), "{at}");
        assert!(partition.isr.iter().all(|member| partition.replicas.contains(member)), "{at}");
        if partition.has_leader() {
            assert!(partition.isr.contains(&partition.leader), "{at}");
            assert!(after.cluster.is_unfenced(partition.leader), "{at}");
        } else {
            let can_lead = |member: &NodeId| after.cluster.is_active(*member);
            assert!(!partition.isr.iter().any(can_lead), "{at}");
        }
        if let Some(old) = before.topics.partition(topic.id, index) {
            assert!(
                old.leader_epoch <= partition.leader_epoch && old.partition_epoch <= partition.partition_epoch,
                "{at}"
            );
            let same_epoch = old.leader_epoch == partition.leader_epoch;
            assert!(!same_epoch || old.leader == partition.leader, "one leader an epoch: {at}");
            assert!(old.partition_epoch < partition.partition_epoch || old == partition, "{at}");
        }
    }
    for broker in after.cluster.brokers() {
        let old = before.cluster.broker(broker.id).map_or(-1, |old| old.epoch);
        assert!(old <= broker.epoch, "{context}: {broker:?}");
    }
}

fn random_isr(harness: &Harness, rng: &mut Rng) -> Option<ControllerRequest> {
    let partitions: Vec<_> = harness.image().topics.all_partitions().filter(|(_, _, one)| one.has_leader()).collect();
    let (topic, index, partition) = partitions.get(rng.below(partitions.len() as u64) as usize)?;
    let epoch = |id| harness.image().cluster.broker(id).map_or(-1, |broker| broker.epoch);
    let wanted = partition.replicas.iter().filter(|id| **id == partition.leader || rng.chance(2, 3));
    let members: Vec<_> = wanted.map(|&id| (id, epoch(id))).collect();
    let mut request =
        topics::alter_partition(topic.id, (partition.leader, epoch(partition.leader)), partition, &members);
    request.topics[0].partitions[0].partition_index = *index;
    Some(ControllerRequest::AlterPartition(request))
}

fn random_step(harness: &mut Harness, rng: &mut Rng, step: usize) {
    let id = rng.below(5) as NodeId;
    match rng.below(12) {
        0 => {
            harness.register(id);
        }
        1 | 2 => {
            harness.heartbeat(id);
        }
        3 => {
            harness.heartbeat_with(id, |request| request.want_shut_down = true);
        }
        4 => {
            harness.heartbeat_with(id, |request| request.want_fence = true);
        }
        5 => harness.advance(Duration::from_millis(rng.below(5000))),
        6 => {
            let topic = m::create_topics_request::CreatableTopic {
                name: format!("topic{step}").into(),
                num_partitions: 1 + rng.below(3) as i32,
                replication_factor: 1 + rng.below(3) as i16,
                ..Default::default()
            };
            harness.create_topic(topic);
        }
        7 if rng.chance(1, 4) => {
            let name = harness.image().topics.iter().next().map(|topic| topic.name.clone());
            let request = m::DeleteTopicsRequest { topic_names: name.into_iter().collect(), ..Default::default() };
            harness.ask(ControllerRequest::DeleteTopics(request));
        }
        8 if rng.chance(1, 8) => {
            let now = harness.now();
            harness.controller.renounce(now);
            let next_offset = harness.log.len() as Offset;
            harness.controller.claim(now, 1, next_offset);
            harness.drain();
        }
        9 => {
            let request = m::ElectLeadersRequest { election_type: 0, ..Default::default() };
            harness.ask(ControllerRequest::ElectLeaders(request));
        }
        _ => {
            if let Some(request) = random_isr(harness, rng) {
                harness.ask(request);
            }
        }
    }
    // Most brokers live most of the time.
    for other in 0..5 {
        if rng.chance(3, 4) {
            harness.heartbeat(other);
        }
    }
}

#[test]
fn births_and_deaths_keep_the_cluster_sound() {
    for seed in 0..60 {
        let mut rng = Rng::new(seed);
        let mut harness = Harness::with("metadata.max.idle.interval.ms=0", seed);
        (0..5).for_each(|id| harness.start_broker(id));
        for step in 0..150 {
            let before = harness.image().clone();
            random_step(&mut harness, &mut rng, step);
            check_partitions(&before, harness.image(), &format!("seed {seed} step {step}"));
        }
        assert!(harness.responses.is_empty(), "seed {seed}");
        let mut replayed = MetadataDelta::new(&MetadataImage::default());
        harness.log.iter().for_each(|record| replayed.replay(record).unwrap());
        assert!(replayed.image().same_cluster(harness.image()), "seed {seed}");
        let mut rebuilt = MetadataDelta::new(&MetadataImage::default());
        harness.image().to_records().iter().for_each(|record| rebuilt.replay(record).unwrap());
        assert!(rebuilt.image().same_cluster(harness.image()), "seed {seed}");
    }
}
