//! The relay after the login, between a workstation and a server: two lanes in one task, so that neither direction ever waits for the
//! other, and nothing is shared or locked.
//!
//! A session's memory here is at most 64 KiB a lane; each TLS connection below adds at most 64 KiB of its own that the
//! kernel has not taken yet, and one record that is not whole yet.

mod alias;
mod counters;
mod framing;
mod lane;

use std::future::poll_fn;
use std::io;
use std::task::Poll;

use tokio::io::{AsyncRead, AsyncWrite};

pub use alias::Alias;
pub use counters::{Counters, Traffic};
pub use framing::Breach;

use crate::platform::Clock;
use framing::Flow;
use lane::{Lane, Stop};

/// What is relayed between.
#[derive(Debug)]
pub struct Relay<C, S> {
    client: C,
    server: S,
    up: Lane,
    down: Lane,
}

/// Why a relay ended by itself.
#[derive(Debug)]
pub enum End {
    /// The workstation closed, or takes nothing any more.
    WorkstationLeft,
    /// The SQL Server closed, or takes nothing any more.
    ServerLeft,
    /// The workstation broke the protocol.
    WorkstationBreach(Breach),
    /// The SQL Server broke the protocol.
    ServerBreach(Breach),
}

impl<C, S> Relay<C, S>
where
    C: AsyncRead + AsyncWrite + Unpin,
    S: AsyncRead + AsyncWrite + Unpin,
{
    /// A relay between two connections that are logged in. `alias` where the SQL Server calls the database otherwise.
    pub fn new(client: C, server: S, alias: Option<Alias>) -> Self {
        Self { client, server, up: Lane::translating(alias), down: Lane::new(Flow::Responses) }
    }

    /// Relays until one side ends. Dropping the future loses nothing: [`Relay::part`] goes on from there.
    pub async fn run(&mut self, counters: &Counters, clock: &dyn Clock) -> End {
        let mut server_deaf = false;
        poll_fn(|cx| {
            // Requests first: an Attention never waits behind the response that it is about.
            let up = match server_deaf {
                true => Poll::Pending,
                false => self.up.poll_run(cx, &mut self.client, &mut self.server),
            };
            // The last words of a server that takes nothing any more may still be on their way down.
            server_deaf |= matches!(up, Poll::Ready(Stop::SinkClosed));
            let down = match up.is_ready() && !server_deaf {
                true => Poll::Pending,
                false => self.down.poll_run(cx, &mut self.server, &mut self.client),
            };
            let (sent, received) = (self.up.take_tally(), self.down.take_tally());
            if sent.packets + received.packets > 0 {
                counters.add(sent, received, clock.monotonic());
            }
            match (up, down) {
                (Poll::Ready(Stop::SourceClosed), _) | (_, Poll::Ready(Stop::SinkClosed)) => {
                    Poll::Ready(End::WorkstationLeft)
                }
                (_, Poll::Ready(Stop::SourceClosed)) => Poll::Ready(End::ServerLeft),
                (Poll::Ready(Stop::Breach(breach)), _) => Poll::Ready(End::WorkstationBreach(breach)),
                (_, Poll::Ready(Stop::Breach(breach))) => Poll::Ready(End::ServerBreach(breach)),
                (Poll::Pending | Poll::Ready(Stop::SinkClosed), Poll::Pending) => Poll::Pending,
            }
        })
        .await
    }

    /// Lets go of the SQL Server at once (it rolls back), and gives the workstation's side, with what it still has to get.
    pub fn part(self) -> Parted<C> {
        Parted { client: self.client, down: self.down }
    }
}

/// The workstation's side of a relay that ended.
#[derive(Debug)]
pub struct Parted<C> {
    client: C,
    down: Lane,
}

impl<C: AsyncRead + AsyncWrite + Unpin> Parted<C> {
    /// Writes what is left of whole packets. Tells whether the workstation now stands between two messages, where a
    /// last word can be read.
    pub async fn finish(&mut self) -> io::Result<bool> {
        poll_fn(|cx| self.down.poll_drain(cx, &mut self.client)).await?;
        Ok(self.down.is_between_messages())
    }

    /// Whether several streams share the connection (MARS).
    pub fn is_multiplexed(&self) -> bool {
        self.down.is_multiplexed()
    }

    /// The connection itself.
    pub fn client(&mut self) -> &mut C {
        &mut self.client
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::platform::SystemClock;
    use std::time::Duration;
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _, DuplexStream, duplex};

    fn packet(kind: u8, status: u8, fill: u8, size: usize) -> Vec<u8> {
        let length = u16::try_from(size).unwrap().to_be_bytes();
        let mut bytes = vec![kind, status, length[0], length[1], 0, 51, 1, 0];
        bytes.resize(size, fill);
        bytes
    }

    /// A relay in the middle of two pipes of `pipe` bytes.
    fn between(pipe: usize) -> (DuplexStream, Relay<DuplexStream, DuplexStream>, DuplexStream) {
        let (client, near) = duplex(pipe);
        let (far, server) = duplex(pipe);
        (client, Relay::new(near, far, None), server)
    }

    fn counters() -> Counters {
        Counters::starting_at(Duration::ZERO)
    }

