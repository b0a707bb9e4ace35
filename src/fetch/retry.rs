//! Which answers and errors are worth another attempt, and when: one pure table.
