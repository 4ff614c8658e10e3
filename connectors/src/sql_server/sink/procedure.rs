//! A stored procedure that takes the rows: as the definition names it, and as the server has it.

use std::num::NonZeroU64;

use mssql_tds::datatypes::sqltypes::SqlType;
use ropeway_engine::{Error, ErrorKind, Result};

use super::{
    super::{
        arguments::{self, Argument},
        object_name::{parts, quoted},
        spec::CopySink,
        wire::{Query, Session, TextRow, text},
    },
    statements::PROCEDURE,
    table::Table,
};

/// The variable that the rows of a call are in.
pub(crate) const ROWS: &str = "@ropeway_rows";

/// A procedure as a definition names it.
#[derive(Clone, Debug)]
pub(crate) struct Named {
    /// Quoted.
    name: String,
    /// The parameter that takes the rows, with its `@`.
    rows: Option<String>,
    /// The parts of the name of the rows' type.
    of: Option<Vec<String>>,
    arguments: Vec<Argument>,
    /// The most rows of a call.
    batch: Option<NonZeroU64>,
}

/// A procedure that is there.
#[derive(Clone, Debug)]
pub(crate) struct Procedure {
    /// `EXEC [dbo].[put] @rows = @ropeway_rows, @source = @ropeway_0`
    pub(crate) call: String,
    /// The type of the rows, quoted.
    pub(crate) of: String,
    /// The values that the call names.
    pub(crate) values: Vec<(String, SqlType)>,
    /// The most rows of a call; none for all rows of a chunk.
    pub(crate) batch: Option<NonZeroU64>,
}

impl Named {
    /// # Errors
    /// [`ErrorKind::Spec`] for names that SQL Server cannot have, and for values that are not of their types.
    pub(crate) fn of(sink: &CopySink) -> Result<Self> {
        let given = |text: &Option<String>| text.clone().filter(|text| !text.trim().is_empty());
        let name = given(&sink.sql_writer_stored_procedure_name).ok_or_else(|| {
            refused("«writeBehavior» is storedProcedure, but no procedure is named; set «sqlWriterStoredProcedureName»")
        })?;
        let name = parts(&name)?;
        if name.len() > 2 {
            return Err(refused(
                "a stored procedure of another database cannot take the rows; name that database in the linked service",
            )
            .with("sqlWriterStoredProcedureName", name.join(".").escape_debug()));
        }
        Ok(Self {
            name: quoted(&name)?,
            rows: given(&sink.stored_procedure_table_type_parameter_name)
                .map(|name| arguments::parameter(&name))
                .transpose()?,
            of: given(&sink.sql_writer_table_type).map(|name| parts(&name)).transpose()?,
            arguments: arguments::of(sink.stored_procedure_parameters.as_ref())?,
            batch: sink.write_batch_size.and_then(NonZeroU64::new),
        })
    }

    /// The name, quoted.
    pub(crate) fn name(&self) -> &str {
        &self.name
    }

    /// Looks at the procedure and at the type of its rows, whose columns are those of a table.
    ///
    /// # Errors
    /// [`ErrorKind::Spec`] for a procedure that is not there, or does not take what the definition says.
    pub(crate) async fn look(&self, session: &mut Session) -> Result<(Procedure, Table)> {
        let found = session.rows(Query::new(PROCEDURE, [("@procedure", text(&self.name))])).await?;
        let about = |error: Error| error.with("procedure", &self.name);
        let Some(first) = found.first() else {
            return Err(about(
                refused(
                    "the stored procedure does not exist, or the login may not see it; correct \
                     «sqlWriterStoredProcedureName», or GRANT EXECUTE on it",
                )
                .code("SqlOperationFailed"),
            ));
        };
        if first.required("object_type")?.trim() != "P" {
            return Err(about(refused("«sqlWriterStoredProcedureName» names something else than a stored procedure")));
        }
        let parameters: Vec<_> = found.iter().filter_map(Parameter::of).collect();
        let rows = self.rows_of(&parameters).map_err(about)?;
        let (of, object) = rows.table().ok_or_else(|| {
            about(
                refused(
                    "the parameter that shall take the rows is of no table type, or the login may not use its type; \
                     declare it with a table type and READONLY, or GRANT EXECUTE ON TYPE:: to the login's user",
                )
                .with("parameter", rows.name),
            )
        })?;
        self.check_type(rows).map_err(about)?;
        let name = [first.required("schema_name")?.to_owned(), first.required("object_name")?.to_owned()];
        let mut call = format!("EXEC {} {} = {ROWS}", quoted(&name)?, rows.name);
        let mut values = Vec::new();
        for (position, argument) in self.arguments.iter().enumerate() {
            let name = self.parameter(argument, rows, &parameters).map_err(about)?;
            let own = arguments::own(position);
            call.push_str(&format!(", {name} = {own}"));
            values.push((own, argument.value.clone()));
        }
        let table = Table::of_type(session, &of, object).await?;
        Ok((Procedure { call, of, values, batch: self.batch }, table))
    }

