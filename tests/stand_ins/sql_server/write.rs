//! Statements that change rows or tables, and transactions.

use super::bind::{Binder, literal_sql};
use super::catalogue::{self, PartitionFunction, TableEntry, quoted};
use super::execute::Variables;
use super::functions::type_number;
use super::parser::parse;
use super::protocol::{Over, Violation};
use super::reader::Reader;
use super::response::{Response, Stop};
use super::sql_type::SqlType;
use super::state::State;
use super::syntax::{BulkDefinition, ColumnDefinition, Expression, InsertRows, Item, Name, Query, Select, Statement};
use super::token;
use super::{SqlError, bind};
use rusqlite::types::Value;

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
        let command = match statement {
            Statement::Insert { .. } => INSERT,
            Statement::Update { .. } => UPDATE,
            Statement::Delete { .. } => DELETE,
            _ => 0,
        };
        let rows = self.apply(statement, variables)?;
        self.rows = rows as i64;
        let counted = if command == 0 || self.options.no_count { 0 } else { token::COUNT };
        Ok(response.done(counted, command, rows)?)
    }

    /// Changes rows or tables; returns how many rows.
    pub(super) fn apply(&mut self, statement: &Statement, variables: &Variables) -> Result<u64, SqlError> {
        let context = self.context(variables);
        let sqlite = &self.sqlite;
        let table = |name: &Name| bind::table(&context, name);
        match statement {
            Statement::Insert { into, columns, rows } => return self.insert(into, columns, rows, variables),
            Statement::Update { table, set, condition } => {
                return self.update(table, set, condition.as_ref(), variables);
            }
            Statement::Delete { table, condition } => return self.delete(table, condition.as_ref(), variables),
            Statement::Truncate(name) => {
                sqlite.execute(&format!("DELETE FROM {}", table(name)?.physical()), [])?;
            }
            Statement::CreateTable(definition) => {
                self.atomically(|| catalogue::create_table(sqlite, &self.database, definition))?
            }
            Statement::DropTable { names, if_exists } => {
                for name in names {
                    match catalogue::find(sqlite, name, &self.database)? {
                        Some(entry) => self.atomically(|| catalogue::drop_table(sqlite, &entry))?,
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
            Statement::DropColumn(name, column) => catalogue::drop_column(sqlite, table(name)?, column)?,
            Statement::CreateSchema(name) => catalogue::create_schema(sqlite, &self.database, name)?,
            Statement::CreateIndex(index) => {
                let entry = table(&index.table)?;
                self.atomically(|| catalogue::create_index(sqlite, &entry, index))?;
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

    /// A statement is done whole or not at all.
    fn atomically<T>(&self, run: impl FnOnce() -> Result<T, SqlError>) -> Result<T, SqlError> {
        self.sqlite.execute_batch("SAVEPOINT statement")?;
        let result = run();
        self.sqlite.execute_batch(if result.is_ok() {
            "RELEASE statement"
        } else {
            "ROLLBACK TO statement; RELEASE statement"
        })?;
        result
    }

    fn insert(&self, into: &Name, names: &[String], rows: &InsertRows, variables: &Variables) -> Result<u64, SqlError> {
        let context = self.context(variables);
        let entry = bind::table(&context, into)?;
        let columns = self.target_columns(&entry, names)?;
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
            .map(|((column, label), from)| assigned(label, from.of, column, &entry))
            .collect();
        for column in entry.columns.iter().filter(|column| !columns.iter().any(|given| given.name == column.name)) {
            if let Some(value) = self.filled(column, &entry, &mut binder)? {
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
        self.write(&sql, &binder.parameters, &entry)
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
    fn filled(
        &self,
        column: &ColumnDefinition,
        entry: &TableEntry,
        binder: &mut Binder<'_>,
    ) -> Result<Option<String>, SqlError> {
        if let Some((seed, step)) = column.identity {
            let name = quoted(&column.name);
            return Ok(Some(format!(
                "(SELECT coalesce(max({name}) + {step}, {seed}) FROM {}) + (row_number() OVER () - 1) * {step}",
                entry.physical()
            )));
        }
        if column.of == SqlType::RowVersion {
            let counter = catalogue::next_number(&self.sqlite, "rowversion", 2001)?;
            // Numbers of one statement run on; the counter moves far enough for any of them.
            self.sqlite.execute("UPDATE ropeway_counter SET value = value + 100000 WHERE name = 'rowversion'", [])?;
            return Ok(Some(format!(
                "tds_convert({counter} + row_number() OVER (), {}, {})",
                type_number(SqlType::BigInt),
                type_number(SqlType::RowVersion)
            )));
        }
        let Some(default) = &column.default else { return Ok(None) };
        let parsed = parse(&format!("SELECT {default}"))?;
        let Some((_, Statement::Query(query))) = parsed.first() else { return Ok(None) };
        let bound = binder.query(query)?;
        let from = bound.columns[0].of;
        Ok(Some(assigned(&format!("({})", bound.sql), from, column, entry)))
    }

    fn update(
        &self,
        name: &Name,
        set: &[(String, Expression)],
        condition: Option<&Expression>,
        variables: &Variables,
    ) -> Result<u64, SqlError> {
        let context = self.context(variables);
        let entry = bind::table(&context, name)?;
        let mut binder = Binder::new(&context);
        binder.see_table(&entry);
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
            assignments.push(format!("{} = {}", quoted(&column.name), assigned(&bound.sql, bound.of, column, &entry)));
        }
        for column in entry.columns.iter().filter(|column| column.of == SqlType::RowVersion) {
            let counter = catalogue::next_number(&self.sqlite, "rowversion", 2001)?;
            self.sqlite.execute("UPDATE ropeway_counter SET value = value + 100000 WHERE name = 'rowversion'", [])?;
            assignments.push(format!(
                "{} = tds_convert({counter} + rowid, {}, {})",
                quoted(&column.name),
                type_number(SqlType::BigInt),
                type_number(SqlType::RowVersion)
            ));
        }
        let condition =
            condition.map(|condition| binder.condition(condition)).transpose()?.unwrap_or_else(|| "1".to_owned());
        let sql = format!("UPDATE {} SET {} WHERE {condition}", entry.physical(), assignments.join(", "));
        self.write(&sql, &binder.parameters, &entry)
    }

    fn delete(&self, name: &Name, condition: Option<&Expression>, variables: &Variables) -> Result<u64, SqlError> {
        let context = self.context(variables);
        let entry = bind::table(&context, name)?;
        let mut binder = Binder::new(&context);
        binder.see_table(&entry);
        let condition =
            condition.map(|condition| binder.condition(condition)).transpose()?.unwrap_or_else(|| "1".to_owned());
        let sql = format!("DELETE FROM {} WHERE {condition}", entry.physical());
        self.write(&sql, &binder.parameters, &entry)
    }

    fn write(&self, sql: &str, parameters: &[Value], entry: &TableEntry) -> Result<u64, SqlError> {
        let mut statement = self.sqlite.prepare(sql)?;
        let count = statement.parameter_count().min(parameters.len());
        for (index, value) in parameters[..count].iter().enumerate() {
            statement.raw_bind_parameter(index + 1, value)?;
        }
        statement.raw_execute().map(|rows| rows as u64).map_err(|error| self.constraint_error(error, entry))
    }

    fn constraint_error(&self, error: rusqlite::Error, entry: &TableEntry) -> SqlError {
        let text = error.to_string();
        if let Some(column) = text.strip_prefix("NOT NULL constraint failed: ") {
            let column = column.rsplit('.').next().unwrap_or(column);
            return SqlError::new(515, 16, format!("Cannot insert the value NULL into column '{column}', table '{}.{}.{}'; column does not allow nulls. INSERT fails.", entry.database, entry.schema, entry.name)).state(2);
        }
        if text.starts_with("UNIQUE constraint failed") {
            let query = format!(
                "SELECT name, is_primary_key, is_unique_constraint FROM {} WHERE object_id = ?1 AND is_unique = 1 ORDER BY is_primary_key DESC",
                quoted(&format!("{}.sys.indexes", entry.database).to_lowercase())
            );
            let found = self.sqlite.query_row(&query, [entry.object_id], |row| {
                Ok((row.get::<_, String>(0)?, row.get::<_, bool>(1)?, row.get::<_, bool>(2)?))
            });
            let (name, primary, constraint) = found.unwrap_or_default();
            let object = format!("{}.{}", entry.schema, entry.name);
            return if primary || constraint {
                let kind = if primary { "PRIMARY KEY" } else { "UNIQUE KEY" };
                SqlError::new(
                    2627,
                    14,
                    format!(
                        "Violation of {kind} constraint '{name}'. Cannot insert duplicate key in object '{object}'."
                    ),
                )
            } else {
                SqlError::new(
                    2601,
                    14,
                    format!("Cannot insert duplicate key row in object '{object}' with unique index '{name}'."),
                )
            };
        }
        SqlError::from(error)
    }

    pub(super) fn begin(&mut self, response: &mut Response<'_>) -> Result<(), Stop> {
        if self.transactions == 0 {
            self.sqlite.execute_batch("BEGIN")?;
            self.descriptor = (u64::from(self.spid) << 32) + catalogue_free_number();
            response.token(&token::environment_bytes(8, &self.descriptor.to_le_bytes(), &[]))?;
        }
        self.transactions += 1;
        Ok(response.done(0, 0xD4, 0)?)
    }

    pub(super) fn commit(&mut self, response: &mut Response<'_>) -> Result<(), Stop> {
        match self.transactions {
            0 => {
                return Err(SqlError::new(
                    3902,
                    16,
                    "The COMMIT TRANSACTION request has no corresponding BEGIN TRANSACTION.",
                )
                .into());
            }
            1 => {
                self.sqlite.execute_batch("COMMIT")?;
                let old = std::mem::take(&mut self.descriptor);
                response.token(&token::environment_bytes(9, &[], &old.to_le_bytes()))?;
            }
            _ => {}
        }
        self.transactions -= 1;
        Ok(response.done(0, 0xD5, 0)?)
    }

    /// Rolls everything back.
    pub(super) fn roll_back(&mut self, response: &mut Response<'_>) -> Result<(), Stop> {
        self.sqlite.execute_batch("ROLLBACK")?;
        self.transactions = 0;
        let old = std::mem::take(&mut self.descriptor);
        Ok(response.token(&token::environment_bytes(10, &[], &old.to_le_bytes()))?)
    }

    pub(super) fn roll_back_to(&mut self, name: Option<&str>, response: &mut Response<'_>) -> Result<(), Stop> {
        if self.transactions == 0 {
            return Err(SqlError::new(
                3903,
                16,
                "The ROLLBACK TRANSACTION request has no corresponding BEGIN TRANSACTION.",
            )
            .into());
        }
        match name {
            None => self.roll_back(response)?,
            Some(name) => {
                let statement = format!("ROLLBACK TO {}", quoted(&format!("save.{name}").to_lowercase()));
                self.sqlite.execute_batch(&statement).map_err(|_| {
                    SqlError::new(
                        6401,
                        16,
                        format!("Cannot roll back {name}. No transaction or savepoint of that name was found."),
                    )
                })?;
            }
        }
        Ok(response.done(0, 0xD2, 0)?)
    }

    pub(super) fn save_point(&mut self, name: &str, response: &mut Response<'_>) -> Result<(), Stop> {
        if self.transactions == 0 {
            return Err(
                SqlError::new(628, 16, "Cannot issue SAVE TRANSACTION when there is no active transaction.").into()
            );
        }
        self.sqlite.execute_batch(&format!("SAVEPOINT {}", quoted(&format!("save.{name}").to_lowercase())))?;
        Ok(response.done(0, 0, 0)?)
    }

    /// A transaction manager request (MS-TDS 2.2.6.9).
    pub(super) fn transaction_request(&mut self, body: &[u8], response: &mut Response<'_>) -> Result<(), Stop> {
        let mut reader = Reader::new(body);
        let request = reader.u16().map_err(Over::from)?;
        match request {
            5 => {
                let isolation = reader.u8().map_err(Over::from)?;
                reader.short_text().map_err(Over::from)?;
                self.isolate(isolation)?;
                self.begin(response)
            }
            7 | 8 => {
                let name = reader.short_text().map_err(Over::from)?;
                let flags = reader.u8().map_err(Over::from)?;
                if request == 7 {
                    self.commit(response)?
                } else {
                    self.roll_back_to(Some(name.as_str()).filter(|name| !name.is_empty()), response)?
                }
                if flags & 1 != 0 {
                    let isolation = reader.u8().map_err(Over::from)?;
                    reader.short_text().map_err(Over::from)?;
                    self.isolate(isolation)?;
                    self.begin(response)?;
                }
                Ok(())
            }
            9 => {
                let name = reader.short_text().map_err(Over::from)?;
                self.save_point(&name, response)
            }
            other => Err(SqlError::not_taught(format!("transaction manager request {other}")).into()),
        }
    }

    /// 0 leaves the level as it is.
    fn isolate(&mut self, level: u8) -> Result<(), Stop> {
        match level {
            0 => Ok(()),
            1..=5 => {
                self.options.isolation = level;
                Ok(())
            }
            _ => Err(Over::from(Violation::new(format!("isolation level {level}"))).into()),
        }
    }

    pub(super) fn announce_bulk(
        &mut self,
        definition: BulkDefinition,
        response: &mut Response<'_>,
    ) -> Result<(), Stop> {
        let entry = catalogue::table(&self.sqlite, &definition.table, &self.database)?;
        for (name, _) in &definition.columns {
            if entry.column(name).is_none() {
                return Err(SqlError::invalid_column(name).into());
            }
        }
        self.bulk = Some(definition);
        Ok(response.done(0, 0, 0)?)
    }
}

/// Transaction descriptors never repeat.
fn catalogue_free_number() -> u64 {
    static NEXT: std::sync::atomic::AtomicU64 = std::sync::atomic::AtomicU64::new(1);
    NEXT.fetch_add(1, std::sync::atomic::Ordering::Relaxed)
}

/// A value on its way into a column: converted, and refused rather than cut.
fn assigned(sql: &str, from: SqlType, column: &ColumnDefinition, entry: &TableEntry) -> String {
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
