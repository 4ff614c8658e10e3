//! The calls of a process as strace sees them.

use std::{
    collections::{BTreeMap, BTreeSet},
    path::{Path, PathBuf},
};

/// What can change a file, a folder or what a server knows.
pub(crate) const CHANGING: &str = "openat,write,pwrite64,writev,pwritev,copy_file_range,sendfile,fsync,\
     fdatasync,ftruncate,fallocate,rename,renameat,renameat2,link,linkat,mkdir,mkdirat,unlink,unlinkat,rmdir,flock,connect,sendto,sendmsg";

/// Calls that a file system carries out on names rather than on open files.
const BY_NAME: [&str; 9] = ["openat", "rename", "renameat", "renameat2", "link", "linkat", "mkdir", "unlink", "rmdir"];

/// One call among those of its name and path.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Call {
    pub(crate) name: String,
    /// Where, its beginning replaced by the number of the place it is below; `None` for a socket.
    pub(crate) path: Option<String>,
    /// Among those of its thread, where it has no path.
    pub(crate) nth: u32,
}

impl Call {
    /// Arguments that let strace kill the process before this call. The places are those of the process.
    pub(crate) fn kill(&self, places: &[PathBuf]) -> Vec<String> {
        self.signal("KILL", Path::new("/dev/null"), places)
    }

    /// Arguments that let strace send this signal as the call begins. All signals but SIGKILL come after it.
    pub(crate) fn signal(&self, signal: &str, log: &Path, places: &[PathBuf]) -> Vec<String> {
        self.inject(&format!("signal={signal}"), &self.name, log, places)
    }

    /// Arguments that let strace answer this call with EIO, and log what is done with its file.
    pub(crate) fn fail(&self, log: &Path, places: &[PathBuf]) -> Vec<String> {
        self.inject("error=EIO", "fsync,fdatasync,openat,unlink,unlinkat", log, places)
    }

    fn inject(&self, what: &str, trace: &str, log: &Path, places: &[PathBuf]) -> Vec<String> {
        let Self { name, path, nth } = self;
        let mut arguments = ["-f", "-qq", "-o", &log.to_string_lossy()].map(str::to_owned).to_vec();
        if let Some(path) = path {
            arguments.extend(["-P".to_owned(), real(path, places)]);
        }
        let inject = format!("inject={name}:{what}:when={nth}");
        arguments.extend(["-e".to_owned(), format!("trace={trace}"), "-e".to_owned(), inject]);
        arguments
    }
}

/// Arguments that let strace write a log of the calls of these names.
pub(crate) fn watch(log: &Path, names: &str) -> Vec<String> {
    let log = log.to_string_lossy();
    ["-f", "-qq", "-y", "-o", &log, "-e", &format!("trace={names}")].map(str::to_owned).to_vec()
}

/// Every call of a log that was about something below these places or went to a socket.
pub(crate) fn recorded(log: &str, places: &[PathBuf]) -> Vec<Call> {
    let lines: Vec<_> = log.lines().filter_map(Line::parse).collect();
    let mut times: BTreeMap<(&str, String), u32> = BTreeMap::new();
    let mut of_thread: BTreeMap<(&str, &str), u32> = BTreeMap::new();
    let mut calls = BTreeSet::new();
    for line in &lines {
        let name = line.name.to_owned();
        let in_thread = of_thread.entry((line.thread, line.name)).or_default();
        *in_thread += 1;
        let Some(path) = line.path() else {
            if line.is_socket() {
                calls.insert(Call { name, path: None, nth: *in_thread });
            }
            continue;
        };
        let Some(path) = placed(&path, places) else { continue };
        let nth = times.entry((line.name, path.clone())).or_default();
        *nth += 1;
        if line.name != "openat" || line.creates() {
            calls.insert(Call { name, path: Some(path), nth: *nth });
        }
    }
    calls.into_iter().collect()
}

/// One call that began: `17 write(9</tmp/x>, "..."`.
struct Line<'a> {
    thread: &'a str,
    name: &'a str,
    arguments: &'a str,
}

