//! HTTP/1.1 as far as a proxy and a small server need it: whole messages in, whole messages out.
//! It must not know what they say.

use anyhow::{Context, Result, bail};
use tokio::io::{AsyncBufRead, AsyncBufReadExt, AsyncReadExt, AsyncWrite, AsyncWriteExt};

/// Parts of an upload have 5 MiB, ranges of an object 8 MiB; nothing here is larger by far.
const BODY_MAX_BYTES: usize = 64 * 1024 * 1024;
/// More than any client of ours sends.
const HEADERS_MAX: usize = 200;

/// A request or an answer, with its body in full.
#[derive(Debug, Clone, Default)]
pub(crate) struct HttpMessage {
    /// Method, path and version, or version, status and reason.
    pub(crate) first_line: String,
    /// As they stand, in order; those that frame the body are left out.
    pub(crate) headers: Vec<(String, String)>,
    /// The body, unchunked.
    pub(crate) body: Vec<u8>,
    /// The length that an answer to HEAD announces without having a body.
    announced: Option<String>,
}

/// What the body of a message depends on besides its headers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    /// Without a length there is no body.
    Request,
    /// Without a length the body ends with the connection.
    Answer,
    /// There is no body, whatever the headers say.
    AnswerToHead,
}

impl HttpMessage {
    /// An answer with a JSON body.
    pub(crate) fn answer(status: &str, headers: Vec<(String, String)>, body: Vec<u8>) -> Self {
        Self { first_line: format!("HTTP/1.1 {status}"), headers, body, announced: None }
    }

    /// The first header of that name, in any case of letters.
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(other, _)| other.eq_ignore_ascii_case(name)).map(|(_, value)| value.as_str())
    }

    /// A request's method.
    pub(crate) fn method(&self) -> &str {
        self.first_line.split(' ').next().unwrap_or_default()
    }

    /// A request's path with its query.
    pub(crate) fn target(&self) -> &str {
        self.first_line.split(' ').nth(1).unwrap_or_default()
    }

    /// An answer's status.
    pub(crate) fn status(&self) -> u16 {
        self.first_line.split(' ').nth(1).and_then(|status| status.parse().ok()).unwrap_or_default()
    }

    fn says(&self, name: &str, word: &str) -> bool {
        self.header(name).is_some_and(|value| value.to_ascii_lowercase().contains(word))
    }

    /// Whether the sender closes the connection behind it.
    pub(crate) fn is_last(&self) -> bool {
        self.says("connection", "close")
    }
}

/// Reads a whole message; `None` when the connection ends before it begins.
pub(crate) async fn read(from: &mut (impl AsyncBufRead + Unpin), kind: Kind) -> Result<Option<HttpMessage>> {
    let Some(first_line) = line(from).await? else {
        return Ok(None);
    };
    let mut message = HttpMessage { first_line, ..HttpMessage::default() };
    while let Some(text) = line(from).await?.filter(|text| !text.is_empty()) {
        let (name, value) = text.split_once(':').context("a header without a colon")?;
        message.headers.push((name.trim().to_owned(), value.trim().to_owned()));
        if message.headers.len() > HEADERS_MAX {
            bail!("too many headers");
        }
    }
    let length = message.header("content-length").map(str::to_owned);
    let is_chunked = message.says("transfer-encoding", "chunked");
    let without_body = kind == Kind::AnswerToHead || matches!(message.status(), 100..=199 | 204 | 304);
    message.headers.retain(|(name, _)| {
        !name.eq_ignore_ascii_case("content-length") && !name.eq_ignore_ascii_case("transfer-encoding")
    });
    if kind != Kind::Request && without_body {
        message.announced = length;
    } else if is_chunked {
        message.body = chunks(from).await?;
    } else if let Some(length) = length {
        message.body = exactly(from, length.parse().context("a length that is no number")?).await?;
    } else if kind == Kind::Answer {
        from.read_to_end(&mut message.body).await?;
    }
    Ok(Some(message))
}

async fn line(from: &mut (impl AsyncBufRead + Unpin)) -> Result<Option<String>> {
    let mut bytes = Vec::new();
    if from.read_until(b'\n', &mut bytes).await? == 0 {
        return Ok(None);
    }
    let text = String::from_utf8(bytes).context("a header that is no text")?;
    Ok(Some(text.trim_end_matches(['\r', '\n']).to_owned()))
}

async fn exactly(from: &mut (impl AsyncBufRead + Unpin), length: usize) -> Result<Vec<u8>> {
    if length > BODY_MAX_BYTES {
        bail!("a body of {length} bytes");
    }
    let mut body = vec![0; length];
    from.read_exact(&mut body).await?;
    Ok(body)
}

async fn chunks(from: &mut (impl AsyncBufRead + Unpin)) -> Result<Vec<u8>> {
    let mut body = Vec::new();
    loop {
        let size = line(from).await?.context("the body ends early")?;
        let size = usize::from_str_radix(size.split(';').next().unwrap_or_default().trim(), 16)?;
        body.extend(exactly(from, size).await?);
        // The line break behind a chunk; behind the last one, trailers and an empty line.
        while line(from).await?.is_some_and(|trailer| size == 0 && !trailer.is_empty()) {}
        if size == 0 {
            return Ok(body);
        }
        if body.len() > BODY_MAX_BYTES {
            bail!("a body of more than {BODY_MAX_BYTES} bytes");
        }
    }
}

/// Writes a whole message.
pub(crate) async fn write(to: &mut (impl AsyncWrite + Unpin), message: &HttpMessage) -> Result<()> {
    let mut bytes = format!("{}\r\n", message.first_line).into_bytes();
    for (name, value) in &message.headers {
        bytes.extend_from_slice(format!("{name}: {value}\r\n").as_bytes());
    }
    let length = message.announced.clone().unwrap_or_else(|| message.body.len().to_string());
    bytes.extend_from_slice(format!("content-length: {length}\r\n\r\n").as_bytes());
    bytes.extend_from_slice(&message.body);
    to.write_all(&bytes).await?;
    to.flush().await?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_chunked_body_is_put_together_and_the_next_message_follows() {
        let text = "POST /a HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n2;x\r\nde\r\n0\r\n\r\nGET /b HTTP/1.1\r\nhost: x\r\n\r\n";
        let mut from = text.as_bytes();
        let first = read(&mut from, Kind::Request).await.unwrap().unwrap();
        assert_eq!((first.method(), first.target(), first.body.as_slice()), ("POST", "/a", b"abcde".as_slice()));
        let second = read(&mut from, Kind::Request).await.unwrap().unwrap();
        assert_eq!((second.target(), second.header("Host")), ("/b", Some("x")));
        assert!(read(&mut from, Kind::Request).await.unwrap().is_none());
    }

    #[tokio::test]
    async fn an_answer_to_head_keeps_its_length_and_has_no_body() {
        let text = "HTTP/1.1 200 OK\r\nContent-Length: 42\r\nETag: \"x\"\r\n\r\n";
        let answer = read(&mut text.as_bytes(), Kind::AnswerToHead).await.unwrap().unwrap();
        let mut written = Vec::new();
        write(&mut written, &answer).await.unwrap();
        assert_eq!(String::from_utf8(written).unwrap(), "HTTP/1.1 200 OK\r\nETag: \"x\"\r\ncontent-length: 42\r\n\r\n");
    }
}
