//! Terminals, side by side: each a log of text and one line to type at.

mod completion;
mod hints;
mod line;
mod screen;

use crate::bridge::{Awaits, TerminalsCommand};
use crate::clock::host_us;
use crate::ui::store::{Store, Terminal};
use hints::{Hint, hint};
use leptos::html::{Div, Input, Span};
use leptos::prelude::*;
use line::Search;
use screen::Screen;

/// What a new terminal offers to run: the first command of most tutorials.
const FIRST: &str = "./bin/kafka-topics.sh --create --topic first-topic --bootstrap-server localhost:9092";
/// What reading the output may take of an animation frame, in microseconds: the rest is the browser's, and the stage's.
const SPAN: u64 = 4_000;
/// Bytes that are read before one looks at the clock again.
const PIECE: usize = 16 * 1024;
/// Pixels of a line.
const LINE: i32 = 20;
/// Bytes at once from which on they are not read aloud.
const FLOOD: usize = 4096;

/// How output comes to be shown.
#[derive(Clone, Copy)]
struct Drawing {
    /// It will be with the next animation frame.
    is_due: bool,
    /// The end is in sight: it stays there.
    follows: bool,
}

/// What the code of a terminal's view works on. A copy is the same.
#[derive(Clone, Copy)]
struct Parts {
    store: Store,
    terminal: Terminal,
    screen: StoredValue<Option<Screen>, LocalStorage>,
    output: NodeRef<Div>,
    scroller: NodeRef<Div>,
    open_line: NodeRef<Span>,
    input: NodeRef<Input>,
    /// What is typed while one searches.
    typed: RwSignal<String>,
    search: RwSignal<Option<Search>>,
    /// What stood in the line before one went through the history.
    draft: StoredValue<String>,
    /// Where in the history one is.
    at: StoredValue<Option<usize>>,
    tab_leaves: RwSignal<bool>,
    /// What the last Tab could have meant.
    candidates: RwSignal<Vec<String>>,
    drawing: StoredValue<Drawing>,
    /// Nothing was typed here yet.
    is_new: RwSignal<bool>,
    /// What is to say of a mistake of the command that was entered last.
    hint: RwSignal<Option<Hint>>,
}

impl Parts {
    /// Gives a line to whoever takes it.
    fn say(self, text: &str) {
        self.is_new.set(false);
        self.candidates.set(Vec::new());
        if self.terminal.awaits.get_untracked() == Awaits::Command {
            let hint = self.hint.try_update(Option::take).flatten();
            self.screen.update_value(|screen| {
                if let Some(screen) = screen {
                    if let Some(hint) = &hint {
                        screen.note(&hint.to_string());
                    }
                    screen.begin_command();
                }
            });
        }
        let line = TerminalsCommand::Line { terminal: self.terminal.number, text: text.to_owned() };
        self.store.tell_terminals(&line);
        self.follow();
    }

    /// Runs a command here, or beside what runs here: that would take it for its input.
    fn run(self, command: &str) {
        if self.terminal.awaits.get_untracked() == Awaits::Command {
            self.say(command);
        } else {
            self.store.run_in_terminal(command);
        }
    }

    /// Somebody scrolled, or the page did.
    fn scrolled(self) {
        if let Some(scroller) = self.scroller.get_untracked() {
            let is_at_end = scroller.scroll_top() + scroller.client_height() + 24 >= scroller.scroll_height();
            self.drawing.update_value(|drawing| drawing.follows = is_at_end);
        }
    }

    /// The end comes in sight.
    fn follow(self) {
        if let Some(scroller) = self.scroller.get_untracked() {
            self.drawing.update_value(|drawing| drawing.follows = true);
            scroller.set_scroll_top(i32::MAX);
            // A long line moved it aside while it was typed.
            scroller.set_scroll_left(0);
        }
    }

    fn clear(self) {
        self.screen.update_value(|screen| screen.iter_mut().for_each(Screen::clear));
    }

    /// Shows what has come, with the next animation frame, and grants as much again.
    fn draw(self) {
        if self.drawing.get_value().is_due {
            return;
        }
        self.drawing.update_value(|drawing| drawing.is_due = true);
        request_animation_frame(move || {
            let _ = self.drawing.try_update_value(|drawing| drawing.is_due = false);
            let Some(scroller) = self.scroller.get_untracked() else { return };
            let began = host_us();
            let follows = self.drawing.get_value().follows;
            let seen = scroller.client_height() / LINE + 2;
            let (mut read, mut is_more, mut mistake) = (0, true, None);
            self.screen.update_value(|screen| {
                let Some(screen) = screen else { return is_more = false };
                while is_more && host_us() - began < SPAN {
                    let bytes;
                    (bytes, is_more) = self.terminal.take(PIECE);
                    read += bytes.len();
                    screen.print(&bytes);
                }
                is_more |= screen.draw(usize::try_from(seen).unwrap_or_default());
                mistake = screen.mistake();
            });
            let _ = scroller.set_attribute("aria-live", if is_more || read > FLOOD { "off" } else { "polite" });
            if let Some(mistake) = mistake.filter(|_| self.hint.with_untracked(Option::is_none)) {
                let entered = self.terminal.entered.get_value();
                self.hint.set(Some(hint(self.store, mistake, &entered)));
                if follows {
                    // It stands below what is in sight now.
                    request_animation_frame(move || self.follow());
                }
            }
            if follows {
                scroller.set_scroll_top(i32::MAX);
            }
            let credit = TerminalsCommand::Credit { terminal: self.terminal.number, bytes: read as u32 };
            self.store.tell_terminals(&credit);
            if is_more {
                self.draw();
            }
        });
    }
}

