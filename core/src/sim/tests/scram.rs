//! Credentials of users that outlive their nodes.

use super::dynamic_quorum::{all_have_snapshots, ask, formatted_cluster, start};
use super::{all_running, run_until};
use crate::ids::NodeId;
use crate::log::storage::StoreCommand;
use crate::metadata::MetadataRecord;
use crate::protocol::messages::alter_user_scram_credentials_request::ScramCredentialUpsertion;
use crate::protocol::messages::describe_user_scram_credentials_request::UserName;
use crate::protocol::messages::{
    AlterUserScramCredentialsRequest, DescribeUserScramCredentialsRequest, UserScramCredentialRecord,
};
use crate::raft::snapshot::{BOOTSTRAP_CHECKPOINT, SnapshotId, write_snapshot};
use crate::sim::cluster::Cluster;
use crate::text::Str;
use crate::time::Duration;
use alloc::string::String;
use alloc::vec::Vec;
use alloc::{format, vec};
use bytes::Bytes;

const LIMIT: Duration = Duration::from_mins(1);

/// What `kafka-storage.sh format --add-scram` leaves for alice.
fn bootstrap() -> StoreCommand {
    let record = MetadataRecord::UserScramCredential(UserScramCredentialRecord {
        name: "alice".into(),
        mechanism: 2,
        salt: Bytes::from_static(b"salt"),
        stored_key: Bytes::from_static(b"stored"),
        server_key: Bytes::from_static(b"server"),
        iterations: 8192,
    });
    let bytes = write_snapshot(SnapshotId { end_offset: 0, epoch: 0 }, 0, 7, None, &[record.encode()]);
    StoreCommand::Replace { file: BOOTSTRAP_CHECKPOINT.into(), bytes }
}

/// What node `id` says of these users, or of all.
fn described(cluster: &mut Cluster, id: NodeId, users: &[&str]) -> Vec<String> {
    let users = users.iter().map(|name| UserName { name: (*name).into() }).collect();
    let response = ask(cluster, id, 0, &DescribeUserScramCredentialsRequest { users: Some(users) });
    let results = response.results.into_iter().map(|result| {
        let infos = result.credential_infos.iter().map(|info| format!("{} {}", info.mechanism, info.iterations));
        let infos: Vec<_> = infos.chain(result.error_message.map(|message: Str| format!("{message}"))).collect();
        format!("{}: {}", result.user, infos.join(", "))
    });
    results.collect()
}

#[test]
fn credentials_of_formatting_and_of_brokers_outlive_a_power_cut() {
    for seed in 0..5 {
        let mut cluster = formatted_cluster(seed, 3, 1, &[bootstrap()]);
        run_until(&mut cluster, LIMIT, all_running);
        assert_eq!(described(&mut cluster, 4, &[]), ["alice: 2 8192"]);
        let upsertion = ScramCredentialUpsertion {
            name: "bob".into(),
            mechanism: 1,
            iterations: 4096,
            salt: Bytes::from_static(b"salt"),
            salted_password: Bytes::from_static(b"salted"),
        };
        let request = AlterUserScramCredentialsRequest { deletions: Vec::new(), upsertions: vec![upsertion] };
        // By way of a broker that is no controller.
        let response = ask(&mut cluster, 4, 0, &request);
        assert_eq!(response.results.iter().map(|result| result.error_code).collect::<Vec<_>>(), [0]);
        run_until(&mut cluster, LIMIT, all_have_snapshots);
        (1..=4).for_each(|id| cluster.kill(id));
        start(&mut cluster);
        run_until(&mut cluster, LIMIT, all_running);
        for id in 1..=4 {
            assert_eq!(described(&mut cluster, id, &[]), ["bob: 1 4096", "alice: 2 8192"], "node {id}");
        }
        let twice = "Cannot describe SCRAM credentials for the same user twice in a single request: bob";
        let unknown = "Attempt to describe a user credential that does not exist: carol";
        assert_eq!(
            described(&mut cluster, 1, &["bob", "carol", "alice", "bob"]),
            [format!("carol: {unknown}"), format!("bob: {twice}"), "alice: 2 8192".into()]
        );
    }
}
