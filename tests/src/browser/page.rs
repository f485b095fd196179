//! The page as its tests see it: every selector, and how to read what it shows.

use super::{Browser, PATIENCE, Result, address};
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::time::{Duration, Instant};

/// A playground in a browser window.
#[derive(Debug)]
pub struct Page {
    /// The window.
    pub browser: Browser,
}

/// A row of the grid.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Partition {
    /// Its number.
    pub index: i32,
    /// Its leader; -1 for none.
    pub leader: i32,
    /// Its replicas in sync.
    pub in_sync_replicas: Vec<i32>,
    /// By broker: log end offset and high watermark.
    pub replicas: BTreeMap<i32, (i64, i64)>,
}

impl Partition {
    /// All replicas are in sync, end at the same offset, and all of it is committed.
    pub fn is_whole(&self) -> bool {
        let end = self.replicas.values().next().map_or(-1, |(end, _)| *end);
        self.leader >= 0
            && self.in_sync_replicas.len() == self.replicas.len()
            && self.replicas.values().all(|(own, marked)| *own == end && *marked == end)
    }
}

/// A record as a table shows it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Record {
    /// Its partition.
    pub partition: i32,
    /// Its offset.
    pub offset: i64,
    /// Its key.
    pub key: String,
    /// Its value.
    pub value: String,
}

/// What to send with a producer of the page.
#[derive(Clone, Copy, Debug)]
pub struct Order<'a> {
    /// Where to.
    pub topic: &'a str,
    /// The key; `{n}` is the number of the record.
    pub key: &'a str,
    /// The value; `{n}` is the number of the record.
    pub value: &'a str,
    /// The partition; empty for the partitioner's choice.
    pub partition: &'a str,
    /// How many.
    pub count: u32,
    /// Records a second; 0 for all at once.
    pub rate: u32,
}

/// Asks again and again until there is an answer; how long it took comes with it.
pub fn until<T>(what: &str, mut look: impl FnMut() -> Result<Option<T>>) -> Result<(T, Duration)> {
    until_within(PATIENCE, what, &mut look)
}

/// The same with another patience.
pub fn until_within<T>(
    patience: Duration,
    what: &str,
    mut look: impl FnMut() -> Result<Option<T>>,
) -> Result<(T, Duration)> {
    let began = Instant::now();
    loop {
        if let Some(found) = look()? {
            return Ok((found, began.elapsed()));
        }
        if began.elapsed() > patience {
            return Err(format!("waited {patience:?} in vain for {what}"));
        }
        std::thread::sleep(Duration::from_millis(40));
    }
}

impl Page {
    /// A new browser, in which three brokers have come up.
    pub fn open() -> Result<Self> {
        let page = Self::visit(Browser::open(1440, 900)?)?;
        match &*page.text(".saved")? {
            "Saved in this browser" => Ok(page),
            other => {
                let why = page.browser.run("return document.querySelector('.saved').title")?;
                Err(format!("the page says `{other}`: {why}"))
            }
        }
    }

    /// In this browser, in which three brokers have come up; whatever its language.
    pub fn visit(browser: Browser) -> Result<Self> {
        browser.goto(&address()?)?;
        browser.wait("document.querySelectorAll('th.broker .state.ok').length === 3")?;
        Ok(Self { browser })
    }

    /// Waits until these brokers run, and others see them.
    pub fn wait_for_brokers(&self, ids: &[i32]) -> Result<Duration> {
        self.until("brokers to be up", || {
            let up = ids.iter().map(|id| Ok(self.broker_state(*id)? == "up")).collect::<Result<Vec<_>>>()?;
            Ok(up.iter().all(|up| *up).then_some(()))
        })
        .map(|((), took)| took)
    }

    /// As the function of this name; what the page says is part of the error.
    pub fn until<T>(&self, what: &str, look: impl FnMut() -> Result<Option<T>>) -> Result<(T, Duration)> {
        self.until_within(PATIENCE, what, look)
    }

    /// As the function of this name; what the page says is part of the error.
    pub fn until_within<T>(
        &self,
        patience: Duration,
        what: &str,
        look: impl FnMut() -> Result<Option<T>>,
    ) -> Result<(T, Duration)> {
        until_within(patience, what, look).map_err(|error| {
            let body = self.browser.run("return document.body.innerText").unwrap_or_default();
            let console = self.browser.console().unwrap_or_default();
            // Fifty partitions of an internal topic say little.
            let lines = body.as_str().unwrap_or_default().lines();
            let lines: Vec<&str> =
                lines.filter(|line| !line.trim().is_empty() && !line.contains("__consumer")).collect();
            format!("{error}\nThe console: {console:?}\nThe page says:\n{}", lines.join("\n"))
        })
    }

