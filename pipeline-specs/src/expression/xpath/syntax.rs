//! What an XPath says, and what it can give. Operators of one rank are lists, so that a long chain is not deep.

use super::nodes::Item;

pub(super) enum Expr {
    Number(f64),
    Text(String),
    Call(&'static str, Vec<Expr>),
    Or(Vec<Expr>),
    And(Vec<Expr>),
    /// Operators of one rank, from the left.
    Chain(Box<Expr>, Vec<(Operator, Expr)>),
    Negative(Box<Expr>),
    Union(Vec<Expr>),
    /// Where it starts, and the steps from there.
    Path(Start, Vec<Step>),
}

pub(super) enum Start {
    /// The node that is looked at.
    Here,
    Root,
    /// The nodes of an expression, those that all predicates hold for.
    Nodes(Box<Expr>, Vec<Expr>),
}

pub(super) struct Step {
    pub(super) axis: Axis,
    pub(super) test: Test,
    pub(super) predicates: Vec<Expr>,
}

#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Axis {
    Child,
    Attribute,
    This,
    Parent,
    Descendant,
    DescendantOrSelf,
    Ancestor,
    AncestorOrSelf,
    FollowingSibling,
    PrecedingSibling,
}

/// The names that axes have.
pub(super) const AXES: [(&str, Axis); 10] = [
    ("child", Axis::Child),
    ("attribute", Axis::Attribute),
    ("self", Axis::This),
    ("parent", Axis::Parent),
    ("descendant", Axis::Descendant),
    ("descendant-or-self", Axis::DescendantOrSelf),
    ("ancestor", Axis::Ancestor),
    ("ancestor-or-self", Axis::AncestorOrSelf),
    ("following-sibling", Axis::FollowingSibling),
    ("preceding-sibling", Axis::PrecedingSibling),
];

pub(super) enum Test {
    /// `*`
    Any,
    /// A name without a namespace.
    Name(String),
    /// `node()`
    Node,
    /// `text()`
    Text,
    /// `comment()`
    Comment,
    /// `processing-instruction()`
    Instruction,
}

#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Operator {
    Equal,
    NotEqual,
    Less,
    LessOrEqual,
    Greater,
    GreaterOrEqual,
    Add,
    Subtract,
    Multiply,
    Divide,
    Remainder,
}

/// The value of an expression. Nodes are in the order of the document, each once.
pub(super) enum Outcome<'a> {
    Boolean(bool),
    Number(f64),
    Text(String),
    Nodes(Vec<Item<'a>>),
}
