//! Headless Chromium, driven through chromedriver: what the end-to-end tests and the benchmark see of the page.

mod elsewhere;
mod http;
mod page;
mod terminal;

pub use elsewhere::Elsewhere;
pub use page::{Order, Page, Partition, Record, until, until_within};
pub use terminal::ENTER;

use serde_json::{Value, json};
use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

/// A browser with one window. Ends when dropped.
#[derive(Debug)]
pub struct Browser {
    driver: Child,
    port: u16,
    session: String,
}

/// An element of the page, by the driver's own name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Element(String);

/// The key under which the driver names elements.
const ELEMENT: &str = "element-6066-11e4-a52e-4f735466cecf";
/// The address of the served page, set by `cargo xtask test`.
const ADDRESS: &str = "PLAYGROUND_URL";
/// Longest wait for something the page will show.
const PATIENCE: Duration = Duration::from_mins(1);

type Result<T> = std::result::Result<T, String>;

/// Where the page is served.
///
/// # Errors
/// Where nobody serves it: these tests are run by `cargo xtask test`.
pub fn address() -> Result<String> {
    std::env::var(ADDRESS).map_err(|_| format!("{ADDRESS} is not set: run `cargo xtask test --only browser`"))
}

impl Browser {
    /// A new browser with an empty profile and a window of this size.
    pub fn open(width: u32, height: u32) -> Result<Self> {
        Self::open_with(width, height, &json!({}))
    }

    /// The same, of somebody who reads this language.
    pub fn open_in(width: u32, height: u32, language: &str) -> Result<Self> {
        Self::open_with(width, height, &json!({ "intl.accept_languages": language }))
    }

    /// The same, but the browser denies pages every kind of storage.
    pub fn open_without_storage(width: u32, height: u32) -> Result<Self> {
        Self::open_with(width, height, &json!({ "profile.default_content_setting_values.cookies": 2 }))
    }

    fn open_with(width: u32, height: u32, preferences: &Value) -> Result<Self> {
        let program = std::env::var_os("CHROMEDRIVER").unwrap_or_else(|| "chromedriver".into());
        let mut driver = Command::new(program)
            .arg("--port=0")
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .map_err(|error| format!("chromedriver: {error}"))?;
        let port = driver.stdout.take().and_then(|stdout| announced_port(BufReader::new(stdout)));
        let port = port.ok_or("chromedriver did not say its port")?;
        let mut browser = Self { driver, port, session: String::new() };
        let arguments = [
            "--headless=new".to_owned(),
            "--no-sandbox".to_owned(),
            "--disable-gpu".to_owned(),
            "--disable-dev-shm-usage".to_owned(),
            "--disable-background-networking".to_owned(),
            format!("--window-size={width},{height}"),
        ];
        let capabilities = json!({ "capabilities": { "alwaysMatch": {
            "goog:chromeOptions": { "args": arguments, "prefs": preferences },
            "goog:loggingPrefs": { "browser": "ALL" },
        } } });
        let session = http::request(browser.port, "POST", "/session", Some(&capabilities))?;
        browser.session = text(&session["sessionId"])?;
        Ok(browser)
    }

    /// Gives the page another size, also one that no window has: a phone's.
    pub fn resize(&self, width: u32, height: u32) -> Result<()> {
        let size = json!({ "width": width, "height": height, "deviceScaleFactor": 1, "mobile": false });
        let command = json!({ "cmd": "Emulation.setDeviceMetricsOverride", "params": size });
        self.post("goog/cdp/execute", &command).map(drop)
    }

    /// Loads a page.
    pub fn goto(&self, url: &str) -> Result<()> {
        self.post("url", &json!({ "url": url })).map(drop)
    }

    /// Loads the page again.
    pub fn reload(&self) -> Result<()> {
        self.post("refresh", &json!({})).map(drop)
    }

    /// Runs the body of a function in the page; its result.
    pub fn run(&self, script: &str) -> Result<Value> {
        self.post("execute/sync", &json!({ "script": script, "args": [] }))
    }

    /// Runs the body of a function in the page which calls `done(result)` when it is, within a hundred seconds.
    pub fn run_async(&self, script: &str) -> Result<Value> {
        let script = format!("const done = arguments[arguments.length - 1]; {script}");
        self.post("timeouts", &json!({ "script": 100_000 }))?;
        self.post("execute/async", &json!({ "script": script, "args": [] }))
    }

    /// Waits until an expression is true.
    pub fn wait(&self, expression: &str) -> Result<()> {
        let began = Instant::now();
        loop {
            if self.run(&format!("return Boolean({expression})"))? == Value::Bool(true) {
                return Ok(());
            }
            if began.elapsed() > PATIENCE {
                let body = self.run("return document.body.innerText").unwrap_or_default();
                return Err(format!("in {PATIENCE:?} it did not come true: {expression}\nThe page says:\n{body}"));
            }
            std::thread::sleep(Duration::from_millis(50));
        }
    }

