//! The functions of XPath 1.0.

use std::ops::RangeInclusive;

use super::{
    evaluate::{Evaluation, Place, number_of, truth},
    nodes::Item,
    syntax::Outcome,
};

pub(super) struct Function {
    pub(super) name: &'static str,
    pub(super) arguments: RangeInclusive<usize>,
    call: for<'a, 'e> fn(&Call<'a, 'e>) -> Result<Outcome<'a>, String>,
}

/// A call with its evaluated arguments.
struct Call<'a, 'e> {
    evaluation: &'e Evaluation<'a>,
    place: Place<'a>,
    arguments: Vec<Outcome<'a>>,
}

const TABLE: [Function; 25] = [
    Function { name: "last", arguments: 0..=0, call: |call| Ok(Outcome::Number(call.place.size as f64)) },
    Function { name: "position", arguments: 0..=0, call: |call| Ok(Outcome::Number(call.place.position as f64)) },
    Function { name: "count", arguments: 1..=1, call: |call| Ok(Outcome::Number(call.nodes()?.len() as f64)) },
    Function {
        name: "local-name",
        arguments: 0..=1,
        call: |call| call.named(|node| node.expanded_name().0.to_owned()),
    },
    Function {
        name: "namespace-uri",
        arguments: 0..=1,
        call: |call| call.named(|node| node.expanded_name().1.to_owned()),
    },
    Function { name: "name", arguments: 0..=1, call: |call| call.named(Item::name) },
    Function { name: "string", arguments: 0..=1, call: |call| call.text(0).map(Outcome::Text) },
    Function { name: "concat", arguments: 2..=usize::MAX, call: concat },
    Function {
        name: "starts-with",
        arguments: 2..=2,
        call: |call| Ok(Outcome::Boolean(call.text(0)?.starts_with(&call.text(1)?))),
    },
    Function {
        name: "contains",
        arguments: 2..=2,
        call: |call| Ok(Outcome::Boolean(call.text(0)?.contains(&call.text(1)?))),
    },
    Function { name: "substring-before", arguments: 2..=2, call: |call| call.halves(|before, _| before) },
    Function { name: "substring-after", arguments: 2..=2, call: |call| call.halves(|_, after| after) },
    Function { name: "substring", arguments: 2..=3, call: substring },
    Function {
        name: "string-length",
        arguments: 0..=1,
        call: |call| Ok(Outcome::Number(call.text(0)?.encode_utf16().count() as f64)),
    },
    Function {
        name: "normalize-space",
        arguments: 0..=1,
        call: |call| Ok(Outcome::Text(call.text(0)?.split_ascii_whitespace().collect::<Vec<_>>().join(" "))),
    },
    Function { name: "translate", arguments: 3..=3, call: translate },
    Function { name: "boolean", arguments: 1..=1, call: |call| Ok(Outcome::Boolean(truth(&call.arguments[0]))) },
    Function { name: "not", arguments: 1..=1, call: |call| Ok(Outcome::Boolean(!truth(&call.arguments[0]))) },
    Function { name: "true", arguments: 0..=0, call: |_| Ok(Outcome::Boolean(true)) },
    Function { name: "false", arguments: 0..=0, call: |_| Ok(Outcome::Boolean(false)) },
    Function { name: "number", arguments: 0..=1, call: |call| call.number(0).map(Outcome::Number) },
    Function { name: "sum", arguments: 1..=1, call: sum },
    Function { name: "floor", arguments: 1..=1, call: |call| Ok(Outcome::Number(call.number(0)?.floor())) },
    Function { name: "ceiling", arguments: 1..=1, call: |call| Ok(Outcome::Number(call.number(0)?.ceil())) },
    // Halves go up, also below zero.
    Function { name: "round", arguments: 1..=1, call: |call| Ok(Outcome::Number((call.number(0)? + 0.5).floor())) },
];

pub(super) fn find(name: &str) -> Option<&'static Function> {
    const { &TABLE }.iter().find(|function| function.name == name)
}

