use super::*;
use crate::client::scripted_broker::{Asked, ScriptedCluster};
use crate::protocol::Request;
use crate::protocol::messages::create_topics_request::CreatableTopic;
use crate::protocol::messages::create_topics_response::CreatableTopicResult;
use crate::protocol::messages::describe_groups_response::DescribedGroup;
use crate::protocol::messages::find_coordinator_response::Coordinator;
use crate::protocol::messages::list_groups_response::ListedGroup;
use crate::protocol::messages::list_offsets_request::{ListOffsetsPartition, ListOffsetsTopic};
use crate::protocol::messages::list_offsets_response::{ListOffsetsPartitionResponse, ListOffsetsTopicResponse};
use crate::protocol::messages::{
    CreateTopicsRequest, CreateTopicsResponse, DescribeGroupsRequest, DescribeGroupsResponse, FindCoordinatorResponse,
    ListGroupsRequest, ListGroupsResponse, ListOffsetsRequest, ListOffsetsResponse, OffsetDeleteRequest,
};

struct Stage {
    admin: Admin,
    cluster: ScriptedCluster,
    now: u64,
}

impl Stage {
    fn new() -> Self {
        let config = AdminConfig { bootstrap: vec![(Str::from("broker"), 9092)], ..Default::default() };
        let cluster = ScriptedCluster::new(2, &[("orders", &[(1, 0), (2, 0)])]);
        Self { admin: Admin::new(config, 0, Rng::new(1)), cluster, now: 0 }
    }

    fn now(&self) -> Now {
        Now { monotonic: Instant::from_micros(self.now), wall_ms: 0 }
    }

    fn settle(&mut self) {
        while let Some(output) = self.admin.poll_output() {
            if let Some(input) = self.cluster.take(output) {
                let now = self.now();
                self.admin.handle(now, input);
            }
        }
    }

    fn run_until(&mut self, millis: u64) {
        self.settle();
        let mut steps = 0;
        while let Some((deadline, _)) = self.admin.next_deadline().filter(|next| next.0 <= Instant::from_millis(millis))
        {
            self.now = self.now.max(deadline.as_micros());
            let now = self.now();
            self.admin.tick(now);
            self.settle();
            steps += 1;
            assert!(steps < 3000, "deadlines pass without moving on: {:?}", self.admin.next_deadline());
        }
        self.now = self.now.max(millis * 1000);
    }

    fn answer<R: Request>(&mut self, response: impl Fn(&Asked) -> R::Response) -> usize {
        let asked = self.cluster.take_asked::<R>();
        for asked in &asked {
            let now = self.now();
            self.admin.handle(now, asked.answer::<R>(&response(asked)));
        }
        self.settle();
        asked.len()
    }
}

fn create_orders() -> CreateTopicsRequest {
    let topic = CreatableTopic { name: Str::from("orders"), num_partitions: 3, ..Default::default() };
    CreateTopicsRequest { topics: vec![topic], timeout_ms: 1000, ..Default::default() }
}

#[test]
fn any_broker_creates_topics_and_a_lost_answer_is_asked_for_again() {
    let mut stage = Stage::new();
    let now = stage.now();
    let id = stage.admin.submit(now, create_orders());
    stage.run_until(10);
    for input in stage.cluster.break_connections(9092) {
        let now = stage.now();
        stage.admin.handle(now, input);
    }
    for input in stage.cluster.break_connections(9093) {
        let now = stage.now();
        stage.admin.handle(now, input);
    }
    stage.run_until(1000);
    let result = CreatableTopicResult { name: Str::from("orders"), num_partitions: 3, ..Default::default() };
    let response = CreateTopicsResponse { topics: vec![result], ..Default::default() };
    assert_eq!(stage.answer::<CreateTopicsRequest>(|_| response.clone()), 1);
    let (answered, result) = stage.admin.poll_event().expect("answered");
    assert_eq!(answered, id);
    let response = result.and_then(|response| response.to::<CreateTopicsRequest>()).expect("created");
    assert_eq!(response.topics[0].num_partitions, 3);
}

#[test]
fn requests_fail_after_the_api_timeout() {
    let mut stage = Stage::new();
    stage.cluster.refused_ports = vec![9092, 9093];
    let now = stage.now();
    stage.admin.submit(now, create_orders());
    stage.run_until(59_000);
    assert!(stage.admin.poll_event().is_none());
    stage.run_until(60_000);
    let error = stage.admin.poll_event().and_then(|event| event.1.err()).map(|error| error.error);
    assert_eq!(error, Some(ErrorCode::RequestTimedOut));
}

