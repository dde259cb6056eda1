//! Forms and JSON documents as they are sent: one media type, a bounded length, in bounded time, and no field that is not known.

use std::time::Duration;

use axum::body::Bytes;
use axum::extract::{self, FromRequest, FromRequestParts, Request};
use axum::http::request::Parts;
use axum::http::{StatusCode, header};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Deserializer};

use super::Web;
use super::problem::Problem;
use crate::domain::Secret;
use crate::platform::clock::within;

/// A form that was sent (`application/x-www-form-urlencoded`). `T` denies unknown fields.
pub struct Form<T>(pub T);

/// A JSON document that was sent. `T` denies unknown fields.
pub struct JsonBody<T>(pub T);

/// A secret in a form: the one way by which one comes in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Typed(pub Secret);

impl<'de> Deserialize<'de> for Typed {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer).map(|text| Self(Secret::from(text)))
    }
}

/// What stands after the question mark of an address. Parameters that nobody knows are passed over: links gather some.
pub struct Query<T>(pub T);

/// What stands in the places of a route's path.
pub struct Path<T>(pub T);

impl<T: DeserializeOwned + Send> FromRequestParts<Web> for Path<T> {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, web: &Web) -> Result<Self, Problem> {
        let path = extract::Path::from_request_parts(parts, web).await;
        path.map(|extract::Path(path)| Self(path)).map_err(|_| Problem::bad_request("The address does not read."))
    }
}

impl<T: DeserializeOwned> FromRequestParts<Web> for Query<T> {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _: &Web) -> Result<Self, Problem> {
        let query = serde_urlencoded::from_str(parts.uri.query().unwrap_or_default());
        query
            .map(Self)
            .map_err(|_| Problem::bad_request("The address lacks a parameter, or has one twice or a wrong one."))
    }
}

impl<T: DeserializeOwned> FromRequest<Web> for Form<T> {
    type Rejection = Problem;

    async fn from_request(request: Request, web: &Web) -> Result<Self, Problem> {
        let body = body(request, web, "application/x-www-form-urlencoded").await?;
        // The error may quote what was sent, which may be a secret: it is not told.
        let form = serde_urlencoded::from_bytes(&body);
        form.map(Self).map_err(|_| Problem::bad_request("The form lacks a field, or has one that is not known here."))
    }
}

impl<T: DeserializeOwned> FromRequest<Web> for JsonBody<T> {
    type Rejection = Problem;

    async fn from_request(request: Request, web: &Web) -> Result<Self, Problem> {
        let body = body(request, web, "application/json").await?;
        let at = |error: serde_json::Error| {
            let place = format!("line {}, column {}", error.line(), error.column());
            Problem::bad_request(format!("The document does not read: look at {place}."))
        };
        serde_json::from_slice(&body).map(Self).map_err(at)
    }
}

async fn body(request: Request, web: &Web, expected: &'static str) -> Result<Bytes, Problem> {
    let kind = request.headers().get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
    let kind = kind.split(';').next().unwrap_or_default().trim();
    if !kind.eq_ignore_ascii_case(expected) {
        return Err(Problem::media_type(expected));
    }
    match within(&*web.clock, BODY_TIME, Bytes::from_request(request, web)).await {
        Ok(Ok(body)) => Ok(body),
        Ok(Err(rejection)) => Err(match rejection.status() {
            StatusCode::PAYLOAD_TOO_LARGE => Problem::too_large(),
            _ => Problem::bad_request("The request broke off."),
        }),
        Err(_) => Err(Problem::too_slow()),
    }
}

/// How long a body may take.
const BODY_TIME: Duration = Duration::from_secs(20);
