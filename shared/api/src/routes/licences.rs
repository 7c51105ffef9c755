//! Licences and the keys that sign them.

use utoipa::PartialSchema;
use utoipa::openapi::path::HttpMethod;

use super::{Body, Route, idempotency_key, path, query, route};
use crate::licences;

/// Routes of licences.
pub(super) fn routes() -> Vec<Route> {
    vec![
        Route {
            parameters: vec![idempotency_key()],
            request: body!(licences::NewLicence, "NewLicence"),
            response: body!(licences::Licence, "Licence"),
            status: "201",
            ..route(
                HttpMethod::Post,
                "/v1/licences",
                "issueLicence",
                "Issues a licence to a client. For operators.",
            )
        },
        Route {
            parameters: vec![query(
                "client",
                false,
                "Whose licences; the own client's when absent, and others' for operators.",
            )],
            response: body!(licences::Licences, "Licences"),
            ..route(
                HttpMethod::Get,
                "/v1/licences",
                "listLicences",
                "Licences of a client, and what they open today.",
            )
        },
        Route {
            request: body!(licences::LicenceKey, "LicenceKey"),
            response: body!(licences::Verification, "Verification"),
            ..route(
                HttpMethod::Post,
                "/v1/licences/verify",
                "verifyLicence",
                "What a key says and whether it counts today, with everything that is wrong. 400 when it is no licence key at all.",
            )
        },
        Route {
            parameters: vec![path("id", "The licence.")],
            request: body!(licences::Revocation, "Revocation"),
            response: body!(licences::Licence, "Licence"),
            ..route(
                HttpMethod::Post,
                "/v1/licences/{id}/revoke",
                "revokeLicence",
                "Takes a licence back, once. Tokens that were issued before live on for an hour at most. For operators.",
            )
        },
        Route {
            response: body!(licences::SigningKeys, "SigningKeys"),
            ..route(
                HttpMethod::Get,
                "/v1/licences/keys",
                "listLicenceKeys",
                "The public halves of the signing keys: whoever has one can verify licences alone.",
            )
        },
        Route {
            parameters: vec![path("kid", "Name of the signing key.")],
            request: body!(licences::KeyWithdrawal, "KeyWithdrawal"),
            response: body!(licences::SigningKey, "SigningKey"),
            ..route(
                HttpMethod::Post,
                "/v1/licences/keys/{kid}/withdraw",
                "withdrawLicenceKey",
                "Withdraws a signing key that is not safe any more, once: no licence that it signed counts. For operators.",
            )
        },
    ]
}
