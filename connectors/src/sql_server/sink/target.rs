//! What rows go to: a table, or a stored procedure that takes rows of a table type.

use ropeway_engine::Result;

use super::{
    super::wire::Session,
    procedure::Procedure,
    settings::{Behavior, Settings},
    table::Table,
};

/// What is there at the server.
pub(crate) struct Target {
    /// The table, or the one that the procedure takes.
    pub(crate) table: Table,
    pub(crate) procedure: Option<Procedure>,
}

impl Target {
    /// Looks at it; `None` if there is no such table.
    ///
    /// # Errors
    /// For what cannot take rows, and for a procedure that is not there.
    pub(crate) async fn look(session: &mut Session, settings: &Settings) -> Result<Option<Self>> {
        if let Behavior::Call(named) = &settings.behavior {
            let (procedure, table) = named.look(session).await?;
            return Ok(Some(Self { table, procedure: Some(procedure) }));
        }
        let table = Table::look(session, &settings.target).await?;
        Ok(table.map(|table| Self { table, procedure: None }))
    }
}