impl<'a> Line<'a> {
    fn parse(line: &'a str) -> Option<Self> {
        let (thread, rest) = line.split_once(' ')?;
        let (name, arguments) = rest.trim_start().split_once('(')?;
        let plain = name.chars().all(|it| it.is_ascii_alphanumeric() || it == '_');
        plain.then_some(Self { thread, name, arguments })
    }

    fn creates(&self) -> bool {
        self.arguments.contains("O_CREAT")
    }

    /// The absolute path that it is about.
    fn path(&self) -> Option<String> {
        let named = self.arguments.split('"').nth(1).filter(|path| path.starts_with('/'));
        let by_name = BY_NAME.contains(&self.name) || self.name == "unlinkat" || self.name == "mkdirat";
        if by_name && let Some(path) = named {
            return Some(path.to_owned());
        }
        // What data goes to stands last, what a name is relative to stands first.
        let descriptors = self.arguments.split('<').skip(1).filter_map(|rest| rest.split('>').next());
        let paths: Vec<_> = descriptors.filter(|path| path.starts_with('/')).collect();
        let path = if self.name == "copy_file_range" { paths.last() } else { paths.first() };
        path.map(|path| (*path).to_owned())
    }

    fn is_socket(&self) -> bool {
        let descriptor = self.arguments.split('<').nth(1).unwrap_or_default();
        descriptor.starts_with("socket:") || descriptor.starts_with("TCP")
    }
}

/// The path with the number of its place in front; `None` outside of them, and for what no other process would
/// name like that.
fn placed(path: &str, places: &[PathBuf]) -> Option<String> {
    let below = |place: &PathBuf| path.strip_prefix(place.to_str()?).map(str::to_owned);
    let (number, rest) = places.iter().enumerate().find_map(|(number, place)| Some((number, below(place)?)))?;
    let is_own = rest.contains("strace.log") || rest.contains("/.run.json.");
    (!is_own).then(|| format!("{number}{rest}"))
}

fn real(path: &str, places: &[PathBuf]) -> String {
    let place = path.chars().next().and_then(|first| first.to_digit(10)).and_then(|number| places.get(number as usize));
    place.map_or_else(|| path.to_owned(), |place| format!("{}{}", place.display(), &path[1..]))
}

#[test]
fn a_log_is_understood() {
    let log = "\
7 openat(AT_FDCWD</h>, \"/h/state/x\", O_RDWR|O_CREAT|O_CLOEXEC, 0600) = 3</h/state/x>
7 write(3</h/state/x>, \"\\0\\1\"..., 512 <unfinished ...>
8 openat(AT_FDCWD</h>, \"/etc/hosts\", O_RDONLY|O_CLOEXEC) = 4</etc/hosts>
7 <... write resumed>)            = 512
8 copy_file_range(5</t/out/a>, NULL, 6</t/out/b>, NULL, 9, 0) = 9
7 write(3</h/state/x>, \"\\0\"..., 1) = 1
8 write(9<socket:[4]>, \"\\0\"..., 1) = 1
8 unlinkat(5</t/out>, \"a\", 0) = 0
8 rename(\"/t/out/b\", \"/t/out/c\") = 0
8 +++ exited with 0 +++";
    let places = [PathBuf::from("/h"), PathBuf::from("/t")];
    let call = |name: &str, path: Option<&str>, nth| Call { name: name.to_owned(), path: path.map(str::to_owned), nth };
    let expected = [
        call("copy_file_range", Some("1/out/b"), 1),
        call("openat", Some("0/state/x"), 1),
        call("rename", Some("1/out/b"), 1),
        call("unlinkat", Some("1/out"), 1),
        call("write", None, 1),
        call("write", Some("0/state/x"), 1),
        call("write", Some("0/state/x"), 2),
    ];
    assert_eq!(recorded(log, &places), expected);
    assert!(expected[2].kill(&places).contains(&"/t/out/b".to_owned()));
}