    /// The text of what a selector finds first; empty where it finds nothing.
    pub fn text(&self, selector: &str) -> Result<String> {
        let script = format!("return (document.querySelector({})?.textContent ?? '').trim()", json!(selector));
        let text = self.browser.run(&script)?;
        // Long names may break after their underscores.
        Ok(text.as_str().unwrap_or_default().replace('\u{200b}', ""))
    }

    /// Clicks what a selector finds. The grid is drawn anew while the cluster changes, so a click may miss once or twice.
    pub fn click(&self, selector: &str) -> Result<()> {
        self.until(&format!("a click on {selector}"), || {
            let element = self.browser.find(selector)?;
            match self.browser.click(&element) {
                Ok(()) => Ok(Some(())),
                Err(error) if error.contains("stale") || error.contains("not clickable") => Ok(None),
                Err(error) => Err(error),
            }
        })
        .map(drop)
    }

    /// Writes into a field, in place of what is there.
    pub fn fill(&self, selector: &str, text: &str) -> Result<()> {
        let script = format!(
            "const field = document.querySelector({}); field.value = {}; \
             field.dispatchEvent(new Event('input', {{ bubbles: true }})); field.dispatchEvent(new Event('change', {{ bubbles: true }}))",
            json!(selector),
            json!(text)
        );
        self.browser.find(selector)?;
        self.browser.run(&script).map(drop)
    }

    /// Writes into the field of a form that has this label.
    fn fill_labelled(&self, form: &str, label: &str, text: &str) -> Result<()> {
        let script = format!(
            "const label = [...document.querySelectorAll({} + ' label')].find(one => one.querySelector('span')?.textContent.trim() === {}); \
             const field = label.querySelector('input, select, textarea'); field.value = {}; \
             field.dispatchEvent(new Event('input', {{ bubbles: true }})); field.dispatchEvent(new Event('change', {{ bubbles: true }}))",
            json!(form),
            json!(label),
            json!(text)
        );
        self.browser.find(form)?;
        self.browser.run(&script).map_err(|error| format!("{label} in {form}: {error}")).map(drop)
    }

    /// The field of a producer's form that has this label.
    pub fn producer_field(&self, label: &str) -> Result<String> {
        let script = format!(
            "return [...document.querySelectorAll('form.producer label')].find(one => one.querySelector('span')?.textContent.trim() === {})?.querySelector('input').value ?? ''",
            json!(label)
        );
        Ok(self.browser.run(&script)?.as_str().unwrap_or_default().to_owned())
    }

    // Brokers.

    /// The word for a broker's state, without what follows.
    pub fn broker_state(&self, id: i32) -> Result<String> {
        let text = self.text(&format!("{} .state", head(id)))?;
        Ok(text.split(" · ").next().unwrap_or_default().to_owned())
    }

    /// The broker that is marked as the active controller.
    pub fn active_controller(&self) -> Result<Option<i32>> {
        let script = "const head = [...document.querySelectorAll('th.broker')].find(one => one.textContent.includes('active controller')); \
                      return head ? Number(head.dataset.broker) : null";
        Ok(self.browser.run(script)?.as_i64().map(|id| id as i32))
    }

    /// `kill -9`, by the button in the broker's head.
    pub fn kill(&self, id: i32) -> Result<()> {
        self.press_until(&format!("{} button.kill", head(id)), || Ok(self.broker_state(id)? == "killed"))
    }

    /// SIGTERM, by the button in the broker's head; waits for the process to end.
    pub fn stop(&self, id: i32) -> Result<()> {
        let asked = || {
            let state = self.broker_state(id)?;
            Ok(state.starts_with("stopping") || state == "stopped")
        };
        self.press_until(&format!("{} button.kill + button", head(id)), asked)?;
        self.until("the broker to stop", || Ok((self.broker_state(id)? == "stopped").then_some(()))).map(drop)
    }

    /// Cuts a broker's power, by the button among the dangerous ones.
    pub fn power_off(&self, id: i32) -> Result<()> {
        self.click(&format!("{} button.name", head(id)))?;
        let title = format!("broker {id}");
        self.until("the broker's sheet", || Ok((self.text(".inspector h2")? == title).then_some(())))?;
        self.press_until(".inspector .dangerous button.kill", || Ok(self.broker_state(id)? == "powered off"))
    }

