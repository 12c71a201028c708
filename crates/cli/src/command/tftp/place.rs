//! Where a file that comes is put: beside its place under a temporary name, and into its place when
//! it is whole. No name that somebody else chose leads out of the directory.

use super::options::usage;
use crate::clerk::Clerk;
use crate::escape::escape;
use crate::failure::{Exit, Failure};
use crate::replace::{create_beside, sync_directory};
use std::ffi::{OsStr, OsString};
use std::fs::{self, File, OpenOptions};
use std::io::{self, BufWriter, Write};
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::path::{Component, Path, PathBuf};

/// Written at once.
const BUFFER_BYTES: usize = 64 << 10;

/// A file that is being written. Dropped, it leaves no trace.
#[derive(Debug)]
pub struct Place {
    path: PathBuf,
    /// The temporary file; `None` once it stands in its place.
    temporary: Option<PathBuf>,
    out: BufWriter<File>,
    replaces: bool,
    /// Creates, links and removes files.
    clerk: Clerk,
}

/// The path to write to: below the chosen directory, or the one that the user named.
///
/// # Errors
/// If the name that the server's file has is no name here, or leads out of the directory.
pub fn path(
    remote: &OsStr,
    output: Option<&Path>,
    directory: Option<&Path>,
) -> Result<PathBuf, Failure> {
    let name = match (output, directory) {
        (Some(output), None) => return Ok(output.to_owned()),
        (Some(output), Some(_)) => {
            let mut parts = output.components();
            let is_name =
                matches!((parts.next(), parts.next()), (Some(Component::Normal(_)), None));
            if !is_name || output.as_os_str().as_bytes().contains(&b'/') {
                let hint = "leave out --directory, or name a file in it";
                return Err(usage("with --directory, --output takes a name and no path", hint));
            }
            output.as_os_str().to_owned()
        }
        (None, _) => default_name(remote)?,
    };
    Ok(directory.map_or_else(|| PathBuf::from(&name), |directory| directory.join(&name)))
}

/// The last part of a name at a server, which may be one of another system.
fn default_name(remote: &OsStr) -> Result<OsString, Failure> {
    let last = remote.as_bytes().rsplit(|byte| matches!(byte, b'/' | b'\\')).next();
    let last = last.unwrap_or_default();
    let shown = escape(&remote.to_string_lossy());
    let has_control = last.iter().any(|byte| *byte < 0x20 || *byte == 0x7f);
    if last.is_empty() || last == b"." || last == b".." || has_control {
        return Err(usage(format!("`{shown}` gives no name for the file here"), "--output FILE"));
    }
    Ok(OsString::from_vec(last.to_vec()))
}

impl Place {
    /// Creates the temporary file.
    ///
    /// # Errors
    /// If the directory does not take it, or the file is there and not to be replaced.
    pub fn begin(path: &Path, replaces: bool, clerk: &Clerk) -> Result<Place, Failure> {
        let wanted = path.to_owned();
        let opened = clerk.run(move || open(&wanted, replaces));
        let (temporary, file) = opened.map_err(|error| failure(path, &error))?;
        Ok(Place {
            path: path.to_owned(),
            temporary: Some(temporary),
            out: BufWriter::with_capacity(BUFFER_BYTES, file),
            replaces,
            clerk: clerk.clone(),
        })
    }

    /// Where the file will stand.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Goes on with these bytes.
    ///
    /// # Errors
    /// If the disk is full or fails.
    pub fn write(&mut self, bytes: &[u8]) -> Result<(), Failure> {
        self.out.write_all(bytes).map_err(|error| failure(&self.path, &error))
    }

    /// Brings the file to the disk and puts it into its place.
    ///
    /// # Errors
    /// If the disk is full or fails, or there is a file meanwhile that is not to be replaced.
    pub fn commit(&mut self) -> Result<(), Failure> {
        let Some(temporary) = self.temporary.clone() else { return Ok(()) };
        let (path, replaces) = (self.path.clone(), self.replaces);
        let synced = self.out.flush().and_then(|()| self.out.get_ref().sync_all());
        let placed = synced.and_then(|()| {
            self.clerk.run(move || {
                if replaces { fs::rename(&temporary, &path) } else { move_new(&temporary, &path) }?;
                sync_directory(&path)
            })
        });
        placed.map_err(|error| failure(&self.path, &error))?;
        self.temporary = None;
        Ok(())
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        if let Some(temporary) = self.temporary.take() {
            // A leftover is harmless, and there is nobody to tell.
            let _ = self.clerk.run(move || fs::remove_file(temporary));
        }
    }
}

fn open(path: &Path, replaces: bool) -> io::Result<(PathBuf, File)> {
    if path.file_name().is_none() {
        return Err(io::ErrorKind::IsADirectory.into());
    }
    // A link counts as what is there: it is not followed, so that it cannot lead elsewhere.
    match fs::symlink_metadata(path) {
        Ok(found) if found.is_dir() => return Err(io::ErrorKind::IsADirectory.into()),
        Ok(_) if !replaces => return Err(io::ErrorKind::AlreadyExists.into()),
        _ => {}
    }
    create_beside(path, 0o666)
}

