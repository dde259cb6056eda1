//! Styles, icons and scripts, packed into the binary.

use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Response};
use base64::Engine as _;

use super::form::Path;
use super::problem::Problem;

#[derive(rust_embed::Embed)]
#[folder = "assets/public/"]
struct Packed;

/// `GET /assets/…`: a packed file, with an `ETag` of its content.
pub async fn asset(Path(path): Path<String>, headers: HeaderMap) -> Response {
    let Some(file) = Packed::get(&path) else {
        return Problem::not_found().into_response();
    };
    let tag = format!("\"{}\"", base64::engine::general_purpose::URL_SAFE_NO_PAD.encode(file.metadata.sha256_hash()));
    let cached = headers.get(header::IF_NONE_MATCH).is_some_and(|known| known.as_bytes() == tag.as_bytes());
    let facts = [
        (header::CONTENT_TYPE, file.metadata.mimetype().to_owned()),
        (header::ETAG, tag),
        (header::CACHE_CONTROL, "max-age=3600".to_owned()),
    ];
    if cached { (StatusCode::NOT_MODIFIED, facts).into_response() } else { (facts, file.data).into_response() }
}
