//! Where results go: text or JSON on the standard output, files under their name only once complete.

use crate::error::{Error, Result};
use comfy_table::{CellAlignment, Table, presets::NOTHING};
use serde::Serialize;
use std::io::{BufWriter, Write};
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::path::Path;
use wasmkc_compiler::printable;

/// Prints `value` as one line of JSON if `json`, else what `text` makes.
pub fn emit(json: bool, value: &impl Serialize, text: impl FnOnce() -> String) -> Result<()> {
    let line = if json {
        let mut line = serde_json::to_string(value).map_err(|e| Error::new(format_args!("cannot print JSON: {e}")))?;
        line.push('\n');
        line
    } else {
        lines(&text())
    };
    print(&line)
}

/// `text` for a terminal: whatever an object or a file calls itself, it ends lines, and does no more.
pub fn lines(text: &str) -> String {
    text.split('\n').map(printable).collect::<Vec<_>>().join("\n")
}

/// Has `each` print as it goes what may be too large to be there at once.
pub fn write(each: impl FnOnce(&mut dyn Write) -> std::io::Result<()>) -> Result<()> {
    let mut out = BufWriter::new(std::io::stdout().lock());
    each(&mut out)?;
    Ok(out.flush()?)
}

/// Prints `text` as it is.
pub fn print(text: &str) -> Result<()> {
    let mut out = std::io::stdout().lock();
    out.write_all(text.as_bytes())?;
    Ok(out.flush()?)
}

/// A plain table: a header and rows, the columns in `right` aligned to the right.
pub fn table(header: &[&str], right: &[usize], rows: impl IntoIterator<Item = Vec<String>>) -> String {
    let mut table = Table::new();
    table.load_preset(NOTHING).set_header(header);
    for row in rows {
        table.add_row(row.iter().map(|cell| printable(cell)));
    }
    for column in table.column_iter_mut() {
        column.set_padding((0, 2));
    }
    for &index in right {
        if let Some(column) = table.column_mut(index) {
            column.set_cell_alignment(CellAlignment::Right);
        }
    }
    let mut text = String::new();
    for line in table.lines() {
        text += line.trim_end();
        text.push('\n');
    }
    text
}

/// Lines "label  value" with the values in one column.
pub fn pairs<'a>(rows: impl IntoIterator<Item = (&'a str, String)>) -> String {
    let rows: Vec<_> = rows.into_iter().collect();
    let width = rows.iter().map(|(label, _)| label.len()).max().unwrap_or(0);
    rows.iter().map(|(label, value)| format!("{label:width$}  {}\n", printable(value))).collect()
}

/// Lower-case hexadecimal digits of `bytes`.
pub fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|b| format!("{b:02x}")).collect()
}

/// Reads the whole of `path`, refusing more than `limit` bytes before reading them.
pub fn read_file(path: &Path, limit: u64) -> Result<Vec<u8>> {
    let bytes = std::fs::metadata(path).map_err(|e| Error::file("read", path, &e))?;
    if bytes.is_dir() {
        return Err(Error::new(format_args!("cannot read {}: it is a folder", path.display())));
    }
    if bytes.len() > limit {
        return Err(Error::new(format_args!(
            "cannot read {}: it has {} bytes, more than the limit of {limit}",
            path.display(),
            bytes.len()
        )));
    }
    std::fs::read(path).map_err(|e| Error::file("read", path, &e))
}

/// Passes unless `output` is one of the files that were read: nobody means to lose an input.
pub fn refuse_overwriting(output: &Path, inputs: &[&Path]) -> Result<()> {
    let of = |path: &Path| std::fs::metadata(path).map(|m| (m.dev(), m.ino())).ok();
    match inputs.iter().find(|input| of(input).is_some_and(|file| of(output) == Some(file))) {
        Some(input) => Err(Error::usage(format_args!("{} would replace {}", output.display(), input.display()))
            .help("name another file for the output: `-o OUT`, or `--out OUT` of `run`")),
        None => Ok(()),
    }
}

/// Passes unless `path` is a folder, which no file can replace.
pub fn refuse_folder(path: &Path) -> Result<()> {
    let why = match path.as_os_str().as_encoded_bytes() {
        _ if path.is_dir() => "it is a folder",
        [.., b'/'] => "it is written like a folder",
        _ => return Ok(()),
    };
    let inside = path.join("NAME");
    Err(Error::new(format_args!("cannot write {}: {why}", path.display()))
        .help(format_args!("name a file in it: {}", inside.display())))
}

/// Writes `bytes` to a temporary file beside `path` and renames it, so that `path` is never half written.
pub fn write_file(path: &Path, bytes: &[u8], mode: u32) -> Result<()> {
    refuse_folder(path)?;
    if std::fs::metadata(path).is_ok_and(|m| !m.is_file()) {
        return std::fs::write(path, bytes).map_err(|e| Error::file("write", path, &e));
    }
    let fail = |e: std::io::Error| Error::file("write", path, &e);
    let mut file = temporary_beside(path, mode)?;
    file.write_all(bytes).map_err(fail)?;
    persist(file, path)
}

/// A new file in the directory of `path`, to be given to [`persist`] once it is complete.
pub fn temporary_beside(path: &Path, mode: u32) -> Result<tempfile::NamedTempFile> {
    refuse_folder(path)?;
    let directory = path.parent().filter(|p| !p.as_os_str().is_empty()).unwrap_or(Path::new("."));
    tempfile::Builder::new()
        .prefix(".wasmkc-")
        .permissions(std::fs::Permissions::from_mode(mode))
        .tempfile_in(directory)
        // The kind alone: the whole names the temporary file.
        .map_err(|e| Error::file("write", path, &e.kind().into()))
}

/// Gives a complete file its name.
pub fn persist(file: tempfile::NamedTempFile, path: &Path) -> Result<()> {
    file.as_file().sync_all().map_err(|e| Error::file("write", path, &e))?;
    file.persist(path).map(drop).map_err(|e| Error::file("write", path, &e.error))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn table_lines_have_no_trailing_blanks() {
        let text = table(&["a", "count"], &[1], [vec!["x".into(), "1".into()]]);
        assert_eq!(text, "a  count\nx      1\n");
    }

    #[test]
    fn write_file_replaces_and_leaves_nothing_beside() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("f");
        write_file(&path, b"one", 0o600).unwrap();
        write_file(&path, b"two", 0o600).unwrap();
        assert_eq!(std::fs::read(&path).unwrap(), b"two");
        assert_eq!(std::fs::read_dir(dir.path()).unwrap().count(), 1);
        assert_eq!(std::fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
    }

    #[test]
    fn an_input_is_not_replaced_under_any_of_its_names() {
        let dir = tempfile::tempdir().unwrap();
        let (file, link) = (dir.path().join("f"), dir.path().join("link"));
        std::fs::write(&file, b"key").unwrap();
        std::fs::hard_link(&file, &link).unwrap();
        for output in [&file, &link, &dir.path().join("./f")] {
            assert_eq!(refuse_overwriting(output, &[&file]).unwrap_err().exit_code(), 2);
        }
        refuse_overwriting(&dir.path().join("new"), &[&file, &dir.path().join("missing")]).unwrap();
    }

    #[test]
    fn a_file_above_the_limit_is_not_read() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("f");
        std::fs::write(&path, [0; 9]).unwrap();
        assert!(read_file(&path, 8).unwrap_err().render(false).contains("more than the limit of 8"));
    }
}
