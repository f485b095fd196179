//! The page's module is in parts: the second is loaded when somebody wants more than to look.

use crate::{Done, TOPIC};
use broker_tests::browser::{Browser, Elsewhere, Page, address};

/// By what the page loaded the rest: `fetch` ahead of need, `xmlhttprequest` when a function of it was called. A start that goes as
/// none did in the profile may need it at once.
const LOADED_BY: &str =
    "performance.getEntriesByType('resource').filter(one => one.name.includes('-rest-')).map(one => one.initiatorType)";

#[test]
fn the_rest_is_loaded_at_the_first_touch() -> Done {
    let page = Page::visit(Browser::open(1440, 900)?)?;
    page.browser.run("document.body.dispatchEvent(new PointerEvent('pointermove', { bubbles: true }))")?;
    page.browser.wait(&format!("{LOADED_BY}.includes('fetch')"))?;
    page.create_topic(TOPIC, 1, 3)?;
    // Who was here before has it from the start.
    page.browser.reload()?;
    page.browser.wait(&format!("{LOADED_BY}.join() === 'fetch'"))?;
    assert_eq!(page.complaints()?, [""; 0]);
    Ok(())
}

#[test]
fn who_stays_gets_the_rest_without_a_touch() -> Done {
    let page = Page::visit(Browser::open(1440, 900)?)?;
    page.browser.wait(&format!("{LOADED_BY}.includes('fetch')"))?;
    page.create_topic(TOPIC, 1, 3)?;
    assert_eq!(page.complaints()?, [""; 0]);
    Ok(())
}

#[test]
fn a_script_that_touches_nothing_gets_the_rest_with_its_first_call() -> Done {
    let page = Page::visit(Browser::open(1440, 900)?)?;
    // On a slow machine it stayed long enough to have it already.
    let was_there = page.browser.run(&format!("return {LOADED_BY}.length > 0"))?;
    page.browser.run("document.querySelector('th.corner button').click()")?;
    page.browser.find(".inspector form")?;
    page.browser.wait(&format!("{was_there} || {LOADED_BY}.includes('xmlhttprequest')"))?;
    page.create_topic(TOPIC, 1, 3)?;
    assert_eq!(page.complaints()?, [""; 0]);
    Ok(())
}

#[test]
fn a_page_whose_rest_its_host_does_not_have_any_more_begins_anew() -> Done {
    let page = Page { browser: Browser::open(1440, 900)? };
    let elsewhere = Elsewhere::serve(&address()?).map_err(|error| error.to_string())?;
    page.browser.goto(&elsewhere.folder())?;
    page.wait_for_brokers(&[0, 1, 2])?;
    elsewhere.renew();
    page.browser.run("window.isOfBefore = true")?;
    page.browser.run("document.body.dispatchEvent(new PointerEvent('pointermove', { bubbles: true }))")?;
    page.browser.wait("!window.isOfBefore")
}
