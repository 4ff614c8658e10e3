//! A mapping and the columns of both ends become a plan, or every problem at once.

use std::{collections::HashMap, fmt::Write as _, sync::Arc};

use arrow::datatypes::{DataType, Field, Schema, SchemaRef};

use super::{
    AdditionalValue, ColumnMapping, Interim, MAPPED_FROM, MappedColumn, Mapping, Rules, TimeFormat,
    convert::{self, Aim, Conversion},
    plan::{From, Plan, Step},
};
use crate::{
    Error, ErrorKind, Result,
    sink::{Taken, Takes},
    source::SOURCE_TYPE,
};

/// Names that a message lists at most.
const SHOWN: usize = 20;

impl Plan {
    /// # Errors
    /// [`ErrorKind::Spec`] that says all that is wrong: a column that is not there or is meant twice, a conversion that
    /// there is not, each with its place in the definition.
    pub(super) fn of(mapping: &Mapping, source: &SchemaRef, takes: &Takes) -> Result<Self> {
        let mut resolving = Resolving { mapping, takes, problems: Vec::new() };
        let inputs = resolving.inputs(source);
        let chosen = match &mapping.columns {
            None => resolving.everything(&inputs),
            Some(columns) => resolving.chosen(columns, &inputs, source.fields().len()),
        };
        let (mut fields, mut steps) = (Vec::new(), Vec::new());
        for chosen in &chosen {
            let (field, step) = resolving.column(chosen);
            fields.push(field);
            steps.push(step);
        }
        resolving.refuse_doubles(&chosen);
        if resolving.problems.is_empty() {
            return Ok(Self { source: Arc::clone(source), schema: Arc::new(Schema::new(fields)), steps });
        }
        Err(Error::new(
            ErrorKind::Spec,
            format!("the column mapping does not fit the source and the sink: {}", resolving.problems.join("; ")),
        )
        .code("UserErrorInvalidColumnMapping"))
    }
}

/// A column that may be mapped: of the source, or an additional one.
struct Input {
    field: Field,
    from: From,
    /// What it is, for a person.
    label: String,
    /// Where the definition has it.
    at: Option<String>,
}

/// A column of the sink and what becomes of it.
struct Chosen<'a> {
    input: &'a Input,
    /// Its name in the sink.
    name: String,
    /// Its position in the sink, if the definition says it.
    ordinal: Option<usize>,
    /// What the table has, if the sink is one.
    taken: Option<&'a Taken>,
    source: Option<&'a MappedColumn>,
    sink: Option<&'a MappedColumn>,
    at: String,
}

struct Resolving<'a> {
    mapping: &'a Mapping,
    takes: &'a Takes,
    problems: Vec<String>,
}

impl<'a> Resolving<'a> {
    fn problem(&mut self, at: &str, what: impl std::fmt::Display) {
        self.problems.push(if at.is_empty() { what.to_string() } else { format!("{at}: {what}") });
    }

    /// The columns of the source, then the additional ones.
    fn inputs(&mut self, source: &SchemaRef) -> Vec<Input> {
        let of_source = |(at, field): (usize, &Arc<Field>)| Input {
            field: field.as_ref().clone(),
            from: From::Column(at),
            label: field.name().clone(),
            at: None,
        };
        let mut inputs: Vec<Input> = source.fields().iter().enumerate().map(of_source).collect();
        for column in &self.mapping.additional {
            let (mut field, from, label) = match &column.value {
                AdditionalValue::Text(text) => {
                    (text_field(text.is_none()), From::Text(text.clone()), "a text".to_owned())
                }
                AdditionalValue::FilePath => (text_field(false), From::File, "$$FILEPATH".to_owned()),
                AdditionalValue::Column(name) => match self.find(name, &names(source.fields()), &column.at, "source") {
                    Some(at) => (source.field(at).clone(), From::Column(at), source.field(at).name().clone()),
                    None => continue,
                },
            };
            if inputs.iter().any(|input| input.field.name() == &column.name) {
                self.problem(
                    &column.at,
                    format!("there is a column '{}' already; rename this one", shown(&column.name)),
                );
                continue;
            }
            field.set_name(column.name.clone());
            inputs.push(Input { field, from, label, at: Some(column.at.clone()) });
        }
        inputs
    }

