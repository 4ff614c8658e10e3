//! Messages in packets (MS-TDS 2.2.3): the header checked on the way in, the negotiated size kept on the way out.

use super::protocol::{Over, Violation};
use super::tls::Transport;
use std::io::{Read, Write};

pub(super) const HEADER: usize = 8;
/// No request of a test is longer; a hostile length ends here.
const MESSAGE_LIMIT: usize = 512 << 20;
const END_OF_MESSAGE: u8 = 0x01;
const IGNORE: u8 = 0x02;
const RESET: u8 = 0x08;
const RESET_KEEP_TRANSACTION: u8 = 0x10;

/// Packet types that a client may send.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    Batch = 0x01,
    Rpc = 0x03,
    Attention = 0x06,
    BulkLoad = 0x07,
    FederatedToken = 0x08,
    Transaction = 0x0E,
    Login = 0x10,
    Prelogin = 0x12,
}

impl Kind {
    fn parse(byte: u8) -> Result<Kind, Violation> {
        const KINDS: [Kind; 8] = [
            Kind::Batch,
            Kind::Rpc,
            Kind::Attention,
            Kind::BulkLoad,
            Kind::FederatedToken,
            Kind::Transaction,
            Kind::Login,
            Kind::Prelogin,
        ];
        let found = KINDS.into_iter().find(|kind| *kind as u8 == byte);
        found.ok_or_else(|| Violation::new(format!("0x{byte:02X} is not a packet type that a client may send")))
    }
}

/// A whole request.
#[derive(Debug)]
pub(super) struct Message {
    pub(super) kind: Kind,
    pub(super) body: Vec<u8>,
    /// RESETCONNECTION or RESETCONNECTIONSKIPTRAN on its first packet.
    pub(super) reset: Reset,
    /// The client gave the message up with the IGNORE bit.
    pub(super) ignored: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Reset {
    No,
    All,
    KeepTransaction,
}

/// How a connection ends for a fault.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Ending {
    /// FIN.
    Close,
    /// RST.
    Reset,
}

/// The packet layer of one connection.
pub(super) struct Channel {
    pub(super) transport: Transport,
    /// Largest packet either side may send, with its header.
    pub(super) packet_size: usize,
    /// Server process id, in every header.
    pub(super) spid: u16,
    /// A fault: the connection ends so after so many bytes of the response, headers included.
    pub(super) break_after: Option<(usize, Ending)>,
    sent: usize,
    out: Vec<u8>,
    next_id: u8,
}

impl Channel {
    pub(super) fn new(transport: Transport, spid: u16) -> Channel {
        Channel { transport, packet_size: 4096, spid, break_after: None, sent: 0, out: Vec::new(), next_id: 1 }
    }

    /// Reads one whole message.
    pub(super) fn read_message(&mut self) -> Result<Message, Over> {
        let (kind, mut status, mut body) = self.read_packet()?;
        let reset = match (status & RESET != 0, status & RESET_KEEP_TRANSACTION != 0) {
            (false, false) => Reset::No,
            (true, false) => Reset::All,
            (false, true) => Reset::KeepTransaction,
            (true, true) => return Err(Violation::new("RESETCONNECTION and RESETCONNECTIONSKIPTRAN at once").into()),
        };
        if reset != Reset::No && !matches!(kind, Kind::Batch | Kind::Rpc | Kind::Transaction) {
            return Err(Violation::new("a reset bit on a message that is no request").into());
        }
        while status & END_OF_MESSAGE == 0 {
            let (next_kind, next_status, next) = self.read_packet()?;
            if next_kind == Kind::Attention {
                return Ok(Message { kind: Kind::Attention, body: next, reset: Reset::No, ignored: false });
            }
            if next_kind != kind {
                return Err(Violation::new("a message changes its packet type").into());
            }
            if next_status & (RESET | RESET_KEEP_TRANSACTION) != 0 {
                return Err(Violation::new("a reset bit behind the first packet of a message").into());
            }
            if body.len() + next.len() > MESSAGE_LIMIT {
                return Err(Violation::new("a message longer than the stand-in takes").into());
            }
            body.extend(next);
            status = next_status;
        }
        Ok(Message { kind, body, reset, ignored: status & IGNORE != 0 })
    }

