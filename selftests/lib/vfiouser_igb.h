/* SPDX-License-Identifier: GPL-2.0 */
/* Driver for a virtual function of an 82576: Intel 82576 datasheet, chapter 8.26, "VF device registers". */

#ifndef VFIOUSER_IGB_H
#define VFIOUSER_IGB_H

#include "vfiouser.h"

#define BIT(n) (1U << (n))

#define IGB_CTRL 0x0000
#define IGB_CTRL_RST BIT(26)
#define IGB_V2PMAILBOX 0x0c40
#define IGB_MAIL_REQ 0x01
#define IGB_MAIL_ACK 0x02
#define IGB_MAIL_VFU 0x04
#define IGB_MAIL_PFSTS 0x10
#define IGB_MAIL_PFACK 0x20
#define IGB_MAIL_RSTI 0x40
#define IGB_MAIL_RSTD 0x80
#define IGB_VMBMEM 0x0800
#define IGB_VF_RESET 1
#define IGB_REPLY_ACK BIT(31)
#define IGB_REPLY_NACK BIT(30)
#define IGB_EICS 0x1520
#define IGB_EIMS 0x1524
#define IGB_EIAC 0x152c
#define IGB_EICR 0x1580
#define IGB_TDBAL 0x3800
#define IGB_TDBAH 0x3804
#define IGB_TDLEN 0x3808
#define IGB_TDH 0x3810
#define IGB_TDT 0x3818
#define IGB_TXDCTL 0x3828
#define IGB_QUEUE_ENABLE BIT(25)

/* An advanced transmit descriptor; when it is done, the last word holds the status. */
struct igb_descriptor {
	uint64_t address;
	uint32_t command;
	uint32_t status;
};

#define IGB_DESCRIPTORS 8
/* Where the frame lies, from the start of the ring. */
#define IGB_FRAME 2048
#define IGB_FRAME_BYTES 60
/* An extended data descriptor of one whole frame that is to be checksummed and reported. */
#define IGB_COMMAND (BIT(29) | BIT(27) | BIT(25) | BIT(24) | BIT(21) | BIT(20) | IGB_FRAME_BYTES)
#define IGB_DONE 1

/* Bits of the mailbox that reading clears, kept until they are asked for. */
static uint32_t igb_mail_seen;

static uint32_t igb_read(uint32_t offset)
{
	return mmio_read((uint32_t *)((char *)dev->bar[0].at + offset));
}

static void igb_write(uint32_t offset, uint32_t value)
{
	mmio_write((uint32_t *)((char *)dev->bar[0].at + offset), value);
}

static bool igb_mail(uint32_t bits, unsigned int timeout_ms)
{
	uint64_t end_ns = now_ns() + timeout_ms * 1000000ULL;
	bool seen;

	do {
		igb_mail_seen |= igb_read(IGB_V2PMAILBOX) & ~(uint32_t)IGB_MAIL_VFU;
		seen = igb_mail_seen & bits;
		if (!seen)
			sleep_us(200);
	} while (!seen && now_ns() < end_ns);
	igb_mail_seen &= ~bits;
	return seen;
}

static bool igb_own_mailbox(void)
{
	int tries;

	for (tries = 0; tries < 100; tries++) {
		igb_write(IGB_V2PMAILBOX, IGB_MAIL_VFU);
		if (igb_read(IGB_V2PMAILBOX) & IGB_MAIL_VFU)
			return true;
		sleep_us(1000);
	}
	return false;
}

