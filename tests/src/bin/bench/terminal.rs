//! The figures of the terminals.

use super::{LINGER_MS, Load, Result, TOPIC, paced, records_a_second, row, run, span};
use broker_tests::browser::{ENTER, Page};
use std::time::Duration;

/// Longest a command may take here.
const PATIENCE: Duration = Duration::from_mins(3);
/// Times a command is entered to see how soon it answers.
const ENTERED: usize = 20;
/// Records that a console consumer prints.
const PRINTED: u32 = 100_000;
/// Records of each producer that is compared.
const PRODUCED: u32 = 60_000;
const BOOTSTRAP: &str = "--bootstrap-server localhost:9092";

pub(super) fn measure(page: &Page) -> Result<()> {
    page.wait_for_brokers(&[0, 1, 2])?;
    page.show_terminals()?;
    first_output(page)?;
    kafkas_flush(page)?;
    console_consumer(page)?;
    producer(page)
}

/// From Enter to a tool's first output, on screen.
fn first_output(page: &Page) -> Result<()> {
    // A tool's code is compiled when it runs for the first time.
    page.run_command(0, &format!("kafka-topics.sh {BOOTSTRAP} --list"))?;
    page.browser.run(
        "const screen = document.querySelector('.terminal .output');
         const input = document.querySelector('.terminal .entry input');
         window.spans = [];
         let entered = 0, echoed = 0;
         input.addEventListener('keydown', event => { if (event.key === 'Enter') { entered = performance.now(); echoed = 0; } }, true);
         new MutationObserver(changes => {
             if (!entered) return;
             const text = changes.flatMap(change => [...change.addedNodes]).map(node => node.textContent).join('');
             // The first line is the command itself.
             const lines = echoed + text.split('\\n').length - 1;
             if (lines > 1) { window.spans.push(performance.now() - entered); entered = 0; } else echoed = lines;
         }).observe(screen, { childList: true, subtree: true });",
    )?;
    for _ in 0..ENTERED {
        page.run_command(0, &format!("kafka-topics.sh {BOOTSTRAP} --list"))?;
    }
    let spans = page.browser.run("return window.spans.sort((one, other) => one - other)")?;
    let mut spans: Vec<f64> = spans.as_array().into_iter().flatten().filter_map(serde_json::Value::as_f64).collect();
    spans.sort_by(f64::total_cmp);
    if spans.len() != ENTERED {
        return Err(format!("{} of {ENTERED} commands were seen to answer", spans.len()));
    }
    row(
        "kafka-topics.sh --list: first output after Enter",
        &format!("p50 {:.0} ms, longest {:.0} ms", spans[ENTERED / 2], spans[ENTERED - 1]),
    );
    Ok(())
}

/// Latency where nobody waits for the disk, as Kafka's own default has it.
fn kafkas_flush(page: &Page) -> Result<()> {
    const UNFLUSHED: &str = "unflushed";
    page.run_command(
        0,
        &format!("kafka-topics.sh {BOOTSTRAP} --create --topic {UNFLUSHED} --config flush.messages={}", i64::MAX),
    )?;
    for linger_ms in LINGER_MS {
        let measured = run(&page.browser, &paced(UNFLUSHED, linger_ms))?;
        row(
            &format!("the same with Kafka's flush, linger.ms={linger_ms}: acknowledged"),
            &span(&measured, "ack_p50", "ack_p99"),
        );
    }
    Ok(())
}

