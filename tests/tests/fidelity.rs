//! What differs from Kafka is told as the tables have it. `UPDATE=1 cargo test -p broker-tests --test fidelity` writes it anew.

use broker_tests::fidelity::fidelity;
use std::fs;
use std::path::Path;

#[test]
fn what_differs_is_told_as_the_tables_have_it() {
    let (markdown, html) = fidelity().expect("the tables can be read");
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    for (name, text) in [("docs/fidelity.md", markdown), ("www/fidelity.html", html)] {
        let path = root.join(name);
        if std::env::var_os("UPDATE").is_some() {
            fs::write(&path, &text).expect("written");
        }
        let known = fs::read_to_string(&path).unwrap_or_default();
        assert!(known == text, "{name} is not what the tables say: see the head of tests/tests/fidelity.rs");
    }
}
