//! Which of two jobs goes first, where both wait.

use crate::value::word_enum;

word_enum! {
    /// Whether somebody waits for a job. It is said when the job is asked for, and is no part of its record.
    #[derive(Default)]
    Priority {
        /// Nobody waits: after all others.
        #[default]
        Bulk = "bulk",
        /// Somebody waits: before all others.
        Interactive = "interactive",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn whoever_waits_is_first() {
        assert!(Priority::Interactive > Priority::default());
    }
}