    /// Starts a broker that is down.
    pub fn start(&self, id: i32) -> Result<()> {
        let gone = |state: &str| matches!(state, "killed" | "powered off" | "stopped" | "failed");
        self.press_until(&format!("{} button.filled", head(id)), || Ok(!gone(&self.broker_state(id)?)))
    }

    /// A button is deaf for a moment after its fellow was pressed.
    fn press_until(&self, selector: &str, pressed: impl Fn() -> Result<bool>) -> Result<()> {
        let press = format!("document.querySelector({})?.click()", json!(selector));
        self.until(&format!("{selector} to do it"), || {
            if pressed()? {
                return Ok(Some(()));
            }
            self.browser.run(&press)?;
            Ok(pressed()?.then_some(()))
        })
        .map(drop)
    }

    // Topics.

    /// Creates a topic by the form.
    pub fn create_topic(&self, name: &str, partitions: u32, replication_factor: u32) -> Result<()> {
        self.create_topic_with(name, partitions, replication_factor, "")
    }

    /// Creates a topic by the form, with configurations as `key=value` and spaces between, quoted as in a shell.
    pub fn create_topic_with(&self, name: &str, partitions: u32, replication_factor: u32, configs: &str) -> Result<()> {
        self.click("th.corner button")?;
        let form = ".inspector form";
        self.fill_labelled(form, "Name", name)?;
        self.fill_labelled(form, "Partitions", &partitions.to_string())?;
        self.fill_labelled(form, "replication.factor", &replication_factor.to_string())?;
        self.fill_labelled(form, "Configs (key=value key=\"a b\" …)", configs)?;
        self.click(".inspector form button[type=submit]")?;
        self.until("the topic's rows", || Ok((self.partitions(name)?.len() == partitions as usize).then_some(())))?;
        self.wait_until_whole(name).map(drop)
    }

    /// Asks for another number of partitions; the answer.
    pub fn change_partitions(&self, topic: &str, count: u32) -> Result<String> {
        self.select_topic(topic)?;
        self.fill_labelled(".inspector form", "Partitions, at least", &count.to_string())?;
        self.click(".inspector form button[type=submit]")?;
        let answer = || {
            let text = self.text(".inspector .answer:not([role=status])")?;
            Ok((!text.is_empty()).then_some(text))
        };
        self.until("an answer", answer).map(|(answer, _)| answer)
    }

    /// A fact of a topic, as its sheet shows it.
    pub fn topic_fact(&self, topic: &str, name: &str) -> Result<Option<String>> {
        self.select_topic(topic)?;
        let script = format!(
            "return [...document.querySelectorAll('.inspector dt')].find(one => one.textContent.replaceAll('\\u200b', '') === {})\
               ?.nextElementSibling.textContent ?? null",
            json!(name)
        );
        Ok(self.browser.run(&script)?.as_str().map(str::to_owned))
    }

    fn select_topic(&self, topic: &str) -> Result<()> {
        let open = format!(
            "[...document.querySelectorAll('tr.topic button.name')].find(one => one.textContent === {})?.click()",
            json!(topic)
        );
        self.until("the topic's sheet", || {
            self.browser.run(&open)?;
            Ok((self.text(".inspector h2")? == topic).then_some(()))
        })
        .map(drop)
    }

    /// The rows of a topic.
    pub fn partitions(&self, topic: &str) -> Result<Vec<Partition>> {
        let script = format!(
            "return [...document.querySelectorAll('tr.partition')].filter(row => row.dataset.topic === {}).map(row => ({{ \
               index: Number(row.dataset.partition), leader: Number(row.dataset.leader), isr: row.dataset.isr, \
               replicas: [...row.querySelectorAll('td[data-broker]')].map(cell => \
                 [cell.dataset.broker, cell.dataset.end, cell.dataset.highWatermark].map(Number)) }}))",
            json!(topic)
        );
        let rows = self.browser.run(&script)?;
        Ok(rows.as_array().into_iter().flatten().map(partition).collect())
    }

    /// Waits until every replica of a topic has all of it.
    pub fn wait_until_whole(&self, topic: &str) -> Result<Vec<Partition>> {
        let whole = || {
            let rows = self.partitions(topic)?;
            Ok((!rows.is_empty() && rows.iter().all(Partition::is_whole)).then_some(rows))
        };
        self.until(&format!("all of {topic} to be in sync"), whole).map(|(rows, _)| rows)
    }

    // Producers.

