//! The real Azurite, over HTTPS with a private authority.

use std::{
    fs::{self, File},
    net::{Ipv4Addr, TcpStream},
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    sync::Arc,
    thread,
    time::{Duration, Instant},
};

use rustls::{ClientConnection, StreamOwned};
use tempfile::TempDir;

use crate::{
    free_port::free_port,
    private_ca::{PrivateCa, client_config},
};

/// The account of every emulator, and its published key.
pub const ACCOUNT: &str = "devstoreaccount1";
/// See [`ACCOUNT`].
pub const KEY: &str = "Eby8vdM02xNOcqFlqUwJPLlmEtlCDXJ1OUzFT50uSRZ6IFsuFq2UVErCz4I6tq/K1SZFPTOtr/KBHBeksoGMGw==";

const PATIENCE: Duration = Duration::from_secs(60);

/// A running Azurite; it ends, and its data goes, when this is dropped.
pub struct Azurite {
    process: Child,
    port: u16,
    ca: PrivateCa,
    folder: TempDir,
}

impl Azurite {
    /// Starts it on a free port and waits until it answers.
    ///
    /// # Panics
    /// If it is not installed (the message has the command) or does not start.
    pub fn start() -> Self {
        let program = program();
        // Between finding a free port and Azurite's taking it another process may come: try again.
        for _ in 0..5 {
            if let Some(started) = Self::try_start(&program) {
                return started;
            }
        }
        panic!("{} did not start on any of 5 free ports", program.display());
    }

    fn try_start(program: &Path) -> Option<Self> {
        let ca = PrivateCa::new(&["127.0.0.1", "localhost"]);
        let folder = tempfile::tempdir().expect("a temporary folder");
        let port = free_port();
        let log = File::create(folder.path().join("azurite.log")).expect("a log file");
        let process = Command::new(program)
            .args(["--silent", "--disableTelemetry", "--oauth", "basic", "--blobHost", "127.0.0.1"])
            .args(["--blobPort", &port.to_string()])
            .arg("--location")
            .arg(folder.path())
            .arg("--cert")
            .arg(ca.certificate())
            .arg("--key")
            .arg(ca.key())
            .stdout(log.try_clone().expect("a second handle"))
            .stderr(log)
            .stdin(Stdio::null())
            .spawn()
            .unwrap_or_else(|error| panic!("{} cannot be started: {error}", program.display()));
        let mut azurite = Self { process, port, ca, folder };
        azurite.answers().then_some(azurite)
    }

    fn answers(&mut self) -> bool {
        let started = Instant::now();
        while started.elapsed() < PATIENCE {
            if let Ok(Some(_)) = self.process.try_wait() {
                return false;
            }
            if self.is_it() {
                return true;
            }
            thread::sleep(Duration::from_millis(50));
        }
        let log = fs::read_to_string(self.folder.path().join("azurite.log")).unwrap_or_default();
        panic!("Azurite did not answer within {PATIENCE:?}: {log}");
    }

    /// Whether who listens at the port has the certificate of this one: somebody else's server may have been faster.
    fn is_it(&self) -> bool {
        let Ok(stream) = TcpStream::connect(("127.0.0.1", self.port)) else { return false };
        let trusts = Arc::new(client_config(Some(&self.ca.authority())));
        let Ok(session) = ClientConnection::new(trusts, Ipv4Addr::LOCALHOST.into()) else { return false };
        stream.set_read_timeout(Some(PATIENCE / 10)).expect("a time-out");
        let mut stream = StreamOwned::new(session, stream);
        stream.conn.complete_io(&mut stream.sock).is_ok()
    }

    /// The address of its blob service, account included.
    pub fn endpoint(&self) -> String {
        format!("https://127.0.0.1:{}/{ACCOUNT}", self.port)
    }

    /// As in a linked service.
    pub fn connection_string(&self) -> String {
        format!("AccountName={ACCOUNT};AccountKey={KEY};BlobEndpoint={}", self.endpoint())
    }

    /// The authority that its certificate is from.
    pub fn ca(&self) -> &PrivateCa {
        &self.ca
    }
}

impl Drop for Azurite {
    fn drop(&mut self) {
        // It may be dead already; either way it is reaped.
        self.process.kill().ok();
        self.process.wait().ok();
    }
}

fn program() -> PathBuf {
    let program = std::env::var_os("ROPEWAY_AZURITE").map_or_else(
        || Path::new(env!("CARGO_MANIFEST_DIR")).join("../target/azurite/node_modules/.bin/azurite-blob"),
        PathBuf::from,
    );
    assert!(
        program.exists(),
        "Azurite is not at {}; run 'make install', or set ROPEWAY_AZURITE to the program azurite-blob",
        program.display()
    );
    program
}
