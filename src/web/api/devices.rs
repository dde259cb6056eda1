//! `/api/v1/devices`: a workstation enrols itself with a one-time code, changes its secret now and then, and gives itself back.

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use serde::Deserialize;
use serde_json::{Value, json};

use crate::domain::{Credential, DeviceId, Name, Scope};
use crate::identity::Caller;
use crate::identity::web::Origin;
use crate::web::Web;
use crate::web::access::{Access, Bearer};
use crate::web::form::{JsonBody, Typed};
use crate::web::problem::Problem;
use crate::web::routes::{Route, post};
use crate::workstation::documents::{ENROL_PATH, LEAVE_PATH, ROTATE_PATH};

pub(super) fn routes() -> Vec<Route> {
    vec![
        post(ENROL_PATH, Access::Program, enrol),
        post(ROTATE_PATH, Access::Bearer(Scope::WorkstationConfig), rotate),
        post(LEAVE_PATH, Access::Bearer(Scope::WorkstationConfig), leave),
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
    let secret = web.identity.rotate_device(&caller.actor(), itself(&caller)?).await?;
    Ok(Json(json!({ "secret": secret.expose() })))
}

/// `POST /api/v1/devices/leave`, with the device's secret: the device is revoked.
async fn leave(State(web): State<Web>, Bearer(caller): Bearer) -> Result<StatusCode, Problem> {
    web.identity.revoke_device(&caller.actor(), itself(&caller)?).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// The device that comes with its own secret: no token acts for one.
fn itself(caller: &Caller) -> Result<DeviceId, Problem> {
    match caller.principal.credential {
        Credential::Device(device) => Ok(device),
        _ => Err(Problem::forbidden()),
    }
}
