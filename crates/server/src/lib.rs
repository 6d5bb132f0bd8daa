//! The HTTP surface of a gate: transports only. Rules live in the gate and in core; what is here turns bytes of a network
//! into calls of the gate, and answers into bytes.
//!
//! Never here: a decision, a second parser of an action, a believed header.

pub mod listen;
