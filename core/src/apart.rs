//! Code that stays out of its caller.

/// Does it in a function of its own: a page loads its module by functions, those of a first visit first, so what is rarely
/// needed should not be inlined into what always is.
#[inline(never)]
pub fn apart<T>(work: impl FnOnce() -> T) -> T {
    work()
}