    fn read_packet(&mut self) -> Result<(Kind, u8, Vec<u8>), Over> {
        let mut header = [0; HEADER];
        self.transport.read_exact(&mut header)?;
        let kind = Kind::parse(header[0])?;
        let status = header[1];
        let length = usize::from(u16::from_be_bytes([header[2], header[3]]));
        if status & !(END_OF_MESSAGE | IGNORE | RESET | RESET_KEEP_TRANSACTION) != 0 {
            return Err(Violation::new(format!("packet status 0x{status:02X}")).into());
        }
        if length < HEADER || length > self.packet_size {
            return Err(
                Violation::new(format!("a packet of {length} bytes where {} were agreed", self.packet_size)).into()
            );
        }
        if status & END_OF_MESSAGE == 0 && length != self.packet_size && kind != Kind::Prelogin {
            return Err(Violation::new(format!(
                "a packet of {length} bytes inside of a message, not {}",
                self.packet_size
            ))
            .into());
        }
        let mut body = vec![0; length - HEADER];
        self.transport.read_exact(&mut body)?;
        Ok((kind, status, body))
    }

    /// Appends to the response; full packets leave at once.
    pub(super) fn write(&mut self, bytes: &[u8]) -> Result<(), Over> {
        self.out.extend_from_slice(bytes);
        let room = self.packet_size - HEADER;
        // The last packet carries END_OF_MESSAGE: one that is exactly full waits until more follows.
        while self.out.len() > room {
            let rest = self.out.split_off(room);
            let packet = std::mem::replace(&mut self.out, rest);
            self.send(&packet, 0)?;
        }
        Ok(())
    }

    /// Ends the response.
    pub(super) fn finish(&mut self) -> Result<(), Over> {
        let packet = std::mem::take(&mut self.out);
        self.send(&packet, END_OF_MESSAGE)?;
        self.transport.flush()?;
        self.next_id = 1;
        self.sent = 0;
        self.break_after = None;
        Ok(())
    }

    /// Sends what is written so far as a packet that does not end the response.
    pub(super) fn flush(&mut self) -> Result<(), Over> {
        if !self.out.is_empty() {
            let packet = std::mem::take(&mut self.out);
            self.send(&packet, 0)?;
        }
        Ok(self.transport.flush()?)
    }

    fn send(&mut self, body: &[u8], status: u8) -> Result<(), Over> {
        let mut packet = Vec::with_capacity(HEADER + body.len());
        packet.extend([0x04, status]);
        packet.extend(((HEADER + body.len()) as u16).to_be_bytes());
        packet.extend(self.spid.to_be_bytes());
        packet.extend([self.next_id, 0]);
        packet.extend_from_slice(body);
        self.next_id = self.next_id.wrapping_add(1);
        if let Some((limit, ending)) = self.break_after.filter(|(limit, _)| self.sent + packet.len() >= *limit) {
            self.transport.write_all(&packet[..limit - self.sent])?;
            self.transport.flush()?;
            return Err(match ending {
                Ending::Close => Over::Gone,
                Ending::Reset => Over::Reset,
            });
        }
        self.sent += packet.len();
        Ok(self.transport.write_all(&packet)?)
    }

    /// Whether an attention has arrived. It is then read.
    pub(super) fn attention_arrived(&mut self) -> Result<bool, Over> {
        if !self.transport.has_input()? {
            return Ok(false);
        }
        let (kind, status, body) = self.read_packet()?;
        if kind != Kind::Attention || status & END_OF_MESSAGE == 0 || !body.is_empty() {
            return Err(Violation::new("a request before the response to the one before has ended").into());
        }
        Ok(true)
    }
}
