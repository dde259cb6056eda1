//! One direction of the relay: a bounded buffer between a reader and a writer, which passes whole packets on.
//!
//! A lane reads while it has room and writes what is whole. Towards the workstation everything that is whole goes out
//! in one write, so many small packets share a TLS record; towards the SQL Server each packet is a write, and so a TLS
//! record, of its own (some SQL Servers rely on that). It flushes as soon as there is nothing more to read at once.
//! A reader that is slower than its writer stops the lane's reading: that is the back-pressure.
//!
//! Memory: the buffer starts at 8 KiB, doubles up to 64 KiB when traffic fills it, and is 8 KiB again between messages.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

use super::alias::Alias;
use super::counters::Tally;
use super::framing::{Breach, Carries, Flow, LONGEST_UNIT, Unit, first_unit};

/// One direction.
#[derive(Debug)]
pub(super) struct Lane {
    flow: Flow,
    buffer: Vec<u8>,
    /// Written up to here.
    start: usize,
    /// Whole units up to here.
    whole: usize,
    /// Read up to here.
    end: usize,
    /// The end of the unit that is being written, where units are written one by one.
    unit_end: usize,
    /// Bytes were written that were not flushed.
    unflushed: bool,
    /// The last whole unit ended a message.
    between_messages: bool,
    /// SMP frames were seen.
    multiplexed: bool,
    /// The reader's side has closed.
    closed: bool,
    tally: Tally,
    /// What the database is called by the workstation, where the SQL Server calls it otherwise.
    alias: Option<Alias>,
}

/// Why a lane stopped.
#[derive(Debug)]
pub(super) enum Stop {
    /// The reader's side closed, with or without a TLS farewell.
    SourceClosed,
    /// The writer's side does not take anything any more.
    SinkClosed,
    /// The reader's side broke the protocol.
    Breach(Breach),
}

impl Lane {
    /// A lane that carried nothing yet.
    pub(super) fn new(flow: Flow) -> Self {
        Self {
            flow,
            buffer: vec![0; SMALLEST],
            start: 0,
            whole: 0,
            end: 0,
            unit_end: 0,
            unflushed: false,
            between_messages: true,
            multiplexed: false,
            closed: false,
            tally: Tally::default(),
            alias: None,
        }
    }

    /// A lane of requests in which `USE alias` is understood.
    pub(super) fn translating(alias: Option<Alias>) -> Self {
        Self { alias, ..Self::new(Flow::Requests) }
    }

