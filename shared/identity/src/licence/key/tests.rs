//! Keys that open, and keys that must not.

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test fails by panicking")]

use std::collections::BTreeSet;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use jiff::civil::Date;
use jiff::{Timestamp, ToSpan as _};
use proptest::prelude::*;
use uuid::Uuid;

use super::*;
use crate::licence::{MAX_MODULES, MAX_NAME, MAX_SEATS, MAX_VALUE_CHAINS, Terms};
use crate::{Feature, generate_key_pair};

fn signing_key() -> LicenceSigningKey {
    LicenceSigningKey::from_pem(&generate_key_pair().unwrap().signing_pem).unwrap()
}

fn licence(terms: Terms) -> Licence {
    Licence {
        id: Uuid::from_u128(1),
        client: Uuid::from_u128(2),
        issued_at: "2026-03-01T12:00:00Z".parse().unwrap(),
        terms,
    }
}

fn plain() -> Licence {
    licence(Terms::evaluation(Date::constant(2026, 3, 1)))
}

/// The vector 4-S-2 of <https://github.com/paseto-standard/test-vectors/blob/master/v4.json>: an Ed25519 signature is the same every time.
#[test]
fn the_standards_vector_is_signed_alike_and_verified() {
    let pem = "-----BEGIN PRIVATE KEY-----\nMC4CAQAwBQYDK2VwBCIEILTL+0PfTOIQcn2VPkpxMwf6Gbt9n4UEFDjZ4RuUKjd0\n-----END PRIVATE KEY-----";
    let payload = r#"{"data":"this is a signed message","exp":"2022-01-01T00:00:00+00:00"}"#;
    let footer = r#"{"kid":"zVhMiPBP9fRf2snEcT7gFTioeA9COcNy9DfgL1W60haN"}"#;
    let token = "v4.public.eyJkYXRhIjoidGhpcyBpcyBhIHNpZ25lZCBtZXNzYWdlIiwiZXhwIjoiMjAyMi0wMS0wMVQwMDowMDowMCswMDowMCJ9v3Jt8mx_TdM2ceTGoqwrh4yDFn0XsHvvV_D0DtwQxVrJEBMl0F2caAdgnpKlt4p7xBnx1HcO-SPo8FPp214HDw.eyJraWQiOiJ6VmhNaVBCUDlmUmYyc25FY1Q3Z0ZUaW9lQTlDT2NOeTlEZmdMMVc2MGhhTiJ9";
    let key = LicenceSigningKey::from_pem(pem).unwrap();
    assert_eq!(key.sign_bytes(payload.as_bytes(), footer.as_bytes()).unwrap(), token);
    assert_eq!(key.verifying_key().verify(token).unwrap(), payload);
    assert_eq!(
        signing_key_id(token).unwrap(),
        "zVhMiPBP9fRf2snEcT7gFTioeA9COcNy9DfgL1W60haN"
    );
}

/// The keys of the vectors k4.pid-1 and k4.public-1 of <https://github.com/paseto-standard/test-vectors/tree/master/PASERK>.
#[test]
fn a_key_is_named_by_its_hash() {
    let text = "k4.public.AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA";
    let key = LicenceVerifyingKey::from_text(text).unwrap();
    assert_eq!(key.id(), "k4.pid.S_XQmeEwHbbvRmiyfXfHYpLGjXGzjTRSDoT1YtTakWFE");
    assert_eq!(key.text(), text);
}

#[test]
fn what_was_changed_is_refused_wherever_it_was() {
    let key = signing_key();
    let signed = key.sign(&plain()).unwrap();
    assert_eq!(key.verifying_key().open(&signed), Ok(plain()));
    for at in 0..signed.len() {
        for change in [1_u8, 2, 4, 8, 16, 32, 64, 128] {
            let mut bytes = signed.clone().into_bytes();
            bytes[at] ^= change;
            let changed = String::from_utf8_lossy(&bytes);
            assert!(key.verifying_key().open(&changed).is_err(), "byte {at}: {changed}");
        }
    }
    for end in 0..signed.len() {
        assert!(key.verifying_key().open(&signed[..end]).is_err(), "first {end} bytes");
    }
}

