//! A mail server on loopback (RFC 5321) that does what it is told, above all what none should.

use std::sync::Arc;
use std::time::Duration;

use tokio::io::{AsyncBufReadExt, AsyncRead, AsyncWrite, AsyncWriteExt, BufReader};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;

use crate::receiver::Secure;

const PATIENCE: Duration = Duration::from_secs(100);

/// What it does with a message.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Does {
    Take,
    /// Answers this to what it is addressed to.
    Refuse(u16),
    /// Answers this to the message itself.
    RefuseData(u16),
    /// Takes the message and never answers.
    Hang,
    Close,
    /// Takes the message, and never answers to the goodbye.
    Linger,
    /// Answers what is not SMTP.
    Babble,
}

/// How it is spoken to.
#[derive(Clone)]
pub enum Speaks {
    Plain,
    /// Offers STARTTLS, and takes mail only after that.
    StartTls(Secure),
    /// The same, and somebody on the way appends what the server seems to say under TLS.
    Meddled(Secure),
    Tls(Secure),
}

/// A message as it came.
#[derive(Debug, Clone)]
pub struct Letter {
    pub from: String,
    pub to: Vec<String>,
    /// As whom the sender proved to be: what came after `AUTH`.
    pub auth: Option<String>,
    pub secure: bool,
    pub text: String,
    /// Whether it was taken.
    pub taken: bool,
}

impl Letter {
    /// The value of a header, its folds undone.
    pub fn header(&self, name: &str) -> String {
        let head = self.text.split("\r\n\r\n").next().unwrap_or_default();
        let head = head.replace("\r\n ", " ");
        let line = head.lines().find_map(|line| line.strip_prefix(&format!("{name}: ")));
        line.unwrap_or_default().to_owned()
    }

    /// The body, as far as it is plain ASCII: soft breaks undone.
    pub fn body(&self) -> String {
        let (_, body) = self.text.split_once("\r\n\r\n").unwrap_or_default();
        body.replace("=\r\n", "").trim_end().to_owned()
    }
}

/// The server. What came can be waited for.
#[derive(Clone)]
pub struct Postbox {
    pub port: u16,
    inner: Arc<Inner>,
}

struct Inner {
    does: Box<dyn Fn(usize) -> Does + Send + Sync>,
    speaks: Speaks,
    password: Option<&'static str>,
    log: watch::Sender<Vec<Letter>>,
}

impl Postbox {
    /// `does` says what is done with the nth message, from 0; with a `password` nobody else may send.
    pub async fn open(
        speaks: Speaks,
        password: Option<&'static str>,
        does: impl Fn(usize) -> Does + Send + Sync + 'static,
    ) -> Self {
        let listener = TcpListener::bind(("127.0.0.1", 0)).await.expect("a free port");
        let port = listener.local_addr().expect("an address").port();
        let (log, _) = watch::channel(Vec::new());
        let inner = Arc::new(Inner { does: Box::new(does), speaks, password, log });
        let postbox = Self { port, inner };
        let this = postbox.clone();
        tokio::spawn(async move {
            loop {
                let Ok((stream, _)) = listener.accept().await else { continue };
                let this = this.clone();
                tokio::spawn(async move { this.meet(stream).await });
            }
        });
        postbox
    }

    pub fn letters(&self) -> Vec<Letter> {
        self.inner.log.borrow().clone()
    }

    /// Waits for so many messages, taken or not.
    pub async fn until_count(&self, count: usize) -> Vec<Letter> {
        let mut log = self.inner.log.subscribe();
        let waited = log.wait_for(|letters| letters.len() >= count);
        match tokio::time::timeout(PATIENCE, waited).await {
            Ok(log) => log.expect("the server is there").clone(),
            Err(_) => panic!("waited in vain for {count} messages: {:#?}", self.letters()),
        }
    }

    async fn meet(&self, stream: TcpStream) -> Option<()> {
        match &self.inner.speaks {
            Speaks::Plain => self.talk(stream, None, true, false).await.map(drop),
            Speaks::Tls(tls) => {
                let stream = tls.accept(stream).await.ok()?;
                self.talk(stream, None, true, true).await.map(drop)
            }
            Speaks::StartTls(tls) | Speaks::Meddled(tls) => {
                let go_on = match &self.inner.speaks {
                    Speaks::Meddled(_) => "220 go on\r\n250 postbox.example",
                    _ => "220 go on",
                };
                let stream = self.talk(stream, Some(go_on), true, false).await??;
                let stream = tls.accept(stream).await.ok()?;
                self.talk(stream, None, false, true).await.map(drop)
            }
        }
    }

