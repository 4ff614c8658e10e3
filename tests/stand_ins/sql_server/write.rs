//! Statements that change rows or tables.

use super::bind::{Binder, literal_sql};
use super::catalogue::{self, PartitionFunction, TableEntry, quoted};
use super::constraint;
use super::execute::Variables;
use super::functions::type_number;
use super::locks::Mode;
use super::parser::parse;
use super::response::{Response, Stop};
use super::sql_type::SqlType;
use super::state::State;
use super::syntax::{ColumnDefinition, Expression, InsertRows, Item, Name, Query, Select, Statement};
use super::token;
use super::undo::{self, PLACE};
use super::{SqlError, bind};
use rusqlite::types::Value;

/// So many row locks of one statement become a lock of the table.
const ESCALATES: i64 = 5000;

const INSERT: u16 = 0xC3;
const DELETE: u16 = 0xC4;
const UPDATE: u16 = 0xC5;

impl State {
    /// INSERT, UPDATE, DELETE and definitions, for a client.
    pub(super) fn change(
        &mut self,
        statement: &Statement,
        variables: &Variables,
        response: &mut Response<'_>,
    ) -> Result<(), Stop> {
        if self.doomed {
            return Err(SqlError::uncommittable().into());
        }
        let command = match statement {
            Statement::Insert { .. } => INSERT,
            Statement::Update { .. } => UPDATE,
            Statement::Delete { .. } => DELETE,
            _ => 0,
        };
        let rows = self.writing(|| self.apply(statement, variables))?;
        self.rows = rows as i64;
        let counted = if command == 0 || self.options.no_count { 0 } else { token::COUNT };
        Ok(response.done(counted, command, rows)?)
    }

    /// Changes rows or tables; returns how many rows.
    pub(super) fn apply(&self, statement: &Statement, variables: &Variables) -> Result<u64, SqlError> {
        let context = self.context(variables);
        let sqlite = &self.storage.sqlite;
        let table = |name: &Name| bind::target(&context, name, Mode::Schema, &[]);
        match statement {
            Statement::Insert { into, hints, columns, rows } => {
                let entry = bind::target(&context, into, Mode::Insert, hints)?;
                return self.insert(&entry, columns, rows, variables);
            }
            Statement::Update { table, hints, set, condition } => {
                let entry = bind::target(&context, table, Mode::Change, hints)?;
                return self.update(&entry, set, condition.as_ref(), variables);
            }
            Statement::Delete { table, hints, condition } => {
                let entry = bind::target(&context, table, Mode::Change, hints)?;
                return self.delete(&entry, condition.as_ref(), variables);
            }
            Statement::Truncate(name) => {
                let entry = table(name)?;
                sqlite.execute(&format!("DELETE FROM {}", entry.physical()), [])?;
                self.shared.counters.restart(entry.object_id);
            }
            Statement::CreateTable(definition) => {
                bind::lock(&context, &definition.name, Mode::Schema, context.until())?;
                catalogue::create_table(sqlite, &self.database, definition)?;
            }
            Statement::DropTable { names, if_exists } => {
                for name in names {
                    bind::lock(&context, name, Mode::Schema, context.until())?;
                    match catalogue::find(sqlite, name, &self.database)? {
                        Some(entry) => {
                            catalogue::drop_table(sqlite, &entry)?;
                            self.dropped.borrow_mut().push(entry.object_id);
                        }
                        None if *if_exists => {}
                        None => return Err(SqlError::new(
                            3701,
                            11,
                            format!(
                                "Cannot drop the table '{}', because it does not exist or you do not have permission.",
                                name.join(".")
                            ),
                        )
                        .state(5)),
                    }
                }
            }
            Statement::AddColumn(name, column) => catalogue::add_column(sqlite, table(name)?, column)?,
            Statement::DropColumn(..) if self.transactions > 0 => {
                return Err(SqlError::not_taught("ALTER TABLE DROP COLUMN inside of a transaction"));
            }
            Statement::DropColumn(name, column) => catalogue::drop_column(sqlite, table(name)?, column)?,
            Statement::CreateSchema(name) => {
                bind::lock_schema(&context, name, Mode::Schema)?;
                catalogue::create_schema(sqlite, &self.database, name)?;
            }
            Statement::DropSchema { name, if_exists } => match catalogue::drop_schema(sqlite, &self.database, name) {
                Err(error) if *if_exists && error.number == 15_151 => {}
                dropped => dropped?,
            },
            Statement::CreateIndex(index) => {
                let entry = table(&index.table)?;
                catalogue::create_index(sqlite, &entry, index)?;
            }
            Statement::CreateStatistics { name, table: of, columns } => {
                catalogue::create_statistics(sqlite, &table(of)?, name, columns)?
            }
            Statement::UpdateStatistics(name) => catalogue::update_statistics(sqlite, &table(name)?)?,
            Statement::CreatePartitionFunction { name, of, right, boundaries } => {
                let mut values = Vec::new();
                for boundary in boundaries {
                    values.push(self.evaluate(boundary, Some(*of), variables)?.1);
                }
                let function = PartitionFunction { id: 0, of: *of, right: *right, boundaries: values };
                catalogue::create_partition_function(sqlite, &self.database, name, &function)?;
            }
            Statement::CreatePartitionScheme { name, function } => {
                catalogue::create_partition_scheme(sqlite, &self.database, name, function)?;
            }
            other => return Err(SqlError::not_taught(format!("{other:?} here"))),
        }
        Ok(0)
    }

