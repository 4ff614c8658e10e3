//! Table types and procedures: kept as the text that made them.

use super::SqlError;
use super::catalogue::{self, physical, quoted, resolve};
use super::parser::parse_in;
use super::syntax::{Name, ParameterType, Procedure, Statement, TableDefinition};
use super::undo;
use rusqlite::{Connection, OptionalExtension, params};

/// `type` of `sys.objects`.
pub(super) const TYPE: &str = "TT";
pub(super) const PROCEDURE: &str = "P ";

pub(super) fn create_storage(sqlite: &Connection) -> Result<(), SqlError> {
    sqlite.execute_batch(
        "CREATE TABLE ropeway_modules (database TEXT COLLATE NOCASE, schema TEXT COLLATE NOCASE, name TEXT COLLATE NOCASE,
             kind TEXT, object_id INTEGER, text TEXT, PRIMARY KEY (database, schema, name, kind))",
    )?;
    let columns: Vec<String> = ["database", "schema", "name", "kind", "object_id", "text"].map(quoted).to_vec();
    Ok(undo::watch_catalogue(sqlite, "ropeway_modules", &columns)?)
}

/// A type or procedure.
pub(super) struct Module {
    pub(super) database: String,
    pub(super) schema: String,
    pub(super) name: String,
    pub(super) object_id: i64,
    text: String,
}

/// The module of a kind and name, if there is one.
pub(super) fn find(sqlite: &Connection, name: &Name, database: &str, kind: &str) -> Result<Option<Module>, SqlError> {
    let (database, schema, name) = resolve(name, database)?;
    let query = "SELECT database, schema, name, object_id, text FROM ropeway_modules WHERE database = ?1 AND schema = ?2 AND name = ?3 AND kind = ?4";
    let found = sqlite.query_row(query, params![database, schema, name, kind], |row| {
        Ok(Module {
            database: row.get(0)?,
            schema: row.get(1)?,
            name: row.get(2)?,
            object_id: row.get(3)?,
            text: row.get(4)?,
        })
    });
    Ok(found.optional()?)
}

impl Module {
    fn statement(&self, session: i64) -> Result<Statement, SqlError> {
        let parsed = parse_in(&self.text, session)?.pop();
        parsed.map(|(_, statement)| statement).ok_or_else(|| SqlError::not_taught("a module without text"))
    }

    /// The table that a variable of this type is.
    pub(super) fn table(&self, session: i64) -> Result<TableDefinition, SqlError> {
        match self.statement(session)? {
            Statement::CreateType { definition, .. } => Ok(definition),
            other => Err(SqlError::not_taught(format!("{other:?} as a type"))),
        }
    }

    pub(super) fn procedure(&self, session: i64) -> Result<Procedure, SqlError> {
        match self.statement(session)? {
            Statement::CreateProcedure(procedure) => Ok(procedure),
            other => Err(SqlError::not_taught(format!("{other:?} as a procedure"))),
        }
    }
}

/// CREATE TYPE ... AS TABLE.
pub(super) fn create_type(
    sqlite: &Connection,
    database: &str,
    definition: &TableDefinition,
    text: &str,
) -> Result<(), SqlError> {
    if find(sqlite, &definition.name, database, TYPE)?.is_some() {
        let name = definition.name.join(".");
        let message = format!("The type '{name}' already exists, or you do not have permission to create it.");
        return Err(SqlError::new(219, 16, message));
    }
    let (database, schema, name) = resolve(&definition.name, database)?;
    let schema_id = catalogue::schema_id(sqlite, &database, &schema)?;
    // Its columns are those of a table that nobody can name.
    let hidden = vec![database.clone(), schema.clone(), format!("\u{2}{name}")];
    let columns = TableDefinition { name: hidden.clone(), ..definition.clone() };
    catalogue::create_table(sqlite, &database, &columns)?;
    let entry = catalogue::table(sqlite, &hidden, &database)?;
    let objects = physical(&database, "sys", "objects");
    sqlite.execute(
        &format!("UPDATE {objects} SET name = ?1, schema_id = 4, type = 'TT', type_desc = 'TYPE_TABLE', is_ms_shipped = 1 WHERE object_id = ?2"),
        params![format!("TT_{name}_{:08X}", entry.object_id), entry.object_id],
    )?;
    let id = catalogue::next_number(sqlite, "type", 257)?;
    for (view, more) in [("types", ""), ("table_types", ", ?4, 0")] {
        let insert = format!(
            "INSERT INTO {} VALUES (?1, 243, ?2, ?3, NULL, -1, 0, 0, NULL, 0, 1, 0, 0, 0, 1{more})",
            physical(&database, "sys", view)
        );
        let mut statement = sqlite.prepare(&insert)?;
        if more.is_empty() {
            statement.execute(params![name, id, schema_id])?;
        } else {
            statement.execute(params![name, id, schema_id, entry.object_id])?;
        }
    }
    save(sqlite, [&database, &schema, &name, TYPE], entry.object_id, text)
}

