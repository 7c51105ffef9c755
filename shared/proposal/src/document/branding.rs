//! The client's colours and logo.

use std::fmt::{self, Display};
use std::str::FromStr;

use serde::{Serialize, Serializer};

/// The most bytes of a logo: a sharp one takes a tenth, and both documents carry it.
pub const MAX_LOGO_BYTES: usize = 512 * 1024;

/// The most pixels of a logo's side. 4,000 x 4,000 pixels take 64 MB once unpacked.
pub const MAX_LOGO_PIXELS: u32 = 4_000;

/// The least contrast of text to its ground that WCAG 2.2 asks for (AA).
const LEAST_CONTRAST: f64 = 4.5;

const PNG_SIGNATURE: [u8; 8] = [0x89, b'P', b'N', b'G', b'\r', b'\n', 0x1a, b'\n'];

/// What an SVG may not hold, and why. In small letters.
const REFUSED: [(&str, &str); 9] = [
    ("<!doctype", "it declares entities, which can unfold without end"),
    ("<!entity", "it declares entities, which can unfold without end"),
    ("<script", "it holds a program"),
    ("<foreignobject", "it holds another document"),
    ("<image", "it holds another picture"),
    ("<text", "its text needs fonts: convert text to paths"),
    (
        "<use",
        "it repeats parts of itself, which can unfold without end: expand its symbols",
    ),
    ("<filter", "it holds filters, which are drawn pixel by pixel"),
    ("@import", "it loads something else"),
];

/// How the documents of a client look.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Branding {
    /// The colour of headings and bars.
    pub primary: Colour,
    /// The second colour of charts.
    pub accent: Colour,
    /// The logo. Renderers have a way of their own to it.
    #[serde(skip)]
    pub logo: Option<Logo>,
}

impl Default for Branding {
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
pub enum BrandingError {
    /// Not a colour.
    #[error("{0:?} is no colour: write it like #1f3a5f")]
    Colour(String),
    /// Too large.
    #[error("the logo has {0} bytes; the most is {MAX_LOGO_BYTES}")]
    Bytes(usize),
    /// Neither PNG nor SVG.
    #[error("the logo is neither a PNG nor an SVG file")]
    Kind,
    /// Too many pixels, or none.
    #[error("the logo has {0} x {1} pixels; a side has 1 to {MAX_LOGO_PIXELS}")]
    Pixels(u32, u32),
    /// Something in an SVG.
    #[error("the logo can't be used: {0}")]
    Svg(&'static str),
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
    type Err = BrandingError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let wrong = || BrandingError::Colour(text.chars().take(32).collect());
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

/// What a logo is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum LogoKind {
    /// Pixels.
    Png,
    /// Shapes.
    Svg,
}

/// A logo that was looked at.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Logo {
    kind: LogoKind,
    bytes: Vec<u8>,
}

impl Logo {
    /// Looks at a file: its beginning says what it is, not its name.
    ///
    /// # Errors
    /// When it is too large, neither PNG nor SVG, or an SVG that is more than a drawing.
    pub fn new(bytes: Vec<u8>) -> Result<Self, BrandingError> {
        if bytes.len() > MAX_LOGO_BYTES {
            return Err(BrandingError::Bytes(bytes.len()));
        }
        let kind = if bytes.starts_with(&PNG_SIGNATURE) {
            check_png(&bytes)?;
            LogoKind::Png
        } else {
            check_svg(std::str::from_utf8(&bytes).map_err(|_| BrandingError::Kind)?)?;
            LogoKind::Svg
        };
        Ok(Self { kind, bytes })
    }

    /// What it is.
    #[must_use]
    pub fn kind(&self) -> LogoKind {
        self.kind
    }

    /// The file.
    #[must_use]
    pub fn bytes(&self) -> &[u8] {
        &self.bytes
    }
}

/// The header comes first in every PNG: its length, `IHDR`, width and height.
fn check_png(bytes: &[u8]) -> Result<(), BrandingError> {
    let side = |at: usize| {
        let bytes = bytes.get(at..at + 4)?;
        bytes.try_into().map(u32::from_be_bytes).ok()
    };
    let (Some(width), Some(height)) = (side(16), side(20)) else {
        return Err(BrandingError::Kind);
    };
    let allowed = 1..=MAX_LOGO_PIXELS;
    if allowed.contains(&width) && allowed.contains(&height) {
        Ok(())
    } else {
        Err(BrandingError::Pixels(width, height))
    }
}

fn check_svg(text: &str) -> Result<(), BrandingError> {
    let text = text.to_ascii_lowercase();
    if !text.contains("<svg") {
        return Err(BrandingError::Kind);
    }
    let refused = REFUSED.iter().find(|(what, _)| text.contains(what));
    match refused {
        Some((_, why)) => Err(BrandingError::Svg(why)),
        None if hides_something(&text) => Err(BrandingError::Svg("it has refused elements behind a prefix")),
        None if links_out(&text) => Err(BrandingError::Svg("it refers to something outside of itself")),
        None => Ok(()),
    }
}

/// Whether an element that is refused has a prefix before its name: to whoever draws it, `s:use` is a `use`.
fn hides_something(text: &str) -> bool {
    text.split('<').skip(1).any(|rest| {
        let name = rest.trim_start_matches('/');
        let end = name.find(|character: char| character.is_whitespace() || matches!(character, '>' | '/'));
        let name = &name[..end.unwrap_or(name.len())];
        let refused = |local: &str| {
            REFUSED
                .iter()
                .any(|(what, _)| what.strip_prefix('<').is_some_and(|what| local.starts_with(what)))
        };
        name.rsplit_once(':').is_some_and(|(_, local)| refused(local))
    })
}

/// Whether a link or `url()` leads anywhere but to a part of the same file.
fn links_out(text: &str) -> bool {
    let inside = |(at, found): (usize, &str)| {
        let rest = &text[at + found.len()..];
        rest.trim_start_matches(['=', '"', '\'', ' ', '(', '\n', '\r', '\t'])
            .starts_with('#')
    };
    text.match_indices("href")
        .chain(text.match_indices("url("))
        .any(|found| !inside(found))
}

#[cfg(test)]
#[path = "branding_tests.rs"]
mod tests;
