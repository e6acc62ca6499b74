//! The console in a real browser, with its script and without.

use crate::driver::Browser;
use crate::program::{PASSWORD, Rolecall};

fn sign_in(browser: &Browser, rolecall: &Rolecall) {
    browser.go(&rolecall.url);
    browser.write("#account", "admin");
    browser.write("#password", PASSWORD);
    browser.click("main button.primary");
    browser.find(".side");
}

#[test]
fn a_project_a_service_and_a_user_are_made_by_the_console() {
    let rolecall = Rolecall::start();
    let browser = Browser::start(true);
    sign_in(&browser, &rolecall);
    browser.click("main a[href$='/projects/new']");
    browser.write("#name", "shop");
    browser.click("main button.primary");
    browser.click("main a[href*='/services/new']");
    browser.write("#name", "main");
    browser.click("main button.primary");
    assert_eq!(browser.text(".head .state.good"), "Running");

    browser.click(".tabs a[href$='/users']");
    browser.click("main a[href$='/users/new']");
    browser.write("#username", "my_app");
    browser.click("main button.primary");
    assert_eq!(
        browser.text("main .note.good").lines().next(),
        Some("The user my_app was made. Its generated password:")
    );
    let password = browser.text("main .note.good code");
    let login = ["login", "--url", &rolecall.url, "--account", "admin", "--password-stdin"];
    rolecall.with_input(&login, &format!("{PASSWORD}\n")).good();
    assert_eq!(rolecall.psql("my_app", &password, "SELECT session_user"), Ok("my_app".to_owned()));

    // The eye shows it in its row, and the page stays where it is.
    browser.click("#user-my_app button.icon");
    assert_eq!(browser.text("#user-my_app .told code"), password);
    assert!(browser.address().ends_with("/users"), "{}", browser.address());
    browser.click("#user-my_app .told a");
    browser.wait_without("#user-my_app .told");
}

#[test]
fn no_page_is_wider_than_a_small_screen() {
    let rolecall = Rolecall::with_service();
    let browser = Browser::start(true);
    browser.resize(360, 740);
    sign_in(&browser, &rolecall);
    let service = "/o/default/projects/shop/services/main";
    let inner = ["", "/users", "/users/new", "/users/tsdbadmin/password", "/databases", "/rename", "/delete"];
    let mut pages: Vec<_> = inner.iter().map(|page| format!("{service}{page}")).collect();
    for page in
        ["services", "services/new", "services/attach", "projects", "projects/new", "projects/shop/settings"]
    {
        pages.push(format!("/o/default/{page}"));
    }
    for page in pages {
        browser.go(&format!("{}{page}", rolecall.url));
        browser.find("h1");
        let width = browser.run("return document.documentElement.scrollWidth");
        assert!(width.as_u64().unwrap() <= 360, "{page} is {width} wide");
    }
}

#[test]
fn everything_works_without_script() {
    let rolecall = Rolecall::with_service();
    let browser = Browser::start(false);
    sign_in(&browser, &rolecall);
    let users = format!("{}/o/default/projects/shop/services/main/users", rolecall.url);
    browser.go(&format!("{users}/new"));
    browser.write("#username", "my_app");
    browser.write("#password", "one-password-of-24-letters");
    browser.write("#again", "another-password-of-24-letters");
    browser.click("main button.primary");
    assert_eq!(browser.text(".error"), "The two passwords differ; type the same twice.");
    browser.click("main button.primary");
    let password = browser.text("main .note.good code");

    browser.click("#user-my_app button.icon");
    assert_eq!(browser.text("#user-my_app .told code"), password);
    browser.click("#user-my_app .menu summary");
    browser.click("#user-my_app .menu button");
    assert_eq!(browser.text("main .note.good"), "my_app may replicate now.");

    browser.go(&format!("{users}/my_app/delete"));
    browser.write("#confirm", "my_ap");
    browser.click("main button.danger");
    assert_eq!(browser.text(".error"), "Type my_app as it is written above.");
    browser.write("#confirm", "my_app");
    browser.click("main button.danger");
    assert_eq!(browser.text("main .note.good"), "my_app is deleted.");
    assert!(rolecall.psql("my_app", &password, "SELECT 1").is_err());

    // On a small screen the navigation opens without script, too.
    browser.resize(390, 740);
    browser.click(".opener");
    browser.click(".panel .me button");
    browser.find("#account");
}
