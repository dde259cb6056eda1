//! The way of one connection: greeted, looked at, logged in at the gateway with this program's own credential, relayed.
//!
//! The credential stands in the password's place of LOGIN7, and not in FEDAUTH: the gateway takes an access token there, too, and
//! programs that speak TDS 7.1 to 7.3 know no feature that could carry one. It is the access token and not the SQL pass of the
//! config document, because a session by a pass ends with the pass, and one by a token lasts for as long as this program is let
//! in. Database, server name, application and all else go on as the program sent them.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use tokio::net::TcpStream;
use zeroize::Zeroize as _;

use super::greet::{Greeted, NoLogin, Stream, greet};
use super::guard::Peer;
use super::refusal::Refusal;
use super::way::NoWay;
use super::{GATEWAY_FIRST, Shared};
use crate::connector::access::NoAccess;
use crate::connector::feed::Standing;
use crate::connector::pin::Place;
use crate::domain::Secret;
use crate::domain::name::fold;
use crate::platform::clock::within;
use crate::tds::login7::{FedAuthLibrary, OptionFlags3};
use crate::tds::proxy::{Answer, Asked, Replacement, for_server, understand};
use crate::tds::{Login7, PacketType, PreLogin, TdsVersion};
use crate::upstream::{Ask, LegStream};
use crate::wire::relay::{Counters, End, Relay};
use crate::wire::{Message, PacketReader, PacketWriter, farewell};
use crate::workstation::documents::{Config, DatabasePart};

/// Serves one connection from its first byte to its last.
pub(super) async fn serve(shared: &Arc<Shared>, tcp: TcpStream, peer: SocketAddr) {
    // Without it small packets wait for acknowledgements; where it cannot be set they are only slower.
    let _ = tcp.set_nodelay(true);
    let Ok(own) = tcp.local_addr() else { return };
    let who = shared.guard.look(own, peer).await;
    let room = if who == Peer::Stranger { &shared.rooms.strangers } else { &shared.rooms.half_open };
    let Ok(place) = Arc::clone(room).try_acquire_owned() else {
        return tracing::warn!("too many programs connect at once; one was turned away");
    };
    let Greeted { mut stream, prelogin, login } = match within(&*shared.clock, LOGIN_LIMIT, greet(tcp, shared)).await {
        Ok(Ok(greeted)) => greeted,
        Ok(Err(NoLogin::Gone)) => return,
        Ok(Err(error)) => return tracing::info!(%error, "a program did not come as far as its login"),
        Err(_) => return tracing::info!("a program took too long over its login"),
    };
    let version = login.tds_version;
    let entered = match enter(shared, who, &mut *stream, &prelogin, &login).await {
        Ok(entered) => entered,
        Err(NoEntry::Left) => return,
        Err(NoEntry::Refused(refusal)) => {
            tracing::info!(%refusal, side = %refusal.side(), application = %login.app_name, "a program was refused");
            let told = farewell::tell(&mut stream, version, refusal.message(&shared.place)).await;
            return end(shared, &mut *stream, told.is_ok()).await;
        }
        Err(NoEntry::Said(payload)) => {
            tracing::info!(application = %login.app_name, "the gateway refused a program's login");
            let mut writer = PacketWriter::new(&mut stream);
            let told = writer.write_message(RESPONSE, 0, &payload).await;
            return end(shared, &mut *stream, told.is_ok()).await;
        }
    };
    drop(place);
    let Ok(_place) = Arc::clone(&shared.rooms.sessions).try_acquire_owned() else {
        let told = farewell::tell(&mut stream, version, Refusal::Full.message(&shared.place)).await;
        return end(shared, &mut *stream, told.is_ok()).await;
    };
    tracing::debug!(application = %login.app_name, database = %login.database, "a session was opened");
    drop(login);
    let _counted = Counted::new(shared);
    run(shared, stream, entered, version).await;
}

/// A session at the gateway.
struct Entered {
    stream: LegStream,
    /// Its login response, for the program.
    response: Vec<u8>,
}

impl Shared {
    /// This program is let in no more: why, and what somebody does then.
    fn signed_out(&self, why: String) -> Refusal {
        Refusal::SignedOut(why, self.access.way_back())
    }
}

enum NoEntry {
    /// The connector itself says no.
    Refused(Refusal),
    /// The gateway does: its own message.
    Said(Vec<u8>),
    /// The program is gone.
    Left,
}

impl From<Refusal> for NoEntry {
    fn from(refusal: Refusal) -> Self {
        Self::Refused(refusal)
    }
}