    #[tokio::test]
    async fn packets_of_any_size_arrive_as_they_were_sent_both_ways() {
        for size in [8, 9, 512, 4096, 16_384, 32_767] {
            let (mut client, mut relay, mut server) = between(1 << 20);
            let up: Vec<u8> = (0..9).flat_map(|i| packet(1, u8::from(i == 8) | 0x08, i, size)).collect();
            let down: Vec<u8> = (0..25).flat_map(|i| packet(4, u8::from(i == 24), i, size)).collect();
            let (counters, clock) = (counters(), SystemClock::new());
            let work = async {
                client.write_all(&up).await.unwrap();
                server.write_all(&down).await.unwrap();
                let (mut there, mut back) = (vec![0; up.len()], vec![0; down.len()]);
                server.read_exact(&mut there).await.unwrap();
                client.read_exact(&mut back).await.unwrap();
                assert!(there == up && back == down, "packets of {size} bytes");
                drop(client);
            };
            let (end, ()) = tokio::join!(relay.run(&counters, &*clock), work);
            assert!(matches!(end, End::WorkstationLeft));
            let traffic = counters.traffic();
            assert_eq!((traffic.packets_up, traffic.packets_down, traffic.batches), (9, 25, 1));
            assert_eq!((traffic.bytes_up, traffic.bytes_down), (up.len() as u64, down.len() as u64));
        }
    }

    #[tokio::test]
    async fn an_attention_passes_while_a_response_is_stuck_on_a_client_that_does_not_read() {
        let (mut client, mut relay, mut server) = between(4096);
        let (counters, clock) = (counters(), SystemClock::new());
        let work = async {
            // Far more than all buffers on the way hold.
            let flood = packet(4, 0, 1, 4096);
            let stuck = async {
                loop {
                    server.write_all(&flood).await.unwrap();
                }
            };
            let stuck = tokio::time::timeout(Duration::from_millis(200), stuck).await;
            assert!(stuck.is_err(), "back-pressure stops the server");
            let attention = packet(6, 1, 0, 8);
            client.write_all(&attention).await.unwrap();
            let mut seen = [0; 8];
            server.read_exact(&mut seen).await.unwrap();
            assert_eq!(seen[..], attention[..]);
        };
        tokio::select! {
            end = relay.run(&counters, &*clock) => panic!("{end:?}"),
            () = work => {}
        }
        let held = counters.traffic().bytes_down;
        assert!(held <= 64 * 1024 + 4096 * 3, "at most its buffer was read: {held}");
        assert_eq!(counters.traffic().batches, 0, "an Attention is no batch");
    }

    #[tokio::test]
    async fn smp_frames_and_tds_packets_pass_on_one_connection() {
        let smp = |flags: u8, inside: &[u8]| {
            let mut bytes = vec![0x53, flags, 0, 0];
            bytes.extend(u32::try_from(16 + inside.len()).unwrap().to_le_bytes());
            bytes.extend([0; 8]);
            bytes.extend(inside);
            bytes
        };
        let (mut client, mut relay, mut server) = between(1 << 16);
        let (counters, clock) = (counters(), SystemClock::new());
        let up = [packet(1, 1, 7, 100), smp(1, &[]), smp(8, &packet(1, 1, 7, 40)), smp(2, &[])].concat();
        let work = async {
            // Byte by byte, so that each header is seen in every state of completeness.
            for byte in &up {
                client.write_all(&[*byte]).await.unwrap();
                tokio::task::yield_now().await;
            }
            let mut there = vec![0; up.len()];
            server.read_exact(&mut there).await.unwrap();
            assert_eq!(there, up);
            drop(client);
        };
        let (_, ()) = tokio::join!(relay.run(&counters, &*clock), work);
        assert_eq!(
            counters.traffic(),
            Traffic { bytes_up: up.len() as u64, packets_up: 4, batches: 2, ..Traffic::default() }
        );
    }

    #[tokio::test]
    async fn what_the_server_said_last_reaches_the_client_before_the_end_does() {
        let (mut client, mut relay, mut server) = between(1024);
        let (counters, clock) = (counters(), SystemClock::new());
        let down: Vec<u8> = (0..40).flat_map(|i| packet(4, u8::from(i == 39), i, 4096)).collect();
        let sending = async {
            server.write_all(&down).await.unwrap();
            drop(server);
        };
        let reading = async {
            let mut seen = vec![0; down.len()];
            client.read_exact(&mut seen).await.unwrap();
            assert!(seen == down);
        };
        let (end, (), ()) = tokio::join!(relay.run(&counters, &*clock), sending, reading);
        assert!(matches!(end, End::ServerLeft));
        assert!(relay.part().finish().await.unwrap(), "the stream stands between two messages");
    }

    #[tokio::test]
    async fn a_response_that_stops_in_the_middle_leaves_no_room_for_a_last_word() {
        let (mut client, mut relay, mut server) = between(1 << 16);
        let (counters, clock) = (counters(), SystemClock::new());
        server.write_all(&packet(4, 0, 1, 600)).await.unwrap();
        server.write_all(&packet(4, 1, 2, 600)[..100]).await.unwrap();
        drop(server);
        let end = relay.run(&counters, &*clock).await;
        assert!(matches!(end, End::ServerLeft));
        assert!(!relay.part().finish().await.unwrap());
        let mut seen = Vec::new();
        client.read_to_end(&mut seen).await.unwrap();
        assert_eq!(seen, packet(4, 0, 1, 600), "whole packets only");
    }

    #[tokio::test]
    async fn what_is_not_tds_ends_the_session_on_the_side_that_sent_it() {
        let (mut client, mut relay, _server) = between(1024);
        client.write_all(b"GET / HTTP/1.1\r\n").await.unwrap();
        assert!(matches!(relay.run(&counters(), &*SystemClock::new()).await, End::WorkstationBreach(_)));
        let (_client, mut relay, mut server) = between(1024);
        server.write_all(&packet(1, 1, 0, 20)).await.unwrap();
        assert!(matches!(relay.run(&counters(), &*SystemClock::new()).await, End::ServerBreach(_)));
    }
}
