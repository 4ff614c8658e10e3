//! The plan for a person.

use std::fmt::{self, Write as _};

use ropeway_engine::{mapping::MAPPED_FROM, source::SOURCE_TYPE};

use super::{CopyPlan, Step};
use crate::{byte_size, table::Table, terminal::Safe};

/// Chunks that are named; `--output json` names all.
const SHOWN: usize = 5;

pub(super) fn print(warnings: &[String], steps: &[Step]) -> String {
    let mut text: String = warnings.iter().map(|warning| format!("warning: {}\n", Safe(warning))).collect();
    for step in steps {
        text += &match step {
            Step::Copy(plan) => indented(plan),
            Step::Other(control) => crate::terminal::safe_lines(&control.text()) + "\n",
        };
    }
    text
}

/// A plan as deep as its activity stands.
fn indented(plan: &CopyPlan) -> String {
    let mut text = String::new();
    // Writing to a String cannot fail.
    let _ = write_plan(&mut text, plan);
    let indent = "  ".repeat(plan.depth);
    text.lines().map(|line| format!("{indent}{line}\n")).collect()
}

fn write_plan(text: &mut String, plan: &CopyPlan) -> fmt::Result {
    let prospect = &plan.prospect;
    writeln!(text, "Copy {}: {} to {}", Safe(&plan.activity), plan.source_type, plan.sink_type)?;
    for warning in &plan.warnings {
        writeln!(text, "  warning      {}", Safe(warning))?;
    }
    for setting in crate::settings::shown(&plan.settings) {
        writeln!(text, "  setting      {setting}")?;
    }
    writeln!(text, "  reads        {}", Safe(&prospect.description.statement))?;
    writeln!(text, "  cut          {}", Safe(&prospect.description.cut))?;
    writeln!(text, "  consistency  {}", Safe(&prospect.description.consistency))?;
    if !prospect.target.target.is_empty() {
        writeln!(text, "  writes       {}", Safe(&prospect.target.target))?;
    }
    for statement in &prospect.target.statements {
        writeln!(text, "  first runs   {}", Safe(statement))?;
    }
    writeln!(text, "  guarantee    {}", Safe(&prospect.guarantee))?;
    if let Some(skipping) = &prospect.skipping {
        writeln!(text, "  skips        {}", Safe(skipping))?;
    }
    if prospect.read_back {
        writeln!(text, "  verification every row is read back from the sink in the end and compared")?;
    }
    writeln!(
        text,
        "  memory       {} for each of {} chunks at once, of {}",
        byte_size::show(prospect.working_set),
        prospect.slots,
        byte_size::show(plan.memory)
    )?;
    writeln!(text, "  chunks       {}", prospect.chunks.len())?;
    for chunk in prospect.chunks.iter().take(SHOWN) {
        writeln!(text, "    {}", Safe(&chunk.label))?;
    }
    if prospect.chunks.len() > SHOWN {
        writeln!(text, "    and {} more; --output json shows all", prospect.chunks.len() - SHOWN)?;
    }
    writeln!(text, "  columns")?;
    text.push_str(&columns(plan).print("    "));
    if plan.is_refused() {
        writeln!(text, "  a run refuses this: columns would lose something; cast them, or say --lossy allow")?;
    }
    Ok(())
}

fn columns(plan: &CopyPlan) -> Table {
    let is_mapped = plan.prospect.schema.fields().iter().any(|field| field.metadata().contains_key(MAPPED_FROM));
    let mut table = if is_mapped {
        Table::new(["name", "from", "source", "arrow", "sink", "loss"])
    } else {
        Table::new(["name", "source", "arrow", "sink", "loss"])
    };
    for (field, fit) in plan.prospect.schema.fields().iter().zip(&plan.prospect.fits) {
        let from = field.metadata().get(MAPPED_FROM).unwrap_or(field.name());
        let source = field.metadata().get(SOURCE_TYPE).map_or("", String::as_str);
        let arrow = format!("{}{}", field.data_type(), if field.is_nullable() { "" } else { " not null" });
        let (name, loss) = (field.name().as_str(), fit.loss.as_deref().unwrap_or(""));
        match is_mapped {
            true => table.row([name, from, source, &arrow, &fit.sink_type, loss]),
            false => table.row([name, source, &arrow, &fit.sink_type, loss]),
        }
    }
    table
}
