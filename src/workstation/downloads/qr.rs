//! A QR code as SVG, for telephones and for paper.

use qrcode::render::svg;
use qrcode::{EcLevel, QrCode};

/// The text does not fit into a QR code. The operator's side.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the text is too long for a QR code")]
pub struct TooLong;

/// A text as an SVG picture, black on white, whatever the page's colours are: cameras need that.
pub fn qr_svg(text: &str) -> Result<String, TooLong> {
    let code = QrCode::with_error_correction_level(text.as_bytes(), EcLevel::M).map_err(|_| TooLong)?;
    let mut image = code.render::<svg::Color<'_>>();
    image.min_dimensions(240, 240).quiet_zone(true);
    Ok(image.dark_color(svg::Color("#000")).light_color(svg::Color("#fff")).build())
}
