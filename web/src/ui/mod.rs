//! The page: the picture of the cluster, and what can be done to it.
//!
//! # Code map
//! - `store`: everything the page knows, as signals; the only place that talks to [`crate::cluster::Cluster`].
//! - `app`: the regions of the screen. `top_bar`, `lane`, `producers`, `stage`, `groups`, `inspector`, `dock`: one folder each, style beside it.
//! - `room`: which layout, and what a column has room for.
//! - `messages`: every word the page says, a table per language. `icons`: glyphs. `announcer`: what a screen reader hears.
//!
//! # Architecture Invariant
//! A component gets what it shows from the store and tells the store what was asked for. It changes nothing it shows: the
//! picture changes when the cluster does.

pub(crate) mod announcer;
pub(crate) mod app;
pub(crate) mod dock;
pub(crate) mod groups;
pub(crate) mod icons;
pub(crate) mod inspector;
pub(crate) mod lane;
pub(crate) mod messages;
pub(crate) mod producers;
pub(crate) mod room;
pub(crate) mod stage;
pub(crate) mod store;
pub(crate) mod top_bar;

pub(crate) use app::App;
