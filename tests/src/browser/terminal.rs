//! The terminals of the page as its tests see them: typed at by real keys, read as they are shown.

use super::{Page, Result};
use serde_json::json;

/// The key that ends a line, as the driver writes it.
pub const ENTER: &str = "\u{e007}";
/// Control held down.
const CONTROL: &str = "\u{e009}";
/// No key held down any more.
const RELEASE: &str = "\u{e000}";

impl Page {
    /// Shows the terminals and waits for the prompt of the first.
    pub fn show_terminals(&self) -> Result<()> {
        let script = "const tab = [...document.querySelectorAll('.dock [role=tab]')].find(tab => tab.textContent.trim() === 'Terminal');
             tab?.click(); return Boolean(tab)";
        match self.browser.run(script)?.as_bool() {
            Some(true) => self.wait_for_prompt(0),
            _ => Err("the dock has no tab Terminal".into()),
        }
    }

    /// Opens a terminal more; its place among them.
    pub fn open_terminal(&self) -> Result<usize> {
        let before = self.terminals()?;
        self.click(".terminal header button")?;
        self.until("another terminal", || Ok((self.terminals()? == before + 1).then_some(())))?;
        self.wait_for_prompt(before)?;
        Ok(before)
    }

    /// How many there are.
    pub fn terminals(&self) -> Result<usize> {
        let count = self.browser.run("return document.querySelectorAll('.terminal').length")?;
        Ok(count.as_u64().unwrap_or(0) as usize)
    }

    /// Types a line, key by key, and ends it.
    pub fn enter(&self, terminal: usize, line: &str) -> Result<()> {
        let input = self.browser.find(&format!(".terminal:nth-of-type({}) .entry input", terminal + 1))?;
        self.browser.type_text(&input, line)?;
        self.browser.type_text(&input, ENTER)
    }

    /// Types a command and waits until the shell asks for the next; what was shown for it.
    pub fn run_command(&self, terminal: usize, line: &str) -> Result<String> {
        let before = self.screen(terminal)?.len();
        self.enter(terminal, line)?;
        self.until(&format!("`{line}` to end"), || {
            let screen = self.screen(terminal)?;
            let shown = screen.get(before..).unwrap_or_default();
            let ended = shown.strip_suffix("$ ").filter(|_| shown.contains('\n'));
            Ok(ended.map(|shown| shown.split_once('\n').map_or("", |(_, rest)| rest).to_owned()))
        })
        .map(|(shown, _)| {
            // The prompt behind it.
            shown.rsplit_once('\n').map_or(String::new(), |(output, _)| format!("{output}\n"))
        })
    }

    /// Replaces the text of the file in the editor, writes it and closes the editor.
    pub fn edit(&self, text: &str) -> Result<()> {
        let area = ".editor textarea";
        self.until("the editor", || Ok(self.browser.find(area).ok())).map(drop)?;
        let area = self.browser.find(area)?;
        self.browser.type_text(&area, &format!("{CONTROL}a{RELEASE}{text}"))?;
        self.browser.type_text(&area, &format!("{CONTROL}s{RELEASE}"))?;
        self.until("the file to be written", || Ok((self.text(".editor .state")? == "written").then_some(())))?;
        self.click(".editor header button:last-child")
    }

    /// Ctrl-C.
    pub fn interrupt(&self, terminal: usize) -> Result<()> {
        let input = self.browser.find(&format!(".terminal:nth-of-type({}) .entry input", terminal + 1))?;
        self.browser.type_text(&input, &format!("{CONTROL}c{RELEASE}"))
    }

    /// Everything a terminal shows, the line with the cursor included.
    pub fn screen(&self, terminal: usize) -> Result<String> {
        let script = format!(
            "const it = document.querySelectorAll('.terminal')[{}]; if (!it) return '';
             const lines = [...it.querySelectorAll('.output > .chunk')].map(chunk => chunk.textContent).join('');
             return lines + it.querySelector('.open-line').textContent",
            json!(terminal)
        );
        Ok(self.browser.run(&script)?.as_str().unwrap_or_default().to_owned())
    }

    /// What a terminal says of the last command's mistake; empty where it made none that is known.
    pub fn hint(&self, terminal: usize) -> Result<String> {
        self.text(&format!(".terminal:nth-of-type({}) .hint", terminal + 1))
    }

    /// Enters the command that a hint offers, as a keyboard does.
    pub fn take_hint(&self, terminal: usize) -> Result<()> {
        let input = self.browser.find(&format!(".terminal:nth-of-type({}) .entry input", terminal + 1))?;
        self.browser.type_text(&input, &format!("{CONTROL}{ENTER}{RELEASE}"))
    }

    /// Waits until a terminal shows this.
    pub fn until_screen(&self, terminal: usize, shows: &str) -> Result<String> {
        let (screen, _) = self
            .until(&format!("terminal {terminal} to show `{shows}`"), || {
                let screen = self.screen(terminal)?;
                Ok(screen.contains(shows).then_some(screen))
            })
            .map_err(|error| format!("{error}\nThe terminal:\n{}", self.screen(terminal).unwrap_or_default()))?;
        Ok(screen)
    }

    /// Waits until the shell asks for a command.
    pub fn wait_for_prompt(&self, terminal: usize) -> Result<()> {
        self.until("a prompt", || Ok(self.screen(terminal)?.ends_with("$ ").then_some(()))).map(drop)
    }
}
