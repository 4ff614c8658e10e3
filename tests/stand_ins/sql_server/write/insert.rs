//! INSERT.

use super::super::SqlError;
use super::super::bind::Binder;
use super::super::catalogue::{TableEntry, quoted};
use super::super::execute::Variables;
use super::super::parser::parse;
use super::super::sql_type::SqlType;
use super::super::state::State;
use super::super::syntax::{ColumnDefinition, Expression, InsertRows, Item, Query, Select, Statement};
use super::{assigned, kept};

impl State {
    pub(in super::super) fn insert(
        &self,
        entry: &TableEntry,
        names: &[String],
        rows: &InsertRows,
        variables: &Variables,
    ) -> Result<u64, SqlError> {
        let context = self.context(variables);
        let columns = self.target_columns(entry, names)?;
        let query = match rows {
            InsertRows::Query(query) => (**query).clone(),
            InsertRows::Values(rows) => values_query(rows)?,
            InsertRows::Defaults => return Err(SqlError::not_taught("INSERT ... DEFAULT VALUES")),
        };
        let mut binder = Binder::new(&context);
        let bound = binder.query(&query)?;
        let has_identity = entry.columns.iter().any(|column| column.identity.is_some());
        if names.is_empty() && has_identity && bound.columns.len() == columns.len() + 1 {
            return Err(SqlError::new(
                8101,
                16,
                format!(
                    "An explicit value for the identity column in table '{}' can only be specified when a column list is used and IDENTITY_INSERT is ON.",
                    entry.name
                ),
            ));
        }
        if bound.columns.len() != columns.len() {
            let message = match (rows, bound.columns.len() > columns.len(), names.is_empty()) {
                (InsertRows::Values(_), _, true) => {
                    return Err(SqlError::new(
                        213,
                        16,
                        "Column name or number of supplied values does not match table definition.",
                    ));
                }
                (InsertRows::Values(_), true, false) => (
                    110,
                    "There are fewer columns in the INSERT statement than values specified in the VALUES clause. The number of values in the VALUES clause must match the number of columns specified in the INSERT statement.",
                ),
                (InsertRows::Values(_), false, false) => (
                    109,
                    "There are more columns in the INSERT statement than values specified in the VALUES clause. The number of values in the VALUES clause must match the number of columns specified in the INSERT statement.",
                ),
                (_, true, _) => (
                    121,
                    "The select list for the INSERT statement contains more items than the insert list. The number of SELECT values must match the number of INSERT columns.",
                ),
                (_, false, _) => (
                    120,
                    "The select list for the INSERT statement contains fewer items than the insert list. The number of SELECT values must match the number of INSERT columns.",
                ),
            };
            return Err(SqlError::new(message.0, 15, message.1));
        }
        // Columns are called by position, so that nothing depends on their names.
        let labels: Vec<String> = (0..columns.len()).map(|index| format!("c{index}")).collect();
        let mut list: Vec<String> = columns.iter().map(|column| quoted(&column.name)).collect();
        let mut values: Vec<String> = columns
            .iter()
            .zip(&labels)
            .zip(&bound.columns)
            .map(|((column, label), from)| kept(assigned(label, from.of, column, entry), column, entry))
            .collect();
        for column in entry
            .columns
            .iter()
            .filter(|column| column.computed.is_none() && !columns.iter().any(|given| given.name == column.name))
        {
            if let Some(value) = self.filled(column, entry, &mut binder)? {
                list.push(quoted(&column.name));
                values.push(value);
            }
        }
        let source = format!("WITH source({}) AS ({})", labels.join(", "), bound.sql);
        let sql = format!(
            "INSERT INTO {} ({}) {source} SELECT {} FROM source",
            entry.physical(),
            list.join(", "),
            values.join(", ")
        );
        let before = self.storage.last_place(&entry.physical())?;
        let count = self.write(&sql, &binder.parameters, entry)?;
        self.keep_inserted(entry, before)?;
        Ok(count)
    }