    /// The first element a selector finds; waits for it.
    pub fn find(&self, selector: &str) -> Result<Element> {
        self.wait(&format!("document.querySelector({})", json!(selector)))?;
        let found = self.post("element", &json!({ "using": "css selector", "value": selector }))?;
        text(&found[ELEMENT]).map(Element)
    }

    /// Clicks in its middle.
    pub fn click(&self, element: &Element) -> Result<()> {
        self.post(&format!("element/{}/click", element.0), &json!({})).map(drop)
    }

    /// Types into it, after what is there.
    pub fn type_text(&self, element: &Element, typed: &str) -> Result<()> {
        self.post(&format!("element/{}/value", element.0), &json!({ "text": typed })).map(drop)
    }

    /// Types into whatever has the focus, as a keyboard does.
    pub fn press(&self, keys: &str) -> Result<()> {
        let strokes: Vec<Value> = keys
            .chars()
            .flat_map(|key| [json!({ "type": "keyDown", "value": key }), json!({ "type": "keyUp", "value": key })])
            .collect();
        let keyboard = json!({ "type": "key", "id": "keyboard", "actions": strokes });
        self.post("actions", &json!({ "actions": [keyboard] })).map(drop)
    }

    /// Empties a field.
    pub fn clear(&self, element: &Element) -> Result<()> {
        self.post(&format!("element/{}/clear", element.0), &json!({})).map(drop)
    }

    /// The text it shows.
    pub fn text(&self, element: &Element) -> Result<String> {
        text(&self.get(&format!("element/{}/text", element.0))?)
    }

    /// The name of the tab.
    pub fn tab(&self) -> Result<String> {
        text(&self.get("window")?)
    }

    /// Opens another tab of the same profile and goes on there; answers the name of the tab before.
    pub fn open_tab(&self) -> Result<String> {
        let before = self.tab()?;
        let opened = self.post("window/new", &json!({ "type": "tab" }))?;
        self.switch_tab(&text(&opened["handle"])?)?;
        Ok(before)
    }

    /// Goes on in another tab.
    pub fn switch_tab(&self, name: &str) -> Result<()> {
        self.post("window", &json!({ "handle": name })).map(drop)
    }

    /// Closes the tab and goes on in another.
    pub fn close_tab(&self, next: &str) -> Result<()> {
        http::request(self.port, "DELETE", &format!("/session/{}/window", self.session), None)?;
        self.switch_tab(next)
    }

    /// Goes on inside the frame a selector finds.
    pub fn enter_frame(&self, selector: &str) -> Result<()> {
        let frame = self.find(selector)?;
        self.post("frame", &json!({ "id": { ELEMENT: frame.0 } })).map(drop)
    }

    /// A command of the browser's own debugging protocol.
    pub fn debugger(&self, command: &str, parameters: &Value) -> Result<Value> {
        self.post("goog/cdp/execute", &json!({ "cmd": command, "params": parameters }))
    }

    /// Writes a picture of the window, as PNG.
    pub fn screenshot(&self, path: &Path) -> Result<()> {
        let picture = text(&self.get("screenshot")?)?;
        std::fs::write(path, http::from_base64(&picture)).map_err(|error| format!("{}: {error}", path.display()))
    }

    /// What the console said since the last time: level and message.
    pub fn console(&self) -> Result<Vec<(String, String)>> {
        let entries = self.post("se/log", &json!({ "type": "browser" }))?;
        let entries = entries.as_array().cloned().unwrap_or_default();
        entries.iter().map(|entry| Ok((text(&entry["level"])?, text(&entry["message"])?))).collect()
    }

    /// What the console said of errors since the last time.
    pub fn console_errors(&self) -> Result<Vec<String>> {
        let severe = self.console()?.into_iter().filter(|(level, _)| level == "SEVERE");
        Ok(severe.map(|(_, message)| message).collect())
    }

    fn get(&self, path: &str) -> Result<Value> {
        http::request(self.port, "GET", &format!("/session/{}/{path}", self.session), None)
    }

    fn post(&self, path: &str, body: &Value) -> Result<Value> {
        http::request(self.port, "POST", &format!("/session/{}/{path}", self.session), Some(body))
    }
}

impl Drop for Browser {
    fn drop(&mut self) {
        // The driver ends the browser with the session; a driver already gone has nothing left to end.
        let _ = http::request(self.port, "DELETE", &format!("/session/{}", self.session), None);
        let _ = self.driver.kill();
        let _ = self.driver.wait();
    }
}

/// chromedriver says "… was started successfully on port 40123."; the rest of what it says is read and dropped.
fn announced_port(mut stdout: BufReader<std::process::ChildStdout>) -> Option<u16> {
    let mut line = String::new();
    while stdout.read_line(&mut line).ok()? > 0 {
        if let Some((_, port)) = line.split_once("successfully on port ") {
            let port = port.trim().trim_end_matches('.').parse().ok();
            std::thread::spawn(move || std::io::copy(&mut stdout, &mut std::io::sink()));
            return port;
        }
        line.clear();
    }
    None
}

fn text(value: &Value) -> Result<String> {
    value.as_str().map(str::to_owned).ok_or_else(|| format!("expected text, not {value}"))
}
