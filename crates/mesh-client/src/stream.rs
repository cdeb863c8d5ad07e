//! Publishing many: bounded in flight, acknowledgements matched to requests, broken connections taken up again.
//!
//! What is not acknowledged is kept here and sent again, same bytes, same order, on the next connection: the home node
//! remembers command ids, so nothing takes effect twice.

use std::collections::VecDeque;
use std::sync::PoisonError;
use std::time::Duration;

use futures::{Stream, StreamExt as _};
use mesh_model::{Class, Code};
use mesh_proto::status::MeshError;
use mesh_proto::v1;
use tokio::sync::mpsc;
use tokio_stream::wrappers::{ReceiverStream, UnboundedReceiverStream};

use crate::acknowledgement::{Acknowledgement, WaitLevel};
use crate::client::Client;
use crate::convert::{code, missing, odd};
use crate::publish::Outgoing;
use crate::retry::{Effect, Failed, ROUNDS, Repeat, more_telling, pause};

/// How a stream is driven.
#[derive(Debug, Clone, Copy)]
pub struct StreamOptions {
    /// How far to wait for each.
    pub wait: WaitLevel,
    /// Most commands that are sent and not acknowledged. Too low: every one waits for a round trip and an fsync of its own.
    pub in_flight: usize,
    /// Most bytes that are sent and not acknowledged; one larger command goes alone.
    pub in_flight_bytes: usize,
    /// Longest silence while something is in flight, before its outcome is called unknown.
    pub patience: Duration,
}

impl Default for StreamOptions {
    fn default() -> Self {
        let patience = Duration::from_secs(30);
        Self { wait: WaitLevel::Sealed, in_flight: 256, in_flight_bytes: 16 * 1024 * 1024, patience }
    }
}

/// What became of one command of the stream.
#[derive(Debug, Clone)]
pub struct Delivered {
    /// Its number in the stream, from 0.
    pub number: u64,
    /// The acknowledgement, or why there is none.
    pub result: Result<Acknowledgement, MeshError>,
}

/// Acknowledgements in the order of the commands. Dropping it stops the stream; what is in flight may still take effect.
pub type AckStream = UnboundedReceiverStream<Delivered>;

impl Client {
    /// Publishes a stream of signed domain commands over one connection. Each command is answered exactly once, in order.
    ///
    /// The answers' queue holds no more than was sent: at most `in_flight` are waiting when the caller keeps up, and
    /// memory for a result is small when it does not.
    ///
    /// # Errors
    /// [`Code::UnsupportedCommand`] when receipts are asked for.
    pub fn publish_stream<S>(&self, commands: S, options: StreamOptions) -> Result<AckStream, MeshError>
    where
        S: Stream<Item = Outgoing> + Send + 'static,
    {
        let (results, receiver) = mpsc::unbounded_channel();
        let driver = Driver {
            client: self.clone(),
            options,
            results,
            in_flight: VecDeque::new(),
            in_flight_bytes: 0,
            answered: 0,
            source_ended: false,
        };
        // Ends when the source does, when the results are dropped, or when no node can be reached any more.
        drop(tokio::spawn(driver.run(Box::pin(commands))));
        Ok(UnboundedReceiverStream::new(receiver))
    }
}

type Source = std::pin::Pin<Box<dyn Stream<Item = Outgoing> + Send>>;

struct Driver {
    client: Client,
    options: StreamOptions,
    results: mpsc::UnboundedSender<Delivered>,
    /// Sent and not answered, oldest first.
    in_flight: VecDeque<Outgoing>,
    in_flight_bytes: usize,
    /// How many were answered: the number of the oldest in flight.
    answered: u64,
    source_ended: bool,
}

/// Why a connection ended.
enum Ended {
    /// Everything was sent and answered.
    Done,
    /// Nobody listens any more.
    Abandoned,
    /// It broke; what is in flight may be sent again.
    Broken(MeshError),
    /// Nothing was heard for too long.
    Silent(MeshError),
}

impl Driver {
    async fn run(mut self, mut source: Source) {
        let mut fruitless = 0;
        // What the connections since the last answer failed with.
        let mut told: Option<MeshError> = None;
        loop {
            let before = self.answered;
            // A connection is worth opening only with something to say.
            if self.in_flight.is_empty() {
                match source.next().await {
                    Some(command) => self.take(command),
                    None => return,
                }
            }
            match self.connection(&mut source).await {
                Ended::Done | Ended::Abandoned => return,
                Ended::Silent(error) => return self.fail_all(error, &mut source).await,
                // An answer stays the same, whoever asks again.
                Ended::Broken(error) if error.code.class() != Class::Unavailable => {
                    return self.fail_all(error, &mut source).await;
                }
                Ended::Broken(error) => {
                    if self.answered > before {
                        (fruitless, told) = (0, None);
                    } else {
                        fruitless += 1;
                    }
                    let error = more_telling(told.take(), error);
                    told = Some(error.clone());
                    if fruitless >= ROUNDS {
                        return self.fail_all(error, &mut source).await;
                    }
                    tracing::debug!(
                        in_flight = self.in_flight.len(),
                        "a publish stream broke and is taken up again: {error}"
                    );
                    tokio::time::sleep(pause(fruitless + 1)).await;
                }
            }
        }
    }

