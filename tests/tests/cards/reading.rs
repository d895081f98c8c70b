//! What the bridge reads of a card.