    /// Moves bytes until both sides have to be waited for; ready when the lane has stopped for good.
    pub(super) fn poll_run<R, W>(&mut self, cx: &mut Context<'_>, from: &mut R, to: &mut W) -> Poll<Stop>
    where
        R: AsyncRead + Unpin,
        W: AsyncWrite + Unpin,
    {
        loop {
            let filled = match self.poll_fill(cx, from) {
                Poll::Ready(Ok(())) => true,
                // The last response still belongs to the workstation; a request of somebody who left belongs to nobody.
                Poll::Ready(Err(Stop::SourceClosed)) if self.flow == Flow::Responses => {
                    return self.poll_drain(cx, to).map(|_| Stop::SourceClosed);
                }
                Poll::Ready(Err(stop)) => return Poll::Ready(stop),
                Poll::Pending => false,
            };
            match self.poll_drain(cx, to) {
                Poll::Ready(Ok(())) if filled => {}
                Poll::Ready(Err(_)) => return Poll::Ready(Stop::SinkClosed),
                Poll::Ready(Ok(())) => {
                    self.rest();
                    return Poll::Pending;
                }
                Poll::Pending => return Poll::Pending,
            }
        }
    }

    /// What was carried since it was last asked.
    pub(super) fn take_tally(&mut self) -> Tally {
        std::mem::take(&mut self.tally)
    }

    /// Whether a message of one's own could follow what is whole in here.
    pub(super) fn is_between_messages(&self) -> bool {
        self.between_messages && !self.multiplexed
    }

    /// Whether SMP frames were seen.
    pub(super) fn is_multiplexed(&self) -> bool {
        self.multiplexed
    }

    /// Writes out what is whole, and flushes.
    pub(super) fn poll_drain<W: AsyncWrite + Unpin>(
        &mut self,
        cx: &mut Context<'_>,
        to: &mut W,
    ) -> Poll<io::Result<()>> {
        while self.has_whole() {
            if self.flow == Flow::Requests && self.unflushed && self.start == self.unit_end {
                // The packet before has to be out, or the two could share a TLS record.
                ready!(Pin::new(&mut *to).poll_flush(cx))?;
                self.unflushed = false;
            }
            let upto = self.write_end();
            let bytes = self.buffer.get(self.start..upto).unwrap_or_default();
            match ready!(Pin::new(&mut *to).poll_write(cx, bytes))? {
                0 => return Poll::Ready(Err(io::ErrorKind::WriteZero.into())),
                written => self.start += written,
            }
            self.unflushed = true;
        }
        if self.unflushed {
            ready!(Pin::new(&mut *to).poll_flush(cx))?;
            self.unflushed = false;
        }
        Poll::Ready(Ok(()))
    }

    /// Reads until nothing more comes at once or the buffer is full: ready when it is full and worth writing.
    fn poll_fill<R: AsyncRead + Unpin>(&mut self, cx: &mut Context<'_>, from: &mut R) -> Poll<Result<(), Stop>> {
        loop {
            if self.closed {
                return Poll::Ready(Err(Stop::SourceClosed));
            }
            if !self.make_room() {
                return Poll::Ready(Ok(()));
            }
            let mut room = ReadBuf::new(self.buffer.get_mut(self.end..).unwrap_or_default());
            match ready!(Pin::new(&mut *from).poll_read(cx, &mut room)) {
                Ok(()) if !room.filled().is_empty() => self.end += room.filled().len(),
                // No driver says goodbye, and a reset is an end like any other.
                Ok(()) | Err(_) => self.closed = true,
            }
            self.find_units().map_err(Stop::Breach)?;
        }
    }

    fn find_units(&mut self) -> Result<(), Breach> {
        while let Some(unit) = first_unit(self.flow, self.buffer.get(self.whole..self.end).unwrap_or_default())? {
            self.whole += self.translate(&unit).unwrap_or(unit.length);
            self.between_messages = unit.carries != Carries::Part;
            self.multiplexed |= unit.multiplexed;
            self.tally.packets += 1;
            self.tally.bytes += unit.length as u64;
            self.tally.messages += u64::from(unit.carries == Carries::Last);
        }
        Ok(())
    }

    /// Puts another packet in the place of one that names the alias; the length of the new one. It may stand among others:
    /// python-tds opens a stream and says `USE` in it at once. The buffer keeps its bounds: where there is no room for a longer
    /// packet, this one passes as it is.
    fn translate(&mut self, unit: &Unit) -> Option<usize> {
        let alias = self.alias.as_ref()?;
        let begins = unit.multiplexed || self.between_messages;
        if unit.carries != Carries::Last || !begins {
            return None;
        }
        let upto = self.whole + unit.length;
        let other = alias.translated(self.buffer.get(self.whole..upto)?)?;
        let end = self.end - unit.length + other.len();
        let size = self.buffer.len();
        if end > size {
            return None;
        }
        let length = other.len();
        self.buffer.splice(self.whole..upto, other);
        self.buffer.resize(size, 0);
        self.end = end;
        Some(length)
    }

    /// The end of what may go out in one write.
    fn write_end(&mut self) -> usize {
        if self.flow == Flow::Responses {
            return self.whole;
        }
        if self.start >= self.unit_end {
            let ahead = self.buffer.get(self.start..self.whole).unwrap_or_default();
            let length = first_unit(self.flow, ahead).ok().flatten().map_or(ahead.len(), |unit| unit.length);
            self.unit_end = self.start + length;
        }
        self.unit_end
    }

    /// Whether there is room to read into, after moving and growing as far as that helps.
    fn make_room(&mut self) -> bool {
        if self.start == self.end {
            (self.start, self.whole, self.end, self.unit_end) = (0, 0, 0, 0);
        }
        if self.end < self.buffer.len() {
            return true;
        }
        if self.buffer.len() < LARGEST {
            self.buffer.resize(self.buffer.len() * 2, 0);
            return true;
        }
        if self.start == 0 || self.has_whole() {
            return false;
        }
        self.buffer.copy_within(self.start..self.end, 0);
        self.end -= self.start;
        self.whole -= self.start;
        (self.start, self.unit_end) = (0, 0);
        true
    }

    /// Gives the memory of a large message back when it has passed: most sessions are idle most of the time.
    fn rest(&mut self) {
        if self.start == self.end && self.between_messages && self.buffer.len() > SMALLEST {
            self.buffer = vec![0; SMALLEST];
            (self.start, self.whole, self.end, self.unit_end) = (0, 0, 0, 0);
        }
    }

    fn has_whole(&self) -> bool {
        self.start < self.whole
    }
}

const SMALLEST: usize = 8 * 1024;
const LARGEST: usize = 64 * 1024;
const _: () = assert!(LONGEST_UNIT < LARGEST, "a full buffer without a whole unit would never move again");

#[cfg(test)]
mod tests {
    use std::future::poll_fn;

    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

