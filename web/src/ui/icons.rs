//! Glyphs: a state is always a glyph and a word.

use leptos::prelude::*;

/// What a glyph stands for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Glyph {
    /// ◆
    Leader,
    /// ◇
    InSync,
    /// Dashed ◇
    OutOfSync,
    /// ✕
    Down,
    /// ●
    Up,
    /// ⚠
    Warning,
    /// ◌
    Starting,
    /// ✓
    Done,
    /// →
    Plain,
    /// ▾
    Unfolded,
    /// ▸
    Folded,
}

/// A glyph, 14 px; the word stands beside it.
#[component]
pub(crate) fn Icon(
    /// Which.
    #[prop(into)]
    glyph: Signal<Glyph>,
) -> impl IntoView {
    let path = move || match glyph.get() {
        Glyph::Leader | Glyph::InSync | Glyph::OutOfSync => "M7 1 13 7 7 13 1 7Z",
        Glyph::Down => "M2.5 2.5 11.5 11.5 M11.5 2.5 2.5 11.5",
        Glyph::Up => "M7 3a4 4 0 1 0 .01 0Z",
        Glyph::Starting => "M7 2a5 5 0 1 0 .01 0Z",
        Glyph::Warning => "M7 1.5 13 12.5H1Z M7 5.5V9 M7 10.6V11.4",
        Glyph::Done => "M2 7.5 5.5 11 12 3.5",
        Glyph::Plain => "M2 7H11 M8 4 11 7 8 10",
        Glyph::Unfolded => "M3 5 7 9 11 5",
        Glyph::Folded => "M5 3 9 7 5 11",
    };
    let fill = move || if matches!(glyph.get(), Glyph::Leader | Glyph::Up) { "currentColor" } else { "none" };
    let dash = move || match glyph.get() {
        Glyph::OutOfSync => "2.2 1.6",
        Glyph::Starting => "2 2",
        _ => "none",
    };
    let width = move || if glyph.get() == Glyph::Down { "2.2" } else { "1.5" };
    view! {
        <svg class="icon" viewBox="0 0 14 14" width="14" height="14" aria-hidden="true">
            <path d=path fill=fill stroke="currentColor" stroke-width=width stroke-dasharray=dash stroke-linejoin="round" />
        </svg>
    }
}