    fn target_columns<'e>(
        &self,
        entry: &'e TableEntry,
        names: &[String],
    ) -> Result<Vec<&'e ColumnDefinition>, SqlError> {
        let mut columns = Vec::new();
        for name in names {
            let column = entry.column(name).ok_or_else(|| SqlError::invalid_column(name))?;
            if columns.iter().any(|other: &&ColumnDefinition| other.name == column.name) {
                return Err(SqlError::new(
                    264,
                    16,
                    format!(
                        "The column name '{name}' is specified more than once in the SET clause or column list of an INSERT."
                    ),
                ));
            }
            if column.computed.is_some() {
                return Err(SqlError::computed(&column.name));
            }
            columns.push(column);
        }
        if names.is_empty() {
            columns = entry
                .columns
                .iter()
                .filter(|column| {
                    column.identity.is_none() && column.of != SqlType::RowVersion && column.computed.is_none()
                })
                .collect();
        }
        if columns.iter().any(|column| column.of == SqlType::RowVersion) {
            return Err(SqlError::new(
                273,
                16,
                "Cannot insert an explicit value into a timestamp column. Use INSERT with a column list to exclude the timestamp column, or insert a DEFAULT into the timestamp column.",
            ));
        }
        let says_identity = columns.iter().any(|column| column.identity.is_some());
        let keeps_identity = self.options.identity_insert == Some(entry.object_id);
        if says_identity && !keeps_identity {
            return Err(SqlError::new(
                544,
                16,
                format!(
                    "Cannot insert explicit value for identity column in table '{}' when IDENTITY_INSERT is set to OFF.",
                    entry.name
                ),
            ));
        }
        if keeps_identity && !says_identity && !names.is_empty() {
            return Err(SqlError::new(
                545,
                16,
                format!(
                    "Explicit value must be specified for identity column in table '{}' either when IDENTITY_INSERT is set to ON or when a replication user is inserting into a NOT FOR REPLICATION identity column.",
                    entry.name
                ),
            ));
        }
        Ok(columns)
    }

    /// The value of a column that an INSERT leaves out.
    pub(in super::super) fn filled(
        &self,
        column: &ColumnDefinition,
        entry: &TableEntry,
        binder: &mut Binder<'_>,
    ) -> Result<Option<String>, SqlError> {
        if let Some((seed, step)) = column.identity {
            let next = format!("tds_identity({}, {seed}, {step})", entry.object_id);
            return Ok(Some(assigned(&next, SqlType::BigInt, column, entry)));
        }
        if column.of == SqlType::RowVersion {
            return Ok(Some("tds_rowversion()".to_owned()));
        }
        self.default_of(column, entry, binder)
    }

    /// The default of a column as SQLite text.
    pub(in super::super) fn default_of(
        &self,
        column: &ColumnDefinition,
        entry: &TableEntry,
        binder: &mut Binder<'_>,
    ) -> Result<Option<String>, SqlError> {
        let Some(default) = &column.default else { return Ok(None) };
        let parsed = parse(&format!("SELECT {default}"))?;
        let Some((_, Statement::Query(query))) = parsed.first() else { return Ok(None) };
        let bound = binder.query(query)?;
        let from = bound.columns[0].of;
        Ok(Some(assigned(&format!("({})", bound.sql), from, column, entry)))
    }
}

/// VALUES as a query.
fn values_query(rows: &[Vec<Expression>]) -> Result<Query, SqlError> {
    let width = rows[0].len();
    if rows.iter().any(|row| row.len() != width) {
        return Err(SqlError::new(
            10709,
            16,
            "The number of columns for each row in a table value constructor must be the same.",
        ));
    }
    let mut selects = rows.iter().map(|row| Select {
        distinct: false,
        top: None,
        items: row.iter().map(|value| Item::Value { value: value.clone(), alias: None }).collect(),
        into: None,
        from: Vec::new(),
        condition: None,
        group: Vec::new(),
        having: None,
    });
    let first = selects.next().ok_or_else(|| SqlError::syntax("VALUES"))?;
    Ok(Query {
        first,
        more: selects.map(|select| ("UNION ALL", select)).collect(),
        order: Vec::new(),
        offset: None,
        tables: Vec::new(),
    })
}
