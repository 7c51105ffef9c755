//! Who gets in, and who may do what.

mod gateway;
mod isolation;
mod roles;
mod tokens;
mod users;
