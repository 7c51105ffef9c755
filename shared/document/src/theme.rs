//! How the documents of a client look.

use std::fmt::{self, Display};
use std::str::FromStr;

use serde::{Serialize, Serializer};

use super::logo::{Logo, MAX_LOGO_BYTES, MAX_LOGO_PIXELS};

/// The least contrast of text to its ground that WCAG 2.2 asks for (AA).
const LEAST_CONTRAST: f64 = 4.5;

/// How the documents of a client look.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Theme {
    /// The colour of headings and bars.
    pub primary: Colour,
    /// The second colour of charts.
    pub accent: Colour,
    /// The logo. Renderers have a way of their own to it.
    #[serde(skip)]
    pub logo: Option<Logo>,
}

impl Default for Theme {
    /// What a client without colours gets: dark blue and green, and no logo.
    fn default() -> Self {
        Self {
            primary: Colour::rgb(0x1f, 0x3a, 0x5f),
            accent: Colour::rgb(0x2a, 0x9d, 0x8f),
            logo: None,
        }
    }
}

/// Why a colour or a logo can't be used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ThemeError {
    /// Not a colour.
    #[error("{0:?} is not a colour: write it like #1f3a5f")]
    Colour(String),
    /// Too large.
    #[error("the logo has {0} bytes; at most {MAX_LOGO_BYTES} are allowed")]
    Bytes(usize),
    /// Not a PNG.
    #[error("the logo is not a PNG file")]
    Kind,
    /// Too many pixels, or none.
    #[error("the logo has {0} x {1} pixels; each side may have 1 to {MAX_LOGO_PIXELS}")]
    Pixels(u32, u32),
    /// Damaged, or not what its beginning says.
    #[error("the logo is broken: {0}")]
    Broken(String),
}

/// A colour of the screen.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Colour {
    red: u8,
    green: u8,
    blue: u8,
}

impl Colour {
    /// The ground that documents are printed on.
    pub const WHITE: Self = Self::rgb(0xff, 0xff, 0xff);

    const fn rgb(red: u8, green: u8, blue: u8) -> Self {
        Self { red, green, blue }
    }

    /// The same hue, dark enough for text on white: a contrast of 4.5 at least.
    #[must_use]
    pub fn for_text(self) -> Self {
        let mut colour = self;
        while colour.contrast(Self::WHITE) < LEAST_CONTRAST {
            // Ends at black, whose contrast is 21.
            let darker = |part: u8| part - part.div_ceil(16);
            colour = Self::rgb(darker(colour.red), darker(colour.green), darker(colour.blue));
        }
        colour
    }

    /// The contrast of two colours by WCAG: 1 of equal ones, 21 of black and white.
    #[must_use]
    pub fn contrast(self, other: Self) -> f64 {
        let (one, two) = (self.luminance(), other.luminance());
        (one.max(two) + 0.05) / (one.min(two) + 0.05)
    }

    fn luminance(self) -> f64 {
        let linear = |part: u8| {
            let part = f64::from(part) / 255.0;
            if part <= 0.040_45 {
                part / 12.92
            } else {
                ((part + 0.055) / 1.055).powf(2.4)
            }
        };
        0.2126 * linear(self.red) + 0.7152 * linear(self.green) + 0.0722 * linear(self.blue)
    }
}

impl FromStr for Colour {
    type Err = ThemeError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let wrong = || ThemeError::Colour(text.chars().take(32).collect());
        let digits = text.strip_prefix('#').ok_or_else(wrong)?;
        if digits.len() != 6 || !digits.bytes().all(|digit| digit.is_ascii_hexdigit()) {
            return Err(wrong());
        }
        let [_, red, green, blue] = u32::from_str_radix(digits, 16).map_err(|_| wrong())?.to_be_bytes();
        Ok(Self::rgb(red, green, blue))
    }
}

impl Display for Colour {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "#{:02x}{:02x}{:02x}", self.red, self.green, self.blue)
    }
}

impl Serialize for Colour {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

#[cfg(test)]
mod tests;
