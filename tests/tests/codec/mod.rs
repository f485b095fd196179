//! What the codec's tests share: the descriptor, messages filled by rule, Kafka's own bytes.

pub(crate) mod descriptor;
pub(crate) mod fill;
pub(crate) mod fixtures;
