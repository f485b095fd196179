//! One replica by script.
