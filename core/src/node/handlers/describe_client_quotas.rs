//! `DescribeClientQuotas`: quotas of users, client ids and addresses that a filter names (KIP-546).

use super::RequestContext;
use crate::metadata::{ClientQuotaEntity, QuotaEntityType};
use crate::node::broker::Broker;
use crate::protocol::ErrorCode;
use crate::protocol::messages::DescribeClientQuotasRequest;
use crate::protocol::messages::describe_client_quotas_response::{
    DescribeClientQuotasResponse, EntityData, EntryData, ValueData,
};
use crate::sorted::SortedMap;
use crate::text::Str;
use alloc::format;
use alloc::string::String;

/// What a part of an entity must be; the numbers of `MatchType` are 0, 1 and 2.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Match {
    /// This name.
    Exact(Str),
    /// The one that stands for all others.
    Default,
    /// Any.
    Specified,
}

impl Match {
    fn fits(&self, name: Option<&Str>) -> bool {
        match self {
            Self::Exact(wanted) => name == Some(wanted),
            Self::Default => name.is_none(),
            Self::Specified => true,
        }
    }
}

pub(super) fn handle(broker: &mut Broker, context: &RequestContext, request: &DescribeClientQuotasRequest) {
    let mut response = DescribeClientQuotasResponse { error_message: None, ..Default::default() };
    match filter(request) {
        Ok(filter) => {
            let fitting =
                (broker.image.client_quotas.iter()).filter(|(entity, _)| fits(entity, &filter, request.strict));
            let entries = fitting.map(|(entity, quotas)| EntryData {
                entity: (entity.parts())
                    .map(|(kind, name)| EntityData {
                        entity_type: Str::from_static(kind.name()),
                        entity_name: name.cloned(),
                    })
                    .collect(),
                values: quotas.iter().map(|(key, value)| ValueData { key: key.clone(), value: *value }).collect(),
            });
            response.entries = Some(entries.collect());
        }
        Err((error, message)) => {
            response.error_code = error.code();
            response.error_message = Some(message.into());
            response.entries = None;
        }
    }
    broker.respond::<DescribeClientQuotasRequest>(context.token, &response);
}

type Filter = SortedMap<QuotaEntityType, Match>;

/// The filter, with Kafka's checks in Kafka's order (`ClientQuotasImage.describe`).
fn filter(request: &DescribeClientQuotasRequest) -> Result<Filter, (ErrorCode, String)> {
    let invalid = |message: String| Err((ErrorCode::InvalidRequest, message));
    let mut filter = Filter::new();
    for component in &request.components {
        let name = &component.entity_type;
        if name.is_empty() {
            return invalid("Invalid empty entity type.".into());
        }
        let Some(kind) = QuotaEntityType::from_name(name) else {
            return Err((ErrorCode::UnsupportedVersion, format!("Unsupported entity type {name}")));
        };
        if filter.contains_key(&kind) {
            return invalid(format!("Entity type {name} cannot appear more than once in the filter."));
        }
        let also = |of: &str| invalid(format!("Request specified MATCH_TYPE_{of}, but also specified a match string."));
        let wanted = match (component.match_type, &component.match_) {
            (0, Some(name)) => Match::Exact(name.clone()),
            (0, None) => {
                return invalid("Request specified MATCH_TYPE_EXACT, but set match string to null.".into());
            }
            (1, None) => Match::Default,
            (1, Some(_)) => return also("DEFAULT"),
            (2, None) => Match::Specified,
            (2, Some(_)) => return also("SPECIFIED"),
            (other, _) => return invalid(format!("Unknown match type {other}")),
        };
        filter.insert(kind, wanted);
    }
    if filter.contains_key(&QuotaEntityType::Ip) && filter.len() > 1 {
        let message = "Invalid entity filter component combination. IP filter component should not be used with user \
                       or clientId filter component.";
        return invalid(message.into());
    }
    Ok(filter)
}

/// `strict` refuses entities with parts that the filter does not name.
fn fits(entity: &ClientQuotaEntity, filter: &Filter, strict: bool) -> bool {
    (!strict || entity.parts().len() == filter.len())
        && filter.iter().all(|(kind, wanted)| entity.name(*kind).is_some_and(|name| wanted.fits(name)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::protocol::messages::describe_client_quotas_request::ComponentData;
    use alloc::vec::Vec;

    fn asked(components: &[(&str, i8, Option<&str>)], strict: bool) -> DescribeClientQuotasRequest {
        let component = |(entity_type, match_type, name): &(&str, i8, Option<&str>)| ComponentData {
            entity_type: (*entity_type).into(),
            match_type: *match_type,
            match_: name.map(Str::from),
        };
        DescribeClientQuotasRequest { components: components.iter().map(component).collect(), strict }
    }

    #[test]
    fn a_filter_that_makes_no_sense_says_why() {
        let only_once = "Entity type user cannot appear more than once in the filter.";
        for (components, code, text) in [
            (&[("", 0, Some("a"))][..], ErrorCode::InvalidRequest, "Invalid empty entity type."),
            (&[("planet", 0, Some("a"))], ErrorCode::UnsupportedVersion, "Unsupported entity type planet"),
            (&[("user", 2, None), ("user", 1, None)], ErrorCode::InvalidRequest, only_once),
            (&[("user", 3, None)], ErrorCode::InvalidRequest, "Unknown match type 3"),
            (
                &[("user", 0, None)],
                ErrorCode::InvalidRequest,
                "Request specified MATCH_TYPE_EXACT, but set match string to null.",
            ),
            (
                &[("user", 1, Some("a"))],
                ErrorCode::InvalidRequest,
                "Request specified MATCH_TYPE_DEFAULT, but also specified a match string.",
            ),
            (
                &[("ip", 2, None), ("user", 2, None)],
                ErrorCode::InvalidRequest,
                "Invalid entity filter component combination. IP filter component should not be used with user or \
                 clientId filter component.",
            ),
        ] {
            assert_eq!(filter(&asked(components, true)), Err((code, String::from(text))), "{components:?}");
        }
    }

    #[test]
    fn a_strict_filter_takes_entities_with_these_parts_and_no_others() {
        use QuotaEntityType::{ClientId, User};
        let entities = [
            ClientQuotaEntity::new([(User, Some("a".into()))]),
            ClientQuotaEntity::new([(User, None)]),
            ClientQuotaEntity::new([(User, Some("a".into())), (ClientId, None)]),
        ];
        for (components, strict, found) in [
            (&[("user", 2, None)][..], true, &[0, 1][..]),
            (&[("user", 2, None)], false, &[0, 1, 2]),
            (&[("user", 0, Some("a"))], true, &[0]),
            (&[("user", 0, Some("a"))], false, &[0, 2]),
            (&[("user", 1, None)], true, &[1]),
            (&[("user", 2, None), ("client-id", 1, None)], true, &[2]),
            (&[], false, &[0, 1, 2]),
            (&[], true, &[]),
        ] {
            let request = asked(components, strict);
            let filter = filter(&request).unwrap_or_else(|error| panic!("{error:?}"));
            let fitting: Vec<usize> =
                (0..entities.len()).filter(|at| fits(&entities[*at], &filter, request.strict)).collect();
            assert_eq!(fitting, found, "{components:?} {strict}");
        }
    }
}
