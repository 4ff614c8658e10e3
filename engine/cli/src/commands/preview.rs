//! `ropeway preview`: a dataset's columns and its first rows.

use arrow::{
    array::{Array as _, ArrayRef, RecordBatch, make_array},
    datatypes::DataType,
    util::display::{ArrayFormatter, FormatOptions},
};
use chrono::Utc;
use futures::StreamExt;
use ropeway_engine::{
    Error, ErrorKind, Result, Side,
    chunk::BatchLimit,
    source::{ChunkTarget, SOURCE_TYPE, Source},
};
use ropeway_specs::{Factory, Inputs};

use crate::{
    args::PreviewArgs,
    assemble::{self, Extras},
    definitions, exit_code,
    key_vault::KeyVault,
    request::{self, MEMORY},
    settings,
    table::Table,
    terminal,
};

/// Prints both.
pub(crate) async fn perform(args: PreviewArgs) -> Result<u8> {
    let (factory, _) = Factory::load(&request::existing("factory", &args.factory)?);
    let mut inputs = Inputs::manual("preview", Utc::now());
    inputs.parameters = request::parameters(&args.parameters)?;
    inputs.secrets = definitions::secrets(args.secrets.as_deref())?;
    let vault = KeyVault::of_line(&args.connection);
    let side = vault.with_secrets(&inputs, || factory.dataset(&args.dataset, &inputs)).await?;
    let side = side.map_err(definitions::refuse)?;
    let registry = ropeway_connectors::registry();
    let extra_settings = settings::parse(&args.settings.set, &registry)?;
    for warning in
        settings::without_effect(&extra_settings, &registry, &[(Side::Source, &side.linked_service_type)], false)?
    {
        terminal::remark(&format!("warning: {}", terminal::Safe(&warning)));
    }
    let extras = Extras {
        lossy: false,
        ca_bundle: args.connection.ca_bundle,
        proxy: args.connection.proxy,
        memory: MEMORY,
        parallel: Some(1),
        divide_after: None,
        extra_settings,
    };
    let source = assemble::source(side, &registry, &extras, 1)?;
    let columns = columns(source.as_ref()).await?;
    let rows = rows(source.as_ref(), args.rows).await?;
    terminal::result(&format!("{columns}\n{rows}"))?;
    Ok(exit_code::SUCCEEDED)
}

async fn columns(source: &dyn Source) -> Result<String> {
    let mut table = Table::new(["column", "source", "arrow", "null"]);
    for field in source.schema().await?.fields() {
        let kind = field.metadata().get(SOURCE_TYPE).map_or("", String::as_str);
        let null = if field.is_nullable() { "yes" } else { "no" };
        table.row([field.name().as_str(), kind, &field.data_type().to_string(), null]);
    }
    Ok(table.print(""))
}

/// The first rows of the first chunks. Streams are dropped as soon as there are enough.
async fn rows(source: &dyn Source, wanted: usize) -> Result<String> {
    let schema = source.schema().await?;
    let mut table = Table::new(schema.fields().iter().map(|field| field.name().as_str()));
    let mut left = wanted;
    let target = ChunkTarget { bytes: 1 << 20, rows: wanted as u64, chunks: 1 };
    for chunk in source.plan(target).await? {
        let mut batches = source.read(&chunk, BatchLimit::default()).await?;
        while left > 0
            && let Some(batch) = batches.next().await
        {
            let batch = batch?;
            let batch = batch.slice(0, batch.num_rows().min(left));
            left -= batch.num_rows();
            add_rows(&mut table, &batch).map_err(|error| {
                Error::new(ErrorKind::Bug, "a value cannot be shown; please report it").caused_by(error)
            })?;
        }
        if left == 0 {
            break;
        }
    }
    Ok(table.print(""))
}

fn add_rows(table: &mut Table, batch: &RecordBatch) -> Result<(), arrow::error::ArrowError> {
    let options = FormatOptions::default().with_null("NULL");
    let shown = batch.columns().iter().map(in_offset).collect::<Result<Vec<_>, _>>()?;
    let columns: Vec<_> =
        shown.iter().map(|column| ArrayFormatter::try_new(column, &options)).collect::<Result<_, _>>()?;
    for row in 0..batch.num_rows() {
        let cells = columns.iter().map(|column| column.value(row).try_to_string()).collect::<Result<Vec<_>, _>>()?;
        table.row(cells);
    }
    Ok(())
}

/// The same column, its zone written as an offset: names of zones are not known to the formatter.
fn in_offset(column: &ArrayRef) -> Result<ArrayRef, arrow::error::ArrowError> {
    match column.data_type() {
        DataType::Timestamp(unit, Some(zone)) if zone.as_ref() == "UTC" => {
            let in_offset = DataType::Timestamp(*unit, Some("+00:00".into()));
            column.to_data().into_builder().data_type(in_offset).build().map(make_array)
        }
        _ => Ok(ArrayRef::clone(column)),
    }
}
