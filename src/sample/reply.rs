//! An answer on its way: tokens are cut into packets, and packets wait for the client to take them.

use std::sync::Arc;

use tokio::sync::mpsc;

use super::engine::error::SqlError;
use super::mars::Outgoing;
use crate::tds::TdsVersion;
use crate::tds::packet::{MessageWriter, PacketType, Status};
use crate::tds::token::{Done, DoneKind, DoneStatus, EnvChange, ServerMessage, Token};

/// DONE's number where no statement is meant, as in the answer to an Attention.
pub const NO_COMMAND: u16 = 0xFD;

/// The client is gone.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Gone;

/// Where a session's packets go.
#[derive(Clone)]
pub enum Outbound {
    /// To the connection's writer.
    Plain(mpsc::Sender<Vec<u8>>),
    /// Through a session of MARS.
    Mars(Arc<Outgoing>),
}

impl Outbound {
    /// Sends one packet when there is room. When this is cancelled, the packet was not sent and is still in `packets`.
    async fn send_first(&self, packets: &mut Vec<u8>) -> Result<(), Gone> {
        match self {
            Self::Plain(writer) => {
                let place = writer.reserve().await.map_err(|_| Gone)?;
                place.send(take_packet(packets));
            }
            Self::Mars(session) => {
                let place = session.reserve().await?;
                place.send(&take_packet(packets));
            }
        }
        Ok(())
    }
}

fn take_packet(packets: &mut Vec<u8>) -> Vec<u8> {
    let length = match packets.get(2..4) {
        Some([high, low]) => usize::from(u16::from_be_bytes([*high, *low])),
        _ => packets.len(),
    };
    let rest = packets.split_off(length.clamp(1, packets.len().max(1)).min(packets.len()));
    std::mem::replace(packets, rest)
}

/// How the answers of a session are written.
#[derive(Debug, Clone)]
pub struct Form {
    /// The version of TDS.
    pub version: TdsVersion,
    /// The session's number.
    pub spid: u16,
    /// The packet size.
    pub packet_size: usize,
    /// The server's name.
    pub server: String,
}

/// The answer to one request. Whole tokens are pushed without waiting; [`Reply::relieve`] waits.
pub struct Reply {
    form: Form,
    out: Outbound,
    writer: Option<MessageWriter>,
    packets: Vec<u8>,
    /// Whether the answer is one of a procedure call.
    pub in_procedure: bool,
    /// Whether a transaction is open, for the DONEs.
    pub in_transaction: bool,
}

impl Reply {
    /// The answer to a request.
    pub fn new(form: Form, out: Outbound) -> Self {
        let writer = MessageWriter::new(PacketType::TabularResult, Status::NORMAL, form.spid, form.packet_size);
        Self { form, out, writer: Some(writer), packets: Vec::new(), in_procedure: false, in_transaction: false }
    }

    /// The version of TDS.
    pub fn version(&self) -> TdsVersion {
        self.form.version
    }

    /// Adds bytes that are whole tokens.
    pub fn bytes(&mut self, tokens: &[u8]) {
        if let Some(writer) = &mut self.writer {
            writer.push(tokens, &mut self.packets);
        }
    }

    /// Adds a token.
    pub fn token(&mut self, token: &Token) {
        let mut bytes = Vec::new();
        token.encode(self.form.version, &mut bytes);
        self.bytes(&bytes);
    }

    /// Adds an ENVCHANGE.
    pub fn change(&mut self, change: EnvChange) {
        self.token(&Token::EnvChange(change));
    }

    /// Adds an error or message.
    pub fn message(&mut self, error: &SqlError) {
        let mut message = ServerMessage::new(
            error.number,
            error.state,
            error.class,
            error.message.as_str(),
            self.form.server.as_str(),
        );
        message.line = error.line.max(1);
        message.procedure.clone_from(&error.procedure);
        self.token(&if error.class > 10 { Token::Error(message) } else { Token::Info(message) });
    }

    /// Adds the DONE of a statement; there is always one more behind it, which [`Reply::end`] adds.
    pub fn done(&mut self, command: u16, rows: Option<u64>, failed: bool) {
        let kind = if self.in_procedure { DoneKind::InProc } else { DoneKind::Done };
        self.push_done(kind, DoneStatus::MORE, command, rows, failed);
    }

    /// Adds the last DONE.
    pub fn end(&mut self, command: u16, rows: Option<u64>, failed: bool) {
        let kind = if self.in_procedure { DoneKind::Proc } else { DoneKind::Done };
        self.push_done(kind, DoneStatus::FINAL, command, rows, failed);
    }

    /// Adds the DONE of a procedure that a batch called.
    pub fn end_of_procedure(&mut self, command: u16, failed: bool) {
        self.push_done(DoneKind::Proc, DoneStatus::MORE, command, None, failed);
    }

    /// Adds the DONE of a call that another call of the same message follows.
    pub fn end_of_call(&mut self, command: u16, failed: bool) {
        self.push_done(DoneKind::Proc, DoneStatus::MORE | DoneStatus::RPC_IN_BATCH, command, None, failed);
    }

    /// Adds the DONE that answers an Attention.
    pub fn attention(&mut self) {
        self.push_done(DoneKind::Done, DoneStatus::ATTENTION, NO_COMMAND, None, false);
    }

    fn push_done(&mut self, kind: DoneKind, status: DoneStatus, command: u16, rows: Option<u64>, failed: bool) {
        let mut status = status;
        if rows.is_some() {
            status = status | DoneStatus::COUNT;
        }
        if failed {
            status = status | DoneStatus::ERROR;
        }
        if self.in_transaction {
            status = status | DoneStatus::IN_TRANSACTION;
        }
        self.token(&Token::Done(Done { kind, status, command, rows: rows.unwrap_or(0) }));
    }

    /// Sends whole packets until none waits. Cancelled, it has lost nothing.
    pub async fn relieve(&mut self) -> Result<(), Gone> {
        while !self.packets.is_empty() {
            self.out.send_first(&mut self.packets).await?;
        }
        Ok(())
    }

    /// Ends the message; [`Reply::relieve`] sends what is left of it.
    pub fn close(&mut self) {
        if let Some(writer) = self.writer.take() {
            writer.finish(&mut self.packets);
        }
    }

    /// Whether the message was ended.
    pub fn is_closed(&self) -> bool {
        self.writer.is_none()
    }
}
