//! By which port to the gateway: the HTTPS port of the appliance, where TDS 8.0 is spoken, too, and which is open wherever
//! signing in works; the host and port of the config document where TDS does not come through there, because it is not reached, or
//! because a proxy before it knows browsers alone.
//!
//! Who is believed is the same by either: what the appliance was believed by at the first meeting. A certificate that is not
//! believed ends the attempt, and is never a reason to try the other port.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use crate::connector::pin::{Pin, Place};
use crate::platform::Clock;
use crate::platform::clock::within;
use crate::upstream::error::Stage;
use crate::upstream::{Ask, ConnectError, Dialer, Leg, Target, connect, connect_strict};
use crate::workstation::documents::DatabasePart;

/// The way to one gateway, and what was learnt about it.
pub(in crate::connector) struct Way {
    https: Place,
    pin: Pin,
    dialer: Dialer,
    clock: Arc<dyn Clock>,
    /// Since when, by the monotonic clock, the port of the document is known to work, and the HTTPS port not to.
    detour: Mutex<Option<Duration>>,
}

/// Why there is no connection.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum NoWay {
    /// Somebody is there who is not believed: why.
    Disbelieved(String),
    /// The gateway was not reached: why, by each port that was tried.
    NotReached(String),
}

impl Way {
    /// To the appliance whose HTTPS is at this place, believed by `pin`.
    pub(in crate::connector) fn new(https: Place, pin: Pin, dialer: Dialer, clock: Arc<dyn Clock>) -> Self {
        Self { https, pin, dialer, clock, detour: Mutex::default() }
    }

    /// Connects to the gateway, for sessions of this database.
    pub(super) async fn connect(&self, database: &DatabasePart, ask: &Ask) -> Result<Leg, NoWay> {
        let told = Target {
            tls: self.pin.rule(),
            certificate_name: database.trust.certificate_name.clone(),
            ..Target::new(database.host.as_str(), database.port)
        };
        if (&told.host, told.port) == (&self.https.host, self.https.port) {
            return connect(&told, ask, &self.dialer).await.map_err(|error| no_way(&error, None));
        }
        if !self.is_detour_known() {
            return match self.by_https(ask).await {
                Ok(leg) => Ok(leg),
                Err(error) if is_final(&error) => Err(no_way(&error, None)),
                Err(first) => {
                    tracing::debug!(reason = %first, "no TDS by the HTTPS port; the one for SQL is tried");
                    let leg = connect(&told, ask, &self.dialer).await.map_err(|error| no_way(&first, Some(&error)))?;
                    tracing::info!(reason = %first, port = told.port, "sessions take the port for SQL for now, in place of HTTPS'");
                    self.remember(Some(self.clock.monotonic()));
                    Ok(leg)
                }
            };
        }
        let first = match connect(&told, ask, &self.dialer).await {
            Ok(leg) => return Ok(leg),
            Err(error) => error,
        };
        self.remember(None);
        if is_final(&first) {
            return Err(no_way(&first, None));
        }
        self.by_https(ask).await.map_err(|error| no_way(&first, Some(&error)))
    }

    /// As strictly as the connector's own requests: the same host, the same authorities.
    async fn by_https(&self, ask: &Ask) -> Result<Leg, ConnectError> {
        let Place { host, port } = &self.https;
        let target = Target { tls: self.pin.rule(), ..Target::new(host.as_str(), *port) };
        let trying = connect_strict(&target, ask, &self.dialer);
        within(&*self.clock, HTTPS_LIMIT, trying).await.unwrap_or(Err(ConnectError::TimedOut(Stage::Handshake)))
    }

    fn is_detour_known(&self) -> bool {
        let since = *self.detour.lock().unwrap_or_else(PoisonError::into_inner);
        since.is_some_and(|since| self.clock.monotonic().saturating_sub(since) < HTTPS_AGAIN)
    }

    fn remember(&self, since: Option<Duration>) {
        *self.detour.lock().unwrap_or_else(PoisonError::into_inner) = since;
    }
}

/// Whether there is no sense in another port.
fn is_final(error: &ConnectError) -> bool {
    matches!(error, ConnectError::Certificate(_) | ConnectError::Settings(_))
}

/// What failed first, and then, if anything was tried after it.
fn no_way(first: &ConnectError, then: Option<&ConnectError>) -> NoWay {
    let met = first.met().or_else(|| then?.met());
    match (met, then) {
        (Some(met), _) => NoWay::Disbelieved(met.verdict.to_string()),
        (None, Some(then)) => NoWay::NotReached(format!("{first}; and by its other port: {then}")),
        (None, None) => NoWay::NotReached(first.to_string()),
    }
}

/// For the HTTPS port, which answered the connector's own requests a moment ago: drivers wait for 15 s, and there is another port.
const HTTPS_LIMIT: Duration = Duration::from_secs(5);
/// After so long the HTTPS port is tried again: the workstation may have changed its network.
const HTTPS_AGAIN: Duration = Duration::from_secs(10 * 60);
