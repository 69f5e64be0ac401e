// SPDX-License-Identifier: GPL-2.0

//! Bounced packets as programs see them that listen to psample.

use crate::model::note::Note;
use kernel::prelude::*;
use kernel_ext::net::{
    Frame,
    Sample,
    Sampler, //
};

/// How much of a packet is shown, in bytes.
const MAX_LEN_BYTES: u32 = 256;

/// The group that bounced packets are shown in.
pub(crate) struct Sampling(Sampler);

impl Sampling {
    /// Shows them in the group with this number.
    ///
    /// # Errors
    ///
    /// [`ENOENT`] if psample is not loaded, [`ENOMEM`].
    pub(crate) fn new(group: u32) -> Result<Self> {
        Sampler::new(group).map(Self)
    }

    /// The number.
    pub(crate) fn group(&self) -> u32 {
        self.0.number()
    }

    /// Shows a packet, if anybody listens.
    pub(crate) fn show(&self, frame: &Frame, note: &Note) {
        let cookie = note.cookie();
        let sample = Sample {
            ingress: None,
            egress: None,
            rate: 1,
            max_len_bytes: MAX_LEN_BYTES,
            cookie: &cookie,
        };
        self.0.sample(frame, &sample);
    }
}