async fn enter(
    shared: &Shared,
    who: Peer,
    stream: &mut dyn Stream,
    prelogin: &PreLogin,
    login: &Login7,
) -> Result<Entered, NoEntry> {
    if !shared.guard.lets_in(who, login) {
        return Err(if who == Peer::Stranger { Refusal::OtherUser } else { Refusal::NoToken }.into());
    }
    let fed_auth = sort(login)?;
    tokio::select! {
        biased;
        () = shared.tasks.stopping() => Err(Refusal::Stopping.into()),
        entered = dial(shared, prelogin, login, fed_auth) => entered,
        () = leaves(stream) => Err(NoEntry::Left),
    }
}

/// What cannot be granted; whether the program came with a token of its own, which nobody looks at, and waits to hear that
/// it was taken.
fn sort(login: &Login7) -> Result<bool, Refusal> {
    if login.options3.contains(OptionFlags3::CHANGE_PASSWORD) {
        return Err(Refusal::ChangePassword);
    }
    if login.options3.contains(OptionFlags3::USER_INSTANCE) || !login.attach_db_file.is_empty() {
        return Err(Refusal::AttachFile);
    }
    match login.fed_auth() {
        Ok(None) => Ok(false),
        Ok(Some(fed_auth)) if fed_auth.library == FedAuthLibrary::SecurityToken => Ok(true),
        _ => Err(Refusal::Federated),
    }
}

/// Connects to the gateway and logs in there.
async fn dial(shared: &Shared, prelogin: &PreLogin, login: &Login7, fed_auth: bool) -> Result<Entered, NoEntry> {
    let now = shared.now.borrow().clone();
    let document = match (now.standing, now.document) {
        (Standing::SignedOut(why), _) => return Err(shared.signed_out(why).into()),
        (_, Some(document)) => document,
        (Standing::Waiting(why), None) => return Err(Refusal::NotConnected(why).into()),
        (_, None) => return Err(Refusal::NotConnected("it has not answered yet".to_owned()).into()),
    };
    let database = choose(&document, &login.database).ok_or(Refusal::NoDatabase)?;
    let secret = shared.access.bearer().await.map_err(|no| match no {
        NoAccess::Ended(why) => shared.signed_out(why),
        NoAccess::Trouble(why) => Refusal::NotConnected(why),
    })?;
    let PreLogin { version, trace_id, thread_id, mars, .. } = *prelogin;
    let ask = Ask { mars: mars == Some(true), version, trace_id, thread_id };
    let leg = shared.way.connect(database, &ask).await.map_err(|no| not_connected(no, &shared.place))?;
    let user = match (&document.account.device, shared.access.is_device()) {
        (Some(device), true) => device,
        _ => &document.account.name,
    };
    let credential = Credential { user, secret: &secret };
    let asking = exchange(leg.stream, leg.strict, login, credential, fed_auth);
    let slow = |_| Refusal::NotConnected("it took too long to answer the login".to_owned());
    within(&*shared.clock, ANSWER_LIMIT, asking).await.map_err(slow)?
}

/// What takes the place of the program's own.
struct Credential<'a> {
    user: &'a str,
    secret: &'a Secret,
}

async fn exchange(
    mut stream: LegStream,
    strict: bool,
    login: &Login7,
    credential: Credential<'_>,
    fed_auth: bool,
) -> Result<Entered, NoEntry> {
    let Credential { user, secret: password } = credential;
    let (database, server) = (login.database.as_str(), login.server_name.as_str());
    // Whether sessions may be recovered is the gateway's to say.
    let session_recovery = true;
    let ours = for_server(login, &Replacement { user, password, database, server, strict, session_recovery });
    let failed = |error: &dyn std::fmt::Display| Refusal::NotConnected(error.to_string());
    let mut payload = ours.encode().map_err(|error| failed(&error))?;
    let sent = PacketWriter::new(&mut stream).write_message(PacketType::Login7 as u8, 0, &payload).await;
    payload.zeroize();
    sent.map_err(|error| failed(&error))?;
    let answer = PacketReader::new(&mut stream).read_message(LARGEST_ANSWER).await.map_err(|error| failed(&error))?;
    let Some(Message { kind: RESPONSE, payload, .. }) = answer else {
        return Err(Refusal::NotConnected("it closed the connection in place of an answer".to_owned()).into());
    };
    match understand(&payload, Asked { login, version: ours.tds_version, fed_auth, session_recovery }) {
        Answer::Welcome(response) => Ok(Entered { stream, response }),
        Answer::No(_) => Err(NoEntry::Said(payload)),
        Answer::Elsewhere { .. } => Err(Refusal::NotUnderstood("a routing".to_owned()).into()),
        Answer::Nonsense(what) => Err(Refusal::NotUnderstood(what.to_owned()).into()),
    }
}

