//! The serialized types of the REST API and of the messages between functions, by area, each beside its routes; OpenAPI 3.1 and
//! AsyncAPI 3 come from here. The area of service proposals is a crate of its own, `api-proposals`, so that what changes there rebuilds
//! only who uses it.
//!
//! Definitions of the catalogue and frames of the live protocol are serialized types already: they are described here and
//! defined in `catalog` and `live`.

pub mod ask;
pub mod asyncapi;
pub mod catalog;
pub mod domain_events;
pub mod identity;
pub mod ingest;
pub mod licences;
pub mod live;
pub mod numbers;
pub mod openapi;
pub mod operate;
pub mod users;

pub use self::ingest::{EventSource, QueuedEvents};
pub use self::live::QueuedWake;

use route::Route;

/// The routes of every area but service proposals.
#[must_use]
pub fn routes() -> Vec<&'static Route> {
    let areas: [&[&Route]; 9] = [
        &ask::ROUTES,
        &self::catalog::ROUTES,
        &self::catalog::companions::ROUTES,
        &self::identity::ROUTES,
        &ingest::ROUTES,
        &licences::ROUTES,
        &self::live::ROUTES,
        &operate::ROUTES,
        &users::ROUTES,
    ];
    areas.concat()
}

#[cfg(test)]
mod tests {
    #[test]
    fn routes_are_described_rightly() {
        assert_eq!(route::mistakes(&super::routes()), [""; 0]);
    }
}
