//! What goes over the wire, seen by a listener that answers from a script.

use super::{Client, ListOptions};
use crate::ground::cli::path::Path;
use crate::ground::secret::Secret;
use serde_json::{Value, json};
use std::io::{Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::thread::JoinHandle;

/// Answers each request with the next of `answers`; gives what was asked, in lower case.
fn scripted(answers: Vec<String>) -> (String, JoinHandle<Vec<String>>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let asked = std::thread::spawn(move || {
        let each = answers.iter().map(|answer| {
            let (mut stream, _) = listener.accept().unwrap();
            let request = read(&mut stream);
            stream.write_all(answer.as_bytes()).unwrap();
            request
        });
        each.collect()
    });
    (url, asked)
}

fn read(stream: &mut TcpStream) -> String {
    let mut request = Vec::new();
    let mut buffer = [0; 4096];
    while !request.windows(4).any(|four| four == b"\r\n\r\n") {
        let count = stream.read(&mut buffer).unwrap();
        request.extend_from_slice(&buffer[..count]);
    }
    String::from_utf8(request).unwrap().to_lowercase()
}

fn answer(status: &str, body: &Value) -> String {
    let body = body.to_string();
    format!("HTTP/1.1 {status}\r\ncontent-length: {}\r\nconnection: close\r\n\r\n{body}", body.len())
}

fn client(url: &str) -> Client {
    drop(rustls::crypto::ring::default_provider().install_default());
    let client = Client::new(url.parse().unwrap(), Some("acme"), None).unwrap();
    client.with_token(Secret::new("rc_1"))
}

fn path() -> Path {
    Path::of(&["projects"]).unwrap()
}

#[tokio::test]
async fn every_page_of_a_list_is_asked_for() {
    let (url, asked) = scripted(vec![
        answer("200 OK", &json!({ "items": [1, 2], "next": "a b" })),
        answer("200 OK", &json!({ "items": [3], "next": null })),
    ]);
    let options = ListOptions { search: Some("x&y".to_owned()), limit: None };
    let items = client(&url).list(&path(), &options).await.unwrap();
    assert_eq!(items, [1, 2, 3]);
    let asked = asked.join().unwrap();
    assert!(asked[0].starts_with("get /api/v1/projects?limit=500&search=x%26y "), "{}", asked[0]);
    assert!(
        asked[1].starts_with("get /api/v1/projects?limit=500&cursor=a%20b&search=x%26y "),
        "{}",
        asked[1]
    );
    for line in ["authorization: bearer rc_1\r\n", "rolecall-organization: acme\r\n"] {
        assert!(asked.iter().all(|request| request.contains(line)), "{line}");
    }
}

#[tokio::test]
async fn no_more_is_asked_for_than_is_wanted() {
    let (url, asked) = scripted(vec![answer("200 OK", &json!({ "items": [1, 2, 3], "next": "more" }))]);
    let items = client(&url).list(&path(), &ListOptions { search: None, limit: Some(2) }).await.unwrap();
    assert_eq!(items, [1, 2]);
    assert!(asked.join().unwrap()[0].starts_with("get /api/v1/projects?limit=2 "));
}

#[tokio::test]
async fn a_cursor_that_leads_nowhere_ends_the_list() {
    let page = answer("200 OK", &json!({ "items": [1], "next": "same" }));
    let (url, asked) = scripted(vec![page.clone(), page]);
    let items = client(&url).list(&path(), &ListOptions::default()).await.unwrap();
    assert_eq!((items.len(), asked.join().unwrap().len()), (2, 2));
}

#[tokio::test]
async fn a_token_is_not_taken_elsewhere() {
    let elsewhere =
        "HTTP/1.1 307 Temporary Redirect\r\nlocation: http://127.0.0.1:1/\r\ncontent-length: 0\r\n\r\n";
    let (url, asked) = scripted(vec![elsewhere.to_owned()]);
    let failure = client(&url).get::<Value>(&path()).await.unwrap_err();
    assert_eq!(
        failure.to_string(),
        format!("{url} does not answer as Rolecall does (status 307): check --url.")
    );
    assert_eq!(asked.join().unwrap().len(), 1);
}

#[tokio::test]
async fn without_a_sign_in_nothing_is_asked() {
    drop(rustls::crypto::ring::default_provider().install_default());
    let nobody = Client::new("http://127.0.0.1:1".parse().unwrap(), None, None).unwrap();
    let failure = nobody.get::<Value>(&path()).await.unwrap_err();
    assert_eq!(failure.exit() as u8, 3);
    assert!(failure.to_string().contains("`rolecall login --url http://127.0.0.1:1`"), "{failure}");
}

#[tokio::test]
async fn a_token_that_ended_says_what_to_do() {
    let gone = json!({ "detail": "This token has expired.", "code": "token_expired" });
    let (url, asked) = scripted(vec![answer("401 Unauthorized", &gone); 2]);
    let kept = client(&url);
    let failure = kept.get::<Value>(&path()).await.unwrap_err();
    assert_eq!(failure.to_string(), format!("This token has expired. (`rolecall login --url {url}`)"));
    let failure = kept.with_remedy("It stands in ROLECALL_TOKEN.").get::<Value>(&path()).await.unwrap_err();
    assert_eq!(failure.to_string(), "This token has expired. (It stands in ROLECALL_TOKEN.)");
    drop(asked.join());
}

#[tokio::test]
async fn a_server_that_is_not_there_says_what_to_do() {
    let closed = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let failure = client(&format!("http://{closed}")).get::<Value>(&path()).await.unwrap_err().to_string();
    assert!(failure.starts_with(&format!("Nothing answers at http://{closed} (")), "{failure}");
    assert!(failure.contains("`rolecall serve`") && failure.contains("--url"), "{failure}");
}

#[tokio::test]
async fn an_answer_without_a_body_is_none() {
    let (url, asked) = scripted(vec!["HTTP/1.1 204 No Content\r\nconnection: close\r\n\r\n".to_owned()]);
    client(&url).delete(&path()).await.unwrap();
    assert!(asked.join().unwrap()[0].starts_with("delete /api/v1/projects "));
}
