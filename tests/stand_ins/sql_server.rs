//! A SQL Server that is none: it speaks TDS 7.4 and 8.0, runs the T-SQL that Ropeway sends on an embedded SQLite, and fails on
//! demand. It follows MS-TDS and the T-SQL reference and is never more lenient than SQL Server: what it does not know is an
//! error, either the server's own or number 50000 that says that the stand-in has not been taught it.
//!
//! Sessions wait for each other as locks of tables and of new rows tell them to (see `locks`): 1222 and 1205 are real.
//!
//! Under SNAPSHOT readers see what was committed when their transaction first read (see `versions`).
//!
//! Where it still differs: who changes or removes rows locks their whole table, and who reads the views of `sys` waits for
//! nobody and sees what is not committed. Nothing can be changed under SNAPSHOT.
//! Messages of bulk loads go into SQLite one after the other. There are no global temporary tables and
//! no triggers; XML and CLR values are not parsed. Every login may do everything but what `DENY` has taken away from it.

mod app_lock;
mod bind;
mod bulk;
mod catalogue;
mod checksum;
mod collation;
mod command;
mod constraint;
mod convert;
mod counters;
mod datum;
mod describe;
mod error;
mod execute;
mod faults;
mod flow;
mod functions;
mod lexer;
mod local;
mod locks;
mod login;
mod modules;
mod packet;
mod parser;
mod prelogin;
mod procedure;
mod protocol;
mod reader;
mod rename;
mod response;
mod rights;
mod rpc;
mod session;
mod sql_type;
mod state;
mod storage;
mod syntax;
mod temporary;
mod text_form;
mod tls;
mod token;
mod transaction;
mod undo;
mod variant;
mod versions;
mod wire;
mod work;
mod write;

pub use error::SqlError;
pub use faults::{Fault, LoginFault, Seen};
pub use sql_type::SqlType;

use faults::Faults;
use packet::Channel;
use session::Session;
use state::State;
use std::collections::HashMap;
use std::net::{Ipv4Addr, Shutdown, SocketAddr, TcpListener, TcpStream};
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, AtomicI64, AtomicU16, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use storage::Storage;
use tempfile::TempDir;
use tls::{Identity, Transport};

/// The server's side of ENCRYPTION in PRELOGIN.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Encryption {
    /// Clients must encrypt.
    Required,
    /// Only the login is encrypted where the client wants no more.
    LoginOnly,
    /// No TLS at all.
    NotSupported,
}

/// How a server is started.
#[derive(Clone, Debug)]
pub struct Options {
    /// Port on the loopback address; 0 takes a free one.
    pub port: u16,
    /// Names and addresses that the certificate is for.
    pub certificate_names: Vec<String>,
    /// What PRELOGIN answers.
    pub encryption: Encryption,
    /// SQL logins and their passwords.
    pub users: HashMap<String, String>,
    /// Databases that exist from the start; the first is the default of every login.
    pub databases: Vec<String>,
    /// Rows of bulk loads are read and counted, and go nowhere: for benchmarks of clients.
    pub swallows: bool,
}

impl Default for Options {
    fn default() -> Options {
        Options {
            port: 0,
            certificate_names: vec!["localhost".to_owned(), "127.0.0.1".to_owned()],
            encryption: Encryption::Required,
            users: HashMap::from([("sa".to_owned(), "Ropeway-1!".to_owned())]),
            databases: vec!["sales".to_owned()],
            swallows: false,
        }
    }
}

/// A running server. It ends, with all its sessions, when it is dropped.
pub struct Server {
    /// Where it listens.
    pub address: SocketAddr,
    /// Certificate of the authority that signed its certificate.
    pub ca_pem: String,
    shared: Arc<Shared>,
}

/// What all sessions share.
pub(crate) struct Shared {
    options: Options,
    identity: Identity,
    faults: Faults,
    counters: Arc<counters::Counters>,
    folder: TempDir,
    locks: locks::Locks,
    /// Who holds this writes to SQLite; a statement at a time.
    writing: Mutex<()>,
    next_owner: AtomicI64,
    next_spid: AtomicU16,
    stopped: AtomicBool,
    connections: Mutex<HashMap<u16, TcpStream>>,
}

/// Errors of starting a server or of preparing its tables.
pub type BoxError = Box<dyn std::error::Error + Send + Sync>;

impl Server {
    /// Starts a server with the default options.
    pub fn start() -> Result<Server, BoxError> {
        Server::start_with(Options::default())
    }