/// The database of this alias; where there is none, or none was named, whichever is first: the gateway decides, and it is the
/// same gateway.
fn choose<'a>(document: &'a Config, wanted: &str) -> Option<&'a DatabasePart> {
    let wanted = fold(wanted);
    let named = document.databases.iter().find(|database| fold(&database.alias) == wanted);
    named.or_else(|| document.databases.first())
}

fn not_connected(no: NoWay, place: &Place) -> Refusal {
    Refusal::NotConnected(match no {
        NoWay::Disbelieved(why) => {
            format!("its certificate is not believed as it was at the first meeting ({why}); {}", place.trust_anew())
        }
        NoWay::NotReached(why) => why,
    })
}

/// Lets the program in, and relays until one side ends.
async fn run(shared: &Shared, mut stream: Box<dyn Stream>, entered: Entered, version: TdsVersion) {
    let Entered { stream: server, response } = entered;
    if PacketWriter::new(&mut stream).write_message(RESPONSE, 0, &response).await.is_err() {
        return;
    }
    drop(response);
    let clock = &*shared.clock;
    let counters = Counters::starting_at(clock.monotonic());
    let mut relay = Relay::new(stream, server, None);
    let last_word = tokio::select! {
        biased;
        () = shared.tasks.stopping() => Some(match &shared.now.borrow().standing {
            Standing::SignedOut(why) => shared.signed_out(why.clone()),
            _ => Refusal::Stopping,
        }),
        end = relay.run(&counters, clock) => match end {
            End::WorkstationLeft => return,
            // What it had to say has passed.
            End::ServerLeft => None,
            End::WorkstationBreach(breach) => {
                tracing::warn!(%breach, "a program broke the protocol");
                None
            }
            End::ServerBreach(breach) => {
                tracing::warn!(%breach, "the gateway broke the protocol");
                None
            }
        },
        why = signed_out(shared) => Some(shared.signed_out(why)),
    };
    let mut parted = relay.part();
    let finished = within(clock, LAST_WORDS, parted.finish()).await;
    let between_messages = matches!(finished, Ok(Ok(true)));
    if let Some(refusal) = last_word.filter(|_| between_messages) {
        // Whoever does not read it is not waited for.
        let _ =
            within(clock, LAST_WORDS, farewell::tell(parted.client(), version, refusal.last_word(&shared.place))).await;
    }
    // In the middle of a response an orderly close would be a lie, which some drivers wait behind for ever.
    let orderly = between_messages || parted.is_multiplexed();
    end(shared, &mut **parted.client(), orderly).await;
}

/// Ends when the sign-in has: says why. A moment later than the gateway's own word, which says more.
async fn signed_out(shared: &Shared) -> String {
    let mut now = shared.now.clone();
    let ended =
        now.wait_for(|now| matches!(now.standing, Standing::SignedOut(_))).await.map(|now| now.standing.clone());
    match ended {
        Ok(Standing::SignedOut(why)) => {
            shared.clock.sleep(GATEWAY_FIRST).await;
            why
        }
        // Nobody will say any more.
        _ => std::future::pending().await,
    }
}

/// Closes: in order where there was a last word, and else so that the program notices.
async fn end(shared: &Shared, stream: &mut dyn Stream, orderly: bool) {
    let mut stream = stream;
    if !orderly || !farewell::close(&mut stream, &*shared.clock, LAST_WORDS).await {
        farewell::reset_on_close(stream.tcp());
    }
}

/// Ends when the program closes. A program says nothing before it has heard the answer to its login.
async fn leaves(stream: &mut dyn Stream) {
    use tokio::io::AsyncReadExt as _;
    let _ = stream.read(&mut [0; 1]).await;
}

/// One more session, for as long as it is there.
struct Counted<'a>(&'a Shared);

impl<'a> Counted<'a> {
    fn new(shared: &'a Shared) -> Self {
        shared.sessions.send_modify(|sessions| *sessions += 1);
        Self(shared)
    }
}

impl Drop for Counted<'_> {
    fn drop(&mut self) {
        self.0.sessions.send_modify(|sessions| *sessions = sessions.saturating_sub(1));
    }
}

const RESPONSE: u8 = PacketType::TabularResult as u8;
/// From the first byte to the end of LOGIN7.
const LOGIN_LIMIT: Duration = Duration::from_secs(15);
/// The gateway dials the SQL Server meanwhile.
const ANSWER_LIMIT: Duration = Duration::from_secs(60);
const LAST_WORDS: Duration = Duration::from_secs(2);
const LARGEST_ANSWER: usize = 256 * 1024;
