//! `cp` and `mv`: copies, and other paths, for files and directories.

use super::options::{Options, Syntax};
use super::paths::{self, Walk};
use super::streams::Output;
use crate::cli::file::{FileError, FileRequest, FileStatus};
use crate::cli::{Failure, Terminal};
use crate::text::Str;
use alloc::string::{String, ToString};
use alloc::vec::Vec;

const CP: Syntax = Syntax {
    name: "cp",
    wrong: 1,
    help: "cp [OPTION]... SOURCE... TARGET\n\
        Copies files; several into a directory.\n\
        \x20 -a, --archive  same as -rp\n\
        \x20 -f, --force  as always here\n\
        \x20 -n, --no-clobber  leave what is there\n\
        \x20 -p  with the time of change\n\
        \x20 -r, -R, --recursive  also directories and all they hold\n\
        \x20 -t, --target-directory=DIRECTORY  into this directory\n\
        \x20 -v, --verbose  tell of each\n",
};

const MV: Syntax = Syntax {
    name: "mv",
    wrong: 1,
    help: "mv [OPTION]... SOURCE... TARGET\n\
        Gives files and directories another path; several go into a directory.\n\
        \x20 -f, --force  as always here\n\
        \x20 -n, --no-clobber  leave what is there\n\
        \x20 -t, --target-directory=DIRECTORY  into this directory\n\
        \x20 -v, --verbose  tell of each\n",
};

struct Job {
    output: Output,
    options: Options,
}

/// Sources, and the target where they go.
async fn begin(terminal: Terminal, syntax: &Syntax) -> Result<(Job, Vec<String>, String, bool), Failure> {
    let mut options = syntax.read(&terminal)?;
    let mut sources = core::mem::take(&mut options.operands);
    let directory = options.value("t").map(ToString::to_string);
    if sources.is_empty() {
        return Err(syntax.misused(&terminal, &["missing file operand"]));
    }
    if sources.len() == 1 && directory.is_none() {
        let source = sources.first().map_or("", |source| source);
        return Err(syntax.misused(&terminal, &["missing destination file operand after '", source, "'"]));
    }
    let is_directory = directory.is_some();
    let target = directory.or_else(|| sources.pop()).unwrap_or_default();
    let mut output = Output::new(terminal, syntax.name);
    let status = output.terminal.status(&target).await;
    let is_there = status.as_ref().is_ok_and(|status| status.is_directory);
    if !is_there && (sources.len() > 1 || is_directory) {
        let error = status.err().unwrap_or(FileError::NotDirectory);
        let what = if is_directory { "target directory '" } else { "target '" };
        return Err(output.fatal(1, &[what, &target, "': ", error.words()]));
    }
    Ok((Job { output, options }, sources, target, is_there))
}

pub(super) async fn cp(terminal: Terminal) -> Result<(), Failure> {
    let (mut job, sources, target, into) = begin(terminal, &CP).await?;
    for source in &sources {
        let to = if into { paths::join(&target, paths::name(source)) } else { target.clone() };
        job.copy(source, &to, into).await;
    }
    job.output.end()
}

pub(super) async fn mv(terminal: Terminal) -> Result<(), Failure> {
    let (mut job, sources, target, into) = begin(terminal, &MV).await?;
    for source in &sources {
        let to = if into { paths::join(&target, paths::name(source)) } else { target.clone() };
        job.move_to(source, &to).await;
    }
    job.output.end()
}

impl Job {
    async fn found(&mut self, source: &str) -> Option<FileStatus> {
        match self.output.terminal.status(source).await {
            Ok(status) => Some(status),
            Err(error) => {
                self.output.error(1, &["cannot stat '", source, "': ", error.words()]);
                None
            }
        }
    }

    fn tell(&mut self, before: &str, source: &str, to: &str) {
        if self.options.has("v") {
            self.output.line(&[before, "'", source, "' -> '", to, "'"]);
        }
    }

