//! `jobs`, `fg`, `bg`, `wait`, `kill`.

use super::super::interpreter::{Done, Flow, Job, Shell};
use super::super::process::{ProcessId, Signal};
use super::Said;
use alloc::format;
use alloc::string::{String, ToString};
use alloc::vec::Vec;

impl Job {
    fn is_over(&self) -> bool {
        self.processes.iter().all(|(_, status)| status.is_some())
    }

    /// As `jobs` shows it.
    fn line(&self, sign: char) -> String {
        let status = self.processes.last().and_then(|(_, status)| *status);
        let state = match status.filter(|_| self.is_over()) {
            None => "Running".to_string(),
            Some(0) => "Done".to_string(),
            Some(137) => "Killed".to_string(),
            // A JVM ends by itself when it is told to.
            Some(143) if !self.text.contains(".sh") => "Terminated".to_string(),
            Some(130) if !self.text.contains(".sh") => "Interrupt".to_string(),
            Some(status) => format!("Exit {status}"),
        };
        let end = if self.is_over() { "" } else { " &" };
        format!("[{}]{sign}  {state:<24}{}{end}\n", self.number, self.text)
    }
}

impl Shell {
    /// Takes note of processes that are over.
    fn note_jobs(&mut self) {
        for job in self.jobs.iter_mut().filter(|job| !job.is_inherited) {
            for (id, status) in job.processes.iter_mut().filter(|(_, status)| status.is_none()) {
                *status = self.kernel.reap(*id);
            }
        }
    }

    /// The lines of jobs, and what is over is forgotten.
    fn job_lines(&mut self, only_ended: bool) -> String {
        self.note_jobs();
        let mut text = String::new();
        let count = self.jobs.len();
        for (index, job) in self.jobs.iter().enumerate() {
            let sign = match count - index {
                1 => '+',
                2 => '-',
                _ => ' ',
            };
            if job.is_over() || !only_ended {
                text.push_str(&job.line(sign));
            }
        }
        self.jobs.retain(|job| !job.is_over());
        text
    }

    /// What is said of jobs before a prompt.
    pub(in crate::shell) fn ended_jobs(&mut self) -> String {
        self.job_lines(true)
    }

    /// The place of a job: `%1`, `%+`, `%-`, `%name`, or a number alone.
    fn job_index(&self, text: &str) -> Option<usize> {
        let name = text.strip_prefix('%').unwrap_or(text);
        match name {
            "" | "+" | "%" => self.jobs.len().checked_sub(1),
            "-" => self.jobs.len().checked_sub(2).or(self.jobs.len().checked_sub(1)),
            _ => match name.parse::<usize>() {
                Ok(number) => self.jobs.iter().position(|job| job.number == number),
                Err(_) => self.jobs.iter().position(|job| job.text.starts_with(name)),
            },
        }
    }

    pub(super) async fn bring_to_foreground(&mut self, arguments: &[String]) -> Done {
        let wanted = arguments.first().map_or("%+", String::as_str);
        self.note_jobs();
        let Some(index) =
            self.job_index(wanted).filter(|index| self.jobs.get(*index).is_some_and(|job| !job.is_over()))
        else {
            let name = if arguments.is_empty() { "current" } else { wanted };
            self.complain(&format!("fg: {name}: no such job")).await;
            self.status = 1;
            return Ok(());
        };
        let job = self.jobs.remove(index);
        self.print(&format!("{}\n", job.text)).await?;
        let ids = job.processes.into_iter().filter(|(_, status)| status.is_none()).map(|(id, _)| id).collect();
        self.foreground_of(job.group, ids, job.text).await
    }

    pub(super) async fn wait(&mut self, arguments: &[String]) -> Done {
        self.status = 0;
        if arguments.is_empty() {
            self.jobs.retain(|job| !job.is_inherited);
            for index in 0..self.jobs.len() {
                if !self.wait_for_job(index, None).await? {
                    return Ok(());
                }
            }
            self.status = 0;
            return Ok(());
        }
        for argument in arguments {
            if argument.starts_with('%') {
                if let Some(index) = self.job_index(argument) {
                    if !self.wait_for_job(index, None).await? {
                        return Ok(());
                    }
                } else {
                    self.complain(&format!("wait: {argument}: no such job")).await;
                    self.status = 127;
                }
                continue;
            }
            let Ok(number) = argument.parse::<u32>() else {
                self.complain(&format!("wait: `{argument}': not a pid or valid job spec")).await;
                self.status = 1;
                continue;
            };
            let id = ProcessId(number);
            if let Some(index) = self.jobs.iter().position(|job| job.processes.iter().any(|(other, _)| *other == id)) {
                if !self.wait_for_job(index, Some(id)).await? {
                    return Ok(());
                }
            } else {
                self.complain(&format!("wait: pid {number} is not a child of this shell")).await;
                self.status = 127;
            }
        }
        Ok(())
    }

