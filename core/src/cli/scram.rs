//! What tools do with passwords before anybody else sees anything of them.

use super::terminal::Terminal;
use crate::scram::{Salting, ScramMechanism};
use alloc::vec::Vec;

/// Iterations at once: some milliseconds.
const STEP: u32 = 1000;
/// Letters and digits of a salt: as many as hold the 130 bits of Kafka's.
const SALT_LENGTH: usize = 26;

/// A salt, as Kafka draws it: letters and digits.
pub(super) fn random_salt(terminal: &Terminal) -> Vec<u8> {
    const DIGITS: &[u8; 36] = b"0123456789abcdefghijklmnopqrstuvwxyz";
    let digit = |_| DIGITS.get(terminal.random_below(36) as usize).copied().unwrap_or(b'0');
    (0..SALT_LENGTH).map(digit).collect()
}

/// Salts a password; others run meanwhile.
pub(super) async fn salted_password(
    terminal: &Terminal,
    mechanism: ScramMechanism,
    password: &[u8],
    salt: &[u8],
    iterations: i32,
) -> Vec<u8> {
    let iterations = u32::try_from(iterations).unwrap_or_default();
    let mut salting = Salting::new(mechanism, password, salt, iterations);
    loop {
        if let Some(salted) = salting.step(STEP) {
            return salted;
        }
        terminal.pause().await;
    }
}
