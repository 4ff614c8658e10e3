//! Ctrl-C and SIGTERM. The first asks the run to stop: no new chunk, open ones abort. The second
//! ends the process at once, which is safe because nothing relies on a clean end.

use ropeway_engine::{Error, ErrorKind, Result};
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio_util::sync::CancellationToken;

use crate::{exit_code, terminal};

/// A token that the first signal cancels.
///
/// # Errors
/// [`ErrorKind::Unavailable`] if the system takes no signal handler.
pub(crate) fn on_signal() -> Result<CancellationToken> {
    let handler = |kind| {
        signal(kind)
            .map_err(|error| Error::new(ErrorKind::Unavailable, "the system takes no signal handler").caused_by(error))
    };
    let (interrupt, terminate) = (handler(SignalKind::interrupt())?, handler(SignalKind::terminate())?);
    let token = CancellationToken::new();
    tokio::spawn(watch(interrupt, terminate, token.clone()));
    Ok(token)
}

async fn watch(mut interrupt: Signal, mut terminate: Signal, token: CancellationToken) {
    tokio::select! { _ = interrupt.recv() => {}, _ = terminate.recv() => {} }
    terminal::remark("stopping; the chunks that are done stay done. Press Ctrl-C again to leave at once.");
    token.cancel();
    tokio::select! { _ = interrupt.recv() => {}, _ = terminate.recv() => {} }
    #[expect(clippy::disallowed_methods, reason = "the second signal means now; nothing relies on destructors")]
    std::process::exit(i32::from(exit_code::CANCELLED));
}
