//! The client's logo: a PNG file, decoded and written anew before anything else sees it.
//!
//! Whoever draws documents is given pixels of a known size and nothing else of a stranger's file: no profiles, texts or
//! animations, and nothing that is broken further in. Drawings (SVG) are not taken: a few bytes of one can keep a
//! renderer busy for minutes, or end it.

use std::io::Cursor;

use png::{BitDepth, Decoder, Encoder, Limits, Transformations};

use super::ThemeError;

/// The most bytes of a logo: a sharp one takes a tenth.
pub const MAX_LOGO_BYTES: usize = 512 * 1024;

/// The most pixels of a logo's side; it is printed 6 cm wide. 2,000 x 2,000 pixels take 16 MB once unpacked.
pub const MAX_LOGO_PIXELS: u32 = 2_000;

/// The most memory for unpacking: the pixels with 16 bits for each of four channels, and as much again for what else is in the file.
const MAX_UNPACKED_BYTES: usize = 2 * 8 * 2_000 * 2_000;

const SIGNATURE: [u8; 8] = [0x89, b'P', b'N', b'G', b'\r', b'\n', 0x1a, b'\n'];

/// A logo that was looked at.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Logo {
    png: Vec<u8>,
}

impl Logo {
    /// Reads a file whole: its content says what it is, not its name.
    ///
    /// # Errors
    /// When it is too large, no PNG, has too many pixels, or is broken anywhere.
    pub fn new(bytes: &[u8]) -> Result<Self, ThemeError> {
        if bytes.len() > MAX_LOGO_BYTES {
            return Err(ThemeError::Bytes(bytes.len()));
        }
        if !bytes.starts_with(&SIGNATURE) {
            return Err(ThemeError::Kind);
        }
        let broken = |cause: &dyn std::fmt::Display| ThemeError::Broken(cause.to_string());
        let limits = Limits {
            bytes: MAX_UNPACKED_BYTES,
        };
        let mut decoder = Decoder::new_with_limits(Cursor::new(bytes), limits);
        decoder.set_transformations(Transformations::normalize_to_color8() | Transformations::ALPHA);
        decoder.set_ignore_text_chunk(true);
        decoder.set_ignore_iccp_chunk(true);
        let header = decoder.read_header_info().map_err(|error| broken(&error))?;
        let (width, height) = (header.width, header.height);
        let allowed = 1..=MAX_LOGO_PIXELS;
        if !allowed.contains(&width) || !allowed.contains(&height) {
            return Err(ThemeError::Pixels(width, height));
        }
        let mut reader = decoder.read_info().map_err(|error| broken(&error))?;
        let size = reader.output_buffer_size().ok_or(ThemeError::Pixels(width, height))?;
        let mut pixels = vec![0; size];
        let frame = reader.next_frame(&mut pixels).map_err(|error| broken(&error))?;
        reader.finish().map_err(|error| broken(&error))?;
        pixels.truncate(frame.buffer_size());

        let mut png = Vec::new();
        let mut encoder = Encoder::new(&mut png, width, height);
        encoder.set_color(frame.color_type);
        encoder.set_depth(BitDepth::Eight);
        let written = encoder
            .write_header()
            .and_then(|mut writer| writer.write_image_data(&pixels));
        written.map_err(|error| broken(&error))?;
        Ok(Self { png })
    }

    /// A PNG file of the same pixels and nothing else.
    #[must_use]
    pub fn png(&self) -> &[u8] {
        &self.png
    }
}

#[cfg(test)]
mod tests;