    /// Talks until somebody ends it; gives the connection back where TLS is to begin.
    async fn talk<S: AsyncRead + AsyncWrite + Unpin>(
        &self,
        stream: S,
        starttls: Option<&str>,
        greet: bool,
        secure: bool,
    ) -> Option<Option<S>> {
        let mut stream = BufReader::new(stream);
        if greet {
            say(&mut stream, "220 postbox.example ESMTP").await?;
        }
        let (mut from, mut to, mut auth, mut lingers) = (String::new(), Vec::new(), None, false);
        loop {
            let line = hear(&mut stream).await?;
            let word = line.get(..4).unwrap_or(&line).to_ascii_uppercase();
            let known = self.inner.password.is_none() || auth.is_some();
            let number = self.inner.log.borrow().len();
            let does = (self.inner.does)(number);
            match word.as_str() {
                "EHLO" if starttls.is_some() => {
                    say(&mut stream, "250-postbox.example\r\n250 STARTTLS").await?;
                }
                "EHLO" => {
                    say(&mut stream, "250-postbox.example\r\n250-8BITMIME\r\n250 AUTH PLAIN")
                        .await?;
                }
                "STAR" if starttls.is_some() => {
                    say(&mut stream, starttls.unwrap_or_default()).await?;
                    return Some(Some(stream.into_inner()));
                }
                "QUIT" if lingers => std::future::pending::<()>().await,
                "QUIT" => {
                    say(&mut stream, "221 bye").await?;
                    return Some(None);
                }
                _ if starttls.is_some() => say(&mut stream, "530 TLS first").await?,
                "AUTH" => {
                    let said = line.split(' ').nth(2).unwrap_or_default().to_owned();
                    if self.inner.password.is_some_and(|password| said != password) {
                        say(&mut stream, "535 no: hunter2 is wrong").await?;
                        continue;
                    }
                    auth = Some(said);
                    say(&mut stream, "235 welcome").await?;
                }
                "MAIL" if !known => say(&mut stream, "530 who are you?").await?,
                "MAIL" => {
                    from = address(&line);
                    to.clear();
                    say(&mut stream, "250 ok").await?;
                }
                "RCPT" => match does {
                    Does::Refuse(code) => {
                        let (to, text) = (vec![address(&line)], String::new());
                        let taken = false;
                        let (from, auth) = (from.clone(), auth.clone());
                        self.keep(Letter { from, to, auth, secure, text, taken });
                        say(&mut stream, &format!("{code} not {}", address(&line))).await?;
                    }
                    _ => {
                        to.push(address(&line));
                        say(&mut stream, "250 ok").await?;
                    }
                },
                "DATA" => {
                    say(&mut stream, "354 go on").await?;
                    let text = self.message(&mut stream).await?;
                    let taken = [Does::Take, Does::Linger].contains(&does);
                    lingers = does == Does::Linger;
                    let (from, to) = (from.clone(), to.clone());
                    self.keep(Letter { from, to, auth: auth.clone(), secure, text, taken });
                    match does {
                        Does::RefuseData(code) => say(&mut stream, &format!("{code} no")).await?,
                        Does::Hang => std::future::pending::<()>().await,
                        Does::Close => return None,
                        Does::Babble => say(&mut stream, "HTTP/1.1 200 OK").await?,
                        Does::Take | Does::Linger | Does::Refuse(_) => {
                            say(&mut stream, "250 taken").await?
                        }
                    }
                }
                _ => say(&mut stream, "502 what?").await?,
            }
        }
    }

    fn keep(&self, letter: Letter) {
        self.inner.log.send_modify(|log| log.push(letter));
    }

    async fn message(&self, stream: &mut BufReader<impl AsyncRead + Unpin>) -> Option<String> {
        let mut text = String::new();
        loop {
            let mut line = String::new();
            stream.read_line(&mut line).await.ok().filter(|read| *read > 0)?;
            match line.as_str() {
                ".\r\n" => return Some(text),
                _ => text.push_str(line.strip_prefix('.').unwrap_or(&line)),
            }
        }
    }
}

fn address(line: &str) -> String {
    let inner = line.split_once('<').and_then(|(_, rest)| rest.split_once('>'));
    inner.map_or_else(String::new, |(address, _)| address.to_owned())
}

async fn hear(stream: &mut BufReader<impl AsyncRead + Unpin>) -> Option<String> {
    let mut line = String::new();
    stream.read_line(&mut line).await.ok().filter(|read| *read > 0)?;
    Some(line.trim_end().to_owned())
}

async fn say<S: AsyncRead + AsyncWrite + Unpin>(
    stream: &mut BufReader<S>,
    text: &str,
) -> Option<()> {
    stream.get_mut().write_all(format!("{text}\r\n").as_bytes()).await.ok()?;
    stream.get_mut().flush().await.ok()
}
