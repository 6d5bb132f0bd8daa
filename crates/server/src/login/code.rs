//! The code that a development gate prints on its own terminal: whoever can read it is at that machine. Good once, for ten
//! minutes and five tries; a new one at most every half minute, and only the newest counts.

use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use gatehold_core::hash::Hash;
use gatehold_core::time::Timestamp;
use gatehold_gate::ports::entropy::Entropy;

use super::SignInError;

/// How long a code is good, in seconds.
pub const CODE_SECONDS: u32 = 600;
/// Tries, after which a code is good no more. With a million codes and one every half minute a guess is hopeless.
const TRIES: u8 = 5;
/// Between two codes, in seconds.
const BETWEEN_SECONDS: u32 = 30;
/// Different codes.
const CODES: u64 = 1_000_000;

/// Prints codes, and takes each once.
pub struct PrintedCode {
    entropy: Arc<dyn Entropy>,
    print: Box<dyn Fn(&str) + Send + Sync>,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    waiting: Option<Waiting>,
    next_at: Option<Timestamp>,
}

struct Waiting {
    code: Hash,
    until: Timestamp,
    tries: u8,
}

impl fmt::Debug for PrintedCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("PrintedCode(…)")
    }
}

impl PrintedCode {
    /// Codes from this source of randomness; those that somebody asks for on the sign-in page are printed so.
    #[must_use]
    pub fn new(entropy: Arc<dyn Entropy>, print: impl Fn(&str) + Send + Sync + 'static) -> Self {
        Self {
            entropy,
            print: Box::new(print),
            state: Mutex::default(),
        }
    }

    /// A code to be printed by the caller: `482-193`. Those before it are good no more.
    #[must_use]
    pub fn draw(&self, now: Timestamp) -> String {
        let [a, b, c, d, e, f, g, h, ..] = self.entropy.bytes();
        let drawn = u64::from_be_bytes([a, b, c, d, e, f, g, h]) % CODES;
        let (high, low) = (drawn / 1_000, drawn % 1_000);
        let mut state = self.state();
        state.waiting = Some(Waiting {
            code: Hash::of(format!("{high:03}{low:03}").as_bytes()),
            until: now.plus_seconds(CODE_SECONDS),
            tries: TRIES,
        });
        state.next_at = Some(now.plus_seconds(BETWEEN_SECONDS));
        format!("{high:03}-{low:03}")
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl PrintedCode {
    /// Prints a new code for somebody who asks for one.
    ///
    /// # Errors
    /// When one was printed just now.
    pub fn begin(&self, now: Timestamp) -> Result<(), SignInError> {
        if self.state().next_at.is_some_and(|next| now < next) {
            return Err(SignInError::TooSoon);
        }
        let code = self.draw(now);
        (self.print)(&code);
        Ok(())
    }

    /// Takes a code, once.
    ///
    /// # Errors
    /// When it is not the newest one, or that is over.
    pub fn take(&self, code: &str, now: Timestamp) -> Result<(), SignInError> {
        let digits: String = code
            .chars()
            .filter(|character| !matches!(character, '-' | ' '))
            .collect();
        let mut state = self.state();
        let Some(mut waiting) = state.waiting.take().filter(|waiting| now <= waiting.until) else {
            return Err(SignInError::NoCode);
        };
        // Hashes are compared, so that the time tells nothing. A code that was right stays taken: it is good once.
        if Hash::of(digits.as_bytes()) == waiting.code {
            return Ok(());
        }
        waiting.tries = waiting.tries.saturating_sub(1);
        state.waiting = (waiting.tries > 0).then_some(waiting);
        Err(SignInError::WrongCode)
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicU64, Ordering};

    use super::*;

    struct Counting(AtomicU64);

    impl Entropy for Counting {
        fn bytes(&self) -> [u8; 32] {
            *Hash::of(&self.0.fetch_add(1, Ordering::Relaxed).to_be_bytes()).as_bytes()
        }
    }

    const START: Timestamp = Timestamp::from_millis(1_800_000_000_000);

    fn codes() -> (PrintedCode, Arc<Mutex<Vec<String>>>) {
        let printed = Arc::new(Mutex::new(Vec::new()));
        let kept = printed.clone();
        let print = move |code: &str| kept.lock().unwrap().push(code.to_owned());
        (
            PrintedCode::new(Arc::new(Counting(AtomicU64::new(0))), print),
            printed,
        )
    }

    fn present(codes: &PrintedCode, secret: &str, seconds: u32) -> Result<(), SignInError> {
        codes.take(secret, START.plus_seconds(seconds))
    }

    #[test]
    fn a_code_is_good_once_and_for_ten_minutes() {
        let (codes, _) = codes();
        assert_eq!(present(&codes, "000-000", 0), Err(SignInError::NoCode));
        let code = codes.draw(START);
        assert_eq!((code.len(), code.find('-')), (7, Some(3)));
        let spelled = format!(" {} ", code.replace('-', " "));
        assert_eq!(present(&codes, &spelled, CODE_SECONDS), Ok(()));
        assert_eq!(present(&codes, &code, 1), Err(SignInError::NoCode));
        let code = codes.draw(START);
        let late = present(&codes, &code, CODE_SECONDS + 1);
        assert_eq!(late, Err(SignInError::NoCode));
        // What is over stays over, whatever the clock says later.
        assert_eq!(present(&codes, &code, 0), Err(SignInError::NoCode));
    }

    #[test]
    fn five_wrong_tries_end_it() {
        let (codes, _) = codes();
        let code = codes.draw(START);
        for wrong in ["", "0", "not a code", "١٢٣456", "9999999999999999"] {
            assert_eq!(present(&codes, wrong, 0), Err(SignInError::WrongCode));
        }
        assert_eq!(present(&codes, &code, 0), Err(SignInError::NoCode));
    }

    #[test]
    fn the_newest_counts_and_there_is_one_every_half_minute() {
        let (codes, printed) = codes();
        let first = codes.draw(START);
        assert_eq!(codes.begin(START), Err(SignInError::TooSoon));
        let later = START.plus_seconds(BETWEEN_SECONDS);
        assert_eq!(codes.begin(later), Ok(()));
        assert_eq!(codes.begin(later), Err(SignInError::TooSoon));
        let second = printed.lock().unwrap().pop().unwrap();
        assert_ne!(first, second);
        assert_eq!(present(&codes, &first, 31), Err(SignInError::WrongCode));
        assert_eq!(present(&codes, &second, 31), Ok(()));
    }
}