    fn take(&mut self, command: Outgoing) {
        self.in_flight_bytes += command.len();
        self.in_flight.push_back(command);
    }

    fn has_room(&self) -> bool {
        self.in_flight.len() < self.options.in_flight.max(1)
            && (self.in_flight.is_empty() || self.in_flight_bytes < self.options.in_flight_bytes)
    }

    /// One connection: what is in flight first, then the source.
    async fn connection(&mut self, source: &mut Source) -> Ended {
        // Never full: it holds at most what is in flight.
        let (sender, requests) = mpsc::channel(self.options.in_flight.max(1) + 1);
        for command in &self.in_flight {
            if sender.send(command.message(self.options.wait)).await.is_err() {
                return Ended::Abandoned;
            }
        }
        let requests = tokio::sync::Mutex::new(Some(ReceiverStream::new(requests)));
        let first_failure = std::sync::Mutex::new(None);
        let opened = self
            .client
            .call(Repeat::OnlyIfNothingHappened, async |attempt| {
                // The receiver can be handed over once; a second try comes with a new connection.
                let Some(requests) = requests.lock().await.take() else {
                    let silent = || MeshError::new(Code::Unreachable, format!("{} does not answer", attempt.url));
                    let error = first_failure.lock().unwrap_or_else(PoisonError::into_inner).take();
                    return Err(Failed { error: error.unwrap_or_else(silent), effect: Effect::Answered });
                };
                let answer = attempt.publish().publish_stream(attempt.unbounded(requests)).await;
                answer.map_err(|status| {
                    let failed = Failed::of(status, &attempt.url);
                    *first_failure.lock().unwrap_or_else(PoisonError::into_inner) = Some(failed.error.clone());
                    failed
                })
            })
            .await;
        let mut answers = match opened {
            Ok(answers) => answers.into_inner(),
            Err(error) => return Ended::Broken(error),
        };
        let mut sender = Some(sender);
        let mut number = 0;
        loop {
            if self.source_ended {
                if self.in_flight.is_empty() {
                    return Ended::Done;
                }
                // Tells the node that no more comes.
                sender = None;
            }
            let may_send = !self.source_ended && self.has_room();
            tokio::select! {
                command = source.next(), if may_send => match command {
                    None => self.source_ended = true,
                    Some(command) => {
                        let message = command.message(self.options.wait);
                        self.take(command);
                        if let Some(sender) = &sender
                            && sender.send(message).await.is_err()
                        {
                            return Ended::Broken(broken());
                        }
                    }
                },
                answer = answers.message(), if !self.in_flight.is_empty() => match answer {
                    Ok(Some(answer)) => {
                        match self.settle(answer, number) {
                            Ok(true) => number += 1,
                            Ok(false) => return Ended::Abandoned,
                            Err(error) => return Ended::Broken(error),
                        }
                    }
                    Ok(None) => return Ended::Broken(broken()),
                    Err(status) => return Ended::Broken(Failed::of(status, "the node").error),
                },
                () = tokio::time::sleep(self.options.patience), if !self.in_flight.is_empty() => {
                    return Ended::Silent(MeshError::new(
                        Code::OutcomeUnknown,
                        format!("the node did not acknowledge anything for {} s", self.options.patience.as_secs()),
                    ));
                }
                () = self.results.closed() => return Ended::Abandoned,
            }
        }
    }

    /// Matches an answer with the oldest command in flight. `false` when nobody listens.
    fn settle(&mut self, answer: v1::PublishStreamResponse, expected: u64) -> Result<bool, MeshError> {
        use v1::publish_stream_response::Result as Answer;
        if answer.number != expected {
            return Err(odd("number", format!("expected the acknowledgement {expected}; found {}", answer.number)));
        }
        let result = match answer.result.ok_or_else(|| missing("result"))? {
            Answer::Acknowledgement(message) => Acknowledgement::of(message),
            Answer::Error(error) => Err(MeshError::new(code("error.code", error.code)?, error.message)),
        };
        Ok(self.deliver(result))
    }

    fn deliver(&mut self, result: Result<Acknowledgement, MeshError>) -> bool {
        if let Some(command) = self.in_flight.pop_front() {
            self.in_flight_bytes -= command.len();
        }
        let number = self.answered;
        self.answered += 1;
        self.results.send(Delivered { number, result }).is_ok()
    }

    /// Answers everything that is left with what went wrong: in flight it may have taken effect, unsent it has not.
    async fn fail_all(mut self, error: MeshError, source: &mut Source) {
        while !self.in_flight.is_empty() {
            if !self.deliver(Err(error.clone())) {
                return;
            }
        }
        while let Some(command) = source.next().await {
            self.take(command);
            let unsent = MeshError::new(Code::Unreachable, "not sent: the stream broke before it; nothing happened");
            if !self.deliver(Err(unsent)) {
                return;
            }
        }
    }
}

fn broken() -> MeshError {
    MeshError::new(Code::OutcomeUnknown, "the node ended the stream before it had acknowledged everything")
}
