// SPDX-License-Identifier: GPL-2.0

//! Loading and unloading.

use crate::{
    control::NETLINK,
    filters::Filters,
    judge::Bounds,
    model::{
        cache::FlowCache,
        line,
        mem::NoMemory,
        ruleset::Limits,
        text::Malformed, //
    },
    module_parameters,
    netlink::Opened,
    sysfs as attributes,
    veb::Vids, //
};
use kernel::{
    prelude::*,
    sync::Arc, //
};
use kernel_ext::{
    param::malformed_is_errno,
    sysfs::{
        Dir,
        Parent, //
    }, //
};

malformed_is_errno!(Malformed);

impl From<NoMemory> for Error {
    fn from(NoMemory: NoMemory) -> Self {
        ENOMEM
    }
}

impl From<line::Kind> for Error {
    fn from(kind: line::Kind) -> Self {
        match kind {
            line::Kind::Syntax | line::Kind::Conflict => EINVAL,
            line::Kind::Range => ERANGE,
            line::Kind::TooMany => ENOSPC,
            line::Kind::Missing => ENOENT,
        }
    }
}

/// The data of `/sys/kernel/nic_sidebounce`.
pub(crate) struct Root {
    /// What is added and removed there.
    pub(crate) filters: Arc<Filters>,
}

/// The module: `/sys/kernel/nic_sidebounce` and what is below it.
///
/// Dropping it takes the family from programs first, then the filters away, and the directory last.
pub(crate) struct NicSidebounce {
    netlink: Option<Opened<Arc<Filters>>>,
    filters: Arc<Filters>,
    root: Dir<Root>,
}

/// A module parameter within `range`.
///
/// # Errors
///
/// [`ERANGE`], which is logged.
fn parameter(name: &str, value: u32, range: core::ops::RangeInclusive<u32>) -> Result<usize> {
    if range.contains(&value) {
        return Ok(usize::try_from(value)?);
    }
    pr_err!(
        "{name} is out of range, {} to {}\n",
        range.start(),
        range.end()
    );
    Err(ERANGE)
}

impl kernel::Module for NicSidebounce {
    fn init(_module: &'static ThisModule) -> Result<Self> {
        let fewest_flows = u32::try_from(FlowCache::MIN_FLOWS)?;
        let most_flows = u32::try_from(FlowCache::MAX_FLOWS)?;
        let max_rules = parameter(
            "max_rules",
            module_parameters::max_rules.value(),
            1..=65_536,
        )?;
        let bounds = Bounds {
            limits: Limits {
                max_rules,
                max_patterns: max_rules.saturating_mul(4),
            },
            max_masks: parameter("max_masks", module_parameters::max_masks.value(), 1..=1024)?,
            cached_flows: match module_parameters::flow_cache.value() {
                0 => 0,
                flows => parameter("flow_cache", flows, fewest_flows..=most_flows)?,
            },
        };
        let base = module_parameters::vid_base.value();
        let count = module_parameters::vid_count.value();
        let vids = Vids::new(base, count).ok_or(ERANGE).inspect_err(|_| {
            pr_err!("vid_base and vid_count name VLANs that are out of range, 1 to 4094\n");
        })?;
        let filters = Arc::pin_init(Filters::new(bounds, vids)?, GFP_KERNEL)?;
        let mut module = Self {
            netlink: None,
            filters: filters.clone(),
            root: Dir::new(
                Parent::Kernel,
                c"nic_sidebounce",
                attributes::ROOT,
                Ok(Root { filters }),
            )?,
        };
        // Should one of these fail, dropping the module undoes the others.
        module.filters.open(&*module.root)?;
        module.netlink = Some(NETLINK.open(module.filters.clone())?);
        Ok(module)
    }
}

impl Drop for NicSidebounce {
    fn drop(&mut self) {
        self.netlink = None;
        self.filters.close();
    }
}
