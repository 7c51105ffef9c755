//! manage-streams
