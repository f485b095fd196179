//! Tab: what the word at the cursor could become.

use super::Parts;
use web_sys::HtmlInputElement;

/// Asks what could stand here.
pub(super) fn complete(_parts: Parts, _input: &HtmlInputElement) {}
