//! Plan and publish one product version.

use std::time::Duration;

use mesh_event::Envelope;
use mesh_event::attachment::PrivateAttachment;
use mesh_model::Digest;
use mesh_proto::status::MeshError;
use mesh_proto::v1;

use crate::acknowledgement::{Acknowledgement, WaitLevel};
use crate::client::Client;
use crate::convert::descriptor_message;
use crate::plan::{Plan, PlanRequest};
use crate::retry::{Failed, Repeat};

/// An attachment on its way to the mesh.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Attached {
    digest: Digest,
    body: Vec<u8>,
    private: bool,
}

impl Attached {
    /// One that everybody may read.
    pub fn public(body: Vec<u8>) -> Self {
        Self { digest: Digest::of(&body), body, private: false }
    }

    /// One for named readers.
    pub fn private(attachment: &PrivateAttachment) -> Self {
        Self { digest: attachment.digest(), body: attachment.to_bytes(), private: true }
    }

    /// What the descriptor names it by.
    pub fn digest(&self) -> Digest {
        self.digest
    }

    pub(crate) fn len(&self) -> usize {
        self.body.len()
    }

    fn message(&self) -> v1::AttachmentBody {
        v1::AttachmentBody { digest: self.digest.0.to_vec(), body: self.body.clone(), private: self.private }
    }
}

/// A signed domain command with the attachments that it names.
#[derive(Debug, Clone)]
pub struct Outgoing {
    /// Exact bytes; sending them again is safe.
    pub envelope: Envelope,
    /// Every attachment that the node may not have.
    pub attachments: Vec<Attached>,
}

impl Outgoing {
    /// A command without attachments.
    pub fn new(envelope: Envelope) -> Self {
        Self { envelope, attachments: Vec::new() }
    }

    pub(crate) fn len(&self) -> usize {
        self.envelope.bytes().len() + self.attachments.iter().map(Attached::len).sum::<usize>()
    }

    pub(crate) fn message(&self, wait: WaitLevel) -> v1::PublishRequest {
        v1::PublishRequest {
            envelope: self.envelope.bytes().to_vec(),
            wait: wait.number(),
            attachments: self.attachments.iter().map(Attached::message).collect(),
        }
    }
}

impl Client {
    /// What a publish of this descriptor would do now; nothing is written.
    ///
    /// # Errors
    /// [`mesh_model::Code::UnknownDomain`], or the transport's. What would be refused is an answer, not an error.
    pub async fn plan(&self, request: PlanRequest<'_>) -> Result<Plan, MeshError> {
        let message = v1::PlanRequest {
            descriptor: Some(descriptor_message(request.descriptor)),
            version_given: request.version_given,
            major: request.major,
            overflow_breaks: request.overflow_breaks.to_vec(),
        };
        let answer = self
            .call(Repeat::Read, async |attempt| {
                let answer = attempt.publish().plan(attempt.request(message.clone())).await;
                answer.map_err(|status| Failed::of(status, &attempt.url))
            })
            .await?;
        Plan::of(answer.into_inner())
    }

    /// Publishes one signed domain command: a version, a deprecation, a retirement. Tried again with the same bytes when
    /// the connection breaks: the home node knows the command id.
    ///
    /// # Errors
    /// What the mesh refuses, with its code; [`mesh_model::Code::OutcomeUnknown`] when time ran out on the way. A refusal that the
    /// ledger recorded is an acknowledgement: see [`Acknowledgement::accepted`].
    pub async fn publish(&self, outgoing: &Outgoing, wait: WaitLevel) -> Result<Acknowledgement, MeshError> {
        self.publish_within(outgoing, wait, self.timeout()).await
    }

    /// The same with a time limit of its own.
    ///
    /// # Errors
    /// As [`Client::publish`].
    pub async fn publish_within(
        &self,
        outgoing: &Outgoing,
        wait: WaitLevel,
        limit: Duration,
    ) -> Result<Acknowledgement, MeshError> {
        let message = outgoing.message(wait);
        let answer = self
            .call_within(limit, Repeat::Publish, async |attempt| {
                let answer = attempt.publish().publish(attempt.request(message.clone())).await;
                answer.map_err(|status| Failed::of(status, &attempt.url))
            })
            .await?;
        Acknowledgement::of_optional(answer.into_inner().acknowledgement)
    }
}