    fn insert(
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
        for column in entry.columns.iter().filter(|column| !columns.iter().any(|given| given.name == column.name)) {
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

    /// Rows that were inserted behind this place can be taken back, and others wait for them.
    pub(super) fn keep_inserted(&self, entry: &TableEntry, before: i64) -> Result<(), SqlError> {
        let last = self.storage.last_place(&entry.physical())?;
        if self.transactions == 0 || last == before {
            return Ok(());
        }
        let first = before + 1;
        let statement = format!("DELETE FROM {} WHERE {PLACE} BETWEEN {first} AND {last}", entry.physical());
        undo::keep(&self.storage.sqlite, &statement)?;
        self.shared.locks.inserted(self.owner, entry.object_id, (first, last));
        if last - before >= ESCALATES {
            self.shared.locks.escalate(self.owner, &entry.resource());
        }
        Ok(())
    }

    /// A row with the key of one that is not committed must wait: whether it is a duplicate is not decided yet. `again` tries
    /// the statement once more.
    pub(super) fn duplicate(&self, error: SqlError, entry: &TableEntry, mut again: impl FnMut() -> bool) -> SqlError {
        if !matches!(error.number, 2601 | 2627) {
            return error;
        }
        for rows in self.storage.foreign_rows(entry.object_id) {
            let statement = format!("DELETE FROM {} WHERE {PLACE} BETWEEN ?1 AND ?2", entry.physical());
            // The caller takes all of this back.
            if self.storage.sqlite.execute(&statement, [rows.first, rows.last]).is_ok() && again() {
                return rows.blocked();
            }
        }
        error
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
            columns.push(column);
        }
        if names.is_empty() {
            columns = entry
                .columns
                .iter()
                .filter(|column| column.identity.is_none() && column.of != SqlType::RowVersion)
                .collect();
        }
        if columns.iter().any(|column| column.of == SqlType::RowVersion) {
            return Err(SqlError::new(
                273,
                16,
                "Cannot insert an explicit value into a timestamp column. Use INSERT with a column list to exclude the timestamp column, or insert a DEFAULT into the timestamp column.",
            ));
        }
        if columns.iter().any(|column| column.identity.is_some()) && !self.options.identity_insert {
            return Err(SqlError::new(
                544,
                16,
                format!(
                    "Cannot insert explicit value for identity column in table '{}' when IDENTITY_INSERT is set to OFF.",
                    entry.name
                ),
            ));
        }
        Ok(columns)
    }

    /// The value of a column that an INSERT leaves out.
    pub(super) fn filled(
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
    pub(super) fn default_of(
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

    fn update(
        &self,
        entry: &TableEntry,
        set: &[(String, Expression)],
        condition: Option<&Expression>,
        variables: &Variables,
    ) -> Result<u64, SqlError> {
        let context = self.context(variables);
        let mut binder = Binder::new(&context);
        binder.see_table(entry);
        let mut assignments = Vec::new();
        for (name, value) in set {
            let column = entry.column(name).ok_or_else(|| SqlError::invalid_column(name))?;
            if column.identity.is_some() {
                return Err(SqlError::new(8102, 16, format!("Cannot update identity column '{}'.", column.name)));
            }
            if column.of == SqlType::RowVersion {
                return Err(SqlError::new(272, 16, "Cannot update a timestamp column."));
            }
            let bound = binder.value(value)?;
            assignments.push(format!("{} = {}", quoted(&column.name), assigned(&bound.sql, bound.of, column, entry)));
        }
        for column in entry.columns.iter().filter(|column| column.of == SqlType::RowVersion) {
            assignments.push(format!("{} = tds_rowversion()", quoted(&column.name)));
        }
        let condition =
            condition.map(|condition| binder.condition(condition)).transpose()?.unwrap_or_else(|| "1".to_owned());
        let sql = format!("UPDATE {} SET {} WHERE {condition}", entry.physical(), assignments.join(", "));
        self.write(&sql, &binder.parameters, entry)
    }

    fn delete(
        &self,
        entry: &TableEntry,
        condition: Option<&Expression>,
        variables: &Variables,
    ) -> Result<u64, SqlError> {
        let context = self.context(variables);
        let mut binder = Binder::new(&context);
        binder.see_table(entry);
        let condition =
            condition.map(|condition| binder.condition(condition)).transpose()?.unwrap_or_else(|| "1".to_owned());
        let sql = format!("DELETE FROM {} WHERE {condition}", entry.physical());
        self.write(&sql, &binder.parameters, entry)
    }

    fn write(&self, sql: &str, parameters: &[Value], entry: &TableEntry) -> Result<u64, SqlError> {
        let mut statement = self.storage.sqlite.prepare(sql)?;
        let count = statement.parameter_count().min(parameters.len());
        for (index, value) in parameters[..count].iter().enumerate() {
            statement.raw_bind_parameter(index + 1, value)?;
        }
        match statement.raw_execute() {
            Ok(rows) => Ok(rows as u64),
            Err(error) => {
                let error = constraint::violated(&self.storage.sqlite, error, entry);
                Err(self.duplicate(error, entry, || statement.raw_execute().is_ok()))
            }
        }
    }
}

/// An explicit identity value moves the counter on.
pub(super) fn kept(sql: String, column: &ColumnDefinition, entry: &TableEntry) -> String {
    match column.identity {
        Some((_, step)) => format!("tds_keep_identity({}, {step}, {sql})", entry.object_id),
        None => sql,
    }
}

/// A value on its way into a column: converted, and refused rather than cut.
pub(super) fn assigned(sql: &str, from: SqlType, column: &ColumnDefinition, entry: &TableEntry) -> String {
    format!(
        "tds_assign({sql}, {}, {}, {}, {})",
        type_number(from),
        type_number(column.of),
        literal_sql(&Value::Text(format!("{}.{}.{}", entry.database, entry.schema, entry.name))),
        literal_sql(&Value::Text(column.name.clone()))
    )
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
