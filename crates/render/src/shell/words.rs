//! Words that mean something to a shell, and how deep it is followed.

/// `sh -c` within `sh -c`.
pub(super) const PROGRAMS_DEEP_MAX: usize = 3;
pub(super) const KEYWORDS: [&str; 23] = [
    "!", "if", "then", "else", "elif", "fi", "for", "while", "until", "do", "done", "case", "esac",
    "select", "function", "{", "}", "[[", "((", "in", "coproc", "time", "return",
];
/// What follows is run by this very shell, or changes what runs later.
/// Commands whose arguments are another command.
pub(super) const WRAPPERS: [&str; 11] = [
    "sudo", "doas", "env", "nohup", "nice", "timeout", "xargs", "busybox", "stdbuf", "setsid",
    "ssh",
];
pub(super) const SHELL_COMMANDS: [&str; 9] = [
    "eval", "source", ".", "alias", "trap", "exec", "command", "builtin", "enable",
];
/// Variables that decide which program or library a name means.
pub(super) const DECIDING: [&str; 8] = [
    "PATH",
    "IFS",
    "ENV",
    "BASH_ENV",
    "SHELLOPTS",
    "PYTHONPATH",
    "NODE_OPTIONS",
    "GIT_SSH_COMMAND",
];
