//! Files that are replaced as a whole or not at all: written beside the old one, brought to the
//! disk, and renamed over it. A reader sees the old text or the new one, never a part.

use crate::clerk::Clerk;
use crate::escape::escape;
use crate::failure::{Exit, Failure};
use std::fs::{self, File, OpenOptions, Permissions};
use std::io::{self, BufWriter, Write};
use std::os::unix::fs::{MetadataExt, OpenOptionsExt, PermissionsExt, fchown};
use std::path::{Path, PathBuf};

/// How many symbolic links are followed: as many as Linux follows.
const LINKS_MAX: usize = 40;

/// How many names are tried for the temporary file, should leftovers have taken the first ones.
const NAMES_MAX: u32 = 100;

/// A file being written, to stand in the place of another. Dropped, it leaves no trace.
#[derive(Debug)]
pub struct Replacement {
    /// As the user named it, safe for a terminal.
    name: String,
    /// Where the new file goes, and the temporary one that it is until then; `None` for a device or
    /// pipe, which is written in place.
    renaming: Option<(PathBuf, PathBuf)>,
    out: BufWriter<File>,
    /// Creates, renames and removes files.
    clerk: Clerk,
}

impl Replacement {
    /// Creates the temporary file, in the directory of the file that it will replace, with that
    /// one's owner and permissions. Symbolic links are followed, so that they stay. The clerk
    /// does what the directory's owner has a say in.
    ///
    /// # Errors
    /// If the directory does not take a file.
    pub fn begin(path: &Path, clerk: &Clerk) -> Result<Replacement, Failure> {
        let name = escape(&path.to_string_lossy());
        let path = path.to_owned();
        clerk
            .run(move || open(&path))
            .map(|(renaming, file)| {
                let out = BufWriter::with_capacity(32 * 1024, file);
                Replacement { name: name.clone(), renaming, out, clerk: clerk.clone() }
            })
            .map_err(|error| failure(&name, true, &error))
    }

    /// Brings what was written to the disk. The old file is still there.
    ///
    /// # Errors
    /// If the disk is full or fails.
    pub fn finish(&mut self) -> Result<(), Failure> {
        let synced = self.out.flush().and_then(|()| match self.renaming {
            Some(_) => self.out.get_ref().sync_all(),
            None => Ok(()),
        });
        synced.map_err(|error| self.failure(&error))
    }

    /// Puts the new file in the place of the old one. Call [`Replacement::finish`] first; where
    /// several files belong together, on all of them.
    ///
    /// # Errors
    /// If the directory refuses it.
    pub fn commit(mut self) -> Result<(), Failure> {
        let Some((temporary, path)) = self.renaming.clone() else { return Ok(()) };
        let renamed = self.clerk.run(move || rename(&temporary, &path));
        match renamed {
            Ok(synced) => {
                self.renaming = None;
                synced.map_err(|error| self.failure(&error))
            }
            Err(error) => Err(self.failure(&error)),
        }
    }

    /// Whether both would stand in one place.
    pub fn replaces_same(&self, other: &Replacement) -> bool {
        let place = |replacement: &Replacement| {
            let (_, path) = replacement.renaming.as_ref()?;
            let directory = fs::metadata(directory_of(path)).ok()?;
            Some((directory.dev(), directory.ino(), path.file_name()?.to_owned()))
        };
        place(self).is_some_and(|here| place(other) == Some(here))
    }

    /// The failure to tell the user when a write to this failed.
    pub fn failure(&self, error: &io::Error) -> Failure {
        failure(&self.name, self.renaming.is_some(), error)
    }
}

impl Write for Replacement {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.out.write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.out.flush()
    }
}

impl Drop for Replacement {
    fn drop(&mut self) {
        if let Some((temporary, _)) = self.renaming.take() {
            // A leftover is harmless, and there is nobody to tell.
            let _ = self.clerk.run(move || fs::remove_file(temporary));
        }
    }
}

type Renaming = Option<(PathBuf, PathBuf)>;

fn open(path: &Path) -> io::Result<(Renaming, File)> {
    let path = follow(path)?;
    let old = match fs::metadata(&path) {
        Ok(old) if old.is_dir() => return Err(io::ErrorKind::IsADirectory.into()),
        // An open file of a process (/dev/stdout) is no place in a directory.
        Ok(old) if !old.is_file() || is_descriptor(&path) => {
            return Ok((None, OpenOptions::new().append(true).open(&path)?));
        }
        Ok(old) => Some(old),
        Err(error) if error.kind() == io::ErrorKind::NotFound => None,
        Err(error) => return Err(error),
    };
    // One that takes over permissions starts without any.
    let (temporary, file) = create_beside(&path, if old.is_some() { 0o600 } else { 0o666 })?;
    if let Some(old) = old
        && let Err(error) = take_over(&file, &old)
    {
        let _ = fs::remove_file(&temporary);
        return Err(error);
    }
    Ok((Some((temporary, path)), file))
}