/* Resets the function and asks the PF's driver to let it work; the step that failed, or NULL. */
static const char *igb_start(uint8_t mac[8])
{
	uint32_t reply[3];
	uint64_t command = PCI_COMMAND_MEMORY | PCI_COMMAND_MASTER;
	int i;

	if (access_region(VFIO_PCI_CONFIG_REGION_INDEX, PCI_COMMAND, 2, &command, true) < 0)
		return "command";
	if (map_bar(0) < 0)
		return "mmap";
	errno = ETIMEDOUT;
	igb_mail_seen = 0;
	igb_write(IGB_CTRL, igb_read(IGB_CTRL) | IGB_CTRL_RST);
	/* Not after every reset is there news of the PF; but while it resets itself it hears nothing. */
	igb_mail(IGB_MAIL_RSTD, 50);
	for (i = 0; i < 2000 && igb_read(IGB_V2PMAILBOX) & IGB_MAIL_RSTI; i++)
		sleep_us(1000);
	if (!igb_own_mailbox())
		return "mailbox";
	igb_mail_seen = 0;
	igb_write(IGB_VMBMEM, IGB_VF_RESET);
	igb_write(IGB_V2PMAILBOX, IGB_MAIL_REQ);
	if (!igb_mail(IGB_MAIL_PFACK, 2000))
		return "ack";
	if (!igb_mail(IGB_MAIL_PFSTS, 2000))
		return "reply";
	if (!igb_own_mailbox())
		return "mailbox";
	for (i = 0; i < 3; i++)
		reply[i] = igb_read(IGB_VMBMEM + 4 * (uint32_t)i);
	igb_write(IGB_V2PMAILBOX, IGB_MAIL_ACK);
	/* A PF that has given its VF no address answers so, and lets it work all the same. */
	if (reply[0] == (IGB_VF_RESET | IGB_REPLY_NACK)) {
		memset(&reply[1], 0, 8);
	} else if (reply[0] != (IGB_VF_RESET | IGB_REPLY_ACK)) {
		errno = EPROTO;
		return "refused";
	}
	memcpy(mac, &reply[1], 8);
	igb_write(IGB_EIAC, 7);
	igb_write(IGB_EIMS, 7);
	return NULL;
}

/* Writes a ring of one frame to `ring`, which the device knows as `iova`. */
static void igb_fill_ring(void *ring, uint64_t iova)
{
	struct igb_descriptor *descriptor = ring;
	uint8_t *frame = (uint8_t *)ring + IGB_FRAME;

	memset(ring, 0, IGB_FRAME + IGB_FRAME_BYTES);
	memset(frame, 0xff, 6);
	frame[6] = 2;
	/* A protocol number for local experiments. */
	frame[12] = 0x88;
	frame[13] = 0xb5;
	descriptor->address = iova + IGB_FRAME;
	descriptor->command = IGB_COMMAND;
	descriptor->status = IGB_FRAME_BYTES << 14;
}

/* Lets the device fetch and send the first descriptor of the ring at `iova`. */
static void igb_transmit(uint64_t iova)
{
	igb_write(IGB_TXDCTL, 0);
	igb_write(IGB_TDBAL, (uint32_t)iova);
	igb_write(IGB_TDBAH, (uint32_t)(iova >> 32));
	igb_write(IGB_TDLEN, IGB_DESCRIPTORS * sizeof(struct igb_descriptor));
	igb_write(IGB_TDH, 0);
	igb_write(IGB_TDT, 0);
	igb_write(IGB_TXDCTL, IGB_QUEUE_ENABLE);
	atomic_thread_fence(memory_order_seq_cst);
	igb_write(IGB_TDT, 1);
}

static bool igb_sent(void *ring)
{
	struct igb_descriptor *descriptor = ring;

	return mmio_read(&descriptor->status) & IGB_DONE;
}

/* Sends one frame from the ring at `iova`; true once the device has written the status back. */
static bool igb_send(void *ring, uint64_t iova, unsigned int timeout_ms)
{
	uint64_t end_ns = now_ns() + timeout_ms * 1000000ULL;

	igb_fill_ring(ring, iova);
	igb_transmit(iova);
	while (!igb_sent(ring)) {
		if (now_ns() > end_ns)
			return false;
		sleep_us(50);
	}
	return true;
}

static void igb_trigger(unsigned int vector)
{
	igb_write(IGB_EICR, 1U << vector);
	igb_write(IGB_EIMS, 1U << vector);
	igb_write(IGB_EICS, 1U << vector);
}

#endif
