//! What every wing stands on: secrets, time, randomness, sealing, figures.

pub mod clock;
pub mod dice;
pub mod passwords;
pub mod secret;
pub mod telemetry;
pub mod throttle;
pub mod vault;
