//! The page works from any folder of any host, and inside a frame.

use crate::{Done, TOPIC};
use broker_tests::browser::{Browser, Elsewhere, Page, address};

fn elsewhere() -> Result<Elsewhere, String> {
    Elsewhere::serve(&address()?).map_err(|error| error.to_string())
}

fn works(page: &Page) -> Done {
    page.wait_for_brokers(&[0, 1, 2])?;
    page.create_topic(TOPIC, 1, 3)?;
    // Chromium asks every host for this file; only our own server has none to answer with.
    let complaints = page.complaints()?;
    assert!(complaints.iter().all(|complaint| complaint.contains("/favicon.ico")), "{complaints:?}");
    Ok(())
}

#[test]
fn below_a_folder() -> Done {
    let page = Page { browser: Browser::open(1440, 900)? };
    page.browser.goto(&elsewhere()?.folder())?;
    works(&page)
}

#[test]
fn inside_a_frame() -> Done {
    let page = Page { browser: Browser::open(1440, 900)? };
    page.browser.goto(&elsewhere()?.frame())?;
    page.browser.enter_frame("iframe")?;
    works(&page)
}
