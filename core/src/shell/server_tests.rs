//! Brokers that run for processes: what the kernel tells the host, and what becomes of them.

use super::file_system::FileSystem;
use super::kernel::Kernel;
use super::machine::MachineOutput;
use super::process::{Execute, ProcessId, Signal, Start};
use super::screen::Screen;
use super::stream::{Sink, Source, TerminalId};
use super::{Machine, MachineInput, distribution};
use crate::cli::server::{ServerEvent, ServerRequest};
use crate::cli::{Tool, find};
use crate::event::Event;
use crate::text::Str;
use crate::time::{Instant, Now};
use alloc::boxed::Box;
use alloc::format;
use alloc::string::{String, ToString};
use alloc::vec::Vec;
use bytes::Bytes;

const TERMINAL: TerminalId = TerminalId(1);
/// The shell that waits for whatever is started.
const SHELL: ProcessId = ProcessId(1);

const META: &str = "version=1\ncluster.id=abc\nnode.id=0\ndirectory.id=MzxcXMCcSQqAyAlnFdqysA\n";

fn now() -> Now {
    Now { monotonic: Instant::from_millis(1), wall_ms: 1_767_323_045_678 }
}

/// A kernel with the distribution's files, a terminal and a formatted log directory.
fn kernel() -> Kernel {
    let mut files = FileSystem::new();
    distribution::lay_out(0, &mut files);
    for (path, content) in
        [("/tmp/kafka-logs-0", None), ("/tmp/kafka-logs-0/meta.properties", Some(Bytes::from_static(META.as_bytes())))]
    {
        let node = super::FileNode { content, is_executable: false, modified_ms: 0 };
        files.restore((Str::from(path), Some(node)));
    }
    let kernel = Kernel::new(now(), 1, 0, files);
    kernel.state().screens.insert(TERMINAL, Screen::new(SHELL, 1 << 20));
    let shell = kernel.script(start("-bash", ProcessId(0)), |_| Box::pin(core::future::pending()));
    assert_eq!(shell, SHELL);
    kernel
}

fn start(command: &str, parent: ProcessId) -> Start {
    Start {
        command: command.into(),
        terminal: TERMINAL,
        parent,
        group: None,
        input: Source::Keyboard(TERMINAL),
        output: Sink::Screen(TERMINAL),
        error: Sink::Screen(TERMINAL),
        working_directory: Str::from_static(distribution::KAFKA),
    }
}

fn execute(kernel: &Kernel, command: &str) -> ProcessId {
    let mut words = command.split(' ').map(ToString::to_string);
    let path = words.next().unwrap_or_default();
    let tool: &'static Tool = find(path.rsplit('/').next().unwrap_or_default()).expect("a tool");
    let id = kernel.execute(start(command, SHELL), Execute { tool, arguments: words.collect(), columns: None });
    kernel.run();
    id
}

/// What the host was asked about brokers.
fn asked(kernel: &Kernel) -> Vec<(ProcessId, ServerRequest)> {
    let outputs = core::mem::take(&mut kernel.state().outputs);
    let servers = outputs.into_iter().filter_map(|output| match output {
        MachineOutput::Server { process, request } => Some((process, request)),
        _ => None,
    });
    servers.collect()
}

fn told(kernel: &Kernel, process: ProcessId, event: ServerEvent) {
    kernel.state().server_told(process, event);
    kernel.run();
}

fn command_of(kernel: &Kernel, id: ProcessId) -> Option<String> {
    kernel.views().into_iter().find(|view| view.id == id).map(|view| view.command)
}

const START: &str = "bin/kafka-server-start.sh config/playground/server-0.properties";

#[test]
fn a_server_is_java_and_has_the_files_of_its_log_directories() {
    let kernel = kernel();
    let id = execute(&kernel, START);
    let asked = asked(&kernel);
    let [(process, ServerRequest::Start { path, properties, overrides, files })] = asked.as_slice() else {
        panic!("{asked:?}")
    };
    assert_eq!(**path, format!("{}/config/playground/server-0.properties", distribution::KAFKA));
    assert_eq!(&**overrides, "");
    assert_eq!(*process, id);
    assert!(properties.contains("node.id=0\n"));
    assert_eq!(*files, [("/tmp/kafka-logs-0/meta.properties".into(), Bytes::from_static(META.as_bytes()))]);
    assert_eq!(command_of(&kernel, id).as_deref(), Some("java kafka.Kafka config/playground/server-0.properties"));
}

#[test]
fn who_is_killed_has_its_broker_killed_and_who_is_over_has_not() {
    let kernel = kernel();
    let killed = execute(&kernel, START);
    assert_eq!(asked(&kernel).len(), 1);
    assert!(kernel.signal(killed, Signal::Kill));
    assert_eq!(asked(&kernel), [(killed, ServerRequest::Kill)]);
    assert_eq!(kernel.reap(killed), Some(137));
    // What its host still says of it concerns nobody.
    told(&kernel, killed, ServerEvent::Ended);

    let refused = execute(&kernel, START);
    assert_eq!(asked(&kernel).len(), 1);
    told(&kernel, refused, ServerEvent::Refused("java.lang.RuntimeException: no".into()));
    assert_eq!((kernel.reap(refused), asked(&kernel)), (Some(1), Vec::new()));
}

