//! Quoting and range predicates of SQL, in one place.
