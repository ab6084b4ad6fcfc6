//! Writing files so that nobody ever sees half of one.

use std::io::Write;
use std::path::Path;

use crate::error::{Error, Result};

/// Temporary files are their owner's alone; these become files like any other, as far as the user's mask goes.
fn readable_by_others() -> tempfile::Builder<'static, 'static> {
    #[cfg_attr(not(unix), expect(unused_mut, reason = "only Unix has permissions to set"))]
    let mut builder = tempfile::Builder::new();
    #[cfg(unix)]
    builder.permissions(std::os::unix::fs::PermissionsExt::from_mode(0o666));
    builder
}

/// Writes beside `path` and renames: the file is the old one or the whole new one, whatever happens.
pub fn write_atomically(path: &Path, content: &[u8]) -> Result<()> {
    let folder = match path.parent() {
        Some(folder) if !folder.as_os_str().is_empty() => folder,
        _ => Path::new("."),
    };
    let write = || -> std::io::Result<()> {
        let mut file = readable_by_others().tempfile_in(folder)?;
        file.write_all(content)?;
        // Data before name: after a power cut the name must not stand for an empty file.
        file.as_file().sync_all()?;
        file.persist(path).map_err(|error| error.error)?;
        Ok(())
    };
    write().map_err(|reason| Error::file("write", path, reason))
}

/// Refuses, before the work is done, a path that no file can be written to.
pub fn expect_place_for_file(path: &Path) -> Result<()> {
    if path.is_dir() || path.to_string_lossy().ends_with(std::path::is_separator) {
        return Err(Error::file("write", path, "it is a folder; name a file"));
    }
    match path.parent() {
        Some(folder) if !folder.as_os_str().is_empty() && !folder.is_dir() => {
            Err(Error::file("write", path, format!("there is no folder {}; create it, or name another", folder.display())))
        }
        _ => Ok(()),
    }
}

/// Creates a folder with all above it.
pub fn create_folder(path: &Path) -> Result<()> {
    std::fs::create_dir_all(path).map_err(|reason| Error::file("create the folder", path, reason))
}

/// Reads a text file.
pub fn read_text(path: &Path) -> Result<String> {
    std::fs::read_to_string(path).map_err(|reason| Error::file("read", path, reason))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_is_replaced_whole_and_nothing_is_left_beside_it() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("model.rnn");
        for content in [&b"first"[..], b"second, longer"] {
            write_atomically(&path, content).unwrap();
            assert_eq!(std::fs::read(&path).unwrap(), content);
        }
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 1);
    }

    #[cfg(unix)]
    #[test]
    fn a_written_file_has_the_permissions_of_any_new_file() {
        use std::os::unix::fs::PermissionsExt;
        let folder = tempfile::tempdir().unwrap();
        let [ours, plain] = ["ours", "plain"].map(|name| folder.path().join(name));
        write_atomically(&ours, b"x").unwrap();
        std::fs::write(&plain, b"x").unwrap();
        let mode = |path: &Path| std::fs::metadata(path).unwrap().permissions().mode();
        assert_eq!(mode(&ours), mode(&plain));
    }

    #[test]
    fn a_path_without_place_for_a_file_is_refused_before_the_work() {
        let folder = tempfile::tempdir().unwrap();
        let refusal = |path: &Path| expect_place_for_file(path).unwrap_err().to_string();
        let missing = folder.path().join("missing");
        for no_file in [folder.path(), &missing.join("")] {
            assert!(refusal(no_file).ends_with("it is a folder; name a file"));
        }
        assert!(refusal(&missing.join("model.rnn")).ends_with("create it, or name another"));
        for good in [missing.as_path(), Path::new("model.rnn")] {
            assert_eq!(expect_place_for_file(good), Ok(()));
        }
    }

    #[test]
    fn what_cannot_be_written_is_named() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("missing").join("model.rnn");
        let error = write_atomically(&path, b"x").unwrap_err();
        assert_eq!(error.exit_code(), 2);
        assert!(error.to_string().starts_with(&format!("cannot write {}", path.display())));
    }
}