    /// The parameter that takes the rows: the one that is named, or the only one of a table type.
    fn rows_of<'a, 'p>(&self, parameters: &'p [Parameter<'a>]) -> Result<&'p Parameter<'a>> {
        let list = |list: Vec<&str>| if list.is_empty() { "none".to_owned() } else { list.join(", ") };
        if let Some(wanted) = &self.rows {
            return parameters.iter().find(|parameter| parameter.is(wanted)).ok_or_else(|| {
                let has = list(parameters.iter().map(|parameter| parameter.name).collect());
                refused("the stored procedure has no parameter of the name in «storedProcedureTableTypeParameterName»")
                    .with("parameter", wanted)
                    .with("has", has)
            });
        }
        let mut tables = parameters.iter().filter(|parameter| parameter.table().is_some());
        match (tables.next(), tables.next()) {
            (Some(only), None) => Ok(only),
            (None, _) => Err(refused(
                "the stored procedure takes no table, or the login may not use its type; declare a parameter with a \
                 table type and READONLY, or GRANT EXECUTE ON TYPE:: to the login's user",
            )),
            (Some(_), Some(_)) => Err(refused(
                "the stored procedure takes several tables; name the one for the rows in \
                 «storedProcedureTableTypeParameterName»",
            )),
        }
    }

    fn check_type(&self, rows: &Parameter<'_>) -> Result<()> {
        let Some([schema @ .., name]) = self.of.as_deref() else { return Ok(()) };
        let same = |wanted: &str, has: Option<&str>| has.is_some_and(|has| has.to_lowercase() == wanted.to_lowercase());
        let is_right = same(name, rows.type_name) && schema.last().is_none_or(|schema| same(schema, rows.type_schema));
        if is_right {
            return Ok(());
        }
        Err(refused("the stored procedure takes rows of another type than «sqlWriterTableType»; name its parameter's type there")
            .with("parameter", rows.name)
            .with("has", format!("{}.{}", rows.type_schema.unwrap_or("?"), rows.type_name.unwrap_or("?")))
            .with("sqlWriterTableType", self.of.iter().flatten().cloned().collect::<Vec<_>>().join(".").escape_debug()))
    }

    /// The procedure's own spelling of an argument's name.
    fn parameter<'a>(
        &self,
        argument: &Argument,
        rows: &Parameter<'_>,
        parameters: &[Parameter<'a>],
    ) -> Result<&'a str> {
        let found = parameters.iter().find(|parameter| parameter.is(&argument.name));
        match found {
            Some(found) if found.name != rows.name => Ok(found.name),
            Some(_) => Err(refused(
                "«storedProcedureParameters» has a value for the parameter that takes the rows; remove it there",
            )),
            None => Err(refused("the stored procedure has no parameter of a name in «storedProcedureParameters»")),
        }
        .map_err(|error| error.with("parameter", &argument.name))
    }
}

impl Procedure {
    /// How it is called, for a person.
    pub(crate) fn description(&self) -> String {
        let Self { call, of, batch, .. } = self;
        let calls = match batch {
            Some(most) => format!("for at most {most} rows at a time"),
            None => "once for each chunk".to_owned(),
        };
        format!("{call}: {calls}, the rows in {ROWS}, a table of the type {of}")
    }
}

/// A parameter of the procedure.
struct Parameter<'a> {
    /// With its `@`.
    name: &'a str,
    type_schema: Option<&'a str>,
    type_name: Option<&'a str>,
    /// What the catalogue keeps the columns of its type by, if that is a table.
    object: Option<i32>,
}

impl<'a> Parameter<'a> {
    /// `None` for a row that tells of no parameter.
    fn of(row: &'a TextRow) -> Option<Self> {
        Some(Self {
            name: row.text("parameter_name")?,
            type_schema: row.text("type_schema"),
            type_name: row.text("type_name"),
            object: row.number("type_table_object_id"),
        })
    }

    fn is(&self, name: &str) -> bool {
        self.name.to_lowercase() == name.to_lowercase()
    }

    /// The table type, quoted, and its object.
    fn table(&self) -> Option<(String, i32)> {
        let name = [self.type_schema?.to_owned(), self.type_name?.to_owned()];
        Some((quoted(&name).ok()?, self.object?))
    }
}

fn refused(why: &'static str) -> Error {
    Error::new(ErrorKind::Spec, why)
}
