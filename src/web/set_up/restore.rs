//! The other way through set-up: everything out of a state file, by whoever has the code.

use std::path::Path;
use std::time::Duration;

use axum::extract::multipart::{Field, MultipartError, MultipartRejection};
use axum::extract::{Multipart, State};
use axum::http::StatusCode;
use axum::response::Response;
use tokio::io::AsyncWriteExt as _;

use crate::domain::Secret;
use crate::identity::web::Origin;
use crate::platform::clock::within;
use crate::web::Web;
use crate::web::page::{self, Frame};
use crate::web::problem::Problem;

/// The largest state file, in bytes.
pub(super) const LARGEST: usize = 512 * 1024 * 1024;
/// How long a state file may take on its way.
const UPLOAD_TIME: Duration = Duration::from_secs(15 * 60);

#[derive(askama::Template)]
#[template(path = "set_up/restored.html", config = ".askama.toml")]
struct RestoredPage {
    frame: Frame,
}

/// `POST /setup/restore`
pub(super) async fn send(
    State(web): State<Web>,
    origin: Origin,
    form: Result<Multipart, MultipartRejection>,
) -> Result<Response, Problem> {
    let form = form.map_err(|_| Problem::media_type("multipart/form-data"))?;
    let place = web.admin.upload_place();
    let took = within(&*web.clock, UPLOAD_TIME, take(&web, &origin, form, &place)).await;
    let restored = async {
        let (code, passphrase) = took.unwrap_or_else(|_| Err(Problem::too_slow()))?;
        web.admin.restore_in_set_up(place.clone(), passphrase, &code, &origin).await.map_err(Problem::from)
    };
    let outcome = restored.await;
    if let Err(error) = tokio::fs::remove_file(&place).await
        && error.kind() != std::io::ErrorKind::NotFound
    {
        tracing::warn!(%error, "an uploaded state file could not be removed");
    }
    outcome?;
    page::show(&RestoredPage { frame: Frame::of(&web, None) })
}

/// The code and the passphrase; the file lies at `place` then. Nothing is written for whoever does not have the code.
async fn take(web: &Web, origin: &Origin, mut form: Multipart, place: &Path) -> Result<(Secret, Secret), Problem> {
    let (mut code, mut passphrase) = (None, None);
    while let Some(mut field) = form.next_field().await.map_err(broken)? {
        match (field.name().unwrap_or_default(), &code) {
            ("code", None) => code = Some(text(&mut field).await?),
            ("passphrase", _) => passphrase = Some(text(&mut field).await?),
            ("file", Some(code)) => {
                web.identity.check_set_up_code(code, origin).await?;
                keep(&mut field, place).await?;
            }
            _ => return Err(Problem::bad_request("The form has another order, or a field that is not known here.")),
        }
    }
    let lacks = || Problem::bad_request("The form lacks a field.");
    Ok((code.ok_or_else(lacks)?, passphrase.ok_or_else(lacks)?))
}

async fn text(field: &mut Field<'_>) -> Result<Secret, Problem> {
    let mut bytes = zeroize::Zeroizing::new(Vec::new());
    while let Some(chunk) = field.chunk().await.map_err(broken)? {
        bytes.extend_from_slice(&chunk);
        if bytes.len() > LONGEST_TEXT {
            return Err(Problem::too_large());
        }
    }
    let text = std::str::from_utf8(&bytes).map_err(|_| Problem::bad_request("A field is not UTF-8 text."))?;
    Ok(Secret::new(text))
}

async fn keep(field: &mut Field<'_>, place: &Path) -> Result<(), Problem> {
    let failed = |error: std::io::Error| Problem::internal(&error);
    let mut options = tokio::fs::OpenOptions::new();
    options.write(true).create(true).truncate(true);
    #[cfg(unix)]
    options.mode(0o600);
    let mut file = options.open(place).await.map_err(failed)?;
    while let Some(chunk) = field.chunk().await.map_err(broken)? {
        file.write_all(&chunk).await.map_err(failed)?;
    }
    file.sync_all().await.map_err(failed)
}

fn broken(error: MultipartError) -> Problem {
    match error.status() {
        StatusCode::PAYLOAD_TOO_LARGE => Problem::too_large(),
        _ => Problem::bad_request("The form does not read, or broke off."),
    }
}

const LONGEST_TEXT: usize = 4096;
