//! What a command says when it fails: what happened, where, and what to do about it.
//!
//! Every failure is an [`Error`]; `main` prints it and turns it into the exit code. Exit codes:
//! 0 done, 1 failed, 2 wrong usage.

use crate::output::lines;
use std::fmt::Display;
use std::io::ErrorKind;
use std::path::Path;
use wasmkc_compiler::printable;

/// A failure, ready to be printed.
#[derive(Debug)]
pub struct Error {
    /// What happened and where, one sentence without a full stop.
    what: String,
    /// Further lines, one finding each.
    details: Vec<String>,
    /// What to do.
    help: Option<String>,
    kind: Kind,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    Failed,
    Usage,
    /// The reader of our output went away; nothing to say.
    ClosedPipe,
}

/// Result of a command and of what it is made of.
pub type Result<T> = std::result::Result<T, Error>;

impl Error {
    /// A failure that says `what` happened.
    pub fn new(what: impl Display) -> Self {
        Self { what: what.to_string(), details: Vec::new(), help: None, kind: Kind::Failed }
    }

    /// A failure of the caller's wording: exit code 2.
    pub fn usage(what: impl Display) -> Self {
        Self { kind: Kind::Usage, ..Self::new(what) }
    }

    /// A failed read or write of `path`.
    pub fn file(doing: &str, path: &Path, cause: &std::io::Error) -> Self {
        let what = |why: &dyn Display| Self::new(format_args!("cannot {doing} {}: {why}", path.display()));
        if cause.kind() != ErrorKind::NotFound {
            return what(cause);
        }
        let folder = path.parent().filter(|p| !p.as_os_str().is_empty()).unwrap_or(Path::new("."));
        let wasm = path.with_extension("wasm");
        if !folder.exists() {
            let help = if doing == "write" { "`mkdir -p` makes it" } else { "check how the path is written" };
            what(&format_args!("there is no folder {}", folder.display())).help(help)
        } else if path.extension().is_some_and(|e| e == "kwo") && wasm.is_file() {
            what(&"there is no such file").help(format_args!("`wasmkc build {}` makes it", wasm.display()))
        } else {
            what(&"there is no such file").help(format_args!("`ls {}` shows what is there", folder.display()))
        }
    }

    /// Adds what to do.
    #[must_use]
    pub fn help(mut self, help: impl Display) -> Self {
        self.help = Some(help.to_string());
        self
    }

    /// Adds a line for each finding.
    #[must_use]
    pub fn details<D: Display>(mut self, lines: impl IntoIterator<Item = D>) -> Self {
        self.details.extend(lines.into_iter().map(|l| l.to_string()));
        self
    }

    /// Puts "`context`: " before what happened.
    #[must_use]
    pub fn context(mut self, context: impl Display) -> Self {
        self.what = format!("{context}: {}", self.what);
        self
    }

    /// The exit code it stands for.
    pub fn exit_code(&self) -> u8 {
        match self.kind {
            Kind::Failed => 1,
            Kind::Usage => 2,
            Kind::ClosedPipe => 0,
        }
    }

    /// The lines for people, each of the details one whatever it quotes, or one JSON object.
    pub fn render(&self, json: bool) -> String {
        if self.kind == Kind::ClosedPipe {
            return String::new();
        }
        if json {
            let value = serde_json::json!({ "error": self.what, "details": self.details, "help": self.help });
            return format!("{value}\n");
        }
        let mut text = format!("error: {}\n", self.what);
        for line in &self.details {
            text += &format!("  {}\n", printable(line));
        }
        if let Some(help) = &self.help {
            text += &format!("help: {help}\n");
        }
        lines(&text)
    }
}

impl From<std::io::Error> for Error {
    /// For writes to the standard output; files go through [`Error::file`].
    fn from(cause: std::io::Error) -> Self {
        let kind = if cause.kind() == ErrorKind::BrokenPipe { Kind::ClosedPipe } else { Kind::Failed };
        Self { kind, ..Self::new(format_args!("cannot write the output: {cause}")) }
    }
}

impl From<openssl::error::ErrorStack> for Error {
    fn from(cause: openssl::error::ErrorStack) -> Self {
        let reasons: Vec<&str> = cause.errors().iter().filter_map(|e| e.reason()).collect();
        Self::new(format_args!(
            "OpenSSL: {}",
            if reasons.is_empty() { "unknown error".to_owned() } else { reasons.join("; ") }
        ))
    }
}

#[cfg(test)]
mod tests {
    use super::Error;

    #[test]
    fn prints_what_details_and_help_in_this_order() {
        let e = Error::new("no").details(["one", "two"]).help("do").context("here");
        assert_eq!(e.render(false), "error: here: no\n  one\n  two\nhelp: do\n");
        assert_eq!(e.exit_code(), 1);
        assert_eq!(Error::usage("x").exit_code(), 2);
    }

    #[test]
    fn what_is_quoted_neither_ends_a_line_nor_moves_the_terminal() {
        let e = Error::new("\x1b[2Ja\nb").details(["c\nhelp: \u{202e}d"]).help("\u{9b}2J");
        assert_eq!(e.render(false), "error: ?[2Ja\nb\n  c?help: ?d\nhelp: ?2J\n");
        assert!(e.render(true).contains("\u{202e}"), "it is as it is for programs");
    }

    #[test]
    fn json_is_one_line() {
        let text = Error::new("a\nb").render(true);
        assert_eq!(text.lines().count(), 1);
        assert_eq!(serde_json::from_str::<serde_json::Value>(&text).unwrap()["error"], "a\nb");
    }
}
