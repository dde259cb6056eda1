//! MARS: several sessions in one connection, by SMP (MC-SMP). Each session has its own windows, so that one whose client
//! does not read holds up nobody but itself.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use tokio::sync::{Notify, mpsc};

use super::connection::Packet;
use super::reply::Gone;
use crate::tds::packet::{HEADER_LEN, PacketHeader};
use crate::tds::smp::{SMP_HEADER_LEN, SmpHeader, SmpKind};

/// How many packets the other side may send before an ACK.
const WINDOW: u32 = 4;
/// The most sessions of one connection.
const MOST_SESSIONS: usize = 64;

/// The other side broke the rules of SMP.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Broken;

#[derive(Debug, Default)]
struct Windows {
    /// The last number that was sent.
    sent: u32,
    /// The last number that the client lets through.
    allowed: u32,
    /// The last number that came.
    received: u32,
    /// The last number that the client was told it may send.
    promised: u32,
    closed: bool,
}

/// The sending half of a session.
pub struct Outgoing {
    sid: u16,
    wire: mpsc::Sender<Vec<u8>>,
    windows: Mutex<Windows>,
    changed: Notify,
}

/// Room for one packet.
pub struct Place<'a> {
    session: &'a Outgoing,
    permit: mpsc::Permit<'a, Vec<u8>>,
}

impl Place<'_> {
    /// Sends it.
    pub fn send(self, packet: &[u8]) {
        let framed = self.session.with(|windows| {
            windows.sent = windows.sent.wrapping_add(1);
            windows.promised = windows.received.wrapping_add(WINDOW);
            frame(SmpKind::Data, self.session.sid, windows, packet)
        });
        self.permit.send(framed);
    }
}

impl Outgoing {
    fn with<T>(&self, change: impl FnOnce(&mut Windows) -> T) -> T {
        change(&mut self.windows.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// Waits until the client's window and the wire have room.
    pub async fn reserve(&self) -> Result<Place<'_>, Gone> {
        loop {
            let changed = self.changed.notified();
            let (closed, open) =
                self.with(|windows| (windows.closed, windows.allowed.wrapping_sub(windows.sent).cast_signed() > 0));
            if closed {
                return Err(Gone);
            }
            if open {
                let permit = self.wire.reserve().await.map_err(|_| Gone)?;
                return Ok(Place { session: self, permit });
            }
            changed.await;
        }
    }

    /// Tells the client that packets were taken, when half of its window is used.
    pub async fn acknowledge(&self) -> Result<(), Gone> {
        let ack = self.with(|windows| {
            let left = windows.promised.wrapping_sub(windows.received);
            if left > WINDOW / 2 {
                return None;
            }
            windows.promised = windows.received.wrapping_add(WINDOW);
            Some(frame(SmpKind::Ack, self.sid, windows, &[]))
        });
        match ack {
            Some(ack) => self.wire.send(ack).await.map_err(|_| Gone),
            None => Ok(()),
        }
    }

    /// Says that nothing more comes.
    pub async fn finish(&self) {
        if let Some(fin) = self.last_word() {
            let _ = self.wire.send(fin).await;
        }
    }

    fn advance(&self, allowed: u32) {
        self.with(|windows| {
            if allowed.wrapping_sub(windows.allowed).cast_signed() > 0 {
                windows.allowed = allowed;
            }
        });
        self.changed.notify_waiters();
    }

    /// The FIN of this side, once.
    fn last_word(&self) -> Option<Vec<u8>> {
        self.with(|windows| {
            let first = !std::mem::replace(&mut windows.closed, true);
            first.then(|| frame(SmpKind::Fin, self.sid, windows, &[]))
        })
    }

    fn close(&self) {
        self.with(|windows| windows.closed = true);
        self.changed.notify_waiters();
    }
}

fn frame(kind: SmpKind, session: u16, windows: &Windows, payload: &[u8]) -> Vec<u8> {
    let length = u32::try_from(SMP_HEADER_LEN + payload.len()).unwrap_or(u32::MAX);
    let mut bytes = SmpHeader { kind, session, length, sequence: windows.sent, window: windows.promised }.encode();
    bytes.extend_from_slice(payload);
    bytes
}

/// The receiving half of all sessions of a connection.
pub struct Sessions {
    wire: mpsc::Sender<Vec<u8>>,
    open: HashMap<u16, (Arc<Outgoing>, mpsc::Sender<Packet>)>,
}

/// A session that a client opened.
pub struct Opened {
    /// Where its answers go.
    pub outgoing: Arc<Outgoing>,
    /// Where its packets come from.
    pub inbound: mpsc::Receiver<Packet>,
}

impl Sessions {
    /// None yet; what they send goes to `wire`.
    pub fn new(wire: mpsc::Sender<Vec<u8>>) -> Self {
        Self { wire, open: HashMap::new() }
    }

    /// Takes an SMP packet; gives back the session that it opens, if it opens one.
    pub fn take(&mut self, bytes: &[u8]) -> Result<Option<Opened>, Broken> {
        let SmpHeader { kind, session: sid, sequence: number, window, .. } =
            SmpHeader::decode(bytes).map_err(|_| Broken)?;
        match kind {
            SmpKind::Syn if self.open.contains_key(&sid) || self.open.len() >= MOST_SESSIONS => Err(Broken),
            SmpKind::Syn => {
                let windows = Windows { allowed: window, promised: WINDOW, ..Windows::default() };
                let outgoing = Arc::new(Outgoing {
                    sid,
                    wire: self.wire.clone(),
                    windows: Mutex::new(windows),
                    changed: Notify::new(),
                });
                let (sender, inbound) = mpsc::channel(2 * WINDOW as usize);
                self.open.insert(sid, (Arc::clone(&outgoing), sender));
                Ok(Some(Opened { outgoing, inbound }))
            }
            SmpKind::Ack => {
                self.session(sid)?.0.advance(window);
                Ok(None)
            }
            SmpKind::Data => {
                let (outgoing, inbound) = self.session(sid)?;
                let packet = packet(bytes.get(SMP_HEADER_LEN..).unwrap_or_default())?;
                let in_order = outgoing.with(|windows| {
                    let fits = number == windows.received.wrapping_add(1)
                        && windows.promised.wrapping_sub(number).cast_signed() >= 0;
                    windows.received = number;
                    fits
                });
                outgoing.advance(window);
                if !in_order {
                    return Err(Broken);
                }
                // A session that ended by itself takes nothing more; its client will see the FIN.
                match inbound.try_send(packet) {
                    Err(mpsc::error::TrySendError::Full(_)) => Err(Broken),
                    _ => Ok(None),
                }
            }
            SmpKind::Fin => {
                let (outgoing, _) = self.open.remove(&sid).ok_or(Broken)?;
                if let Some(fin) = outgoing.last_word() {
                    let _ = self.wire.try_send(fin);
                }
                outgoing.close();
                Ok(None)
            }
        }
    }

    fn session(&self, sid: u16) -> Result<&(Arc<Outgoing>, mpsc::Sender<Packet>), Broken> {
        self.open.get(&sid).ok_or(Broken)
    }
}

impl Drop for Sessions {
    fn drop(&mut self) {
        self.open.values().for_each(|(outgoing, _)| outgoing.close());
    }
}

fn packet(bytes: &[u8]) -> Result<Packet, Broken> {
    let header = PacketHeader::decode(bytes).map_err(|_| Broken)?;
    Ok(Packet { header, payload: bytes.get(HEADER_LEN..).unwrap_or_default().to_vec() })
}
