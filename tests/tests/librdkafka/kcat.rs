//! kcat, where it is installed.

use super::support::{Running, create_topic, start};
use std::io::{ErrorKind, Write};
use std::process::{Command, Output, Stdio};

/// Runs kcat; `None` where there is none. It may say what it does, but nothing of an error or a warning.
fn kcat(running: &Running, arguments: &[&str], input: &str) -> Option<Output> {
    let mut command = Command::new("kcat");
    command.args(["-m", "60", "-b", &running.cluster.bootstrap_servers()]);
    // It complains of a broker that does not say within ten seconds what it supports.
    command.args(["-X", "api.version.request.timeout.ms=120000"]).args(arguments);
    let started = command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn();
    let mut child = match started {
        Err(error) if error.kind() == ErrorKind::NotFound => {
            println!("kcat is not installed: nothing was checked");
            return None;
        }
        started => started.expect("kcat starts"),
    };
    child.stdin.take().expect("piped").write_all(input.as_bytes()).expect("it reads");
    let output = child.wait_with_output().expect("it ends");
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "kcat {arguments:?}: {said}");
    // `%3|…` is librdkafka's log, `% ERROR: …` kcat's own; other lines tell how far it is.
    let is_complaint = |line: &&str| {
        let rest = line.strip_prefix('%').unwrap_or_default();
        rest.starts_with(|first: char| first.is_ascii_digit()) || rest.contains("ERROR") || rest.contains("WARN")
    };
    assert_eq!(said.lines().filter(is_complaint).collect::<Vec<_>>(), Vec::<&str>::new(), "kcat {arguments:?}");
    Some(output)
}

#[test]
fn kcat_lists_produces_and_consumes_without_a_complaint() {
    let running = start(26_000);
    create_topic(&running, "cat", 3);
    let Some(listed) = kcat(&running, &["-L"], "") else { return };
    let listed = String::from_utf8_lossy(&listed.stdout).into_owned();
    assert!(listed.contains("3 brokers:") && listed.contains("topic \"cat\" with 3 partitions:"), "{listed}");
    for acks in ["0", "1", "all"] {
        let lines: Vec<String> = (0..10).map(|number| format!("{acks}-{number}:hello {number}\n")).collect();
        let acks = format!("acks={acks}");
        kcat(&running, &["-P", "-t", "cat", "-K:", "-X", &acks, "-X", "partitioner=murmur2"], &lines.concat());
    }
    let consumed = kcat(&running, &["-C", "-t", "cat", "-e", "-o", "beginning", "-f", "%k=%s\\n"], "");
    let consumed = String::from_utf8_lossy(&consumed.expect("it was there before").stdout).into_owned();
    assert_eq!(consumed.lines().count(), 30, "{consumed}");
    let last = kcat(&running, &["-G", "cats", "-c", "30", "-X", "auto.offset.reset=earliest", "cat"], "");
    assert_eq!(String::from_utf8_lossy(&last.expect("it was there before").stdout).lines().count(), 30);
}
