//! Events on their way in: what is good counts once, what is bad becomes dead letters, accepted + rejected = sent.

mod dead_letters;
mod declared;
mod deletions;
mod events;
mod files;
mod last_tries;
mod matrix;
mod memory;
mod quotas;
mod repeats;
mod replays;
mod turns;
mod undo;
mod used;
