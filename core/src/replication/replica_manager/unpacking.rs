//! Produce with batches that are compressed, or that the topic wants compressed otherwise: before anything of it is appended they
//! are unpacked to be checked, and compressed anew, in turns. What waits for its next turn holds up nobody: not other partitions,
//! nor other connections. Its own connection waits for its answer as for any other, so that what a producer sends stays in order.

use super::produce::is_internal;
use super::transactions::VerifiedProduce;
use super::{ProduceContext, ReplicaManager};
use crate::ids::TopicPartition;
use crate::log::storage::StoreQueue;
use crate::protocol::Records;
use crate::protocol::messages::ProduceRequest;
use crate::record::BatchHeader;
use crate::record::validate::{ClientBatchCheck, Rejection, Validated, check_produce_records};
use crate::sorted::SortedMap;
use crate::time::{Instant, Now};
use alloc::vec::Vec;
use bytes::Bytes;

/// What is unpacked in a turn, from one tick to the next, bytes: gzip takes 1.5 ms for it as wasm in V8, and no compressor more
/// than 5 ms for what it does instead. Kafka has a thread for it.
pub(super) const TURN_BYTES: usize = 128 << 10;

/// What came of a request's compressed batches, by the places of topic and partition in it.
pub(super) type Unpacked = SortedMap<(usize, usize), Result<Validated, Rejection>>;

/// A Produce that is being unpacked.
#[derive(Clone, Debug)]
pub(super) struct UnpackingProduce {
    request: ProduceRequest,
    context: ProduceContext,
    verified: VerifiedProduce,
    token: u64,
    /// Those to come, the next one last.
    batches: Vec<Batch>,
    unpacked: Unpacked,
    since: Instant,
}

#[derive(Clone, Debug)]
struct Batch {
    place: (usize, usize),
    bytes: Bytes,
    check: ClientBatchCheck,
}

impl UnpackingProduce {
    /// Does a turn; false where there is more to do.
    fn go_on(&mut self, budget: &mut usize) -> bool {
        while let Some(batch) = self.batches.last_mut() {
            let Some(validated) = batch.check.go_on(&batch.bytes, budget) else { return false };
            self.unpacked.insert(batch.place, validated);
            self.batches.pop();
        }
        true
    }
}

impl ReplicaManager {
    /// Takes a Produce request whose transactions are known to be: appends it at once where one turn is enough for it.
    pub(super) fn unpack(
        &mut self,
        now: Now,
        stores: &mut [StoreQueue],
        request: ProduceRequest,
        context: ProduceContext,
        verified: VerifiedProduce,
        token: u64,
    ) {
        let batches = self.compressed_batches(now, &request, &context, &verified);
        let unpacked = Unpacked::new();
        let since = now.monotonic;
        let produce = UnpackingProduce { request, context, verified, token, batches, unpacked, since };
        if self.unpacking.is_empty() || produce.batches.is_empty() {
            self.take_turn(now, stores, produce);
        } else {
            self.unpacking.push_back(produce);
        }
    }

    /// Another turn for what waits for one, as far as this one goes; the next one begins.
    pub(super) fn unpack_on(&mut self, now: Now, stores: &mut [StoreQueue]) {
        while self.left_of_turn > 0
            && let Some(produce) = self.unpacking.pop_front()
        {
            self.take_turn(now, stores, produce);
        }
        self.left_of_turn = TURN_BYTES;
    }

    /// When [`Self::unpack_on`] has something to do: at once.
    pub(super) fn next_unpacking(&self) -> Option<Instant> {
        self.unpacking.front().map(|produce| produce.since)
    }

    fn take_turn(&mut self, now: Now, stores: &mut [StoreQueue], mut produce: UnpackingProduce) {
        if produce.go_on(&mut self.left_of_turn) {
            let UnpackingProduce { request, context, verified, token, unpacked, .. } = produce;
            self.append_unpacked(now, stores, request, &context, &verified, unpacked, token);
        } else {
            self.unpacking.push_back(produce);
        }
    }

    /// The batches of a request that are compressed or are to be, but for those that are refused without a look into them.
    fn compressed_batches(
        &self,
        now: Now,
        request: &ProduceRequest,
        context: &ProduceContext,
        verified: &VerifiedProduce,
    ) -> Vec<Batch> {
        let mut batches = Vec::new();
        for (topic_place, topic) in request.topic_data.iter().enumerate() {
            let Ok(name) = self.topic_name(topic.topic_id, &topic.name) else { continue };
            if is_internal(&name) {
                continue;
            }
            for (place, data) in topic.partition_data.iter().enumerate() {
                let bytes = data.records.as_ref().map(Records::to_bytes).unwrap_or_default();
                let Ok(header) = BatchHeader::parse(&bytes) else { continue };
                let partition = TopicPartition { topic: name.clone(), partition: data.index };
                let Ok((_, log)) = self.led(&partition) else { continue };
                if !log.is_checked_in_turns(&header) || verified.guard(&partition).is_err() {
                    continue;
                }
                if check_produce_records(context.version, &bytes).is_ok()
                    && let Some(check) = log.client_batch_check(now, &bytes)
                {
                    batches.push(Batch { place: (topic_place, place), bytes, check });
                }
            }
        }
        batches.reverse();
        batches
    }
}
