//! A chunk whose reading ends early: up to which key, and what is left of it.
//!
//! Its rows come in the order of the key, so that all rows up to a value have been read once a greater one was seen. Only a
//! clustered key gives that order for nothing, and only values that are written down exactly can be a bound.

use std::{sync::Arc, time::Duration};

use arrow::{array::AsArray as _, compute::cast, datatypes::DataType, datatypes::Int64Type, datatypes::TimeUnit};
use ropeway_engine::{
    Result,
    division::{Divided, Part},
    skipping::Portion,
    source::Haste,
};

use super::{
    cut::{Key, Recipe, parts},
    input::Input,
    pool::Pool,
    rows::time::{DAY, DAYS_TO_1970},
    statements,
    types::Column,
    wire::Query,
};
use crate::sql::quote_ident;

/// How long the greatest key may be waited for: who writes to the table may have it locked.
const PATIENCE: Duration = Duration::from_secs(5);

/// The end of a chunk that may come early.
pub(crate) struct EarlyEnd {
    table: String,
    key: Key,
    after: Option<String>,
    upto: Option<String>,
    /// The position of the key among the columns.
    column: usize,
    haste: Arc<Haste>,
}

impl EarlyEnd {
    /// `None` for a chunk that is read to its end whatever happens.
    pub(crate) fn of(input: &Input, recipe: &Recipe, columns: &[Column], haste: Arc<Haste>) -> Option<Self> {
        let (Input::Table(table), Some(key), Recipe::Range { after, upto, .. }) = (input, recipe.order(), recipe)
        else {
            return None;
        };
        let column = columns.iter().position(|column| column.name == key.column)?;
        let (after, upto) = (after.clone(), upto.clone());
        Some(Self { table: table.clone(), key: key.clone(), after, upto, column, haste })
    }

    /// The rows of a portion up to the last one whose key is another than that of the next, and that key, if the chunk is
    /// to end. Where all rows have one key it goes on. So it does behind a portion with rows that were left out: where
    /// those stood nobody knows any more.
    pub(crate) fn within(&self, portion: &Portion) -> Option<(Portion, String)> {
        let is_whole = portion.read == portion.rows.num_rows() as u64 && portion.left_out.is_empty();
        if self.haste.parts() == 0 || !is_whole {
            return None;
        }
        let values = cast(portion.rows.column(self.column), &DataType::Int64).ok()?;
        let values = values.as_primitive::<Int64Type>().values();
        let last = values.windows(2).rposition(|pair| pair[0] != pair[1])?;
        let bound = self.bound(portion.rows.column(self.column).data_type(), values[last])?;
        Some((Portion::from(portion.rows.slice(0, last + 1)), bound))
    }

    /// The value of a key as the text of a bound; `None` if that would be another value.
    fn bound(&self, of: &DataType, value: i64) -> Option<String> {
        let position = match of {
            DataType::Date32 => i128::from(value + DAYS_TO_1970),
            DataType::Timestamp(TimeUnit::Microsecond, None) => i128::from(value) * 10 + i128::from(DAYS_TO_1970 * DAY),
            DataType::Timestamp(TimeUnit::Nanosecond, None) if value % 100 == 0 => {
                i128::from(value / 100 + DAYS_TO_1970 * DAY)
            }
            DataType::Timestamp(..) => return None,
            _ => i128::from(value),
        };
        let text = self.key.text_at(position);
        (self.key.position(&text) == Some(position)).then_some(text)
    }

    /// What the chunk has up to this key, and what is left of it.
    pub(crate) async fn divided(&self, pool: &Pool, bound: String) -> Result<Divided> {
        let rest = Recipe::Range { key: self.key.clone(), after: Some(bound.clone()), upto: self.upto.clone() };
        // Only how even the parts are depends on it.
        let asked = tokio::time::timeout(PATIENCE, self.greatest(pool, &rest)).await;
        let greatest = match asked {
            Ok(Ok(greatest)) => greatest,
            Ok(Err(error)) => {
                tracing::debug!(%error, "how far a chunk goes on is not known");
                None
            }
            Err(_) => None,
        };
        let read = Recipe::Range { key: self.key.clone(), after: self.after.clone(), upto: Some(bound.clone()) };
        let rest = match (self.key.position(&bound), greatest) {
            (Some(low), Some(greatest)) => parts(&rest, (low, greatest), self.haste.parts().into()),
            _ => vec![rest],
        };
        let part = |recipe: &Recipe| Ok(Part { label: recipe.label(), recipe: recipe.to_json()? });
        Ok(Divided { read: part(&read)?, rest: rest.iter().map(part).collect::<Result<_>>()? })
    }

