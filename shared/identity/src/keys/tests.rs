//! Tokens that must be refused, each with its reason.

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test fails by panicking")]

use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::{Value, json};
use uuid::Uuid;

use super::*;
use crate::{ACCESS_TOKEN_SECONDS, Caller, Features, Role};

const CALLER: Caller = Caller {
    client: Uuid::from_u128(1),
    user: Uuid::from_u128(2),
    role: Role::Viewer,
    features: Features::ALL,
};

fn now() -> Timestamp {
    "2026-03-01T12:00:00Z".parse().unwrap()
}

fn after(seconds: i64) -> Timestamp {
    Timestamp::from_second(now().as_second() + seconds).unwrap()
}

fn access() -> Claims {
    Claims::new(&CALLER, TokenUse::Access, Uuid::from_u128(3), now())
}

struct Keys {
    pair: KeyPair,
    signing: SigningKey,
    verifying: VerifyingKey,
}

fn keys() -> Keys {
    let pair = generate_key_pair().unwrap();
    let signing = SigningKey::from_pem(&pair.signing_pem).unwrap();
    let verifying = VerifyingKey::from_pem(&pair.verifying_pem).unwrap();
    Keys {
        pair,
        signing,
        verifying,
    }
}

/// Signs claims of any shape with our key.
fn sign(keys: &Keys, claims: &Value) -> String {
    jsonwebtoken::encode(&Header::new(Algorithm::EdDSA), claims, &keys.signing.0).unwrap()
}

#[test]
fn a_signed_token_reads_back() {
    let keys = keys();
    for token_use in [TokenUse::Access, TokenUse::Refresh] {
        let claims = Claims::new(&CALLER, token_use, Uuid::from_u128(3), now());
        let token = keys.signing.sign(&claims).unwrap();
        assert_eq!(keys.verifying.verify(&token, token_use, now()), Ok(claims.clone()));
        assert_eq!(Caller::from(&claims), CALLER);
    }
}

#[test]
fn an_access_token_lives_one_hour_and_not_a_second_more() {
    let keys = keys();
    let token = keys.signing.sign(&access()).unwrap();
    let verify = |at| keys.verifying.verify(&token, TokenUse::Access, at).map(drop);
    assert_eq!(verify(after(ACCESS_TOKEN_SECONDS - 1)), Ok(()));
    assert_eq!(verify(after(ACCESS_TOKEN_SECONDS)), Err(TokenError::Expired));
    assert_eq!(verify(after(-CLOCK_SKEW_SECONDS)), Ok(()));
    assert_eq!(verify(after(-CLOCK_SKEW_SECONDS - 1)), Err(TokenError::NotYetValid));
}

#[test]
fn a_token_for_one_use_does_not_pass_for_the_other() {
    let keys = keys();
    let refresh = keys
        .signing
        .sign(&Claims::new(&CALLER, TokenUse::Refresh, Uuid::from_u128(3), now()))
        .unwrap();
    assert_eq!(
        keys.verifying.verify(&refresh, TokenUse::Access, now()),
        Err(TokenError::Use)
    );
    let access = keys.signing.sign(&access()).unwrap();
    assert_eq!(
        keys.verifying.verify(&access, TokenUse::Refresh, now()),
        Err(TokenError::Use)
    );
}

#[test]
fn a_token_of_a_foreign_key_is_refused() {
    let (ours, foreign) = (keys(), keys());
    let token = foreign.signing.sign(&access()).unwrap();
    assert_eq!(
        ours.verifying.verify(&token, TokenUse::Access, now()),
        Err(TokenError::Signature)
    );
}

#[test]
fn an_unsigned_token_is_refused() {
    let keys = keys();
    let body = URL_SAFE_NO_PAD.encode(serde_json::to_vec(&access()).unwrap());
    for algorithm in ["none", "None", "NONE", ""] {
        let header = URL_SAFE_NO_PAD.encode(json!({"alg": algorithm, "typ": "JWT"}).to_string());
        for token in [format!("{header}.{body}."), format!("{header}.{body}")] {
            assert_eq!(
                keys.verifying.verify(&token, TokenUse::Access, now()),
                Err(TokenError::Malformed),
                "{algorithm}"
            );
        }
    }
    // The right algorithm, and no signature.
    let header = URL_SAFE_NO_PAD.encode(json!({"alg": "EdDSA", "typ": "JWT"}).to_string());
    let token = format!("{header}.{body}.");
    assert_eq!(
        keys.verifying.verify(&token, TokenUse::Access, now()),
        Err(TokenError::Signature)
    );
}