    /// Starts a server.
    pub fn start_with(options: Options) -> Result<Server, BoxError> {
        let identity = Identity::new(&options.certificate_names).map_err(|error| error.to_string())?;
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, options.port))?;
        let shared = Arc::new(Shared {
            identity,
            faults: Faults::default(),
            counters: Arc::default(),
            folder: tempfile::tempdir()?,
            locks: locks::Locks::default(),
            writing: Mutex::new(()),
            next_owner: AtomicI64::new(1),
            next_spid: AtomicU16::new(51),
            stopped: AtomicBool::new(false),
            connections: Mutex::new(HashMap::new()),
            options,
        });
        let sqlite = Storage::open(&shared)?.sqlite;
        catalogue::create_storage(&sqlite)?;
        for database in ["master", "tempdb"].into_iter().chain(shared.options.databases.iter().map(String::as_str)) {
            catalogue::create_database(&sqlite, database)?;
        }
        let server = Server {
            address: listener.local_addr()?,
            ca_pem: shared.identity.ca_pem.clone(),
            shared: Arc::clone(&shared),
        };
        std::thread::Builder::new().name("sql server".to_owned()).spawn(move || accept(&listener, &shared))?;
        Ok(server)
    }

    /// The port it listens on.
    pub fn port(&self) -> u16 {
        self.address.port()
    }

    /// Runs a batch as a login with all rights in this database, outside of any session: to prepare tables or to look at them.
    /// Rows of its last SELECT come back as text (`NULL` for null).
    pub fn execute(&self, database: &str, batch: &str) -> Result<Vec<Vec<String>>, SqlError> {
        self.executor()(database, batch)
    }

    /// What [`Server::execute`] does, for another thread, or for a [`Fault::Run`].
    pub fn executor(&self) -> impl Fn(&str, &str) -> Result<Vec<Vec<String>>, SqlError> + Send + Sync + use<> {
        let shared = Arc::clone(&self.shared);
        move |database, batch| {
            let storage = Storage::open(&shared)?;
            State::new(Arc::clone(&shared), storage, database, "sa", 0).run_locally(batch)
        }
    }

    /// An ADO connection string for the login `sa` and the default database.
    pub fn connection_string(&self) -> String {
        let database = self.shared.options.databases.first().map_or("master", String::as_str);
        let password = self.shared.options.users.get("sa").map_or("", String::as_str);
        format!(
            "Server=tcp:localhost,{};Database={database};User ID=sa;Password={password};Encrypt=true;TrustServerCertificate=false",
            self.port()
        )
    }

    /// Lets a fault happen at the next `times` statements that contain the fragment; case does not matter.
    pub fn on(&self, fragment: &str, fault: Fault, times: usize) {
        self.shared.faults.add(fragment, fault, 0, times);
    }

    /// As [`Server::on`], after `skip` statements that contain the fragment have gone well.
    pub fn on_after(&self, skip: usize, fragment: &str, fault: Fault, times: usize) {
        self.shared.faults.add(fragment, fault, skip, times);
    }

    /// Lets the next `times` logins fail.
    pub fn on_login(&self, fault: LoginFault, times: usize) {
        self.shared.faults.add_login(fault, times);
    }

    /// Forgets all faults that have not happened yet.
    pub fn clear_faults(&self) {
        self.shared.faults.clear();
    }

    /// What the server has seen so far.
    pub fn seen(&self) -> Seen {
        self.shared.faults.seen()
    }

    /// Closes all connections at once, as a restart of the server does.
    pub fn break_all(&self) {
        self.shared.close_all();
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.shared.stopped.store(true, Ordering::SeqCst);
        self.shared.close_all();
        // Wakes the accepting thread, which then sees that it is over.
        drop(TcpStream::connect(self.address));
    }
}

impl Shared {
    fn sqlite_path(&self) -> PathBuf {
        self.folder.path().join("databases.sqlite")
    }

    /// Closes the connection of a session. Whether there is one.
    fn close(&self, spid: u16) -> bool {
        let connections = self.connections.lock().unwrap_or_else(PoisonError::into_inner);
        // A connection that is closed already is as wished.
        connections.get(&spid).is_some_and(|connection| connection.shutdown(Shutdown::Both).is_ok())
    }

    fn close_all(&self) {
        let connections = self.connections.lock().unwrap_or_else(PoisonError::into_inner);
        for connection in connections.values() {
            // A connection that is closed already is as wished.
            let _ = connection.shutdown(Shutdown::Both);
        }
    }
}

fn accept(listener: &TcpListener, shared: &Arc<Shared>) {
    for connection in listener.incoming() {
        if shared.stopped.load(Ordering::SeqCst) {
            return;
        }
        let Ok(tcp) = connection else { continue };
        let shared = Arc::clone(shared);
        let spid = shared.next_spid.fetch_add(1, Ordering::SeqCst);
        let run = move || {
            if let Ok(copy) = tcp.try_clone() {
                shared.connections.lock().unwrap_or_else(PoisonError::into_inner).insert(spid, copy);
            }
            let closer = tcp.try_clone();
            let channel = Channel::new(Transport::Plain(tcp), spid);
            let over = Session::serve(channel, &shared);
            shared.connections.lock().unwrap_or_else(PoisonError::into_inner).remove(&spid);
            match (over, closer) {
                (Err(protocol::Over::Reset), Ok(tcp)) => reset(tcp),
                (Err(protocol::Over::Violation(violation)), _) => {
                    shared.faults.see(|seen| seen.violations.push(violation.to_string()));
                }
                _ => {}
            }
        };
        // Without a thread the connection is dropped, which a client takes for a refusal.
        let _ = std::thread::Builder::new().name(format!("session {spid}")).stack_size(8 << 20).spawn(run);
    }
}

/// Closes the last handle of a connection without lingering, which sends RST instead of FIN.
fn reset(tcp: TcpStream) {
    let reset = || -> std::io::Result<()> {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_io().build()?;
        let _inside = runtime.enter();
        tcp.set_nonblocking(true)?;
        tokio::net::TcpStream::from_std(tcp)?.set_zero_linger()
    };
    reset().expect("a connection of the stand-in resets");
}
