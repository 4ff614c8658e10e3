//! Which rows a chunk has, as it stands in the checkpoint.

use mssql_tds::datatypes::sqltypes::SqlType;
use ropeway_engine::{Error, ErrorKind, Result, chunk::Chunk};
use serde::{Deserialize, Serialize};

use super::Key;
use crate::{
    sql::quote_ident,
    sql_server::{
        input::partition_parameter,
        statements::{self, AFTER, SHARE, SHARES, UPTO},
    },
};

/// Which rows a chunk has. Values are texts: exact in JSON whatever their type.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "camelCase")]
pub(crate) enum Recipe {
    /// All.
    Whole,
    /// Those of one range of a key; an end that is absent is open.
    Range { key: Key, after: Option<String>, upto: Option<String> },
    /// Those whose key is null.
    Nulls { column: String },
    /// Those of one physical partition.
    Partition { function: String, column: String, number: i32 },
    /// Those that a checksum of the columns puts into this one of so many shares.
    Share { columns: Vec<String>, number: u32, of: u32 },
}

impl Recipe {
    /// The predicate and its parameters; an empty one for all rows.
    pub(crate) fn condition(&self) -> Result<(String, Vec<(String, SqlType)>)> {
        match self {
            Self::Whole => Ok((String::new(), Vec::new())),
            Self::Nulls { column } => Ok((statements::is_null(&quote_ident(column)?), Vec::new())),
            Self::Partition { function, column, number } => {
                let condition = statements::in_partition(&quote_ident(function)?, &quote_ident(column)?);
                Ok((condition, vec![partition_parameter(*number)]))
            }
            Self::Share { columns, number, of } => {
                let columns = columns.iter().map(|column| quote_ident(column)).collect::<Result<Vec<_>>>()?;
                let parameter = |name: &str, value: &u32| (name.to_owned(), SqlType::BigInt(Some(i64::from(*value))));
                Ok((statements::in_share(&columns.join(", ")), vec![parameter(SHARE, number), parameter(SHARES, of)]))
            }
            Self::Range { key, after, upto } => {
                let ends = [(AFTER, after), (UPTO, upto)];
                let parameters = ends
                    .iter()
                    .filter_map(|(name, value)| value.as_ref().map(|value| (name, value)))
                    .map(|(name, value)| Ok(((*name).to_owned(), key.parameter(value)?)))
                    .collect::<Result<Vec<_>>>()?;
                let (low, high) = (key.expression(AFTER)?, key.expression(UPTO)?);
                let (low, high) = (after.as_ref().map(|_| low.as_str()), upto.as_ref().map(|_| high.as_str()));
                Ok((statements::in_range(&quote_ident(&key.column)?, low, high), parameters))
            }
        }
    }

    /// The column that cuts.
    pub(crate) fn column(&self) -> Option<&str> {
        match self {
            Self::Whole | Self::Share { .. } => None,
            Self::Range { key, .. } => Some(&key.column),
            Self::Nulls { column } | Self::Partition { column, .. } => Some(column),
        }
    }

    /// The key in whose order its rows are read, if they are.
    pub(crate) fn order(&self) -> Option<&Key> {
        match self {
            Self::Range { key, .. } if key.orders() => Some(key),
            _ => None,
        }
    }

    /// As it stands in a chunk.
    pub(crate) fn to_json(&self) -> Result<serde_json::Value> {
        serde_json::to_value(self)
            .map_err(|error| Error::new(ErrorKind::Bug, "a recipe cannot be written down").caused_by(error))
    }

    /// From a chunk.
    pub(crate) fn of(chunk: &Chunk) -> Result<Self> {
        serde_json::from_value(chunk.recipe.clone()).map_err(|error| {
            Error::new(ErrorKind::Spec, "the chunk was planned by another version; start a new run").caused_by(error)
        })
    }

    pub(crate) fn label(&self) -> String {
        match self {
            Self::Whole => "all rows".to_owned(),
            Self::Nulls { column } => format!("{column} is null"),
            Self::Partition { number, .. } => format!("partition {number}"),
            Self::Share { number, of, .. } => format!("share {} of {of}", u64::from(*number) + 1),
            Self::Range { key, after, upto } => match (after, upto) {
                (None, None) => format!("{} is not null", key.column),
                (Some(after), None) => format!("{} > {after}", key.column),
                (None, Some(upto)) => format!("{} <= {upto}", key.column),
                (Some(after), Some(upto)) => format!("{} in ({after}, {upto}]", key.column),
            },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn recipes_survive_the_checkpoint() {
        let key =
            Key { column: "Id]".into(), declaration: "bigint".into(), collation: None, nullable: false, leads: false };
        let recipe = Recipe::Range { key, after: Some("-9223372036854775808".into()), upto: None };
        let json = serde_json::to_string(&recipe).unwrap();
        assert_eq!(serde_json::from_str::<Recipe>(&json).unwrap(), recipe);
        let (condition, parameters) = recipe.condition().unwrap();
        assert_eq!(condition, "([Id]]] > @ropeway_after)");
        assert_eq!(parameters, [("@ropeway_after".to_owned(), SqlType::BigInt(Some(i64::MIN)))]);
    }

    #[test]
    fn shares_survive_the_checkpoint_and_quote_every_column() {
        let columns = vec!["a".to_owned(), "*".to_owned(), "x]) & 0 --".to_owned()];
        let recipe = Recipe::Share { columns, number: 1, of: 4 };
        let json = serde_json::to_value(&recipe).unwrap();
        assert_eq!(
            json,
            serde_json::json!({"kind": "share", "columns": ["a", "*", "x]) & 0 --"], "number": 1, "of": 4})
        );
        assert_eq!(serde_json::from_value::<Recipe>(json).unwrap(), recipe);
        let (condition, parameters) = recipe.condition().unwrap();
        assert!(condition.contains("BINARY_CHECKSUM([a], [*], [x]]) & 0 --])"), "{condition}");
        let of = |name: &str, value| (name.to_owned(), SqlType::BigInt(Some(value)));
        assert_eq!(parameters, [of("@ropeway_share", 1), of("@ropeway_shares", 4)]);
        assert_eq!((recipe.label().as_str(), recipe.column()), ("share 2 of 4", None));
    }

    #[test]
    fn old_recipes_are_read_as_they_were_written() {
        for json in [
            r#"{"kind":"whole"}"#,
            r#"{"kind":"nulls","column":"k"}"#,
            r#"{"kind":"partition","function":"f","column":"k","number":2}"#,
            r#"{"kind":"range","key":{"column":"k","declaration":"int","collation":null,"nullable":true},"after":"1","upto":null}"#,
        ] {
            let recipe: Recipe = serde_json::from_str(json).unwrap();
            assert_eq!(serde_json::to_string(&recipe).unwrap(), json);
        }
    }
}
