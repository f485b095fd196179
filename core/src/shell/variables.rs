//! Variables and parameters.

use super::distribution::{HOME, KAFKA};
use super::interpreter::Shell;
use alloc::format;
use alloc::string::{String, ToString};
use alloc::vec::Vec;

/// A variable.
#[derive(Clone, Debug, Default)]
pub(super) struct Variable {
    /// One value, or those of an array.
    pub(super) values: Vec<String>,
    pub(super) is_array: bool,
    pub(super) is_exported: bool,
    pub(super) is_readonly: bool,
}

impl Shell {
    /// What a new shell has.
    pub(super) fn set_environment(&mut self) {
        let path = format!("{KAFKA}/bin:/usr/local/bin:/usr/bin:/bin");
        let directory = self.directory.to_string();
        for (name, value) in [
            ("HOME", HOME),
            ("LANG", "C.UTF-8"),
            ("LOGNAME", "kafka"),
            ("PATH", path.as_str()),
            ("PWD", directory.as_str()),
            ("SHELL", "/bin/bash"),
            ("SHLVL", "1"),
            ("TERM", "xterm-256color"),
            ("USER", "kafka"),
        ] {
            self.assign(name, value.to_string());
            self.export(name);
        }
        self.assign("HOSTNAME", "playground".to_string());
        self.assign("IFS", " \t\n".to_string());
        self.assign("BASH_VERSION", "5.2.15(1)-release".to_string());
    }

    /// The value of a variable as the programs that are started see it.
    pub(super) fn exported(&self, name: &str) -> Option<String> {
        self.variables.get(name).filter(|variable| variable.is_exported)?.values.first().cloned()
    }

    /// The value of a variable, or of `$?` and the like.
    pub(super) fn value(&self, name: &str) -> Option<String> {
        if let Some(variable) = self.variables.get(name) {
            return variable.values.first().cloned();
        }
        let number = |number: u32| Some(number.to_string());
        match name {
            "?" => Some(self.status.to_string()),
            "$" => number(self.main_id.0),
            "!" => self.last_background.map(|id| id.0.to_string()),
            "#" => Some(self.arguments.len().to_string()),
            "0" => Some(self.name.clone()),
            "-" => Some(self.flags()),
            "@" | "*" => (!self.arguments.is_empty()).then(|| self.arguments.join(" ")),
            "RANDOM" => number(self.kernel.state().rng.below(32768) as u32),
            "LINENO" => Some(self.line.to_string()),
            "EPOCHSECONDS" => Some((self.kernel.now().wall_ms / 1000).to_string()),
            "SECONDS" => Some((self.kernel.now().monotonic.as_micros() / 1_000_000).to_string()),
            "PPID" => number(1),
            "BASHPID" => number(self.id.0),
            _ => {
                let index = name.parse::<usize>().ok()?.checked_sub(1)?;
                self.arguments.get(index).cloned()
            }
        }
    }

    fn flags(&self) -> String {
        let mut flags = String::new();
        let options = self.options;
        let set = [
            (options.exits_on_error, 'e'),
            (true, 'h'),
            (self.is_interactive, 'i'),
            (self.is_interactive, 'm'),
            (options.refuses_unset, 'u'),
            (options.traces, 'x'),
            (true, 'B'),
            (self.is_interactive, 'H'),
        ];
        flags.extend(set.into_iter().filter(|(is_set, _)| *is_set).map(|(_, letter)| letter));
        flags
    }

    /// What separates words, and joins those of `"$*"`.
    pub(super) fn separators(&self) -> String {
        self.value("IFS").unwrap_or_else(|| " \t\n".to_string())
    }

    /// Sets a variable; false where it is read-only.
    pub(super) fn assign(&mut self, name: &str, value: String) -> bool {
        let variable = self.variables.entry(name.to_string()).or_default();
        if variable.is_readonly {
            return false;
        }
        match variable.values.first_mut() {
            Some(first) => *first = value,
            None => variable.values.push(value),
        }
        true
    }

    /// Sets an element of an array.
    pub(super) fn assign_element(&mut self, name: &str, index: usize, value: String) {
        let variable = self.variables.entry(name.to_string()).or_default();
        variable.is_array = true;
        if variable.values.len() <= index && index < 10_000 {
            variable.values.resize(index + 1, String::new());
        }
        if let Some(element) = variable.values.get_mut(index) {
            *element = value;
        }
    }

    pub(super) fn export(&mut self, name: &str) {
        self.variables.entry(name.to_string()).or_default().is_exported = true;
    }

    /// Remembers a variable that a function hides.
    pub(super) fn hide(&mut self, name: &str) {
        let variable = self.variables.get(name).cloned();
        if let Some(hidden) = self.locals.last_mut()
            && hidden.iter().all(|(other, _)| other != name)
        {
            hidden.push((name.to_string(), variable));
        }
    }
}

/// May be the name of a variable.
pub(super) fn is_name(name: &str) -> bool {
    !name.starts_with(|first: char| first.is_ascii_digit())
        && !name.is_empty()
        && name.chars().all(|letter| letter == '_' || letter.is_ascii_alphanumeric())
}