    /// Asks the first producer of the page to send.
    pub fn produce(&self, order: Order<'_>) -> Result<()> {
        let form = "form.producer";
        self.fill_labelled(form, "Topic", order.topic)?;
        self.fill_labelled(form, "Key", order.key)?;
        self.fill_labelled(form, "Value", order.value)?;
        self.fill_labelled(form, "Partition", order.partition)?;
        self.fill_labelled(form, "Count", &order.count.to_string())?;
        self.fill_labelled(form, "Per second", &order.rate.to_string())?;
        self.click("form.producer button[type=submit]")
    }

    /// Ends what the first producer sends; the answer comes with the last that was on its way.
    pub fn stop_producing(&self) -> Result<()> {
        self.click("form.producer > button[type=button]")
    }

    /// What came of the last order: words of success, or Kafka's error.
    pub fn produced(&self, patience: Duration) -> Result<String> {
        let answer = || {
            let text = self.text("form.producer .answer.ok")?;
            Ok((!text.is_empty()).then_some(text))
        };
        self.until_within(patience, "the producer's answer", answer).map(|(answer, _)| answer)
    }

    /// The error the first producer shows.
    pub fn producer_error(&self) -> Result<String> {
        self.text("form.producer .answer.err")
    }

    /// Records the first producer had acknowledged.
    pub fn acknowledged(&self) -> Result<u64> {
        let script = "return Number(document.querySelector('form.producer')?.dataset.acknowledged ?? 0)";
        Ok(self.browser.run(script)?.as_u64().unwrap_or(0))
    }

    /// Waits until that many are.
    pub fn wait_for_acknowledged(&self, count: u64) -> Result<Duration> {
        let enough = || Ok((self.acknowledged()? >= count).then_some(()));
        self.until(&format!("{count} acknowledged records"), enough).map(|((), took)| took)
    }

    // Groups.

    /// Adds a consumer of a topic from its beginning.
    pub fn add_consumer(&self, group: &str, topic: &str) -> Result<()> {
        self.open_consumers()?;
        self.fill_labelled(".inspector form", "Group", group)?;
        self.fill_labelled(".inspector form", "Topic", topic)?;
        self.click(".inspector form button[type=submit]")
    }

    fn open_consumers(&self) -> Result<()> {
        let open = "document.querySelector('th.group button.quiet').click()";
        self.until("the form of a new consumer", || {
            if self.browser.run("return Boolean(document.querySelector('.inspector ul.consumers'))")? == json!(true) {
                return Ok(Some(()));
            }
            self.browser.run(open)?;
            Ok(None)
        })
        .map(drop)
    }

    /// What each consumer received, by its number.
    pub fn received(&self) -> Result<BTreeMap<u32, u64>> {
        self.open_consumers()?;
        let script = "return [...document.querySelectorAll('.consumers li')].map(one => [one.dataset.consumer, one.dataset.received].map(Number))";
        let all = self.browser.run(script)?;
        let pair = |pair: &Value| Some((pair[0].as_u64()? as u32, pair[1].as_u64()?));
        Ok(all.as_array().into_iter().flatten().filter_map(pair).collect())
    }

    /// The newest records a consumer received.
    pub fn received_records(&self, consumer: u32) -> Result<Vec<Record>> {
        self.open_consumers()?;
        self.click(&format!(".consumers li[data-consumer='{consumer}'] button"))?;
        let title = format!("c{consumer}");
        self.until("the consumer's sheet", || Ok(self.text(".inspector h2")?.contains(&title).then_some(())))?;
        Ok(records(&self.browser.run(&format!("return {}", rows_of(".inspector table.records")))?))
    }

    /// The members of a group as its head shows them: `c3`, `c4 idle`.
    pub fn members(&self, group: &str) -> Result<Vec<String>> {
        let script = format!(
            "return [...document.querySelectorAll('th.group[data-group={}] .chips .chip')].map(one => one.textContent.trim())",
            json!(group)
        );
        Ok(strings(&self.browser.run(&script)?))
    }

    /// Who owns the partitions of a topic in a group, and the committed offsets; in the order of the rows.
    pub fn owners(&self, topic: &str, group: &str) -> Result<Vec<(String, i64)>> {
        let script = format!(
            "return [...document.querySelectorAll('tr.partition')].filter(row => row.dataset.topic === {}).map(row => {{ \
               const cell = row.querySelector('td[data-group={}]'); \
               return [cell?.querySelector('.chip')?.textContent.trim() ?? '', Number(cell?.dataset.committed ?? -1)] }})",
            json!(topic),
            json!(group)
        );
        let all = self.browser.run(&script)?;
        let pair = |pair: &Value| (pair[0].as_str().unwrap_or_default().to_owned(), pair[1].as_i64().unwrap_or(-1));
        Ok(all.as_array().into_iter().flatten().map(pair).collect())
    }

