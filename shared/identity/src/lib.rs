//! Who is asking: tokens, passwords, roles and what they may do, and licences.
//!
//! No I/O and no clock: keys come in as PEM text, the time as an argument. Which sessions are open, and how often was tried to
//! sign in, is known elsewhere (`registry`); which rows a client may see is decided in the database.

pub mod caller;
pub mod claims;
pub mod email;
pub mod feature;
pub mod ids;
pub mod keys;
pub mod licence;
pub mod one_time;
pub mod password;
pub mod refused;
pub mod role;

pub use caller::{Caller, Denied};
pub use claims::{ACCESS_TOKEN_SECONDS, Claims, REFRESH_TOKEN_SECONDS, TokenUse};
pub use email::{Email, InvalidEmail};
pub use feature::{Feature, Features};
pub use keys::{KeyError, KeyPair, SigningKey, TokenError, VerifyingKey, generate_key_pair};
pub use one_time::{OneTimeSecret, OneTimeSecretError};
pub use password::{PasswordError, hash_password, spend_verification, verify_password};
pub use refused::Refused;
pub use role::{Permission, Role};
