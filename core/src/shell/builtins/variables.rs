//! What sets, shows and forgets variables, arguments and aliases.

use super::super::escapes::always_quoted;
use super::super::interpreter::{Options, Shell};
use super::super::variables::{Variable, is_name};
use super::{Said, lines};
use alloc::format;
use alloc::string::{String, ToString};
use alloc::vec::Vec;

/// Options and what follows them.
fn options(arguments: &[String]) -> (String, &[String]) {
    let mut letters = String::new();
    let mut rest = arguments;
    while let [first, others @ ..] = rest {
        match first.strip_prefix('-').filter(|option| !option.is_empty()) {
            Some("-") => return (letters, others),
            Some(option) => letters.push_str(option),
            None => break,
        }
        rest = others;
    }
    (letters, rest)
}

/// A variable as `declare -p` shows it.
fn declaration(name: &str, variable: &Variable) -> String {
    let mut flags = String::new();
    for (is_set, letter) in [(variable.is_array, 'a'), (variable.is_readonly, 'r'), (variable.is_exported, 'x')] {
        if is_set {
            flags.push(letter);
        }
    }
    if flags.is_empty() {
        flags.push('-');
    }
    let quoted = |value: &String| {
        let escaped = value.chars().flat_map(|letter| {
            let escapes = "\"\\$`".contains(letter).then_some('\\');
            escapes.into_iter().chain(core::iter::once(letter))
        });
        format!("\"{}\"", escaped.collect::<String>())
    };
    if variable.is_array {
        let values = variable.values.iter().enumerate().map(|(index, value)| format!("[{index}]={}", quoted(value)));
        return format!("declare -{flags} {name}=({})", values.collect::<Vec<_>>().join(" "));
    }
    match variable.values.first() {
        Some(value) => format!("declare -{flags} {name}={}", quoted(value)),
        None => format!("declare -{flags} {name}"),
    }
}

/// Assigns what has a value, and does something with each name.
fn each(shell: &mut Shell, arguments: &[String], act: fn(&mut Shell, &str)) -> Said {
    let mut said = Said::default();
    for argument in arguments {
        let (name, value) =
            argument.split_once('=').map_or((argument.as_str(), None), |(name, value)| (name, Some(value)));
        let (name, appends) = match (name.strip_suffix('+'), value) {
            (Some(name), Some(_)) => (name, true),
            _ => (name, false),
        };
        if !is_name(name) {
            said.complain(format!("`{argument}': not a valid identifier"));
            continue;
        }
        act(shell, name);
        if let Some(value) = value {
            let before = if appends { shell.value(name).unwrap_or_default() } else { String::new() };
            if !shell.assign(name, before + value) {
                said.complain(format!("{name}: readonly variable"));
            }
        }
    }
    said
}

pub(super) fn export(shell: &mut Shell, arguments: &[String]) -> Said {
    let (letters, names) = options(arguments);
    if names.is_empty() {
        let exported = shell.variables.iter().filter(|(_, variable)| variable.is_exported);
        return Said::output(lines(exported.map(|(name, variable)| declaration(name, variable))));
    }
    if letters.contains('n') {
        return each(shell, names, |shell, name| {
            if let Some(variable) = shell.variables.get_mut(name) {
                variable.is_exported = false;
            }
        });
    }
    each(shell, names, Shell::export)
}

pub(super) fn local(shell: &mut Shell, arguments: &[String]) -> Said {
    if shell.locals.is_empty() {
        return Said::error("can only be used in a function");
    }
    let (letters, names) = options(arguments);
    let said = each(shell, names, |shell, name| {
        shell.hide(name);
        shell.variables.insert(name.to_string(), Variable::default());
    });
    mark(shell, &letters, names);
    said
}

pub(super) fn declare(shell: &mut Shell, arguments: &[String]) -> Said {
    let (letters, names) = options(arguments);
    if letters.contains('p') || names.is_empty() {
        let mut said = Said::default();
        if names.is_empty() {
            said.output = lines(shell.variables.iter().map(|(name, variable)| declaration(name, variable)));
        }
        for name in names {
            match shell.variables.get(name) {
                Some(variable) => said.output.push_str(&(declaration(name, variable) + "\n")),
                None => said.complain(format!("{name}: not found")),
            }
        }
        return said;
    }
    if letters.contains('A') {
        return Said::error("-A: invalid option");
    }
    let said = each(shell, names, |shell, name| {
        shell.hide(name);
        shell.variables.entry(name.to_string()).or_default();
    });
    mark(shell, &letters, names);
    said
}

/// What the letters behind `declare` make of variables.
fn mark(shell: &mut Shell, letters: &str, names: &[String]) {
    for name in names {
        let name = name.split(['=', '+']).next().unwrap_or_default();
        if let Some(variable) = shell.variables.get_mut(name) {
            variable.is_exported |= letters.contains('x');
            variable.is_readonly |= letters.contains('r');
            variable.is_array |= letters.contains('a');
        }
    }
}

pub(super) fn declare_readonly(shell: &mut Shell, arguments: &[String]) -> Said {
    let (_, names) = options(arguments);
    if names.is_empty() {
        let readonly = shell.variables.iter().filter(|(_, variable)| variable.is_readonly);
        return Said::output(lines(readonly.map(|(name, variable)| declaration(name, variable))));
    }
    let said = each(shell, names, |_, _| {});
    for name in names {
        let name = name.split('=').next().unwrap_or_default();
        shell.variables.entry(name.to_string()).or_default().is_readonly = true;
    }
    said
}

