//! The bulk load of one chunk: a task owns the session while rows arrive through a channel.

use std::sync::{Arc, atomic::AtomicU64};

use bytes::Bytes;
use ropeway_engine::{Error, ErrorKind, Result};
use tokio::{sync::mpsc, task::JoinHandle};

use super::super::wire::{Session, bulk::BulkLoad};

/// A load that goes on. Dropped, it ends, and its session with it: the server rolls back.
pub(crate) struct Loading {
    /// `None` once all rows were handed over.
    blocks: Option<mpsc::Sender<Bytes>>,
    task: Task,
}

struct Task(JoinHandle<Result<Session>>);

impl Drop for Task {
    fn drop(&mut self) {
        self.0.abort();
    }
}

impl Loading {
    /// Starts with the first rows, on a session with an open transaction.
    pub(crate) fn start(mut session: Session, load: Arc<BulkLoad>, first: Bytes, moved: Arc<AtomicU64>) -> Self {
        let (blocks, rest) = mpsc::channel(1);
        let task = tokio::spawn(async move {
            session.load(&load, first, rest, &moved).await?;
            Ok(session)
        });
        Self { blocks: Some(blocks), task: Task(task) }
    }

    /// Hands over more rows.
    pub(crate) async fn push(&mut self, block: Bytes) -> Result<()> {
        let sent = match &self.blocks {
            Some(blocks) => blocks.send(block).await.is_ok(),
            None => false,
        };
        // The load ended by itself: it has a reason.
        if sent { Ok(()) } else { self.end().await.and_then(|_| Err(ended())) }
    }

    /// Waits until the server has taken all rows; gives the session back, its transaction still open.
    pub(crate) async fn finish(mut self) -> Result<Session> {
        self.end().await
    }

    async fn end(&mut self) -> Result<Session> {
        self.blocks = None;
        (&mut self.task.0).await.map_err(|error| ended().caused_by(error))?
    }
}

fn ended() -> Error {
    Error::new(ErrorKind::Bug, "the task that loads a chunk ended without a word; please report it")
}
