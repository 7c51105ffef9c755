//! Events on their way in: what is good counts once, what is bad becomes dead letters, accepted + rejected = sent.

mod dead_letters;
mod events;
mod files;
mod last_tries;
mod matrix;
mod memory;
mod quotas;
mod repeats;
mod turns;
mod undo;
