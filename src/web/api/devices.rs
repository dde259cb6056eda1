//! `/api/v1/devices`: a workstation enrols itself with a one-time code, and changes its secret now and then.

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use serde::Deserialize;
use serde_json::{Value, json};

use crate::domain::{Credential, Name, Scope};
use crate::identity::web::Origin;
use crate::web::Web;
use crate::web::access::{Access, Bearer};
use crate::web::form::{JsonBody, Typed};
use crate::web::problem::Problem;
use crate::web::routes::{Route, post};

pub(super) fn routes() -> Vec<Route> {
    vec![
        post("/api/v1/devices/enrol", Access::Program, enrol),
        post("/api/v1/devices/rotate", Access::Bearer(Scope::WorkstationConfig), rotate),
    ]
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Enrolment {
    /// The code, as it was handed out or typed.
    code: Typed,
    /// What the device is to be called: the user name of its sign-in.
    name: Name,
}

/// `POST /api/v1/devices/enrol`: a code for a device's secret. The secret is told this once.
async fn enrol(
    State(web): State<Web>,
    origin: Origin,
    JsonBody(asked): JsonBody<Enrolment>,
) -> Result<(StatusCode, Json<Value>), Problem> {
    let (device, account, secret) = web.identity.enrol_device(&asked.code.0, asked.name, &origin).await?;
    let document = json!({
        "device": { "id": device.id.to_string(), "name": device.name.as_str() },
        "account": account.as_str(),
        "secret": secret.expose(),
    });
    Ok((StatusCode::CREATED, Json(document)))
}

/// `POST /api/v1/devices/rotate`, with the device's secret: its next one. The present one counts until the next is used, so a
/// device keeps the answer before it does that; asked again, the answer before is void.
async fn rotate(State(web): State<Web>, Bearer(caller): Bearer) -> Result<Json<Value>, Problem> {
    let Credential::Device(device) = caller.principal.credential else { return Err(Problem::forbidden()) };
    let secret = web.identity.rotate_device(&caller.actor(), device).await?;
    Ok(Json(json!({ "secret": secret.expose() })))
}
