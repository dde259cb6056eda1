//! The appliance's end of the socket.

use std::io;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use tokio::io::{AsyncBufReadExt as _, AsyncReadExt as _, AsyncWriteExt as _, BufReader};
use tokio::sync::Semaphore;

use super::{ControlRequest, ControlResponse, REQUEST_LIMIT, transport};
use crate::admin::{Admin, Refusal};
use crate::audit::Actor;
use crate::domain::Side;
use crate::platform::clock::within;
use crate::platform::{Clock, Tasks};
use crate::state::Layout;

/// The life of the appliance, as far as the socket asks about it; plugged in where all is put together.
pub trait Life: Send + Sync + 'static {
    /// Whether it serves.
    fn is_ready(&self) -> bool;
    /// What is not as it should be, whether or not it serves.
    fn problems(&self) -> Vec<String>;
    /// Begins to drain.
    fn drain(&self);
}

/// The bound socket.
#[derive(Debug)]
pub struct Control(transport::Listener);

struct Service {
    admin: Admin,
    life: Arc<dyn Life>,
    clock: Arc<dyn Clock>,
}

impl Control {
    /// Binds the socket of a data folder. Needs the runtime.
    pub fn bind(data_dir: &Path) -> io::Result<Self> {
        transport::Listener::bind(Layout::of(data_dir).control_socket()).map(Self)
    }

    /// Answers until the tasks are told to stop; then the socket is removed.
    pub async fn serve(mut self, admin: Admin, life: Arc<dyn Life>, clock: Arc<dyn Clock>, tasks: Tasks) {
        let service = Arc::new(Service { admin, life, clock });
        let places = Arc::new(Semaphore::new(MOST_AT_ONCE));
        let stopping = tasks.stopping();
        tokio::pin!(stopping);
        loop {
            let accepted = tokio::select! {
                () = &mut stopping => break,
                accepted = self.0.accept() => accepted,
            };
            let stream = match accepted {
                Ok(stream) => stream,
                Err(error) => {
                    tracing::warn!(%error, "the control socket could not take a connection");
                    service.clock.sleep(AFTER_FAILURE).await;
                    continue;
                }
            };
            let Ok(place) = Arc::clone(&places).try_acquire_owned() else { continue };
            let service = Arc::clone(&service);
            tasks.spawn("control", async move {
                if let Err(error) = service.converse(stream).await {
                    tracing::debug!(%error, "a conversation on the control socket ended early");
                }
                drop(place);
            });
        }
        self.0.remove();
    }
}

impl Service {
    async fn converse(&self, mut stream: transport::Stream) -> io::Result<()> {
        if !transport::is_trusted(&stream)? {
            tracing::warn!("another user tried the control socket");
            return Ok(());
        }
        let limit = u64::try_from(REQUEST_LIMIT).unwrap_or(u64::MAX);
        let mut line = zeroize::Zeroizing::new(Vec::new());
        let mut reader = BufReader::new((&mut stream).take(limit));
        match within(&*self.clock, TO_ASK, reader.read_until(b'\n', &mut line)).await {
            Ok(read) => read?,
            Err(_) => return Ok(()),
        };
        let response = self.answer(&line).await;
        let mut answer = zeroize::Zeroizing::new(serde_json::to_vec(&response).map_err(io::Error::other)?);
        answer.push(b'\n');
        stream.write_all(&answer).await?;
        transport::finish(stream, &*self.clock).await
    }

    async fn answer(&self, line: &[u8]) -> ControlResponse {
        let request = match serde_json::from_slice(line) {
            Ok(request) => request,
            // Not what exactly was wrong: it may quote a secret.
            Err(_) => return refused("the request is not one that this version understands"),
        };
        match request {
            ControlRequest::Ping => ControlResponse::Pong { version: env!("CARGO_PKG_VERSION").to_owned() },
            ControlRequest::Ready => {
                ControlResponse::Ready { ready: self.life.is_ready(), problems: self.life.problems() }
            }
            ControlRequest::Drain => {
                self.life.drain();
                ControlResponse::Draining
            }
            ControlRequest::Admin(request) => match self.admin.handle(&Actor::Console, *request).await {
                Ok(response) => ControlResponse::Admin(Box::new(response)),
                Err(error) => ControlResponse::Refused(Refusal::from(&error)),
            },
        }
    }
}

fn refused(text: &str) -> ControlResponse {
    ControlResponse::Refused(Refusal { text: text.to_owned(), side: Side::Operator })
}

const MOST_AT_ONCE: usize = 16;
const TO_ASK: Duration = Duration::from_secs(10);
const AFTER_FAILURE: Duration = Duration::from_millis(200);
