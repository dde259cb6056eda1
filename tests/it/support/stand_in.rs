//! The endpoints that the connector talks to, over HTTPS with the appliance's own certificate.

use std::collections::HashMap;
use std::net::IpAddr;
use std::time::Duration;

use axum::Router;
use axum::body::{Body, Bytes};
use axum::extract::State;
use axum::http::{HeaderMap, Response, StatusCode, Uri};
use axum::routing::{get, post};
use gatehouse::app::Appliance;
use gatehouse::domain::{Scope, Secret};
use gatehouse::identity::Identity;
use gatehouse::identity::oauth::{Issued, OAuthError};
use gatehouse::identity::web::Origin;
use gatehouse::platform::SystemClock;
use gatehouse::workstation::{Answer, Waited, Workstations};
use serde_json::{Value, json};
use tokio::net::TcpListener;

const HERE: IpAddr = IpAddr::V4(std::net::Ipv4Addr::LOCALHOST);

#[derive(Clone)]
struct Desk {
    identity: Identity,
    workstations: Workstations,
    pem: String,
    url: String,
}

pub async fn serve(appliance: &Appliance) -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    let desk = Desk {
        identity: appliance.state().identity.clone(),
        workstations: appliance.workstations().clone(),
        pem: appliance.authority_pem(),
        url: format!("https://localhost:{port}"),
    };
    let router = Router::new()
        .route("/.well-known/gatehouse", get(discovery))
        .route("/trust/authority.pem", get(|State(desk): State<Desk>| async move { desk.pem }))
        .route("/.well-known/oauth-authorization-server", get(metadata))
        .route("/oauth/token", post(token))
        .route("/oauth/device_authorization", post(device))
        .route("/oauth/revoke", post(revoke))
        .route("/api/v1/workstation/config", get(config))
        .with_state(desk);
    let tls = appliance.certificates().configs().https.clone();
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            let (tls, router) = (tls.clone(), router.clone());
            tokio::spawn(gatehouse::web::serve(
                stream,
                gatehouse::web::Peer(HERE),
                tls,
                router,
                SystemClock::new(),
                std::future::pending(),
            ));
        }
    });
    port
}

fn answer(status: u16, body: Value) -> Response<Body> {
    Response::builder().status(status).body(Body::from(body.to_string())).unwrap()
}

async fn discovery(State(desk): State<Desk>) -> Response<Body> {
    answer(200, serde_json::to_value(desk.workstations.discovery().1).unwrap())
}

async fn metadata(State(desk): State<Desk>) -> Response<Body> {
    let at = |path: &str| format!("{}{path}", desk.url);
    answer(
        200,
        json!({
            "issuer": desk.url,
            "authorization_endpoint": at("/oauth/authorize"),
            "token_endpoint": at("/oauth/token"),
            "device_authorization_endpoint": at("/oauth/device_authorization"),
            "revocation_endpoint": at("/oauth/revoke"),
        }),
    )
}

fn form(body: &Bytes) -> HashMap<String, String> {
    form_urlencoded::parse(body).into_owned().collect()
}

fn origin() -> Origin {
    Origin::new(HERE, "stand-in")
}

fn refused(error: &OAuthError) -> Response<Body> {
    answer(400, json!({ "error": error.code() }))
}

async fn token(State(desk): State<Desk>, body: Bytes) -> Response<Body> {
    let form = form(&body);
    let text = |name: &str| form.get(name).cloned().unwrap_or_default();
    let secret = |name: &str| Secret::new(text(name));
    let client = text("client_id");
    let issued = match text("grant_type").as_str() {
        "authorization_code" => {
            let (redirect, verifier) = (text("redirect_uri"), text("code_verifier"));
            desk.identity.exchange_code(&client, &secret("code"), &redirect, &verifier, &origin()).await
        }
        "refresh_token" => desk.identity.refresh(&client, &secret("refresh_token"), &origin()).await,
        "urn:ietf:params:oauth:grant-type:device_code" => {
            desk.identity.exchange_device_code(&client, &secret("device_code"), &origin()).await
        }
        _ => Err(OAuthError::UnsupportedGrantType),
    };
    match issued {
        Ok(Issued { access, expires_in, refresh, .. }) => answer(
            200,
            json!({
                "access_token": access.expose(), "token_type": "Bearer",
                "expires_in": expires_in.as_secs(), "refresh_token": refresh.expose(),
            }),
        ),
        Err(error) => refused(&error),
    }
}

async fn device(State(desk): State<Desk>, body: Bytes) -> Response<Body> {
    let form = form(&body);
    let origin = origin();
    let begun = desk.identity.begin_device_flow(&form["client_id"], form.get("scope").map(String::as_str), &origin);
    match begun.await {
        Ok(begun) => answer(
            200,
            json!({
                "device_code": begun.device_code.expose(), "user_code": begun.user_code.expose(),
                "verification_uri": format!("{}/device", desk.url),
                "expires_in": begun.expires_in.as_secs(), "interval": begun.interval.as_secs(),
            }),
        ),
        Err(error) => refused(&error),
    }
}

async fn revoke(State(desk): State<Desk>, body: Bytes) -> Response<Body> {
    let form = form(&body);
    match desk.identity.revoke_oauth_token(&form["client_id"], &Secret::new(form["token"].as_str())).await {
        Ok(()) => answer(200, json!({})),
        Err(error) => refused(&error),
    }
}

async fn config(State(desk): State<Desk>, headers: HeaderMap, uri: Uri) -> Response<Body> {
    let text = |name: &str| headers.get(name).map(|value| value.to_str().unwrap());
    let bearer = Secret::new(text("authorization").unwrap().strip_prefix("Bearer ").unwrap());
    let Ok(caller) = desk.identity.bearer(&bearer, Scope::WorkstationConfig, HERE) else {
        return answer(401, json!({}));
    };
    let (who, known) = (&caller.principal, text("if-none-match"));
    let mut told = desk.workstations.config(who, None, known).await;
    if let (Ok(Answer::NotModified(_)), Some(wait)) = (&told, uri.query().and_then(|q| q.strip_prefix("wait="))) {
        let limit = Duration::from_secs(wait.parse().unwrap());
        match desk.workstations.wait_for_change(who, None, known.unwrap(), limit).await {
            Ok(Waited::Changed) => told = desk.workstations.config(who, None, None).await,
            Ok(Waited::Unchanged) => {}
            Err(_) => return answer(401, json!({})),
        }
    }
    match told {
        Ok(Answer::Document(tag, document)) => {
            let mut response = answer(200, serde_json::to_value(document).unwrap());
            response.headers_mut().insert("etag", tag.as_str().parse().unwrap());
            response
        }
        Ok(Answer::NotModified(_)) => Response::builder().status(StatusCode::NOT_MODIFIED).body(Body::empty()).unwrap(),
        Err(_) => answer(401, json!({})),
    }
}