/// Where a path leads, through symbolic links, also to a file that does not exist yet.
fn follow(path: &Path) -> io::Result<PathBuf> {
    let mut path = path.to_owned();
    for _ in 0..LINKS_MAX {
        match fs::symlink_metadata(&path) {
            Ok(found) if found.is_symlink() && !is_descriptor(&path) => {
                // Not a link that the system itself would not follow: one that somebody has laid
                // into a directory of everybody's (protected_symlinks in proc_sys_fs(5)).
                if let Err(error) = fs::metadata(&path)
                    && error.kind() == io::ErrorKind::PermissionDenied
                {
                    return Err(error);
                }
                path = directory_of(&path).join(fs::read_link(&path)?);
            }
            _ => return Ok(path),
        }
    }
    Err(io::Error::other("too many symbolic links"))
}

/// Whether a path names an open file of a process, as `/dev/stdout` and `/dev/fd/3` do: what looks
/// like a symbolic link there leads to the file itself rather than to a name.
fn is_descriptor(path: &Path) -> bool {
    fs::canonicalize(directory_of(path)).is_ok_and(|directory| directory.starts_with("/proc"))
}

/// A new file in the directory of `path`, under a temporary name.
///
/// # Errors
/// If the directory does not take one.
pub fn create_beside(path: &Path, mode: u32) -> io::Result<(PathBuf, File)> {
    let mut options = OpenOptions::new();
    options.write(true).create_new(true).mode(mode);
    let id = std::process::id();
    for number in 0..NAMES_MAX {
        let temporary = directory_of(path).join(format!(".askway-{id}-{number}.tmp"));
        match options.open(&temporary) {
            Ok(file) => return Ok((temporary, file)),
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
            Err(error) => return Err(error),
        }
    }
    Err(io::ErrorKind::AlreadyExists.into())
}

/// Owner first: changing it takes permission bits away.
fn take_over(file: &File, old: &fs::Metadata) -> io::Result<()> {
    let new = file.metadata()?;
    let (owner, group) = (Some(old.uid()), Some(old.gid()));
    let mut mode = old.mode() & 0o777;
    // Only the superuser may give files away; anybody else's new file is their own.
    if (new.uid(), new.gid()) != (old.uid(), old.gid())
        && fchown(file, owner, group).is_err()
        && fchown(file, None, group).is_err()
    {
        mode = without_group(mode);
    }
    file.set_permissions(Permissions::from_mode(mode))
}

/// What a mode grants to anybody, and no more to the group: it is another one than was meant.
fn without_group(mode: u32) -> u32 {
    mode & !0o070 | (mode & 0o070 & (mode & 0o007) << 3)
}

/// Renames, then brings the directory to the disk. The outer error leaves everything as it was, the
/// inner one came after the new name stood.
fn rename(temporary: &Path, path: &Path) -> io::Result<io::Result<()>> {
    fs::rename(temporary, path)?;
    Ok(sync_directory(path))
}

/// Brings the directory of `path` to the disk, since a name is there only when that is.
///
/// # Errors
/// If the disk is full.
pub fn sync_directory(path: &Path) -> io::Result<()> {
    let synced = File::open(directory_of(path)).and_then(|directory| directory.sync_all());
    // A file system that cannot sync a directory has nothing to add.
    synced.or_else(|error| match error.kind() {
        io::ErrorKind::StorageFull => Err(error),
        _ => Ok(()),
    })
}

fn directory_of(path: &Path) -> &Path {
    match path.parent() {
        Some(directory) if !directory.as_os_str().is_empty() => directory,
        Some(_) => Path::new("."),
        None => path,
    }
}

