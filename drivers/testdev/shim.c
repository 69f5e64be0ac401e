// SPDX-License-Identifier: GPL-2.0
/*
 * A tracepoint with the name and the arguments of KVM's, for modules that watch that one: no emulated IOMMU posts
 * interrupts. It is no event: KVM's, if it is loaded, has that name.
 */

#include <linux/tracepoint.h>

#include "shim.h"

struct kvm_vcpu;

DECLARE_TRACE_EVENT(kvm_pi_irte_update,
		    TP_PROTO(unsigned int host_irq, struct kvm_vcpu *vcpu, unsigned int gsi,
			     unsigned int gvec, bool set),
		    TP_ARGS(host_irq, vcpu, gsi, gvec, set));
DEFINE_TRACE(kvm_pi_irte_update,
	     TP_PROTO(unsigned int host_irq, struct kvm_vcpu *vcpu, unsigned int gsi, unsigned int gvec, bool set),
	     TP_ARGS(host_irq, vcpu, gsi, gvec, set));

void testdev_trace_posted(u32 irq, bool posted)
{
	trace_kvm_pi_irte_update(irq, NULL, 0, 0, posted);
}