pub(super) fn unset(shell: &mut Shell, arguments: &[String]) -> Said {
    let (letters, names) = options(arguments);
    let mut said = Said::default();
    for name in names {
        if let Some((name, index)) = name.strip_suffix(']').and_then(|name| name.split_once('[')) {
            if let (Some(variable), Ok(index)) = (shell.variables.get_mut(name), index.parse::<usize>())
                && index < variable.values.len()
            {
                variable.values.remove(index);
            }
            continue;
        }
        if shell.variables.get(name).is_some_and(|variable| variable.is_readonly) {
            said.complain(format!("{name}: cannot unset: readonly variable"));
            continue;
        }
        let is_variable = !letters.contains('f') && shell.variables.remove(name).is_some();
        if !is_variable && !letters.contains('v') {
            shell.functions.remove(name);
        }
    }
    said
}

/// The option of a letter or a name.
fn option<'o>(options: &'o mut Options, name: &str) -> Option<&'o mut bool> {
    match name {
        "e" | "errexit" => Some(&mut options.exits_on_error),
        "u" | "nounset" => Some(&mut options.refuses_unset),
        "x" | "xtrace" => Some(&mut options.traces),
        "pipefail" => Some(&mut options.pipe_fails),
        _ => None,
    }
}

pub(super) fn set(shell: &mut Shell, arguments: &[String]) -> Said {
    if arguments.is_empty() {
        let line = |(name, variable): (&String, &Variable)| {
            let value = variable.values.first().map(String::as_str).unwrap_or_default();
            format!("{name}={}", super::super::escapes::quoted(value))
        };
        let functions = shell.functions.keys().map(|name| format!("{name} ()"));
        return Said::output(lines(shell.variables.iter().map(line).chain(functions)));
    }
    let mut rest = arguments;
    while let [first, others @ ..] = rest {
        let (is_on, letters) = match (first.strip_prefix('-'), first.strip_prefix('+')) {
            (Some("-"), _) => {
                shell.arguments = others.to_vec();
                return Said::status(0);
            }
            (Some(letters), _) if !letters.is_empty() => (true, letters),
            (_, Some(letters)) if !letters.is_empty() => (false, letters),
            _ => break,
        };
        rest = others;
        for letter in letters.chars() {
            let name = letter.to_string();
            let name = match (letter, rest) {
                ('o', [name, others @ ..]) => {
                    rest = others;
                    name.as_str()
                }
                _ => name.as_str(),
            };
            match option(&mut shell.options, name) {
                Some(option) => *option = is_on,
                // These change nothing here.
                None if "abfhkmnptvBCEHPT".contains(name)
                    || ["posix", "history", "monitor", "emacs", "vi"].contains(&name) => {}
                None if letter == 'o' => return Said::error(format!("{name}: invalid option name")),
                None => {
                    let usage = format!("{}{letter}: invalid option", if is_on { '-' } else { '+' });
                    return Said { errors: Vec::from([usage]), status: 2, ..Said::default() };
                }
            }
        }
    }
    if !rest.is_empty() {
        shell.arguments = rest.to_vec();
    }
    Said::status(0)
}

pub(super) fn shift(shell: &mut Shell, arguments: &[String]) -> Said {
    match arguments.first().map_or(Ok(1), |count| super::number(count)) {
        Ok(count) => match usize::try_from(count) {
            Ok(count) if count <= shell.arguments.len() => {
                shell.arguments.drain(..count);
                Said::status(0)
            }
            _ => Said::status(1),
        },
        Err(message) => Said::error(message),
    }
}

pub(super) fn alias(shell: &mut Shell, arguments: &[String]) -> Said {
    let shown = |name: &str, text: &str| format!("alias {name}={}\n", always_quoted(text));
    if arguments.is_empty() {
        return Said::output(shell.aliases.iter().map(|(name, text)| shown(name, text)).collect());
    }
    let mut said = Said::default();
    for argument in arguments {
        match argument.split_once('=') {
            Some((name, text)) => drop(shell.aliases.insert(name.to_string(), text.to_string())),
            None => match shell.aliases.get(argument) {
                Some(text) => said.output.push_str(&shown(argument, text)),
                None => said.complain(format!("{argument}: not found")),
            },
        }
    }
    said
}

pub(super) fn unalias(shell: &mut Shell, arguments: &[String]) -> Said {
    let mut said = Said::default();
    for name in arguments {
        if name == "-a" {
            shell.aliases.clear();
        } else if shell.aliases.remove(name).is_none() {
            said.complain(format!("{name}: not found"));
        }
    }
    said
}

/// `NAME=value` of all that is exported.
pub(super) fn environment(shell: &Shell) -> String {
    let exported = shell.variables.iter().filter(|(_, variable)| variable.is_exported);
    lines(exported.filter_map(|(name, variable)| Some(format!("{name}={}", variable.values.first()?))))
}

pub(super) fn print_environment(shell: &mut Shell, arguments: &[String]) -> Said {
    if arguments.is_empty() {
        return Said::output(environment(shell));
    }
    let mut said = Said::default();
    for name in arguments {
        match shell.variables.get(name).filter(|variable| variable.is_exported) {
            Some(variable) => said.output.push_str(&(variable.values.concat() + "\n")),
            None => said.status = 1,
        }
    }
    said
}
