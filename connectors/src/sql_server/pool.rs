//! Sessions that are kept between chunks.

use std::sync::{
    Mutex, PoisonError,
    atomic::{AtomicBool, Ordering},
};

use ropeway_engine::Result;
use tokio::sync::OnceCell;

use super::{
    entra::Entra,
    errors::number,
    login::Login,
    tls::{self, Pin},
    wire::Session,
};

/// The server's number for a login that it refuses.
const LOGIN_FAILED: u32 = 18_456;

/// The sessions with one server. There are as many as are in use at once: one per open chunk.
pub(crate) struct Pool {
    login: Login,
    entra: Option<Entra>,
    pin: OnceCell<Option<Pin>>,
    idle: Mutex<Vec<Session>>,
    worked: AtomicBool,
}

impl Pool {
    /// A pool without a session yet.
    pub(crate) fn new(login: Login) -> Result<Self> {
        let entra = Entra::of(&login)?;
        Ok(Self { login, entra, pin: OnceCell::new(), idle: Mutex::default(), worked: AtomicBool::new(false) })
    }

    pub(crate) fn login(&self) -> &Login {
        &self.login
    }

    /// A session in its initial state in which `preamble` has run.
    pub(crate) async fn session(&self, preamble: &str) -> Result<Session> {
        while let Some(mut session) = self.take() {
            session.reset();
            // An idle session may have died since: then the next one, or a new one.
            if session.run(preamble).await.is_ok() {
                return Ok(session);
            }
        }
        let mut session = self.open().await?;
        session.run(preamble).await?;
        Ok(session)
    }

    /// Keeps a session whose last result was read to its end.
    pub(crate) fn put_back(&self, session: Session) {
        if !session.is_dead() {
            self.idle.lock().unwrap_or_else(PoisonError::into_inner).push(session);
        }
    }

    /// A new session.
    pub(crate) async fn open(&self) -> Result<Session> {
        let pin = self.pin.get_or_try_init(|| tls::pin_in_time(&self.login)).await?;
        let token = match &self.entra {
            Some(entra) => Some(entra.token().await?),
            None => None,
        };
        let worked = self.worked.load(Ordering::Relaxed);
        let open = |token| Session::open(&self.login, pin.as_ref(), token, worked);
        let session = match (open(token.clone()).await, &self.entra, token) {
            // A token can be revoked before its time. A second refusal is final.
            (Err(error), Some(entra), Some(token)) if number(&error) == Some(LOGIN_FAILED) => {
                tracing::info!("the token of Entra was refused; a new one is asked for");
                entra.renew(&token)?;
                open(Some(entra.token().await?)).await?
            }
            (opened, ..) => opened?,
        };
        self.worked.store(true, Ordering::Relaxed);
        Ok(session)
    }

    fn take(&self) -> Option<Session> {
        self.idle.lock().unwrap_or_else(PoisonError::into_inner).pop()
    }
}
