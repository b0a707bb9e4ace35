//! Why a host that has URLs is not asked now, in one word.

use crate::politeness::gate::Hold;

/// Why a host with URLs is not asked now.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Why {
    /// Its interval has not passed.
    Politeness,
    /// All of its connections, or its budget, are out.
    Connections,
    /// It failed or asked for a pause, or its URLs wait for another attempt.
    Backoff,
    /// It has rested, and one request is trying whether it is well again.
    Probe,
    /// It is in its quiet hours.
    Quiet,
    /// All hosts at its address are at their limit together.
    Address,
    /// All hosts of its domain are at their limit together.
    Domain,
    /// Its robots.txt is being asked for.
    Robots,
    /// Its queue is being read.
    Disk,
    /// The operator has blocked it.
    Blocked,
    /// The gate can remember no other host yet.
    Memory,
}

impl From<Hold> for Why {
    fn from(hold: Hold) -> Self {
        match hold {
            Hold::Interval | Hold::AllHosts => Self::Politeness,
            Hold::Connections => Self::Connections,
            Hold::Resting => Self::Backoff,
            Hold::Probe => Self::Probe,
            Hold::Quiet => Self::Quiet,
            Hold::Address => Self::Address,
            Hold::Domain => Self::Domain,
            Hold::Memory => Self::Memory,
            Hold::Blocked => Self::Blocked,
        }
    }
}
