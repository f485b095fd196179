//! Tests of the parts together: the transition table, one replica by script, and whole clusters with faults.

mod cluster;
mod cluster_node;
mod faults;
mod replica;
mod transitions;
