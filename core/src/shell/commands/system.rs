//! What tells about paths and the machine: `basename`, `dirname`, `hostname`, `uname`, `whoami`.

use super::options::Syntax;
use super::paths;
use crate::cli::{Failure, Terminal};
use alloc::string::String;
use alloc::vec::Vec;

/// Whose the files are, and who types.
pub(super) const USER: &str = "kafka";

/// The machine's own name.
const HOST: &str = "playground";

const BASENAME: Syntax = Syntax {
    name: "basename",
    wrong: 1,
    help: "basename NAME [SUFFIX]\n\
        Prints the last part of a path, without the suffix.\n\
        \x20 -a, --multiple  each argument is a path\n\
        \x20 -s, --suffix=SUFFIX  this suffix, and -a\n",
};

const DIRNAME: Syntax =
    Syntax { name: "dirname", wrong: 1, help: "dirname NAME...\nPrints the paths without their last part.\n" };

const HOSTNAME: Syntax = Syntax {
    name: "hostname",
    wrong: 1,
    help: "hostname [OPTION]\n\
        Prints the name of this machine.\n\
        \x20 -f, --fqdn  its full name, which is the same\n\
        \x20 -s, --short  its short name, which is the same\n",
};

const UNAME: Syntax = Syntax {
    name: "uname",
    wrong: 1,
    help: "uname [OPTION]...\n\
        Prints what this system is.\n\
        \x20 -a, --all  all of it\n\
        \x20 -m, --machine  the processor\n\
        \x20 -n, --nodename  the name of the machine\n\
        \x20 -o, --operating-system  the operating system\n\
        \x20 -r, --kernel-release  the version of the kernel\n\
        \x20 -s, --kernel-name  the kernel\n",
};

const WHOAMI: Syntax = Syntax { name: "whoami", wrong: 1, help: "whoami\nPrints who types here.\n" };

pub(super) fn basename(terminal: &Terminal) -> Result<(), Failure> {
    let options = BASENAME.read(terminal)?;
    let operands = &options.operands;
    let is_each = options.has("a") || options.has("s");
    if operands.is_empty() {
        return Err(BASENAME.missing(terminal, "operand", operands));
    }
    if let Some(extra) = operands.get(2).filter(|_| !is_each) {
        return Err(BASENAME.misused(terminal, &["extra operand '", extra, "'"]));
    }
    let suffix = options.value("s").or(operands.get(1).filter(|_| !is_each).map(String::as_str)).unwrap_or_default();
    for path in operands.iter().take(if is_each { usize::MAX } else { 1 }) {
        let name = paths::name(path);
        terminal.line(name.strip_suffix(suffix).filter(|name| !name.is_empty()).unwrap_or(name));
    }
    Ok(())
}

pub(super) fn dirname(terminal: &Terminal) -> Result<(), Failure> {
    let options = DIRNAME.read(terminal)?;
    if options.operands.is_empty() {
        return Err(DIRNAME.missing(terminal, "operand", &options.operands));
    }
    options.operands.iter().for_each(|path| terminal.line(paths::parent(path)));
    Ok(())
}

pub(super) fn hostname(terminal: &Terminal) -> Result<(), Failure> {
    HOSTNAME.read(terminal)?;
    terminal.line(HOST);
    Ok(())
}

pub(super) fn whoami(terminal: &Terminal) -> Result<(), Failure> {
    let options = WHOAMI.read(terminal)?;
    if let Some(extra) = options.operands.first() {
        return Err(WHOAMI.misused(terminal, &["extra operand '", extra, "'"]));
    }
    terminal.line(USER);
    Ok(())
}

pub(super) fn uname(terminal: &Terminal) -> Result<(), Failure> {
    let options = UNAME.read(terminal)?;
    if let Some(extra) = options.operands.first() {
        return Err(UNAME.misused(terminal, &["extra operand '", extra, "'"]));
    }
    let parts = [
        ("s", "BrokerPlayground"),
        ("n", HOST),
        ("r", env!("CARGO_PKG_VERSION")),
        ("m", "wasm32"),
        ("o", "BrokerPlayground"),
    ];
    let is_default = options.given().next().is_none();
    let is_shown = |key: &str| options.has(key) || options.has("a") || (is_default && key == "s");
    let shown: Vec<&str> = parts.into_iter().filter(|(key, _)| is_shown(key)).map(|(_, part)| part).collect();
    terminal.line(&shown.join(" "));
    Ok(())
}
