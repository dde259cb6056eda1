//! A QR code within a page: as a `data:` address, since nothing inline is shown and what it says may be a secret.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use super::problem::Problem;
use crate::domain::Secret;
use crate::workstation::downloads::qr_svg;

/// The address of a picture that says this.
pub fn picture(text: &Secret) -> Result<String, Problem> {
    let svg = qr_svg(text.expose()).map_err(|error| Problem::internal(&error))?;
    Ok(format!("data:image/svg+xml;base64,{}", STANDARD.encode(svg)))
}

/// A secret as people type it: in groups of four.
pub fn grouped(secret: &Secret) -> String {
    let letters: Vec<char> = secret.expose().chars().collect();
    letters.chunks(4).map(|group| group.iter().collect::<String>()).collect::<Vec<_>>().join(" ")
}
