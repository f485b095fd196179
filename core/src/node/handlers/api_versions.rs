//! `ApiVersions`: what this listener serves, and the cluster's features.

use super::RequestContext;
use crate::ids::ConnectionId;
use crate::node::broker::Broker;
use crate::protocol::api_versions::{
    Listener, ReleaseLine, is_client_software_text, listed_apis, unsupported_version_response,
};
use crate::protocol::messages::ApiVersionsRequest;
use crate::protocol::messages::api_versions_response::{ApiVersionsResponse, FinalizedFeatureKey, SupportedFeatureKey};
use crate::protocol::{ErrorCode, encode_response};
use crate::text::Str;

/// From this version on the client names its software (KIP-511).
const SOFTWARE_SINCE: i16 = 3;
/// From this version on features with minimum level 0 may be listed.
const LEVEL_ZERO_SINCE: i16 = 4;

pub(super) fn handle(broker: &mut Broker, context: &RequestContext, request: &ApiVersionsRequest) {
    let software = [&request.client_software_name, &request.client_software_version];
    if context.version >= SOFTWARE_SINCE && !software.iter().all(|text| is_client_software_text(text)) {
        let response = ApiVersionsResponse { error_code: ErrorCode::InvalidRequest.code(), ..Default::default() };
        broker.respond::<ApiVersionsRequest>(context.token, &response);
        return;
    }
    let listener = if context.is_controller_listener { Listener::Controller } else { Listener::Broker };
    let response = ApiVersionsResponse {
        api_keys: listed_apis(ReleaseLine::V4_3, listener),
        supported_features: (crate::metadata::supported_features(broker.config.supported_kraft_version()).into_iter())
            .filter(|(_, min, _)| *min > 0 || context.version >= LEVEL_ZERO_SINCE)
            .map(|(name, min_version, max_version)| SupportedFeatureKey { name: name.into(), min_version, max_version })
            .collect(),
        finalized_features_epoch: broker.image.provenance.offset,
        // The quorum itself keeps its level, not the metadata.
        finalized_features: (broker.image.features.iter())
            .map(|(name, level)| (name.clone(), level))
            .chain([(Str::from_static(crate::metadata::KRAFT_VERSION), broker.raft.kraft_version())])
            .filter(|(_, level)| *level > 0)
            .map(|(name, level)| FinalizedFeatureKey { name, max_version_level: level, min_version_level: level })
            .collect(),
        ..Default::default()
    };
    broker.respond::<ApiVersionsRequest>(context.token, &response);
}

/// Answers a version nobody here knows, in version 0, with the range that lets the client ask again.
pub(super) fn unsupported(broker: &mut Broker, connection: ConnectionId, correlation_id: i32) {
    let response = unsupported_version_response(ReleaseLine::V4_3);
    broker.send(connection, encode_response::<ApiVersionsRequest>(0, correlation_id, &response));
}