    /// The position of the greatest key that there is now.
    async fn greatest(&self, pool: &Pool, rest: &Recipe) -> Result<Option<i128>> {
        let mut session = pool.session(&statements::session(None, None)).await?;
        let (condition, parameters) = rest.condition()?;
        let sql = statements::greatest(&quote_ident(&self.key.column)?, &self.table, &condition);
        let rows = session.rows(Query { sql, parameters }).await?;
        pool.put_back(session);
        Ok(rows.first().and_then(|row| self.key.position(row.text("greatest")?)))
    }
}

#[cfg(test)]
mod tests {
    use arrow::{
        array::{ArrayRef, Date32Array, Int64Array, RecordBatch, TimestampMicrosecondArray, TimestampNanosecondArray},
        datatypes::{Field, Schema},
    };

    use super::*;

    fn end(declaration: &str) -> EarlyEnd {
        let key =
            Key { column: "k".into(), declaration: declaration.into(), collation: None, nullable: false, leads: true };
        let hastening = ropeway_engine::source::Hastening::default();
        let haste = hastening.begin(ropeway_engine::chunk::ChunkId(0));
        hastening.hasten(ropeway_engine::chunk::ChunkId(0), 2);
        EarlyEnd { table: "[t]".into(), key, after: None, upto: None, column: 0, haste }
    }

    fn portion(values: ArrayRef) -> Portion {
        let schema = Schema::new(vec![Field::new("k", values.data_type().clone(), false)]);
        Portion::from(RecordBatch::try_new(Arc::new(schema), vec![values]).unwrap())
    }

    fn cut(declaration: &str, values: ArrayRef) -> Option<(usize, String)> {
        end(declaration).within(&portion(values)).map(|(read, bound)| (read.rows.num_rows(), bound))
    }

    #[test]
    fn a_chunk_ends_where_its_key_changes() {
        let ints = |values: &[i64]| Arc::new(Int64Array::from(values.to_vec())) as ArrayRef;
        assert_eq!(cut("bigint", ints(&[1, 2, 2, 3, 3, 3])), Some((3, "2".into())));
        assert_eq!(cut("bigint", ints(&[i64::MIN, i64::MAX])), Some((1, i64::MIN.to_string())));
        for one_key in [ints(&[]), ints(&[7]), ints(&[7, 7])] {
            assert_eq!(cut("bigint", one_key), None);
        }
    }

    #[test]
    fn only_exact_values_are_bounds() {
        let dates = Arc::new(Date32Array::from(vec![-719_162, 0]));
        assert_eq!(cut("date", dates), Some((1, "0001-01-01".into())));
        let fine = |last: i64| Arc::new(TimestampNanosecondArray::from(vec![last, 1_000_000_000])) as ArrayRef;
        assert_eq!(cut("datetime2(7)", fine(123_456_700)), Some((1, "1970-01-01T00:00:00.1234567".into())));
        assert_eq!(cut("datetime2(7)", fine(123_456_789)), None);
        let micros = Arc::new(TimestampMicrosecondArray::from(vec![-1, 0]));
        assert_eq!(cut("datetime2(6)", micros.clone()), Some((1, "1969-12-31T23:59:59.9999990".into())));
        assert_eq!(cut("datetime2(3)", micros), None, "the column cannot have such a value");
    }

    #[test]
    fn rows_that_were_left_out_have_no_place() {
        let rows = portion(Arc::new(Int64Array::from(vec![1, 2])));
        assert!(end("bigint").within(&rows).is_some());
        assert!(end("bigint").within(&Portion { read: 3, ..rows }).is_none());
    }
}
