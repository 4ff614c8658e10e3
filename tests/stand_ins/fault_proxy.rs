//! A TCP proxy in front of any server that breaks connections as networks do: at a byte, in the middle of
//! TLS, or after the server has done its work and before the client hears of it.

mod direction;
mod script;
#[cfg(test)]
mod tests;

use std::{
    io,
    net::SocketAddr,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
    task::JoinSet,
};

use direction::{Cut, Direction, Side};
pub use script::{At, Effect, Script};

/// How long an end may go on sending after the proxy has said goodbye to it.
const GOODBYE: Duration = Duration::from_secs(5);

/// A running proxy. It ends, with all its connections, when this is dropped.
pub struct FaultProxy {
    address: SocketAddr,
    shared: Arc<Shared>,
    accepting: tokio::task::JoinHandle<()>,
}

/// What happened on one connection so far.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Passage {
    /// Bytes that came through from the client.
    pub sent: u64,
    /// Bytes that came through to the client.
    pub received: u64,
    /// How often the server answered, lost answers included.
    pub answers: u64,
}

/// Gives the script of a connection by its number, from 0.
type Scripts = Box<dyn FnMut(u64) -> Script + Send>;

struct Shared {
    server: SocketAddr,
    scripts: Mutex<Scripts>,
    accepted: AtomicU64,
    faults: AtomicU64,
    passages: Mutex<Vec<Arc<Mutex<Passage>>>>,
}

impl FaultProxy {
    /// Starts it on a free port; it lets everything through until it is told otherwise.
    pub async fn start(server: SocketAddr) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let address = listener.local_addr().expect("a bound socket");
        let scripts: Mutex<Scripts> = Mutex::new(Box::new(|_| Script::default()));
        let shared = Arc::new(Shared {
            server,
            scripts,
            accepted: AtomicU64::new(0),
            faults: AtomicU64::new(0),
            passages: Mutex::default(),
        });
        let accepting = tokio::spawn(accept(listener, shared.clone()));
        Self { address, shared, accepting }
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Gives connections that come from now on their scripts, by their number from now on; forgets earlier
    /// ones and what happened on them.
    pub fn each(&self, scripts: impl FnMut(u64) -> Script + Send + 'static) {
        let mut own = locked(&self.shared.scripts);
        *own = Box::new(scripts);
        self.shared.accepted.store(0, Ordering::SeqCst);
        locked(&self.shared.passages).clear();
    }

    /// The connection of this number, from now on, has this script; the others are whole.
    pub fn only(&self, number: u64, script: Script) {
        self.each(move |own| if own == number { script.clone() } else { Script::default() });
    }

    /// Lets everything through from now on.
    pub fn heal(&self) {
        self.each(|_| Script::default());
    }

    /// What happened on the connections since the scripts were given, in the order in which they came.
    pub fn passages(&self) -> Vec<Passage> {
        locked(&self.shared.passages).iter().map(|passage| *locked(passage)).collect()
    }

    /// How many faults happened so far, on all connections that there ever were; slices are none.
    pub fn faults(&self) -> u64 {
        self.shared.faults.load(Ordering::SeqCst)
    }
}

impl Drop for FaultProxy {
    fn drop(&mut self) {
        self.accepting.abort();
    }
}

async fn accept(listener: TcpListener, shared: Arc<Shared>) {
    // Dropped, and its connections with it, when this task is aborted.
    let mut connections = JoinSet::new();
    loop {
        tokio::select! {
            accepted = listener.accept() => {
                let Ok((client, _)) = accepted else { continue };
                let (script, passage) = shared.next();
                connections.spawn(connect(client, shared.clone(), script, passage));
            }
            Some(_) = connections.join_next() => {}
        }
    }
}

impl Shared {
    fn next(&self) -> (Script, Arc<Mutex<Passage>>) {
        let mut scripts = locked(&self.scripts);
        let script = scripts(self.accepted.fetch_add(1, Ordering::SeqCst));
        let passage = Arc::<Mutex<Passage>>::default();
        locked(&self.passages).push(passage.clone());
        (script, passage)
    }
}

/// Connects both ends until one leaves or a fault cuts them apart. Whatever breaks is the clients' and the
/// servers' to notice.
async fn connect(mut client: TcpStream, shared: Arc<Shared>, script: Script, passage: Arc<Mutex<Passage>>) {
    let Ok(mut server) = TcpStream::connect(shared.server).await else { return };
    if client.set_nodelay(true).is_err() || server.set_nodelay(true).is_err() {
        return;
    }
    let cut = {
        let (from_client, to_client) = client.split();
        let (from_server, to_server) = server.split();
        let side = Side::new(&script, &passage, &shared.faults);
        let up = Direction::to_server(&side).pump(from_client, to_server);
        let down = Direction::to_client(&side).pump(from_server, to_client);
        tokio::try_join!(up, down).err()
    };
    match cut {
        Some(Cut::Reset) => {
            // Without lingering a dropped socket says RST and not FIN; a dead one has nobody to hear it.
            drop((client.set_zero_linger(), server.set_zero_linger()));
        }
        Some(Cut::Close) => drop(tokio::join!(goodbye(client), goodbye(server))),
        None => {}
    }
}

/// Says FIN, and reads what still comes: a socket that is dropped with unread bytes would say RST.
async fn goodbye(mut socket: TcpStream) -> io::Result<()> {
    socket.shutdown().await?;
    let mut rest = [0; 4_096];
    let read_all = async { while socket.read(&mut rest).await.is_ok_and(|length| length > 0) {} };
    // Whoever does not leave is left.
    drop(tokio::time::timeout(GOODBYE, read_all).await);
    Ok(())
}

fn locked<T: ?Sized>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
