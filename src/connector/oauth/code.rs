//! Signing in in the browser: authorisation code with PKCE, and the answer received on a port of the loopback address
//! (RFC 8252, 7.3), which is open for this one answer and no longer than ten minutes.

use std::convert::Infallible;
use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr};
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use futures_util::StreamExt as _;
use futures_util::stream::FuturesUnordered;
use http_body_util::Full;
use hyper::body::{Bytes, Incoming};
use hyper::service::service_fn;
use hyper::{Method, Request, Response, StatusCode, header};
use hyper_util::rt::TokioIo;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::mpsc;

use super::query::{Brought, read};
use super::{CLIENT_ID, OAuth, OAuthError, ProofKey, SCOPE, Tokens, random};
use crate::domain::Secret;
use crate::platform::clock::within;

/// Signs in. `open` is given the page to open in a browser on this machine.
pub async fn by_code(oauth: &OAuth, open: impl FnOnce(&str)) -> Result<Tokens, OAuthError> {
    let (verifier, state) = (random::<32>()?, random::<32>()?);
    let listener = listen().await.map_err(OAuthError::Loopback)?;
    let here = listener.local_addr().map_err(OAuthError::Loopback)?;
    let redirect = format!("http://{here}/callback");
    open(&page(oauth, &redirect, &verifier, &state));

    let (tell, mut told) = mpsc::channel(1);
    let desk = Desk { state: &state, issuer: &oauth.metadata.issuer, tell };
    let mut serving = std::pin::pin!(serve(&listener, &desk));
    let answer = async {
        tokio::select! {
            biased;
            brought = told.recv() => brought,
            () = &mut serving => None,
        }
    };
    let brought = within(&*oauth.clock, LONGEST, answer).await.map_err(|_| OAuthError::TimedOut)?;
    let exchange = async {
        match brought {
            Some(Brought::Code(code)) => exchange(oauth, &code, &redirect, &verifier).await,
            Some(Brought::No(error)) => Err(OAuthError::Refused(error)),
            Some(Brought::OtherIssuer(iss)) => Err(OAuthError::Issuer(iss)),
            Some(Brought::Nothing) | None => Err(OAuthError::TimedOut),
        }
    };
    // The browser gets its page meanwhile.
    let (outcome, _) = tokio::join!(exchange, within(&*oauth.clock, FAREWELL, serving));
    outcome
}

/// The page where the person agrees.
fn page(oauth: &OAuth, redirect: &str, verifier: &Secret, state: &Secret) -> String {
    let endpoint = &oauth.metadata.authorization_endpoint;
    let query = form_urlencoded::Serializer::new(String::new())
        .append_pair("response_type", "code")
        .append_pair("client_id", CLIENT_ID)
        .append_pair("redirect_uri", redirect)
        .append_pair("scope", SCOPE)
        .append_pair("state", state.expose())
        .append_pair("code_challenge", &challenge(verifier))
        .append_pair("code_challenge_method", "S256")
        .finish();
    let joint = if endpoint.contains('?') { '&' } else { '?' };
    format!("{endpoint}{joint}{query}")
}

fn challenge(verifier: &Secret) -> String {
    let digest = aws_lc_rs::digest::digest(&aws_lc_rs::digest::SHA256, verifier.expose().as_bytes());
    URL_SAFE_NO_PAD.encode(digest)
}

async fn exchange(oauth: &OAuth, code: &Secret, redirect: &str, verifier: &Secret) -> Result<Tokens, OAuthError> {
    let fields = [
        ("grant_type", "authorization_code"),
        ("client_id", CLIENT_ID),
        ("code", code.expose()),
        ("redirect_uri", redirect),
        ("code_verifier", verifier.expose()),
    ];
    oauth.tokens(&fields, &ProofKey::generate()?).await
}

async fn listen() -> std::io::Result<TcpListener> {
    match TcpListener::bind(SocketAddr::from((Ipv4Addr::LOCALHOST, 0))).await {
        Ok(listener) => Ok(listener),
        Err(_) => TcpListener::bind(SocketAddr::from((Ipv6Addr::LOCALHOST, 0))).await,
    }
}

/// What an answer is compared with, and where it goes.
struct Desk<'a> {
    state: &'a Secret,
    issuer: &'a str,
    tell: mpsc::Sender<Brought>,
}

/// Serves whoever connects, several at once: browsers open connections that they never use.
async fn serve(listener: &TcpListener, desk: &Desk<'_>) {
    let mut open = FuturesUnordered::new();
    loop {
        tokio::select! {
            accepted = listener.accept(), if open.len() < MOST => match accepted {
                Ok((stream, _)) => open.push(attend(stream, desk)),
                Err(_) => return,
            },
            Some(()) = open.next(), if !open.is_empty() => {}
        }
    }
}

async fn attend(stream: TcpStream, desk: &Desk<'_>) {
    let service = service_fn(|request| async move { Ok::<_, Infallible>(answer(&request, desk)) });
    let mut server = hyper::server::conn::http1::Builder::new();
    // Whoever breaks off has got what he wanted, or was no browser.
    let _ = server.keep_alive(false).serve_connection(TokioIo::new(stream), service).await;
}

fn answer(request: &Request<Incoming>, desk: &Desk<'_>) -> Response<Full<Bytes>> {
    if request.method() != Method::GET || request.uri().path() != "/callback" {
        return said(StatusCode::NOT_FOUND, "There is nothing here.");
    }
    let brought = read(request.uri().query().unwrap_or_default(), desk.state, desk.issuer);
    let (status, text) = match &brought {
        Brought::Code(_) => (StatusCode::OK, "You may close this page, and go back to your program."),
        Brought::No(_) => (StatusCode::OK, "The sign-in was refused. You may close this page."),
        Brought::OtherIssuer(_) => (StatusCode::BAD_REQUEST, "This answer is not from the appliance that was asked."),
        Brought::Nothing => return said(StatusCode::BAD_REQUEST, "This is no answer to a sign-in of this program."),
    };
    // Where one is on its way already, this one comes too late.
    let _ = desk.tell.try_send(brought);
    said(status, text)
}

fn said(status: StatusCode, text: &'static str) -> Response<Full<Bytes>> {
    let page = format!("<!doctype html><meta charset=utf-8><title>Gatehouse</title><p>{text}</p>");
    let mut response = Response::new(Full::new(Bytes::from(page)));
    *response.status_mut() = status;
    for (name, value) in [
        (header::CONTENT_TYPE, "text/html; charset=utf-8"),
        (header::CACHE_CONTROL, "no-store"),
        (header::REFERRER_POLICY, "no-referrer"),
        (header::CONTENT_SECURITY_POLICY, "default-src 'none'"),
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
    ] {
        response.headers_mut().insert(name, header::HeaderValue::from_static(value));
    }
    response
}

const LONGEST: Duration = Duration::from_secs(10 * 60);
const FAREWELL: Duration = Duration::from_millis(500);
const MOST: usize = 16;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_challenge_is_that_of_rfc_7636() {
        let verifier = Secret::new("dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk");
        assert_eq!(challenge(&verifier), "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM");
    }
}
