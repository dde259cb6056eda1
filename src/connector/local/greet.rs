//! From a program's first byte to its LOGIN7 (MS-TDS 3.3.5.1): in clear, with TLS inside PRELOGIN, or with TLS first.
//!
//! A program that would encrypt the login alone (ENCRYPT_OFF) is answered that there is no encryption: nothing leaves the
//! machine here, the login is not used for anything, and the programs that this is for know no TLS of today. One that
//! insists gets it.

use std::io;
use std::sync::Arc;

use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio_rustls::TlsAcceptor;
use zeroize::Zeroize as _;

use super::Shared;
use crate::tds::prelogin::{Encryption, PreLogin};
use crate::tds::{Login7, PacketType};
use crate::wire::{PacketReader, PacketWriter, WireError};

/// A connection with a program, encrypted or not.
pub(super) trait Stream: AsyncRead + AsyncWrite + Send + Unpin {
    /// The socket underneath, for its options.
    fn tcp(&self) -> &TcpStream;
}

impl Stream for TcpStream {
    fn tcp(&self) -> &TcpStream {
        self
    }
}

impl Stream for tokio_rustls::server::TlsStream<TcpStream> {
    fn tcp(&self) -> &TcpStream {
        self.get_ref().0
    }
}

impl Stream for tokio_rustls::server::TlsStream<crate::wire::PreLoginTunnel<TcpStream>> {
    fn tcp(&self) -> &TcpStream {
        self.get_ref().0.inner()
    }
}

/// A program that has greeted and sent its login.
pub(super) struct Greeted {
    pub stream: Box<dyn Stream>,
    pub prelogin: PreLogin,
    pub login: Login7,
}

/// Why there is no login. The program's side, but for the certificate.
#[derive(Debug, thiserror::Error)]
pub(super) enum NoLogin {
    #[error("it closed")]
    Gone,
    #[error("it does not speak TDS")]
    NotTds,
    #[error(transparent)]
    Wire(#[from] WireError),
    #[error(transparent)]
    Malformed(#[from] crate::tds::DecodeError),
    #[error(transparent)]
    Encode(#[from] crate::tds::EncodeError),
    #[error("TLS: {0}")]
    Tls(#[source] io::Error),
    #[error(transparent)]
    Certificate(#[from] super::certificate::NoCertificate),
}

/// Greets a program, and reads its login.
pub(super) async fn greet(tcp: TcpStream, shared: &Shared) -> Result<Greeted, NoLogin> {
    let (mut stream, prelogin): (Box<dyn Stream>, _) = match first_byte(&tcp).await? {
        TLS => {
            let config = shared.certificate.configs(shared.clock.now())?.strict;
            let mut stream = TlsAcceptor::from(config).accept(tcp).await.map_err(NoLogin::Tls)?;
            let prelogin = exchange(&mut stream).await?;
            (Box::new(stream), prelogin)
        }
        PRELOGIN => {
            let mut tcp = tcp;
            let prelogin = exchange(&mut tcp).await?;
            if first_byte(&tcp).await? == PRELOGIN {
                let config = shared.certificate.configs(shared.clock.now())?.tunnel;
                let stream = crate::wire::accept(tcp, Arc::clone(&config)).await.map_err(NoLogin::Tls)?;
                (Box::new(stream), prelogin)
            } else {
                (Box::new(tcp), prelogin)
            }
        }
        // Before TDS 7.1 there was no PRELOGIN, and some libraries of that age never learnt it.
        LOGIN => (Box::new(tcp), PreLogin::default()),
        _ => return Err(NoLogin::NotTds),
    };
    let mut reader = PacketReader::new(&mut stream);
    let mut message = reader.read_message(LARGEST_LOGIN).await?.ok_or(NoLogin::Gone)?;
    if message.kind != LOGIN {
        return Err(NoLogin::NotTds);
    }
    let login = Login7::decode(&message.payload);
    message.payload.zeroize();
    Ok(Greeted { stream, prelogin, login: login? })
}

async fn exchange<S: AsyncRead + AsyncWrite + Unpin>(stream: &mut S) -> Result<PreLogin, NoLogin> {
    let mut reader = PacketReader::new(&mut *stream);
    reader.limit_packets(LARGEST_PRELOGIN);
    let message = reader.read_message(LARGEST_PRELOGIN).await?.ok_or(NoLogin::Gone)?;
    if message.kind != PRELOGIN {
        return Err(NoLogin::NotTds);
    }
    let asked = PreLogin::decode(&message.payload)?;
    let payload = answer(&asked).encode()?;
    PacketWriter::new(stream).write_message(PacketType::TabularResult as u8, 0, &payload).await?;
    Ok(asked)
}

fn answer(asked: &PreLogin) -> PreLogin {
    let encryption = match asked.encryption {
        Some(Encryption::On | Encryption::Required) => Encryption::On,
        // The flag of a client certificate, with encryption wanted.
        Some(Encryption::Other(byte)) if byte & 0x01 != 0 => Encryption::On,
        _ => Encryption::NotSupported,
    };
    PreLogin {
        version: VERSION,
        encryption: Some(encryption),
        instance: Some(vec![0]),
        mars: Some(asked.mars.unwrap_or(false)),
        fed_auth_required: asked.fed_auth_required,
        ..PreLogin::default()
    }
}

/// The next byte, left where it is.
async fn first_byte(tcp: &TcpStream) -> Result<u8, NoLogin> {
    let mut first = [0];
    match tcp.peek(&mut first).await {
        Ok(1) => Ok(first[0]),
        _ => Err(NoLogin::Gone),
    }
}

/// SQL Server 2022, which the gateway says, too.
const VERSION: [u8; 6] = [16, 0, 0x03, 0xE8, 0, 0];
const PRELOGIN: u8 = PacketType::PreLogin as u8;
const LOGIN: u8 = PacketType::Login7 as u8;
const TLS: u8 = 0x16;
/// PRELOGIN is one packet, from before any other size was agreed on.
const LARGEST_PRELOGIN: usize = crate::tds::packet::DEFAULT_PACKET_SIZE;
/// Room for the ticket of a Windows login, which nobody looks at.
const LARGEST_LOGIN: usize = 256 * 1024;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_who_insists_on_encryption_gets_it() {
        for (asked, told) in [
            (None, Encryption::NotSupported),
            (Some(Encryption::Off), Encryption::NotSupported),
            (Some(Encryption::NotSupported), Encryption::NotSupported),
            (Some(Encryption::On), Encryption::On),
            (Some(Encryption::Required), Encryption::On),
            (Some(Encryption::Other(0x81)), Encryption::On),
            (Some(Encryption::Other(0x80)), Encryption::NotSupported),
        ] {
            let asked = PreLogin { encryption: asked, mars: Some(true), ..PreLogin::default() };
            let answer = answer(&asked);
            assert_eq!((answer.encryption, answer.mars, answer.fed_auth_required), (Some(told), Some(true), None));
        }
    }
}
