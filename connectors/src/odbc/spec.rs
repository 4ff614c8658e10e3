//! The settings of an ODBC linked service, dataset and copy source.

use ropeway_engine::{Error, ErrorKind, Result};
use secrecy::{ExposeSecret, SecretString};
use serde::Deserialize;

use super::connection_string::ConnectionString;
use crate::lenient;

/// The longest name that any database of the list has, and then some; a bound against nonsense.
const LONGEST_NAME: usize = 1024;

/// Settings of the source.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct SourceSpec {
    pub(super) linked_service: LinkedService,
    #[serde(default)]
    pub(super) dataset: Dataset,
    #[serde(default)]
    pub(super) source: CopySource,
    #[serde(default, deserialize_with = "lenient::option::u32")]
    pub(super) parallel_copies: Option<u32>,
    #[serde(default)]
    pub(super) ropeway: Ropeway,
}

/// Settings of the sink.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct SinkSpec {
    pub(super) linked_service: LinkedService,
    #[serde(default)]
    pub(super) dataset: Dataset,
    #[serde(default)]
    pub(super) sink: CopySink,
    #[serde(default, deserialize_with = "lenient::option::u32")]
    pub(super) parallel_copies: Option<u32>,
    #[serde(default)]
    pub(super) ropeway: Ropeway,
}

