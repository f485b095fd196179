//! From committed metadata records to images, and from images to the replicas of this broker (Kafka's `MetadataLoader` and
//! `BrokerMetadataPublisher`).

use super::broker::Broker;
use crate::metadata::{MetadataDelta, MetadataImage, MetadataRecord, Provenance};
use crate::protocol::messages as m;
use crate::raft::snapshot::SnapshotId;
use crate::text::Str;
use alloc::vec::Vec;
use bytes::Bytes;

impl Broker {
    /// A batch of the metadata log is committed; one without records only moves the offset.
    pub(super) fn metadata_committed(&mut self, last_offset: i64, epoch: i32, timestamp_ms: i64, records: &[Bytes]) {
        let provenance = Provenance { offset: last_offset, epoch, timestamp_ms };
        match decode(records) {
            Ok(records) => self.replay(provenance, &records),
            Err(reason) => self.fatal(reason),
        }
    }

    /// A snapshot takes the place of all metadata.
    pub(super) fn metadata_snapshot(&mut self, id: SnapshotId, records: &[Bytes]) {
        let provenance = Provenance { offset: id.end_offset - 1, epoch: id.epoch, timestamp_ms: -1 };
        let records = match decode(records) {
            Ok(records) => records,
            Err(reason) => return self.fatal(reason),
        };
        if let Some(controller) = self.controller.as_mut()
            && let Err(error) = controller.snapshot_loaded(provenance, &records)
        {
            return self.fatal(alloc::format!("{error}").into());
        }
        let mut loaded = MetadataDelta::new(&MetadataImage::default());
        for record in &records {
            if let Err(error) = loaded.replay(record) {
                return self.fatal(alloc::format!("{error}").into());
            }
        }
        let next = loaded.apply(provenance);
        let difference = difference(&self.image, &next);
        self.image = next;
        self.publish(provenance, &difference);
    }

    fn replay(&mut self, provenance: Provenance, records: &[MetadataRecord]) {
        if let Some(controller) = self.controller.as_mut()
            && let Err(error) = controller.committed(provenance, records)
        {
            return self.fatal(alloc::format!("{error}").into());
        }
        let mut delta = MetadataDelta::new(&self.image);
        for record in records {
            if let Err(error) = delta.replay(record) {
                return self.fatal(alloc::format!("{error}").into());
            }
        }
        self.image = delta.apply(provenance);
        if let Some(lifecycle) = self.lifecycle.as_mut() {
            lifecycle.metadata_moved(self.now.monotonic);
        }
        self.publish(provenance, records);
    }

    /// Lets the replicas live by what changed. Before the first publication nothing is passed on: a broker that lived
    /// through its past again would lead what it no longer leads.
    fn publish(&mut self, provenance: Provenance, records: &[MetadataRecord]) {
        if !self.is_published() {
            return self.publish_first();
        }
        let mut delta = MetadataDelta::new(&self.published);
        for record in records {
            if let Err(error) = delta.replay(record) {
                return self.fatal(alloc::format!("{error}").into());
            }
        }
        self.apply(&delta, provenance);
    }

    /// Publishes everything in one step once this broker's metadata has caught up with its own registration.
    pub(super) fn publish_first(&mut self) {
        let Some(lifecycle) = self.lifecycle.as_ref() else { return };
        let registered = self.image.cluster.broker(self.config.node_id);
        if self.is_published() || registered.is_none_or(|known| known.epoch != lifecycle.broker_epoch()) {
            return;
        }
        let provenance = self.image.provenance;
        let mut delta = MetadataDelta::new(&MetadataImage::default());
        for record in self.image.to_records() {
            if let Err(error) = delta.replay(&record) {
                return self.fatal(alloc::format!("{error}").into());
            }
        }
        self.apply(&delta, provenance);
        self.replica_manager.delete_stray_logs(&mut self.stores);
        self.event(crate::event::Event::Started);
    }

    fn is_published(&self) -> bool {
        self.published.provenance != Provenance::EMPTY
    }

    fn apply(&mut self, delta: &MetadataDelta, provenance: Provenance) {
        let image = delta.clone().apply(provenance);
        self.replica_manager.apply(self.now, &mut self.stores, delta, &image);
        if let Some(lifecycle) = self.lifecycle.as_mut() {
            let cordoned = self.directory_ids.iter().enumerate();
            let cordoned = cordoned.filter(|(index, _)| self.replica_manager.logs().is_cordoned(*index));
            lifecycle.log_directories_cordoned(self.now.monotonic, cordoned.map(|(_, id)| *id).collect());
        }
        let deleted = delta.changes().deleted_topics.iter();
        let deleted: Vec<(Str, crate::ids::Uuid)> = deleted.map(|(id, topic)| (topic.name.clone(), *id)).collect();
        if !deleted.is_empty() {
            self.groups.topics_deleted(self.now, &deleted);
        }
        self.published = image;
    }

    /// Writes a snapshot when enough was committed since the last.
    pub(super) fn maybe_snapshot(&mut self) {
        if !self.raft.should_snapshot(self.now.monotonic) {
            return;
        }
        let Some(id) = self.raft.next_snapshot_id().filter(|id| id.end_offset == self.image.provenance.offset + 1)
        else {
            return;
        };
        let records: Vec<Bytes> = self.image.to_records().iter().map(MetadataRecord::encode).collect();
        let store = &mut self.stores[self.metadata_directory];
        // Refused where one as new exists, which is as good.
        let _exists = self.raft.create_snapshot(self.now, id, &records, store);
    }
}

fn decode(records: &[Bytes]) -> Result<Vec<MetadataRecord>, Str> {
    let decoded: Result<Vec<_>, _> = records.iter().map(MetadataRecord::decode).collect();
    decoded.map_err(|error| alloc::format!("Unable to read the metadata log: {error}").into())
}

/// The records that make `now` of `before`: a snapshot that arrives in mid-life says what is, not what went.
fn difference(before: &MetadataImage, now: &MetadataImage) -> Vec<MetadataRecord> {
    let mut records = Vec::new();
    for topic in before.topics.iter().filter(|topic| now.topics.by_id(topic.id).is_none()) {
        records.push(MetadataRecord::RemoveTopic(m::RemoveTopicRecord { topic_id: topic.id }));
    }
    for broker in before.cluster.brokers().filter(|broker| now.cluster.broker(broker.id).is_none()) {
        let (broker_id, broker_epoch) = (broker.id, broker.epoch);
        records.push(MetadataRecord::UnregisterBroker(m::UnregisterBrokerRecord { broker_id, broker_epoch }));
    }
    for (resource, values) in before.configs.iter() {
        let gone = values.keys().filter(|key| now.configs.value(resource, key).is_none());
        records.extend(gone.map(|key| {
            MetadataRecord::Config(m::ConfigRecord {
                resource_type: resource.kind.code(),
                resource_name: resource.name.clone(),
                name: key.clone(),
                value: None,
            })
        }));
    }
    for (entity, quotas) in before.client_quotas.iter() {
        let gone = quotas.keys().filter(|key| now.client_quotas.value(entity, key).is_none());
        records.extend(gone.map(|key| entity.record(key, None)));
    }
    let known = |record: &MetadataRecord| match record {
        MetadataRecord::Topic(topic) => before.topics.by_id(topic.topic_id).is_some(),
        _ => false,
    };
    records.extend(now.to_records().into_iter().filter(|record| !known(record)));
    records
}
