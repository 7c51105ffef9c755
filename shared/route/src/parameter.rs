//! What a route takes beside a body.

/// A parameter of a route.
#[derive(Clone, Copy, Debug)]
pub struct Parameter {
    /// Name.
    pub name: &'static str,
    /// Where it stands.
    pub place: Place,
    /// Whether the route can't do without it.
    pub required: bool,
    /// Meaning and form.
    pub description: &'static str,
}

/// Where a parameter stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Place {
    /// In the path.
    Path,
    /// In the query string.
    Query,
    /// Among the headers.
    Header,
}

impl Parameter {
    /// Names the version that is replaced, so that nobody overwrites a change unseen.
    pub const IF_MATCH: Self = Self::header("If-Match", "The `ETag` of the version that is replaced.").required();

    /// Lets a request be sent again.
    pub const IDEMPOTENCY_KEY: Self = Self::header(
        "Idempotency-Key",
        "A repeated request with the same key has its effect once.",
    );

    /// A part of the path.
    #[must_use]
    pub const fn path(name: &'static str, description: &'static str) -> Self {
        Self::new(name, Place::Path, description).required()
    }

    /// A parameter of the query string, which may be left out.
    #[must_use]
    pub const fn query(name: &'static str, description: &'static str) -> Self {
        Self::new(name, Place::Query, description)
    }

    /// A header, which may be left out.
    #[must_use]
    pub const fn header(name: &'static str, description: &'static str) -> Self {
        Self::new(name, Place::Header, description)
    }

    /// The same, and it may not be left out.
    #[must_use]
    pub const fn required(self) -> Self {
        Self { required: true, ..self }
    }

    const fn new(name: &'static str, place: Place, description: &'static str) -> Self {
        Self {
            name,
            place,
            required: false,
            description,
        }
    }
}
