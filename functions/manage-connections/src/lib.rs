//! manage-connections