/// Gives a file a name that nothing has. A link does both at once; where there are no links, the
/// name is taken first by an empty file, which then is replaced.
fn move_new(temporary: &Path, path: &Path) -> io::Result<()> {
    match fs::hard_link(temporary, path) {
        // Under its own name it stays until it is removed below.
        Ok(()) => fs::remove_file(temporary),
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => Err(error),
        Err(_) => {
            OpenOptions::new().write(true).create_new(true).open(path)?;
            fs::rename(temporary, path)
        }
    }
}

fn failure(path: &Path, error: &io::Error) -> Failure {
    let name = escape(&path.to_string_lossy());
    let exists = error.kind() == io::ErrorKind::AlreadyExists;
    Failure {
        message: match exists {
            true => format!("{name} is there already"),
            false => format!("cannot write {name}: {error}"),
        },
        hint: exists.then(|| "--force replaces it, --output names another".into()),
        exit: Exit::Failed,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::scratch::Scratch;
    use std::os::unix::fs::symlink;

    fn begin(path: &Path, replaces: bool) -> Result<Place, Failure> {
        Place::begin(path, replaces, &Clerk::in_place())
    }

    #[test]
    fn a_name_is_the_last_part_and_never_leads_elsewhere() {
        let name = |remote: &str| path(OsStr::new(remote), None, None).map_err(|it| it.message);
        for (remote, local) in
            [("a", "a"), ("/boot/b.img", "b.img"), ("../../etc/c", "c"), (r"d:\e\f", "f")]
        {
            assert_eq!(name(remote), Ok(PathBuf::from(local)));
        }
        for remote in ["", "/", "a/", ".", "..", "a/..", r"b\..", "a\x1bb", "x/\n", "\x7f"] {
            let fault = name(remote).expect_err(remote);
            assert!(fault.ends_with("gives no name for the file here"), "{fault}");
        }
        let within =
            |output: &str| path(OsStr::new("x"), Some(Path::new(output)), Some(Path::new("d")));
        assert_eq!(within("y").expect("a name"), Path::new("d/y"));
        for output in ["../y", "/y", "a/y", ".", "..", "", "y/"] {
            assert!(within(output).is_err(), "{output}");
        }
    }

    #[test]
    fn a_file_is_there_when_it_is_whole() {
        let scratch = Scratch::new("place-whole");
        let path = scratch.path.join("file");
        for (replaces, text) in [(false, "first"), (true, "second")] {
            let mut place = begin(&path, replaces).expect("a directory");
            place.write(text.as_bytes()).expect("room");
            assert_eq!(scratch.files().len(), if replaces { 2 } else { 1 });
            place.commit().expect("room");
            drop(place);
            assert_eq!(fs::read_to_string(&path).expect("there"), text);
            assert_eq!(scratch.files(), ["file"]);
        }
        let failure = begin(&path, false).expect_err("it is there");
        assert_eq!((failure.exit, failure.hint.is_some()), (Exit::Failed, true));
        assert_eq!(scratch.files(), ["file"]);
    }

    #[test]
    fn a_file_that_came_meanwhile_is_not_replaced() {
        let scratch = Scratch::new("place-meanwhile");
        let path = scratch.path.join("file");
        let mut place = begin(&path, false).expect("a directory");
        place.write(b"ours").expect("room");
        symlink("/etc/passwd", &path).expect("room");
        place.commit().expect_err("it is there");
        drop(place);
        assert_eq!(scratch.files(), ["file"]);
        assert!(fs::symlink_metadata(&path).expect("there").is_symlink());
    }

    #[test]
    fn a_link_is_replaced_and_not_followed() {
        let scratch = Scratch::new("place-link");
        let (path, other) = (scratch.path.join("file"), scratch.path.join("other"));
        fs::write(&other, "other").expect("room");
        symlink("other", &path).expect("room");
        begin(&path, false).expect_err("it is there");
        let mut place = begin(&path, true).expect("a directory");
        place.write(b"ours").expect("room");
        place.commit().expect("room");
        assert_eq!(fs::read_to_string(&other).expect("there"), "other");
        assert_eq!(fs::read_to_string(&path).expect("there"), "ours");
        begin(&scratch.path, true).expect_err("a directory");
    }

    #[test]
    fn without_links_the_name_is_taken_all_the_same() {
        let scratch = Scratch::new("place-links");
        // A directory cannot be linked, as no file can be on some file systems.
        let (from, to) = (scratch.path.join("from"), scratch.path.join("to"));
        fs::write(&from, "x").expect("room");
        move_new(&from, &to).expect("a new name");
        assert_eq!(scratch.files(), ["to"]);
        fs::write(&from, "y").expect("room");
        move_new(&from, &to).expect_err("it is there");
        assert_eq!(fs::read_to_string(&to).expect("there"), "x");
    }
}
