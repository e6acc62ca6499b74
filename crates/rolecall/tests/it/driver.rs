//! A real browser, driven as `WebDriver` says: JSON over HTTP.

use serde_json::{Value, json};
use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::TcpStream;
use std::process::{Child, Command, Stdio};
use std::time::Duration;
use tempfile::TempDir;

/// Headless Chromium with one window.
pub(crate) struct Browser {
    driver: Child,
    port: u16,
    session: String,
    profile: TempDir,
}

impl Browser {
    /// A new browser, whose pages may run scripts or may not.
    pub(crate) fn start(with_script: bool) -> Self {
        let mut driver = Command::new("chromedriver").arg("--port=0").stdout(Stdio::piped()).spawn().unwrap();
        let mut told = BufReader::new(driver.stdout.take().unwrap()).lines().map_while(Result::ok);
        let port = told.find_map(|line| {
            let (_, port) = line.split_once("started successfully on port ")?;
            port.trim_end_matches('.').parse().ok()
        });
        std::thread::spawn(move || told.for_each(drop));
        let profile = tempfile::tempdir().unwrap();
        let mut browser = Self { driver, port: port.unwrap(), session: String::new(), profile };
        let made = browser.call("POST", "/session", &browser.capabilities());
        made["sessionId"].as_str().unwrap().clone_into(&mut browser.session);
        // Whatever is looked for may come a moment later.
        browser.post("/timeouts", &json!({ "implicit": 30_000 }));
        if !with_script {
            browser.chrome("Emulation.setScriptExecutionDisabled", &json!({ "value": true }));
        }
        browser
    }

    fn capabilities(&self) -> Value {
        let profile = format!("--user-data-dir={}", self.profile.path().display());
        let quiet = ["background-networking", "component-update", "sync", "gpu", "dev-shm-usage"];
        let mut switches: Vec<_> = quiet.iter().map(|what| format!("--disable-{what}")).collect();
        switches.extend(["--headless=new".to_owned(), "--no-sandbox".to_owned(), profile]);
        json!({ "capabilities": { "alwaysMatch": { "browserName": "chrome", "goog:chromeOptions": { "args": switches } } } })
    }

    pub(crate) fn go(&self, url: &str) {
        self.post("/url", &json!({ "url": url }));
    }

    /// Where it is.
    pub(crate) fn address(&self) -> String {
        self.get("/url").as_str().unwrap().to_owned()
    }

    /// Waits until there is such an element.
    pub(crate) fn find(&self, selector: &str) -> String {
        let found = self.post("/element", &json!({ "using": "css selector", "value": selector }));
        let id = found.as_object().and_then(|found| found.values().next()).and_then(Value::as_str);
        assert!(id.is_some(), "no {selector} at {}: {found}", self.address());
        id.unwrap().to_owned()
    }

    /// Waits until there is no such element.
    pub(crate) fn wait_without(&self, selector: &str) {
        self.find(&format!("body:not(:has({selector}))"));
    }

    pub(crate) fn click(&self, selector: &str) {
        self.post(&format!("/element/{}/click", self.find(selector)), &json!({}));
    }

    pub(crate) fn write(&self, selector: &str, text: &str) {
        let element = self.find(selector);
        self.post(&format!("/element/{element}/clear"), &json!({}));
        self.post(&format!("/element/{element}/value"), &json!({ "text": text }));
    }

    /// What is to be read there.
    pub(crate) fn text(&self, selector: &str) -> String {
        self.get(&format!("/element/{}/text", self.find(selector))).as_str().unwrap().to_owned()
    }

    /// What a script gives.
    pub(crate) fn run(&self, script: &str) -> Value {
        self.post("/execute/sync", &json!({ "script": script, "args": [] }))
    }

    pub(crate) fn resize(&self, width: u32, height: u32) {
        let size = json!({ "width": width, "height": height, "deviceScaleFactor": 1, "mobile": false });
        self.chrome("Emulation.setDeviceMetricsOverride", &size);
    }

    fn chrome(&self, command: &str, parameters: &Value) {
        self.post("/goog/cdp/execute", &json!({ "cmd": command, "params": parameters }));
    }

    fn get(&self, path: &str) -> Value {
        self.call("GET", &format!("/session/{}{path}", self.session), &Value::Null)
    }

    fn post(&self, path: &str, body: &Value) -> Value {
        self.call("POST", &format!("/session/{}{path}", self.session), body)
    }

    fn call(&self, method: &str, path: &str, body: &Value) -> Value {
        let body = if body.is_null() { String::new() } else { body.to_string() };
        let mut stream = TcpStream::connect(("127.0.0.1", self.port)).unwrap();
        stream.set_read_timeout(Some(Duration::from_mins(2))).unwrap();
        let (port, length) = (self.port, body.len());
        let head = format!("{method} {path} HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\n");
        let kind = format!("Content-Type: application/json\r\nContent-Length: {length}\r\n\r\n");
        stream.write_all(format!("{head}{kind}{body}").as_bytes()).unwrap();
        // It keeps the connection, so the length tells where the answer ends.
        let mut stream = BufReader::new(stream);
        let head = stream.by_ref().lines().map_while(Result::ok).take_while(|line| !line.is_empty());
        let lengths = head.filter_map(|line| {
            line.to_ascii_lowercase().strip_prefix("content-length:")?.trim().parse().ok()
        });
        let mut body = vec![0; lengths.last().unwrap_or(0)];
        stream.read_exact(&mut body).unwrap();
        let body = String::from_utf8(body).unwrap();
        let answer = serde_json::from_str::<Value>(&body);
        assert!(answer.is_ok(), "{method} {path}: {body:?}");
        let mut answer = answer.unwrap();
        answer["value"].take()
    }
}

impl Drop for Browser {
    fn drop(&mut self) {
        if !self.session.is_empty() && !std::thread::panicking() {
            self.call("DELETE", &format!("/session/{}", self.session), &Value::Null);
        }
        drop(self.driver.kill());
        drop(self.driver.wait());
    }
}
