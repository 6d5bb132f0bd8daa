//! A closed-loop load generator over keep-alive connections: whole requests as bytes out, whole answers in.

use std::fmt;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use gatehold_scenarios::{Outcome, Trouble, trouble};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

/// What one run gave.
#[derive(Debug, Clone, Copy, Default)]
pub struct Measured {
    /// Answers a second.
    pub per_second: f64,
    /// Median latency.
    pub p50: Duration,
    /// 99th percentile.
    pub p99: Duration,
    /// Processor time of the measured server for one answer. Says more than a rate on a machine that others use too.
    pub processor: Option<Duration>,
}

impl fmt::Display for Measured {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{:.0}/s, p50 {:.2} ms, p99 {:.2} ms, {} us of processor an answer",
            self.per_second,
            self.p50.as_secs_f64() * 1e3,
            self.p99.as_secs_f64() * 1e3,
            self.processor_micros()
        )
    }
}

impl Measured {
    /// Processor time of one answer in microseconds, as text.
    pub fn processor_micros(&self) -> String {
        self.processor.map_or_else(
            || "-".to_owned(),
            |time| format!("{:.0}", time.as_secs_f64() * 1e6),
        )
    }
}

/// What is sent and how an answer must look.
pub struct Round {
    /// Requests; each is sent once when `once`, else the first again and again.
    pub requests: Vec<Vec<u8>>,
    /// Whether a request may be sent only once.
    pub once: bool,
    /// What every answer must hold.
    pub wanted: Option<&'static str>,
}

/// What is driven: where it listens, and whose processor time is counted.
#[derive(Debug, Clone, Copy)]
pub struct Server {
    /// Where.
    pub address: SocketAddr,
    /// The process.
    pub pid: Option<u32>,
}

/// Linux counts processor time in hundredths of a second (USER_HZ).
const TICK: Duration = Duration::from_millis(10);

impl Server {
    /// User and system time so far: fields 14 and 15 of `/proc/PID/stat`, the 12th and 13th after the name's bracket.
    fn processor_ticks(&self) -> Option<u32> {
        let stat = std::fs::read_to_string(format!("/proc/{}/stat", self.pid?)).ok()?;
        let (_, after_name) = stat.rsplit_once(')')?;
        let mut times = after_name.split_whitespace().skip(11).take(2);
        let (user, system): (u32, u32) = (times.next()?.parse().ok()?, times.next()?.parse().ok()?);
        user.checked_add(system)
    }
}

/// Sends the same request over and over.
///
/// # Errors
/// When an answer is not the wanted one.
pub async fn constant(
    server: &Server,
    request: &[u8],
    connections: usize,
    seconds: u64,
    wanted: Option<&'static str>,
) -> Outcome<Measured> {
    let round = Round {
        requests: vec![request.to_vec()],
        once: false,
        wanted,
    };
    Ok(drive(server, Arc::new(round), connections, seconds)
        .await?
        .0)
}

/// Drives a round. Gives what was measured and the bodies of answers to requests that may be sent only once.
///
/// # Errors
/// When an answer is not the wanted one, or the requests run out long before the time.
pub async fn drive(
    server: &Server,
    round: Arc<Round>,
    connections: usize,
    seconds: u64,
) -> Outcome<(Measured, bool)> {
    let address = server.address;
    let next = Arc::new(AtomicUsize::new(0));
    let worked = server.processor_ticks();
    let start = now();
    let end = start + Duration::from_secs(seconds);
    let mut workers = Vec::with_capacity(connections);
    for _ in 0..connections {
        let (round, next) = (Arc::clone(&round), Arc::clone(&next));
        workers.push(tokio::spawn(async move {
            let mut connection = Connection::open(address).await?;
            let mut latencies = Vec::new();
            let mut ran_out = false;
            loop {
                let begin = now();
                if begin >= end {
                    break;
                }
                let at = if round.once {
                    next.fetch_add(1, Ordering::Relaxed)
                } else {
                    0
                };
                let Some(request) = round.requests.get(at) else {
                    ran_out = true;
                    break;
                };
                connection.ask(request, round.wanted).await?;
                latencies.push(now() - begin);
            }
            Ok::<_, Trouble>((latencies, now(), ran_out))
        }));
    }
    let (mut all, mut last, mut ran_out) = (Vec::new(), start, false);
    for worker in workers {
        let (latencies, ended, out) = worker.await.map_err(trouble("worker"))??;
        all.extend(latencies);
        last = last.max(ended);
        ran_out |= out;
    }
    let mut measured = measured(all, last - start);
    let ticks = server.processor_ticks().zip(worked);
    measured.processor = ticks.map(|(after, before)| {
        let answers = (measured.per_second * (last - start).as_secs_f64()).max(1.0);
        (after.saturating_sub(before) * TICK).div_f64(answers)
    });
    Ok((measured, ran_out))
}

