//! What judges the brokers: real clients, the simulator, the browser, tidy checks.

#[cfg(feature = "browser")]
pub mod browser;
pub mod fidelity;
mod fidelity_korean;
pub mod oracle;
pub mod tcp;
