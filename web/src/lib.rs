//! Broker Playground in the browser.
