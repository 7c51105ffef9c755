//! Boots `manage-connections`.

fn main() {}