fn save(sqlite: &Connection, place: [&str; 4], object_id: i64, text: &str) -> Result<(), SqlError> {
    let [database, schema, name, kind] = place;
    let insert = "INSERT INTO ropeway_modules VALUES (?1, ?2, ?3, ?4, ?5, ?6)";
    sqlite.execute(insert, params![database, schema, name, kind, object_id, text])?;
    Ok(())
}

/// CREATE PROCEDURE.
pub(super) fn create_procedure(sqlite: &Connection, database: &str, procedure: &Procedure) -> Result<(), SqlError> {
    let there = find(sqlite, &procedure.name, database, PROCEDURE)?.is_some()
        || catalogue::find(sqlite, &procedure.name, database)?.is_some();
    let (database, schema, name) = resolve(&procedure.name, database)?;
    if there {
        let message = format!("There is already an object named '{name}' in the database.");
        return Err(SqlError::new(2714, 16, message).state(3));
    }
    let schema_id = catalogue::schema_id(sqlite, &database, &schema)?;
    let object_id = catalogue::next_number(sqlite, "object", 581_577_110)?;
    let objects = physical(&database, "sys", "objects");
    let created = 45_292_i64 * 25_920_000;
    sqlite.execute(
        &format!("INSERT INTO {objects} VALUES (?1, ?2, NULL, ?3, 0, 'P ', 'SQL_STORED_PROCEDURE', ?4, ?4, 0, 0, 0)"),
        params![name, object_id, schema_id, created],
    )?;
    for (index, parameter) in procedure.parameters.iter().enumerate() {
        let (types, shape, is_table) = match &parameter.of {
            ParameterType::Scalar(of) => (catalogue::system_type_id(*of), catalogue::Shape::of(*of), false),
            ParameterType::Table(name) => {
                let found = find(sqlite, name, &database, TYPE)?;
                let found = found.ok_or_else(|| unknown_type(name))?;
                let query = format!(
                    "SELECT user_type_id FROM {} WHERE type_table_object_id = ?1",
                    physical(&database, "sys", "table_types")
                );
                let id: i64 = sqlite.query_row(&query, [found.object_id], |row| row.get(0))?;
                ((243, id), catalogue::Shape { max_length: -1, precision: 0, scale: 0 }, true)
            }
        };
        let insert = format!(
            "INSERT INTO {} VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, 0, ?10, 0, NULL, 0, ?11, 1)",
            physical(&database, "sys", "parameters")
        );
        sqlite.execute(
            &insert,
            params![
                object_id,
                parameter.name,
                index as i64 + 1,
                types.0,
                types.1,
                shape.max_length,
                shape.precision,
                shape.scale,
                parameter.output,
                // Defaults of procedures in T-SQL are not shown here, as on the server.
                false,
                is_table
            ],
        )?;
    }
    save(sqlite, [&database, &schema, &name, PROCEDURE], object_id, &procedure.text)
}

/// Error 2715, as it comes where the statement runs.
pub(super) fn unknown_type(name: &Name) -> SqlError {
    let message = format!("Column, parameter, or variable #1: Cannot find data type {}.", name.join("."));
    SqlError::new(2715, 16, message).state(3)
}

/// DROP TYPE and DROP PROCEDURE.
pub(super) fn drop(sqlite: &Connection, database: &str, name: &Name, kind: &str) -> Result<bool, SqlError> {
    let Some(module) = find(sqlite, name, database, kind)? else { return Ok(false) };
    if kind == TYPE {
        let used = format!(
            "SELECT count(*) FROM {} p JOIN {} t ON t.user_type_id = p.user_type_id WHERE t.type_table_object_id = ?1",
            physical(&module.database, "sys", "parameters"),
            physical(&module.database, "sys", "table_types")
        );
        if sqlite.query_row(&used, [module.object_id], |row| row.get::<_, i64>(0))? > 0 {
            let message = format!(
                "Cannot drop type '{}' because it is being referenced by another object. There may be other objects that reference this type.",
                name.join(".")
            );
            return Err(SqlError::new(3732, 16, message));
        }
        let types = physical(&module.database, "sys", "types");
        let table_types = physical(&module.database, "sys", "table_types");
        sqlite.execute(
            &format!("DELETE FROM {types} WHERE user_type_id IN (SELECT user_type_id FROM {table_types} WHERE type_table_object_id = ?1)"),
            [module.object_id],
        )?;
        sqlite.execute(&format!("DELETE FROM {table_types} WHERE type_table_object_id = ?1"), [module.object_id])?;
        let hidden = vec![module.database.clone(), module.schema.clone(), format!("\u{2}{}", module.name)];
        let entry = catalogue::table(sqlite, &hidden, database)?;
        catalogue::drop_table(sqlite, &entry)?;
    } else {
        for view in ["objects", "parameters"] {
            let view = physical(&module.database, "sys", view);
            sqlite.execute(&format!("DELETE FROM {view} WHERE object_id = ?1"), [module.object_id])?;
        }
    }
    let delete = "DELETE FROM ropeway_modules WHERE database = ?1 AND object_id = ?2";
    sqlite.execute(delete, params![module.database, module.object_id])?;
    Ok(true)
}