#[test]
fn the_public_key_is_not_taken_for_an_hmac_secret() {
    let keys = keys();
    let der = STANDARD
        .decode(keys.pair.verifying_pem.lines().nth(1).unwrap())
        .unwrap();
    let raw_key = &der[der.len() - 32..];
    for secret in [keys.pair.verifying_pem.as_bytes(), &der, raw_key] {
        let key = EncodingKey::from_secret(secret);
        let token = jsonwebtoken::encode(&Header::new(Algorithm::HS256), &access(), &key).unwrap();
        assert_eq!(
            keys.verifying.verify(&token, TokenUse::Access, now()),
            Err(TokenError::Algorithm)
        );
    }
}

#[test]
fn signed_claims_of_the_wrong_shape_are_refused() {
    let keys = keys();
    let good = serde_json::to_value(access()).unwrap();
    let with = |name: &str, value: Value| {
        let mut claims = good.clone();
        claims[name] = value;
        claims
    };
    let without = |name: &str| {
        let mut claims = good.clone();
        claims.as_object_mut().unwrap().remove(name);
        claims
    };
    let cases = [
        (with("iss", json!("someone-else")), TokenError::Issuer),
        (with("aud", json!("another-api")), TokenError::Audience),
        (with("aud", json!([AUDIENCE])), TokenError::Claims),
        (with("client", json!("everyone")), TokenError::Claims),
        (with("role", json!("root")), TokenError::Claims),
        (with("use", json!("anything")), TokenError::Claims),
        (with("exp", json!("never")), TokenError::Claims),
        (with("exp", json!(-1)), TokenError::Claims),
        (without("exp"), TokenError::Claims),
        (without("iss"), TokenError::Claims),
        (without("aud"), TokenError::Claims),
        (without("use"), TokenError::Claims),
        (without("client"), TokenError::Claims),
        (json!([]), TokenError::Claims),
    ];
    for (claims, expected) in cases {
        assert_eq!(
            keys.verifying.verify(&sign(&keys, &claims), TokenUse::Access, now()),
            Err(expected),
            "{claims}"
        );
    }
}

#[test]
fn a_token_without_features_opens_nothing() {
    let keys = keys();
    let mut claims = serde_json::to_value(access()).unwrap();
    claims.as_object_mut().unwrap().remove("features");
    let read = keys.verifying.verify(&sign(&keys, &claims), TokenUse::Access, now());
    assert_eq!(read.unwrap().features, Features::NONE);
}

#[test]
fn a_truncated_or_changed_token_is_refused() {
    let keys = keys();
    let token = keys.signing.sign(&access()).unwrap();
    for end in 0..token.len() {
        assert!(
            keys.verifying.verify(&token[..end], TokenUse::Access, now()).is_err(),
            "first {end} bytes"
        );
    }
    let parts: Vec<&str> = token.split('.').collect();
    let admin = Claims {
        role: Role::Admin,
        ..access()
    };
    let forged = format!(
        "{}.{}.{}",
        parts[0],
        URL_SAFE_NO_PAD.encode(serde_json::to_vec(&admin).unwrap()),
        parts[2]
    );
    assert_eq!(
        keys.verifying.verify(&forged, TokenUse::Access, now()),
        Err(TokenError::Signature)
    );
    let long = format!("{token}{}", "A".repeat(MAX_TOKEN_BYTES));
    for malformed in [
        "",
        ".",
        "..",
        "a.b.c",
        "no token at all",
        "\u{0}.\u{ffff}.x",
        &format!("{token}.x"),
        &long,
    ] {
        assert_eq!(
            keys.verifying.verify(malformed, TokenUse::Access, now()),
            Err(TokenError::Malformed)
        );
    }
}

#[test]
fn what_is_no_key_of_this_kind_is_refused() {
    let pair = generate_key_pair().unwrap();
    let frame = |tag: &str, body: &str| format!("-----BEGIN {tag}-----\n{body}\n-----END {tag}-----\n");
    for wrong in [
        "",
        "secret",
        &pair.verifying_pem,
        &frame("PRIVATE KEY", "AAAA"),
        &frame("PRIVATE KEY", "MAA="),
    ] {
        assert_eq!(SigningKey::from_pem(wrong).err(), Some(KeyError::Signing));
    }
    for wrong in ["", "secret", &pair.signing_pem, &frame("PUBLIC KEY", "AAAA")] {
        assert_eq!(VerifyingKey::from_pem(wrong).err(), Some(KeyError::Verifying));
    }
}
