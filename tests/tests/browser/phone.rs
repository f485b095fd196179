//! The page on a phone: 390 pixels wide.

use crate::{Done, TOPIC};
use broker_tests::browser::Page;

#[test]
fn stage_and_steps_are_whole_one_below_the_other_and_more_shows_the_steps_alone() -> Done {
    let page = Page::open()?;
    page.create_topic(TOPIC, 3, 3)?;
    page.browser.run("location.hash = ''")?;
    page.browser.resize(390, 844)?;
    page.browser.wait("document.querySelector('.app.guided .steps')")?;
    let cut = "const left = document.querySelector('.left'), steps = document.querySelector('.inspector'); \
               return [left.scrollHeight - left.clientHeight, left.getBoundingClientRect().bottom - steps.getBoundingClientRect().top, \
                 document.documentElement.scrollWidth - innerWidth].map(Math.round).join()";
    assert_eq!(page.browser.run(cut)?, "0,0,0", "pixels hidden below, of overlap, to the side");

    page.click(".bottom button:last-child")?;
    let shown = "return ['.left', '.steps'].map(one => document.querySelector(one).getClientRects().length).join()";
    assert_eq!(page.browser.run(shown)?, "0,1", "whether the stage and the steps are there");
    page.expect_no_complaint()
}