/// Settings of the store, for the connection test.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct StoreSpec {
    pub(super) linked_service: LinkedService,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct LinkedService {
    connection_string: SecretString,
    #[serde(default)]
    authentication_type: Option<String>,
    #[serde(default)]
    user_name: Option<String>,
    #[serde(default)]
    password: Option<SecretString>,
    #[serde(default)]
    credential: Option<SecretString>,
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Dataset {
    #[serde(default, deserialize_with = "lenient::option::text")]
    table_name: Option<String>,
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct CopySource {
    #[serde(default, deserialize_with = "lenient::option::text")]
    query: Option<String>,
    #[serde(default, deserialize_with = "lenient::option::text")]
    query_timeout: Option<String>,
    #[serde(default, deserialize_with = "lenient::option::text")]
    partition_option: Option<String>,
    #[serde(default)]
    partition_settings: Option<PartitionSettings>,
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct CopySink {
    #[serde(default, deserialize_with = "lenient::option::text")]
    pub(super) pre_copy_script: Option<String>,
    /// Rows at once; 0 leaves it to us.
    #[serde(default, deserialize_with = "lenient::option::u32")]
    pub(super) write_batch_size: Option<u32>,
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase")]
struct PartitionSettings {
    #[serde(default, deserialize_with = "lenient::option::text")]
    partition_column_name: Option<String>,
    #[serde(default, deserialize_with = "lenient::option::text")]
    partition_upper_bound: Option<String>,
    #[serde(default, deserialize_with = "lenient::option::text")]
    partition_lower_bound: Option<String>,
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Ropeway {
    #[serde(default, deserialize_with = "lenient::option::u32")]
    pub(super) parallel: Option<u32>,
    /// See [`snapshot`](super::snapshot).
    #[serde(default)]
    pub(super) isolation_level: Option<String>,
}

/// What is read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Input {
    /// The parts of the table's name, outermost first.
    Table(Vec<String>),
    /// A query, its last semicolon gone.
    Query(String),
}

/// How the definition wants the input to be cut.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) enum Partition {
    /// Nothing is said: by a key that is found.
    #[default]
    Found,
    /// Not at all.
    None,
    /// By ranges of this column, between these bounds where they are given.
    Range { column: Option<String>, lower: Option<String>, upper: Option<String> },
}

impl LinkedService {
    /// The whole connection string, credentials included.
    pub(super) fn connection_string(&self) -> Result<ConnectionString> {
        let mut whole = ConnectionString::parse(self.connection_string.expose_secret())?;
        let credential = self.credential.as_ref().map_or("", |credential| credential.expose_secret());
        let credential = ConnectionString::parse(credential)?;
        refuse_twice(whole.common_keyword(&credential))?;
        whole.extend(credential);

        let basic = self.authentication_type.as_deref().is_none_or(|it| it.eq_ignore_ascii_case("Basic"));
        let mut login = ConnectionString::default();
        if let Some(user) = self.user_name.as_deref().filter(|user| basic && !user.is_empty()) {
            login.push("UID", user);
        }
        if let Some(password) = self.password.as_ref().filter(|it| basic && !it.expose_secret().is_empty()) {
            login.push("PWD", password.expose_secret());
        }
        refuse_twice(whole.common_keyword(&login))?;
        whole.extend(login);
        if whole.get("Driver").is_none() && whole.get("DSN").is_none() {
            return Err(Error::new(
                ErrorKind::Spec,
                "the connectionString names no driver; begin it with Driver={name of the driver}; or DSN=name;",
            ));
        }
        Ok(whole)
    }
}

fn refuse_twice(keyword: Option<&str>) -> Result<()> {
    keyword.map_or(Ok(()), |keyword| {
        Err(Error::new(ErrorKind::Spec, "credentials stand in the connectionString and beside it; keep one of the two")
            .with("keyword", keyword.escape_debug()))
    })
}

impl SourceSpec {
    /// The query, or else the table.
    pub(super) fn input(&self) -> Result<Input> {
        if let Some(query) = self.source.query.as_deref().filter(|query| !query.trim().is_empty()) {
            return Ok(Input::Query(query.trim_end().trim_end_matches(';').to_owned()));
        }
        match self.dataset.table_name.as_deref().filter(|name| !name.trim().is_empty()) {
            Some(name) => Ok(Input::Table(name_parts(name)?)),
            None => Err(Error::new(
                ErrorKind::Spec,
                "nothing says what to read; set tableName in the dataset, or query in the copy source",
            )),
        }
    }

    pub(super) fn partition(&self) -> Result<Partition> {
        let settings = self.source.partition_settings.as_ref();
        let range = || {
            let setting = |pick: fn(&PartitionSettings) -> &Option<String>| {
                settings.and_then(|it| pick(it).clone()).filter(|text| !text.trim().is_empty())
            };
            Partition::Range {
                column: setting(|it| &it.partition_column_name),
                lower: setting(|it| &it.partition_lower_bound),
                upper: setting(|it| &it.partition_upper_bound),
            }
        };
        match self.source.partition_option.as_deref() {
            None => Ok(if settings.is_some_and(|it| it.partition_column_name.is_some()) {
                range()
            } else {
                Partition::Found
            }),
            Some("None") => Ok(Partition::None),
            Some("DynamicRange") => Ok(range()),
            Some(other) => Err(Error::new(
                ErrorKind::Spec,
                "an Odbc source is cut by partitionOption None or DynamicRange; use one of them",
            )
            .with("partitionOption", other.escape_debug())),
        }
    }

    /// Seconds that a statement may run, if the definition limits it.
    pub(super) fn query_timeout(&self) -> Result<Option<usize>> {
        let Some(text) = self.source.query_timeout.as_deref().filter(|text| !text.is_empty()) else {
            return Ok(None);
        };
        timespan_seconds(text).map(Some).ok_or_else(|| {
            Error::new(ErrorKind::Spec, "queryTimeout is not of the form hh:mm:ss; correct it")
                .with("queryTimeout", text.escape_debug())
        })
    }

    /// Chunks that may be read at once.
    pub(super) fn connections(&self) -> usize {
        connections(self.ropeway.parallel, self.parallel_copies)
    }
}

impl SinkSpec {
    /// The parts of the table's name, outermost first.
    pub(super) fn table(&self) -> Result<Vec<String>> {
        match self.dataset.table_name.as_deref().filter(|name| !name.trim().is_empty()) {
            Some(name) => name_parts(name),
            None => {
                Err(Error::new(ErrorKind::Spec, "nothing says where to write; set tableName in the sink's dataset"))
            }
        }
    }

    /// Chunks that may be written at once.
    pub(super) fn connections(&self) -> usize {
        connections(self.ropeway.parallel, self.parallel_copies)
    }
}

fn connections(parallel: Option<u32>, parallel_copies: Option<u32>) -> usize {
    usize::try_from(parallel.max(parallel_copies).unwrap_or(32)).unwrap_or(256).clamp(1, 256)
}

/// `[d.]hh:mm:ss[.f]`, a fraction of a second rounded up.
fn timespan_seconds(text: &str) -> Option<usize> {
    let (days, clock) = match text.split_once('.') {
        Some((days, clock)) if clock.contains(':') => (days.parse().ok()?, clock),
        _ => (0_usize, text),
    };
    let mut parts = clock.split(':');
    let (hours, minutes, seconds) = (parts.next()?, parts.next()?, parts.next()?);
    if parts.next().is_some() {
        return None;
    }
    let seconds: f64 = seconds.parse().ok().filter(|it| (0.0..60.0).contains(it))?;
    let minutes: usize = minutes.parse().ok().filter(|it| *it < 60)?;
    let hours: usize = hours.parse().ok()?;
    days.checked_mul(24)?.checked_add(hours)?.checked_mul(3600)?.checked_add(minutes * 60 + seconds.ceil() as usize)
}

/// `schema.table`, each part plain or in double quotes, brackets or backticks.
pub(super) fn name_parts(name: &str) -> Result<Vec<String>> {
    let wrong = || {
        Error::new(ErrorKind::Spec, "the name is not of the form schema.table; quote a part that has a dot in it")
            .with("name", name.escape_debug())
    };
    let mut parts = Vec::new();
    let mut rest = name.trim();
    loop {
        let close = match rest.chars().next().ok_or_else(wrong)? {
            '"' => Some('"'),
            '[' => Some(']'),
            '`' => Some('`'),
            _ => None,
        };
        let (part, after) = match close {
            Some(close) => quoted_part(&rest[1..], close).ok_or_else(wrong)?,
            None => {
                let end = rest.find('.').unwrap_or(rest.len());
                (rest[..end].trim().to_owned(), &rest[end..])
            }
        };
        if part.is_empty() || part.len() > LONGEST_NAME || part.contains(char::is_control) || parts.len() == 3 {
            return Err(wrong());
        }
        parts.push(part);
        match after.trim_start().strip_prefix('.') {
            Some(next) => rest = next.trim_start(),
            None if after.trim().is_empty() => return Ok(parts),
            None => return Err(wrong()),
        }
    }
}

fn quoted_part(text: &str, close: char) -> Option<(String, &str)> {
    let mut part = String::new();
    let mut rest = text;
    loop {
        let end = rest.find(close)?;
        part.push_str(&rest[..end]);
        rest = &rest[end + close.len_utf8()..];
        if !rest.starts_with(close) {
            return Some((part, rest));
        }
        part.push(close);
        rest = &rest[close.len_utf8()..];
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn spec(value: Value) -> SourceSpec {
        serde_json::from_value(value).unwrap()
    }

    #[test]
    fn names_are_split_as_they_are_quoted() {
        for (name, parts) in [
            ("orders", vec!["orders"]),
            ("public.orders", vec!["public", "orders"]),
            ("\"a.b\".\"c\"\"d\"", vec!["a.b", "c\"d"]),
            ("[dbo].[Order Details]", vec!["dbo", "Order Details"]),
            ("`x`.y", vec!["x", "y"]),
        ] {
            assert_eq!(name_parts(name).unwrap(), parts, "{name}");
        }
        for name in ["", "a..b", "a.", "\"a", "a.b.c.d", "[a]b", "a\nb"] {
            assert!(name_parts(name).is_err(), "{name}");
        }
    }

    #[test]
    fn credentials_are_joined_and_never_doubled() {
        let base = json!({"linkedService": {"connectionString": "Driver={X};Server=h", "userName": "u",
            "password": "p;w", "credential": "Token={a;b}"}});
        let whole = spec(base).linked_service.connection_string().unwrap();
        assert_eq!(whole.to_driver(), "Driver={X};Server=h;Token={a;b};UID=u;PWD={p;w};");
        assert_eq!(whole.secrets(), ["a;b", "p;w"]);
        let twice = json!({"linkedService": {"connectionString": "Driver={X};PWD=hunter2", "password": "hunter3"}});
        let error = spec(twice).linked_service.connection_string().unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Spec);
        assert!(!error.to_string().contains("hunter"), "{error}");
        let anonymous = json!({"linkedService": {"connectionString": "Driver={X}", "authenticationType": "Anonymous",
            "userName": "u", "password": "p"}});
        assert_eq!(spec(anonymous).linked_service.connection_string().unwrap().to_driver(), "Driver={X};");
    }

    #[test]
    fn time_spans_are_seconds() {
        assert_eq!(timespan_seconds("02:00:00"), Some(7200));
        assert_eq!(timespan_seconds("1.00:00:01"), Some(86401));
        assert_eq!(timespan_seconds("00:00:00.5"), Some(1));
        for wrong in ["", "5", "00:60:00", "a:b:c", "0:0:0:0"] {
            assert_eq!(timespan_seconds(wrong), None, "{wrong}");
        }
    }
}
