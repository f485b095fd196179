//! Programs with transactions: some only write, pipes read, write and commit their offsets in one transaction. They end and
//! begin again, and zombies of them go on beside their successors.

use super::Simulation;
use crate::client::consumer::MemberState;
use crate::client::transactions::{ConsumerGroupMetadata, TransactionalOffset};
use crate::client::{
    ConsumerEvent, Producer, ProducerRecord, TransactionError, TransactionErrorKind, TransactionOperation,
    TransactionOutcome,
};
use crate::ids::{Offset, TopicPartition};
use crate::protocol::ErrorCode;
use crate::sim::client::{Client, ClientEvent};
use crate::sim::history::RecordId;
use crate::sim::invariant::Violation;
use crate::sim::workload::PIPE_OUTPUT;
use crate::sorted::SortedMap;
use crate::text::Str;
use crate::time::Now;
use alloc::collections::{BTreeMap, VecDeque};
use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;

/// The group of all pipes.
const PIPES: Str = Str::from_static("pipes");

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    /// Its producer finds out who it is.
    Initializing,
    /// No transaction is open.
    Ready,
    /// One is.
    Open,
    /// The offsets of a pipe are being made part of it.
    SendingOffsets,
    Committing,
    Aborting,
    /// Its producer can do nothing any more.
    Dead,
}

#[derive(Clone, Debug)]
struct Program {
    transactional_id: Str,
    producer: u32,
    /// Of a pipe.
    consumer: Option<u32>,
    state: State,
    transaction: u64,
    /// Records written, also of earlier transactions of the same producer.
    written: u64,
    /// What a pipe has read and not written.
    inbox: Vec<(TopicPartition, Offset)>,
    /// Where it goes on if the open transaction is aborted; not where somebody else may have gone on meanwhile.
    rewind: BTreeMap<TopicPartition, Offset>,
    /// Another one has its name by now.
    is_zombie: bool,
}

/// All programs, and what their clients told them.
#[derive(Clone, Debug, Default)]
pub(super) struct Programs {
    programs: Vec<Program>,
    told: VecDeque<(u32, ClientEvent)>,
}

impl Programs {
    /// The client is one of a program's.
    pub(super) fn owns(&self, client: u32) -> bool {
        self.programs.iter().any(|program| program.producer == client || program.consumer == Some(client))
    }
}

impl Simulation {
    /// Starts all programs.
    pub(super) fn begin_programs(&mut self) -> Result<(), Violation> {
        for index in 0..self.plan.transactors {
            self.start_program(format!("transactor-{index}").into(), false)?;
        }
        for index in 0..self.plan.pipes {
            self.start_program(format!("pipe-{index}").into(), true)?;
        }
        Ok(())
    }

    fn start_program(&mut self, transactional_id: Str, is_pipe: bool) -> Result<(), Violation> {
        let producer = self.workload.transactional_producer(&transactional_id);
        let number = producer.number;
        self.invariants.history.expect_once(number);
        self.invariants.expect_durable(number);
        let consumer = is_pipe.then(|| self.workload.pipe_consumer(&PIPES));
        self.programs.programs.push(Program {
            transactional_id,
            producer: number,
            consumer: consumer.as_ref().map(|consumer| consumer.number),
            state: State::Initializing,
            transaction: 0,
            written: 0,
            inbox: Vec::new(),
            rewind: BTreeMap::new(),
            is_zombie: false,
        });
        self.add(producer)?;
        if let Some(consumer) = consumer {
            self.add(consumer)?;
        }
        let index = self.programs.programs.len() - 1;
        self.call(index, State::Initializing, Producer::init_transactions)
    }

    /// A client of a program told something: it is looked at once that client is at rest.
    pub(super) fn program_is_told(&mut self, client: u32, event: ClientEvent) {
        if self.programs.owns(client) && !matches!(event, ClientEvent::Producer(_)) {
            self.programs.told.push_back((client, event));
        }
    }

    /// Programs go on.
    pub(super) fn drive_programs(&mut self) -> Result<(), Violation> {
        self.react()?;
        let mut index = 0;
        while index < self.programs.programs.len() {
            let is_wild = !self.is_healing && self.programs.programs[index].state != State::Dead;
            if is_wild && self.rng.chance(1, 80) {
                self.programs.programs[index].state = State::Dead;
            } else if is_wild && self.rng.chance(1, 120) && !self.programs.programs[index].is_zombie {
                let program = &mut self.programs.programs[index];
                program.is_zombie = true;
                let (id, is_pipe) = (program.transactional_id.clone(), program.consumer.is_some());
                self.start_program(id, is_pipe)?;
            }
            if self.drive_program(index)? {
                index += 1;
            }
        }
        self.react()
    }

