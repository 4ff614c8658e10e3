//! A point in time as Data Factory writes it.

use std::fmt;

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

/// A time in UTC; shown in ISO 8601 with seven digits of the second.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub(crate) struct Moment(pub(crate) DateTime<Utc>);

impl Moment {
    /// The present.
    pub(crate) fn now() -> Self {
        Self(Utc::now())
    }

    /// Seconds from an earlier moment to this one.
    pub(crate) fn seconds_since(self, earlier: Self) -> f64 {
        (self.0 - earlier.0).as_seconds_f64()
    }

    /// Milliseconds from an earlier moment to this one.
    pub(crate) fn millis_since(self, earlier: Self) -> i64 {
        (self.0 - earlier.0).num_milliseconds()
    }
}

impl fmt::Display for Moment {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{:07}Z", self.0.format("%Y-%m-%dT%H:%M:%S"), self.0.timestamp_subsec_nanos() / 100)
    }
}

impl From<Moment> for String {
    fn from(moment: Moment) -> Self {
        moment.to_string()
    }
}

impl TryFrom<String> for Moment {
    type Error = chrono::ParseError;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        Ok(Self(text.parse()?))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_have_seven_digits() {
        let at = Moment(DateTime::from_timestamp(1_795_309_740, 123_456_789).expect("a time"));
        assert_eq!(at.to_string(), "2026-11-22T01:09:00.1234567Z");
        let again = Moment::try_from(at.to_string()).expect("reads what it writes");
        assert_eq!(again.millis_since(at), 0);
    }
}