/// A console consumer that prints many records: does the page stay smooth?
fn console_consumer(page: &Page) -> Result<()> {
    let produce = format!(
        "kafka-producer-perf-test.sh {BOOTSTRAP} --topic printed --num-records {PRINTED} --record-size 32 --throughput -1"
    );
    timed_command(page, &produce)?;
    page.browser.run(
        "window.long = [];
         new PerformanceObserver(list => { for (const entry of list.getEntries()) window.long.push(entry.duration); }).observe({ type: 'longtask' });
         window.watch = () => { window.frames = []; let last = performance.now(); window.watching = true;
             const look = now => { window.frames.push(now - last); last = now; if (window.watching) requestAnimationFrame(look); };
             requestAnimationFrame(look); };
         window.seen = () => { window.watching = false;
             const frames = window.frames.slice(1).sort((one, other) => one - other);
             return [frames[Math.floor(frames.length * 0.99)], frames.at(-1), frames.length, Math.max(0, ...window.long)]; };",
    )?;
    // What this machine draws when nothing happens, to compare with.
    page.browser.run_async("window.watch(); setTimeout(done, 2000)")?;
    let idle = page.browser.run("return window.seen()[0]")?.as_f64().unwrap_or_default();
    let command =
        format!("kafka-console-consumer.sh {BOOTSTRAP} --topic printed --from-beginning --max-messages {PRINTED}");
    let input = page.browser.find(".terminal .entry input")?;
    page.browser.type_text(&input, &command)?;
    page.browser.run("window.long = []; window.watch()")?;
    page.browser.type_text(&input, ENTER)?;
    let total = format!("Processed a total of {PRINTED} messages");
    let ((), took) = page.until_within(PATIENCE, "all records to be printed", || {
        let shown =
            page.browser.run("return document.querySelector('.terminal .chunk:last-of-type')?.textContent ?? ''")?;
        Ok(shown.as_str().unwrap_or_default().contains(&total).then_some(()))
    })?;
    let figures = page.browser.run("return window.seen()")?;
    let [p99, longest, count, task] = [0, 1, 2, 3].map(|index| figures[index].as_f64().unwrap_or_default());
    row(
        &format!("kafka-console-consumer.sh of {PRINTED} records"),
        &format!(
            "{:.1} s, {count:.0} frames, p99 {p99:.1} ms (idle {idle:.1}), longest {longest:.0} ms, longest task {task:.0} ms",
            took.as_secs_f64()
        ),
    );
    Ok(())
}

/// Kafka's own producer of a load beside that of the page, by turns.
fn producer(page: &Page) -> Result<()> {
    let load = Load {
        topic: TOPIC,
        records: PRODUCED,
        size: 1024,
        rate: 0,
        linger_ms: 5,
        batch_size: 131_072,
        consume: false,
    };
    let command = format!(
        "kafka-producer-perf-test.sh {BOOTSTRAP} --topic {TOPIC} --num-records {PRODUCED} --record-size 1024 --throughput -1 \
         --command-property acks=all --command-property linger.ms=5 --command-property batch.size=131072"
    );
    let (mut own, mut tool) = (0.0, 0.0);
    for _ in 0..2 {
        own += records_a_second(&page.browser, &load)? / 2.0;
        let printed = timed_command(page, &command)?;
        let total = format!("{PRODUCED} records sent, ");
        let figure = printed.lines().find_map(|line| line.strip_prefix(&total)?.split(' ').next()?.parse::<f64>().ok());
        tool += figure.ok_or_else(|| format!("no figure in:\n{printed}"))? / 2.0;
    }
    row(
        "kafka-producer-perf-test.sh of 1024 B, acks=all",
        &format!("{tool:.0} records/s; the page's load {own:.0}: {:.2} of it", tool / own),
    );
    Ok(())
}

/// Enters a command that may take long; what it printed. The page itself tells of the prompt behind it: who asks for the screen
/// again and again takes time from what is measured.
fn timed_command(page: &Page, command: &str) -> Result<String> {
    page.enter(0, "clear")?;
    page.until("an empty screen", || {
        let screen = page.screen(0)?;
        Ok((screen.ends_with("$ ") && !screen.trim_start().contains('\n')).then_some(()))
    })?;
    page.enter(0, command)?;
    page.browser.run_async(
        "const terminal = document.querySelector('.terminal');
         const look = () => {
             const chunks = [...terminal.querySelectorAll('.output > .chunk')].map(chunk => chunk.textContent);
             const screen = chunks.join('').trimStart();
             if (!screen.includes('\\n') || !terminal.querySelector('.open-line').textContent.endsWith('$ ')) return;
             observer.disconnect();
             done(null);
         };
         const observer = new MutationObserver(look);
         observer.observe(terminal, { childList: true, subtree: true, characterData: true });
         look();",
    )?;
    let screen = page.screen(0)?;
    let printed = screen.trim_start().split_once('\n').and_then(|(_, printed)| printed.strip_suffix("$ "));
    printed.map(str::to_owned).ok_or_else(|| format!("`{command}` ended with:\n{screen}"))
}