    /// Goes on with a program; false where it is no longer there.
    fn drive_program(&mut self, index: usize) -> Result<bool, Violation> {
        let program = &self.programs.programs[index];
        match program.state {
            _ if program.is_zombie && self.is_healing => self.end_program(index)?,
            State::Dead => self.end_program(index)?,
            State::Ready if program.consumer.is_some() => {
                self.pipe(index)?;
                return Ok(true);
            }
            State::Ready if !self.is_healing && self.rng.chance(1, 3) => {
                self.begin_transaction(index)?;
                return Ok(true);
            }
            State::Open if program.consumer.is_none() => {
                self.go_on_writing(index)?;
                return Ok(true);
            }
            _ => return Ok(true),
        }
        Ok(false)
    }

    /// Ends its processes; unless somebody else has its name, it begins again.
    fn end_program(&mut self, index: usize) -> Result<(), Violation> {
        let program = self.programs.programs.remove(index);
        for client in [Some(program.producer), program.consumer].into_iter().flatten() {
            self.end_client(client);
        }
        self.outstanding.retain(|record| record.client != program.producer);
        if program.is_zombie {
            return Ok(());
        }
        self.start_program(program.transactional_id, program.consumer.is_some())
    }

    /// Calls the producer of a program; where it throws, the transaction is aborted, or the program ends.
    fn call(
        &mut self,
        index: usize,
        next: State,
        call: fn(&mut Producer, Now) -> Result<(), TransactionError>,
    ) -> Result<(), Violation> {
        let Some(program) = self.programs.programs.get_mut(index) else { return Ok(()) };
        let (before, producer) = (core::mem::replace(&mut program.state, next), program.producer);
        let mut result = Ok(());
        self.with_client(producer, |client, now| {
            if let Client::Producer(producer) = client {
                result = call(producer, now);
            }
        })?;
        if result.is_ok() {
            return Ok(());
        }
        if matches!(before, State::Open | State::SendingOffsets | State::Committing) && next != State::Aborting {
            return self.call(index, State::Aborting, Producer::abort_transaction);
        }
        self.programs.programs[index].state = State::Dead;
        Ok(())
    }

    fn begin_transaction(&mut self, index: usize) -> Result<(), Violation> {
        self.programs.programs[index].transaction += 1;
        self.call(index, State::Open, |producer, _| producer.begin_transaction())
    }

    fn go_on_writing(&mut self, index: usize) -> Result<(), Violation> {
        if self.is_healing || self.rng.chance(1, 3) {
            return if self.is_healing || self.rng.chance(3, 4) {
                self.call(index, State::Committing, Producer::commit_transaction)
            } else {
                self.call(index, State::Aborting, Producer::abort_transaction)
            };
        }
        for _ in 0..=self.rng.below(4) {
            self.write_in_transaction(index, None)?;
        }
        Ok(())
    }

    /// Writes what a pipe has read, then commits both.
    fn pipe(&mut self, index: usize) -> Result<(), Violation> {
        let program = &self.programs.programs[index];
        let Some(consumer) = program.consumer.and_then(|client| self.clients.get(&client)?.consumer()) else {
            return Ok(());
        };
        let view = consumer.view();
        if program.inbox.is_empty() || view.state != MemberState::Stable {
            return Ok(());
        }
        let group = consumer.group_metadata().unwrap_or(ConsumerGroupMetadata::of_group(PIPES));
        self.begin_transaction(index)?;
        let inbox = core::mem::take(&mut self.programs.programs[index].inbox);
        let mut offsets = SortedMap::new();
        let mut rewind = BTreeMap::new();
        for (partition, offset) in &inbox {
            rewind.entry(partition.clone()).or_insert(*offset);
            let next = TransactionalOffset { offset: offset + 1, leader_epoch: -1, metadata: Str::default() };
            offsets.insert(partition.clone(), next);
        }
        self.programs.programs[index].rewind = rewind;
        for (partition, offset) in inbox {
            self.write_in_transaction(index, Some((partition, offset)))?;
        }
        if self.programs.programs[index].state != State::Open {
            return Ok(());
        }
        self.programs.programs[index].state = State::SendingOffsets;
        let producer = self.programs.programs[index].producer;
        let mut result = Ok(());
        self.with_client(producer, |client, now| {
            if let Client::Producer(producer) = client {
                result = producer.send_offsets_to_transaction(now, offsets, group);
            }
        })?;
        match result {
            Ok(()) => Ok(()),
            Err(_) => self.call(index, State::Aborting, Producer::abort_transaction),
        }
    }

    fn write_in_transaction(
        &mut self,
        index: usize,
        source: Option<(TopicPartition, Offset)>,
    ) -> Result<(), Violation> {
        let program = &self.programs.programs[index];
        let producer = program.producer;
        let record = RecordId { client: producer, number: program.written };
        let transaction = (producer, program.transaction);
        let written = match &source {
            Some(_) => ProducerRecord {
                topic: Str::from_static(PIPE_OUTPUT),
                partition: None,
                key: None,
                value: Some(record.to_value(self.rng.below(50) as usize)),
                headers: Vec::new(),
                timestamp: None,
            },
            None => self.workload.lasting_record(record),
        };
        let source = source.and_then(|(partition, offset)| {
            Some((self.invariants.history.partition_id(&partition.topic, partition.partition)?, offset))
        });
        self.invariants.writes_in_transaction(record, transaction, source);
        self.outstanding.insert(record);
        let mut is_taken = false;
        self.with_client(producer, |client, now| {
            if let Client::Producer(producer) = client {
                is_taken = producer.send(now, written).is_ok();
            }
        })?;
        if is_taken {
            self.programs.programs[index].written += 1;
        } else {
            self.outstanding.remove(&record);
            // A program whose transaction is in no state for it aborts.
            if self.programs.programs[index].state == State::Open {
                self.call(index, State::Aborting, Producer::abort_transaction)?;
            }
        }
        Ok(())
    }

