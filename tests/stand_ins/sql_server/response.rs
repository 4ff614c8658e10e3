//! A response under construction. A DONE is held back until it is known whether more follows.

use super::SqlError;
use super::packet::Channel;
use super::protocol::Over;
use super::temporary::without_marks;
use super::token::{self, Column};
use rusqlite::types::ValueRef;
use std::time::Duration;

/// The name the server gives itself in error tokens.
pub(super) const SERVER_NAME: &str = "ropeway";

/// Why a statement stopped early.
#[derive(Debug)]
pub(super) enum Stop {
    /// An error token: the batch goes on or not, as its number says.
    Error(SqlError),
    /// An error has been sent that ends the batch and all that called it.
    Ended,
    /// The client sent an attention.
    Attention,
    Over(Over),
}

impl From<SqlError> for Stop {
    fn from(error: SqlError) -> Stop {
        Stop::Error(error)
    }
}

impl From<Over> for Stop {
    fn from(over: Over) -> Stop {
        Stop::Over(over)
    }
}

impl From<rusqlite::Error> for Stop {
    fn from(error: rusqlite::Error) -> Stop {
        Stop::Error(error.into())
    }
}

pub(super) struct Response<'a> {
    pub(super) channel: &'a mut Channel,
    /// Inside of a procedure call DONE is DONEINPROC.
    pub(super) in_procedure: bool,
    pub(super) line: u32,
    pending: Option<(u8, u16, u16, u64)>,
    unchecked: usize,
}

impl<'a> Response<'a> {
    pub(super) fn new(channel: &'a mut Channel, in_procedure: bool) -> Response<'a> {
        Response { channel, in_procedure, line: 1, pending: None, unchecked: 0 }
    }

    /// Any token but DONE.
    pub(super) fn token(&mut self, bytes: &[u8]) -> Result<(), Over> {
        if let Some((token, status, command, rows)) = self.pending.take() {
            self.channel.write(&token::done(token, status | token::MORE, command, rows))?;
        }
        self.channel.write(bytes)
    }

    pub(super) fn error(&mut self, error: &SqlError) -> Result<(), Over> {
        let plain = SqlError { message: without_marks(&error.message), ..error.clone() };
        let bytes = token::error(&plain, SERVER_NAME, "", self.line);
        self.token(&bytes)
    }

    pub(super) fn done(&mut self, status: u16, command: u16, rows: u64) -> Result<(), Over> {
        self.token(&[])?;
        let token = if self.in_procedure { token::DONE_IN_PROC } else { token::DONE };
        self.pending = Some((token, status, command, rows));
        Ok(())
    }

    /// The end of a procedure call; another call may follow in the same message.
    pub(super) fn done_procedure(&mut self, status: u16) -> Result<(), Over> {
        self.token(&[])?;
        self.pending = Some((token::DONE_PROC, status, 0xE0, 0));
        Ok(())
    }

    pub(super) fn row(&mut self, columns: &[Column], values: &[ValueRef<'_>]) -> Result<(), Stop> {
        let bytes = token::row(columns, values)?;
        self.token(&bytes)?;
        self.unchecked += bytes.len();
        if self.unchecked >= self.channel.packet_size {
            self.unchecked = 0;
            self.check_attention()?;
        }
        Ok(())
    }

    pub(super) fn check_attention(&mut self) -> Result<(), Stop> {
        if self.channel.attention_arrived()? { Err(Stop::Attention) } else { Ok(()) }
    }

    /// Lets the client have what there is, waits, and looks for an attention meanwhile.
    pub(super) fn pause(&mut self, time: Duration) -> Result<(), Stop> {
        self.channel.flush()?;
        let end = std::time::Instant::now() + time;
        loop {
            self.check_attention()?;
            let left = end.saturating_duration_since(std::time::Instant::now());
            if left.is_zero() {
                return Ok(());
            }
            std::thread::sleep(left.min(Duration::from_millis(5)));
        }
    }

    /// Ends the message.
    pub(super) fn finish(mut self) -> Result<(), Over> {
        let (token, status, command, rows) = self.pending.take().unwrap_or((token::DONE, 0, 0, 0));
        self.channel.write(&token::done(token, status, command, rows))?;
        self.channel.finish()
    }

    /// Ends the message before the connection closes for an error.
    pub(super) fn flush_last(&mut self) -> Result<(), Over> {
        if let Some((token, status, command, rows)) = self.pending.take() {
            self.channel.write(&token::done(token, status, command, rows))?;
        }
        self.channel.finish()
    }

    /// Ends the message with the acknowledgement of an attention.
    pub(super) fn finish_attention(mut self) -> Result<(), Over> {
        self.token(&[])?;
        self.channel.write(&token::done(token::DONE, token::ATTENTION, 0, 0))?;
        self.channel.finish()
    }
}
