//! One session: requests come in whole, one at a time; an Attention ends the one that runs, at once.

use std::collections::VecDeque;
use std::sync::Arc;
use std::sync::atomic::Ordering;

use tokio::sync::{Mutex, mpsc};

use super::batch::Batch;
use super::connection::Packet;
use super::engine::server::SessionInfo;
use super::login::{SignedIn, reset_done};
use super::reply::{Form, Gone, NO_COMMAND, Outbound, Reply};
use super::running::Shared;
use super::state::State;
use crate::tds::packet::{Message, PacketType, Progress, Reassembler, Status};

/// The most that one request may have.
const LARGEST_REQUEST: usize = 64 << 20;
/// Packets that may wait behind a request that runs.
const MOST_WAITING: usize = 64;

/// What the sessions of one connection share.
pub struct Connected {
    /// The server.
    pub shared: Arc<Shared>,
    /// As it stands in the server's list.
    pub info: Arc<SessionInfo>,
    /// How answers are written.
    pub form: Form,
    /// What statements change. Held while a statement is prepared or changes something, not while rows travel.
    pub state: Mutex<State>,
}

impl Connected {
    /// After a login.
    pub fn new(shared: &Arc<Shared>, signed_in: SignedIn) -> Self {
        let form = Form {
            version: signed_in.version,
            spid: signed_in.info.spid,
            packet_size: signed_in.info.packet_size,
            server: shared.server.name.clone(),
        };
        let state = State::new(&shared.server, signed_in.login, &signed_in.database);
        Self { shared: Arc::clone(shared), info: signed_in.info, form, state: Mutex::new(state) }
    }
}

/// Where a session's packets come from and go.
pub struct Channel {
    /// From the client.
    pub inbound: mpsc::Receiver<Packet>,
    /// To the client.
    pub outbound: Outbound,
}

/// How a request ended.
enum End {
    Answered,
    Interrupted,
    Closed,
}

/// Serves a session until its client leaves, or an error ends it.
pub async fn run(connected: &Arc<Connected>, channel: Channel) {
    let Channel { inbound, outbound } = channel;
    let mut intake = Intake {
        inbound,
        outbound: outbound.clone(),
        waiting: VecDeque::new(),
        reassembler: Reassembler::new(LARGEST_REQUEST),
    };
    let mut batch = Batch::new(Arc::clone(connected));
    while let Some(event) = intake.next().await {
        let mut reply = Reply::new(connected.form.clone(), outbound.clone());
        let sent = match event {
            Event::Attention => {
                connected.shared.counts.attentions.fetch_add(1, Ordering::Relaxed);
                reply.attention();
                reply.close();
                reply.relieve().await
            }
            Event::TakenBack => {
                reply.end(0, None, false);
                reply.close();
                reply.relieve().await
            }
            Event::Request(message) => {
                connected.shared.counts.batches.fetch_add(1, Ordering::Relaxed);
                match carry_out(&mut batch, &mut intake, message, &mut reply).await {
                    End::Answered => Ok(()),
                    End::Interrupted => interrupted(connected, &outbound, reply).await,
                    End::Closed => {
                        reply.close();
                        let _ = reply.relieve().await;
                        return;
                    }
                }
            }
        };
        if sent.is_err() {
            return;
        }
    }
}

async fn carry_out(batch: &mut Batch, intake: &mut Intake, message: Message, reply: &mut Reply) -> End {
    let answer = async {
        let reset = message.reset;
        if reset != Status::NORMAL {
            batch.connected.shared.counts.resets.fetch_add(1, Ordering::Relaxed);
            batch.connected.state.lock().await.reset(reset.contains(Status::RESET_CONNECTION_SKIP_TRAN));
            reply.change(reset_done());
        }
        let outcome = batch.run(message, reply).await;
        reply.close();
        reply.relieve().await.map_err(|Gone| super::batch::Stop)?;
        outcome
    };
    tokio::select! {
        biased;
        outcome = answer => if outcome.is_ok() { End::Answered } else { End::Closed },
        interrupted = intake.attention() => if interrupted { End::Interrupted } else { End::Closed },
    }
}

/// Answers an Attention that came while a request ran: the answer that was begun ends at the border of a token, and the
/// Attention's own answer is a message of its own, which drivers wait for.
async fn interrupted(connected: &Connected, outbound: &Outbound, mut reply: Reply) -> Result<(), Gone> {
    connected.shared.counts.attentions.fetch_add(1, Ordering::Relaxed);
    let in_transaction = connected.state.lock().await.transaction.is_some();
    if !reply.is_closed() {
        reply.in_transaction = in_transaction;
        reply.end(NO_COMMAND, None, true);
        reply.close();
    }
    reply.relieve().await?;
    let mut reply = Reply::new(connected.form.clone(), outbound.clone());
    reply.in_transaction = in_transaction;
    reply.attention();
    reply.close();
    reply.relieve().await
}

/// What comes from a client.
enum Event {
    Request(Message),
    /// A request that its sender took back with its last packet.
    TakenBack,
    Attention,
}

struct Intake {
    inbound: mpsc::Receiver<Packet>,
    outbound: Outbound,
    waiting: VecDeque<Packet>,
    reassembler: Reassembler,
}

impl Intake {
    async fn next(&mut self) -> Option<Event> {
        loop {
            let packet = match self.waiting.pop_front() {
                Some(packet) => packet,
                None => self.receive().await?,
            };
            if packet.header.kind == PacketType::Attention {
                // One in the middle of a request ends the request, too.
                self.reassembler = Reassembler::new(LARGEST_REQUEST);
                return Some(Event::Attention);
            }
            match self.reassembler.push(packet.header, &packet.payload).ok()? {
                Progress::Incomplete => {}
                Progress::Message(message) => return Some(Event::Request(message)),
                Progress::Cancelled(_) => return Some(Event::TakenBack),
            }
        }
    }

    async fn receive(&mut self) -> Option<Packet> {
        let packet = self.inbound.recv().await?;
        if let Outbound::Mars(session) = &self.outbound {
            session.acknowledge().await.ok()?;
        }
        Some(packet)
    }

    /// Waits for an Attention while a request runs; what else comes has to wait. False when the client is gone.
    async fn attention(&mut self) -> bool {
        loop {
            if self.waiting.len() >= MOST_WAITING {
                std::future::pending::<()>().await;
            }
            match self.receive().await {
                None => return false,
                Some(packet) if packet.header.kind == PacketType::Attention => return true,
                Some(packet) => self.waiting.push_back(packet),
            }
        }
    }
}