fn failure(name: &str, keeps_old: bool, error: &io::Error) -> Failure {
    Failure {
        message: format!("cannot write {name}: {error}"),
        hint: keeps_old.then(|| "what stood there before is unchanged".into()),
        exit: Exit::Failed,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::scratch::Scratch;
    use std::os::unix::fs::symlink;

    fn replace(path: &Path, text: &str) {
        let mut new = Replacement::begin(path, &Clerk::in_place()).expect("a writable directory");
        new.write_all(text.as_bytes()).expect("room");
        new.finish().expect("room");
        new.commit().expect("a writable directory");
    }

    #[test]
    fn old_text_and_mode_stay_until_the_new_text_is_whole() {
        let scratch = Scratch::new("replace-whole");
        let path = scratch.path.join("ok");
        fs::write(&path, "old").expect("room");
        fs::set_permissions(&path, Permissions::from_mode(0o640)).expect("ours");
        let mut new = Replacement::begin(&path, &Clerk::in_place()).expect("writable");
        new.write_all(b"new").expect("room");
        new.finish().expect("room");
        assert_eq!(fs::read_to_string(&path).expect("there"), "old");
        new.commit().expect("writable");
        assert_eq!(fs::read_to_string(&path).expect("there"), "new");
        assert_eq!(fs::metadata(&path).expect("there").mode() & 0o7777, 0o640);
        assert_eq!(scratch.files(), ["ok"]);
    }

    #[test]
    fn given_up_it_leaves_no_trace() {
        let scratch = Scratch::new("replace-trace");
        let mut new =
            Replacement::begin(&scratch.path.join("ok"), &Clerk::in_place()).expect("writable");
        new.write_all(b"half").expect("room");
        drop(new);
        assert!(scratch.files().is_empty());
    }

    #[test]
    fn symbolic_links_stay_and_lead_to_the_new_text() {
        let scratch = Scratch::new("replace-links");
        symlink("b", scratch.path.join("a")).expect("room");
        symlink("file", scratch.path.join("b")).expect("room");
        replace(&scratch.path.join("a"), "one");
        replace(&scratch.path.join("a"), "two");
        assert_eq!(fs::read_to_string(scratch.path.join("file")).expect("there"), "two");
        assert_eq!(scratch.files(), ["a", "b", "file"]);
        symlink("loop", scratch.path.join("loop")).expect("room");
        let failure =
            Replacement::begin(&scratch.path.join("loop"), &Clerk::in_place()).expect_err("a loop");
        assert!(failure.message.ends_with("too many symbolic links"), "{}", failure.message);
    }

    #[test]
    fn a_link_that_the_system_would_not_follow_is_not_followed() {
        let scratch = Scratch::new("replace-sticky");
        let (directory, link) =
            (scratch.path.join("everybodys"), scratch.path.join("everybodys/ok"));
        fs::create_dir(&directory).expect("room");
        fs::set_permissions(&directory, Permissions::from_mode(0o1777)).expect("ours");
        symlink(scratch.path.join("victim"), &link).expect("room");
        if std::os::unix::fs::lchown(&link, Some(65_534), None).is_err() {
            return; // Only the superuser can lay a link in somebody else's name.
        }
        let is_followed =
            fs::metadata(&link).is_err_and(|error| error.kind() != io::ErrorKind::PermissionDenied);
        let begun = Replacement::begin(&link, &Clerk::in_place());
        assert_eq!(begun.is_ok(), is_followed);
    }

    #[test]
    fn another_group_gets_what_anybody_gets() {
        assert_eq!(without_group(0o660), 0o600);
        assert_eq!(without_group(0o664), 0o644);
        assert_eq!(without_group(0o604), 0o604);
        assert_eq!(without_group(0o777), 0o777);
    }

    #[test]
    fn devices_are_written_in_place() {
        replace(Path::new("/dev/null"), "gone");
        let mut full =
            Replacement::begin(Path::new("/dev/full"), &Clerk::in_place()).expect("a device");
        full.write_all(b"x").expect("buffered");
        let failure = full.finish().expect_err("always full");
        assert_eq!(failure.exit, Exit::Failed);
    }

    #[test]
    fn an_open_file_is_written_in_place() {
        use std::os::fd::AsRawFd;
        let scratch = Scratch::new("replace-open");
        let path = scratch.path.join("log");
        let mut log = File::create(&path).expect("room");
        log.write_all(b"before\n").expect("room");
        for directory in ["/dev/fd", "/proc/self/fd"] {
            replace(&Path::new(directory).join(log.as_raw_fd().to_string()), "list\n");
        }
        assert_eq!(fs::read_to_string(&path).expect("there"), "before\nlist\nlist\n");
        assert_eq!(scratch.files(), ["log"]);
    }

    #[test]
    fn a_directory_is_not_replaced() {
        let scratch = Scratch::new("replace-directory");
        let failure =
            Replacement::begin(&scratch.path, &Clerk::in_place()).expect_err("a directory");
        assert_eq!(failure.exit, Exit::Failed);
        assert!(scratch.files().is_empty());
    }
}
