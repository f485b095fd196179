//! Requests for several groups, which may live on several partitions: one response when the last part is there.

use super::offset_fetch::flat_response;
use super::request::GroupResponse;
use crate::protocol::ErrorCode;
use crate::protocol::messages::delete_groups_response::{DeletableGroupResult, DeleteGroupsResponse};
use crate::protocol::messages::offset_fetch_response::{OffsetFetchResponse, OffsetFetchResponseGroup};
use crate::sorted::SortedMap;

/// The place of one group's part in a response that is being gathered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Slot {
    gather: u64,
    index: usize,
}

/// All responses being gathered.
#[derive(Clone, Debug, Default)]
pub(super) struct Gathers {
    next: u64,
    open: SortedMap<u64, Gather>,
}

#[derive(Clone, Debug)]
struct Gather {
    token: u64,
    api_version: i16,
    missing: usize,
    parts: Parts,
}

/// The groups of a request in order, each with its part once it is known.
#[derive(Clone, Debug)]
pub(super) enum Parts {
    DeleteGroups(DeleteGroupsResponse),
    OffsetFetch(OffsetFetchResponse),
}

impl Gathers {
    /// Begins a response with one part per group; its slots are numbered from 0.
    pub(super) fn begin(&mut self, token: u64, api_version: i16, parts: Parts) -> u64 {
        let missing = match &parts {
            Parts::DeleteGroups(response) => response.results.len(),
            Parts::OffsetFetch(response) => response.groups.len(),
        };
        self.next += 1;
        self.open.insert(self.next, Gather { token, api_version, missing, parts });
        self.next
    }

    pub(super) fn slot(gather: u64, index: usize) -> Slot {
        Slot { gather, index }
    }

    /// The whole response where there is nothing (more) to wait for.
    pub(super) fn finished(&mut self, gather: u64) -> Option<(u64, GroupResponse)> {
        if self.open.get(&gather)?.missing > 0 {
            return None;
        }
        let Gather { token, api_version, parts, .. } = self.open.remove(&gather)?;
        Some((
            token,
            match parts {
                Parts::DeleteGroups(response) => GroupResponse::DeleteGroups(response),
                Parts::OffsetFetch(response) => GroupResponse::OffsetFetch(flat_response(response, api_version)),
            },
        ))
    }

    pub(super) fn fill_deletion(&mut self, slot: Slot, error: ErrorCode) -> Option<(u64, GroupResponse)> {
        self.fill(slot, |parts| match parts {
            Parts::DeleteGroups(response) => {
                if let Some(DeletableGroupResult { error_code, .. }) = response.results.get_mut(slot.index) {
                    *error_code = error.code();
                }
            }
            Parts::OffsetFetch(_) => {}
        })
    }

    pub(super) fn fill_offsets(&mut self, slot: Slot, group: OffsetFetchResponseGroup) -> Option<(u64, GroupResponse)> {
        self.fill(slot, |parts| match parts {
            Parts::OffsetFetch(response) => {
                if let Some(place) = response.groups.get_mut(slot.index) {
                    *place = group;
                }
            }
            Parts::DeleteGroups(_) => {}
        })
    }

    fn fill(&mut self, slot: Slot, place: impl FnOnce(&mut Parts)) -> Option<(u64, GroupResponse)> {
        let gather = self.open.get_mut(&slot.gather)?;
        place(&mut gather.parts);
        gather.missing = gather.missing.saturating_sub(1);
        self.finished(slot.gather)
    }
}
