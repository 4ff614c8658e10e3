//! What logins may not do. Everybody may do everything but what DENY has taken away, and `sa` may do that too.

use super::SqlError;
use super::bind::{self, Context};
use super::catalogue::{self, TableEntry};
use super::modules::{self, Module};
use super::state::State;
use super::syntax::{Name, Permit, Securable};
use rusqlite::{Connection, params};

pub(super) fn create_storage(sqlite: &Connection) -> rusqlite::Result<()> {
    sqlite.execute_batch(
        "CREATE TABLE ropeway_denied (database TEXT COLLATE NOCASE, user TEXT COLLATE NOCASE, permission TEXT, securable TEXT,
             PRIMARY KEY (database, user, permission, securable))",
    )
}

/// The securable that is the whole database.
const DATABASE: &str = "";

fn is_denied(context: &Context<'_>, database: &str, permission: &str, securables: &[&str]) -> Result<bool, SqlError> {
    if matches!(context.user, "sa" | "dbo") {
        return Ok(false);
    }
    let query = "SELECT count(*) FROM ropeway_denied WHERE database = ?1 AND user = ?2 AND permission IN (?3, 'CONTROL') AND securable = ?4";
    let mut statement = context.sqlite.prepare(query)?;
    for securable in securables {
        let count: i64 =
            statement.query_row(params![database, context.user, permission, securable], |row| row.get(0))?;
        if count > 0 {
            return Ok(true);
        }
    }
    Ok(false)
}

/// Whether the login may do this to a table.
pub(super) fn may(context: &Context<'_>, permission: &str, entry: &TableEntry) -> Result<bool, SqlError> {
    let schema = in_schema(&entry.schema);
    let denied = is_denied(context, &entry.database, permission, &[DATABASE, &schema, &entry.resource()])?;
    Ok(!denied)
}

/// Error 229, or 1088 for a change of the definition, where the login may not.
pub(super) fn check(context: &Context<'_>, permission: &str, entry: &TableEntry) -> Result<(), SqlError> {
    if may(context, permission, entry)? {
        return Ok(());
    }
    if permission == "ALTER" {
        let message = format!(
            "Cannot find the object \"{}\" because it does not exist or you do not have permissions.",
            entry.name
        );
        return Err(SqlError::new(1088, 16, message).state(13));
    }
    let message = format!(
        "The {permission} permission was denied on the object '{}', database '{}', schema '{}'.",
        entry.name, entry.database, entry.schema
    );
    Err(SqlError::new(229, 14, message).state(5))
}

/// Error 229 where the login may not run a procedure.
pub(super) fn check_execute(context: &Context<'_>, module: &Module) -> Result<(), SqlError> {
    let resource = catalogue::resource(&module.database, &module.schema, &module.name);
    if is_denied(context, &module.database, "EXECUTE", &[DATABASE, &in_schema(&module.schema), &resource])? {
        let message = format!(
            "The EXECUTE permission was denied on the object '{}', database '{}', schema '{}'.",
            module.name, module.database, module.schema
        );
        return Err(SqlError::new(229, 14, message).state(5));
    }
    Ok(())
}

/// Error 262 where the login may not create things of a kind in its database.
pub(super) fn check_create(context: &Context<'_>, permission: &str) -> Result<(), SqlError> {
    if is_denied(context, context.database, permission, &[DATABASE])? {
        let message = format!("{permission} permission denied in database '{}'.", context.database);
        return Err(SqlError::new(262, 14, message));
    }
    Ok(())
}

/// Creating a table needs a right in the database, and one in the schema.
pub(super) fn check_create_table(context: &Context<'_>, name: &Name) -> Result<(), SqlError> {
    let (database, schema, object) = catalogue::resolve(name, context.database)?;
    // Everybody may make temporary tables.
    if object.starts_with('#') {
        return Ok(());
    }
    check_create(context, "CREATE TABLE")?;
    if is_denied(context, &database, "ALTER", &[DATABASE, &in_schema(&schema)])? {
        return Err(catalogue::no_schema(&schema));
    }
    Ok(())
}

/// `HAS_PERMS_BY_NAME`; `None` where it is NULL.
pub(super) fn has(
    context: &Context<'_>,
    securable: Option<&str>,
    class: &str,
    permission: &str,
) -> Result<Option<bool>, SqlError> {
    let permission = permission.to_uppercase();
    let denied = match (class.to_uppercase().as_str(), securable) {
        ("DATABASE", name) => {
            let database = name.unwrap_or(context.database);
            if catalogue::has_database(context.sqlite, database)?.is_none() {
                return Ok(None);
            }
            is_denied(context, database, &permission, &[DATABASE])?
        }
        ("SCHEMA", Some(name)) => {
            let name = bind::name_of(name).and_then(|mut parts| parts.pop()).unwrap_or_default();
            if !catalogue::has_schema(context.sqlite, context.database, &name)? {
                return Ok(None);
            }
            is_denied(context, context.database, &permission, &[DATABASE, &in_schema(&name)])?
        }
        ("OBJECT", Some(name)) => {
            let Some(name) = bind::name_of(name) else { return Ok(None) };
            let Some(entry) = catalogue::find(context.sqlite, &name, context.database)? else { return Ok(None) };
            !may(context, &permission, &entry)?
        }
        ("SERVER", None) | ("", None) => is_denied(context, "", &permission, &[DATABASE])?,
        _ => return Ok(None),
    };
    Ok(Some(!denied))
}

fn in_schema(schema: &str) -> String {
    format!("schema {schema}").to_lowercase()
}

impl State {
    /// GRANT, DENY and REVOKE.
    pub(super) fn permit(&self, permit: &Permit) -> Result<(), SqlError> {
        if self.user != "sa" {
            return Err(SqlError::not_taught("GRANT, DENY and REVOKE by anybody but sa"));
        }
        if !self.shared.options.users.contains_key(&permit.user) {
            return Err(SqlError::new(
                15_151,
                16,
                format!(
                    "Cannot find the user '{}', because it does not exist or you do not have permission.",
                    permit.user
                ),
            ));
        }
        let securable = match &permit.on {
            None => DATABASE.to_owned(),
            Some(Securable::Schema(name)) => in_schema(name),
            Some(Securable::Object(name)) => {
                match modules::find(&self.storage.sqlite, name, &self.database, modules::PROCEDURE)? {
                    Some(module) => catalogue::resource(&module.database, &module.schema, &module.name),
                    None => catalogue::table(&self.storage.sqlite, name, &self.database)?.resource(),
                }
            }
        };
        for permission in &permit.permissions {
            // What concerns the whole server belongs to no database.
            let database = if permission == "ALTER ANY CONNECTION" { "" } else { &self.database };
            let statement = if permit.denies {
                "INSERT OR IGNORE INTO ropeway_denied VALUES (?1, ?2, ?3, ?4)"
            } else {
                "DELETE FROM ropeway_denied WHERE database = ?1 AND user = ?2 AND permission = ?3 AND securable = ?4"
            };
            self.storage.sqlite.execute(statement, params![database, permit.user, permission, securable])?;
        }
        Ok(())
    }
}
