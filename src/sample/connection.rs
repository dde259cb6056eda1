//! One connection: handshake, login, then packets in and out for its session, or for its several sessions with MARS.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use tokio::io::{AsyncWriteExt as _, ReadHalf, WriteHalf};
use tokio::net::TcpStream;
use tokio::sync::mpsc;

use super::handshake::{self, Io};
use super::login::{self, SignedIn, TurnedAway};
use super::mars::Sessions;
use super::reply::Outbound;
use super::running::Shared;
use super::session::{Channel, Connected, run};
use crate::platform::Tasks;
use crate::platform::clock::within;
use crate::tds::packet::{HEADER_LEN, PacketHeader};
use crate::wire::PacketReader;

/// How long a client may take up to the end of its login.
const LOGIN_TIME: Duration = Duration::from_secs(30);
/// How long a client may take to read the last words of a session that ends by itself.
const LAST_WORDS: Duration = Duration::from_secs(5);
/// Packets that may wait for the writer.
const WAITING: usize = 4;

/// A packet as it came.
#[derive(Debug)]
pub struct Packet {
    /// Its header.
    pub header: PacketHeader,
    /// What it carries.
    pub payload: Vec<u8>,
}

type Stream = Box<dyn Io>;

/// Serves a connection until it ends.
pub async fn serve(shared: &Arc<Shared>, tcp: TcpStream, address: SocketAddr) {
    let Ok(Some((mut stream, signed_in, mars))) =
        within(&*shared.clock, LOGIN_TIME, sign_in(shared, tcp, address)).await
    else {
        return;
    };
    let spid = signed_in.info.spid;
    shared.remember(spid, signed_in.asked.clone());
    // Whatever ends this, the session's number becomes free again.
    let leaving = Leaving { shared: Arc::clone(shared), spid };
    if stream.write_all(&signed_in.answer).await.is_ok() && stream.flush().await.is_ok() {
        let kill = signed_in.info.kill.clone();
        // The connection's own group, so that everything in it ends with it.
        let tasks = Tasks::new();
        tokio::select! {
            // A session that was cut answers nothing more, though a request has come.
            biased;
            () = kill.cancelled() => {}
            () = carry(shared, &tasks, stream, signed_in, mars) => {}
        }
        kill.cancel();
        tasks.stop();
    }
    drop(leaving);
}

struct Leaving {
    shared: Arc<Shared>,
    spid: u16,
}

impl Drop for Leaving {
    fn drop(&mut self) {
        self.shared.forget(self.spid);
    }
}

async fn sign_in(shared: &Arc<Shared>, tcp: TcpStream, address: SocketAddr) -> Option<(Stream, SignedIn, bool)> {
    let mut opened = match handshake::open(tcp, shared.encryption, &shared.configs).await {
        Ok(opened) => opened,
        Err(error) => {
            tracing::debug!(%address, %error, "a connection to the sample server did not come to its login");
            return None;
        }
    };
    let asked = login::read(&mut opened).await?;
    match login::decide(shared, &opened, asked, address) {
        Ok(signed_in) => Some((opened.stream, signed_in, opened.mars)),
        Err(TurnedAway(answer)) => {
            opened.stream.write_all(&answer).await.ok()?;
            opened.stream.flush().await.ok()?;
            // Closed at once, an answer that is still under way could be lost with a reset.
            let _ = opened.stream.shutdown().await;
            None
        }
    }
}

async fn carry(shared: &Arc<Shared>, tasks: &Tasks, stream: Stream, signed_in: SignedIn, mars: bool) {
    let packet_size = signed_in.info.packet_size;
    let (reading, writing) = tokio::io::split(stream);
    let mut reader = PacketReader::new(reading);
    reader.limit_packets(packet_size);
    let (wire, packets) = mpsc::channel(WAITING);
    let kill = signed_in.info.kill.clone();
    let writer = tasks.spawn("sample writer", write(writing, packets));
    let connected = Arc::new(Connected::new(shared, signed_in));
    if mars {
        reader.allow_smp();
        read_sessions(tasks, &connected, reader, wire).await;
    } else {
        let (sender, inbound) = mpsc::channel(WAITING);
        let channel = Channel { inbound, outbound: Outbound::Plain(wire) };
        let reads = async move {
            while let Ok(Some(frame)) = reader.next().await {
                let Ok(header) = PacketHeader::decode(frame.bytes()) else { return };
                let payload = frame.bytes().get(HEADER_LEN..).unwrap_or_default().to_vec();
                if sender.send(Packet { header, payload }).await.is_err() {
                    return;
                }
            }
        };
        tokio::select! {
            () = reads => {}
            () = run(&connected, channel) => {
                // The session ended by itself: its last words are still in the writer's hands.
                let _ = within(&*shared.clock, LAST_WORDS, writer).await;
            }
        }
    }
    kill.cancel();
}

async fn read_sessions(
    tasks: &Tasks,
    connected: &Arc<Connected>,
    mut reader: PacketReader<ReadHalf<Stream>>,
    wire: mpsc::Sender<Vec<u8>>,
) {
    let mut sessions = Sessions::new(wire);
    while let Ok(Some(frame)) = reader.next().await {
        let Ok(opened) = sessions.take(frame.bytes()) else { return };
        if let Some(opened) = opened {
            let connected = Arc::clone(connected);
            tasks.spawn("sample MARS session", async move {
                let kill = connected.info.kill.clone();
                let outgoing = Arc::clone(&opened.outgoing);
                let channel = Channel { inbound: opened.inbound, outbound: Outbound::Mars(opened.outgoing) };
                tokio::select! {
                    biased;
                    () = kill.cancelled() => {}
                    () = run(&connected, channel) => outgoing.finish().await,
                }
            });
        }
    }
}

async fn write(mut stream: WriteHalf<Stream>, mut packets: mpsc::Receiver<Vec<u8>>) {
    while let Some(packet) = packets.recv().await {
        if stream.write_all(&packet).await.is_err() {
            return;
        }
        if packets.is_empty() && stream.flush().await.is_err() {
            return;
        }
    }
    let _ = stream.shutdown().await;
}
