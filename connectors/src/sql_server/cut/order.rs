//! Whether ranges are read in the order of their key, so that they can end early.

use ropeway_engine::Result;

use super::{Cut, Planner, Recipe};
use crate::sql_server::{input::Input, statements};

impl Planner<'_> {
    /// The cut as it was, unless nobody ends its chunks early, as where they share a snapshot, or the server would have to
    /// sort for their order: a table in physical partitions is in the order of its key within each of them only.
    pub(super) async fn in_order(&mut self, mut cut: Cut) -> Result<Cut> {
        let Input::Table(table) = self.input else { return Ok(cut) };
        if !cut.recipes.iter().any(|recipe| recipe.order().is_some()) {
            return Ok(cut);
        }
        // A server that does not tell has no partitions that one could know of.
        let partitions = self.known(statements::PARTITIONS, table).await?.unwrap_or_default();
        if self.one_state || !partitions.is_empty() {
            for recipe in &mut cut.recipes {
                if let Recipe::Range { key, .. } = recipe {
                    key.leads = false;
                }
            }
        }
        Ok(cut)
    }
}
