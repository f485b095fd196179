//! End to end: the page in headless Chromium. Run by `cargo xtask test`, which builds and serves it.

use broker_tests::browser::{Browser, address};

type Done = Result<(), String>;

#[test]
fn the_page_comes_up_without_an_error_in_the_console() -> Done {
    let browser = Browser::open(1440, 900)?;
    browser.goto(&address()?)?;
    browser.find("h1")?;
    assert_eq!(browser.console_errors()?, Vec::<String>::new());
    Ok(())
}
