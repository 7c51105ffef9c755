//! Boots `manage-subscriptions`.

fn main() {}