/// Calls a function that the parser found, with as many arguments as it takes.
pub(super) fn call<'a>(
    evaluation: &Evaluation<'a>,
    name: &str,
    arguments: Vec<Outcome<'a>>,
    place: Place<'a>,
) -> Result<Outcome<'a>, String> {
    let function = find(name).ok_or_else(|| format!("there is no function '{name}' in XPath"))?;
    (function.call)(&Call { evaluation, place, arguments })
}

impl<'a> Call<'a, '_> {
    fn nodes(&self) -> Result<&[Item<'a>], String> {
        match &self.arguments[0] {
            Outcome::Nodes(nodes) => Ok(nodes),
            _ => Err("needs nodes as the argument of 'count' and 'sum' in the XPath".to_owned()),
        }
    }

    /// The text of an argument, or else of the node that is looked at.
    fn text(&self, index: usize) -> Result<String, String> {
        match self.arguments.get(index) {
            Some(argument) => self.evaluation.text(argument),
            None => self.evaluation.text_of(&self.place.node),
        }
    }

    fn number(&self, index: usize) -> Result<f64, String> {
        match self.arguments.get(index) {
            Some(argument) => self.evaluation.number(argument),
            None => self.text(index).map(|text| number_of(&text)),
        }
    }

    /// The name of the first node of the argument, or else of the one that is looked at.
    fn named(&self, name: fn(&Item<'a>) -> String) -> Result<Outcome<'a>, String> {
        let node = match self.arguments.first() {
            Some(Outcome::Nodes(nodes)) => nodes.first(),
            Some(_) => return Err("needs nodes as the argument of a function of names in the XPath".to_owned()),
            None => Some(&self.place.node),
        };
        Ok(Outcome::Text(node.map(name).unwrap_or_default()))
    }

    fn halves(&self, chosen: for<'t> fn(&'t str, &'t str) -> &'t str) -> Result<Outcome<'a>, String> {
        let (whole, sign) = (self.text(0)?, self.text(1)?);
        let half = whole.split_once(&sign).map(|(before, after)| chosen(before, after).to_owned());
        Ok(Outcome::Text(half.unwrap_or_default()))
    }
}

fn concat<'a>(call: &Call<'a, '_>) -> Result<Outcome<'a>, String> {
    let texts = (0..call.arguments.len()).map(|index| call.text(index));
    texts.collect::<Result<String, _>>().map(Outcome::Text)
}

/// Positions begin with 1 and may be fractions; those outside of the text take nothing.
fn substring<'a>(call: &Call<'a, '_>) -> Result<Outcome<'a>, String> {
    let round = |number: f64| (number + 0.5).floor();
    let text = call.text(0)?;
    let start = round(call.number(1)?);
    let end = if call.arguments.len() == 3 { start + round(call.number(2)?) } else { f64::INFINITY };
    let inside = |index: usize| (index + 1) as f64 >= start && ((index + 1) as f64) < end;
    let kept = text.chars().enumerate().filter(|(index, _)| inside(*index)).map(|(_, c)| c);
    Ok(Outcome::Text(kept.collect()))
}

/// Each character of the second text becomes the one at its place in the third, or goes.
fn translate<'a>(call: &Call<'a, '_>) -> Result<Outcome<'a>, String> {
    let (text, from, to) = (call.text(0)?, call.text(1)?, call.text(2)?);
    let mut to = to.chars();
    let mut becomes = std::collections::HashMap::new();
    for c in from.chars() {
        let replacement = to.next();
        becomes.entry(c).or_insert(replacement);
    }
    Ok(Outcome::Text(text.chars().filter_map(|c| becomes.get(&c).copied().unwrap_or(Some(c))).collect()))
}

fn sum<'a>(call: &Call<'a, '_>) -> Result<Outcome<'a>, String> {
    let numbers = call.nodes()?.iter().map(|node| call.evaluation.text_of(node).map(|text| number_of(&text)));
    numbers.sum::<Result<f64, _>>().map(Outcome::Number)
}