/// All terminals.
#[component]
pub(super) fn Terminals() -> impl IntoView {
    let store = Store::get();
    // The first one opens with the pane.
    Effect::new(move |_| {
        if store.tab.get() == "terminal" && store.is_ready() && store.terminals.with(Vec::is_empty) {
            store.open_terminal();
        }
    });
    view! {
        <For each=move || store.terminals.get() key=|terminal| terminal.number let(terminal)>
            {terminal_view(store, terminal)}
        </For>
    }
    .into_any()
}

fn terminal_view(store: Store, terminal: Terminal) -> AnyView {
    let parts = Parts {
        store,
        terminal,
        screen: StoredValue::new_local(None),
        output: NodeRef::new(),
        scroller: NodeRef::new(),
        open_line: NodeRef::new(),
        input: NodeRef::new(),
        typed: RwSignal::default(),
        search: RwSignal::default(),
        draft: StoredValue::default(),
        at: StoredValue::default(),
        tab_leaves: RwSignal::default(),
        candidates: RwSignal::default(),
        drawing: StoredValue::new(Drawing { is_due: false, follows: true }),
        is_new: RwSignal::new(terminal.lost.with_value(Option::is_none)),
        hint: RwSignal::default(),
    };
    Effect::new(move |_| {
        let (Some(output), Some(open_line)) = (parts.output.get(), parts.open_line.get()) else { return };
        if parts.screen.with_value(Option::is_none) {
            let mut screen = Screen::new(output.into(), open_line.into());
            if let Some(command) = terminal.lost.get_value() {
                screen.note(&(store.words().power_cut_ended)(&command));
            }
            parts.screen.set_value(Some(screen));
        }
    });
    Effect::new(move |_| {
        terminal.arrived.track();
        parts.draw();
    });
    let with_input = move |act: &dyn Fn(&web_sys::HtmlInputElement)| parts.input.get_untracked().iter().for_each(act);
    let focus = move |_| {
        let selection = window().get_selection().ok().flatten();
        if selection.is_none_or(|selection| selection.is_collapsed()) {
            with_input(&|input| drop(input.focus()));
        }
    };
    let found = move || {
        let search = parts.search.get()?;
        Some(format!("(reverse-i-search) {}", line::found(parts, &parts.typed.get(), &search).unwrap_or_default()))
    };
    let title = move || {
        let command = terminal.command.get();
        if command.is_empty() { String::from("bash") } else { command }
    };
    view! {
        <section class="terminal" aria-label=move || format!("{} {}", store.words().terminal, terminal.number)>
            <header>
                <b class="data">{terminal.number}</b>
                <span class="data title">{title}</span>
                <button class="quiet" on:click=move |_| store.open_terminal() title=store.say(|words| words.new_terminal)>"+"</button>
                <button class="quiet" on:click=move |_| store.close_terminal(terminal.number) title=store.say(|words| words.close)>
                    "×"
                </button>
            </header>
            <div class="screen" role="log" node_ref=parts.scroller on:click=focus on:scroll=move |_| parts.scrolled()>
                <div class="output" lang="en" node_ref=parts.output></div>
                <Show when=move || parts.is_new.get() && terminal.awaits.get() == Awaits::Command>
                    <p class="note">
                        {store.say(|words| words.first_command)}
                        <button class="quiet data" on:click=move |_| parts.say(FIRST)>{FIRST}</button>
                    </p>
                </Show>
                {move || parts.hint.get().map(|hint| hint_view(parts, hint))}
                <div class="entry" lang="en">
                    <span class="open-line" node_ref=parts.open_line></span>
                    <input
                        node_ref=parts.input
                        aria-label=store.say(|words| words.type_here)
                        autocapitalize="off"
                        autocomplete="off"
                        spellcheck="false"
                        on:keydown=move |event| with_input(&|input| line::key(parts, input, &event))
                        on:input=move |_| with_input(&|input| parts.typed.set(input.value()))
                        on:paste=move |event: web_sys::ClipboardEvent| {
                            let text = event.clipboard_data().and_then(|data| data.get_data("text").ok()).unwrap_or_default();
                            with_input(&|input| if line::paste(parts, input, &text) { event.prevent_default() });
                        }
                    />
                </div>
                <p class="note" hidden=move || parts.search.get().is_none()>{found}</p>
                <p class="candidates" lang="en" hidden=move || parts.candidates.with(Vec::is_empty)>
                    {move || parts.candidates.get().join("   ")}
                </p>
            </div>
            <div class="keys" role="group" aria-label=store.say(|words| words.terminal_keys)>
                <button on:click=move |_| with_input(&|input| completion::complete(parts, input))>"Tab"</button>
                <button on:click=move |_| with_input(&|input| line::interrupt(parts, input))>"^C"</button>
                <button on:click=move |_| with_input(&|input| line::older(parts, input))>"↑"</button>
                <button on:click=move |_| with_input(&|input| line::newer(parts, input))>"↓"</button>
                <button on:click=move |_| with_input(&|input| line::put(input, &format!("{}|", input.value())))>"|"</button>
                <button on:click=move |_| with_input(&|input| line::put(input, &format!("{}-", input.value())))>"-"</button>
            </div>
        </section>
    }
    .into_any()
}

fn hint_view(parts: Parts, hint: Hint) -> AnyView {
    let run = hint.command.map(|command| {
        let shown = command.clone();
        view! {
            <button class="quiet data" lang="en" title="Ctrl+Enter" on:click=move |_| parts.run(&command)>{shown}</button>
        }
    });
    view! {
        <p class="note hint">{hint.words} " " {run}</p>
    }
    .into_any()
}
