//! Who gets in, and who may do what.

mod gateway;
mod ids;
mod isolation;
mod mails;
mod roles;
mod tokens;
mod users;
