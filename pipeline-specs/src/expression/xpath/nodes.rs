//! The nodes of a document as XPath sees them: attributes are nodes too, and layout is none.

use roxmltree::{Attribute, Node};

use super::syntax::{Axis, Test};
use crate::expression::xml::{is_layout, written_name};

#[derive(Clone, Copy)]
pub(super) enum Item<'a> {
    Node(Node<'a, 'a>),
    /// An attribute of this element, and its place among them.
    Attribute(Node<'a, 'a>, usize, Attribute<'a, 'a>),
}

impl<'a> Item<'a> {
    /// Its place in the document.
    pub(super) fn order(&self) -> (u32, usize) {
        match self {
            Self::Node(node) => (node.id().get(), 0),
            Self::Attribute(element, place, _) => (element.id().get(), place + 1),
        }
    }

    /// Its value: the text of an element is all text inside of it.
    pub(super) fn text(&self) -> String {
        match self {
            Self::Attribute(_, _, attribute) => attribute.value().to_owned(),
            Self::Node(node) => match node.pi() {
                Some(instruction) => instruction.value.unwrap_or_default().to_owned(),
                None if node.is_text() || node.is_comment() => node.text().unwrap_or_default().to_owned(),
                None => {
                    let texts = node.descendants().filter(|node| node.is_text() && !is_layout(*node));
                    texts.filter_map(|node| node.text()).collect()
                }
            },
        }
    }

    /// The name as it is written.
    pub(super) fn name(&self) -> String {
        match self {
            Self::Node(node) if node.is_element() => written_name(*node).to_owned(),
            Self::Node(node) => node.pi().map(|instruction| instruction.target.to_owned()).unwrap_or_default(),
            Self::Attribute(element, _, attribute) => {
                element.document().input_text()[attribute.range_qname()].to_owned()
            }
        }
    }

    /// The name without its prefix, and the namespace.
    pub(super) fn expanded_name(&self) -> (&str, &str) {
        match self {
            Self::Node(node) if node.is_element() => {
                (node.tag_name().name(), node.tag_name().namespace().unwrap_or_default())
            }
            Self::Node(node) => (node.pi().map(|instruction| instruction.target).unwrap_or_default(), ""),
            Self::Attribute(_, _, attribute) => (attribute.name(), attribute.namespace().unwrap_or_default()),
        }
    }

    /// Whether a step along this axis takes it.
    pub(super) fn passes(&self, test: &Test, axis: Axis) -> bool {
        let is_kind = |kind: fn(&Node<'a, 'a>) -> bool| matches!(self, Self::Node(node) if kind(node));
        // The kind of node that names on this axis mean.
        let is_principal = match self {
            Self::Node(node) => axis != Axis::Attribute && node.is_element(),
            Self::Attribute(..) => axis == Axis::Attribute,
        };
        match test {
            Test::Node => true,
            Test::Any => is_principal,
            Test::Name(name) => is_principal && self.expanded_name() == (name, ""),
            Test::Text => is_kind(Node::is_text),
            Test::Comment => is_kind(Node::is_comment),
            Test::Instruction => is_kind(Node::is_pi),
        }
    }

    /// The nodes along an axis, the nearest first.
    pub(super) fn along(self, axis: Axis) -> Box<dyn Iterator<Item = Self> + 'a> {
        let nodes = |nodes: Box<dyn Iterator<Item = Node<'a, 'a>> + 'a>| -> Box<dyn Iterator<Item = Self> + 'a> {
            Box::new(nodes.filter(|node| !is_layout(*node)).map(Self::Node))
        };
        match (self, axis) {
            (item, Axis::This) => Box::new(std::iter::once(item)),
            (Self::Attribute(element, ..), Axis::Parent) => Box::new(std::iter::once(Self::Node(element))),
            (Self::Attribute(element, ..), Axis::Ancestor) => nodes(Box::new(element.ancestors())),
            (item @ Self::Attribute(element, ..), Axis::AncestorOrSelf) => {
                Box::new(std::iter::once(item).chain(nodes(Box::new(element.ancestors()))))
            }
            (item @ Self::Attribute(..), Axis::DescendantOrSelf) => Box::new(std::iter::once(item)),
            (Self::Attribute(..), _) => Box::new(std::iter::empty()),
            (Self::Node(node), Axis::Attribute) => {
                let attributes = node.attributes().enumerate();
                Box::new(attributes.map(move |(place, attribute)| Self::Attribute(node, place, attribute)))
            }
            (Self::Node(node), Axis::Child) => nodes(Box::new(node.children())),
            (Self::Node(node), Axis::Parent) => nodes(Box::new(node.parent().into_iter())),
            (Self::Node(node), Axis::Descendant) => nodes(Box::new(node.descendants().skip(1))),
            (Self::Node(node), Axis::DescendantOrSelf) => nodes(Box::new(node.descendants())),
            (Self::Node(node), Axis::Ancestor) => nodes(Box::new(node.ancestors().skip(1))),
            (Self::Node(node), Axis::AncestorOrSelf) => nodes(Box::new(node.ancestors())),
            (Self::Node(node), Axis::FollowingSibling) => nodes(Box::new(node.next_siblings().skip(1))),
            (Self::Node(node), Axis::PrecedingSibling) => nodes(Box::new(node.prev_siblings().skip(1))),
        }
    }
}
