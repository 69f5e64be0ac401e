// SPDX-License-Identifier: GPL-2.0

//! What programs ask for by netlink.

use crate::{
    ffi::Teacher,
    filter::Filter,
    filters::Filters,
    judge::Ruled,
    model::{
        flow::Lesson,
        name::Name, //
    },
    netlink::{
        Control,
        CountedRule,
        Flows,
        LearnedFlow,
        Netlink,
        Rules,
        Unlearn, //
    }, //
};
use kernel::{
    module::ModuleMetadata,
    prelude::*,
    sync::Arc, //
};

/// The family.
pub(crate) static NETLINK: Netlink<Arc<Filters>> =
    Netlink::new(&<crate::LocalModule as ModuleMetadata>::THIS_MODULE);

impl Control for Arc<Filters> {
    type Rules = Arc<Ruled>;
    type Flows = Arc<Filter>;

    fn rules(&self, filter: Name<'_>) -> Result<Self::Rules> {
        Ok(self.find(filter)?.judge.ruled())
    }

    fn flows(&self, filter: Name<'_>) -> Result<Self::Flows> {
        self.find(filter)
    }

    fn learn(&self, filter: Name<'_>, lesson: &Lesson) -> Result {
        self.find(filter)?.learn(lesson, Teacher::Command)
    }

    fn unlearn(&self, filter: Name<'_>, what: Unlearn) -> Result {
        let filter = self.find(filter)?;
        match what {
            Unlearn::All => filter.judge.unlearn_all(),
            Unlearn::One(key) if filter.judge.unlearn(&key) => {}
            Unlearn::One(_) => return Err(ENOENT),
        }
        Ok(())
    }
}

impl Rules for Arc<Ruled> {
    fn get(&self, place: usize) -> Option<CountedRule<'_>> {
        let rule = self.rule(place)?;
        let (packets, bytes) = self.counted(place);
        Some(CountedRule {
            rule,
            packets,
            bytes,
        })
    }
}

impl Flows for Arc<Filter> {
    fn next(&self, place: usize) -> Option<(usize, LearnedFlow)> {
        let (place, key, action, remaining_ms) = self.judge.next_learned(place)?;
        let flow = LearnedFlow {
            key,
            action,
            remaining_ms,
        };
        Some((place, flow))
    }
}
