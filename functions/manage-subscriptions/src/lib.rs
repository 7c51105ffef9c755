//! manage-subscriptions