    async fn copy(&mut self, source: &str, to: &str, into: bool) {
        let Some(status) = self.found(source).await else { return };
        if status.is_directory && !(self.options.has("r") || self.options.has("a")) {
            return self.output.error(1, &["-r not specified; omitting directory '", source, "'"]);
        }
        let old = self.output.terminal.status(to).await.ok();
        if paths::is_same(source, to) {
            return self.output.error(1, &["'", source, "' and '", to, "' are the same file"]);
        }
        if status.is_directory && paths::is_below(to, source) {
            let shown = if into { to.to_string() } else { paths::join(to, paths::name(source)) };
            let shown = if into { shown } else { to.to_string() };
            return self.output.error(1, &["cannot copy a directory, '", source, "', into itself, '", &shown, "'"]);
        }
        match &old {
            Some(old) if old.is_directory && !status.is_directory => {
                return self.output.error(1, &["cannot overwrite directory '", to, "' with non-directory"]);
            }
            Some(old) if !old.is_directory && status.is_directory => {
                let parts = ["cannot overwrite non-directory '", to, "' with directory '", source, "'"];
                return self.output.error(1, &parts);
            }
            _ => {}
        }
        let Ok(mut walk) = Walk::from(&self.output.terminal, source).await else { return };
        // All is found before anything is made.
        let mut steps = Vec::new();
        while let Some(step) = walk.next(&self.output.terminal, usize::MAX).await {
            steps.push(step);
        }
        for step in steps {
            let below = step.path.strip_prefix(source).unwrap_or_default().trim_start_matches('/');
            let target = if below.is_empty() { to.to_string() } else { paths::join(to, below) };
            if let Err((what, error)) = self.copy_one(&step.path, &step.status, &target).await {
                self.output.error(1, &[what, &target, "': ", error.words()]);
            }
        }
    }

    async fn copy_one(&mut self, source: &str, status: &FileStatus, to: &str) -> Result<(), (&'static str, FileError)> {
        let old = self.output.terminal.status(to).await;
        if old.is_ok() && !status.is_directory && self.options.has("n") {
            return Ok(());
        }
        if status.is_directory {
            if old.is_err() {
                let made = self.output.terminal.ask_files(FileRequest::MakeDirectory(Str::from(to))).await;
                made.map_err(|error| ("cannot create directory '", error))?;
                self.tell("", source, to);
            }
        } else {
            let create = |error| ("cannot create regular file '", error);
            if to.ends_with('/') && old.is_err() {
                return Err(create(FileError::NotDirectory));
            }
            let content = self.output.terminal.file(source).await.map_err(|error| ("cannot open '", error))?;
            self.tell("", source, to);
            self.output.terminal.write_file(to, content, false).await.map_err(create)?;
        }
        if self.options.has("p") || self.options.has("a") {
            let request = FileRequest::SetModified { path: Str::from(to), modified_ms: status.modified_ms };
            let set = self.output.terminal.ask_files(request).await;
            set.map_err(|error| ("preserving times for '", error))?;
        }
        Ok(())
    }

    async fn move_to(&mut self, source: &str, to: &str) {
        let Some(status) = self.found(source).await else { return };
        let old = self.output.terminal.status(to).await.ok();
        if paths::is_same(source, to) {
            return self.output.error(1, &["'", source, "' and '", to, "' are the same file"]);
        }
        if status.is_directory && paths::is_below(to, source) {
            let parts = ["cannot move '", source, "' to a subdirectory of itself, '", to, "'"];
            return self.output.error(1, &parts);
        }
        match &old {
            Some(_) if self.options.has("n") => return,
            Some(old) if old.is_directory && !status.is_directory => {
                return self.output.error(1, &["cannot overwrite directory '", to, "' with non-directory"]);
            }
            Some(old) if !old.is_directory && status.is_directory => {
                let parts = ["cannot overwrite non-directory '", to, "' with directory '", source, "'"];
                return self.output.error(1, &parts);
            }
            _ => {}
        }
        let request = FileRequest::Rename { from: Str::from(source), to: Str::from(to) };
        match self.output.terminal.ask_files(request).await {
            Ok(_) => self.tell("renamed ", source, to),
            Err(error) => self.output.error(1, &["cannot move '", source, "' to '", to, "': ", error.words()]),
        }
    }
}
