//! Walking a document by an XPath, within a limit of work.

use std::cell::Cell;

use roxmltree::Document;

use super::{
    functions,
    nodes::Item,
    syntax::{Expr, Operator, Outcome, Start, Step},
};

/// Nodes looked at and bytes compared.
const MAX_WORK: usize = 2_000_000;

/// Where an expression is evaluated: a node, its place among those that are looked at, and how many these are.
#[derive(Clone, Copy)]
pub(super) struct Place<'a> {
    pub(super) node: Item<'a>,
    pub(super) position: usize,
    pub(super) size: usize,
}

pub(super) struct Evaluation<'a> {
    root: Item<'a>,
    work: Cell<usize>,
}

type Result<T> = std::result::Result<T, String>;

impl<'a> Evaluation<'a> {
    pub(super) fn new(document: &'a Document<'a>) -> Self {
        Self { root: Item::Node(document.root()), work: Cell::new(0) }
    }

    pub(super) fn run(&self, expr: &Expr) -> Result<Outcome<'a>> {
        self.value(expr, Place { node: self.root, position: 1, size: 1 })
    }

    pub(super) fn value(&self, expr: &Expr, place: Place<'a>) -> Result<Outcome<'a>> {
        self.charge(1)?;
        match expr {
            Expr::Number(number) => Ok(Outcome::Number(*number)),
            Expr::Text(text) => Ok(Outcome::Text(text.clone())),
            Expr::Call(name, arguments) => {
                let arguments =
                    arguments.iter().map(|argument| self.value(argument, place)).collect::<Result<Vec<_>>>()?;
                functions::call(self, name, arguments, place)
            }
            Expr::Or(operands) => self.any(operands, place, true).map(Outcome::Boolean),
            Expr::And(operands) => self.any(operands, place, false).map(|found| Outcome::Boolean(!found)),
            Expr::Chain(first, rest) => {
                let mut left = self.value(first, place)?;
                for (operator, right) in rest {
                    left = self.operate(*operator, &left, &self.value(right, place)?)?;
                }
                Ok(left)
            }
            Expr::Negative(operand) => {
                let value = self.value(operand, place)?;
                Ok(Outcome::Number(-self.number(&value)?))
            }
            Expr::Union(operands) => {
                let mut nodes = Vec::new();
                for operand in operands {
                    nodes.extend(self.nodes(operand, place)?);
                }
                Ok(Outcome::Nodes(sorted(nodes)))
            }
            Expr::Path(start, steps) => {
                let mut nodes = self.start(start, place)?;
                for step in steps {
                    nodes = self.step(&nodes, step)?;
                }
                Ok(Outcome::Nodes(nodes))
            }
        }
    }

    /// Whether one of the operands is as wanted; those behind it are not evaluated.
    fn any(&self, operands: &[Expr], place: Place<'a>, wanted: bool) -> Result<bool> {
        for operand in operands {
            if truth(&self.value(operand, place)?) == wanted {
                return Ok(true);
            }
        }
        Ok(false)
    }

    fn nodes(&self, expr: &Expr, place: Place<'a>) -> Result<Vec<Item<'a>>> {
        match self.value(expr, place)? {
            Outcome::Nodes(nodes) => Ok(nodes),
            _ => Err("needs nodes on both sides of '|' and before a step of the XPath".to_owned()),
        }
    }

    fn start(&self, start: &Start, place: Place<'a>) -> Result<Vec<Item<'a>>> {
        match start {
            Start::Here => Ok(vec![place.node]),
            Start::Root => Ok(vec![self.root]),
            Start::Nodes(expr, predicates) => self.filtered(self.nodes(expr, place)?, predicates),
        }
    }

    fn step(&self, from: &[Item<'a>], step: &Step) -> Result<Vec<Item<'a>>> {
        let mut found = Vec::new();
        for node in from {
            let mut candidates = Vec::new();
            for candidate in node.along(step.axis) {
                self.charge(1)?;
                if candidate.passes(&step.test, step.axis) {
                    candidates.push(candidate);
                }
            }
            found.extend(self.filtered(candidates, &step.predicates)?);
        }
        Ok(sorted(found))
    }

    fn filtered(&self, mut nodes: Vec<Item<'a>>, predicates: &[Expr]) -> Result<Vec<Item<'a>>> {
        for predicate in predicates {
            let size = nodes.len();
            let mut kept = Vec::new();
            for (index, node) in nodes.into_iter().enumerate() {
                let position = index + 1;
                let holds = match self.value(predicate, Place { node, position, size })? {
                    // A number is a position.
                    Outcome::Number(number) => number == position as f64,
                    other => truth(&other),
                };
                if holds {
                    kept.push(node);
                }
            }
            nodes = kept;
        }
        Ok(nodes)
    }

    fn operate(&self, operator: Operator, left: &Outcome<'a>, right: &Outcome<'a>) -> Result<Outcome<'a>> {
        let arithmetic: fn(f64, f64) -> f64 = match operator {
            Operator::Add => |a, b| a + b,
            Operator::Subtract => |a, b| a - b,
            Operator::Multiply => |a, b| a * b,
            Operator::Divide => |a, b| a / b,
            Operator::Remainder => |a, b| a % b,
            comparison => return self.compare(comparison, left, right).map(Outcome::Boolean),
        };
        Ok(Outcome::Number(arithmetic(self.number(left)?, self.number(right)?)))
    }

    /// Nodes compare as true if one of them does.
    fn compare(&self, operator: Operator, left: &Outcome<'a>, right: &Outcome<'a>) -> Result<bool> {
        match (left, right) {
            (Outcome::Nodes(_), Outcome::Boolean(_)) | (Outcome::Boolean(_), Outcome::Nodes(_)) => {
                self.compare(operator, &Outcome::Boolean(truth(left)), &Outcome::Boolean(truth(right)))
            }
            (Outcome::Nodes(nodes), other) => {
                for node in nodes {
                    if self.compare(operator, &self.text_of(node).map(Outcome::Text)?, other)? {
                        return Ok(true);
                    }
                }
                Ok(false)
            }
            (other, Outcome::Nodes(nodes)) => {
                for node in nodes {
                    if self.compare(operator, other, &self.text_of(node).map(Outcome::Text)?)? {
                        return Ok(true);
                    }
                }
                Ok(false)
            }
            _ => self.compare_values(operator, left, right),
        }
    }

    fn compare_values(&self, operator: Operator, left: &Outcome<'a>, right: &Outcome<'a>) -> Result<bool> {
        let equality = matches!(operator, Operator::Equal | Operator::NotEqual);
        let equal = match (left, right) {
            _ if !equality => None,
            (Outcome::Boolean(_), _) | (_, Outcome::Boolean(_)) => Some(truth(left) == truth(right)),
            (Outcome::Number(_), _) | (_, Outcome::Number(_)) => None,
            _ => Some(self.text(left)? == self.text(right)?),
        };
        if let Some(equal) = equal {
            return Ok(equal == (operator == Operator::Equal));
        }
        let (left, right) = (self.number(left)?, self.number(right)?);
        Ok(match operator {
            Operator::Equal => left == right,
            Operator::NotEqual => left != right,
            Operator::Less => left < right,
            Operator::LessOrEqual => left <= right,
            Operator::Greater => left > right,
            _ => left >= right,
        })
    }

    /// The text of a value: of nodes, that of the first.
    pub(super) fn text(&self, value: &Outcome<'a>) -> Result<String> {
        match value {
            Outcome::Text(text) => {
                self.charge(text.len())?;
                Ok(text.clone())
            }
            Outcome::Boolean(flag) => Ok(flag.to_string()),
            Outcome::Number(number) => Ok(number_text(*number)),
            Outcome::Nodes(nodes) => nodes.first().map_or_else(|| Ok(String::new()), |node| self.text_of(node)),
        }
    }

    pub(super) fn text_of(&self, node: &Item<'a>) -> Result<String> {
        let text = node.text();
        // An element without text was walked through as well.
        self.charge(1 + text.len())?;
        Ok(text)
    }

    pub(super) fn number(&self, value: &Outcome<'a>) -> Result<f64> {
        match value {
            Outcome::Number(number) => Ok(*number),
            Outcome::Boolean(flag) => Ok(f64::from(u8::from(*flag))),
            other => self.text(other).map(|text| number_of(&text)),
        }
    }

    fn charge(&self, work: usize) -> Result<()> {
        self.work.set(self.work.get() + work);
        if self.work.get() > MAX_WORK { Err("the XPath takes too many steps".to_owned()) } else { Ok(()) }
    }
}

pub(super) fn truth(value: &Outcome<'_>) -> bool {
    match value {
        Outcome::Boolean(flag) => *flag,
        Outcome::Number(number) => *number != 0.0 && !number.is_nan(),
        Outcome::Text(text) => !text.is_empty(),
        Outcome::Nodes(nodes) => !nodes.is_empty(),
    }
}

/// Digits with a point and a sign, and space around them; anything else is no number.
pub(super) fn number_of(text: &str) -> f64 {
    let text = text.trim_matches([' ', '\t', '\r', '\n']);
    let digits = text.strip_prefix('-').unwrap_or(text);
    let is_number = digits.starts_with(|c: char| c.is_ascii_digit() || c == '.')
        && digits.bytes().all(|c| c.is_ascii_digit() || c == b'.');
    if is_number { text.parse().unwrap_or(f64::NAN) } else { f64::NAN }
}

/// Without an exponent, however large.
fn number_text(number: f64) -> String {
    match number {
        infinite if infinite.is_infinite() => if infinite > 0.0 { "Infinity" } else { "-Infinity" }.to_owned(),
        // There is one zero.
        0.0 => "0".to_owned(),
        other => other.to_string(),
    }
}

/// In the order of the document, each node once.
fn sorted<'a>(mut nodes: Vec<Item<'a>>) -> Vec<Item<'a>> {
    nodes.sort_by_key(Item::order);
    nodes.dedup_by_key(|node| node.order());
    nodes
}
