//! What every wing stands on: secrets, time, randomness, sealing, figures.

pub mod clock;
pub mod dice;
pub mod secret;
pub mod vault;
