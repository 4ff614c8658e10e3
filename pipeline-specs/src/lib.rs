//! Data Factory JSON.