#[test]
fn each_kind_of_bad_key_has_its_reason() {
    let (key, other) = (signing_key(), signing_key());
    let signed = key.sign(&plain()).unwrap();
    let parts: Vec<&str> = signed.split('.').collect();
    let [_, _, body, footer] = parts[..] else {
        panic!("{signed}")
    };
    let foreign = other.sign(&plain()).unwrap();
    let foreign_body = foreign.split('.').nth(2).unwrap();
    // More seats under the old signature.
    let mut bytes = URL_SAFE_NO_PAD.decode(body).unwrap();
    let at = bytes.windows(10).position(|part| part == b"\"seats\":25").unwrap();
    bytes[at + 8] = b'9';
    let seats = URL_SAFE_NO_PAD.encode(bytes);
    let more = URL_SAFE_NO_PAD.encode(format!(r#"{{"kid":"{}","more":1}}"#, key.verifying_key().id()));
    let unknown = || LicenceError::UnknownKey(other.verifying_key().id().to_owned());
    let unread = key
        .sign_bytes(br#"{"id":1}"#, &URL_SAFE_NO_PAD.decode(footer).unwrap())
        .unwrap();
    let cases = [
        (format!("v4.public.{seats}.{footer}"), LicenceError::Tampered),
        (format!("v4.public.{body}.{more}"), LicenceError::Tampered),
        (format!("v4.public.{foreign_body}.{footer}"), LicenceError::Tampered),
        (foreign.clone(), unknown()),
        (unread, LicenceError::Unreadable),
        (format!("v4.public.{body}"), LicenceError::Malformed),
        (format!("v4.local.{body}.{footer}"), LicenceError::Malformed),
        (format!("v2.public.{body}.{footer}"), LicenceError::Malformed),
        (format!("{signed}.x"), LicenceError::Malformed),
        (format!("{signed} "), LicenceError::Malformed),
        (
            format!("v4.public.{}.{footer}", "A".repeat(MAX_KEY_BYTES)),
            LicenceError::Malformed,
        ),
        (String::new(), LicenceError::Malformed),
        ("a licence, please".to_owned(), LicenceError::Malformed),
    ];
    for (text, expected) in cases {
        assert_eq!(key.verifying_key().open(&text), Err(expected), "{text:.200}");
    }
    // The other's key with our name in its footer.
    let ours = URL_SAFE_NO_PAD.decode(footer).unwrap();
    let posing = other.sign_bytes(&serde_json::to_vec(&plain()).unwrap(), &ours).unwrap();
    assert_eq!(key.verifying_key().open(&posing), Err(LicenceError::Tampered));
}

#[test]
fn the_largest_licence_is_not_too_long() {
    let names = |count: usize| -> BTreeSet<String> {
        let rest = "\u{1f4c8}".repeat(MAX_NAME - 3);
        (0..count).map(|number| format!("{number:03}{rest}")).collect()
    };
    let largest = licence(Terms {
        value_chains: names(MAX_VALUE_CHAINS),
        modules: names(MAX_MODULES),
        seats: MAX_SEATS,
        ..plain().terms
    });
    assert_eq!(largest.terms.problems(), []);
    let key = signing_key();
    let signed = key.sign(&largest).unwrap();
    assert_eq!(key.verifying_key().open(&signed), Ok(largest), "{} bytes", signed.len());
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
        &pair.signing_pem.replace("PRIVATE", "SECRET"),
    ] {
        assert_eq!(LicenceSigningKey::from_pem(wrong).err(), Some(KeyError::Signing));
    }
    for wrong in [
        "",
        "k4.public.AAAA",
        "k4.secret.AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA",
        "k2.public.x",
    ] {
        assert_eq!(LicenceVerifyingKey::from_text(wrong).err(), Some(KeyError::Verifying));
    }
}

prop_compose! {
    fn any_licence()(
        ids in any::<(u128, u128)>(),
        second in -60_000_000_000_i64..200_000_000_000,
        (value_chains, modules) in (
            prop::collection::btree_set("\\PC{1,60}", 0..4),
            prop::collection::btree_set("\\PC{1,60}", 0..4),
        ),
        features in prop::collection::btree_set(prop::sample::select(Feature::ALL.to_vec()), 1..=5),
        seats in 1..=MAX_SEATS,
        (start, days) in (-500_000_i32..1_000_000, 0_i32..3_650),
    ) -> Licence {
        let starts_on = Date::constant(2000, 1, 1).saturating_add(start.days());
        Licence {
            id: Uuid::from_u128(ids.0),
            client: Uuid::from_u128(ids.1),
            issued_at: Timestamp::from_second(second).unwrap(),
            terms: Terms { value_chains, modules, features, seats, starts_on, ends_on: starts_on.saturating_add(days.days()) },
        }
    }
}

proptest! {
    #[test]
    fn what_is_signed_opens_again_and_changed_does_not(
        licence in any_licence(),
        at in any::<prop::sample::Index>(),
        change in 1_u8..=255,
    ) {
        let key = signing_key();
        let signed = key.sign(&licence).unwrap();
        let read = LicenceVerifyingKey::from_text(key.verifying_key().text()).unwrap();
        prop_assert_eq!(read.id(), key.verifying_key().id());
        prop_assert_eq!(read.open(&signed), Ok(licence));
        let mut bytes = signed.into_bytes();
        let at = at.index(bytes.len());
        bytes[at] ^= change;
        prop_assert!(read.open(&String::from_utf8_lossy(&bytes)).is_err());
    }

    #[test]
    fn nothing_panics_on_text(text in "\\PC*", body in "[A-Za-z0-9_-]{0,200}", footer in "[A-Za-z0-9_-]{0,60}") {
        let key = signing_key();
        prop_assert!(key.verifying_key().open(&text).is_err());
        let composed = format!("v4.public.{body}.{footer}");
        prop_assert!(key.verifying_key().open(&composed).is_err());
    }
}