fn measured(mut latencies: Vec<Duration>, elapsed: Duration) -> Measured {
    latencies.sort_unstable();
    let count = latencies.len();
    let at = |permille: usize| {
        let index = count.saturating_mul(permille) / 1000;
        latencies.get(index.min(count.saturating_sub(1))).copied()
    };
    let whole = u32::try_from(count).unwrap_or(u32::MAX);
    Measured {
        per_second: f64::from(whole) / elapsed.as_secs_f64().max(1e-9),
        p50: at(500).unwrap_or_default(),
        p99: at(990).unwrap_or_default(),
        processor: None,
    }
}

/// One keep-alive connection.
pub struct Connection {
    stream: TcpStream,
    buffer: Vec<u8>,
}

impl Connection {
    /// Opens one.
    ///
    /// # Errors
    /// What the system says.
    pub async fn open(address: SocketAddr) -> Outcome<Self> {
        let stream = TcpStream::connect(address)
            .await
            .map_err(trouble(address))?;
        stream.set_nodelay(true).map_err(trouble(address))?;
        Ok(Self {
            stream,
            buffer: Vec::with_capacity(16 << 10),
        })
    }

    /// Sends one request and reads its whole answer, which must be a 200 or 202 that holds `wanted`.
    ///
    /// # Errors
    /// When it is not.
    pub async fn ask(&mut self, request: &[u8], wanted: Option<&str>) -> Outcome<&[u8]> {
        self.stream
            .write_all(request)
            .await
            .map_err(trouble("send"))?;
        self.buffer.clear();
        let end = loop {
            let read = self
                .stream
                .read_buf(&mut self.buffer)
                .await
                .map_err(trouble("read"))?;
            if read == 0 {
                return Err(Trouble("the server closed the connection".to_owned()));
            }
            if let Some(end) = end_of_answer(&self.buffer)? {
                break end;
            }
        };
        let answer = self.buffer.get(..end).unwrap_or_default();
        let good = answer.starts_with(b"HTTP/1.1 200") || answer.starts_with(b"HTTP/1.1 202");
        let holds = wanted.is_none_or(|wanted| holds(answer, wanted.as_bytes()));
        if good && holds {
            Ok(answer)
        } else {
            Err(Trouble(format!(
                "an unwanted answer: {}",
                String::from_utf8_lossy(answer)
            )))
        }
    }
}

/// Where the first whole answer in the buffer ends.
fn end_of_answer(buffer: &[u8]) -> Outcome<Option<usize>> {
    let Some(head) = position(buffer, b"\r\n\r\n") else {
        return Ok(None);
    };
    let body = head + 4;
    let text = String::from_utf8_lossy(buffer.get(..head).unwrap_or_default()).to_ascii_lowercase();
    for line in text.lines() {
        if let Some(length) = line.strip_prefix("content-length:") {
            let length: usize = length.trim().parse().map_err(trouble("content-length"))?;
            let end = body.saturating_add(length);
            return Ok((buffer.len() >= end).then_some(end));
        }
    }
    // Chunked: the last chunk is empty, and none of these peers sends trailers.
    let end = position(buffer.get(body..).unwrap_or_default(), b"0\r\n\r\n");
    Ok(end.map(|end| body + end + 5))
}

fn position(bytes: &[u8], wanted: &[u8]) -> Option<usize> {
    bytes
        .windows(wanted.len())
        .position(|window| window == wanted)
}

fn holds(bytes: &[u8], wanted: &[u8]) -> bool {
    position(bytes, wanted).is_some()
}

/// The time, for measuring.
#[expect(clippy::disallowed_methods, reason = "a benchmark measures durations")]
pub fn now() -> Instant {
    Instant::now()
}
