//! A way to a server that can be broken in the middle of a commit: it reads what is said to the
//! database, and does with the next COMMIT what it was told.

use std::io::{self, Read, Write};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::os::unix::net::UnixStream;
use std::path::PathBuf;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex};
use std::thread;

use crate::Server;

/// What becomes of a COMMIT, and of the connection that it came by.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fault {
    /// The database does not get it, and the connection is cut.
    CutBefore,
    /// The database carries it out, and the connection is cut before that is heard of.
    CutAfter,
    /// The database does not get it, and nobody says anything any more.
    SilenceBefore,
    /// The database carries it out, and nobody says anything any more.
    SilenceAfter,
}

/// The way. It lives as long as the process.
#[derive(Debug, Clone)]
pub struct Proxy {
    port: u16,
    plan: Arc<Mutex<Option<Fault>>>,
    struck: Arc<AtomicU32>,
}

impl Proxy {
    /// Opens a way to this server, on the loopback interface.
    pub fn to(server: &Server) -> Self {
        let listener = TcpListener::bind(("127.0.0.1", 0)).expect("a free port");
        let port = listener.local_addr().expect("it is bound").port();
        let proxy = Self { port, plan: Arc::default(), struck: Arc::default() };
        let (socket, this) = (server.socket(), proxy.clone());
        thread::spawn(move || {
            for client in listener.incoming().flatten() {
                let (socket, this) = (socket.clone(), this.clone());
                // A connection that ends is no fault of the proxy.
                thread::spawn(move || this.carry(client, &socket).ok());
            }
        });
        proxy
    }

    /// The address of a database by this way.
    pub fn url(&self, database: &str) -> String {
        format!("postgres://postgres@127.0.0.1:{}/{database}?sslmode=disable", self.port)
    }

    /// Does this to the next COMMIT, whoever says it.
    pub fn strike(&self, fault: Fault) {
        *self.plan.lock().expect("nobody panics with it") = Some(fault);
    }

    /// How many commits were struck.
    pub fn struck(&self) -> u32 {
        self.struck.load(Ordering::SeqCst)
    }

    fn carry(&self, mut client: TcpStream, socket: &PathBuf) -> io::Result<()> {
        let mut server = UnixStream::connect(socket)?;
        let (mut answers, mut back) = (server.try_clone()?, client.try_clone()?);
        let deaf = Arc::new(Mutex::new(None));
        let hears = Arc::clone(&deaf);
        thread::spawn(move || {
            let mut buffer = [0; 16 << 10];
            while let Ok(read @ 1..) = answers.read(&mut buffer) {
                match *hears.lock().expect("nobody panics with it") {
                    None => {}
                    // The answer has come, so it was carried out.
                    Some(Fault::SilenceAfter) => continue,
                    Some(_) => break,
                }
                if back.write_all(&buffer[..read]).is_err() {
                    break;
                }
            }
            back.shutdown(Shutdown::Both).ok();
        });
        // The first message has no type.
        let mut kind = 0;
        // Where the client is gone, be it killed, the server hears of it.
        while let Ok(message) = read_message(&mut client, kind) {
            kind = 1;
            let fault = match message.as_slice() {
                b"Q\0\0\0\x0bCOMMIT\0" => self.plan.lock().expect("nobody panics with it").take(),
                _ => None,
            };
            if let Some(fault) = fault {
                self.struck.fetch_add(1, Ordering::SeqCst);
                match fault {
                    Fault::CutBefore => break,
                    Fault::SilenceBefore => {
                        return io::copy(&mut client, &mut io::sink()).map(drop);
                    }
                    Fault::CutAfter | Fault::SilenceAfter => {
                        *deaf.lock().expect("nobody panics with it") = Some(fault);
                    }
                }
            }
            server.write_all(&message)?;
        }
        server.shutdown(Shutdown::Both)?;
        client.shutdown(Shutdown::Both)
    }
}

/// A message: a type of `kind` bytes, its length in four that count themselves, and the rest.
fn read_message(from: &mut impl Read, kind: usize) -> io::Result<Vec<u8>> {
    let mut message = vec![0; kind + 4];
    from.read_exact(&mut message)?;
    let length = u32::from_be_bytes(message[kind..].try_into().expect("four bytes"));
    message.resize(kind + length as usize, 0);
    from.read_exact(&mut message[kind + 4..])?;
    Ok(message)
}