#[test]
fn a_signal_is_a_controlled_shutdown() {
    for (signal, code) in [(Signal::Interrupt, 130), (Signal::Terminate, 143)] {
        let kernel = kernel();
        let id = execute(&kernel, START);
        assert_eq!(asked(&kernel).len(), 1);
        kernel.signal(id, signal);
        kernel.run();
        assert_eq!(asked(&kernel), [(id, ServerRequest::Stop)]);
        assert_eq!(kernel.reap(id), None);
        told(&kernel, id, ServerEvent::Happened(Event::Stopped));
        told(&kernel, id, ServerEvent::Ended);
        assert_eq!((kernel.reap(id), asked(&kernel)), (Some(code), Vec::new()));
    }
}

#[test]
fn a_broker_whose_terminal_is_closed_is_stopped() {
    let kernel = kernel();
    let id = execute(&kernel, START);
    assert_eq!(asked(&kernel).len(), 1);
    let shown = |kernel: &Kernel| kernel.state().screens.get_mut(&TERMINAL).and_then(Screen::poll);
    assert!(shown(&kernel).is_some(), "it logs that it starts");
    assert!(kernel.state().stop_unheard(id));
    kernel.run();
    assert_eq!(asked(&kernel), [(id, ServerRequest::Stop)]);
    told(&kernel, id, ServerEvent::Happened(Event::Stopped));
    assert_eq!(shown(&kernel), None);
    told(&kernel, id, ServerEvent::Ended);
    assert_eq!((kernel.reap(id), asked(&kernel)), (Some(143), Vec::new()));
    assert!(!kernel.state().stop_unheard(id));
}

#[test]
fn a_daemon_outlives_its_terminal_and_stop_finds_it() {
    let kernel = kernel();
    let id = execute(&kernel, "bin/kafka-server-start.sh -daemon config/playground/server-0.properties");
    let asked_first = asked(&kernel);
    let [(daemon, ServerRequest::Start { .. })] = asked_first.as_slice() else { panic!("{asked_first:?}") };
    let daemon = *daemon;
    assert_ne!(daemon, id);
    assert_eq!(kernel.reap(id), Some(0));
    assert_eq!(kernel.state().screens.get_mut(&TERMINAL).and_then(Screen::poll), None);
    let view = kernel.views().into_iter().find(|view| view.id == daemon).expect("it runs");
    assert_eq!((view.terminal, view.group, view.exit), (TerminalId::NONE, daemon, None));

    told(&kernel, daemon, ServerEvent::Happened(Event::Unfenced));
    let logs = format!("{}/logs", distribution::KAFKA);
    let out = kernel.state().files.read(&format!("{logs}/kafkaServer.out")).expect("its output");
    assert_eq!(Ok(out.clone()), kernel.state().files.read(&format!("{logs}/server.log")));
    assert!(String::from_utf8_lossy(&out).contains("Kafka Server started"));

    kernel.state().screens.remove(&TERMINAL);
    let stop = execute(&kernel, "bin/kafka-server-stop.sh");
    assert_eq!(asked(&kernel), [(daemon, ServerRequest::Stop)]);
    told(&kernel, daemon, ServerEvent::Ended);
    // Nobody waits for it, so nothing is left of it.
    assert_eq!(command_of(&kernel, daemon), None);
    assert_eq!(command_of(&kernel, stop), None);
}

#[test]
fn what_is_told_of_a_process_that_is_not_there_is_ignored() {
    let mut machine = Machine::new(now(), 1, 0, Vec::new());
    machine.handle(now(), MachineInput::Open { terminal: TERMINAL, credit: 1 << 20 });
    machine.handle(now(), MachineInput::Server { process: ProcessId(77), event: ServerEvent::Ended });
    machine.handle(now(), MachineInput::Close(TERMINAL));
    loop {
        match machine.poll_output() {
            MachineOutput::Server { process, request } => panic!("{process:?} {request:?}"),
            MachineOutput::Wait { .. } => return,
            _ => {}
        }
    }
}

#[test]
fn no_script_of_zookeeper_is_laid_out_and_the_examples_are_readable() {
    let mut files = FileSystem::new();
    distribution::lay_out(0, &mut files);
    assert!(files.read(&format!("{}/bin/zookeeper-server-start.sh", distribution::KAFKA)).is_err());
    for name in ["server", "broker", "controller", "playground/server-0", "playground/server-2"] {
        let content = files.read(&format!("{}/config/{name}.properties", distribution::KAFKA)).expect("a file");
        let properties = crate::config::Properties::parse(&String::from_utf8_lossy(&content)).expect("properties");
        crate::config::BrokerConfig::from_properties(&properties).expect(name);
        for property in properties.iter() {
            assert!(crate::config::table::broker_key(&property.key).is_some(), "{name}: {}", property.key);
        }
    }
}