    /// Programs hear what their clients told.
    pub(super) fn react(&mut self) -> Result<(), Violation> {
        while let Some((client, event)) = self.programs.told.pop_front() {
            let mut programs = self.programs.programs.iter();
            let index = programs.position(|program| program.producer == client || program.consumer == Some(client));
            let Some(index) = index else { continue };
            match event {
                ClientEvent::Transaction(outcome) => self.outcome(index, outcome)?,
                ClientEvent::Consumer(event) => self.programs.programs[index].consumed(event),
                ClientEvent::Producer(_) | ClientEvent::Admin(..) => {}
            }
        }
        Ok(())
    }

    fn outcome(&mut self, index: usize, (operation, result): TransactionOutcome) -> Result<(), Violation> {
        use TransactionOperation as Of;
        let program = &mut self.programs.programs[index];
        let id = (program.producer, program.transaction);
        let is_late =
            result.as_ref().is_err_and(|error| error.kind == TransactionErrorKind::Api(ErrorCode::RequestTimedOut));
        match (operation, result) {
            (_, _) if program.state == State::Dead => {}
            (Of::InitTransactions, Ok(())) => program.state = State::Ready,
            (Of::SendOffsetsToTransaction, Ok(())) if program.state == State::SendingOffsets => {
                return self.call(index, State::Committing, Producer::commit_transaction);
            }
            (Of::CommitTransaction, Ok(())) => {
                program.state = State::Ready;
                program.rewind.clear();
                return self.invariants.transaction_ended(id, true);
            }
            (Of::AbortTransaction, Ok(())) => {
                program.state = State::Ready;
                self.invariants.transaction_ended(id, false)?;
                return self.rewind(index);
            }
            // As a program has to that gets a TimeoutException: the same call once more.
            (Of::InitTransactions, Err(_)) if is_late => {
                return self.call(index, State::Initializing, Producer::init_transactions);
            }
            (Of::CommitTransaction, Err(_)) if is_late => {
                return self.call(index, State::Committing, Producer::commit_transaction);
            }
            (Of::AbortTransaction, Err(_)) if is_late => {
                return self.call(index, State::Aborting, Producer::abort_transaction);
            }
            (Of::InitTransactions | Of::AbortTransaction, Err(_)) => program.state = State::Dead,
            (Of::CommitTransaction, Err(_)) => {
                return self.call(index, State::Aborting, Producer::abort_transaction);
            }
            (Of::SendOffsetsToTransaction, Err(_)) if program.state == State::SendingOffsets => {
                return self.call(index, State::Aborting, Producer::abort_transaction);
            }
            (Of::SendOffsetsToTransaction, _) => {}
        }
        Ok(())
    }

    /// What was read for a transaction that was aborted is read again.
    fn rewind(&mut self, index: usize) -> Result<(), Violation> {
        let program = &mut self.programs.programs[index];
        let rewind = core::mem::take(&mut program.rewind);
        program.inbox.retain(|(partition, _)| !rewind.contains_key(partition));
        let Some(consumer) = program.consumer else { return Ok(()) };
        self.with_client(consumer, |client, _| {
            if let Client::Consumer(consumer) = client {
                for (partition, offset) in &rewind {
                    consumer.seek(partition, *offset);
                }
            }
        })
    }

    /// Programs that are in the middle of something.
    pub(super) fn busy_programs(&self) -> Vec<String> {
        let busy = |program: &&Program| program.state != State::Ready || !program.inbox.is_empty();
        let busy = self.programs.programs.iter().filter(busy);
        busy.map(|program| format!("{} is {:?}", program.transactional_id, program.state)).collect()
    }
}

impl Program {
    /// What its consumer told.
    fn consumed(&mut self, event: ConsumerEvent) {
        match event {
            ConsumerEvent::Records { partition, records, .. } => {
                self.inbox.extend(records.iter().map(|record| (partition.clone(), record.offset)));
            }
            ConsumerEvent::Assigned(partitions) | ConsumerEvent::Revoked(partitions) => {
                self.inbox.retain(|(partition, _)| !partitions.contains(partition));
                self.rewind.retain(|partition, _| !partitions.contains(partition));
            }
            ConsumerEvent::Lost => {
                self.inbox.clear();
                self.rewind.clear();
            }
            _ => {}
        }
    }
}
