//! Servers as child processes.

use std::{
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    thread,
    time::{Duration, Instant},
};

/// How long a server may take to start on a busy machine.
const START: Duration = Duration::from_secs(60);

/// A server that is killed when this is dropped and when the thread that started it dies.
pub(super) struct Server(Child);

impl Server {
    /// Starts the server as `user` and waits until `ready` says yes. The signal is how the server is
    /// told to stop at once when the test process is killed.
    pub(super) fn start(user: &str, signal: &str, command: &[&str], mut ready: impl FnMut() -> bool) -> Self {
        let mut child = as_user(user, &["--pdeathsig", signal], command)
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap_or_else(|error| panic!("{} does not start: {error}", command[0]));
        let begun = Instant::now();
        while !ready() {
            let ended = child.try_wait().expect("the state of a child");
            assert!(ended.is_none(), "{} ended at its start: {ended:?}", command[0]);
            assert!(begun.elapsed() < START, "{} is not ready after {START:?}", command[0]);
            thread::sleep(Duration::from_millis(50));
        }
        Self(child)
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // Its data is thrown away: there is nothing to shut down in order.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// A command that runs as another user if this process is root, which servers refuse to be.
pub(super) fn as_user(user: &str, options: &[&str], command: &[&str]) -> Command {
    let mut wrapped = Command::new("setpriv");
    wrapped.args(options);
    if is_root() {
        wrapped.args(["--reuid", user, "--regid", user, "--clear-groups"]);
    }
    wrapped.arg("--").args(command);
    wrapped
}

/// Gives a folder to the user the server runs as.
pub(super) fn give(folder: &Path, user: &str) {
    if is_root() {
        run(Command::new("chown").arg(format!("{user}:{user}")).arg(folder));
    }
}

/// Runs a command to its end and returns what it printed.
pub(super) fn run(command: &mut Command) -> String {
    let output = command.output().unwrap_or_else(|error| panic!("{command:?}: {error}"));
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{command:?} failed: {said}");
    String::from_utf8(output.stdout).expect("a database's text is UTF-8")
}

/// The program in the first of the folders that has it.
pub(super) fn program(name: &str, folders: &[PathBuf], package: &str) -> PathBuf {
    let found = folders.iter().map(|folder| folder.join(name)).find(|path| path.exists());
    found.unwrap_or_else(|| panic!("{name} is missing: apt-get install {package}"))
}

fn is_root() -> bool {
    run(Command::new("id").arg("-u")).trim() == "0"
}
