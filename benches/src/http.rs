//! As little of an HTTP client as will do, so that what is measured is the server.

use anyhow::{Context, Result, bail, ensure};
use serde_json::Value;
use tokio::{
    io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader},
    net::TcpStream,
};

/// One kept-alive connection.
pub(crate) struct Connection {
    stream: BufReader<TcpStream>,
    headers: String,
}

pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) body: Vec<u8>,
}

impl Connection {
    /// `header` is a whole line, or empty, and is sent with each request.
    pub(crate) async fn open(port: u16, header: &str) -> Result<Self> {
        let stream = TcpStream::connect(("127.0.0.1", port)).await?;
        stream.set_nodelay(true)?;
        let headers = format!("Host: 127.0.0.1:{port}\r\n{header}");
        Ok(Self { stream: BufReader::new(stream), headers })
    }

    /// Sends a request whose answer must be a success, and reads its JSON.
    pub(crate) async fn call(&mut self, method: &str, path: &str, body: Option<Value>) -> Result<Value> {
        let answer = self.send(method, path, body).await?;
        let text = String::from_utf8_lossy(&answer.body);
        ensure!((200..300).contains(&answer.status), "{method} {path}: {} {text}", answer.status);
        if answer.body.is_empty() { Ok(Value::Null) } else { Ok(serde_json::from_str(&text)?) }
    }

    pub(crate) async fn send(&mut self, method: &str, path: &str, body: Option<Value>) -> Result<Answer> {
        let body = body.map(|body| body.to_string()).unwrap_or_default();
        let about = format!("Content-Type: application/json\r\nContent-Length: {}\r\n", body.len());
        let request = format!("{method} {path} HTTP/1.1\r\n{}{about}\r\n{body}", self.headers);
        self.stream.write_all(request.as_bytes()).await?;
        self.receive().await.with_context(|| format!("{method} {path}"))
    }

    async fn receive(&mut self) -> Result<Answer> {
        let mut line = String::new();
        self.stream.read_line(&mut line).await?;
        let status = line.split(' ').nth(1).context("no answer")?.parse()?;
        let mut length = 0;
        loop {
            line.clear();
            self.stream.read_line(&mut line).await?;
            match line.trim_end().to_ascii_lowercase().split_once(": ") {
                Some(("content-length", value)) => length = value.parse()?,
                Some(("transfer-encoding", _)) => bail!("the answer comes in chunks"),
                Some(_) => {}
                None => break,
            }
        }
        let mut body = vec![0; length];
        self.stream.read_exact(&mut body).await?;
        Ok(Answer { status, body })
    }
}
