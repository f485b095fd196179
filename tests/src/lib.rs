//! What judges the brokers: real clients, the simulator, the browser, tidy checks.