    /// Everything, by name.
    fn everything<'b>(&mut self, inputs: &'b [Input]) -> Vec<Chosen<'b>>
    where
        'a: 'b,
    {
        let by_name = |input: &'b Input| {
            let taken = match self.takes {
                // A column that the table lacks is the sink's to refuse: it knows what to do about it.
                Takes::Columns(columns) => {
                    position(input.field.name(), &taken_names(columns)).ok().map(|at| &columns[at])
                }
                _ => None,
            };
            let name = taken.map_or_else(|| input.field.name().clone(), |taken| taken.name.clone());
            let at = input.at.clone().unwrap_or_default();
            Chosen { input, name, ordinal: None, taken, source: None, sink: None, at }
        };
        inputs.iter().map(by_name).collect()
    }

    /// What is mapped, in the order of the definition, or of the ordinals of a sink that has no columns yet.
    fn chosen<'b>(&mut self, columns: &'b [ColumnMapping], inputs: &'b [Input], of_source: usize) -> Vec<Chosen<'b>>
    where
        'a: 'b,
    {
        let mut chosen: Vec<Chosen<'b>> = Vec::new();
        for column in columns {
            let input = self.source_column(column, inputs, of_source);
            let (Some(input), true) = (input, self.has_target(column)) else { continue };
            let Some((name, taken)) = self.sink_column(column, input) else { continue };
            chosen.push(Chosen {
                input,
                name,
                ordinal: column.sink.ordinal,
                taken,
                source: Some(&column.source),
                sink: Some(&column.sink),
                at: column.at.clone(),
            });
        }
        if !matches!(self.takes, Takes::Columns(_)) && chosen.iter().any(|column| column.ordinal.is_some()) {
            self.in_order(&mut chosen);
        }
        chosen
    }

    fn source_column<'b>(
        &mut self,
        column: &ColumnMapping,
        inputs: &'b [Input],
        of_source: usize,
    ) -> Option<&'b Input> {
        let at = format!("{}.source", column.at);
        let fields: Vec<String> = inputs.iter().map(|input| input.field.name().clone()).collect();
        let by_ordinal =
            column.source.ordinal.map(|ordinal| match ordinal.checked_sub(1).filter(|at| *at < of_source) {
                Some(position) => Ok(position),
                None => Err(format!("the source has {of_source} columns, and none at ordinal {ordinal}")),
            });
        let found = match (&column.source.name, by_ordinal) {
            (None, None) => Err("neither 'name' nor 'ordinal' says which column is meant".to_owned()),
            (None, Some(by_ordinal)) => by_ordinal,
            (Some(name), None) => position(name, &fields).map_err(|why| why.of("source", name, &fields)),
            // Names of columns without a header are whatever the author liked.
            (Some(name), Some(by_ordinal)) => match (position(name, &fields), by_ordinal) {
                (Ok(by_name), Ok(by_ordinal)) if by_name != by_ordinal => Err(format!(
                    "'name' says '{}' and 'ordinal' says '{}'; remove one of them",
                    shown(&fields[by_name]),
                    shown(&fields[by_ordinal])
                )),
                (Ok(by_name), _) => Ok(by_name),
                (Err(_), by_ordinal) => by_ordinal,
            },
        };
        match found {
            Ok(position) => inputs.get(position),
            Err(problem) => {
                self.problem(&at, problem);
                None
            }
        }
    }

    fn has_target(&mut self, column: &ColumnMapping) -> bool {
        let has = column.sink.name.is_some() || column.sink.ordinal.is_some();
        if !has {
            self.problem(&format!("{}.sink", column.at), "neither 'name' nor 'ordinal' says which column is meant");
        }
        has
    }

    /// The name in the sink, and the column there if it has columns already.
    fn sink_column(&mut self, column: &ColumnMapping, input: &Input) -> Option<(String, Option<&'a Taken>)> {
        let at = format!("{}.sink", column.at);
        let Takes::Columns(columns) = self.takes else {
            return Some((column.sink.name.clone().unwrap_or_else(|| input.field.name().clone()), None));
        };
        let position = match (&column.sink.name, column.sink.ordinal) {
            (Some(name), _) => self.find(name, &taken_names(columns), &at, "sink")?,
            (None, ordinal) => {
                let ordinal = ordinal.unwrap_or(0);
                let Some(position) = ordinal.checked_sub(1).filter(|position| *position < columns.len()) else {
                    let many = columns.len();
                    self.problem(&at, format!("the sink has {many} columns, and none at ordinal {ordinal}"));
                    return None;
                };
                position
            }
        };
        let taken = &columns[position];
        Some((taken.name.clone(), Some(taken)))
    }

    /// Puts the columns of a file into the order of their ordinals.
    fn in_order(&mut self, chosen: &mut [Chosen<'_>]) {
        for column in chosen.iter().filter(|column| column.ordinal.is_none()) {
            let at = format!("{}.sink", column.at);
            self.problems
                .push(format!("{at}: other columns of the sink have an ordinal; give this one an ordinal too"));
        }
        chosen.sort_by_key(|column| column.ordinal);
        let mut expected = 1..;
        let mut last = None;
        for column in chosen.iter() {
            let Some(ordinal) = column.ordinal else { continue };
            let at = format!("{}.sink", column.at);
            if last == Some(ordinal) {
                self.problems.push(format!("{at}: another column has ordinal {ordinal} already"));
            } else if expected.next() != Some(ordinal) {
                self.problems.push(format!(
                    "{at}: ordinals of the columns of a file are 1, 2, 3 without a gap; {ordinal} is not next"
                ));
                return;
            }
            last = Some(ordinal);
        }
    }

    /// The mapped field, and how it is made.
    fn column(&mut self, chosen: &Chosen<'_>) -> (Field, Step) {
        let conversion = self.conversion(chosen);
        let input = chosen.input;
        let mut field = input.field.clone();
        let mut metadata: HashMap<String, String> = field.metadata().clone();
        let mut from = input.label.clone();
        if let Some(conversion) = &conversion {
            let _ = write!(from, " as {}", conversion.to.name());
            if conversion.may_cut {
                from.push_str(", may be cut off");
            }
            metadata.clear();
            metadata.insert(SOURCE_TYPE.to_owned(), conversion.source_type.to_owned());
            field.set_data_type(conversion.data_type.clone());
        }
        if from != chosen.name {
            metadata.insert(MAPPED_FROM.to_owned(), from);
        }
        field.set_metadata(metadata);
        field.set_name(chosen.name.clone());
        (field, Step { from: input.from.clone(), conversion })
    }

    fn conversion(&mut self, chosen: &Chosen<'_>) -> Option<Conversion> {
        let (to, aim) = self.wanted(chosen)?;
        let field = &chosen.input.field;
        let rules = self.rules(chosen, to);
        if Interim::of(field) == Some(Interim::String) && to.is_time() {
            let unreadable = convert::format_of(to, &rules).and_then(|format| format.text.unreadable());
            if let Some(why) = unreadable {
                self.problem(&chosen.at, format!("texts cannot be read by the format of {}: {why}", to.name()));
                return None;
            }
        }
        match convert::conversion(field, to, aim, &rules) {
            Ok(conversion) => conversion,
            // The sink knows more ways than Data Factory, and refuses the rest by itself.
            Err(_) if aim == Aim::Table => None,
            Err(why) => {
                let from = shown(field.name());
                self.problem(&chosen.at, format!("column '{from}': {why}; change the type, or CAST it in the query"));
                None
            }
        }
    }

    /// The type that a column gets; `None` if it keeps its own.
    fn wanted(&self, chosen: &Chosen<'_>) -> Option<(Interim, Aim)> {
        let explicit = |column: Option<&MappedColumn>| column.and_then(|column| column.interim);
        let (source, sink) = (explicit(chosen.source), explicit(chosen.sink));
        let is_wanted = self.mapping.converts || source.is_some() || sink.is_some();
        if !is_wanted {
            return None;
        }
        match self.takes {
            Takes::Columns(_) => Some((chosen.taken?.interim?, Aim::Table)),
            Takes::Anything => Some((sink.or(source)?, Aim::Values)),
            Takes::Texts => {
                let to = sink.or_else(|| self.mapping.converts.then_some(Interim::String)).or(source)?;
                // The sink writes its own texts unless the definition says how.
                (to != Interim::String || self.is_written_otherwise(chosen)).then_some((to, Aim::Values))
            }
        }
    }

    fn is_written_otherwise(&self, chosen: &Chosen<'_>) -> bool {
        let Some(interim) = Interim::of(&chosen.input.field) else { return false };
        let rules = self.rules(chosen, Interim::String);
        interim == Interim::Boolean && rules.booleans_as_numbers
            || convert::format_of(interim, &rules).is_some_and(|format| format.is_given)
    }

    /// The rules with the formats of the column.
    fn rules(&self, chosen: &Chosen<'_>, to: Interim) -> Rules {
        let mut rules = self.mapping.rules.clone();
        rules.cuts &= self.mapping.converts;
        // A format goes with the side that is text.
        let (first, second) =
            if to == Interim::String { (chosen.sink, chosen.source) } else { (chosen.source, chosen.sink) };
        let format = [first, second].into_iter().flatten().find_map(|column| column.format.clone());
        if let Some(text) = format {
            let format = TimeFormat { is_given: true, text };
            rules.date = format.clone();
            rules.date_time = format.clone();
            rules.date_time_offset = format;
        }
        rules
    }

    fn refuse_doubles(&mut self, chosen: &[Chosen<'_>]) {
        for (position, column) in chosen.iter().enumerate() {
            if chosen[..position].iter().any(|earlier| earlier.name == column.name) {
                let at = if column.sink.is_some() { format!("{}.sink", column.at) } else { column.at.clone() };
                let name = shown(&column.name);
                self.problem(&at, format!("two columns go to '{name}' of the sink; remove or rename one"));
            }
        }
    }

    fn find(&mut self, name: &str, names: &[String], at: &str, side: &str) -> Option<usize> {
        match position(name, names) {
            Ok(position) => Some(position),
            Err(why) => {
                self.problem(at, why.of(side, name, names));
                None
            }
        }
    }
}

/// Why a name leads to no column.
enum Unfound {
    Missing,
    Ambiguous,
}

impl Unfound {
    fn of(&self, side: &str, name: &str, names: &[String]) -> String {
        let name = shown(name);
        match self {
            Self::Missing => {
                let listed: Vec<_> = names.iter().take(SHOWN).map(|name| format!("'{}'", shown(name))).collect();
                let more = if names.len() > SHOWN { " and more" } else { "" };
                format!("the {side} has no column '{name}'; it has {}{more}", listed.join(", "))
            }
            Self::Ambiguous => {
                format!("several columns of the {side} could be '{name}'; write the name as it is there")
            }
        }
    }
}

/// The column of this name, or else the only one that differs in case alone.
fn position(name: &str, names: &[String]) -> Result<usize, Unfound> {
    let mut same = names.iter().enumerate().filter(|(_, known)| *known == name);
    match (same.next(), same.next()) {
        (Some((at, _)), None) => return Ok(at),
        (Some(_), Some(_)) => return Err(Unfound::Ambiguous),
        (None, _) => {}
    }
    let lower = name.to_lowercase();
    let mut alike = names.iter().enumerate().filter(|(_, known)| known.to_lowercase() == lower);
    match (alike.next(), alike.next()) {
        (Some((at, _)), None) => Ok(at),
        (Some(_), Some(_)) => Err(Unfound::Ambiguous),
        (None, _) => Err(Unfound::Missing),
    }
}

fn names(fields: &arrow::datatypes::Fields) -> Vec<String> {
    fields.iter().map(|field| field.name().clone()).collect()
}

fn taken_names(columns: &[Taken]) -> Vec<String> {
    columns.iter().map(|column| column.name.clone()).collect()
}

fn text_field(nullable: bool) -> Field {
    let metadata = HashMap::from([(SOURCE_TYPE.to_owned(), "String".to_owned())]);
    Field::new("", DataType::Utf8, nullable).with_metadata(metadata)
}

fn shown(name: &str) -> String {
    name.escape_debug().to_string()
}