#[test]
fn what_times_out_says_whether_a_broker_was_ever_asked() {
    let unassigned = "Timed out waiting for a node assignment. Call: deleteConsumerGroupOffsets(api=FIND_COORDINATOR)";
    let cases = [(true, ErrorCode::NetworkException.message()), (false, unassigned)];
    for (is_reached, message) in cases {
        let mut stage = Stage::new();
        let now = stage.now();
        stage.admin.tick(now);
        stage.run_until(10);
        if !is_reached {
            stage.cluster.refused_ports = vec![9092, 9093];
        }
        let now = stage.now();
        // OffsetDelete has version 0 only.
        stage.admin.submit_to(now, 1, OffsetDeleteRequest::default());
        stage.run_until(100);
        assert_eq!(stage.cluster.take_asked::<OffsetDeleteRequest>().len(), usize::from(is_reached));
        stage.cluster.refused_ports = vec![9092, 9093];
        for input in stage.cluster.break_connections(9092) {
            let now = stage.now();
            stage.admin.handle(now, input);
        }
        stage.run_until(61_000);
        let error = stage.admin.poll_event().and_then(|event| event.1.err());
        assert_eq!(error.map(|error| error.message), Some(Str::from(message)));
    }
}

#[test]
fn offsets_are_asked_of_each_leader_and_put_together() {
    let mut stage = Stage::new();
    let partition = |partition_index| ListOffsetsPartition { partition_index, timestamp: -1, ..Default::default() };
    let topic = ListOffsetsTopic { name: Str::from("orders"), partitions: vec![partition(0), partition(1)] };
    let now = stage.now();
    let request = ListOffsetsRequest { topics: vec![topic], ..Default::default() };
    stage.admin.submit(now, request);
    stage.run_until(500);
    let asked = stage.answer::<ListOffsetsRequest>(|asked| {
        let request: ListOffsetsRequest = asked.decode();
        let topics = request.topics.iter().map(|topic| ListOffsetsTopicResponse {
            name: topic.name.clone(),
            partitions: vec![ListOffsetsPartitionResponse {
                partition_index: topic.partitions[0].partition_index,
                offset: i64::from(asked.port),
                ..Default::default()
            }],
        });
        ListOffsetsResponse { topics: topics.collect(), ..Default::default() }
    });
    assert_eq!(asked, 2);
    let Some((_, Ok(response))) = stage.admin.poll_event() else { panic!("no offsets") };
    let response = response.to::<ListOffsetsRequest>().expect("offsets");
    let mut offsets: Vec<i64> = response.topics.iter().map(|topic| topic.partitions[0].offset).collect();
    offsets.sort_unstable();
    assert_eq!(offsets, [9092, 9093]);
}

#[test]
fn groups_are_listed_by_all_and_described_by_their_coordinator() {
    let mut stage = Stage::new();
    let now = stage.now();
    stage.admin.submit(now, ListGroupsRequest::default());
    stage.run_until(500);
    let listed = |asked: &Asked| {
        let group_id = Str::from(if asked.port == 9092 { "one" } else { "two" });
        ListGroupsResponse { groups: vec![ListedGroup { group_id, ..Default::default() }], ..Default::default() }
    };
    assert_eq!(stage.answer::<ListGroupsRequest>(listed), 2);
    let Some((_, Ok(response))) = stage.admin.poll_event() else { panic!("no groups") };
    assert_eq!(response.to::<ListGroupsRequest>().expect("groups").groups.len(), 2);
    assert_eq!(response.to::<ListOffsetsRequest>().map_err(|error| error.error), Err(ErrorCode::CorruptMessage));

    let groups = vec![Str::from("two")];
    let now = stage.now();
    stage.admin.submit(now, DescribeGroupsRequest { groups, ..Default::default() });
    let described = |error: ErrorCode| {
        let group = DescribedGroup { group_id: Str::from("two"), error_code: error.code(), ..Default::default() };
        DescribeGroupsResponse { groups: vec![group], ..Default::default() }
    };
    for (error, until) in [(ErrorCode::NotCoordinator, 1000), (ErrorCode::None, 2000)] {
        stage.run_until(until);
        let found = |_: &Asked| {
            let coordinator = Coordinator { node_id: 2, host: Str::from("broker"), port: 9093, ..Default::default() };
            FindCoordinatorResponse { coordinators: vec![coordinator], ..Default::default() }
        };
        assert_eq!(stage.answer::<FindCoordinatorRequest>(found), 1, "{error:?}");
        stage.run_until(until + 10);
        assert_eq!(stage.answer::<DescribeGroupsRequest>(|_| described(error)), 1, "{error:?}");
    }
    let Some((1, Ok(response))) = stage.admin.poll_event() else { panic!("no group") };
    assert_eq!(response.to::<DescribeGroupsRequest>().expect("described").groups.len(), 1);
}