    // Records.

    /// Reads a partition to its end, as somebody who pages through it does.
    pub fn read_partition(&self, topic: &str, partition: i32) -> Result<Vec<Record>> {
        let mut all: Vec<Record> = Vec::new();
        loop {
            let from = all.last().map_or(0, |record| record.offset + 1);
            let found = self.read_from(topic, partition, from)?;
            if found.is_empty() {
                return Ok(all);
            }
            all.extend(found);
        }
    }

    fn read_from(&self, topic: &str, partition: i32, from: i64) -> Result<Vec<Record>> {
        let form = "form.browse";
        self.fill_labelled(form, "Topic", topic)?;
        self.fill_labelled(form, "Partition", &partition.to_string())?;
        self.fill_labelled(form, "Offset", &from.to_string())?;
        let script = format!(
            "document.querySelector('form.browse button[type=submit]').click(); \
             const look = () => document.querySelector('.found [role=status]') || !document.querySelector('.found').children.length \
               ? setTimeout(look, 10) \
               : done(document.querySelector('.found [role=alert]')?.textContent ?? {}); \
             setTimeout(look, 10)",
            rows_of(".found table.records")
        );
        let found = self.browser.run_async(&script)?;
        match found.as_str() {
            Some(error) => Err(format!("reading {topic}-{partition} from {from}: {error}")),
            None => Ok(records(&found)),
        }
    }

    /// Reads all records of a topic.
    pub fn read_topic(&self, topic: &str) -> Result<Vec<Record>> {
        let mut all = Vec::new();
        for partition in self.partitions(topic)? {
            all.extend(self.read_partition(topic, partition.index)?);
        }
        Ok(all)
    }

    // The page itself.

    /// Errors and warnings of the console.
    pub fn console_complaints(&self) -> Result<Vec<String>> {
        let said = self.browser.console()?.into_iter().filter(|(level, _)| level == "SEVERE" || level == "WARNING");
        Ok(said.map(|(level, message)| format!("{level}: {message}")).collect())
    }

    /// Errors and warnings of the console, and workers that died.
    pub fn complaints(&self) -> Result<Vec<String>> {
        let mut complaints = self.console_complaints()?;
        let script = "return [...document.querySelectorAll('.events li')].map(one => one.textContent).filter(text => /The worker of|ended of a fault/.test(text))";
        complaints.extend(strings(&self.browser.run(script)?));
        Ok(complaints)
    }

    /// Fails where there are [`Page::complaints`].
    pub fn expect_no_complaint(&self) -> Result<()> {
        let complaints = self.complaints()?;
        if complaints.is_empty() { Ok(()) } else { Err(complaints.join("\n")) }
    }
}

fn head(id: i32) -> String {
    format!("th.broker[data-broker='{id}']")
}

/// An expression: the rows of a table of records.
fn rows_of(table: &str) -> String {
    format!(
        "[...document.querySelectorAll({} + ' tbody tr')].map(row => [...row.cells].slice(0, 3).map(cell => cell.textContent))",
        json!(table)
    )
}

fn records(rows: &Value) -> Vec<Record> {
    let record = |row: &Value| {
        let (partition, offset) = row[0].as_str()?.split_once(':')?;
        let text = |cell: &Value| cell.as_str().unwrap_or_default().to_owned();
        Some(Record {
            partition: partition.parse().ok()?,
            offset: offset.parse().ok()?,
            key: text(&row[1]),
            value: text(&row[2]),
        })
    };
    rows.as_array().into_iter().flatten().filter_map(record).collect()
}

fn partition(row: &Value) -> Partition {
    let number = |value: &Value| value.as_f64().map_or(-1, |number| number as i64);
    let isr = row["isr"].as_str().unwrap_or_default();
    let replica = |one: &Value| (number(&one[0]) as i32, (number(&one[1]), number(&one[2])));
    Partition {
        index: number(&row["index"]) as i32,
        leader: number(&row["leader"]) as i32,
        in_sync_replicas: isr.split(',').filter_map(|id| id.parse().ok()).collect(),
        replicas: row["replicas"].as_array().into_iter().flatten().map(replica).collect(),
    }
}

fn strings(value: &Value) -> Vec<String> {
    value.as_array().into_iter().flatten().filter_map(|text| text.as_str().map(ToOwned::to_owned)).collect()
}