    /// Waits for one process of a job, or for all; false where a signal came that is caught.
    async fn wait_for_job(&mut self, index: usize, only: Option<ProcessId>) -> Result<bool, Flow> {
        let processes = self.jobs.get(index).map(|job| job.processes.clone()).unwrap_or_default();
        for (at, (id, status)) in processes.into_iter().enumerate() {
            if only.is_some_and(|only| only != id) {
                continue;
            }
            let ended = match status {
                Some(code) => Some(code),
                None => self.wait_for_job_or_trap(id).await?,
            };
            let Some(code) = ended else { return Ok(false) };
            self.status = code;
            if let Some(slot) = self.jobs.get_mut(index).and_then(|job| job.processes.get_mut(at)) {
                slot.1 = Some(code);
            }
        }
        Ok(true)
    }
}

pub(super) fn jobs(shell: &mut Shell, arguments: &[String]) -> Said {
    if arguments.iter().any(|argument| argument == "-p") {
        shell.note_jobs();
        return Said::output(super::lines(shell.jobs.iter().map(|job| job.group.0.to_string())));
    }
    Said::output(shell.job_lines(false))
}

pub(super) fn background(shell: &mut Shell, arguments: &[String]) -> Said {
    let wanted = arguments.first().map_or("%+", String::as_str);
    shell.note_jobs();
    match shell.job_index(wanted).and_then(|index| shell.jobs.get(index)) {
        Some(job) => Said::error(format!("job {} already in background", job.number)),
        None => Said::error(format!("{}: no such job", if arguments.is_empty() { "current" } else { wanted })),
    }
}

/// Signals by number and name; what ends a process here.
pub(super) const SIGNALS: [(&str, u32, Option<Signal>); 7] = [
    ("EXIT", 0, None),
    ("HUP", 1, Some(Signal::Hangup)),
    ("INT", 2, Some(Signal::Interrupt)),
    ("QUIT", 3, Some(Signal::Quit)),
    ("KILL", 9, Some(Signal::Kill)),
    ("PIPE", 13, Some(Signal::Terminate)),
    ("TERM", 15, Some(Signal::Terminate)),
];

pub(super) fn kill(shell: &mut Shell, arguments: &[String]) -> Said {
    let mut signal = Some(Signal::Terminate);
    let mut targets = arguments;
    let usage = "usage: kill [-s sigspec | -n signum | -sigspec] pid | jobspec ... or kill -l [sigspec]";
    let (name, rest) = match arguments {
        [] => return Said { errors: Vec::from([usage.to_string()]), status: 2, ..Said::default() },
        [first, ..] if first == "-l" => {
            let names = SIGNALS.iter().skip(1).map(|(name, number, _)| format!("{number:>2}) SIG{name}"));
            return Said::output(super::lines(names));
        }
        [first, rest @ ..] if first == "--" => (None, rest),
        [first, name, rest @ ..] if first == "-s" || first == "-n" => (Some(name.as_str()), rest),
        [first, rest @ ..] => match first.strip_prefix('-') {
            Some(name) => (Some(name), rest),
            None => (None, arguments),
        },
    };
    if let Some(name) = name {
        let upper = name.to_ascii_uppercase();
        let short = upper.strip_prefix("SIG").unwrap_or(&upper);
        let found = SIGNALS.iter().find(|(known, number, _)| *known == short || number.to_string() == short);
        match found {
            Some((_, _, found)) => signal = *found,
            None => return Said::error(format!("{name}: invalid signal specification")),
        }
    }
    if let [first, others @ ..] = rest
        && first == "--"
    {
        targets = others;
    } else if name.is_some() || arguments.first().is_some_and(|first| first == "--") {
        targets = rest;
    }
    let mut said = Said::default();
    for target in targets {
        kill_one(shell, target, signal, &mut said);
    }
    said
}

fn kill_one(shell: &mut Shell, target: &str, signal: Option<Signal>, said: &mut Said) {
    if target.starts_with('%') {
        shell.note_jobs();
        match shell.job_index(target).and_then(|index| shell.jobs.get(index)) {
            Some(job) => {
                if let Some(signal) = signal {
                    shell.kernel.signal_group(job.group, signal);
                }
            }
            None => said.complain(format!("{target}: no such job")),
        }
        return;
    }
    let Ok(number) = target.parse::<i64>() else {
        said.complain(format!("{target}: arguments must be process or job IDs"));
        return;
    };
    let id = ProcessId(u32::try_from(number.unsigned_abs()).unwrap_or(0));
    let runs = |id: ProcessId| shell.kernel.views().into_iter().any(|view| view.id == id && view.exit.is_none());
    let is_there = match number {
        ..0 => {
            if let Some(signal) = signal {
                shell.kernel.signal_group(id, signal);
            }
            true
        }
        // Its own group.
        0 => {
            if let Some(signal) = signal {
                shell.kernel.signal_group(shell.group, signal);
            }
            true
        }
        _ => match signal {
            None => runs(id),
            // A shell with a prompt does not care.
            Some(signal) if shell.kernel.is_shell(id) && signal != Signal::Kill => runs(id),
            Some(signal) => shell.kernel.signal(id, signal),
        },
    };
    if !is_there {
        said.complain(format!("({number}) - No such process"));
    }
}
