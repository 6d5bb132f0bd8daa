//! Watching what a gate touches: a door in front of a target that counts who comes through, and a file that tells who opened
//! it. Nothing is sampled: a connection or an opening that was over at once is seen as well.

use std::mem::MaybeUninit;
use std::net::SocketAddr;
use std::os::fd::OwnedFd;
use std::path::Path;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};

use rustix::fs::inotify::{CreateFlags, ReadFlags, Reader, WatchFlags, add_watch, init};
use rustix::io::Errno;
use tokio::io::copy_bidirectional;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::mpsc::{Receiver, channel};
use tokio::task::JoinHandle;

/// A port that leads to another one, and knows how many connections were made to it.
pub struct Door {
    pub address: SocketAddr,
    through: tokio::sync::Mutex<Receiver<SocketAddr>>,
    counted: AtomicUsize,
    running: JoinHandle<()>,
}

impl Door {
    /// In front of `target`.
    pub async fn before(target: SocketAddr) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let (tell, through) = channel(1_000);
        let running = tokio::spawn(async move {
            while let Ok((mut stream, peer)) = listener.accept().await {
                tell.try_send(peer).unwrap();
                tokio::spawn(async move {
                    // Who says nothing is not led on: that is how the count is taken.
                    if stream.peek(&mut [0]).await.is_ok_and(|said| said > 0) {
                        let mut onward = TcpStream::connect(target).await.unwrap();
                        let _ended = copy_bidirectional(&mut stream, &mut onward).await;
                    }
                });
            }
        });
        Self {
            address,
            through: tokio::sync::Mutex::new(through),
            counted: AtomicUsize::new(0),
            running,
        }
    }

    /// How many connections were made so far. Connections are accepted in order, so that every one that was begun before
    /// this question was asked is counted.
    pub async fn count(&self) -> usize {
        let question = TcpStream::connect(self.address).await.unwrap();
        let asker = question.local_addr().unwrap();
        let mut through = self.through.lock().await;
        while through.recv().await.unwrap() != asker {
            self.counted.fetch_add(1, Ordering::SeqCst);
        }
        self.counted.load(Ordering::SeqCst)
    }
}

impl Drop for Door {
    fn drop(&mut self) {
        self.running.abort();
    }
}

/// A file whose openings the system reports.
pub struct Watched {
    events: OwnedFd,
    counted: Mutex<usize>,
}

impl Watched {
    /// From now on, whoever opens it, by whatever name.
    pub fn file(path: &Path) -> Self {
        let events = init(CreateFlags::NONBLOCK | CreateFlags::CLOEXEC).unwrap();
        // Closing is told as well, or the system would report openings that follow one another as one.
        add_watch(&events, path, WatchFlags::OPEN | WatchFlags::CLOSE).unwrap();
        Self {
            events,
            counted: Mutex::new(0),
        }
    }

    /// How often it was opened so far.
    pub fn count(&self) -> usize {
        let mut counted = self.counted.lock().unwrap();
        let mut buffer = [MaybeUninit::uninit(); 4_096];
        let mut reader = Reader::new(&self.events, &mut buffer);
        loop {
            match reader.next() {
                Ok(event) => {
                    assert!(!event.events().contains(ReadFlags::QUEUE_OVERFLOW));
                    *counted += usize::from(event.events().contains(ReadFlags::OPEN));
                }
                Err(Errno::WOULDBLOCK) => return *counted,
                Err(error) => panic!("{error}"),
            }
        }
    }
}

#[tokio::test]
async fn a_door_counts_every_connection_and_leads_on() {
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

    let target = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let door = Door::before(target.local_addr().unwrap()).await;
    assert_eq!(door.count().await, 0);
    // Gone at once, without a word.
    drop(TcpStream::connect(door.address).await.unwrap());
    assert_eq!(door.count().await, 1);
    let mut stream = TcpStream::connect(door.address).await.unwrap();
    stream.write_all(b"hello").await.unwrap();
    let (mut end, _) = target.accept().await.unwrap();
    let mut said = [0; 5];
    end.read_exact(&mut said).await.unwrap();
    assert_eq!((&said, door.count().await), (b"hello", 2));
}

#[test]
fn a_watched_file_tells_of_every_opening() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("file");
    std::fs::write(&path, "before").unwrap();
    let watched = Watched::file(&path);
    assert_eq!(watched.count(), 0);
    for opened in 1..4 {
        drop(std::fs::File::open(&path).unwrap());
        assert_eq!(watched.count(), opened);
    }
    // To look at its length is not to open it.
    assert_eq!(std::fs::metadata(&path).unwrap().len(), 6);
    assert_eq!(watched.count(), 3);
}