    use super::*;
    use crate::tds::TdsVersion;

    fn batch(text: &str) -> Vec<u8> {
        let text: Vec<u8> = text.encode_utf16().flat_map(u16::to_le_bytes).collect();
        let headers = [&[22, 0, 0, 0, 18, 0, 0, 0, 2, 0][..], &[0; 8], &[1, 0, 0, 0]].concat();
        let length = u16::try_from(8 + headers.len() + text.len()).unwrap().to_be_bytes();
        [&[1, 1, length[0], length[1], 0, 0, 1, 0][..], &headers, &text].concat()
    }

    fn frame(flags: u8, inside: &[u8]) -> Vec<u8> {
        let length = u32::try_from(16 + inside.len()).unwrap().to_le_bytes();
        [&[0x53, flags, 1, 0][..], &length, &[0; 8], inside].concat()
    }

    /// What comes out of a lane into which all of `bytes` came at once.
    async fn through(bytes: &[u8]) -> Vec<u8> {
        let mut lane = Lane::translating(Alias::new("trade", "Nordwind", TdsVersion::V7_4));
        let (mut workstation, mut from) = tokio::io::duplex(LARGEST);
        let (mut to, mut server) = tokio::io::duplex(LARGEST * 2);
        workstation.write_all(bytes).await.unwrap();
        let running = poll_fn(|cx| lane.poll_run(cx, &mut from, &mut to));
        // It gives way to other tasks now and then, and goes on for ever.
        let long = async {
            for _ in 0..1000 {
                tokio::task::yield_now().await;
            }
        };
        tokio::select! { stop = running => unreachable!("{stop:?}"), () = long => {} }
        drop(to);
        let mut out = Vec::new();
        server.read_to_end(&mut out).await.unwrap();
        out
    }

    #[tokio::test]
    async fn a_use_of_the_alias_is_understood_also_among_other_packets() {
        let said = |name: &str| frame(8, &batch(&format!("USE [{name}]")));
        for (before, after) in [
            (vec![], vec![]),
            (frame(1, &[]), vec![]),
            (frame(1, &[]), frame(8, &batch("SELECT 1"))),
            (frame(8, &batch("SELECT 1")), frame(8, &batch("SELECT 1"))[..30].to_vec()),
        ] {
            let out = through(&[&before[..], &said("trade"), &after].concat()).await;
            let whole = if after.len() == 30 { vec![] } else { after };
            assert_eq!(out, [before, said("Nordwind"), whole].concat());
        }
    }

    #[tokio::test]
    async fn many_at_once_keep_the_buffers_bounds_and_none_is_lost() {
        let one = batch("use trade");
        let many = one.repeat(LARGEST / one.len());
        let out = through(&many).await;
        let mut rest = &out[..];
        let mut count = 0;
        while let Some(unit) = first_unit(Flow::Requests, rest).unwrap() {
            (rest, count) = (&rest[unit.length..], count + 1);
        }
        assert!(rest.is_empty() && count == LARGEST / one.len(), "{count}");
    }
}
