//! Files for one database, to download: `/workstations/<alias>/udl`, `dsn`, `reg`, `ps1`. None has a password in it.

use axum::extract::State;
use axum::http::header;
use axum::response::{IntoResponse as _, Response};

use crate::web::Web;
use crate::web::access::{Access, SignedIn};
use crate::web::form::Path;
use crate::web::problem::Problem;
use crate::web::routes::{Route, get};
use crate::workstation::Connection;
use crate::workstation::downloads::{self, File, FileError};

pub(super) fn routes() -> Vec<Route> {
    vec![get("/workstations/{alias}/{kind}", Access::SignedIn, file)]
}

async fn file(
    State(web): State<Web>,
    SignedIn(visit): SignedIn,
    Path((alias, kind)): Path<(String, String)>,
) -> Result<Response, Problem> {
    let make: fn(&Connection) -> Result<File, FileError> = match kind.as_str() {
        "udl" => downloads::udl,
        "dsn" => downloads::dsn,
        "reg" => downloads::registry,
        "ps1" => downloads::powershell,
        _ => return Err(Problem::not_found()),
    };
    let connections = web.workstations.connections(&visit.principal)?;
    let connection = connections.iter().find(|one| one.database == alias).ok_or_else(Problem::not_found)?;
    let made = make(connection).map_err(|error| match error {
        FileError::NotAscii | FileError::Control => Problem::unprocessable(format!("There is no such file: {error}.")),
        FileError::Unwritable(_) => Problem::internal(&error),
    });
    let File { name, media_type, content } = made?;
    let disposition = format!("attachment; filename=\"{name}\"");
    let facts = [(header::CONTENT_TYPE, media_type.to_owned()), (header::CONTENT_DISPOSITION, disposition)];
    Ok((facts, content).into_response())
}
